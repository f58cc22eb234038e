#!/usr/bin/env python3
"""Is what `status` tells what the gateway has of this host, no more, no less, and each once?

    standing.py --leases FILE --rules FILE --status FILE [--forgotten FILE...] -- ADDRESS...

The gateway's side are miniupnpd's lease file and, for pinholes, which are not in there, the chain of its rules as nft
lists it. The addresses are this host's. When the gateway has forgotten everything, `status`, which asks nobody, may go
on telling of what no process keeps: the forgotten files are what it told before. Status 1: it is not so.
"""

import argparse
import ipaddress
import json
import pathlib
import re
import sys
from collections import Counter

PROTOCOLS = {"6": "tcp", "17": "udp"}


def text(path):
    return path.read_text() if path.exists() else ""


def leases(lines):
    """PROTOCOL:EXTERNAL_PORT:ADDRESS:INTERNAL_PORT:EXPIRY:DESCRIPTION"""
    for line in lines:
        protocol, external, address, internal, *_ = line.split(":")
        yield protocol.lower(), int(external), address, int(internal)


def pinholes(lines):
    """Rules for an IPv6 address; nft 1.0 shows miniupnpd's as raw matches, later ones in words."""
    for line in lines:
        port = re.search(r"\bdport (\d+)", line)
        raw = re.search(r"@nh,192,128 (0x[0-9a-f]+)", line)
        named = re.search(r"ip6 daddr ([0-9a-f:]+)", line)
        number = re.search(r"@nh,48,8 (0x[0-9a-f]+)|nexthdr (\d+)|l4proto (\d+)", line)
        word = re.search(r"\b(udp|tcp) dport|(?:nexthdr|l4proto) (udp|tcp)\b", line)
        if port and (raw or named) and (number or word):
            address = ipaddress.IPv6Address(int(raw[1], 16)) if raw else ipaddress.IPv6Address(named[1])
            value = next(filter(None, (number or word).groups()))
            protocol = PROTOCOLS[str(int(value, 0))] if number else value
            yield protocol, int(port[1]), str(address), int(port[1])


def told(status):
    for row in status["mappings"]:
        yield row["protocol"], row["external_port"], row["internal_address"], row["internal_port"]


def load(path):
    return json.loads(path.read_text())


def forgotten(paths):
    rows = [row for path in paths for row in load(path)["mappings"] if row["state"] != "kept"]
    return Counter(set(told({"mappings": rows})))


def show(heading, mappings):
    for (protocol, external, address, internal), count in sorted(mappings.items(), key=str):
        times = f", {count} times" if count > 1 else ""
        print(f"{heading}: {protocol} {external} -> {address}:{internal}{times}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leases", type=pathlib.Path, required=True)
    parser.add_argument("--rules", type=pathlib.Path, required=True)
    parser.add_argument("--status", type=pathlib.Path, required=True)
    parser.add_argument("--forgotten", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("addresses", nargs="+")
    args = parser.parse_args()
    gateway = Counter(leases(text(args.leases).splitlines()))
    gateway.update(set(pinholes(text(args.rules).splitlines())))
    ours = Counter({mapping: count for mapping, count in gateway.items() if mapping[2] in args.addresses})
    status = Counter(told(load(args.status)))
    untold, untrue = ours - status, status - ours
    untrue -= Counter({mapping: 1 for mapping in forgotten(args.forgotten) if mapping not in ours})
    show("open, and not in status", untold)
    show("in status, and not open", untrue)
    return 1 if untold or untrue else 0


if __name__ == "__main__":
    sys.exit(main())
