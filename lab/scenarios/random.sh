# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# After any sequence of commands, `status` tells what the gateway has of this host.

RANDOM_COMMANDS=200
# Few, so that they meet.
RANDOM_PORTS=(7900 7901 7902 7903)
RANDOM_KEEPERS=(red green blue)
DRAWN=
UP_SINCE=

# LAB_SEEDS names others than these, to play one again that failed.
scenario_random() {
    local seed seeds=(1)
    [[ -z ${LAB_SEEDS-} ]] || read -ra seeds <<<"$LAB_SEEDS"
    for seed in "${seeds[@]}"; do
        proofs_aside "random-$seed" random_commands "$seed"
    done
    proofs_join
}

random_commands() {
    gateway_renew v2 "$AS_A_ROUTER" || return
    proof "$RANDOM_COMMANDS random commands, seed $1: status is what the gateway has after each" random_sequence "$1"
    proof "... and when all is closed, neither has anything, seed $1" random_end
}

# draw WORD...: one of them, in DRAWN. Not by `$(...)`: each such shell draws numbers of its own.
draw() {
    local index=$((RANDOM % $#))
    shift "$index"
    DRAWN=$1
}

random_sequence() {
    local step limit_ms
    RANDOM=$1 UP_SINCE=$SECONDS
    : >"$LAB_DIR/trace"
    for ((step = 1; step <= RANDOM_COMMANDS; step++)); do
        NOTE="up to command $step"
        limit_ms=1500
        draw open open open open open_pinhole close close close keep keep keep_ended keep_killed other_opens other_closes \
            cleanup restart forget
        # One in twenty or so.
        if [[ $DRAWN == restart || $DRAWN == forget ]]; then
            ((RANDOM % 4 == 0)) || continue
        fi
        "random_$DRAWN" >"$LAB_DIR/command" 2>&1 && await "$limit_ms" status_is_true >>"$LAB_DIR/command" && continue
        echo "before, the last one first:"
        tail -n 16 "$LAB_DIR/trace" | tac
        echo "command $step:"
        cat "$LAB_DIR/command"
        status_is_true
        cat "$LAB_DIR/leases"
        echo "journal:"
        find "$XDG_STATE_HOME" -type f -name '*.journal' -exec \
            awk '{ print FILENAME ":", $2, $5, $6, $7, $8, $9, $11, $(NF - 1), $NF }' {} +
        return 1
    done
    NOTE="$RANDOM_COMMANDS commands"
}

# Ports in a form that the program takes, in DRAWN.
random_ports() {
    local port
    draw "${RANDOM_PORTS[@]}"
    port=$DRAWN
    draw "" "" "" :7910
    port+=$DRAWN
    draw /udp /tcp /udp /tcp ""
    DRAWN=$port$DRAWN
}

# noted COMMAND...: for the trace of a failure; the commands before it are what explains it.
noted() {
    echo "$*" >>"$LAB_DIR/trace"
    "$@"
}

random_open() {
    local ports
    random_ports
    ports=$DRAWN
    draw pcp nat-pmp igd pcp,nat-pmp,igd
    local protocols=$DRAWN
    draw "" "" "" "" --any-port
    # shellcheck disable=SC2086 # none, or one option
    noted pcl --json open "$ports" --protocol "$protocols" $DRAWN
    status_is '[046]'
}

random_open_pinhole() {
    local port
    draw "${RANDOM_PORTS[@]}"
    port=$DRAWN
    draw pcp igd
    noted pcl --json open --ipv6 "$port/udp" --protocol "$DRAWN"
    status_is '[046]'
}

# Not what is kept: its keeper may have it opened again, and when is not asked here.
random_close() {
    draw "${RANDOM_PORTS[@]}"
    pcl --json status && json "not any(m['external_port'] == $DRAWN and m['state'] == 'kept' for m in mappings)" || return 0
    local port=$DRAWN
    draw /udp /tcp ""
    noted pcl --json close "$port$DRAWN"
    status_is '[06]' || grep -q 'would close port' "$LAB_DIR/stderr"
}

random_keep() {
    local name ports
    draw "${RANDOM_KEEPERS[@]}"
    name=$DRAWN
    [[ -z ${KEPT[$name]-} ]] || return 0
    random_ports
    ports=$DRAWN
    draw pcp nat-pmp igd pcp,nat-pmp,igd
    # Where another host has the port, it ends at once.
    noted keep_start "$name" "$ports" --protocol "$DRAWN" || keep_kill "$name" || true
}

random_keep_ended() {
    draw "${RANDOM_KEEPERS[@]}"
    [[ -z ${KEPT[$DRAWN]-} ]] || noted random_keep_stop "$DRAWN"
}

# By NAT-PMP or PCP alone, what another external port of the same internal one stands beside cannot be deleted; it says so.
random_keep_stop() {
    keep_stop "$1" || grep -q 'would close port' "$LAB_DIR/$1.stderr"
}

random_keep_killed() {
    draw "${RANDOM_KEEPERS[@]}"
    [[ -z ${KEPT[$DRAWN]-} ]] || noted keep_kill "$DRAWN"
}

random_other_opens() {
    local port
    draw "${RANDOM_PORTS[@]}"
    port=$DRAWN
    draw udp tcp
    noted upnpc_there "$LAB_DEVICE" -a "$LAB_DEVICE_IP" "$port" "$port" "$DRAWN" || true
}

random_other_closes() {
    local port
    draw "${RANDOM_PORTS[@]}"
    port=$DRAWN
    draw udp tcp
    noted upnpc_there "$LAB_DEVICE" -d "$port" "$DRAWN" || true
}

random_cleanup() {
    draw "" "" --left-open
    # shellcheck disable=SC2086 # none, or one option
    noted pcl --json cleanup $DRAWN
    status_is 0
}

# It comes back with the leases that it had.
random_restart() {
    gateway_is_old && noted gateway_crash && gateway_start v2 "$AS_A_ROUTER" && UP_SINCE=$SECONDS limit_ms=12000
}

# What was left open is gone, and `status` asks nobody; what is kept comes back.
random_forget() {
    gateway_is_old && pcl --json status && cp "$LAB_DIR/stdout" "$LAB_DIR/forgotten.$step" && gateway_crash &&
        noted gateway_forget && gateway_start v2 "$AS_A_ROUTER" && UP_SINCE=$SECONDS limit_ms=12000
}

# Restarts are told by a clock that begins anew, so that it has to have counted some seconds.
gateway_is_old() {
    while ((SECONDS - UP_SINCE < 6)); do
        sleep 0.2
    done
}

random_end() {
    local name
    for name in "${!KEPT[@]}"; do
        random_keep_stop "$name" || return
    done
    pcl --json cleanup --left-open && status_is 0 && pcl --json status && json 'mappings == []' && status_is_true
}
