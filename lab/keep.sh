# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# `open --keep` in the background, and what it tells: one JSON object a line, in $LAB_DIR/NAME.events.

declare -A KEPT=()
AWAITED_MS=

# await MILLISECONDS COMMAND...: until the command succeeds; how long that took is in AWAITED_MS.
await() {
    local limit_ms=$1 start=${EPOCHREALTIME/./} status
    shift
    while :; do
        "$@" >/dev/null 2>&1
        status=$?
        AWAITED_MS=$(((${EPOCHREALTIME/./} - start) / 1000))
        ((status != 0 && AWAITED_MS < limit_ms)) || break
        sleep 0.02
    done
    ((status == 0)) && return
    echo "after $AWAITED_MS ms still not: $*"
    return 1
}

# keep_start NAME ARGUMENT...: until it is open. A background job of a script ignores SIGINT; `env` gives the program
# the defaults that a terminal would.
keep_start() {
    local name=$1
    shift
    # What a proof that failed has left.
    [[ -z ${KEPT[$name]-} ]] || keep_kill "$name"
    echo "\$ portcullis --json open $* --keep"
    # What one before it told would be taken for this one's.
    rm -f "$LAB_DIR/$name.events"
    ip netns exec "$LAB_CLIENT" env --default-signal=INT,TERM "$PORTCULLIS" --json open "$@" --keep \
        >"$LAB_DIR/$name.events" 2>"$LAB_DIR/$name.stderr" </dev/null &
    KEPT[$name]=$!
    await 10000 keep_has_begun "$name" && told "$name" mapped && return
    keep_shows "$name"
    return 1
}

# Or has ended without.
keep_has_begun() { told "$1" mapped || ! kill -0 "${KEPT[$1]}" 2>/dev/null; }

# keep_end SIGNAL NAME: and until it has ended.
keep_end() {
    local signal=$1 name=$2 pid=${KEPT[$2]-} status tries start
    [[ -n $pid ]] || { echo "$name does not run"; return 1; }
    unset "KEPT[$name]"
    start=${EPOCHREALTIME/./}
    kill -"$signal" "$pid"
    for ((tries = 0; tries < 250; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    AWAITED_MS=$(((${EPOCHREALTIME/./} - start) / 1000))
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    status=$?
    [[ $signal == KILL ]] && return
    ((status == 0)) && return
    echo "status $status"
    keep_shows "$name"
    return 1
}

keep_stop() { keep_end TERM "$1"; }

# As a crash does.
keep_kill() { keep_end KILL "$1"; }

keep_stop_all() {
    local name status=0
    for name in "${!KEPT[@]}"; do
        keep_stop "$name" || status=1
    done
    return "$status"
}

# told NAME EVENT [PATTERN] [COUNT]: it has told of this, in so many lines that are like the pattern.
told() {
    local count
    count=$(grep -Es "\"event\": *\"$2\"" "$LAB_DIR/$1.events" | grep -Ec -- "${3:-.}")
    ((count >= ${4:-1}))
}

# The external port that was told when it was opened.
kept_port() { grep -E '"event": *"mapped"' "$LAB_DIR/$1.events" | grep -oE '"external_port": *[0-9]+' | grep -oE '[0-9]+$'; }

# What was granted then, in seconds.
kept_lifetime() { grep -E '"event": *"mapped"' "$LAB_DIR/$1.events" | grep -oE '"lifetime_s": *[0-9]+' | grep -oE '[0-9]+$'; }

keep_shows() {
    echo "$1:"
    tail -n 20 "$LAB_DIR/$1.events" "$LAB_DIR/$1.stderr"
}

# median NUMBER...
median() {
    local sorted
    mapfile -t sorted < <(printf '%s\n' "$@" | sort -n)
    echo "${sorted[$# / 2]}"
}

worst() { printf '%s\n' "$@" | sort -n | tail -n 1; }
