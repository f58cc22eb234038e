# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Neighbours who lie in the gateway's name, and a router with two UPnP stacks.

# An address that the gateway never had.
FORGED_ADDRESS=81.2.69.200
# The shortest lifetime that is honoured, in seconds.
STORMED_SHORT=20

scenario_neighbours() {
    local method
    for method in pcp nat-pmp; do
        proofs_aside "lies-$method" lies_to "$method"
    done
    for method in pcp nat-pmp igd; do
        proofs_aside "storm-$method" storm_over "$method"
    done
    proofs_aside stacks two_stacks
    proof "lab: what the neighbour sends arrives in the client as the gateway's" forgery_arrives
    gateway_renew v2 || return
    proof "four false answers at closed ports: the real gateway is found" false_answers "" 81 82 83 84
    proof "four false answers at silent ports: the real gateway is found" false_answers "tcp dport 81-84" 81 82 83 84
    proof "four false answers at its own port: the real gateway is found" \
        false_answers "" 5000/one 5000/two 5000/three 5000/four
    proof "eight false answers: the real gateway is found" false_answers "" 8{1,2,3,4}/{one,two}
    proofs_join
}

forgery_arrives() {
    local status
    gateway_stop
    beside heard "$LAB_CLIENT" python3 "$LAB_HERE/forge.py" listen --own "$LAB_CLIENT_IP" && beside_is_ready heard &&
        forged nat-pmp --external "$FORGED_ADDRESS" && forged pcp &&
        forged notify --usn "$LAB_UUID" --location "$LAB_DESCRIPTION_URL" &&
        await 2000 forgery_is_heard ":5351 b'.x00.x80" && await 2000 forgery_is_heard ":5351 b'.x02.x80" &&
        await 2000 forgery_is_heard ":1900 b'NOTIFY"
    status=$?
    cat "$LAB_DIR/heard.log"
    beside_stop
    return "$status"
}

forgery_is_heard() { grep -q "heard from $LAB_ROUTER_IP$1" "$LAB_DIR/heard.log"; }

# false_answers MATCH PORT[/PATH]...: each search is answered by the neighbour first, in the gateway's name; where there
# is a match, such packets to the router are neither answered nor refused.
false_answers() {
    local match=$1 status
    shift
    [[ -z $match ]] || black_hole_on "$LAB_ROUTER" lan0 "$match" || return
    liar answers answers --locations "${@/#/http://$LAB_ROUTER_IP:}" && beside_is_ready answers &&
        pcl --json --protocol igd open 7840/udp && status_is 0 && gateway_leads udp 7840 "$LAB_CLIENT_IP:7840" &&
        NOTE="in $((PCL_US / 1000)) ms" && grep -q '^answered' "$LAB_DIR/answers.log" &&
        pcl --json discover && status_is 0 && json "devices[0]['location'] == '$LAB_DESCRIPTION_URL'" &&
        pcl --json close 7840/udp && status_is 0 && gateway_lacks udp 7840
    status=$?
    beside_stop
    [[ -z $match ]] || black_hole_off "$LAB_ROUTER"
    return "$status"
}

lies_to() {
    gateway_renew v2 "$AS_A_ROUTER" || return
    proof "$1: a forged announcement does not change the external address that is told" forged_address_not_believed "$1"
    proof "$1: ... and a true one does afterwards" true_address_believed
    keep_stop_all
}

# Until it has asked: a client waits up to five seconds before it does (RFC 6886 section 3.7, RFC 6887 section 14.1.3).
forged_address_not_believed() {
    keep_start believer --protocol "$1" 7830/udp && sleep 2 && forged nat-pmp --external "$FORGED_ADDRESS" --count 3 --every 0.25 &&
        sleep 6 && ! grep -F "$FORGED_ADDRESS" "$LAB_DIR/believer.events" && packet_arrives udp 7830 &&
        pcl --json status && json "[m['external_address'] for m in mappings] == ['$LAB_EXTERNAL_IP']"
}

true_address_believed() {
    local status
    router_has_address 81.2.69.150 && await 10000 told believer external-address-changed 81.2.69.150 &&
        NOTE="told after $AWAITED_MS ms" && packet_to 81.2.69.150 udp 7830
    status=$?
    router_has_address "$LAB_EXTERNAL_IP"
    return "$status"
}

storm_over() {
    proof "$1: a storm of forged restarts does not close what is kept" storm_survived "$1"
    proof "$1: ... nor keep it from coming back when the gateway has forgotten it" storm_recovered "$1"
    keep_stop_all
    gateway_is_fast
}

# Five a second. Other routers take 150 ms for what miniupnpd does in one.
storm_begins() {
    gateway_renew v2 "$AS_A_ROUTER" min_lifetime=10 secure_mode=no && gateway_is_slow 0.15 || return
    if [[ $1 == igd ]]; then
        liar storm notify --usn "$LAB_UUID" --location "$LAB_DESCRIPTION_URL" --count 1000 --every 0.2
    else
        liar storm "$1" --external "$LAB_EXTERNAL_IP" --count 1000 --every 0.2
    fi
}

storm_survived() {
    storm_begins "$1" && keep_start stormed --protocol "$1" --lifetime "$STORMED_SHORT" 7850/udp && count_packets &&
        sleep $((STORMED_SHORT + 5)) && NOTE="$(packets_counted) packets in $((STORMED_SHORT + 5)) s" &&
        gateway_has udp 7850 && packet_arrives udp 7850 && ! told stormed lost && return
    keep_shows stormed
    return 1
}

storm_recovered() {
    gateway_crash && gateway_forget && gateway_start v2 "$AS_A_ROUTER" min_lifetime=10 secure_mode=no &&
        await 10000 gateway_has udp 7850 && NOTE="after $AWAITED_MS ms" && packet_arrives udp 7850 && ! told stormed lost &&
        return
    keep_shows stormed
    return 1
}

two_stacks() {
    gateway_renew v2 notify_interval=3 || return
    proof "lab: beside one stack that announces itself, a keeper has nothing to ask" stack_alone
    proof "igd: another stack of the router announces itself: it does not look restarted" stack_beside
}

stack_alone() {
    keep_start quiet --protocol igd 7851/udp && sleep 3 && count_packets && sleep 7 && NOTE="$(packets_counted) packets in 7 s" &&
        (($(packets_counted) <= 1))
}

# The router's own datagrams, with a BOOTID that does not change.
stack_beside() {
    local status
    beside second "$LAB_ROUTER" python3 "$LAB_HERE/forge.py" notify --own "$LAB_ROUTER_IP" --as "$LAB_ROUTER_IP" \
        --usn "$LAB_OTHER_UUID" --location "http://$LAB_ROUTER_IP:49152/device.xml" --boot-id 77 --count 1000 --every 1
    count_packets && sleep 10 && NOTE="$(packets_counted) packets in 10 s" && (($(packets_counted) <= 5)) &&
        ! told quiet degraded
    status=$?
    keep_shows quiet
    beside_stop
    keep_stop quiet && return "$status"
}
