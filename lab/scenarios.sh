# shellcheck shell=bash
# What is proved on the real gateway, in the order of SCENARIOS. Each starts from an empty gateway.

# shellcheck disable=SC2034 # for lab/run
SCENARIOS=(plumbing igd_v1 igd_v2 ipv6 conflict keep simulated absent dead loss speed)

# ---- plumbing: the lab itself, with nothing of ours -----------------------------------------------------

scenario_plumbing() {
    local mode
    proof "lab: miniupnpd starts" gateway_renew v1
    proof "lab: with no mapping, no packet arrives" neither_arrives 7777
    proof "lab: packets arrive at ports that upnpc opens, until it closes them" plumbing_open
    proof "lab: a restarted gateway has forgotten it" plumbing_restart
    proof "lab: a loss rule of 30 % drops 30 % each way" plumbing_loss
    proof "lab: a silenced gateway answers nobody" plumbing_black_hole
    for mode in black-hole elsewhere refuse silent drip; do
        proof "lab: a dead device ($mode) is first to answer a search" plumbing_announcer "$mode"
    done
}

# Two ports: of one port's two protocols, miniupnpd 2.3.1 deletes the other's forward rule when one is closed.
plumbing_open() {
    upnpc_there "$LAB_CLIENT" -a "$LAB_CLIENT_IP" 7777 7777 udp &&
        upnpc_there "$LAB_CLIENT" -a "$LAB_CLIENT_IP" 7778 7778 tcp &&
        gateway_has udp 7777 && gateway_has tcp 7778 && packet_arrives udp 7777 && packet_arrives tcp 7778 &&
        upnpc_there "$LAB_CLIENT" -d 7777 udp && gateway_lacks udp 7777 && packet_is_lost udp 7777 &&
        packet_arrives tcp 7778
}

plumbing_restart() {
    gateway_renew v2 && gateway_lacks tcp 7778 && packet_is_lost tcp 7778
}

plumbing_loss() {
    local sent=1000 there back
    loss_on 30 &&
        in_client bash -c "for ((i = 0; i < $sent; i++)); do echo >/dev/udp/$LAB_ROUTER_IP/9; done" &&
        there=$(loss_dropped "$LAB_ROUTER") &&
        in_router bash -c "for ((i = 0; i < $sent; i++)); do echo >/dev/udp/$LAB_CLIENT_IP/9; done" &&
        back=$(loss_dropped "$LAB_CLIENT") &&
        loss_off &&
        NOTE="dropped $there and $back of 1000" &&
        ((there > 230 && there < 370 && back > 230 && back < 370))
}

# Packets dropped in a thousand that arrived there.
loss_dropped() {
    ip netns exec "$1" nft list table inet loss |
        sed -nE 's/.*counter packets ([0-9]+) .*counter packets ([0-9]+) .*/\1 \2/p' |
        { read -r seen dropped && echo $((dropped * 1000 / seen)); }
}

plumbing_black_hole() {
    black_hole_on "$LAB_ROUTER" lan0 &&
        ! in_client timeout 0.3 bash -c ": </dev/tcp/$LAB_ROUTER_IP/5000" &&
        black_hole_off "$LAB_ROUTER" &&
        in_client timeout 0.3 bash -c ": </dev/tcp/$LAB_ROUTER_IP/5000"
}

plumbing_announcer() {
    local status=0 search
    announcer_start "$1" || return
    # The bare program trusts the first answer, which is why it must not get far. On a busy machine the device may
    # come second to a gateway that waits 50 ms: that tells nothing, so it is searched again.
    for ((search = 0; search < 5 && status == 0; search++)); do
        in_client timeout 1 "$BARE" search "$LAB_CLIENT_IP" 7777
        status=$?
    done
    cat "$LAB_DIR/announcer.log"
    announcer_stop
    ((status != 0)) && grep -q '^answered' "$LAB_DIR/announcer.log"
}

neither_arrives() { packet_is_lost udp "$1" && packet_is_lost tcp "$1"; }

both_arrive() { packet_arrives udp "$1" && packet_arrives tcp "$1"; }

