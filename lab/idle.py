#!/usr/bin/env python3
"""How often the threads of a process were woken up within some seconds, and its resident memory in KiB.

    idle.py PID SECONDS

A thread that goes to sleep gives up its processor of its own will, so each such switch is one wake-up.
"""

import pathlib
import re
import sys
import time


def value(path, name):
    return int(re.search(rf"^{name}:\s*(\d+)", path.read_text(), re.MULTILINE).group(1))


def wakeups(process):
    return sum(value(task / "status", "voluntary_ctxt_switches") for task in (process / "task").iterdir())


def main():
    process = pathlib.Path("/proc") / str(int(sys.argv[1]))
    before = wakeups(process)
    time.sleep(int(sys.argv[2]))
    print(wakeups(process) - before, value(process / "status", "VmRSS"))


if __name__ == "__main__":
    main()
