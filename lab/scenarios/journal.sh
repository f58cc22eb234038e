# shellcheck shell=bash
# The journal and `status` hold what the gateway has.

scenario_journal() {
    journal_beside_gateway || return
    gateway_renew v2 || return
    proof "--journal refuses a symbolic link with a slash after it, too" journal_link
    proof "many other names in the journal's directory do not hide it" journal_among_names
    proof "without descriptors, the error says so" journal_without_descriptors
    proof "on a full disk, cleanup deletes what it can and does not blame the gateway" journal_full_disk
}

journal_beside_gateway() {
    local method pair
    for method in pcp nat-pmp igd; do
        gateway_renew v2 || return
        proof "$method: two external ports of one internal port are both in status" journal_two_ports "$method"
        proof "$method: ... and of them, close ends the one that is named" journal_one_of_two_ports "$method"
    done
    for pair in "pcp nat-pmp" "pcp igd" "nat-pmp igd"; do
        gateway_renew v2 || return
        # shellcheck disable=SC2086 # two words
        proof "${pair/ / and }: a port that both have opened is in status once" journal_one_row $pair
    done
    for pair in "pcp pcp" "igd igd" "pcp igd"; do
        gateway_renew v2 || return
        # shellcheck disable=SC2086 # two words
        proof "${pair/ / and }: a pinhole that is opened twice is in status once, and one close ends it" \
            journal_pinhole_twice $pair
    done
    for method in pcp nat-pmp igd; do
        gateway_renew v2 || return
        proof "$method: what another host has by now is no longer ours, and close says so once" journal_taken "$method"
        proof "$method: ... and cleanup --left-open settles it" journal_taken_and_cleaned_up "$method"
    done
    gateway_renew v2 || return
    proof "a dead process's port is stale beside another's that is kept" journal_dead_beside_alive
    proof "... and what a living one keeps again is shown once, as kept" journal_dead_inherited
    proof "killed while nobody answered: status names no client that nothing could delete" journal_unanswered
    proof "... and cleanup settles what the server then refuses to know" journal_unanswered_settled
    proof "... and what a server that never answers was asked for" journal_never_answered
    proof "killed in its first milliseconds, with a server that speaks no PCP: cleanup settles it" journal_killed_early
    keep_stop_all
}

journal_two_ports() {
    pcl --json open 7600:7700/tcp 7601:7700/tcp --protocol "$1" && status_is 0 &&
        gateway_leads tcp 7600 "$LAB_CLIENT_IP:7700" && gateway_leads tcp 7601 "$LAB_CLIENT_IP:7700" && status_is_true
}

journal_one_of_two_ports() {
    pcl close 7601/tcp && status_is 0 && gateway_lacks tcp 7601 && gateway_leads tcp 7600 "$LAB_CLIENT_IP:7700" &&
        status_is_true && pcl close 7600/tcp && status_is 0 && gateway_lacks tcp 7600 && status_is_true
}

journal_one_row() {
    pcl --json open 7610/tcp --protocol "$1" && status_is 0 && pcl --json open 7610/tcp --protocol "$2" && status_is 0 &&
        gateway_leads tcp 7610 "$LAB_CLIENT_IP:7610" && status_is_true
}

journal_pinhole_twice() {
    pcl --json open --ipv6 7615/udp --protocol "$1" && status_is 0 && pcl --json open --ipv6 7615/udp --protocol "$2" &&
        status_is 0 && packet6_arrives udp 7615 && status_is_true &&
        pcl close 7615/udp && status_is 0 && packet6_is_lost udp 7615 && status_is_true
}

# The gateway lost it, and another host was faster.
taken_by_other_host() {
    pcl --json open "$2/udp" --protocol "$1" && status_is 0 && upnpc_there "$LAB_CLIENT" -d "$2" udp && other_host_has udp "$2"
}

# That it is another's may be told as a conflict, or as not open.
journal_taken() {
    taken_by_other_host "$1" 7620 && pcl close 7620/udp && status_is '[06]' && gateway_leads udp 7620 "$LAB_DEVICE_IP:7620" &&
        status_is_true
}

journal_taken_and_cleaned_up() {
    taken_by_other_host "$1" 7621 && pcl --json cleanup --left-open && status_is 0 &&
        gateway_leads udp 7621 "$LAB_DEVICE_IP:7621" && status_is_true
}

# row_is PORT STATE: the one row of that port.
row_is() {
    pcl --json status && status_is 0 && json "[m['state'] for m in mappings if m['external_port'] == $1] == ['$2']"
}

journal_dead_beside_alive() {
    keep_start alive 7640/udp && keep_start dead 7641/udp && keep_kill dead && row_is 7640 kept && row_is 7641 stale &&
        status_is_true
}

journal_dead_inherited() {
    keep_start heir 7641/udp && row_is 7641 kept && status_is_true && keep_stop heir && keep_stop alive && status_is_true
}

