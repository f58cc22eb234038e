# shellcheck shell=bash
# shellcheck disable=SC2034 # NOTE is printed by `proof`
# A lossy network, beside what others do there. Each client has a lab of its own, so that none waits for another.

# Runs of ours and of the others, which take their time; more with --record.
LOSS_RUNS=20
FOREIGN_RUNS=10
LOSSES=(10 30 50)
# How long the others may take, in seconds.
FOREIGN_BOUND=30

scenario_loss() {
    local percent version
    ((LONG)) && LOSS_RUNS=40 FOREIGN_RUNS=16
    for percent in "${LOSSES[@]}"; do
        annex_start "loss-$percent-ours" loss_ours "$percent"
        annex_start "loss-$percent-natpmpc" loss_series "$percent" v2 natpmpc "$FOREIGN_RUNS" "$FOREIGN_BOUND" \
            natpmpc -a '{port}' '{port}' udp 3600
        # In two halves, as it is the slowest.
        for version in v1 v2; do
            annex_start "loss-$percent-upnpc-$version" loss_series "$percent" "$version" upnpc $((FOREIGN_RUNS / 2)) \
                "$FOREIGN_BOUND" upnpc -a "$LAB_CLIENT_IP" '{port}' '{port}' udp 3600
        done
    done
    proof "twelve labs lose packets at once" annexes_wait
    cat "$LAB_DIR"/loss-*.err
    cat "$LAB_DIR"/loss-*-* | sed 's/^/loss /' >>"$LAB_DIR/record"
    for percent in 10 30; do
        for version in v1 v2; do
            proof "$version: by UPnP at $percent % loss each way, $LOSS_RUNS of $LOSS_RUNS opens succeed within 5 s" \
                loss_opens "$percent" "igd-$version" "$LOSS_RUNS"
        done
        proof "by all protocols at $percent % loss each way, $LOSS_RUNS of $LOSS_RUNS opens succeed within 5 s" \
            loss_opens "$percent" all "$LOSS_RUNS"
    done
    proof "by all protocols at 50 % loss each way, 9 of 10 opens succeed within 5 s" \
        loss_opens 50 all $((LOSS_RUNS * 9 / 10))
    python3 "$LAB_HERE/report.py" --show loss "$LAB_DIR/record"
}

loss_ours() {
    local method
    for method in pcp nat-pmp all; do
        loss_of_ours "$1" v2 "$method" "$method"
    done
    for method in v1 v2; do
        loss_of_ours "$1" "$method" "igd-$method" igd
    done
}

# loss_of_ours PERCENT VERSION NAME PROTOCOLS
loss_of_ours() {
    local protocols=$4
    [[ $4 == all ]] && protocols=pcp,nat-pmp,igd
    loss_series "$1" "$2" "$3" "$LOSS_RUNS" 10 "$PORTCULLIS" -q --protocol "$protocols" open '{port}/udp'
}

# loss_series PERCENT VERSION NAME RUNS BOUND COMMAND...
loss_series() {
    local percent=$1 version=$2 name=$3 runs=$4 bound=$5
    shift 5
    gateway_renew "$version" && loss_on "$percent" &&
        python3 "$LAB_HERE/series.py" "$name" --client "$LAB_CLIENT" --router "$LAB_ROUTER" --runs "$runs" \
            --bound "$bound" -- "$@" | sed "s/^/$percent /"
    loss_off
}

# loss_opens PERCENT NAME AT_LEAST
loss_opens() {
    NOTE=$(python3 "$LAB_HERE/report.py" --tell "$1" "$2" "$LAB_DIR/record")
    echo "$NOTE"
    ((${NOTE%% *} >= $3))
}
