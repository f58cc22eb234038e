# shellcheck shell=bash
# What goes wrong: loss, silence, devices that are none.

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
    # What one before it said would be taken for this one's.
    rm -f "$LAB_DIR/announcer.log"
    ip netns exec "$LAB_DEVICE" python3 "$LAB_HERE/announce_dead.py" --address "$LAB_DEVICE_IP" --mode "$1" \
        >"$LAB_DIR/announcer.log" 2>&1 </dev/null &
    LAB_ANNOUNCER_PID=$!
    local tries
    for ((tries = 0; tries < 250; tries++)); do
        grep -qs ready "$LAB_DIR/announcer.log" && return
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
