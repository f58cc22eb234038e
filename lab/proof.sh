# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# One line a proof. A proof is a function whose commands are joined with `&&`; what it prints is shown when it
# fails.

PROOFS=0
FAILURES=()
NOTE=
PCL_STATUS=
PCL_US=
ASIDE=()
# Before the text of each proof: where it is held, when that is not the usual gateway.
PROOF_PLACE=
SKIPPED=

# proof TEXT FUNCTION [ARGUMENT...]
proof() {
    local text=$PROOF_PLACE$1 start=${EPOCHREALTIME/./} verdict=ok took
    shift
    NOTE=
    PROOFS=$((PROOFS + 1))
    : >"$LAB_DIR/stdout"
    : >"$LAB_DIR/stderr"
    if ! "$@" >"$LAB_DIR/evidence" 2>&1; then
        verdict=FAIL
        FAILURES+=("$text")
    fi
    took=$((${EPOCHREALTIME/./} - start))
    printf '  %-4s %7s s  %s%s\n' "$verdict" "$(seconds "$took")" "$text" "${NOTE:+ ($NOTE)}"
    if [[ $verdict == FAIL ]]; then
        sed 's/^/         /' "$LAB_DIR/evidence"
    fi
}

# proofs_aside NAME FUNCTION [ARGUMENT...]: proofs in a lab of their own, beside others that wait as they do.
# `proofs_join` shows and counts them.
proofs_aside() {
    local name=$1
    shift
    ASIDE+=("$name")
    annex_start "$name" aside "$@"
}

# What the parent has under way is the parent's.
aside() {
    ASIDE=() KEPT=() BESIDE=()
    "$@"
}

proofs_join() {
    local index name status=0 failed
    for index in "${!ASIDE[@]}"; do
        name=${ASIDE[index]}
        wait "${LAB_ANNEXES[index]}" || { FAILURES+=("$name: could not be set up") && status=1; }
        cat "$LAB_DIR/$name"
        ((status == 0)) || tail -n 5 "$LAB_DIR/$name.err"
        PROOFS=$((PROOFS + $(grep -cE '^  (ok  |FAIL) ' "$LAB_DIR/$name")))
        mapfile -t failed < <(sed -nE 's/^  FAIL +[0-9.]+ s  //p' "$LAB_DIR/$name")
        FAILURES+=("${failed[@]}")
    done
    ASIDE=() LAB_ANNEXES=()
}

# skipped WHAT WHY: said aloud, as nothing fails.
skipped() {
    SKIPPED=yes
    echo "  skipped: $1: $2"
}

# seconds MICROSECONDS
seconds() { printf '%d.%03d' $(($1 / 1000000)) $(($1 / 1000 % 1000)); }

# pcl ARGUMENT...: runs the program in the client. Its status is kept, so that `&&` goes on to judge it.
pcl() {
    local start=${EPOCHREALTIME/./}
    echo "\$ portcullis $*"
    # The limit only ends what would hang the lab; no proof relies on it.
    timeout --foreground --kill-after=1 60 ip netns exec "$LAB_CLIENT" "$PORTCULLIS" "$@" \
        >"$LAB_DIR/stdout" 2>"$LAB_DIR/stderr" </dev/null
    PCL_STATUS=$?
    PCL_US=$((${EPOCHREALTIME/./} - start))
}

# status_is PATTERN
status_is() {
    # shellcheck disable=SC2053 # a pattern: more than one may be right
    [[ $PCL_STATUS == $1 ]] && return
    echo "status $PCL_STATUS, expected $1"
    tail -n 20 "$LAB_DIR/stdout" "$LAB_DIR/stderr"
    return 1
}

# json EXPRESSION: holds of the one document on standard output (see expect.py).
json() { python3 "$LAB_HERE/expect.py" "$LAB_DIR/stdout" "$1"; }

# Of the first mapping in what the last command printed.
external_port() { grep -oE '"external_port": *[0-9]+' "$LAB_DIR/stdout" | head -n 1 | grep -oE '[0-9]+$'; }

# shows PATTERN: standard output has a line like this.
shows() {
    grep -Eq -- "$1" "$LAB_DIR/stdout" && return
    echo "no line matches $1:"
    cat "$LAB_DIR/stdout"
    return 1
}

shows_no() {
    ! grep -E -- "$1" "$LAB_DIR/stdout" >"$LAB_DIR/matched" && return
    echo "what must not be said:"
    cat "$LAB_DIR/matched"
    return 1
}

# status_lacks PORT: `status` knows of no mapping of this external port.
status_lacks() {
    pcl --json status && status_is 0 && json "not any(m['external_port'] == $1 for m in mappings)"
}

# status_is_true [ADDRESS...]: `status` tells what the gateway has of this host, and nothing else (see standing.py).
status_is_true() {
    local forgotten=()
    (($#)) || set -- "$LAB_CLIENT_IP" "$LAB_CLIENT_IP6"
    mapfile -t forgotten < <(compgen -G "$LAB_DIR/forgotten.*")
    in_router nft list chain inet filter miniupnpd >"$LAB_DIR/rules" && pcl --json status && status_is 0 &&
        python3 "$LAB_HERE/standing.py" --leases "$LAB_DIR/leases" --rules "$LAB_DIR/rules" --status "$LAB_DIR/stdout" \
            --forgotten "${forgotten[@]}" -- "$@"
}


# gateway_lacks_now udp|tcp PORT: and says so where it does not.
gateway_lacks_now() {
    gateway_lacks "$@" && return
    echo "$1 $2 is open; what was said:"
    tail -n 20 "$LAB_DIR/stdout" "$LAB_DIR/stderr" 2>/dev/null
    return 1
}

# says PATTERN: standard error is one line and like this.
says() {
    [[ $(wc -l <"$LAB_DIR/stderr") == 1 ]] && grep -Eiq -- "$1" "$LAB_DIR/stderr" && return
    echo "standard error is not one line that matches $1:"
    cat "$LAB_DIR/stderr"
    return 1
}

# upnpc_there NAMESPACE ARGUMENT...: the foreign client; the URL spares it its two seconds of search.
upnpc_there() {
    local ns=$1
    shift
    ip netns exec "$ns" upnpc -u "$LAB_DESCRIPTION_URL" "$@"
}

# time_ratio LIMIT NAME,NAME [OPTION...] -- COMMAND... :: COMMAND...: see timing.py.
time_ratio() {
    local limit=$1 names=$2 status
    shift 2
    NOTE=$(python3 "$LAB_HERE/timing.py" --netns "$LAB_CLIENT" --runs 20 --limit "$limit" --names "$names" "$@" 2>&1)
    status=$?
    return "$status"
}

# record TOPIC FIGURE...: for report.py.
record() {
    local IFS=$'\t'
    echo "$*" >>"$LAB_DIR/record"
}

# The median of what `pcl` takes to do nothing, in microseconds.
process_overhead_us() {
    local run
    for ((run = 0; run < 7; run++)); do
        pcl --version >/dev/null
        echo "$PCL_US"
    done | sort -n | sed -n 4p
}
