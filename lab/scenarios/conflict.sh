# shellcheck shell=bash
# Somebody else's mapping.

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
