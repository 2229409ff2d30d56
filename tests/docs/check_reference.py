# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/manifest.md is what `kvmstate schema --markdown` prints. usage: check_reference.py KVMSTATE TOP"""

import difflib
import subprocess
import sys
from pathlib import Path

kvmstate, top = sys.argv[1:]
made = subprocess.run([kvmstate, "schema", "--markdown"], check=True, capture_output=True, text=True).stdout
kept = (Path(top) / "docs/manifest.md").read_text()
if made != kept:
    sys.stdout.writelines(difflib.unified_diff(kept.splitlines(True), made.splitlines(True),
                                               "docs/manifest.md", "kvmstate schema --markdown", n=1))
    sys.exit("\ndocs/manifest.md is not what the tables say; regenerate it:\n"
             "  build/dev/reconciler/kvmstate schema --markdown > docs/manifest.md")
