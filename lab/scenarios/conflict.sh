# shellcheck shell=bash
# Somebody else's mapping.

scenario_conflict() {
    local method
    # A secure gateway refuses a foreign delete itself, which would prove nothing of ours.
    gateway_renew v2 secure_mode=no || return
    proof "close of another machine's mapping is refused" conflict_close
    proof "open of a port another machine has is a conflict" conflict_open
    proof "open --any-port takes another port instead" conflict_any_port
    proof "open --overwrite takes the port" conflict_overwrite
    for method in pcp nat-pmp; do
        proof "$method: open of a port another machine has is a conflict; --any-port takes another port" \
            conflict_of "$method"
    done
    proof "with all protocols, open --overwrite takes the port, by UPnP" conflict_overwrite_by_all
    proof "close --force deletes another machine's mapping" conflict_force
}

conflict_close() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7950 7950 udp && gateway_has udp 7950 &&
        pcl --json close 7950/udp && status_is 6 && json 'error["kind"] and error["message"]' && says . &&
        gateway_has udp 7950
}

conflict_open() {
    pcl --json --protocol igd open 7950/udp && status_is 6 && says "$LAB_DEVICE_IP" &&
        json 'error["kind"] and len(error["attempts"]) > 0' &&
        says "$LAB_ROUTER_IP"
}

# Neither protocol says whose it is, nor gives it away.
conflict_of() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7970 7970 udp && gateway_has udp 7970 &&
        pcl --json --protocol "$1" open 7970/udp && status_is 6 && json 'len(error["attempts"]) > 0' &&
        pcl --json --protocol "$1" open 7970/udp --any-port && status_is 0 &&
        json 'mappings[0]["external_port"] != 7970' && packet_arrives udp "$(external_port)" 7970 &&
        pcl close "$(external_port)/udp" && status_is 0
}

conflict_overwrite_by_all() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7952 7952 udp && gateway_has udp 7952 &&
        pcl --json open 7952/udp --overwrite && status_is 0 && json 'mappings[0]["external_port"] == 7952' &&
        packet_arrives udp 7952 && pcl close 7952/udp && status_is 0 && gateway_lacks udp 7952
}

conflict_any_port() {
    pcl --json --protocol igd open 7950/udp --any-port && status_is 0 && json 'mappings[0]["external_port"] != 7950' &&
        packet_arrives udp "$(external_port)" 7950
}

conflict_overwrite() {
    pcl --json --protocol igd open 7950/udp --overwrite && status_is 0 && json 'mappings[0]["external_port"] == 7950' &&
        packet_arrives udp 7950 && pcl close 7950/udp && status_is 0 && gateway_lacks udp 7950
}

conflict_force() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" 7960 7960 udp && gateway_has udp 7960 &&
        pcl --json close 7960/udp --force && status_is 0 && gateway_lacks udp 7960
}
