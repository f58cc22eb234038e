# shellcheck shell=bash
# A gateway made of network namespaces. Sourced; `lab_up` builds it, `lab_down` removes every trace.
#
#   client 10.99.0.2 ──┐
#                      ├── lan0 (bridge) router wan0 ──── wan 81.2.69.1
#   device 10.99.0.3 ──┘   10.99.0.1          81.2.69.142
#
# The external address is a public one because miniupnpd does not forward behind a private one. No packet
# leaves the namespaces, so nobody's address is touched.

LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_ID="pcl-$$"
LAB_CLIENT="$LAB_ID-client"
LAB_ROUTER="$LAB_ID-router"
LAB_WAN="$LAB_ID-wan"
LAB_DEVICE="$LAB_ID-device"
LAB_DIR=

LAB_CLIENT_IP=10.99.0.2
LAB_DEVICE_IP=10.99.0.3
LAB_ROUTER_IP=10.99.0.1
LAB_EXTERNAL_IP=81.2.69.142
# shellcheck disable=SC2034 # for the scenarios
LAB_DESCRIPTION_URL="http://$LAB_ROUTER_IP:5000/rootDesc.xml"

LAB_GATEWAY_PID=
LAB_ANNOUNCER_PID=

in_client() { ip netns exec "$LAB_CLIENT" "$@"; }
in_router() { ip netns exec "$LAB_ROUTER" "$@"; }
in_device() { ip netns exec "$LAB_DEVICE" "$@"; }

# Why the lab cannot run on this machine, or nothing at all.
lab_obstacle() {
    local tool missing=()
    [[ $(uname -s) == Linux ]] || { echo "network namespaces need Linux"; return; }
    [[ $(id -u) == 0 ]] || { echo "network namespaces need root"; return; }
    for tool in ip nft miniupnpd upnpc cc python3; do
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
    LAB_DIR=$(mktemp -d)
    trap lab_down EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    local ns
    for ns in "$LAB_CLIENT" "$LAB_ROUTER" "$LAB_WAN" "$LAB_DEVICE"; do
        ip netns add "$ns" || return
        # Addresses are usable at once: nobody else can have them here.
        ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 \
            net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 || return
        ip -n "$ns" link set lo up || return
    done
    in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 &&
        ip -n "$LAB_ROUTER" link add lan0 type bridge mcast_snooping 0 forward_delay 0 &&
        lab_cable "$LAB_CLIENT" eth0 client0 && ip -n "$LAB_ROUTER" link set client0 master lan0 &&
        lab_cable "$LAB_DEVICE" eth0 device0 && ip -n "$LAB_ROUTER" link set device0 master lan0 &&
        lab_cable "$LAB_WAN" eth0 wan0 &&
        ip -n "$LAB_ROUTER" link set lan0 up || return

    lab_address "$LAB_CLIENT" eth0 "$LAB_CLIENT_IP/24" fd99::2/64 2a02:ff0::2/64 &&
        lab_address "$LAB_DEVICE" eth0 "$LAB_DEVICE_IP/24" fd99::3/64 2a02:ff0::3/64 &&
        lab_address "$LAB_ROUTER" lan0 "$LAB_ROUTER_IP/24" fd99::1/64 2a02:ff0::1/64 &&
        lab_address "$LAB_ROUTER" wan0 "$LAB_EXTERNAL_IP/24" 2a02:ff1::142/64 &&
        lab_address "$LAB_WAN" eth0 81.2.69.1/24 2a02:ff1::1/64 || return
    for ns in "$LAB_CLIENT" "$LAB_DEVICE"; do
        ip -n "$ns" route add default via "$LAB_ROUTER_IP" && ip -n "$ns" -6 route add default via 2a02:ff0::1 || return
    done
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
    local status=$? ns pid
    trap - EXIT
    announcer_stop
    gateway_stop
    for ns in "$LAB_CLIENT" "$LAB_ROUTER" "$LAB_WAN" "$LAB_DEVICE"; do
        [[ -e /run/netns/$ns ]] || continue
        # What runs in a namespace made by us was started by us.
        for pid in $(ip netns pids "$ns"); do
            kill -KILL "$pid" 2>/dev/null
        done
        ip netns delete "$ns"
    done
    [[ -n $LAB_DIR ]] && rm -rf "$LAB_DIR"
    return "$status"
}

# ---- the gateway ---------------------------------------------------------------------------------------

