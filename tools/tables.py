#!/usr/bin/env python3
"""Tables in a text that a test makes.

    tools/tables.py check TEXT NAME TABLE    fails where the table between the marks of NAME differs from TABLE
    tools/tables.py write TEXT NAME TABLE    puts TABLE there
    tools/tables.py engine TEXT NAME TABLE   prints the numbers, from 0, of the rows of TABLE that say something else of the
                                             engine than TEXT does, or that are not there

Times are compared by and large, so that they hold on another machine. The column of an engine that is not the one in
the text, and what depends on it, is passed over, and that is said.
"""

import re
import sys
from pathlib import Path

TIME = re.compile(r"(\d+(?:\.\d+)?) s")
# A loaded machine may take this much longer or shorter, whichever is more.
SECONDS, SHARE = 1.0, 0.5
ENGINE = "Godot "


def marks(name):
    return f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"


def parse(text):
    """The rows of a table, each a dictionary by the names of its columns."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    if len(rows) < 3:
        raise SystemExit("tables: there is no table")
    names, above = [], ""
    for name in rows[0]:
        # Several columns may have the same name: each belongs to the named one before it.
        unique = rows[0].count(name) == 1
        names.append(name if unique else f"{above}: {name}")
        above = name if unique else above
    for row in rows[2:]:
        if len(row) != len(names):
            raise SystemExit(f"tables: a row has {len(row)} cells, not {len(names)}: {row}")
    return names, [dict(zip(names, row)) for row in rows[2:]]


def same(told, measured):
    if told == measured:
        return True
    times = TIME.fullmatch(told), TIME.fullmatch(measured)
    if None in times:
        return False
    told, measured = (float(time[1]) for time in times)
    return abs(told - measured) <= max(SECONDS, SHARE * told)


def check(path, name, table):
    text = path.read_text(encoding="utf-8")
    begin, end = marks(name)
    if begin not in text or end not in text:
        return [f"has no place for the table {name!r}"]
    told_names, told = parse(text.split(begin)[1].split(end)[0])
    names, measured = parse(table)
    others = {column.split(":")[0] for column in set(told_names) ^ set(names)}
    if strange := [column for column in others if not column.startswith(ENGINE)]:
        return [f"{name}: the columns are others: {', '.join(strange)}"]
    for column in sorted(others):
        print(f"{name}: not compared, for it is not in {'the text' if column in names else 'this run'}: {column}")
    # What stands in the last column is said of all engines.
    columns = [column for column in names if column in told_names and (column or not others)]
    if len(told) != len(measured):
        return [f"{name}: {len(told)} rows are told, {len(measured)} were measured"]
    problems = []
    for row, (was, now) in enumerate(zip(told, measured), 1):
        for column in columns:
            if not same(was[column], now[column]):
                problems.append(f"{name}, row {row}, {column or 'remark'}: {was[column]!r} is told, {now[column]!r} was measured")
    return problems


def engine(path, name, table):
    text = path.read_text(encoding="utf-8")
    begin, end = marks(name)
    told_names, told = parse(text.split(begin)[1].split(end)[0])
    names, measured = parse(table)
    columns = [column for column in names if column.startswith(ENGINE) and column in told_names]
    first = next((index for index, column in enumerate(names) if column.startswith(ENGINE)), 0)
    known = {tuple(row[column] for column in names[:first] if column in row): row for row in told}
    for number, row in enumerate(measured):
        was = known.get(tuple(row[column] for column in names[:first]))
        if columns and not (was and all(same(was[column], row[column]) for column in columns)):
            print(number)
    return []


def write(path, name, table):
    text = path.read_text(encoding="utf-8")
    begin, end = marks(name)
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    parse(table)
    if not tail:
        return [f"has no place for the table {name!r}"]
    path.write_text(f"{head}{begin}\n{table.strip()}\n\n{end}{tail}", encoding="utf-8")
    return []


VERBS = {"check": check, "write": write, "engine": engine}


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in VERBS:
        raise SystemExit(__doc__)
    _, verb, text, name, table = sys.argv
    problems = VERBS[verb](Path(text), name, Path(table).read_text(encoding="utf-8"))
    for problem in problems:
        print(f"{text}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
