#!/usr/bin/env python3
"""How long a command takes in a namespace, from process start to exit.

    timing.py median --netns NS --runs 9 -- portcullis open {port}/udp
    timing.py ratio --netns NS --runs 20 --limit 1.15 --label search -- bare search ... :: portcullis ...

`ratio` runs the two commands by turns, so that whatever else the machine does falls on both, and fails when the
second's median exceeds `limit` times the first's. `{port}` becomes a port that was not used before.
"""

import argparse
import os
import statistics
import sys
import time

import netns

FIRST_PORT = 20000


def run_ms(command):
    """One run, its output thrown away; the parent does nothing but wait."""
    devnull = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, devnull, fd) for fd in (0, 1)]
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    elapsed = (time.perf_counter() - start) * 1000
    os.close(devnull)
    if status != 0:
        sys.exit(f"failed with status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return elapsed


def with_port(command, port):
    return [word.replace("{port}", str(port)) for word in command]


def measure(commands, runs, first_port):
    """The times of each command, after one run of each that fills the caches and is not counted."""
    times = [[] for _ in commands]
    port = first_port
    for run in range(runs + 1):
        for command, kept in zip(commands, times):
            elapsed = run_ms(with_port(command, port))
            port += 1
            if run > 0:
                kept.append(elapsed)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["median", "ratio"])
    parser.add_argument("--netns", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--limit", type=float)
    parser.add_argument("--label", default="")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    words = args.command[1:] if args.command[:1] == ["--"] else args.command
    netns.enter(args.netns)

    if args.what == "median":
        (times,) = measure([words], args.runs, args.first_port)
        print(f"{statistics.median(times):.2f}")
        return 0
    split = words.index("::")
    first, second = measure([words[:split], words[split + 1 :]], args.runs, args.first_port)
    bare, ours = statistics.median(first), statistics.median(second)
    ratio = ours / bare
    print(
        f"{args.label}: bare C {bare:.2f} ms ({min(first):.2f} to {max(first):.2f}), "
        f"portcullis {ours:.2f} ms ({min(second):.2f} to {max(second):.2f}), "
        f"ratio {ratio:.2f}, limit {args.limit:.2f}, {args.runs} runs each by turns"
    )
    return 0 if ratio <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
