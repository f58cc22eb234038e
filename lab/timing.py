#!/usr/bin/env python3
"""How long two commands take in a namespace, from process start to exit, run by turns.

    timing.py --netns NS --runs 20 --limit 1.15 --names "bare C,portcullis" -- COMMAND... :: COMMAND...

By turns, so that whatever else the machine does falls on both. Prints the medians and the ratio of the second to the
first. Status 1: it exceeds the limit. `{port}` becomes a port that was not used before. What has to be arranged
before each run (`--before-first`, `--before-second`) is not counted.
"""

import argparse
import os
import statistics
import subprocess
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


def measure(commands, before, runs):
    """The times of each command, after one run of each that fills the caches and is not counted."""
    times = [[] for _ in commands]
    port = FIRST_PORT
    for run in range(runs + 1):
        for command, preparation, kept in zip(commands, before, times):
            if preparation:
                subprocess.run(preparation, shell=True, check=True)
            elapsed = run_ms(with_port(command, port))
            port += 1
            if run > 0:
                kept.append(elapsed)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netns", required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--names", required=True, help="of the two commands, with a comma between")
    parser.add_argument("--before-first", help="shell command, run in the namespace")
    parser.add_argument("--before-second", help="shell command, run in the namespace")
    end = sys.argv.index("--")
    args, words = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    split = words.index("::")
    netns.enter(args.netns)

    commands, before = [words[:split], words[split + 1 :]], [args.before_first, args.before_second]
    times = measure(commands, before, args.runs)
    first, second = (statistics.median(kept) for kept in times)
    ratio = second / first
    medians = ", ".join(
        f"{name} {statistics.median(kept):.2f} ms ({min(kept):.2f} to {max(kept):.2f})"
        for name, kept in zip(args.names.split(","), times)
    )
    print(f"{medians}, ratio {ratio:.2f}, limit {args.limit:.2f}, {args.runs} runs each by turns")
    return 0 if ratio <= args.limit else 1


if __name__ == "__main__":
    sys.exit(main())
