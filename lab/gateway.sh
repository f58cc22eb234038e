# shellcheck shell=bash
# The gateway: miniupnpd in the router's namespace.

# gateway_start VERSION [CONFIG_LINE...]: miniupnpd as IGD v1 or v2, its state as the last stop left it. Its HTTP
# server is on the port of the last `http_port=`, 5000 unless there is one.
gateway_start() {
    local version=$1 force_v1=no line
    shift
    [[ $version == v1 ]] && force_v1=yes
    local defaults=(ext_ifname=wan0 listening_ip=lan0 http_port=5000 enable_upnp=yes enable_natpmp=yes secure_mode=yes
        "force_igd_desc_v1=$force_v1" upnp_table_name=filter upnp_nat_table_name=filter upnp_forward_chain=miniupnpd
        upnp_nat_chain=prerouting_miniupnpd upnp_nat_postrouting_chain=postrouting_miniupnpd
        "lease_file=$LAB_DIR/leases" system_uptime=yes uuid=0c9d3b2e-5a46-4a52-9f0d-7b1f6e2d8a10)
    {
        for line in "${defaults[@]}"; do
            [[ " $* " == *" ${line%%=*}="* ]] || echo "$line"
        done
        (($# == 0)) || printf '%s\n' "$@"
        # The order of the rules matters to miniupnpd: the first that matches decides.
        echo "allow 1-65535 10.99.0.0/24 1-65535"
        echo "deny 0-65535 0.0.0.0/0 0-65535"
    } >"$LAB_DIR/miniupnpd.conf"
    LAB_HTTP_PORT=$(sed -n 's/^http_port=//p' "$LAB_DIR/miniupnpd.conf")
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

# Until it answers. The device asks: its cable is never pulled.
gateway_wait() {
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        if ! kill -0 "$LAB_GATEWAY_PID" 2>/dev/null; then
            break
        elif in_device bash -c ": </dev/tcp/$LAB_ROUTER_IP/$LAB_HTTP_PORT" 2>/dev/null; then
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

# As a power cut does: it says good-bye to nobody.
gateway_crash() {
    [[ -n $LAB_GATEWAY_PID ]] || return
    kill -KILL "$LAB_GATEWAY_PID"
    wait "$LAB_GATEWAY_PID" 2>/dev/null
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

gateway_lacks() { ! gateway_has "$@"; }
