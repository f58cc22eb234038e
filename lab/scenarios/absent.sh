# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# No gateway.

scenario_absent() {
    gateway_stop
    gateway_forget || return
    proof "a refusing router that is no gateway: status 3 at the timeout" absent_open
    black_hole_on "$LAB_ROUTER" lan0 || return
    proof "a router that answers nothing: status 3 at the timeout" absent_open
    proof "... and discover finds none" absent_discover
    black_hole_off "$LAB_ROUTER"
}

# The caller's wait and at most 20 ms; starting a process in the namespace is not the program's to answer for.
absent_open() {
    local timeout_ms=1000 overhead_us run times=() late_us
    overhead_us=$(process_overhead_us) || return
    for run in 1 2 3; do
        pcl --json --timeout "$timeout_ms" open 7777/udp && status_is 3 &&
            json 'error["kind"] and error["message"] and isinstance(error["attempts"], list)' && says 'gateway' || return
        times[run]=$PCL_US
    done
    mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
    late_us=$((times[1] - timeout_ms * 1000 - overhead_us))
    NOTE="timeout $timeout_ms ms, late by $((late_us / 1000)) ms beyond the process's own $((overhead_us / 1000)) ms"
    ((late_us <= 20000))
}

absent_discover() {
    pcl --json --timeout 500 discover && status_is 3
}
