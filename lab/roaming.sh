# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# The client's addresses change.

# Of the client, after it has moved.
LAB_MOVED_IP=10.99.0.22
LAB_WIFI_IP=10.99.0.4
# Of the prefix that comes after the first.
LAB_RENUMBERED_IP6=2a02:ff2::2

# client_has_address ADDRESS: on the same interface, and no other of that network; as by another lease of DHCP.
client_has_address() {
    ip -n "$LAB_CLIENT" -4 address flush dev eth0 && lab_address "$LAB_CLIENT" eth0 "$1/24" &&
        ip -n "$LAB_CLIENT" route replace default via "$LAB_ROUTER_IP" dev eth0
}

# A second interface on the same LAN, less preferred than the first.
client_has_wifi() {
    lab_cable "$LAB_CLIENT" wifi0 wifi1 && ip -n "$LAB_ROUTER" link set wifi1 master lan0 &&
        lab_address "$LAB_CLIENT" wifi0 "$LAB_WIFI_IP/24" &&
        ip -n "$LAB_CLIENT" route add default via "$LAB_ROUTER_IP" dev wifi0 metric 600
}

# The plug is pulled at the router's end; the host then takes address and routes from the interface.
client_is_unplugged() {
    ip -n "$LAB_ROUTER" link set client0 down && ip -n "$LAB_CLIENT" -4 address flush dev eth0
}

client_is_plugged_in() {
    ip -n "$LAB_ROUTER" link set client0 up && ip -n "$LAB_CLIENT" link delete wifi0
    client_has_address "$LAB_CLIENT_IP"
}

# The router announces another prefix and takes back the first: its addresses stay, and are preferred no more.
client_is_renumbered() {
    lab_address "$LAB_ROUTER" lan0 2a02:ff2::1/64 && ip -n "$LAB_WAN" -6 route replace 2a02:ff2::/64 via 2a02:ff1::142 &&
        lab_address "$LAB_CLIENT" eth0 "$LAB_RENUMBERED_IP6/64" &&
        ip -n "$LAB_CLIENT" -6 address change "$LAB_CLIENT_IP6/64" dev eth0 valid_lft 7200 preferred_lft 0
}

client_is_numbered_back() {
    ip -n "$LAB_CLIENT" -6 address delete "$LAB_RENUMBERED_IP6/64" dev eth0
    ip -n "$LAB_ROUTER" -6 address delete 2a02:ff2::1/64 dev lan0
    ip -n "$LAB_CLIENT" -6 address change "$LAB_CLIENT_IP6/64" dev eth0 valid_lft forever preferred_lft forever
}
