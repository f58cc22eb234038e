#!/usr/bin/env python3
"""The rules of deny.toml that need no more than cargo: licences, duplicate versions, sources, banned crates.

cargo-deny knows more (advisories); this is for machines that do not have it.
"""

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def used_crates(target):
    """(name, version, licence) of all that is compiled. The tree knows which optional ones are not; the metadata does not."""
    command = ["cargo", "tree", "--workspace", "--locked", "--target", target, "--prefix", "none", "-f", "{p}|{l}"]
    tree = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    used = set()
    for line in tree.splitlines():
        package, _, licence = line.removesuffix(" (*)").partition("|")
        if package:
            name, version = package.split()[:2]
            used.add((name, version.removeprefix("v"), licence))
    return used


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
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in deny["licenses"].get("exceptions", [])}
    # An entry is "name", "name@version" or a table with `crate` or `name`.
    names = [entry if isinstance(entry, str) else entry.get("crate") or entry["name"] for entry in deny["bans"]["skip"]]
    skipped = {name.partition("@")[0] for name in names}
    banned = {entry if isinstance(entry, str) else entry.get("crate") or entry["name"] for entry in deny["bans"]["deny"]}

    problems = set()
    crates = set()
    for target in deny["graph"]["targets"]:
        used = used_crates(target)
        crates |= used
        versions = defaultdict(set)
        for name, version, _ in used:
            versions[name].add(version)
        for name, found in versions.items():
            if len(found) > 1 and name not in skipped:
                problems.add(f"{name}: versions {', '.join(sorted(found))} at once, for {target}")
    for name, version, licence in crates:
        if name in banned:
            problems.add(f"{name} {version}: is banned")
        if not licence or not satisfies(licence, allowed | exceptions.get(name, set())):
            problems.add(f"{name} {version}: licence {licence or '(none)'} is not allowed")
    with open(ROOT / "Cargo.lock", "rb") as file:
        for package in tomllib.load(file)["package"]:
            if package.get("source", CRATES_IO) != CRATES_IO:
                problems.add(f"{package['name']} {package['version']}: comes from {package['source']}")
    for problem in sorted(problems):
        print(problem)
    print(f"{len(crates)} crates, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
