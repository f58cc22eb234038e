# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# What is kept comes back when the host's addresses change, and wherever the gateway was named.

scenario_addresses() {
    local method
    # They mostly wait for what has five seconds.
    for method in pcp nat-pmp igd; do
        proofs_aside "addresses-$method" addresses_of "$method"
    done
    for method in pcp igd; do
        proofs_aside "addresses6-$method" addresses6_of "$method"
    done
    proofs_join
}

addresses_of() {
    local method=$1
    proof "$method: another address of the same interface: mapped from there within 5 s, the same port" \
        address_moves "$method" client_has_address "$LAB_MOVED_IP"
    proof "$method: ... and no restart of the gateway is told" tells_no_restart moving
    proof "$method: ... where the gateway lets nobody delete another address's: on another port, if allowed" \
        address_moves_to_another_port "$method"
    proof "$method: ... else it is told, and nothing piles up" address_cannot_move "$method"
    proof "$method: Ethernet unplugged beside Wi-Fi: mapped from there within 5 s, the same port" address_unplugged "$method"
    proof "$method: only the external address changes: no restart of the gateway is told" external_address_alone "$method"
    proof "$method: named by --gateway, the gateway forgets all: mapped again within 5 s" named_gateway_restarts "$method"
}

addresses6_of() {
    local method=$1
    proof "$method over IPv6: the gateway forgets all: the pinhole is back within 10 s" pinhole_comes_back "$method"
    proof "$method over IPv6: ... also where its announcements come over IPv6 alone" \
        over_ipv6_alone pinhole_comes_back "$method"
    proof "$method over IPv6: renumbered, the pinhole is the preferred address's within 5 s" renumbered "$method"
    proof "$method over IPv6: ... and no restart of the gateway is told" tells_no_restart renumbering
}

# with_igd METHOD: UPnP may be what deletes for an address that is gone.
with_igd() {
    if [[ $1 == igd ]]; then
        echo igd
    else
        echo "$1,igd"
    fi
}

# leases_are COUNT
leases_are() { [[ $(grep -c . "$LAB_DIR/leases") == "$1" ]] || { cat "$LAB_DIR/leases" && return 1; }; }

tells_no_restart() { told "$1" mapped && ! grep gateway-restarted "$LAB_DIR/$1.events"; }

# address_moves METHOD FUNCTION ADDRESS: the gateway lets everybody delete by UPnP.
address_moves() {
    gateway_renew v2 secure_mode=no && keep_start moving --protocol "$(with_igd "$1")" 7801/udp &&
        told moving mapped "\"method\": *\"$1\"" && "$2" "$3" && address_has_moved "$3"
    local status=$?
    keep_shows moving
    keep_stop_all
    client_has_address "$LAB_CLIENT_IP" && return "$status"
}

address_has_moved() {
    await 5000 gateway_leads udp 7801 "$1:7801" && NOTE="after $AWAITED_MS ms" && packet_arrives udp 7801 && leases_are 1 &&
        await 1000 told moving '[a-z-]*' "$1.*\"external_port\": *7801" && keep_stop moving && gateway_lacks udp 7801 &&
        status_is_true "$LAB_CLIENT_IP" "$1"
}

# Which port it is now, the gateway and the keeper agree about.
address_moves_to_another_port() {
    local status
    gateway_renew v2 && keep_start moving --any-port --protocol "$(with_igd "$1")" 7801/udp &&
        client_has_address "$LAB_MOVED_IP" && await 5000 moved_to_another_port && NOTE="after $AWAITED_MS ms" &&
        packet_arrives udp "$MOVED_PORT" 7801 && leases_are 2 && status_is_true "$LAB_CLIENT_IP" "$LAB_MOVED_IP" &&
        { keep_stop moving || true; } && gateway_lacks udp "$MOVED_PORT" && status_is_true "$LAB_CLIENT_IP" "$LAB_MOVED_IP"
    status=$?
    cat "$LAB_DIR/leases"
    [[ -z ${KEPT[moving]-} ]] || keep_stop moving
    client_has_address "$LAB_CLIENT_IP" && return "$status"
}

moved_to_another_port() {
    MOVED_PORT=$(sed -nE "s/^UDP:([0-9]+):$LAB_MOVED_IP:7801:.*/\1/p" "$LAB_DIR/leases") &&
        [[ -n $MOVED_PORT ]] && told moving '[a-z-]*' "\"$LAB_MOVED_IP\".*\"external_port\": *$MOVED_PORT\b"
}

