#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every C file keeps to: the licence in its first line, under 600 lines. Usage: check_house.py TOP"""

import sys
from pathlib import Path

LICENCE = "/* SPDX-License-Identifier: GPL-2.0-or-later */"
LINES = 600


def faults(top):
    for folder in sorted(f.parent for f in top.glob("*/CMakeLists.txt")):
        for path in sorted(folder.rglob("*.[ch]")):
            lines = path.read_text().splitlines()
            if lines[:1] != [LICENCE]:
                yield f"{path.relative_to(top)}:1: does not begin with {LICENCE}"
            if len(lines) >= LINES:
                yield f"{path.relative_to(top)}: has {len(lines)} lines: one subject each, under {LINES}"


def main():
    found = list(faults(Path(sys.argv[1])))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
