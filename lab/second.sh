# shellcheck shell=bash
# shellcheck disable=SC2034 # the other sourced files see the second gateway by these names
# A second gateway on the same LAN, with an internet address of its own; it is nobody's default gateway.
#
#   client 10.99.0.2 ── lan0 second wan0 ──── wan 81.2.70.1
#                10.99.0.254         81.2.70.142

LAB_SECOND_IP=10.99.0.254
LAB_SECOND_EXTERNAL_IP=81.2.70.142
LAB_SECOND_PID=

# at_second COMMAND...: a function of the lab, with the second gateway in the place of the first.
at_second() {
    local LAB_ROUTER="$LAB_ID-second" LAB_ROUTER_IP=$LAB_SECOND_IP LAB_EXTERNAL_IP=$LAB_SECOND_EXTERNAL_IP
    local LAB_DIR=$LAB_DIR/second LAB_UUID=$LAB_OTHER_UUID LAB_GATEWAY_PID=$LAB_SECOND_PID status
    "$@"
    status=$?
    LAB_SECOND_PID=$LAB_GATEWAY_PID
    return "$status"
}

second_up() {
    local second="$LAB_ID-second"
    mkdir -p "$LAB_DIR/second" && ip netns add "$second" && ip -n "$second" link set lo up &&
        ip netns exec "$second" sysctl -qw net.ipv4.ip_forward=1 &&
        lab_cable "$second" lan0 second0 && ip -n "$LAB_ROUTER" link set second0 master lan0 &&
        ip -n "$second" link add wan0 type veth peer name eth1 netns "$LAB_WAN" &&
        ip -n "$second" link set wan0 up && ip -n "$LAB_WAN" link set eth1 up &&
        lab_address "$second" lan0 "$LAB_SECOND_IP/24" && lab_address "$second" wan0 "$LAB_SECOND_EXTERNAL_IP/24" &&
        lab_address "$LAB_WAN" eth1 81.2.70.1/24 && at_second lab_firewall || return
    # The client answers by its default gateway; so that this one gets the answer, it has to be the one who asked.
    ip netns exec "$second" nft add rule inet filter postrouting oifname lan0 masquerade
}

second_down() {
    at_second gateway_stop
    namespace_end "$LAB_ID-second"
}
