# shellcheck shell=bash
# An operation undoes only what it made itself.

scenario_undo() {
    local method protocols port=8100
    gateway_renew v2 || return
    for method in pcp nat-pmp igd all; do
        protocols=$(protocols_of "$method") port=$((port + 100))
        proof "$method: an open that ends in a conflict leaves an earlier mapping of its internal port" \
            undo_leaves_earlier "$protocols" "$port"
        proof "$method: ... and one that another process keeps" undo_leaves_kept "$protocols" $((port + 10))
        proof "$method: ... and by --overwrite, where the gateway gives nothing away" \
            undo_leaves_earlier "$protocols" $((port + 20)) --overwrite
        proof "$method: an open of both protocols that ends in a conflict leaves the one that stood" \
            undo_leaves_other_protocol "$protocols" $((port + 30))
        proof "$method: ... and the one that another process keeps" undo_leaves_other_kept "$protocols" $((port + 40))
    done
    proof "igd: another internal port of this host is a conflict while a process keeps the first" undo_holder
    proof "igd: ... and --any-port takes another port" undo_holder_any_port
    proof "igd: ... and --overwrite takes it, and the first keeper's end does not close it" undo_holder_overwritten
    proof "igd: ... and a port of another program of this host is a conflict, too" undo_foreign_holder
    port=8600
    for method in pcp nat-pmp igd; do
        port=$((port + 10))
        proof "$method: of two keepers of one port, the last to end closes it" undo_two_keepers "$method" "$port" first second
        proof "$method: ... whichever that is" undo_two_keepers "$method" "$port" second first
        proof "$method: ... and a keeper's end leaves a port that open has left open" undo_left_open "$method" $((port + 1))
    done
    keep_stop_all
}

protocols_of() {
    if [[ $1 == all ]]; then
        echo pcp,nat-pmp,igd
    else
        echo "$1"
    fi
}

# undo_leaves_earlier PROTOCOLS PORT [OPTION]
undo_leaves_earlier() {
    local protocols=$1 port=$2 other
    shift 2
    other_host_has udp "$port" && pcl --json open "$port/udp" --any-port --protocol "$protocols" && status_is 0 &&
        other=$(external_port) && gateway_leads udp "$other" "$LAB_CLIENT_IP:$port" &&
        pcl --json open "$port/udp" "$@" --protocol "$protocols" && status_is '[46]' &&
        gateway_leads udp "$other" "$LAB_CLIENT_IP:$port" && packet_arrives udp "$other" "$port" &&
        pcl --json status && json "sum(m['external_port'] == $other for m in mappings) == 1"
}

undo_leaves_kept() {
    local protocols=$1 port=$2 other
    other_host_has udp "$port" && keep_start kept "$port/udp" --any-port --protocol "$protocols" &&
        other=$(kept_port kept) && gateway_leads udp "$other" "$LAB_CLIENT_IP:$port" &&
        pcl --json open "$port/udp" --protocol "$protocols" && status_is 6 &&
        gateway_leads udp "$other" "$LAB_CLIENT_IP:$port" && packet_arrives udp "$other" "$port" && keep_stop kept &&
        gateway_lacks udp "$other"
}

undo_leaves_other_protocol() {
    other_host_has tcp "$2" && pcl --json open "$2/udp" --protocol "$1" && status_is 0 && packet_arrives udp "$2" &&
        pcl --json open "$2" --protocol "$1" && status_is 6 &&
        gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && packet_arrives udp "$2" &&
        pcl --json status && json "sum(m['external_port'] == $2 and m['protocol'] == 'udp' for m in mappings) == 1"
}

undo_leaves_other_kept() {
    other_host_has tcp "$2" && keep_start kept "$2/udp" --protocol "$1" && packet_arrives udp "$2" &&
        pcl --json open "$2" --protocol "$1" && status_is 6 &&
        gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && packet_arrives udp "$2" && keep_stop kept && gateway_lacks udp "$2"
}

undo_holder() {
    keep_start holder 8010:8001/tcp --protocol igd && pcl --json open 8010:8002/tcp --protocol igd && status_is 6 &&
        gateway_leads tcp 8010 "$LAB_CLIENT_IP:8001" && packet_arrives tcp 8010 8001
}

undo_holder_any_port() {
    keep_start holder 8010:8001/tcp --protocol igd --overwrite &&
        pcl --json open 8010:8002/tcp --any-port --protocol igd && status_is 0 &&
        json 'mappings[0]["external_port"] != 8010' &&
        gateway_leads tcp 8010 "$LAB_CLIENT_IP:8001" && packet_arrives tcp "$(external_port)" 8002
}

undo_holder_overwritten() {
    keep_start holder 8010:8001/tcp --protocol igd --overwrite &&
        pcl --json open 8010:8002/tcp --overwrite --protocol igd && status_is 0 &&
        gateway_leads tcp 8010 "$LAB_CLIENT_IP:8002" && keep_stop holder && gateway_leads tcp 8010 "$LAB_CLIENT_IP:8002" &&
        packet_arrives tcp 8010 8002
}

undo_foreign_holder() {
    upnpc_there "$LAB_CLIENT" -a "$LAB_CLIENT_IP" 8003 8011 tcp && pcl --json open 8011:8004/tcp --protocol igd &&
        status_is 6 && gateway_leads tcp 8011 "$LAB_CLIENT_IP:8003"
}

# undo_two_keepers METHOD PORT FIRST_TO_END LAST_TO_END
undo_two_keepers() {
    keep_start first --protocol "$1" "$2/udp" && keep_start second --protocol "$1" "$2/udp" &&
        keep_stop "$3" && gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && packet_arrives udp "$2" &&
        keep_stop "$4" && gateway_lacks udp "$2" && pcl --json status &&
        json "all(m['external_port'] != $2 for m in mappings)"
}

# undo_left_open METHOD PORT: opened to stay, so no keeper's to close.
undo_left_open() {
    pcl --json open "$2/udp" --protocol "$1" && status_is 0 && keep_start kept --protocol "$1" "$2/udp" && keep_stop kept &&
        gateway_leads udp "$2" "$LAB_CLIENT_IP:$2" && packet_arrives udp "$2" &&
        pcl --json status && json "sum(m['external_port'] == $2 for m in mappings) == 1" &&
        pcl close "$2/udp" && status_is 0 && gateway_lacks udp "$2"
}
