#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Data goes one way: each folder includes only what the table in docs/architecture.md allows it. The table is read
from that page, so the page stays true. Usage: check_includes.py TOP
"""

import re
import sys
from pathlib import Path

ROW = re.compile(r"^\|\s*`(\w+)/`\s*\|[^|]*\|\s*([^|]+?)\s*\|", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
# Libraries by the names that the page gives them; every other <header> is the C library's or the kernel's.
LIBRARIES = {
    "libyaml": ("yaml.h",), "libxml2": ("libxml/",), "libvirt": ("libvirt/",), "libpci": ("pci/",), "libblkid": ("blkid/",),
    "libnl-route": ("netlink/",), "jansson": ("jansson.h",), "libgit2": ("git2.h", "git2/"),
    "libsystemd": ("systemd/",), "gpgme": ("gpgme.h",), "nettle": ("nettle/",),
}


def library_of(header):
    return next((name for name, prefixes in LIBRARIES.items() if header.startswith(prefixes)), None)


def what_is_included(kind, header, folder, folders):
    """The table's name for an included header, or None for one that everybody may include."""
    if kind == "<":
        return library_of(header)
    first = header.split("/", 1)[0]
    return first if first in folders and first != folder else None


def faults(top):
    rows = {folder: {w.strip("` ") for w in allowed.split(",")} for folder, allowed in ROW.findall(
        (top / "docs/architecture.md").read_text())}
    folders = {f for f in rows if (top / f).is_dir()}
    if "planners" not in folders:
        yield "docs/architecture.md: the table of folders is not to be found"
    for folder in sorted(folders - {"tests"}):
        if "all" in rows[folder]:
            continue
        for path in sorted((top / folder).glob("*.[ch]")):
            for kind, header in INCLUDE.findall(path.read_text()):
                name = what_is_included(kind, header, folder, folders)
                if name and name not in rows[folder]:
                    yield f"{path.relative_to(top)}: includes {header}; {folder}/ may include: " + ", ".join(
                        sorted(rows[folder]))


def main():
    found = list(faults(Path(sys.argv[1])))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
