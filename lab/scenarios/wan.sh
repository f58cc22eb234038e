# shellcheck shell=bash
# The gateway's own connection to the internet: up, without an address, with one that the internet does not reach.

scenario_wan() {
    local method
    gateway_renew v2 && in_router ip address flush dev wan0 || return
    for method in pcp nat-pmp igd pcp,nat-pmp,igd; do
        proof "$method: a gateway without an external address is told as that" wan_refuses "$method" "is its connection to the internet up"
    done
    proof "address: ... it is" wan_has_no_address
    wan_is 192.168.5.2 || return
    for method in pcp pcp,nat-pmp,igd; do
        proof "$method: a private address is named as the reason" wan_refuses "$method" "192.168.5.2 is private"
    done
    wan_is 100.72.1.9 || return
    proof "pcp,nat-pmp,igd: ... and one that customers of a provider share" wan_refuses pcp,nat-pmp,igd "100.72.1.9 is shared"
    in_router ip address flush dev wan0
    lab_address "$LAB_ROUTER" wan0 "$LAB_EXTERNAL_IP/24" 2a02:ff1::142/64 && in_router ip route add default via 81.2.69.1
}

wan_is() {
    in_router ip address flush dev wan0 && lab_address "$LAB_ROUTER" wan0 "$1/24" && gateway_renew v2
}

wan_refuses() {
    pcl open 7820/udp --protocol "$1" && status_is 4 && says "$2" && [[ ! -s $LAB_DIR/leases ]]
}

wan_has_no_address() {
    pcl address && status_is 4 && says "is its connection to the internet up" && ! grep -i invalid "$LAB_DIR/stderr"
}