address_cannot_move() {
    local status
    gateway_renew v2 && keep_start moving --protocol "$(with_igd "$1")" 7801/udp && client_has_address "$LAB_MOVED_IP" &&
        await 5000 told moving degraded && sleep 4 && leases_are 1 && gateway_leads udp 7801 "$LAB_CLIENT_IP:7801" &&
        status_is_true "$LAB_CLIENT_IP" "$LAB_MOVED_IP" && { keep_stop moving || true; } &&
        status_is_true "$LAB_CLIENT_IP" "$LAB_MOVED_IP"
    status=$?
    cat "$LAB_DIR/leases"
    [[ -z ${KEPT[moving]-} ]] || keep_stop moving
    client_has_address "$LAB_CLIENT_IP" && return "$status"
}

address_unplugged() {
    local status
    client_has_wifi && gateway_renew v2 secure_mode=no && keep_start moving --protocol "$(with_igd "$1")" 7801/udp &&
        gateway_leads udp 7801 "$LAB_CLIENT_IP:7801" && client_is_unplugged && address_has_moved "$LAB_WIFI_IP"
    status=$?
    cat "$LAB_DIR/leases"
    [[ -z ${KEPT[moving]-} ]] || { keep_shows moving && keep_stop moving; }
    client_is_plugged_in && return "$status"
}

external_address_alone() {
    local status
    gateway_renew v2 "$AS_A_ROUTER" && keep_start outside --protocol "$1" 7802/udp && sleep 6 &&
        router_has_address 81.2.69.150 && await 10000 told outside external-address-changed 81.2.69.150 &&
        NOTE="told after $AWAITED_MS ms" && sleep 2 && tells_no_restart outside
    status=$?
    keep_shows outside
    router_has_address "$LAB_EXTERNAL_IP" && keep_stop outside && return "$status"
}

named_gateway_restarts() {
    # Like a router: the clock that its epoch is has counted some seconds.
    gateway_renew v2 "$AS_A_ROUTER" && keep_start named --gateway "$LAB_ROUTER_IP" --protocol "$1" 7803/udp && sleep 6 &&
        gateway_crash && gateway_forget && gateway_start v2 "$AS_A_ROUTER" && await "$SPREAD_MS" gateway_has udp 7803 &&
        NOTE="after $AWAITED_MS ms" && packet_arrives udp 7803 && keep_stop named && return
    keep_shows named
    return 1
}

pinhole_comes_back() {
    gateway_renew v2 "$AS_A_ROUTER" && keep_start back --ipv6 --protocol "$1" 7804/udp && packet6_arrives udp 7804 &&
        sleep 6 && gateway_crash && gateway_forget && packet6_is_lost udp 7804 && gateway_start v2 "$AS_A_ROUTER" &&
        await 10000 packet6_arrives udp 7804 && NOTE="after $AWAITED_MS ms" && keep_stop back && packet6_is_lost udp 7804 &&
        return
    keep_shows back
    return 1
}

over_ipv6_alone() {
    local status
    black_hole_on "$LAB_CLIENT" eth0 "meta nfproto ipv4" && "$@"
    status=$?
    black_hole_off "$LAB_CLIENT" && return "$status"
}

renumbered() {
    local status
    gateway_renew v2 && keep_start renumbering --ipv6 --protocol "$1" 7805/udp && packet6_arrives udp 7805 &&
        ! packet_to "$LAB_RENUMBERED_IP6" udp 7805 && client_is_renumbered &&
        pcl --json open --ipv6 --protocol "$1" 7806/udp && status_is 0 && packet_to "$LAB_RENUMBERED_IP6" udp 7806 &&
        await 5000 packet_to "$LAB_RENUMBERED_IP6" udp 7805 && NOTE="after $AWAITED_MS ms" &&
        await 1000 told renumbering '[a-z-]*' "\"$LAB_RENUMBERED_IP6\"" && await 2000 packet6_is_lost udp 7805 &&
        status_is_true "$LAB_CLIENT_IP6" "$LAB_RENUMBERED_IP6" && keep_stop renumbering &&
        ! packet_to "$LAB_RENUMBERED_IP6" udp 7805 && status_is_true "$LAB_CLIENT_IP6" "$LAB_RENUMBERED_IP6"
    status=$?
    [[ -z ${KEPT[renumbering]-} ]] || { keep_shows renumbering && keep_stop renumbering; }
    client_is_numbered_back && return "$status"
}
