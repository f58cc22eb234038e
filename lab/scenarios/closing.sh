# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# Closed means closed: what is told of a port is what the gateway has.

# The shortest lifetime that miniupnpd 2.3.1 honours, in seconds: renewals are seen while one waits. Later ones grant
# no less than 120.
CLOSING_SHORT=20

scenario_closing() {
    proofs_aside closing-pinhole closing_renewed_pinhole
    closing_beside_gateway || return
    proofs_join
}

closing_beside_gateway() {
    local first second port=7400
    gateway_renew v2 || return
    for first in pcp nat-pmp igd; do
        for second in pcp nat-pmp igd; do
            [[ $first == "$second" ]] && continue
            proof "opened by $first and then by $second: one close closes it, and status knows" \
                closing_both "$first" "$second" $((port += 10))
        done
    done
    proof "opened by igd and then by pcp: cleanup --left-open tells it once" closing_told_once
    proof "opened by pcp, then by another program by igd: close closes it" closing_renewed_by_other
    proof "opened twice by pcp, its journal lost between: close closes it" closing_nonce_lost
    gateway_renew v2 || return
    proof "nat-pmp: another host's port is not told as closed" closing_of_other_host
    proof "nat-pmp: what PCP has opened and the journal has lost is not told as closed while it is open" closing_unknown nat-pmp
    proof "pcp: ... nor as not open" closing_unknown pcp
    proof "all: ... and closed where some protocol can" closing_unknown_by_all
    proof "nat-pmp: what is said of a port that leads to another internal port is true" closing_other_internal
    proof "nat-pmp: ... and no other port is closed in its place" closing_spares_the_number
    for first in pcp nat-pmp igd; do
        gateway_renew v2 || return
        proof "$first: close of what the gateway has lost is done" closing_of_nothing "$first"
        proof "$first: ... and cleanup settles it" closing_cleanup_of_nothing "$first"
        proof "$first: ... and a keeper's end is no failure" closing_keeper_of_nothing "$first"
    done
    proof "pcp: behind a private address, what the gateway has is closed" closing_private
    proof "pcp: ... and close of what it has lost is done" closing_private_of_nothing
    keep_stop_all
}

# Four ports: what a race decides is not the same each time.
closing_both() {
    local port
    for ((port = $3; port < $3 + 4; port++)); do
        pcl --json open "$port/tcp" --protocol "$1" && status_is 0 && pcl --json open "$port/tcp" --protocol "$2" &&
            status_is 0 && packet_arrives tcp "$port" && pcl --json close "$port/tcp" && status_is 0 &&
            gateway_lacks_now tcp "$port" && packet_is_lost tcp "$port" &&
            status_lacks "$port" || return
    done
}

closing_told_once() {
    pcl --json open 7491/udp --protocol igd && status_is 0 && pcl --json open 7491/udp --protocol pcp && status_is 0 &&
        pcl cleanup --left-open && status_is 0 && [[ $(grep -c "^udp 7491 .*deleted$" "$LAB_DIR/stdout") == 1 ]] &&
        gateway_lacks_now udp 7491 && status_lacks 7491
}

closing_renewed_by_other() {
    pcl --json open 7471/udp --protocol pcp && status_is 0 &&
        upnpc_there "$LAB_CLIENT" -e other -a "$LAB_CLIENT_IP" 7471 7471 udp && gateway_leads udp 7471 "$LAB_CLIENT_IP:7471" &&
        pcl close 7471/udp && status_is 0 && gateway_lacks_now udp 7471 && status_lacks 7471
}

# The gateway takes the second nonce for the mapping's, or keeps the first: it is this host's port either way.
closing_nonce_lost() {
    pcl --json open 7472/udp --protocol pcp && status_is 0 && journal_lost && pcl --json open 7472/udp --protocol pcp &&
        { ((PCL_STATUS != 0)) || { pcl close 7472/udp && status_is 0 && gateway_lacks_now udp 7472; }; }
}

journal_lost() { rm -rf "${LAB_STATE:?}/portcullis"; }

# not_told_closed PORT: in JSON, by the last close.
not_told_closed() { json "not any(c['external_port'] == $1 and c['existed'] is True for c in doc.get('closed', []))"; }

closing_of_other_host() {
    other_host_has udp 7431 && pcl --json close 7431/udp --protocol nat-pmp && gateway_leads udp 7431 "$LAB_DEVICE_IP:7431" &&
        not_told_closed 7431 && pcl close 7431/udp --protocol nat-pmp && shows_no '7431 (is )?closed$'
}

