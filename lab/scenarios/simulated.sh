# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# A simulated gateway on a network.

scenario_simulated() {
    gateway_stop
    gateway_forget || return
    proof "simulate --on refuses a network with a route to the internet" simulated_refused
    proof "without one, searches by multicast find it" simulated_found
}

simulated_refused() {
    ! in_device timeout 2 "$PORTCULLIS" simulate --on "$LAB_DEVICE_IP" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" &&
        says 'route to the internet'
}

simulated_found() {
    local pid tries status
    ip -n "$LAB_DEVICE" route delete default || return
    ip netns exec "$LAB_DEVICE" "$PORTCULLIS" simulate --json --on "$LAB_DEVICE_IP" \
        >"$LAB_DIR/simulated" 2>&1 </dev/null &
    pid=$!
    for ((tries = 0; tries < 250; tries++)); do
        grep -q ssdp_address "$LAB_DIR/simulated" && break
        sleep 0.02
    done
    pcl --json discover && status_is 0 && json "devices[0]['location'].startswith('http://$LAB_DEVICE_IP:')"
    status=$?
    cat "$LAB_DIR/simulated"
    stop_process "$pid"
    ip -n "$LAB_DEVICE" route add default via "$LAB_ROUTER_IP" && ((status == 0))
}

