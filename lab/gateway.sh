# shellcheck shell=bash
# The gateway: miniupnpd in the router's namespace.

LAB_UUID=0c9d3b2e-5a46-4a52-9f0d-7b1f6e2d8a10

# gateway_start VERSION [CONFIG_LINE...]: miniupnpd as IGD v1 or v2, its state as the last stop left it. Its HTTP
# server is on the port of the last `http_port=`, 5000 unless there is one. Which miniupnpd is for LAB_ROOT to say.
gateway_start() {
    local version=$1 force_v1=no line folder=$LAB_DIR
    shift
    [[ $version == v1 ]] && force_v1=yes
    # There the daemon sees the folder under another name.
    [[ -z $LAB_ROOT ]] || folder=/mnt
    local defaults=(ext_ifname=wan0 listening_ip=lan0 http_port=5000 enable_upnp=yes enable_natpmp=yes secure_mode=yes
        "force_igd_desc_v1=$force_v1" upnp_table_name=filter upnp_nat_table_name=filter upnp_forward_chain=miniupnpd
        upnp_nat_chain=prerouting_miniupnpd upnp_nat_postrouting_chain=postrouting_miniupnpd
        "lease_file=$folder/leases" system_uptime=yes "uuid=$LAB_UUID")
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
        for log in "$1"/dev/{console,log}; do
            [[ ! -e $log ]] || mount --bind /dev/null "$log" || exit
        done
        run=(miniupnpd -d -f "$3/miniupnpd.conf" -P "$3/miniupnpd.pid")
        [[ -n $1 ]] || exec "${run[@]}"
        mount --bind "$2" "$1$3" && mount --bind /proc "$1/proc" && exec chroot "$1" "${run[@]}"' \
        lab "$LAB_ROOT" "$LAB_DIR" "$folder" \
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

# gateway_renew VERSION [CONFIG_LINE...]: an empty gateway, whatever ran before, and nothing noted of the one before.
gateway_renew() {
    gateway_stop
    [[ -n $LAB_STATE ]] && rm -rf "${LAB_STATE:?}/portcullis" "$LAB_DIR"/forgotten.*
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

# gateway_leads udp|tcp PORT ADDRESS[:PORT]: its lease file says that the port leads there.
gateway_leads() {
    local lease
    lease=$(grep -E "^${1^^}:$2:" "$LAB_DIR/leases") && [[ $lease == "${1^^}:$2:$3:"* ]] && return
    echo "$1 $2 leads not to $3 but: ${lease:-nowhere}"
    return 1
}

# other_host_has udp|tcp PORT: the device has had the gateway open it.
other_host_has() {
    upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" "$2" "$2" "$1" >"$LAB_DIR/upnpc" 2>&1
    gateway_leads "$1" "$2" "$LAB_DEVICE_IP:$2" && return
    cat "$LAB_DIR/upnpc"
    return 1
}
