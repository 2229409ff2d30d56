#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Sums up what the suites left in a directory: SUITE.xml (JUnit, from ctest and pytest) and SUITE.lines
("pass|NAME|", "fail|NAME|WHY", "skip|NAME|WHY"). Prints one line a suite, each failure and each skip with its
reason, and last "N passed, N failed, N skipped". Status 1 when something failed or nothing passed.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree


def from_junit(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = "::".join(n for n in (case.get("classname"), case.get("name")) if n)
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if bad is not None:
            yield "fail", name, bad.get("message") or ""
        elif skipped is not None:
            yield "skip", name, skipped.get("message") or ""
        else:
            yield "pass", name, ""


def from_lines(path):
    for line in path.read_text().splitlines():
        yield tuple(line.split("|", 2))


def first_line(text):
    return text.strip().split("\n", 1)[0]


def main(folder):
    total, skips, failures = Counter(), defaultdict(list), []
    for path in sorted(p for p in Path(folder).iterdir() if p.is_file()):
        results = list(from_junit(path) if path.suffix == ".xml" else from_lines(path))
        counts = Counter(outcome for outcome, _, _ in results)
        total += counts
        print(f"{path.stem:<12} {counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
        for outcome, name, why in results:
            if outcome == "skip":
                skips[first_line(why)].append(name)
            elif outcome == "fail":
                failures.append(f"{name}: {first_line(why)}")
    for why, names in skips.items():
        print(f"skipped: {why} ({', '.join(names[:4])}{f', and {len(names) - 4} more' if len(names) > 4 else ''})")
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{total['pass']} passed, {total['fail']} failed, {total['skip']} skipped")
    return 1 if total["fail"] or not total["pass"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