# gateway_start VERSION [CONFIG_LINE...]: miniupnpd as IGD v1 or v2, its state as the last stop left it.
gateway_start() {
    local version=$1 force_v1=no
    shift
    [[ $version == v1 ]] && force_v1=yes
    {
        cat <<CONFIG
ext_ifname=wan0
listening_ip=lan0
http_port=5000
enable_upnp=yes
enable_natpmp=yes
force_igd_desc_v1=$force_v1
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
lease_file=$LAB_DIR/leases
system_uptime=yes
uuid=0c9d3b2e-5a46-4a52-9f0d-7b1f6e2d8a10
CONFIG
        [[ " $* " == *" secure_mode="* ]] || echo secure_mode=yes
        (($# == 0)) || printf '%s\n' "$@"
        # The order of the rules matters to miniupnpd: the first that matches decides.
        echo "allow 1-65535 10.99.0.0/24 1-65535"
        echo "deny 0-65535 0.0.0.0/0 0-65535"
    } >"$LAB_DIR/miniupnpd.conf"
    touch "$LAB_DIR/leases"
    # Without a /dev/log its lines go to the console, at up to 12 ms each: every timing would be the console's.
    # `ip netns exec` gives the process a mount namespace of its own, so that this stays inside.
    # Not `in_router`: the process behind $! has to be miniupnpd itself, no shell waiting for it.
    # shellcheck disable=SC2016 # expanded by the inner shell
    ip netns exec "$LAB_ROUTER" bash -c '
        for log in /dev/console /dev/log; do
            [[ ! -e $log ]] || mount --bind /dev/null "$log" || exit
        done
        exec miniupnpd -d -f "$1/miniupnpd.conf" -P "$1/miniupnpd.pid"' lab "$LAB_DIR" \
        >"$LAB_DIR/miniupnpd.log" 2>&1 </dev/null &
    LAB_GATEWAY_PID=$!
    gateway_wait
}

gateway_wait() {
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        if ! kill -0 "$LAB_GATEWAY_PID" 2>/dev/null; then
            break
        elif in_client bash -c ": </dev/tcp/$LAB_ROUTER_IP/5000" 2>/dev/null; then
            return
        fi
        sleep 0.02
    done
    echo "miniupnpd did not start:" >&2
    tail -n 5 "$LAB_DIR/miniupnpd.log" >&2
    return 1
}

gateway_stop() {
    stop_process "$LAB_GATEWAY_PID"
    LAB_GATEWAY_PID=
}

# As after a power cut: no lease, no rule.
gateway_forget() {
    local chain
    rm -f "$LAB_DIR/leases"
    for chain in miniupnpd prerouting_miniupnpd postrouting_miniupnpd; do
        in_router nft flush chain inet filter "$chain" || return
    done
}

# gateway_renew VERSION [CONFIG_LINE...]: an empty gateway, whatever ran before.
gateway_renew() {
    gateway_stop
    gateway_forget && gateway_start "$@"
}

# gateway_has udp|tcp PORT: asks the firewall, not a client.
gateway_has() {
    local protocol=0x11
    [[ $1 == udp ]] || protocol=0x6
    # nft 1.0 shows miniupnpd's rules as raw matches ("@nh,72,8 0x11 th dport 7777"), later ones as "udp dport".
    in_router nft list chain inet filter prerouting_miniupnpd | grep -Eq "($protocol th|\b$1) dport $2\b"
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

# ---- what goes wrong -----------------------------------------------------------------------------------

# loss_on PERCENT: each way between client and router, dropped where it arrives. A drop in an output chain would
# be an error that the sender sees, which no real network reports.
loss_on() {
    loss_rule "$LAB_ROUTER" lan0 "$1" && loss_rule "$LAB_CLIENT" eth0 "$1"
}

loss_rule() {
    ip netns exec "$1" nft -f - <<RULES
table inet loss {
    chain input {
        type filter hook input priority -300;
        iifname "$2" counter numgen random mod 100 < $3 counter drop
    }
}
RULES
}

loss_off() {
    in_router nft delete table inet loss && in_client nft delete table inet loss
}

# black_hole_on NAMESPACE INTERFACE [MATCH]: what arrives there (all of it, or what matches) is neither answered
# nor refused.
black_hole_on() {
    ip netns exec "$1" nft -f - <<RULES
table inet black_hole {
    chain input {
        type filter hook input priority -290;
        iifname "$2" ${3-} drop
    }
}
RULES
}

black_hole_off() { ip netns exec "$1" nft delete table inet black_hole; }

# announcer_start MODE: a device beside the gateway that claims to be one (see announce_dead.py).
announcer_start() {
    if [[ $1 == black-hole ]]; then
        black_hole_on "$LAB_DEVICE" eth0 "meta l4proto tcp" || return
    fi
    ip netns exec "$LAB_DEVICE" python3 "$LAB_HERE/announce_dead.py" --address "$LAB_DEVICE_IP" --mode "$1" \
        >"$LAB_DIR/announcer.log" 2>&1 </dev/null &
    LAB_ANNOUNCER_PID=$!
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        grep -q ready "$LAB_DIR/announcer.log" && return
        sleep 0.02
    done
    cat "$LAB_DIR/announcer.log" >&2
    return 1
}

announcer_stop() {
    stop_process "$LAB_ANNOUNCER_PID"
    LAB_ANNOUNCER_PID=
    if [[ -e /run/netns/$LAB_DEVICE ]]; then
        black_hole_off "$LAB_DEVICE" 2>/dev/null
    fi
    return 0
}

# ---- packets -------------------------------------------------------------------------------------------

# packet_arrives udp|tcp EXTERNAL_PORT [INTERNAL_PORT]: from wan, and an answer comes back.
packet_arrives() {
    python3 "$LAB_HERE/packet.py" --from "$LAB_WAN" --to "$LAB_CLIENT" "$1" "$LAB_EXTERNAL_IP" "$2" "${3-$2}"
}

packet_is_lost() {
    ! packet_arrives "$@"
}
