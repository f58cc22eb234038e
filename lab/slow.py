#!/usr/bin/env python3
"""A slow gateway: passes connections on to its HTTP port, and holds back the first byte of each request.

    slow.py --listen PORT --to ADDRESS:PORT --delay SECONDS
"""

import argparse
import socket
import sys
import threading
import time


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client, to, delay):
    try:
        with client, socket.create_connection(to) as server:
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            request = client.recv(65536)
            time.sleep(delay)
            server.sendall(request)
            pump(client, server)
            back.join()
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--delay", type=float, required=True)
    args = parser.parse_args()
    address, _, port = args.to.partition(":")
    listener = socket.create_server(("", args.listen), backlog=64)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, (address, int(port)), args.delay), daemon=True).start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
