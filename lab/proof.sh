# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# One line a proof. A proof is a function whose commands are joined with `&&`; what it prints is shown when it
# fails.

PROOFS=0
FAILURES=()
NOTE=
PCL_STATUS=
PCL_US=

# proof TEXT FUNCTION [ARGUMENT...]
proof() {
    local text=$1 start=${EPOCHREALTIME/./} verdict=ok took
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

status_is() {
    [[ $PCL_STATUS == "$1" ]] && return
    echo "status $PCL_STATUS, expected $1"
    tail -n 20 "$LAB_DIR/stdout" "$LAB_DIR/stderr"
    return 1
}

# json EXPRESSION: holds of the one document on standard output (see expect.py).
json() { python3 "$LAB_HERE/expect.py" "$LAB_DIR/stdout" "$1"; }

# shows PATTERN: standard output has a line like this.
shows() {
    grep -Eq -- "$1" "$LAB_DIR/stdout" && return
    echo "no line matches $1:"
    cat "$LAB_DIR/stdout"
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
