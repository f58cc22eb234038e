#!/usr/bin/env python3
"""Is the file one JSON document, and does the expression hold of it?

The document's keys are names in the expression, the whole document is `doc`. Status 0: it holds.
"""

import json
import sys

SHOWN = 2000


def main():
    _, path, expression = sys.argv
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        doc = json.loads(text)
    except ValueError as problem:
        print(f"standard output is not one JSON document: {problem}\n{text[:SHOWN]}")
        return 1
    names = {"doc": doc, "text": text, **(doc if isinstance(doc, dict) else {})}
    try:
        # One namespace, so that comprehensions see the names too; brackets, so that it may take several lines.
        # The expressions are the scenarios' own.
        holds = eval(f"({expression})", names)
    except (LookupError, NameError, TypeError, AttributeError) as problem:
        holds = False
        print(f"{type(problem).__name__}: {problem}")
    if not holds:
        print(f"does not hold: {expression}\n{text[:SHOWN]}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
