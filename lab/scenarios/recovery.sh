# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# What is open stays open: the gateway restarts and has forgotten, its address changes, the cable is pulled, the
# program dies.

# A router's clock begins anew with it; that of miniupnpd is the machine's unless it is told otherwise.
AS_A_ROUTER=system_uptime=no
# Restarts of each kind; more with --record.
RESTARTS=2
# A client waits up to five seconds before it asks a gateway that has forgotten everything, and everybody (RFC 6886
# section 3.7, RFC 6887 section 14.1.3); the rest is for being told and for asking.
SPREAD_MS=5200

scenario_recovery() {
    local method
    ((LONG)) && RESTARTS=5
    for method in pcp nat-pmp; do
        proof "$method: the gateway dies and forgets; mapped again within 5 s" restarts_survived "$SPREAD_MS" "$method"
    done
    proof "igd: the gateway dies and forgets; mapped again within 60 s" restarts_survived 60000 igd
    proof "igd: ... and comes back on another HTTP port; mapped again within 60 s" restarts_survived 60000 igd moved
    for method in pcp nat-pmp igd; do
        proof "$method: a new external address is told within 60 s" address_changes "$method"
        proof "$method: cable pulled, gateway forgets, cable back: mapped again within 5 s" cable_pulled "$method"
    done
    for method in pcp nat-pmp igd; do
        proof "$method: killed, and the next start leaves nothing of it" killed "$method" 1h
    done
    proof "igd: killed, and the next start leaves no permanent mapping" killed igd permanent
    proof "igd: killed, and cleanup leaves no permanent mapping" killed_and_cleaned_up
    keep_stop_all
}

# restarts_survived MILLISECONDS METHOD [moved]: from the moment the gateway answers again.
restarts_survived() {
    local limit=$1 method=$2 port=7821 run times=() http_port=5000
    gateway_renew v2 "$AS_A_ROUTER" && keep_start restart --protocol "$method" --lifetime 1h "$port/udp" || return
    for ((run = 0; run < RESTARTS; run++)); do
        # Like a router: the clock that its epoch is has counted some seconds. A gateway that restarts all the time is
        # asked at most every five.
        sleep 6
        [[ ${3-} == moved ]] && http_port=$((http_port + 1))
        if ! restart_survived "$limit" "$port" $((run + 1)) "http_port=$http_port"; then
            keep_shows restart
            return 1
        fi
        times+=("$NOTE")
    done
    NOTE="${#times[@]} times, median $(median "${times[@]}") ms, slowest $(worst "${times[@]}") ms"
    record recovery "$method${3:+, other HTTP port}" "${#times[@]}" "$(median "${times[@]}")" "$(worst "${times[@]}")"
    keep_stop restart
}

# restart_survived MILLISECONDS PORT COUNT CONFIG_LINE: the milliseconds are left in NOTE.
restart_survived() {
    gateway_crash && gateway_forget && gateway_start v2 "$AS_A_ROUTER" "$4" && await "$1" gateway_has udp "$2" &&
        NOTE=$AWAITED_MS && packet_arrives udp "$2" && await 2000 told restart recovered . "$3"
}

# The gateway goes on as it is; its provider has given it another address.
address_changes() {
    local new=81.2.69.150 start status
    gateway_renew v2 "$AS_A_ROUTER" && keep_start address --protocol "$1" --lifetime 1h 7822/udp || return
    start=${EPOCHREALTIME/./}
    router_has_address "$new" && await 60000 told address external-address-changed "$new"
    status=$? AWAITED_MS=$(((${EPOCHREALTIME/./} - start) / 1000))
    NOTE="told after $AWAITED_MS ms"
    if ((status == 0)); then
        record address "$1" 1 "$AWAITED_MS" "$AWAITED_MS"
        packet_to "$new" udp 7822 || status=1
    else
        keep_shows address
    fi
    router_has_address "$LAB_EXTERNAL_IP" && keep_stop address && ((status == 0))
}

cable_pulled() {
    gateway_renew v2 "$AS_A_ROUTER" && keep_start cable --protocol "$1" --lifetime 1h 7823/udp || return
    ip -n "$LAB_CLIENT" link set eth0 down && gateway_crash && gateway_forget && gateway_start v2 "$AS_A_ROUTER" &&
        sleep 2 && gateway_lacks udp 7823 && ip -n "$LAB_CLIENT" link set eth0 up && client_addresses_back &&
        await 5000 gateway_has udp 7823 && NOTE="after $AWAITED_MS ms" && record cable "$1" 1 "$AWAITED_MS" "$AWAITED_MS" &&
        packet_arrives udp 7823 && await 2000 told cable recovered && keep_stop cable && return
    keep_shows cable
    return 1
}

# A link that goes down takes routes with it, and its IPv6 addresses.
client_addresses_back() {
    ip -n "$LAB_CLIENT" address flush dev eth0 scope global && client_addresses && lab_routes "$LAB_CLIENT"
}

# killed METHOD LIFETIME: what a dead process has left is gone once another has run.
killed() {
    gateway_renew v2 && keep_start doomed --protocol "$1" --lifetime "$2" 7824/udp && keep_kill doomed &&
        gateway_has udp 7824 && keep_start heir --protocol "$1" 7825/udp &&
        await 5000 gateway_lacks udp 7824 && NOTE="gone $AWAITED_MS ms after the next one's port was open" &&
        keep_stop heir && pcl --json status && status_is 0 && json 'mappings == []'
}

killed_and_cleaned_up() {
    gateway_renew v2 && keep_start doomed --protocol igd --lifetime permanent 7824/udp && keep_kill doomed &&
        gateway_has udp 7824 && pcl --json cleanup && status_is 0 && gateway_lacks udp 7824 &&
        pcl --json status && status_is 0 && json 'mappings == []'
}