# closing_unknown METHOD: either it is closed, or it is not said that it is, nor that it was not open.
closing_unknown() {
    local port=7441
    journal_lost && pcl --json open "$port/udp" --protocol pcp && status_is 0 && journal_lost &&
        pcl --json close "$port/udp" --protocol "$1" && { gateway_lacks udp "$port" || not_told_closed "$port"; } &&
        pcl close "$port/udp" --protocol "$1" && { gateway_lacks udp "$port" || shows_no 'closed$|was not open$'; }
}

closing_unknown_by_all() {
    journal_lost && pcl --json open 7442/udp --protocol pcp && status_is 0 && journal_lost &&
        pcl close 7442/udp && status_is 0 && gateway_lacks_now udp 7442
}

closing_other_internal() {
    pcl --json open 7443:7444/udp --protocol nat-pmp && status_is 0 && journal_lost &&
        pcl --json close 7443/udp --protocol nat-pmp && { gateway_lacks udp 7443 || not_told_closed 7443; } &&
        pcl close 7443/udp && status_is 0 && gateway_lacks_now udp 7443
}

# NAT-PMP deletes by the internal port; the number that is asked for is an external one.
closing_spares_the_number() {
    pcl --json open 7446:7445/udp --protocol nat-pmp && status_is 0 && pcl close 7445/udp --protocol nat-pmp &&
        status_is 4 && says 'would close port 7446 with it' && gateway_leads udp 7446 "$LAB_CLIENT_IP:7445"
}

# As when the gateway's owner has deleted it: no restart is heard of.
gateway_loses() { upnpc_there "$LAB_CLIENT" -d "$2" "$1" && gateway_lacks "$1" "$2"; }

closing_of_nothing() {
    pcl --json open 7451/udp --protocol "$1" && status_is 0 && gateway_loses udp 7451 && pcl close 7451/udp && status_is 0 &&
        status_lacks 7451
}

closing_cleanup_of_nothing() {
    keep_start doomed 7452/udp --protocol "$1" && keep_kill doomed && gateway_loses udp 7452 && pcl --json cleanup &&
        status_is 0 && status_lacks 7452
}

closing_keeper_of_nothing() {
    keep_start kept 7453/udp --protocol "$1" && gateway_loses udp 7453 && keep_stop kept &&
        ! grep 'may still be open' "$LAB_DIR/kept.stderr" && status_lacks 7453
}

# The daemon maps nothing behind one, but has what its lease file held.
behind_private_address() {
    gateway_crash && router_has_address 192.168.77.2 192.168.77.1 && gateway_start v2
}

before_the_internet() {
    gateway_stop
    router_has_address "$LAB_EXTERNAL_IP"
}

closing_private() {
    gateway_renew v2 && pcl --json open 7461/udp --protocol pcp && status_is 0 && behind_private_address &&
        gateway_has udp 7461 && pcl close 7461/udp && status_is 0 && gateway_lacks_now udp 7461 && status_lacks 7461
    local status=$?
    before_the_internet && return "$status"
}

closing_private_of_nothing() {
    gateway_renew v2 && pcl --json open 7462/udp --protocol pcp && status_is 0 && gateway_forget &&
        behind_private_address && gateway_lacks udp 7462 && pcl close 7462/udp && status_is 0 && status_lacks 7462
    local status=$?
    before_the_internet && return "$status"
}

# miniupnpd 2.3.1 (nftables) forgets whose a pinhole is when it is renewed by PCP, and refuses to delete it; by UPnP
# it does.
closing_renewed_pinhole() {
    gateway_renew v2 min_lifetime=10 || return
    proof "over IPv6 by pcp: a pinhole that was renewed is closed when its keeper ends" closing_keeper_of_pinhole
}

closing_keeper_of_pinhole() {
    keep_start pinhole --ipv6 --protocol pcp,igd --lifetime "$CLOSING_SHORT" 7454/udp &&
        told pinhole mapped '"method": *"pcp"' && packet6_arrives udp 7454 &&
        await "$(kept_lifetime pinhole)000" told pinhole renewed && packet6_arrives udp 7454 && keep_stop pinhole &&
        NOTE="gone after $AWAITED_MS ms" && packet6_is_lost udp 7454 && status_lacks 7454
}