# ---- the whole path -------------------------------------------------------------------------------------

scenario_igd_v1() { whole_path v1; }
scenario_igd_v2() { whole_path v2; }

whole_path() {
    local version=$1
    gateway_renew "$version" || return
    proof "$version: discover finds the gateway and its service" path_discover "$version"
    proof "$version: discover --all lists it too" path_discover_all
    proof "$version: discover --gateway ADDRESS and URL find it" path_discover_known
    proof "$version: address is the external one, and public" path_address
    proof "$version: with nothing open the list is empty" path_list_empty
    proof "$version: open 7777 opens UDP and TCP" path_open
    proof "$version: packets from wan arrive in the client" both_arrive 7777
    proof "$version: open 7801:7802/udp, and the packet arrives at 7802" path_open_other_internal
    proof "$version: list shows what is open" path_list
    proof "$version: upnpc -l sees our mapping" path_foreign_list
    proof "$version: open 7777 again is the same mapping" path_reopen
    proof "$version: list sees a mapping made by upnpc -a" path_list_foreign
    proof "$version: close 7777 closes both" path_close
    proof "$version: packets from wan no longer arrive" neither_arrives 7777
    proof "$version: close of what is not open does no harm" path_close_again
    proof "$version: list reads a table of 140 mappings and the gateway survives" path_long_table
}

# miniupnpd 2.3.1 aborts on a GetListOfPortMappings that matches 133 mappings.
path_long_table() {
    local ports
    mapfile -t ports < <(seq -f '%.0f/udp' 21001 21140)
    pcl --json --timeout 20000 open "${ports[@]}" && status_is 0 && json 'len(mappings) == 140' &&
        pcl --json --timeout 20000 list && status_is 0 && json 'len(mappings) == 140' &&
        pcl --json --timeout 20000 close "${ports[@]}" && status_is 0 &&
        pcl --json list && status_is 0 && json 'len(mappings) == 0'
}

path_discover() {
    pcl --json discover && status_is 0 &&
        json 'len(devices) == 1 and elapsed_ms > 0' &&
        json 'devices[0]["gateway"] is True and devices[0]["usable"] is True' &&
        json "devices[0]['location'] == '$LAB_DESCRIPTION_URL'" &&
        json "devices[0]['local_address'] == '$LAB_CLIENT_IP' and devices[0]['status'] == 'connected'" &&
        json "any(s['service_type'] == 'urn:schemas-upnp-org:service:WANIPConnection:${1#v}'
              and s['control_url'].endswith('/ctl/IPConn') for s in devices[0]['services'])" &&
        json "devices[0]['external_address'] == '$LAB_EXTERNAL_IP' and devices[0]['external_address_kind'] == 'public'"
}

path_discover_all() {
    pcl --json --timeout 1000 discover --all && status_is 0 &&
        json 'sum(d["gateway"] and d["usable"] for d in devices) == 1'
}

path_discover_known() {
    local gateway
    for gateway in "$LAB_ROUTER_IP" "$LAB_DESCRIPTION_URL"; do
        pcl --json --gateway "$gateway" discover && status_is 0 &&
            json 'any(d["gateway"] and d["usable"] for d in devices)' || return
    done
}

path_address() {
    pcl address && status_is 0 && shows "^$LAB_EXTERNAL_IP\b" &&
        pcl --json address && status_is 0 && json "'$LAB_EXTERNAL_IP' in doc.values() and 'public' in doc.values()"
}

path_list_empty() { pcl --json list && status_is 0 && json 'mappings == []'; }

path_open() {
    pcl --json open 7777 && status_is 0 &&
        json 'sorted(m["protocol"].lower() for m in mappings) == ["tcp", "udp"]' &&
        json 'all(m["method"] == "igd" and m["external_port"] == m["internal_port"] == 7777 for m in mappings)' &&
        json "all(m['internal_address'] == '$LAB_CLIENT_IP' for m in mappings)" &&
        json "all(m['external_address'] == '$LAB_EXTERNAL_IP' for m in mappings)" &&
        json 'all(m["lifetime_s"] >= 0 and m["elapsed_ms"] > 0 and m["gateway"] for m in mappings)' &&
        gateway_has udp 7777 && gateway_has tcp 7777
}

