# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Each protocol alone and all together: opens, is renewed, closes, and a packet proves it.

# The shortest lifetime that is honoured, in seconds: renewals are seen while one waits.
SHORT=20

scenario_protocols() {
    local method
    gateway_renew v2 min_lifetime=10 || return
    proof "open, with all protocols: PCP wins" all_open
    proof "... status and list of another process show it, upnpc and natpmpc see it" all_seen
    proof "... close of another process closes it, and packets stop" all_close
    for method in pcp nat-pmp igd; do
        proof "$method alone: open --keep opens, and packets arrive" method_opens "$method"
    done
    for method in pcp igd; do
        proof "$method alone over IPv6: open --keep opens a pinhole, and packets arrive" method6_opens "$method"
        proof "... and another, which closes, and packets stop" method6_opens_and_closes "$method"
    done
    for method in pcp nat-pmp igd; do
        proof "$method: renewed, in the events and at the gateway" method_renews "$method"
    done
    for method in pcp nat-pmp igd; do
        proof "$method: open beyond its first lifetime; closed, packets stop" method_closes "$method"
    done
    proof "igd over IPv6: renewed, open beyond its first lifetime; closed, packets stop" method6_closes igd6
    proof "pcp over IPv6: renewed, open beyond its first lifetime; closed within the shortest lifetime" pcp6_ends
    keep_stop_all
}

# A port for each, so that they can run side by side.
port_of() {
    case $1 in
        pcp) echo 7811 ;;
        nat-pmp) echo 7812 ;;
        igd) echo 7813 ;;
        pcp6) echo 7814 ;;
        igd6) echo 7815 ;;
    esac
}

all_open() {
    pcl --json open 7810 && status_is 0 && json 'len(mappings) == 2 and all(m["method"] == "pcp" for m in mappings)' &&
        json "all(m['external_address'] == '$LAB_EXTERNAL_IP' and m['external_port'] == 7810 for m in mappings)" &&
        both_arrive 7810
}

all_seen() {
    pcl --json status && status_is 0 && json 'sum(m["external_port"] == 7810 and m["method"] == "pcp" for m in mappings) == 2' &&
        pcl --json list && status_is 0 && json 'sum(m["external_port"] == 7810 for m in mappings) == 2' &&
        upnpc_lists UDP 7810 && upnpc_lists TCP 7810 &&
        in_client natpmpc | tee /dev/stderr | grep -q "Public IP address *: *$LAB_EXTERNAL_IP" &&
        natpmpc_is_given_another "$LAB_DEVICE" 7810
}

# upnpc_lists PROTOCOL PORT: in the gateway's table, as leading to the client.
upnpc_lists() {
    local list
    list=$(upnpc_there "$LAB_CLIENT" -l) && echo "$list" && grep -q "$1 *$2->$LAB_CLIENT_IP:$2" <<<"$list"
}

# natpmpc_is_given_another NAMESPACE PORT: a host that asks for the same port gets another one.
natpmpc_is_given_another() {
    local answer
    answer=$(ip netns exec "$1" natpmpc -a "$2" "$2" udp 60) && echo "$answer" &&
        grep -q 'Mapped public port' <<<"$answer" && ! grep -q "Mapped public port $2 " <<<"$answer" &&
        ip netns exec "$1" natpmpc -a 0 "$2" udp 0
}

all_close() {
    pcl close 7810 && status_is 0 && gateway_lacks udp 7810 && gateway_lacks tcp 7810 && neither_arrives 7810 &&
        pcl --json status && json 'mappings == []'
}

method_opens() {
    local port
    port=$(port_of "$1")
    keep_start "$1" --protocol "$1" --lifetime "$SHORT" "$port/udp" && told "$1" mapped "\"method\": *\"$1\"" &&
        gateway_has udp "$port" && packet_arrives udp "$port" && upnpc_lists UDP "$port" && remember_expiry "$1"
}

method6_opens() {
    local name=${1}6 method=$1 port
    port=$(port_of "$name")
    [[ $1 == igd ]] && method=igd-pinhole
    packet6_is_lost udp "$port" &&
        keep_start "$name" --ipv6 --protocol "$1" --lifetime "$SHORT" "$port/udp" &&
        told "$name" mapped "\"method\": *\"$method\"" && told "$name" mapped "\"$LAB_CLIENT_IP6\"" &&
        packet6_arrives udp "$port" && packet6_is_lost udp 7816 && remember_expiry "$name"
}

method6_opens_and_closes() {
    keep_start brief --ipv6 --protocol "$1" 7816/udp && packet6_arrives udp 7816 && keep_stop brief &&
        packet6_is_lost udp 7816
}

# When the gateway will forget a mapping, in seconds since 1970: as its lease file has it. Pinholes are not in there.
expiry() {
    case $1 in
        *6) echo $(($(date +%s) + SHORT)) ;;
        *) sed -nE "s/^UDP:$(port_of "$1"):[^:]*:[^:]*:([0-9]+):.*/\1/p" "$LAB_DIR/leases" ;;
    esac
}

remember_expiry() {
    expiry "$1" >"$LAB_DIR/$1.expiry" && cat "$LAB_DIR/$1.expiry"
}

method_renews() {
    local first now
    await "${SHORT}000" told "$1" renewed || { keep_shows "$1"; return 1; }
    first=$(<"$LAB_DIR/$1.expiry") now=$(expiry "$1")
    NOTE="at the gateway until $((now - first)) s later"
    ((now > first))
}

method_closes() {
    local port
    port=$(port_of "$1")
    await $(((SHORT + 5) * 1000)) lifetime_is_over "$1" && packet_arrives udp "$port" && ! told "$1" lost && keep_stop "$1" &&
        NOTE="gone after $AWAITED_MS ms" && told "$1" released && gateway_lacks udp "$port" && packet_is_lost udp "$port"
}

method6_outlives() {
    await $(((SHORT + 5) * 1000)) lifetime_is_over "$1" && told "$1" renewed && ! told "$1" lost && packet6_arrives udp "$(port_of "$1")"
}

method6_closes() {
    method6_outlives "$1" && keep_stop "$1" && NOTE="gone after $AWAITED_MS ms" && told "$1" released &&
        packet6_is_lost udp "$(port_of "$1")"
}

# miniupnpd 2.3.1 (nftables) forgets whose a pinhole is when it is renewed by PCP, and refuses to delete it: by PCP alone
# it is given the shortest lifetime, which ends it.
pcp6_ends() {
    local left
    method6_outlives pcp6 && keep_stop pcp6 && told pcp6 released && ! grep 'may still be open' "$LAB_DIR/pcp6.stderr" || return
    left=$(ending_s pcp6)
    await $(((left + 5) * 1000)) packet6_is_lost udp "$(port_of pcp6)" && NOTE="told $left s, gone after $AWAITED_MS ms"
}

# What the last event says that the port stays open, in seconds; 0 where it is closed.
ending_s() { sed -nE 's/.*"event": *"released".*"remaining_s": *([0-9]+).*/\1/p' "$LAB_DIR/$1.events" | tail -n 1; }

# The first one: what was granted when it was opened.
lifetime_is_over() { (($(date +%s) > $(<"$LAB_DIR/$1.expiry") + 1)); }
