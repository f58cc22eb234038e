# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# shellcheck disable=SC2030,SC2031 # an annex has variables of its own, which is what they are for
# A gateway made of network namespaces. Sourced; `lab_up` builds it, `lab_down` removes every trace.
#
#   client 10.99.0.2 ──┐
#                      ├── lan0 (bridge) router wan0 ──── wan 81.2.69.1
#   device 10.99.0.3 ──┘   10.99.0.1          81.2.69.142
#
# The device is whoever else is on the LAN: another client, a dead device, a neighbour who lies. A second gateway is in
# second.sh, changes of the client's addresses in roaming.sh, other releases' miniupnpd in roots.sh.
#
# The external address is a public one because miniupnpd does not forward behind a private one. No packet
# leaves the namespaces, so nobody's address is touched.

LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lab/gateway.sh
source "$LAB_HERE/gateway.sh"
# shellcheck source=lab/roots.sh
source "$LAB_HERE/roots.sh"
# shellcheck source=lab/trouble.sh
source "$LAB_HERE/trouble.sh"
LAB_DIR=
LAB_STATE=
LAB_ANNEXES=()

LAB_CLIENT_IP=10.99.0.2
LAB_DEVICE_IP=10.99.0.3
LAB_ROUTER_IP=10.99.0.1
LAB_EXTERNAL_IP=81.2.69.142
LAB_CLIENT_IP6=2a02:ff0::2
LAB_DESCRIPTION_URL="http://$LAB_ROUTER_IP:5000/rootDesc.xml"

LAB_GATEWAY_PID=
LAB_HTTP_PORT=5000
LAB_ANNOUNCER_PID=

# lab_names ID: what this lab's namespaces are called.
lab_names() {
    LAB_ID=$1
    LAB_CLIENT="$LAB_ID-client"
    LAB_ROUTER="$LAB_ID-router"
    LAB_WAN="$LAB_ID-wan"
    LAB_DEVICE="$LAB_ID-device"
}
lab_names "pcl-$$"

in_client() { ip netns exec "$LAB_CLIENT" "$@"; }
in_router() { ip netns exec "$LAB_ROUTER" "$@"; }
in_device() { ip netns exec "$LAB_DEVICE" "$@"; }

