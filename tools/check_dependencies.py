#!/usr/bin/env python3
"""The rules of deny.toml that need no more than cargo: licences, duplicate versions, sources, banned crates.

cargo-deny knows more (advisories); this is for machines that do not have it.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def metadata(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def satisfies(expression, allowed):
    """Whether the allowed licences satisfy an SPDX expression. "/" is how old crates wrote OR."""
    words = re.findall(r"\(|\)|[^\s()/]+|/", expression)
    position = 0

    def next_is(*wanted):
        return position < len(words) and words[position] in wanted

    def single():
        nonlocal position
        word = words[position]
        position += 1
        if word == "(":
            value = either()
            position += 1
            return value
        if next_is("WITH"):
            word = f"{word} WITH {words[position + 1]}"
            position += 2
        return word in allowed

    def both():
        nonlocal position
        value = single()
        while next_is("AND"):
            position += 1
            value = single() and value
        return value

    def either():
        nonlocal position
        value = both()
        while next_is("OR", "/"):
            position += 1
            value = both() or value
        return value

    return either()


def main():
    with open(ROOT / "deny.toml", "rb") as file:
        deny = tomllib.load(file)
    allowed = set(deny["licenses"]["allow"])
    # An entry is "name", "name@version" or a table with `crate` or `name`.
    names = [entry if isinstance(entry, str) else entry.get("crate") or entry["name"] for entry in deny["bans"]["skip"]]
    skipped = {name.partition("@")[0] for name in names}
    banned = {entry if isinstance(entry, str) else entry.get("crate") or entry["name"] for entry in deny["bans"]["deny"]}

    problems = set()
    crates = set()
    for target in deny["graph"]["targets"]:
        graph = metadata(target)
        used = {node["id"] for node in graph["resolve"]["nodes"]}
        versions = defaultdict(set)
        for package in graph["packages"]:
            if package["id"] not in used:
                continue
            name, version, source = package["name"], package["version"], package["source"]
            versions[name].add(version)
            if source is None:
                continue
            crates.add((name, version))
            if source != CRATES_IO:
                problems.add(f"{name} {version}: comes from {source}")
            if name in banned:
                problems.add(f"{name} {version}: is banned")
            if not package["license"] or not satisfies(package["license"], allowed):
                problems.add(f"{name} {version}: licence {package['license']} is not allowed")
        for name, found in versions.items():
            if len(found) > 1 and name not in skipped:
                problems.add(f"{name}: versions {', '.join(sorted(found))} at once, for {target}")
    for problem in sorted(problems):
        print(problem)
    print(f"{len(crates)} crates, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
