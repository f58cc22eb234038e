#!/usr/bin/env python3
"""Runs a client time after time, and prints a line for each run: its name, whether it opened a port, and the milliseconds.

    series.py NAME --client NS --router NS --runs N --bound SECONDS -- COMMAND...

`{port}` becomes a port that was not used before. Whether it is open is for the router's firewall to say, not for the
client. What takes longer than the bound is ended.
"""

import argparse
import re
import subprocess
import sys
import time

FIRST_PORT = 8001


def rule(port):
    """As nft prints it: 1.0 shows miniupnpd's rules as raw matches, later ones as "udp dport"."""
    return re.compile(rf"(0x11 th|\budp) dport {port}\b")


def run(command, client, bound):
    """How long it took, in milliseconds, or None if it had to be ended."""
    start = time.perf_counter()
    try:
        subprocess.run(
            ["ip", "netns", "exec", client, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=bound,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return (time.perf_counter() - start) * 1000


def is_open(router, port):
    listing = ["ip", "netns", "exec", router, "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"]
    return bool(rule(port).search(subprocess.run(listing, capture_output=True, text=True, check=True).stdout))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--client", required=True, help="namespace")
    parser.add_argument("--router", required=True, help="namespace")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--bound", type=float, required=True)
    end = sys.argv.index("--")
    args, words = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    for port in range(FIRST_PORT, FIRST_PORT + args.runs):
        elapsed = run([word.replace("{port}", str(port)) for word in words], args.client, args.bound)
        opened = is_open(args.router, port)
        print(args.name, "open" if opened else "closed", f"{args.bound * 1000 if elapsed is None else elapsed:.0f}", flush=True)


if __name__ == "__main__":
    main()
