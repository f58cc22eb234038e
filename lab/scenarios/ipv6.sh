# shellcheck shell=bash
# IPv6.

scenario_ipv6() {
    gateway_renew v2 || return
    proof "discover --ipv6 finds the gateway over IPv6" ipv6_discover
}

ipv6_discover() {
    pcl --json discover --ipv6 && status_is 0 &&
        json 'any(d["gateway"] and d["usable"] and "://[" in d["location"] for d in devices)'
}
