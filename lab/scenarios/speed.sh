# shellcheck shell=bash
# Cold start.

# The whole program beside bare.c, which does only what cannot be left out.
scenario_speed() {
    local version
    gateway_renew v2 || return
    proof "cold start, a PCP gateway" time_ratio 2.00 "bare C,portcullis" --runs 40 -- \
        "$BARE" pcp "$LAB_ROUTER_IP" '{port}' :: "$PORTCULLIS" -q open '{port}/udp'
    for version in v1 v2; do
        gateway_renew "$version" || return
        proof "$version: cold start, search to confirmed mapping" time_ratio 1.15 "bare C,portcullis" -- \
            "$BARE" search "$LAB_CLIENT_IP" '{port}' :: "$PORTCULLIS" -q --protocol igd open '{port}/udp'
        gateway_renew "$version" || return
        proof "$version: cold start, description's URL known" time_ratio 2.00 "bare C,portcullis" --runs 40 -- \
            "$BARE" url "$LAB_DESCRIPTION_URL" '{port}' :: \
            "$PORTCULLIS" -q --protocol igd --gateway "$LAB_DESCRIPTION_URL" open '{port}/udp'
    done
}
