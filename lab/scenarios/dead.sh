# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Devices that are announced but dead.

scenario_dead() {
    local mode
    gateway_renew v2 || return
    for mode in black-hole elsewhere refuse silent drip; do
        proof "a dead device ($mode) beside the gateway costs nothing" dead_device "$mode"
    done
    gateway_renew v2 || return
    for mode in black-hole drip; do
        proof "discover --all beside a dead device ($mode) ends at the timeout" dead_discover "$mode"
    done
}

# The same command by turns with the device muted and heard. Fifteen per cent is what the clock of a busy machine
# does; what these devices cost elsewhere is seconds.
dead_device() {
    local in_there="ip netns exec $LAB_DEVICE nft" status
    announcer_start "$1" || return
    in_device nft "add table inet mute; add chain inet mute input { type filter hook input priority -280; }" &&
        time_ratio 1.15 "without,with" \
            --before-first "$in_there add rule inet mute input udp dport 1900 drop" \
            --before-second "$in_there flush chain inet mute input" \
            -- "$PORTCULLIS" -q open '{port}/udp' :: "$PORTCULLIS" -q open '{port}/udp'
    status=$?
    in_device nft delete table inet mute
    announcer_stop
    cat "$LAB_DIR/announcer.log"
    # Heard, or it proves nothing.
    ((status == 0)) && grep -q '^answered' "$LAB_DIR/announcer.log"
}

dead_discover() {
    local timeout_ms=1000 overhead_us
    overhead_us=$(process_overhead_us) && announcer_start "$1" || return
    pcl --json --timeout "$timeout_ms" discover --all
    announcer_stop
    NOTE="timeout $timeout_ms ms, ended after $((PCL_US / 1000)) ms, $((overhead_us / 1000)) of them the process's own"
    status_is 0 && json 'sum(d["gateway"] and d["usable"] for d in devices) == 1' &&
        ((PCL_US < timeout_ms * 1000 + overhead_us + 100000))
}
