#!/usr/bin/env bash
# miniupnpd 2.3.1: PCP's deletion of a mapping that does not exist is refused.
#
# Version    miniupnpd-nftables 2.3.1-1. Debian's 2.3.9-2+deb13u1 and 2.3.10-1 do the same.
# Behaviour  MAP with lifetime 0, for an internal port that has no mapping, is answered with 8, NO_RESOURCES. That is what the
#            daemon answers as well where it maps nothing, behind a private address: the client cannot tell the two apart.
#            Who repeats a deletion whose answer was lost is told that it failed.
# Expected   RFC 6887 section 15.1: deleting what does not exist is a success, so that a deletion may be repeated.
#            NAT-PMP's deletion (RFC 6886 section 3.4) is answered so by the same daemon.
# Seen       made: result 0, deleted: result 0, deleted again: result 8, never made: result 8
#            nat-pmp: never made: result 0
#
# Ends with 0 as long as the daemon behaves so, and with 1 when it does not any more.
set -eu
export LC_ALL=C

for tool in ip nft python3 apt-get dpkg; do
    command -v "$tool" >/dev/null || { echo "needs $tool" >&2; exit 2; }
done
[[ $(id -u) == 0 ]] || { echo "network namespaces need root" >&2; exit 2; }

FOLDER=$(mktemp -d)
CLIENT="finding-$$-client" ROUTER="finding-$$-router"
DAEMON=
finish() {
    local status=$?
    [[ -z $DAEMON ]] || kill "$DAEMON" 2>/dev/null || true
    ip netns delete "$CLIENT" 2>/dev/null || true
    ip netns delete "$ROUTER" 2>/dev/null || true
    rm -rf "$FOLDER"
    exit "$status"
}
trap finish EXIT

# ---- the daemon, unpacked and not installed ----
(
    cd "$FOLDER"
    apt-get -qq -o APT::Sandbox::User=root download miniupnpd-nftables=2.3.1-1 libnftnl11=1.2.4-2 libmnl0=1.0.4-3
    for package in ./*.deb; do dpkg -x "$package" root; done
)

# ---- a client behind a router, and nobody else ----
ip netns add "$CLIENT"
ip netns add "$ROUTER"
for namespace in "$CLIENT" "$ROUTER"; do
    ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0
    ip -n "$namespace" link set lo up
done
ip -n "$CLIENT" link add eth0 type veth peer name lan0 netns "$ROUTER"
ip -n "$ROUTER" link add wan0 type veth peer name wan1
ip -n "$CLIENT" address add 10.99.0.2/24 dev eth0
ip -n "$ROUTER" address add 10.99.0.1/24 dev lan0
ip -n "$CLIENT" address add 2a02:ff0::2/64 dev eth0 nodad
ip -n "$ROUTER" address add 2a02:ff0::1/64 dev lan0 nodad
# The daemon maps nothing behind a private address. No packet leaves the namespaces.
ip -n "$ROUTER" address add 81.2.69.142/24 dev wan0
for interface in lan0 wan0 wan1; do ip -n "$ROUTER" link set "$interface" up; done
ip -n "$CLIENT" link set eth0 up
ip netns exec "$ROUTER" nft -f - <<'RULES'
table inet filter {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain forward { type filter hook forward priority 0; policy drop; jump miniupnpd; }
    chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; }
}
RULES
cat >"$FOLDER/miniupnpd.conf" <<CONF
ext_ifname=wan0
listening_ip=lan0
http_port=5000
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
min_lifetime=10
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
lease_file=$FOLDER/leases
uuid=5bd6f8a4-5cb1-4d4c-8b0c-6d1e0f4f9a01
allow 1-65535 10.99.0.0/24 1-65535
deny 0-65535 0.0.0.0/0 0-65535
CONF
touch "$FOLDER/leases"
# Its lines are not the console's: `ip netns exec` gives it a mount namespace of its own.
# shellcheck disable=SC2016 # expanded by the inner shell
ip netns exec "$ROUTER" bash -c '
    for log in /dev/console /dev/log; do [[ ! -e $log ]] || mount --bind /dev/null "$log"; done
    library=$(dirname "$(find "$1/root" -name "libmnl.so.0" | head -n 1)")
    exec env LD_LIBRARY_PATH="$library" "$1/root/usr/sbin/miniupnpd" -d -f "$1/miniupnpd.conf" -P "$1/pid"' \
    finding "$FOLDER" >"$FOLDER/log" 2>&1 </dev/null &
DAEMON=$!

# ---- what is sent ----
cat >"$FOLDER/ask.py" <<'PYTHON'
import ipaddress
import socket
import struct
import time

NONCE = bytes(range(12))
UDP = 17


def address(text):
    ip = ipaddress.ip_address(text)
    return ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed


def ask(line, request):
    """The answer to a request, repeated until there is one: the daemon may still be starting."""
    for _ in range(20):
        line.send(request)
        try:
            return line.recv(1100)
        except (ConnectionRefusedError, TimeoutError):
            time.sleep(0.1)
    raise SystemExit("no answer")


def pcp_map(line, own, internal, external, lifetime, nonce=NONCE):
    """MAP (RFC 6887 section 11.1): the result code, the lifetime and the external port."""
    none = address("::" if ":" in own else "0.0.0.0")
    request = struct.pack("!BBHI", 2, 1, 0, lifetime) + address(own)
    request += nonce + struct.pack("!B3xHH", UDP, internal, external) + none
    answer = ask(line, request)
    (granted,) = struct.unpack("!I", answer[4:8])
    (port,) = struct.unpack("!H", answer[42:44])
    return answer[3], granted, port


def server(own, host, port=5351):
    line = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET, socket.SOCK_DGRAM)
    line.settimeout(0.5)
    line.bind((own, 0))
    line.connect((host, port))
    return line


OWN, ROUTER = "10.99.0.2", "10.99.0.1"
OWN6, ROUTER6 = "2a02:ff0::2", "2a02:ff0::1"

line = server(OWN, ROUTER)
made = pcp_map(line, OWN, 7001, 7001, 600)[0]
deleted = pcp_map(line, OWN, 7001, 0, 0)[0]
again = pcp_map(line, OWN, 7001, 0, 0)[0]
never = pcp_map(line, OWN, 7002, 0, 0)[0]
print(f"made: result {made}, deleted: result {deleted}, deleted again: result {again}, never made: result {never}")
answer = ask(line, struct.pack("!BBHHHI", 0, 1, 0, 7003, 0, 0))
print(f"nat-pmp: never made: result {struct.unpack('!H', answer[2:4])[0]}")
PYTHON
if ip netns exec "$CLIENT" python3 "$FOLDER/ask.py" "$FOLDER/leases" >"$FOLDER/seen"; then
    cat "$FOLDER/seen"
else
    cat "$FOLDER/seen"
    tail -n 5 "$FOLDER/log" >&2
    echo "the sender failed" >&2
    exit 1
fi

grep -qx 'made: result 0, deleted: result 0, deleted again: result 8, never made: result 8' "$FOLDER/seen"
grep -qx 'nat-pmp: never made: result 0' "$FOLDER/seen"
