# shellcheck shell=bash
# IPv6.

# Another address of the client's.
IPV6_OTHER=2a02:ff0::22

scenario_ipv6() {
    local method
    gateway_renew v2 || return
    proof "discover --ipv6 finds the gateway over IPv6, once" ipv6_discover
    lab_address "$LAB_CLIENT" eth0 "$IPV6_OTHER/64" || return
    for method in pcp igd; do
        proof "$method: --all-addresses opens a port of both addresses, and close ends both" ipv6_all_addresses "$method"
    done
    ip -n "$LAB_CLIENT" address delete "$IPV6_OTHER/64" dev eth0
}

ipv6_all_addresses() {
    pcl --json open 7640/udp --ipv6 --all-addresses --protocol "$1" && status_is 0 &&
        json "sorted(m['internal_address'] for m in mappings) == ['$LAB_CLIENT_IP6', '$IPV6_OTHER']" &&
        packet6_arrives udp 7640 && packet_to "$IPV6_OTHER" udp 7640 && status_is_true "$LAB_CLIENT_IP6" "$IPV6_OTHER" &&
        pcl close 7640/udp && status_is 0 && packet6_is_lost udp 7640 && ! packet_to "$IPV6_OTHER" udp 7640
}

ipv6_discover() {
    pcl --json discover --ipv6 && status_is 0 &&
        json '[d["gateway"] and d["usable"] and "://[" in d["location"] for d in devices] == [True]'
}