path_open_other_internal() {
    pcl --json open 7801:7802/udp && status_is 0 &&
        json '[(m["external_port"], m["internal_port"]) for m in mappings] == [(7801, 7802)]' &&
        packet_arrives udp 7801 7802 && pcl close 7801/udp && status_is 0 && packet_is_lost udp 7801 7802
}

path_list() {
    pcl --json list && status_is 0 &&
        json "sorted((m['protocol'].lower(), m['external_port'], m['internal_address'], m['internal_port'], m['enabled'])
              for m in mappings)
              == [('tcp', 7777, '$LAB_CLIENT_IP', 7777, True), ('udp', 7777, '$LAB_CLIENT_IP', 7777, True)]" &&
        json 'all({"description", "lifetime_s", "remote_host"} <= m.keys() for m in mappings)' &&
        pcl list && status_is 0 && shows "7777.*$LAB_CLIENT_IP|$LAB_CLIENT_IP.*7777"
}

path_foreign_list() {
    local list
    list=$(upnpc_there "$LAB_CLIENT" -l) && echo "$list" &&
        grep -q "UDP *7777->$LAB_CLIENT_IP:7777" <<<"$list" && grep -q "TCP *7777->$LAB_CLIENT_IP:7777" <<<"$list"
}

path_reopen() {
    pcl --json open 7777 && status_is 0 &&
        json 'len(mappings) == 2 and all(m["external_port"] == 7777 for m in mappings)' &&
        pcl --json list && json 'len(mappings) == 2' && both_arrive 7777
}

path_list_foreign() {
    upnpc_there "$LAB_CLIENT" -e foreign -a "$LAB_CLIENT_IP" 7901 7900 tcp && pcl --json list && status_is 0 &&
        json "any(m['external_port'] == 7900 and m['internal_port'] == 7901 and m['protocol'].lower() == 'tcp'
              and m['internal_address'] == '$LAB_CLIENT_IP' and m['description'] == 'foreign' for m in mappings)" &&
        upnpc_there "$LAB_CLIENT" -d 7900 tcp
}

path_close() {
    pcl --json close 7777 && status_is 0 && json 'isinstance(doc, dict) and "error" not in doc' &&
        gateway_lacks udp 7777 && gateway_lacks tcp 7777 && path_list_empty
}

# Closing twice may be a success (nothing is open) or said not to be there, but it is no crash and no wait.
path_close_again() {
    pcl --json --timeout 3000 close 7777/udp && ((PCL_STATUS == 0 || PCL_STATUS == 4)) && ((PCL_US < 3100000))
}

# ---- IPv6 -----------------------------------------------------------------------------------------------

scenario_ipv6() {
    gateway_renew v2 || return
    proof "discover --ipv6 finds the gateway over IPv6" ipv6_discover
}

ipv6_discover() {
    pcl --json discover --ipv6 && status_is 0 &&
        json 'any(d["gateway"] and d["usable"] and "://[" in d["location"] for d in devices)'
}

# ---- somebody else's mapping ----------------------------------------------------------------------------

scenario_conflict() {
    # A secure gateway refuses a foreign delete itself, which would prove nothing of ours.
    gateway_renew v2 secure_mode=no || return
    proof "close of another machine's mapping is refused" conflict_close
    proof "open of a port another machine has is a conflict" conflict_open
    proof "open --any-port takes another port instead" conflict_any_port
    proof "open --overwrite takes the port" conflict_overwrite
    proof "close --force deletes another machine's mapping" conflict_force
}

conflict_close() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7950 7950 udp && gateway_has udp 7950 &&
        pcl --json close 7950/udp && status_is 6 && json 'error["kind"] and error["message"]' && says . &&
        gateway_has udp 7950
}

conflict_open() {
    pcl --json open 7950/udp && status_is 6 && json '"718" in text and error["kind"] and len(error["attempts"]) > 0' &&
        says "$LAB_ROUTER_IP"
}