# Why the lab cannot run on this machine, or nothing at all.
lab_obstacle() {
    local tool missing=()
    [[ $(uname -s) == Linux ]] || { echo "network namespaces need Linux"; return; }
    [[ $(id -u) == 0 ]] || { echo "network namespaces need root"; return; }
    for tool in ip nft miniupnpd upnpc natpmpc cc python3; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    if ((${#missing[@]})); then
        echo "not installed: ${missing[*]}"
        return
    fi
    if ! ip netns add "$LAB_ID-try" 2>/dev/null; then
        echo "this kernel or container refuses network namespaces"
        return
    fi
    if ! ip netns exec "$LAB_ID-try" nft add table inet try 2>/dev/null; then
        echo "this kernel or container refuses nftables"
    elif ! ip -n "$LAB_ID-try" link add try0 type bridge 2>/dev/null; then
        echo "this kernel or container refuses bridges"
    fi
    ip netns delete "$LAB_ID-try"
}

# ---- up and down ---------------------------------------------------------------------------------------

lab_up() {
    local ns target=${TARGET:-$LAB_HERE/../target}
    trap lab_down EXIT
    LAB_DIR=$(mktemp -d) && : >"$LAB_DIR/record" || return
    # Journals on the disk that has the program, not on one in memory, and never in the user's own directory.
    mkdir -p "$target/lab" && LAB_STATE=$(realpath "$(mktemp -d "$target/lab/state.XXXXXX")") || return
    export XDG_STATE_HOME=$LAB_STATE
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for ns in "$LAB_CLIENT" "$LAB_ROUTER" "$LAB_WAN" "$LAB_DEVICE"; do
        ip netns add "$ns" || return
        # Addresses are usable at once: nobody else can have them here.
        ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
            net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 || return
        ip -n "$ns" link set lo up || return
    done
    # A bridge without an address of its own takes that of a port, and another one when there is another port.
    in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 &&
        ip -n "$LAB_ROUTER" link add lan0 address 02:00:00:99:00:01 type bridge mcast_snooping 0 forward_delay 0 &&
        lab_cable "$LAB_CLIENT" eth0 client0 && ip -n "$LAB_ROUTER" link set client0 master lan0 &&
        lab_cable "$LAB_DEVICE" eth0 device0 && ip -n "$LAB_ROUTER" link set device0 master lan0 &&
        lab_cable "$LAB_WAN" eth0 wan0 &&
        ip -n "$LAB_ROUTER" link set lan0 up || return

    client_addresses &&
        lab_address "$LAB_DEVICE" eth0 "$LAB_DEVICE_IP/24" fd99::3/64 2a02:ff0::3/64 &&
        lab_address "$LAB_ROUTER" lan0 "$LAB_ROUTER_IP/24" fe80::1/64 fd99::1/64 2a02:ff0::1/64 &&
        lab_address "$LAB_ROUTER" wan0 "$LAB_EXTERNAL_IP/24" 2a02:ff1::142/64 &&
        lab_address "$LAB_WAN" eth0 81.2.69.1/24 2a02:ff1::1/64 || return
    lab_routes "$LAB_CLIENT" && lab_routes "$LAB_DEVICE" &&
        ip -n "$LAB_ROUTER" route add default via 81.2.69.1 &&
        ip -n "$LAB_WAN" -6 route add 2a02:ff0::/64 via 2a02:ff1::142 &&
        lab_firewall
}

# lab_cable NAMESPACE ITS_END ROUTER_END
lab_cable() {
    ip -n "$1" link add "$2" type veth peer name "$3" netns "$LAB_ROUTER" &&
        ip -n "$1" link set "$2" up && ip -n "$LAB_ROUTER" link set "$3" up
}

# lab_address NAMESPACE INTERFACE ADDRESS...
lab_address() {
    local ns=$1 interface=$2 address options
    shift 2
    for address in "$@"; do
        options=()
        [[ $address == *:* ]] && options=(nodad)
        ip -n "$ns" address add "$address" dev "$interface" "${options[@]}" || return
    done
}

client_addresses() {
    lab_address "$LAB_CLIENT" eth0 "$LAB_CLIENT_IP/24" fd99::2/64 "$LAB_CLIENT_IP6/64"
}

# router_has_address ADDRESS [GATEWAY]: from its provider, and no other.
router_has_address() {
    ip -n "$LAB_ROUTER" -4 address flush dev wan0 && lab_address "$LAB_ROUTER" wan0 "$1/24" &&
        ip -n "$LAB_ROUTER" route replace default via "${2:-81.2.69.1}"
}

# lab_routes NAMESPACE: by way of the router; over IPv6 by its link-local address, which is what routers advertise.
lab_routes() {
    ip -n "$1" route replace default via "$LAB_ROUTER_IP" && ip -n "$1" -6 route replace default via fe80::1 dev eth0
}

# The chains miniupnpd 2.3 expects to find, where a router's firewall would have them.
lab_firewall() {
    in_router nft -f - <<'RULES'
table inet filter {
    chain miniupnpd {
    }
    chain prerouting_miniupnpd {
    }
    chain postrouting_miniupnpd {
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "lan0" oifname "wan0" accept
        # Frames between client and device pass here too where br_netfilter is loaded.
        iifname "lan0" oifname "lan0" accept
        jump miniupnpd
    }
    chain prerouting {
        type nat hook prerouting priority -100;
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        jump postrouting_miniupnpd
        oifname "wan0" masquerade
    }
}
RULES
}

lab_down() {
    local status=$? ns
    trap - EXIT
    annexes_stop
    announcer_stop
    gateway_stop
    for ns in "$LAB_CLIENT" "$LAB_ROUTER" "$LAB_WAN" "$LAB_DEVICE" "$LAB_ID-second" "$LAB_ID-nested"; do
        namespace_end "$ns"
    done
    [[ -n $LAB_DIR ]] && rm -rf "$LAB_DIR"
    [[ -n $LAB_STATE ]] && rm -rf "$LAB_STATE"
    return "$status"
}

namespace_end() {
    local pid
    [[ -e /run/netns/$1 ]] || return 0
    # What runs in a namespace made by us was started by us.
    for pid in $(ip netns pids "$1"); do
        kill -KILL "$pid" 2>/dev/null
    done
    ip netns delete "$1"
}

# annex_start NAME FUNCTION [ARGUMENT...]: in the background, with a lab of its own, which goes when the function
# ends. What it prints is in $LAB_DIR/NAME.
annex_start() {
    local output=$LAB_DIR/$1 id="$LAB_ID-$1"
    shift
    (
        # What the parent has started is the parent's to end.
        LAB_ANNEXES=() LAB_GATEWAY_PID='' LAB_ANNOUNCER_PID='' LAB_DIR='' LAB_STATE=''
        lab_names "$id"
        lab_up && "$@"
    ) >"$output" 2>"$output.err" </dev/null &
    LAB_ANNEXES+=($!)
}

annexes_wait() {
    local pid status=0
    for pid in "${LAB_ANNEXES[@]}"; do
        wait "$pid" || status=1
    done
    LAB_ANNEXES=()
    return "$status"
}

annexes_stop() {
    local pid
    for pid in "${LAB_ANNEXES[@]}"; do
        kill -TERM "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    LAB_ANNEXES=()
}

stop_process() {
    local pid=$1 tries
    [[ -n $pid ]] || return 0
    kill -TERM "$pid" 2>/dev/null
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}

# ---- packets -------------------------------------------------------------------------------------------

# packet_arrives udp|tcp EXTERNAL_PORT [INTERNAL_PORT]: from wan, and an answer comes back.
packet_arrives() { packet_to "$LAB_EXTERNAL_IP" "$@"; }

packet_is_lost() { ! packet_arrives "$@"; }

# packet6_arrives udp|tcp PORT: from wan to the client's own address, and an answer comes back.
packet6_arrives() { packet_to "$LAB_CLIENT_IP6" "$@"; }

packet6_is_lost() { ! packet6_arrives "$@"; }

packet_to() {
    python3 "$LAB_HERE/packet.py" --from "$LAB_WAN" --to "$LAB_CLIENT" "$2" "$1" "$3" "${4-$3}"
}
