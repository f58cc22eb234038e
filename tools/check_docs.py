#!/usr/bin/env python3
"""What the texts promise: their length, that their links lead somewhere, and that they name no one machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = {"ARCHITECTURE.md": 150}
REQUIRED = [
    "README.md",
    "ARCHITECTURE.md",
    "DESIGN.md",
    "QUIRKS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
]
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)
# A path that exists on one machine only.
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:work|tmp|home|Users)/[\w.]")
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
# Hosts that a text may name although a machine's package configuration may name them too.
PUBLIC_HOSTS = {"github.com", "crates.io", "index.crates.io", "static.crates.io", "docs.rs"}


def tracked_files():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    return [ROOT / name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]


def anchors(text):
    """The fragment identifiers that headings get when rendered."""
    found = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        found.add(plain.replace(" ", "-"))
    return found


def link_problems(path, text):
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        place = (path.parent / name) if name else path
        if not place.exists():
            yield f"link to {target}, which does not exist"
        elif fragment and place.suffix == ".md" and fragment not in anchors(place.read_text(encoding="utf-8")):
            yield f"link to {target}, which has no such heading"


def path_problems(text):
    """A file named in code style, if it looks like one of this repository's."""
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir()}
    for code in CODE.findall(FENCE.sub("", text)):
        if re.fullmatch(r"[\w.-]+/[\w./-]+", code) and code.split("/")[0] in tops and not (ROOT / code).exists():
            # Made by a build, so not there in a fresh copy.
            if not code.startswith("target/"):
                yield f"names {code}, which does not exist"


def private_hosts():
    """The registries this machine was told to use: its own business, not the repository's."""
    cargo_home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    texts = [os.environ.get(name, "") for name in ("PIP_INDEX_URL", "CARGO_REGISTRIES_CRATES_IO_INDEX")]
    for name in ("config.toml", "config"):
        if (cargo_home / name).is_file():
            texts.append((cargo_home / name).read_text(encoding="utf-8"))
    hosts = {host for text in texts for host in re.findall(r"://(?:[^/@\s\"']*@)?([\w.-]+\.[\w-]+)", text)}
    return hosts - PUBLIC_HOSTS


def machine_problems(text, hosts):
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE_PATH.search(line):
            yield f"line {number} has a path of one machine: {found.group()}…"
        if any(host in line for host in hosts):
            yield f"line {number} names a package registry of this machine"


def main():
    problems = [(name, "does not exist") for name in REQUIRED if not (ROOT / name).is_file()]
    hosts = private_hosts()
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = list(machine_problems(text, hosts))
        if path.suffix == ".md":
            found += link_problems(path, text)
            found += path_problems(text)
        if name in MAX_LINES and len(text.splitlines()) > MAX_LINES[name]:
            found.append(f"has {len(text.splitlines())} lines; {MAX_LINES[name]} is the limit")
        if path.name == "Cargo.lock":
            sources = set(re.findall(r'^source = "(.*)"$', text, re.MULTILINE)) - {CRATES_IO}
            found += [f"a dependency does not come from crates.io: {source}" for source in sorted(sources)]
        problems += [(name, problem) for problem in found]
    for name, problem in problems:
        print(f"{name}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
