# shellcheck shell=bash
# A gateway that permits some ports and denies others.

scenario_policy() {
    local method
    for method in pcp nat-pmp igd; do
        gateway_renew v2 "deny 7690-7699 0.0.0.0/0 0-65535" || return
        proof "$method: a port that the gateway denies is refused, and nothing is left of it" policy_denies "$method"
        proof "$method: of two ports of which it denies one, none is opened" policy_denies_one "$method"
        proof "$method: ... and what stood before goes on standing" policy_leaves_earlier "$method"
    done
    # As many routers' rules are: the ports below 1024 on neither side.
    gateway_renew v2 "allow 1024-65535 10.99.0.0/24 1024-65535" "deny 0-65535 0.0.0.0/0 0-65535" || return
    proof "a port that the rules deny is refused, and no conflict" policy_is_no_conflict
    keep_stop_all
}

# Where another port will do, too, the daemon looks through all of them for each question.
policy_is_no_conflict() {
    pcl open 80/tcp && status_is 4 && says "permit" && ! grep -E -- "conflict|--any-port" "$LAB_DIR/stderr" && [[ ! -s $LAB_DIR/leases ]]
}

policy_denies() {
    pcl --json open 7690/udp --protocol "$1" && status_is '[46]' && gateway_lacks udp 7690 && status_is_true &&
        [[ ! -s $LAB_DIR/leases ]]
}

policy_denies_one() {
    pcl --json open 7689/udp 7690/udp --protocol "$1" && status_is '[46]' && gateway_lacks udp 7689 && status_is_true
}

policy_leaves_earlier() {
    pcl --json open 7688/udp --protocol "$1" && status_is 0 && keep_start kept 7687/udp --protocol "$1" &&
        pcl --json open 7687/udp 7688/udp 7691/udp --protocol "$1" && status_is '[46]' &&
        gateway_leads udp 7688 "$LAB_CLIENT_IP:7688" && gateway_leads udp 7687 "$LAB_CLIENT_IP:7687" && keep_stop kept &&
        gateway_lacks udp 7687 && pcl close 7688/udp && status_is 0 && gateway_lacks udp 7688 && status_is_true
}
