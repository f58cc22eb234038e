# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# `open --keep` ends.

scenario_keep() {
    local signal
    gateway_renew v2 || return
    for signal in TERM INT; do
        proof "open --keep closes what it opened on SIG$signal" keep_until "$signal"
    done
}

keep_until() {
    local pid status tries start
    # A background job of a script ignores SIGINT; `env` gives the program the defaults a terminal would.
    ip netns exec "$LAB_CLIENT" env --default-signal=INT,TERM "$PORTCULLIS" open 7790/udp --keep \
        >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" </dev/null &
    pid=$!
    for ((tries = 0; tries < 250; tries++)); do
        gateway_has udp 7790 && break
        sleep 0.02
    done
    if packet_arrives udp 7790 && kill -0 "$pid"; then
        start=${EPOCHREALTIME/./}
        kill -"$1" "$pid"
        for ((tries = 0; tries < 250; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.02
        done
        NOTE="gone after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
    fi
    kill -KILL "$pid" 2>/dev/null
    wait "$pid"
    status=$?
    cat "$LAB_DIR/stdout" "$LAB_DIR/stderr"
    echo "status $status"
    ((status == 0)) && gateway_lacks udp 7790 && packet_is_lost udp 7790
}
