# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Whom the client's routes make the gateway.

ROUTES_VPN_IP=10.8.0.1
ROUTES_SECOND_IP=10.99.0.9

scenario_routes() {
    local method port=7750
    gateway_renew v2 && client_has_vpn || return
    for method in pcp nat-pmp igd; do
        proof "$method: the next hop of a VPN's own networks is asked nothing" routes_split "$method" $((port += 1))
    done
    proof "a tunnel that takes all by a rule: opened at home, and both ways are told" routes_tunnel $((port += 1))
    proof "a default route that names no gateway is told as that" routes_no_next_hop
    client_has_no_vpn
    lab_address "$LAB_CLIENT" eth0 "$ROUTES_SECOND_IP/24" || return
    for method in pcp nat-pmp igd; do
        proof "$method: --interface with a second address: it is what is opened, and closed" \
            routes_interface "$method" $((port += 1)) "$ROUTES_SECOND_IP"
    done
    ip -n "$LAB_CLIENT" address delete "$ROUTES_SECOND_IP/24" dev eth0
    lab_cable "$LAB_CLIENT" eth1 client1 && ip -n "$LAB_ROUTER" link set client1 master lan0 &&
        lab_address "$LAB_CLIENT" eth1 "$ROUTES_SECOND_IP/24" &&
        ip -n "$LAB_CLIENT" route add default via "$LAB_ROUTER_IP" dev eth1 metric 600 || return
    for method in pcp nat-pmp igd; do
        proof "$method: --interface with two on one LAN: that one's address is opened, and closed" \
            routes_interface "$method" $((port += 1)) eth1
    done
    ip -n "$LAB_CLIENT" link delete eth1
    second_up && at_second gateway_start v2 && ip -n "$LAB_CLIENT" route add default via "$LAB_SECOND_IP" metric 300 || return
    for method in pcp nat-pmp igd pcp,nat-pmp,igd; do
        proof "$method: of two default gateways the preferred one is used, ten times of ten"             routes_preferred "$method" $((port += 10))
    done
    proof "address: ... it is asked" routes_address
    gateway_stop && gateway_forget || return
    proof "igd: where nothing listens there, the other one is used at once, and that is told" routes_other igd $((port += 10))
    proof "... and what is kept goes back to the preferred one" routes_return $((port += 1))
    ip -n "$LAB_CLIENT" route delete default via "$LAB_SECOND_IP" metric 300
    second_down
}

routes_interface() {
    pcl --json open "$2/udp" --protocol "$1" --interface "$3" && status_is 0 &&
        json "mappings[0]['internal_address'] == '$ROUTES_SECOND_IP'" && gateway_leads udp "$2" "$ROUTES_SECOND_IP:$2" &&
        pcl close "$2/udp" && status_is 0 && gateway_lacks udp "$2" && status_is_true "$LAB_CLIENT_IP" "$ROUTES_SECOND_IP"
}

# As wg-quick does: a table of its own, which a rule sends all packets to.
routes_tunnel() {
    local status
    ip -n "$LAB_CLIENT" route add default dev vpn0 table 51820 &&
        ip -n "$LAB_CLIENT" rule add not fwmark 51820 table 51820 &&
        ip -n "$LAB_CLIENT" rule add table main suppress_prefixlength 0 &&
        pcl --json open "$1/udp" && status_is 0 && gateway_leads udp "$1" "$LAB_CLIENT_IP:$1" &&
        says "leave by vpn0, and .*$LAB_ROUTER_IP.* is not on that way" && pcl close "$1/udp" && status_is 0
    status=$?
    ip -n "$LAB_CLIENT" rule delete table main suppress_prefixlength 0
    ip -n "$LAB_CLIENT" rule delete not fwmark 51820 table 51820
    ip -n "$LAB_CLIENT" route delete default dev vpn0 table 51820
    return "$status"
}

routes_no_next_hop() {
    local status
    ip -n "$LAB_CLIENT" route delete default && ip -n "$LAB_CLIENT" route add default dev vpn0 &&
        pcl --json --timeout 1000 --protocol pcp,nat-pmp open 7777/udp && status_is 3 &&
        says "default route names no gateway \\(vpn0\\)"
    status=$?
    ip -n "$LAB_CLIENT" route delete default dev vpn0
    ip -n "$LAB_CLIENT" route add default via "$LAB_ROUTER_IP" && return "$status"
}

routes_preferred() {
    local port
    for ((port = $2; port < $2 + 10; port++)); do
        pcl --json open "$port/udp" --protocol "$1" && status_is 0 && json 'mappings[0]["default_gateway"] is True' &&
            gateway_leads udp "$port" "$LAB_CLIENT_IP:$port" && at_second gateway_lacks_now udp "$port" &&
            pcl close "$port/udp" && status_is 0 || return
    done
}

routes_address() {
    local round
    for round in {1..10}; do
        pcl --json address && status_is 0 && json "doc['external_address'] == '$LAB_EXTERNAL_IP'" || return
    done
}

routes_other() {
    pcl --json open "$2/udp" --protocol "$1" && status_is 0 && NOTE="after $((PCL_US / 1000)) ms" && ((PCL_US < 1000000)) &&
        json 'mappings[0]["default_gateway"] is False' && says "is not this host.s default gateway: $LAB_ROUTER_IP" &&
        at_second gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && pcl close "$2/udp" && status_is 0
}

routes_return() {
    keep_start away --protocol igd "$1/udp" && at_second gateway_has udp "$1" && gateway_start v2 &&
        await 90000 gateway_leads udp "$1" "$LAB_CLIENT_IP:$1" && NOTE="after $((AWAITED_MS / 1000)) s" &&
        await 2000 at_second gateway_lacks udp "$1" && keep_stop away && gateway_lacks udp "$1" && return
    keep_shows away
    return 1
}

# A VPN for some networks of its own, with a next hop that would answer.
client_has_vpn() {
    lab_cable "$LAB_CLIENT" vpn0 vpn1 && lab_address "$LAB_CLIENT" vpn0 10.8.0.2/24 &&
        ip -n "$LAB_CLIENT" route add 10.20.0.0/16 via "$ROUTES_VPN_IP" dev vpn0 &&
        in_client nft -f - <<RULES
table inet vpn {
    chain output {
        type filter hook output priority 0;
        ip daddr $ROUTES_VPN_IP counter
    }
}
RULES
}

client_has_no_vpn() {
    in_client nft delete table inet vpn
    ip -n "$LAB_CLIENT" link delete vpn0
}

routes_split() {
    pcl --json open "$2/udp" --protocol "$1" && status_is 0 && gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" &&
        in_client nft list table inet vpn | grep "counter packets 0 " && pcl close "$2/udp" && status_is 0
}
