#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Planners are pure: their library refers to nothing that reads or writes, nor to a clock, the environment, a log or
chance. Of the C library only what is listed here will do; of our own functions all but those that touch files.
Usage: check_planners.py NM libks_planners.a
"""

import re
import subprocess
import sys

PURE = re.compile(r"""^(
    mem(cpy|move|set|cmp|chr|mem)|str(n?len|n?cmp|n?casecmp|r?chr|chrnul|str|spn|cspn|pbrk|tou?ll?|verscmp)|stpcpy
    |qsort|qsort_r|bsearch|abort|free|__ctype_b_loc|__ctype_tolower_loc|__ctype_toupper_loc|tolower|toupper
    |v?sn?printf|__v?sn?printf_chk|__isoc(99|23)_(sscanf|strtou?ll?)|__mem(cpy|move|set)_chk|__stack_chk_fail|__assert_fail|__errno_location
    |_GLOBAL_OFFSET_TABLE_|__(a|ub|t|l)san_\w+|__sanitizer_\w+|__tsan_\w+|__gcov_\w+|__sancov\w*
    |__start_\w+|__stop_\w+
)$""", re.X)
OURS_THAT_DO_IO = re.compile(r"^ks_(root_open|file_|attr_|dir_|mkdirs|findings_print|virt_|connect|fail_virt_)")


def main():
    nm, library = sys.argv[1:]
    text = subprocess.run([nm, "-P", library], check=True, capture_output=True, text=True).stdout
    symbols = [line.split()[:2] for line in text.splitlines() if len(line.split()) >= 2]
    undefined = {name for name, kind in symbols if kind in "Uw"}
    if not any(name.startswith("ks_") and kind in "TR" for name, kind in symbols):
        print(f"{library} defines nothing of ours: is it the right file?")
        return 1
    bad = sorted(n for n in undefined if OURS_THAT_DO_IO.match(n) or not (n.startswith("ks_") or PURE.match(n)))
    for name in bad:
        print(f"planners refer to {name}, which is not known to be pure")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
