#!/usr/bin/env python3
"""Does a packet from one namespace reach a port in another, and does the answer come back?

One process holds both sockets, so that nobody has to guess when the listener is ready. Status 0: it
arrived and was answered. Status 1: it did not arrive.
"""

import argparse
import secrets
import select
import socket
import sys

import netns

WAIT_S = 0.5


def udp(args, token):
    netns.enter(args.to)
    listener = socket.socket(args.family, socket.SOCK_DGRAM)
    # The answer comes from where the packet went: over IPv6 nothing is translated, and a host has several addresses.
    listener.bind((args.address if args.family == socket.AF_INET6 else "", args.internal_port))
    netns.enter(args.source)
    sender = socket.socket(args.family, socket.SOCK_DGRAM)
    sender.settimeout(WAIT_S)
    sender.connect((args.address, args.external_port))
    sender.send(token)
    # Either end may be the one that learns: the listener of the packet, the sender of a refusal.
    readable, _, _ = select.select([listener, sender], [], [], WAIT_S)
    if listener not in readable:
        return None
    received, peer = listener.recvfrom(2048)
    if received != token:
        return None
    listener.sendto(token[::-1], peer)
    return peer if sender.recv(2048) == token[::-1] else None


def tcp(args, token):
    netns.enter(args.to)
    listener = socket.socket(args.family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", args.internal_port))
    listener.listen(1)
    listener.settimeout(WAIT_S)
    netns.enter(args.source)
    sender = socket.socket(args.family, socket.SOCK_STREAM)
    sender.settimeout(WAIT_S)
    sender.connect((args.address, args.external_port))
    sender.sendall(token)
    accepted, peer = listener.accept()
    accepted.settimeout(WAIT_S)
    if accepted.recv(2048) != token:
        return None
    accepted.sendall(token[::-1])
    return peer if sender.recv(2048) == token[::-1] else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", required=True, help="namespace that sends")
    parser.add_argument("--to", required=True, help="namespace that listens")
    parser.add_argument("protocol", choices=["udp", "tcp"])
    parser.add_argument("address", help="address to send to, IPv4 or IPv6")
    parser.add_argument("external_port", type=int)
    parser.add_argument("internal_port", type=int)
    args = parser.parse_args()
    args.family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    token = secrets.token_bytes(16)
    try:
        peer = {"udp": udp, "tcp": tcp}[args.protocol](args, token)
    except OSError as refusal:
        peer = None
        print(f"{args.protocol} {args.external_port}: {refusal}")
    if peer is None:
        print(f"{args.protocol} {args.address}:{args.external_port}: did not arrive")
        return 1
    print(f"{args.protocol} {args.address}:{args.external_port}: arrived from {peer[0]}:{peer[1]} and was answered")
    return 0


if __name__ == "__main__":
    sys.exit(main())
