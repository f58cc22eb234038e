#!/usr/bin/env python3
"""A device that answers every search as a gateway would, and then is none.

black-hole  LOCATION on this device, whose TCP packets the lab drops
elsewhere   LOCATION at an address that nobody has
refuse      LOCATION on a closed port of this device
silent      accepts the connection and says nothing
drip        accepts the connection and sends one byte a second, for ever
"""

import argparse
import select
import socket
import struct
import sys
import time

GROUP, PORT = "239.255.255.250", 1900
IGD = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
UUID = "uuid:7d0f4f6c-2f7b-4a57-8a53-dead0000dead"
NOBODY = "10.99.0.66"
DRIP_S = 1.0


def search_target(datagram):
    """What an M-SEARCH looks for; None for anything else."""
    lines = datagram.decode("latin-1").split("\r\n")
    if not lines[0].startswith("M-SEARCH * "):
        return None
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "st":
            return value.strip()
    return None


def reply(target, location):
    target = IGD if target in ("ssdp:all", "upnp:rootdevice") else target
    lines = [
        "HTTP/1.1 200 OK",
        "CACHE-CONTROL: max-age=120",
        f"ST: {target}",
        f"USN: {UUID}::{target}",
        "EXT:",
        "SERVER: Dead/1.0 UPnP/1.1 Announcer/1.0",
        f"LOCATION: {location}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def listen_ssdp(address):
    ssdp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ssdp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ssdp.bind(("", PORT))
    membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(address))
    ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return ssdp


def listen_http(address):
    http = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    http.bind((address, 0))
    http.listen(64)
    return http


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True, help="this device's own")
    parser.add_argument("--mode", required=True, choices=["black-hole", "elsewhere", "refuse", "silent", "drip"])
    args = parser.parse_args()

    ssdp, http = listen_ssdp(args.address), listen_http(args.address)
    host = NOBODY if args.mode == "elsewhere" else args.address
    location = f"http://{host}:{http.getsockname()[1]}/rootDesc.xml"
    if args.mode == "refuse":
        http.close()
    listeners = [ssdp] if args.mode == "refuse" else [ssdp, http]
    drip = bytearray(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nX: ") + b"x" * 65536
    clients = {}
    print(f"ready: {args.mode}, {location}", flush=True)

    next_drip = time.monotonic() + DRIP_S
    while True:
        readable, _, _ = select.select([*listeners, *clients], [], [], max(0.0, next_drip - time.monotonic()))
        for ready in readable:
            if ready is ssdp:
                datagram, peer = ssdp.recvfrom(2048)
                target = search_target(datagram)
                if target is not None:
                    ssdp.sendto(reply(target, location), peer)
                    print(f"answered {peer[0]}:{peer[1]} {target}", flush=True)
            elif ready is http:
                client, peer = http.accept()
                clients[client] = 0
                print(f"connected {peer[0]}:{peer[1]}", flush=True)
            else:
                try:
                    gone = not ready.recv(4096)
                except ConnectionError:
                    gone = True
                if gone:
                    del clients[ready]
                    ready.close()
        if time.monotonic() >= next_drip:
            next_drip += DRIP_S
            for client, sent in list(clients.items()) if args.mode == "drip" else ():
                try:
                    client.send(drip[sent : sent + 1])
                    clients[client] = sent + 1
                except OSError:
                    del clients[client]
                    client.close()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
