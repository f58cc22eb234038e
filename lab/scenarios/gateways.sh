# shellcheck shell=bash
# Two gateways on one LAN.

scenario_gateways() {
    local method port=7700
    gateway_renew v2 && second_up && at_second gateway_start v2 || return
    for method in pcp nat-pmp igd; do
        proof "$method: open --gateway opens at that one alone" gateways_one "$method" $((port += 1))
        proof "$method: what both have is in status twice, and one close ends both" gateways_both "$method" $((port += 1))
        proof "$method: one that restarts does not disturb what the other has" gateways_restart "$method" $((port += 1))
    done
    second_down
}

gateways_one() {
    pcl --json open "$2/udp" --gateway "$LAB_SECOND_IP" --protocol "$1" && status_is 0 &&
        at_second gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && gateway_lacks udp "$2" &&
        packet_to "$LAB_SECOND_EXTERNAL_IP" udp "$2" && packet_is_lost udp "$2" && pcl close "$2/udp" && status_is 0 &&
        at_second gateway_lacks udp "$2" && status_lacks "$2"
}

gateways_both() {
    pcl --json open "$2/udp" --gateway "$LAB_ROUTER_IP" --protocol "$1" && status_is 0 &&
        pcl --json open "$2/udp" --gateway "$LAB_SECOND_IP" --protocol "$1" && status_is 0 &&
        packet_arrives udp "$2" && packet_to "$LAB_SECOND_EXTERNAL_IP" udp "$2" &&
        pcl --json status && json "sum(m['external_port'] == $2 for m in mappings) == 2" &&
        pcl close "$2/udp" && status_is 0 && gateway_lacks_now udp "$2" && at_second gateway_lacks_now udp "$2" && status_lacks "$2"
}

gateways_restart() {
    keep_start first --protocol "$1" --gateway "$LAB_ROUTER_IP" "$2/udp" && at_second gateway_crash &&
        at_second gateway_start v2 && sleep 1 && tells_no_restart first && gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" &&
        keep_stop first && gateway_lacks udp "$2"
}
