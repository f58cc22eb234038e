# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# The lab itself, with nothing of ours.

scenario_plumbing() {
    local mode
    proof "lab: miniupnpd starts" gateway_renew v1
    proof "lab: with no mapping, no packet arrives" neither_arrives 7777
    proof "lab: packets arrive at ports that upnpc opens, until it closes them" plumbing_open
    proof "lab: a restarted gateway has forgotten it" plumbing_restart
    proof "lab: a loss rule of 30 % drops 30 % each way" plumbing_loss
    proof "lab: a silenced gateway answers nobody" plumbing_black_hole
    for mode in black-hole elsewhere refuse silent drip; do
        proof "lab: a dead device ($mode) is first to answer a search" plumbing_announcer "$mode"
    done
}

# Two ports: of one port's two protocols, miniupnpd 2.3.1 deletes the other's forward rule when one is closed.
plumbing_open() {
    upnpc_there "$LAB_CLIENT" -a "$LAB_CLIENT_IP" 7777 7777 udp &&
        upnpc_there "$LAB_CLIENT" -a "$LAB_CLIENT_IP" 7778 7778 tcp &&
        gateway_has udp 7777 && gateway_has tcp 7778 && packet_arrives udp 7777 && packet_arrives tcp 7778 &&
        upnpc_there "$LAB_CLIENT" -d 7777 udp && gateway_lacks udp 7777 && packet_is_lost udp 7777 &&
        packet_arrives tcp 7778
}

plumbing_restart() {
    gateway_renew v2 && gateway_lacks tcp 7778 && packet_is_lost tcp 7778
}

plumbing_loss() {
    local sent=1000 there back
    loss_on 30 &&
        in_client bash -c "for ((i = 0; i < $sent; i++)); do echo >/dev/udp/$LAB_ROUTER_IP/9; done" &&
        there=$(loss_dropped "$LAB_ROUTER") &&
        in_router bash -c "for ((i = 0; i < $sent; i++)); do echo >/dev/udp/$LAB_CLIENT_IP/9; done" &&
        back=$(loss_dropped "$LAB_CLIENT") &&
        loss_off &&
        NOTE="dropped $there and $back of 1000" &&
        ((there > 230 && there < 370 && back > 230 && back < 370))
}

# Packets dropped in a thousand that arrived there.
loss_dropped() {
    ip netns exec "$1" nft list table inet loss |
        sed -nE 's/.*counter packets ([0-9]+) .*counter packets ([0-9]+) .*/\1 \2/p' |
        { read -r seen dropped && echo $((dropped * 1000 / seen)); }
}

plumbing_black_hole() {
    black_hole_on "$LAB_ROUTER" lan0 &&
        ! in_client timeout 0.3 bash -c ": </dev/tcp/$LAB_ROUTER_IP/5000" &&
        black_hole_off "$LAB_ROUTER" &&
        in_client timeout 0.3 bash -c ": </dev/tcp/$LAB_ROUTER_IP/5000"
}

plumbing_announcer() {
    local status=0 search
    announcer_start "$1" || return
    # The bare program trusts the first answer, which is why it must not get far. On a busy machine the device may
    # come second to a gateway that waits 50 ms, or not get to answer at all: that tells nothing, so it is searched
    # again.
    for ((search = 0; search < 5; search++)); do
        in_client timeout 1 "$BARE" search "$LAB_CLIENT_IP" 7777
        status=$?
        ((status != 0)) && grep -q '^answered' "$LAB_DIR/announcer.log" && break
    done
    cat "$LAB_DIR/announcer.log"
    announcer_stop
    ((status != 0)) && grep -q '^answered' "$LAB_DIR/announcer.log"
}

neither_arrives() { packet_is_lost udp "$1" && packet_is_lost tcp "$1"; }

both_arrive() { packet_arrives udp "$1" && packet_arrives tcp "$1"; }