conflict_any_port() {
    pcl --json open 7950/udp --any-port && status_is 0 && json 'mappings[0]["external_port"] != 7950' &&
        packet_arrives udp "$(sed -nE 's/.*"external_port": *([0-9]+).*/\1/p' "$LAB_DIR/stdout" | head -n 1)" 7950
}

conflict_overwrite() {
    pcl --json open 7950/udp --overwrite && status_is 0 && json 'mappings[0]["external_port"] == 7950' &&
        packet_arrives udp 7950 && pcl close 7950/udp && status_is 0 && gateway_lacks udp 7950
}

conflict_force() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7960 7960 udp && gateway_has udp 7960 &&
        pcl --json close 7960/udp --force && status_is 0 && gateway_lacks udp 7960
}

# ---- open --keep ----------------------------------------------------------------------------------------

scenario_keep() {
    local signal
    gateway_renew v2 || return
    for signal in TERM INT; do
        proof "open --keep closes what it opened on SIG$signal" keep_until "$signal"
    done
}

keep_until() {
    local pid status tries start
    # A background job of a script ignores SIGINT; `env` gives the program the defaults a terminal would.
    ip netns exec "$LAB_CLIENT" env --default-signal=INT,TERM "$PORTCULLIS" open 7790/udp --keep \
        >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" </dev/null &
    pid=$!
    for ((tries = 0; tries < 250; tries++)); do
        gateway_has udp 7790 && break
        sleep 0.02
    done
    if packet_arrives udp 7790 && kill -0 "$pid"; then
        start=${EPOCHREALTIME/./}
        kill -"$1" "$pid"
        for ((tries = 0; tries < 250; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.02
        done
        NOTE="gone after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
    fi
    kill -KILL "$pid" 2>/dev/null
    wait "$pid"
    status=$?
    cat "$LAB_DIR/stdout" "$LAB_DIR/stderr"
    echo "status $status"
    ((status == 0)) && gateway_lacks udp 7790 && packet_is_lost udp 7790
}

# ---- a simulated gateway on a network -------------------------------------------------------------------

scenario_simulated() {
    gateway_stop
    gateway_forget || return
    proof "simulate --on refuses a network with a route to the internet" simulated_refused
    proof "without one, searches by multicast find it" simulated_found
}

simulated_refused() {
    ! in_device timeout 2 "$PORTCULLIS" simulate --on "$LAB_DEVICE_IP" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" &&
        says 'route to the internet'
}

simulated_found() {
    local pid tries status
    ip -n "$LAB_DEVICE" route delete default || return
    ip netns exec "$LAB_DEVICE" "$PORTCULLIS" simulate --json --on "$LAB_DEVICE_IP" \
        >"$LAB_DIR/simulated" 2>&1 </dev/null &
    pid=$!
    for ((tries = 0; tries < 250; tries++)); do
        grep -q ssdp_address "$LAB_DIR/simulated" && break
        sleep 0.02
    done
    pcl --json discover && status_is 0 && json "devices[0]['location'].startswith('http://$LAB_DEVICE_IP:')"
    status=$?
    cat "$LAB_DIR/simulated"
    stop_process "$pid"
    ip -n "$LAB_DEVICE" route add default via "$LAB_ROUTER_IP" && ((status == 0))
}

# ---- no gateway -----------------------------------------------------------------------------------------

scenario_absent() {
    gateway_stop
    gateway_forget || return
    proof "a refusing router that is no gateway: status 3 at the timeout" absent_open
    black_hole_on "$LAB_ROUTER" lan0 || return
    proof "a router that answers nothing: status 3 at the timeout" absent_open
    proof "... and discover finds none" absent_discover
    black_hole_off "$LAB_ROUTER"
}

# The caller's wait and at most 20 ms; starting a process in the namespace is not the program's to answer for.
absent_open() {
    local timeout_ms=1000 overhead_us run times=() late_us
    overhead_us=$(process_overhead_us) || return
    for run in 1 2 3; do
        pcl --json --timeout "$timeout_ms" open 7777/udp && status_is 3 &&
            json 'error["kind"] and error["message"] and isinstance(error["attempts"], list)' && says 'gateway' || return
        times[run]=$PCL_US
    done
    mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
    late_us=$((times[1] - timeout_ms * 1000 - overhead_us))
    NOTE="timeout $timeout_ms ms, late by $((late_us / 1000)) ms beyond the process's own $((overhead_us / 1000)) ms"
    ((late_us <= 20000))
}

absent_discover() {
    pcl --json --timeout 500 discover && status_is 3
}

# ---- devices that are announced but dead ----------------------------------------------------------------

scenario_dead() {
    local mode
    gateway_renew v2 || return
    for mode in black-hole elsewhere refuse silent drip; do
        proof "a dead device ($mode) beside the gateway costs nothing" dead_device "$mode"
    done
    gateway_renew v2 || return
    for mode in black-hole drip; do
        proof "discover --all beside a dead device ($mode) ends at the timeout" dead_discover "$mode"
    done
}

# The same command by turns with the device muted and heard. Fifteen per cent is what the clock of a busy machine
# does; what these devices cost elsewhere is seconds.
dead_device() {
    local in_there="ip netns exec $LAB_DEVICE nft" status
    announcer_start "$1" || return
    in_device nft "add table inet mute; add chain inet mute input { type filter hook input priority -280; }" &&
        time_ratio 1.15 "without,with" \
            --before-first "$in_there add rule inet mute input udp dport 1900 drop" \
            --before-second "$in_there flush chain inet mute input" \
            -- "$PORTCULLIS" -q open '{port}/udp' :: "$PORTCULLIS" -q open '{port}/udp'
    status=$?
    in_device nft delete table inet mute
    announcer_stop
    cat "$LAB_DIR/announcer.log"
    # Heard, or it proves nothing.
    ((status == 0)) && grep -q '^answered' "$LAB_DIR/announcer.log"
}

dead_discover() {
    local timeout_ms=1000 overhead_us
    overhead_us=$(process_overhead_us) && announcer_start "$1" || return
    pcl --json --timeout "$timeout_ms" discover --all
    announcer_stop
    NOTE="timeout $timeout_ms ms, ended after $((PCL_US / 1000)) ms, $((overhead_us / 1000)) of them the process's own"
    status_is 0 && json 'sum(d["gateway"] and d["usable"] for d in devices) == 1' &&
        ((PCL_US < timeout_ms * 1000 + overhead_us + 100000))
}

# ---- a lossy network ------------------------------------------------------------------------------------

scenario_loss() {
    local version
    for version in v1 v2; do
        gateway_renew "$version" || return
        proof "$version: at 30 % loss each way, 20 of 20 opens succeed within 5 s" loss_opens
    done
}

loss_opens() {
    local wanted=20 opened=0 port times=()
    loss_on 30 || return
    for ((port = 8001; port <= 8000 + wanted; port++)); do
        pcl --json --timeout 5000 open "$port/udp"
        if status_is 0 && gateway_has udp "$port"; then
            opened=$((opened + 1))
            times+=($((PCL_US / 1000)))
        fi
    done
    loss_off
    mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
    NOTE="$opened of $wanted"
    ((opened > 0)) && NOTE+=", median ${times[opened / 2]} ms, slowest ${times[opened - 1]} ms"
    ((opened == wanted && times[opened - 1] <= 5050))
}

# ---- cold start -----------------------------------------------------------------------------------------

# The whole program beside bare.c, which does only what cannot be left out.
scenario_speed() {
    local version
    for version in v1 v2; do
        gateway_renew "$version" || return
        proof "$version: cold start, search to confirmed mapping" time_ratio 1.15 "bare C,portcullis" -- \
            "$BARE" search "$LAB_CLIENT_IP" '{port}' :: "$PORTCULLIS" -q open '{port}/udp'
        gateway_renew "$version" || return
        proof "$version: cold start, description's URL known" time_ratio 2.00 "bare C,portcullis" --runs 40 -- \
            "$BARE" url "$LAB_DESCRIPTION_URL" '{port}' :: \
            "$PORTCULLIS" -q --gateway "$LAB_DESCRIPTION_URL" open '{port}/udp'
    done
}
