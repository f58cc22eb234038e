#!/usr/bin/env python3
"""What the lab has measured, for people.

    report.py --show loss RECORD             the tables
    report.py --tell PERCENT CLIENT RECORD   one line of one of them
    report.py --write FILE RECORD            all of them into a document, between its marks

Each line of a record says what was measured, and its figures.
"""

import argparse
import collections
import datetime
import pathlib
import statistics
import subprocess
import sys

IN_TIME_MS = 5_000
BEGIN = "<!-- lab: begin (written by lab/run --record) -->"
END = "<!-- lab: end -->"
CLIENTS = {
    "all": "portcullis, all protocols",
    "pcp": "portcullis, PCP",
    "nat-pmp": "portcullis, NAT-PMP",
    "igd-v1": "portcullis, UPnP (IGD 1)",
    "igd-v2": "portcullis, UPnP (IGD 2)",
    "natpmpc": "`natpmpc -a`",
    "upnpc": "`upnpc -a`",
}


def read(path):
    """The lines of the record, by what was measured."""
    record = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        topic, *figures = line.split("\t" if "\t" in line else " ")
        record[topic].append(figures)
    return record


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def opens(record, percent, client):
    """The milliseconds of those that opened in time, and how many runs there were."""
    runs = [(state, int(ms)) for loss, name, state, ms in record["loss"] if (loss, name) == (percent, client)]
    return sorted(ms for state, ms in runs if state == "open" and ms <= IN_TIME_MS), len(runs)


def loss(record):
    percents = sorted({line[0] for line in record["loss"]}, key=int)
    rows = []
    for client, name in CLIENTS.items():
        row = [name]
        for percent in percents:
            times, runs = opens(record, percent, client)
            if times:
                row += [f"{len(times)} of {runs}", f"{statistics.median(times):.0f}", f"{times[-1]}"]
            else:
                row += [f"0 of {runs}", "–", "–"]
        rows.append(row)
    heads = ["client"]
    for percent in percents:
        heads += [f"{percent} %: within 5 s", "median, ms", "slowest, ms"]
    return table(heads, rows)


def tell(record, percent, client):
    times, runs = opens(record, percent, client)
    if not times:
        return f"0 of {runs}"
    return f"{len(times)} of {runs}, median {statistics.median(times):.0f} ms, slowest {times[-1]} ms"


def recovery(record):
    names = {
        "recovery": "gateway died and forgot, {}",
        "address": "external address changed, {}: event",
        "cable": "cable pulled and back, gateway forgot, {}",
    }
    rows = [
        [names[topic].format(method), times, median, slowest]
        for topic in names
        for method, times, median, slowest in record[topic]
    ]
    return table(["what happened, and by which protocol", "times", "median, ms", "slowest, ms"], rows)


def idle(record):
    rows = [
        [method, f"{int(wakes) * 60 / int(seconds):.1f}", seconds, f"{int(rss_kb) / 1024:.1f}"]
        for method, wakes, seconds, rss_kb in record["idle"]
    ]
    return table(["100 mappings kept by", "wake-ups a minute", "watched, s", "resident, MiB"], rows)


def speed(record):
    return table(["cold start, process included", "medians, and their ratio"], record["speed"])


TABLES = {
    "loss": ("Opening through loss, each way", loss),
    "recovery": ("Back after trouble", recovery),
    "speed": ("Cold start", speed),
    "idle": ("Idle", idle),
}


def provenance():
    here = pathlib.Path(__file__).parent
    commit = subprocess.run(["git", "-C", here, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
    return f"Measured on {datetime.date.today()} at commit {commit.stdout.strip()}, miniupnpd 2.3.1 in network namespaces."


def write(path, record):
    text = path.read_text() if path.exists() else "# Reliability\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## In the lab\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    parts = [f"### {title}\n\n{render(record)}" for topic, (title, render) in TABLES.items() if record[topic]]
    path.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join([provenance(), *parts]) + f"\n\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--show", choices=TABLES)
    what.add_argument("--tell", nargs=2, metavar=("PERCENT", "CLIENT"))
    what.add_argument("--write", type=pathlib.Path)
    parser.add_argument("record", type=pathlib.Path)
    args = parser.parse_args()
    record = read(args.record)
    if args.show:
        print(TABLES[args.show][1](record))
    elif args.tell:
        print(tell(record, *args.tell))
    else:
        write(args.write, record)


if __name__ == "__main__":
    sys.exit(main())
