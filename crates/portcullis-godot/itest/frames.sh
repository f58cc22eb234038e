# shellcheck shell=bash
# What calls that do not wait cost the main thread, in the library that counts it. Sourced by run, which has the engine,
# and after scenarios.sh, which has networks.

frame_tests() {
    local failed=0 obstacle
    selected "main thread" || return 0
    cargo build --quiet --release --locked -p portcullis-godot --features measure
    install release
    simulate igd1
    frame_test "a gateway that is named" || failed=1
    stop_simulator
    obstacle=$(scenarios_obstacle)
    if [[ -n $obstacle ]]; then
        echo "skipped main thread while the network is searched: $obstacle"
    else
        frame_test_on_a_network || failed=1
    fi
    return "$failed"
}

# frame_test WHAT: of searches for the gateway in PORTCULLIS_GATEWAY, or for any. What the library does too long it does
# too long each time, while a page that the system fetches late, or an interrupt, is counted for one frame of thousands: a
# longest frame that is too long is measured anew, twice at most.
frame_test() {
    local status attempt
    for attempt in 1 2 3; do
        status=0
        engine -- --scene timing/frames >"$PROJECT/log" 2>&1 || status=$?
        ((status == 2 && attempt < 3)) || break
        echo "again  main thread, $1: $(grep '^the longest' "$PROJECT/log")"
    done
    if ((status)) || grep -qE "$BAD" "$PROJECT/log"; then
        echo "FAILED main thread, $1"
        cat "$PROJECT/log"
        return 1
    fi
    echo "ok     main thread, $1: $(grep '^the longest' "$PROJECT/log")"
}

frame_test_on_a_network() (
    set +e
    # What the functions of scenarios.sh go by.
    # shellcheck disable=SC2034
    name=igd1 base=$PROJECT/frames gateway=$LAB_ID-fg client=$LAB_ID-fc SIMULATOR=''
    trap scenario_down EXIT
    scenario_namespaces && plain && scenario_simulate || exit
    # shellcheck disable=SC2034
    WITHIN=(ip netns exec "$client")
    PORTCULLIS_GATEWAY='' frame_test "the network searched"
)
