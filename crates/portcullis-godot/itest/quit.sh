# shellcheck shell=bash
# What the engine leaves at the gateway when it ends, and how long its end takes. Sourced by run, which has the engine.

# Longest run of such a scene, in milliseconds: the engine's own, the exit timeout, and what a slow machine needs.
LONGEST_RUN=5000
# What the engine's own end may take beyond the exit timeout, in milliseconds.
LONGEST_END=400

# quit_tests: all, or those that are asked for.
quit_tests() {
    local failed=0
    quit_test mapped igd1 0 0 || failed=1
    quit_test outside igd1 0 0 || failed=1
    quit_test opening slow-http 0 0 || failed=1
    quit_test released igd1 0 0 || failed=1
    quit_test exit_tree igd1 0 0 || failed=1
    quit_test kept igd1 1 0 || failed=1
    quit_test killed igd1 1 137 || failed=1
    quit_test terminated igd1 1 143 || failed=1
    quit_test searching silent 0 0 || failed=1
    quit_test unanswered igd1 0 0 500 || failed=1
    quit_test unanswered_briefly igd1 0 0 100 || failed=1
    return "$failed"
}

# quit_test SCENE SCENARIO MAPPINGS STATUS [TIMEOUT]: runs a scene that ends the engine, and counts the mappings it
# leaves, each of which must end by itself. Where there is a timeout, in milliseconds, the end takes as long and not
# much longer; the scene says when it begins.
quit_test() {
    local scene=$1 scenario=$2 mappings=$3 expected=$4 timeout=${5:-} status=0 start now time listed left end problem=''
    selected "quit: $scene" || return 0
    simulate "$scenario"
    start=${EPOCHREALTIME/./}
    engine -- --scene "quit/$scene" >"$PROJECT/log" 2>&1 || status=$?
    now=${EPOCHREALTIME/./}
    time=$(((now - start) / 1000))
    listed=$("$PROJECT/portcullis" list --json --gateway "$PORTCULLIS_GATEWAY" 2>/dev/null) ||
        [[ $scenario == silent ]] || problem="the gateway cannot be asked"
    left=$(grep -o '"external_port"' <<<"$listed" | wc -l)
    [[ $status == "$expected" ]] || problem="exit status $status"
    [[ $left == "$mappings" ]] || problem="$left mappings are left"
    [[ $(grep -oE '"lifetime_s":[1-9]' <<<"$listed" | wc -l) == "$left" ]] || problem="what is left does not end"
    ((time <= LONGEST_RUN)) || problem="$time ms"
    if [[ -n $timeout ]]; then
        end=$(sed -n 's/^quitting at //p' "$PROJECT/log")
        end=$((now / 1000 - ${end:-0}))
        ((end >= timeout && end <= timeout + LONGEST_END)) || problem="its end took $end ms"
    fi
    if grep -qE "$BAD|^ERROR" "$PROJECT/log"; then
        problem="its log"
    fi
    if [[ -n $problem ]]; then
        echo "FAILED quit: $scene ($problem)"
        cat "$PROJECT/log"
        return 1
    fi
    echo "ok     quit: $scene ($time ms${timeout:+, the end $end ms}, $left left)"
}
