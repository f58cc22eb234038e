# shellcheck shell=bash
# A host behind another NAT, as a container on a bridge of this host's is: the gateway sees the address of that NAT, and maps
# to it.

NESTED_IP=172.30.0.2
NESTED_BRIDGE_IP=172.30.0.1

scenario_nested() {
    gateway_renew v2 && nested_up || return
    proof "nat-pmp grants, and what it grants is told as leading to that NAT" in_container nested_granted
    proof "... as is what is kept" in_container nested_kept
    proof "by igd and pcp: refused, and no conflict" in_container nested_refused
    proof "what such a host has opened, it closes" in_container nested_closed
    nested_down
    if rootless slirp4netns --configure --netns-type=path -- tap0; then
        proof "slirp4netns: the gateway that is named grants, for the host outside" in_container nested_granted
        proof "slirp4netns: ... and what was opened is closed" in_container nested_closed
        proof "slirp4netns: where no gateway is named, nothing is opened, and nobody is blamed" in_container nested_unreached
        rootless_end
    fi
    # Without the option, the gateway's address is the host's own loopback there.
    if rootless pasta --runas 0 --config-net --no-map-gw --foreground --netns; then
        proof "pasta: it has the host's address, and the port is opened for that" in_container nested_as_host
        rootless_end
    fi
    if rootless pasta --runas 0 --config-net --foreground --netns; then
        proof "pasta: where the gateway's address is the host's, nothing is opened" in_container nested_unreached
        rootless_end
    fi
}

# rootless COMMAND ARGUMENT... [-- ARGUMENT...]: a network in user space for a host of its own; the host's name goes where the
# dashes are, or to the end.
rootless() {
    local nested="$LAB_ID-nested" before=() after=()
    if ! command -v "$1" >/dev/null; then
        skipped "$1" "$1 is not installed"
        return 1
    fi
    while (($#)); do
        [[ $1 == -- ]] && { shift; after=("$@"); break; }
        before+=("$1")
        shift
    done
    gateway_renew v2 && ip netns add "$nested" && ip -n "$nested" link set lo up &&
        beside rootless "$LAB_CLIENT" "${before[@]}" "/run/netns/$nested" "${after[@]}" && await 5000 rootless_leads_out && return
    cat "$LAB_DIR/rootless.log"
    rootless_end
    proof "${before[0]}: leads out" false
    return 1
}

rootless_leads_out() { [[ -n $(ip -n "$LAB_ID-nested" route show default) ]]; }

rootless_end() {
    beside_stop
    namespace_end "$LAB_ID-nested"
}

nested_as_host() {
    pcl --json open 7830/udp && status_is 0 && json "mappings[0]['behind_nat'] is False" &&
        gateway_leads udp 7830 "$LAB_CLIENT_IP:7830" && pcl close 7830/udp && status_is 0 && gateway_lacks udp 7830
}

nested_unreached() {
    pcl --timeout 1500 open 7830/udp && status_is 3 && [[ ! -s $LAB_DIR/leases ]]
}

nested_granted() {
    pcl --json open 7800/udp --gateway "$LAB_ROUTER_IP" && status_is 8 && says "opened for the NAT in front of this host" &&
        json "mappings[0]['behind_nat'] is True and mappings[0]['internal_address'] is None" &&
        gateway_leads udp 7800 "$LAB_CLIENT_IP:7800"
}

nested_kept() {
    keep_start nested 7801/udp --gateway "$LAB_ROUTER_IP" && gateway_leads udp 7801 "$LAB_CLIENT_IP:7801" &&
        told nested mapped '"behind_nat":true' && keep_stop nested && gateway_lacks udp 7801
}

nested_refused() {
    pcl open 7802/udp --gateway "$LAB_ROUTER_IP" --protocol pcp,igd && status_is 4 && says "another NAT is between" &&
        gateway_lacks udp 7802
}

nested_closed() {
    pcl close 7800/udp --gateway "$LAB_ROUTER_IP" && status_is 0 && gateway_lacks udp 7800
}

# in_container COMMAND...: a function of the lab, with the host behind the NAT in the place of the client.
in_container() {
    # shellcheck disable=SC2034 # `pcl` reads it
    local LAB_CLIENT="$LAB_ID-nested"
    "$@"
}

nested_up() {
    local nested="$LAB_ID-nested"
    ip netns add "$nested" && ip -n "$nested" link set lo up &&
        ip -n "$nested" link add eth0 type veth peer name nested0 netns "$LAB_CLIENT" &&
        ip -n "$nested" link set eth0 up && ip -n "$LAB_CLIENT" link set nested0 up &&
        lab_address "$LAB_CLIENT" nested0 "$NESTED_BRIDGE_IP/24" && lab_address "$nested" eth0 "$NESTED_IP/24" &&
        ip -n "$nested" route add default via "$NESTED_BRIDGE_IP" &&
        in_client sysctl -qw net.ipv4.ip_forward=1 && in_client nft -f - <<'RULES'
table inet nested {
    chain postrouting {
        type nat hook postrouting priority 100;
        ip saddr 172.30.0.0/24 oifname eth0 masquerade
    }
}
RULES
}

nested_down() {
    keep_stop_all
    in_client nft delete table inet nested
    in_client sysctl -qw net.ipv4.ip_forward=0
    namespace_end "$LAB_ID-nested"
}
