# shellcheck shell=bash
# The whole path by UPnP, with gateways of both versions.

scenario_igd_v1() { whole_path v1; }
scenario_igd_v2() { whole_path v2; }

whole_path() {
    local version=$1
    gateway_renew "$version" || return
    proof "$version: discover finds the gateway and its service" path_discover "$version"
    proof "$version: discover --all lists it too" path_discover_all
    proof "$version: discover --gateway ADDRESS and URL find it" path_discover_known
    proof "$version: address is the external one, and public" path_address
    proof "$version: with nothing open the list is empty" path_list_empty
    proof "$version: open 7777 opens UDP and TCP" path_open
    proof "$version: packets from wan arrive in the client" both_arrive 7777
    proof "$version: open 7801:7802/udp, and the packet arrives at 7802" path_open_other_internal
    proof "$version: list shows what is open" path_list
    proof "$version: upnpc -l sees our mapping" path_foreign_list
    proof "$version: open 7777 again is the same mapping" path_reopen
    proof "$version: list sees a mapping made by upnpc -a" path_list_foreign
    proof "$version: close 7777 closes both" path_close
    proof "$version: packets from wan no longer arrive" neither_arrives 7777
    proof "$version: close of what is not open does no harm" path_close_again
    proof "$version: list reads a table that is longer than one listing" path_long_table
}

# Longer than what is asked for in one GetListOfPortMappings: it is read entry by entry (QUIRKS.md 66).
path_long_table() {
    local ports
    mapfile -t ports < <(seq -f '%.0f/udp' 21001 21110)
    pcl --json --protocol igd --timeout 20000 open "${ports[@]}" && status_is 0 && json 'len(mappings) == 110' &&
        pcl --json --timeout 20000 list && status_is 0 && json 'len(mappings) == 110' &&
        pcl --json --timeout 20000 close "${ports[@]}" && status_is 0 &&
        pcl --json list && status_is 0 && json 'len(mappings) == 0'
}

path_discover() {
    pcl --json discover && status_is 0 &&
        json 'len(devices) == 1 and elapsed_ms > 0' &&
        json 'devices[0]["gateway"] is True and devices[0]["usable"] is True' &&
        json "devices[0]['location'] == '$LAB_DESCRIPTION_URL'" &&
        json "devices[0]['local_address'] == '$LAB_CLIENT_IP' and devices[0]['status'] == 'connected'" &&
        json "any(s['service_type'] == 'urn:schemas-upnp-org:service:WANIPConnection:${1#v}'
              and s['control_url'].endswith('/ctl/IPConn') for s in devices[0]['services'])" &&
        json "devices[0]['external_address'] == '$LAB_EXTERNAL_IP' and devices[0]['external_address_kind'] == 'public'"
}

path_discover_all() {
    pcl --json --timeout 1000 discover --all && status_is 0 &&
        json 'sum(d["gateway"] and d["usable"] for d in devices) == 1'
}

path_discover_known() {
    local gateway
    for gateway in "$LAB_ROUTER_IP" "$LAB_DESCRIPTION_URL"; do
        pcl --json --gateway "$gateway" discover && status_is 0 &&
            json 'any(d["gateway"] and d["usable"] for d in devices)' || return
    done
}

path_address() {
    pcl address && status_is 0 && shows "^$LAB_EXTERNAL_IP\b" &&
        pcl --json address && status_is 0 && json "'$LAB_EXTERNAL_IP' in doc.values() and 'public' in doc.values()"
}

path_list_empty() { pcl --json list && status_is 0 && json 'mappings == []'; }

path_open() {
    pcl --json --protocol igd open 7777 && status_is 0 &&
        json 'sorted(m["protocol"].lower() for m in mappings) == ["tcp", "udp"]' &&
        json 'all(m["method"] == "igd" and m["external_port"] == m["internal_port"] == 7777 for m in mappings)' &&
        json "all(m['internal_address'] == '$LAB_CLIENT_IP' for m in mappings)" &&
        json "all(m['external_address'] == '$LAB_EXTERNAL_IP' for m in mappings)" &&
        json 'all(m["lifetime_s"] >= 0 and m["elapsed_ms"] > 0 and m["gateway"] for m in mappings)' &&
        gateway_has udp 7777 && gateway_has tcp 7777
}

path_open_other_internal() {
    pcl --json --protocol igd open 7801:7802/udp && status_is 0 &&
        json '[(m["external_port"], m["internal_port"]) for m in mappings] == [(7801, 7802)]' &&
        packet_arrives udp 7801 7802 && pcl close 7801/udp && status_is 0 && packet_is_lost udp 7801 7802
}

path_list() {
    pcl --json list && status_is 0 &&
        json "sorted((m['protocol'].lower(), m['external_port'], m['internal_address'], m['internal_port'], m['enabled'])
              for m in mappings)
              == [('tcp', 7777, '$LAB_CLIENT_IP', 7777, True), ('udp', 7777, '$LAB_CLIENT_IP', 7777, True)]" &&
        json 'all({"description", "lifetime_s", "remote_host"} <= m.keys() for m in mappings)' &&
        pcl list && status_is 0 && shows "7777.*$LAB_CLIENT_IP|$LAB_CLIENT_IP.*7777"
}

path_foreign_list() {
    local list
    list=$(upnpc_there "$LAB_CLIENT" -l) && echo "$list" &&
        grep -q "UDP *7777->$LAB_CLIENT_IP:7777" <<<"$list" && grep -q "TCP *7777->$LAB_CLIENT_IP:7777" <<<"$list"
}

path_reopen() {
    pcl --json --protocol igd open 7777 && status_is 0 &&
        json 'len(mappings) == 2 and all(m["external_port"] == 7777 for m in mappings)' &&
        pcl --json list && json 'len(mappings) == 2' && both_arrive 7777
}

path_list_foreign() {
    upnpc_there "$LAB_CLIENT" -e foreign -a "$LAB_CLIENT_IP" 7901 7900 tcp && pcl --json list && status_is 0 &&
        json "any(m['external_port'] == 7900 and m['internal_port'] == 7901 and m['protocol'].lower() == 'tcp'
              and m['internal_address'] == '$LAB_CLIENT_IP' and m['description'] == 'foreign' for m in mappings)" &&
        upnpc_there "$LAB_CLIENT" -d 7900 tcp
}

path_close() {
    pcl --json close 7777 && status_is 0 && json 'isinstance(doc, dict) and "error" not in doc' &&
        gateway_lacks udp 7777 && gateway_lacks tcp 7777 && path_list_empty
}

# Closing twice may be a success (nothing is open) or said not to be there, but it is no crash and no wait.
path_close_again() {
    pcl --json --timeout 3000 close 7777/udp && ((PCL_STATUS == 0 || PCL_STATUS == 4)) && ((PCL_US < 3100000))
}