# asked_and_killed PORT: a process that has asked by PCP, was not answered, and is killed.
asked_and_killed() {
    local pid status
    black_hole_on "$LAB_ROUTER" lan0 "udp dport 5351" || return
    ip netns exec "$LAB_CLIENT" "$PORTCULLIS" open "$1/udp" --protocol pcp --lifetime permanent --keep \
        >/dev/null 2>&1 </dev/null &
    pid=$!
    await 2000 journal_names "$1"
    status=$?
    kill -KILL "$pid" && wait "$pid"
    black_hole_off "$LAB_ROUTER"
    return "$status"
}

journal_names() { grep -qsw "$1" "$LAB_STATE"/portcullis/*; }

journal_unanswered() {
    gateway_renew v2 && asked_and_killed 7650 && pcl --json status && status_is 0 &&
        json "all(m['internal_address'] == '$LAB_CLIENT_IP' for m in mappings)"
}

journal_unanswered_settled() {
    gateway_renew v2 && asked_and_killed 7651 && pcl --json cleanup && status_is 0 && status_is_true &&
        pcl --json cleanup && status_is 0 && json 'left == []'
}

# It may be tried once more; not for ever, and not at the cost of every command.
journal_never_answered() {
    gateway_renew v2 && asked_and_killed 7652 && black_hole_on "$LAB_ROUTER" lan0 "udp dport 5351" || return
    pcl --json --timeout 3000 cleanup
    pcl --json --timeout 3000 cleanup
    black_hole_off "$LAB_ROUTER"
    status_is 0 && json 'left == []' && status_is_true
}

# As soon as the journal has it, which is before it is asked for. One of them at least was there to be killed.
journal_killed_early() {
    local pid port tries
    gateway_renew v2 enable_natpmp=no || return
    for port in 7661 7662 7663 7664 7665; do
        ip netns exec "$LAB_CLIENT" "$PORTCULLIS" open "$port/udp" --lifetime permanent --keep >/dev/null 2>&1 </dev/null &
        pid=$!
        for ((tries = 0; tries < 200; tries++)); do
            journal_names "$port" && break
        done
        kill -KILL "$pid" && wait "$pid"
    done
    pcl --json status && json 'len(mappings) > 0' && pcl --json cleanup && status_is 0 && json 'left == []' && status_is_true
}

journal_link() {
    mkdir -p "$LAB_DIR/journal" && ln -sfn journal "$LAB_DIR/link" && pcl --journal "$LAB_DIR/link" open 7671/udp &&
        status_is 1 && pcl --journal "$LAB_DIR/link/" open 7671/udp && status_is 1 && gateway_lacks udp 7671
}

# A directory is read in no order that a name tells, so that one file could be among the first by chance.
journal_among_names() {
    local many=$LAB_DIR/many port
    mkdir -m 700 "$many" && (cd "$many" && seq -f 'other%.0f' 8000 | xargs touch) || return
    for port in 7681 7682 7683 7684; do
        pcl --journal "$many" open "$port/udp" && status_is 0 || return
    done
    pcl --json --journal "$many" status && status_is 0 && json 'len(mappings) == 4' &&
        pcl --journal "$many" cleanup --left-open && status_is 0 && gateway_lacks udp 7681
}

# How many are enough is not ours to say: with each number it succeeds, or says what was missing.
journal_without_descriptors() {
    local most count=0
    for most in 4 5 6 7 8 9 10; do
        # With so few, and with those that whoever runs this has open, the system may not even load a program.
        (ulimit -n "$most" && "$PORTCULLIS" --version) >/dev/null 2>&1 || continue
        # shellcheck disable=SC2016 # expanded by the inner shell
        in_client bash -c 'ulimit -n "$1" && shift && exec "$@"' lab "$most" "$PORTCULLIS" --no-journal open 7673/udp \
            >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" && continue
        echo "with $most descriptors:"
        cat "$LAB_DIR/stderr"
        grep -qi 'too many open files' "$LAB_DIR/stderr" || return
        ((++count))
    done
    ((count >= 2)) && pcl close 7673/udp && status_is 0
}

# The journal is on a file system of its own, in the memory of a mount namespace, which goes with its last process.
journal_full_disk() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    in_client unshare --mount bash -c '
        mount -t tmpfs -o size=64k lab "$2" && export XDG_STATE_HOME=$2 || exit
        "$1" --json open 7674/udp --keep >"$2/events" 2>&1 &
        for ((tries = 0; tries < 100; tries++)); do
            grep -qs mapped "$2/events" && break
            sleep 0.02
        done
        kill -KILL $! && wait $!
        cat /dev/zero >"$2/filler" 2>/dev/null
        "$1" cleanup
        exit 0' lab "$PORTCULLIS" "$LAB_DIR/journal" >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr"
    cat "$LAB_DIR/stdout" "$LAB_DIR/stderr"
    gateway_lacks udp 7674 && ! grep -i 'no answer in time' "$LAB_DIR/stderr"
}
