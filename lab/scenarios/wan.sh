# shellcheck shell=bash
# The gateway's own connection to the internet: up, without an address, with one that the internet does not reach.

scenario_wan() {
    local status
    wan_states
    status=$?
    router_has_address "$LAB_EXTERNAL_IP" && return "$status"
}

wan_states() {
    local method
    gateway_renew v2 && ip -n "$LAB_ROUTER" -4 address flush dev wan0 || return
    for method in pcp nat-pmp igd pcp,nat-pmp,igd; do
        proof "$method: a gateway without an external address is told as that" wan_refuses "$method" "is its connection to the internet up"
    done
    proof "address: ... it is" wan_has_no_address
    router_has_address 192.168.5.2 192.168.5.1 && gateway_renew v2 || return
    for method in pcp pcp,nat-pmp,igd; do
        proof "$method: a private address is named as the reason" wan_refuses "$method" "192.168.5.2 is private"
    done
    router_has_address 100.72.1.9 100.72.1.1 && gateway_renew v2 || return
    proof "pcp,nat-pmp,igd: ... and one that customers of a provider share" wan_refuses pcp,nat-pmp,igd "100.72.1.9 is shared"
}

wan_refuses() {
    pcl open 7820/udp --protocol "$1" && status_is 4 && says "$2" && [[ ! -s $LAB_DIR/leases ]]
}

wan_has_no_address() {
    pcl address && status_is 4 && says "is its connection to the internet up" && ! grep -i invalid "$LAB_DIR/stderr"
}
