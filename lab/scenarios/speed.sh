# shellcheck shell=bash
# Cold start: the whole program beside bare.c, which does only what cannot be left out.

scenario_speed() {
    local version
    gateway_renew v2 || return
    proof "cold start, PCP, without a journal" cold_start 2.00 40 "PCP, without a journal" \
        "$BARE" pcp "$LAB_ROUTER_IP" '{port}' :: "$PORTCULLIS" -q --no-journal open '{port}/udp'
    gateway_renew v2 || return
    # What is asked for is safe on the disk before it is asked for: the disk has its share in this, and none beside a
    # program that does the same.
    proof "cold start, PCP, with the journal" cold_start 3.00 40 "PCP, with the journal" \
        "$BARE" pcp "$LAB_ROUTER_IP" '{port}' :: "$PORTCULLIS" -q open '{port}/udp'
    gateway_renew v2 || return
    proof "cold start, PCP, with the journal, beside a program that keeps a file" cold_start 2.50 40 \
        "PCP, with the journal; bare C keeps a file, too" \
        "$BARE" pcp "$LAB_ROUTER_IP" '{port}' "$XDG_STATE_HOME/bare.{port}" :: "$PORTCULLIS" -q open '{port}/udp'
    for version in v1 v2; do
        gateway_renew "$version" || return
        proof "$version: cold start, search to confirmed mapping" cold_start 1.15 20 "UPnP, IGD ${version#v}" \
            "$BARE" search "$LAB_CLIENT_IP" '{port}' :: "$PORTCULLIS" -q --protocol igd open '{port}/udp'
        gateway_renew "$version" || return
        proof "$version: cold start, description's URL known" cold_start 2.00 40 "UPnP, IGD ${version#v}, URL known" \
            "$BARE" url "$LAB_DESCRIPTION_URL" '{port}' :: \
            "$PORTCULLIS" -q --protocol igd --no-journal --gateway "$LAB_DESCRIPTION_URL" open '{port}/udp'
    done
}

# cold_start LIMIT RUNS NAME COMMAND... :: COMMAND...
cold_start() {
    local limit=$1 runs=$2 name=$3 status
    shift 3
    time_ratio "$limit" "bare C,portcullis" --runs "$runs" -- "$@"
    status=$?
    record speed "$name" "${NOTE%, limit*}"
    return "$status"
}
