# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the other sourced files
# A neighbour who lies (see forge.py), a second stack on the router, and what they make the client send.

LAB_OTHER_UUID=5f2c8d1e-7b63-4c0a-8e9d-1a2b3c4d5e6f
# Of what runs in the background for a proof, by name.
declare -A BESIDE=()

# forged ARGUMENT...: the device sends in the gateway's name.
forged() { in_device python3 "$LAB_HERE/forge.py" "$@" --own "$LAB_DEVICE_IP" --as "$LAB_ROUTER_IP"; }

# beside NAME NAMESPACE COMMAND...: until `beside_stop`. What it prints is in $LAB_DIR/NAME.log. Where it listens it says
# `ready`, and `beside_is_ready NAME` waits for that.
beside() {
    local name=$1 ns=$2
    shift 2
    rm -f "$LAB_DIR/$name.log"
    ip netns exec "$ns" "$@" >"$LAB_DIR/$name.log" 2>&1 </dev/null &
    BESIDE[$name]=$!
}

beside_is_ready() { await 5000 grep -qs ready "$LAB_DIR/$1.log"; }

beside_stop() {
    local name
    for name in "${!BESIDE[@]}"; do
        stop_process "${BESIDE[$name]}"
    done
    BESIDE=()
}

# liar NAME ARGUMENT...: the device goes on sending in the gateway's name.
liar() {
    local name=$1
    shift
    beside "$name" "$LAB_DEVICE" python3 "$LAB_HERE/forge.py" "$@" --own "$LAB_DEVICE_IP" --as "$LAB_ROUTER_IP"
}

# gateway_is_slow SECONDS: each request by HTTP waits so long. The gateway sees itself as the sender, and may not mind.
gateway_is_slow() {
    beside slow "$LAB_ROUTER" python3 "$LAB_HERE/slow.py" --listen 5999 --to "$LAB_ROUTER_IP:5000" --delay "$1"
    beside_is_ready slow && in_router nft -f - <<'RULES'
table inet slow {
    chain prerouting {
        type nat hook prerouting priority -110;
        iifname "lan0" tcp dport 5000 redirect to :5999
    }
}
RULES
}

gateway_is_fast() {
    in_router nft delete table inet slow
    beside_stop
}

# What the client sends to the router is counted from here on.
count_packets() {
    in_router nft -f - <<RULES
table inet count
delete table inet count
table inet count {
    chain input {
        type filter hook input priority -310;
        ip saddr $LAB_CLIENT_IP counter
    }
}
RULES
}

packets_counted() { in_router nft list table inet count | sed -nE 's/.*counter packets ([0-9]+) .*/\1/p'; }
