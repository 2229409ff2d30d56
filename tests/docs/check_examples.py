# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every manifest below examples/ is valid, alone and as a directory of hosts, and an editor that has the JSON Schema
agrees. usage: check_examples.py KVMSTATE TOP
"""

import json
import subprocess
import sys
from pathlib import Path

kvmstate, top = sys.argv[1], Path(sys.argv[2])
failures = []


def check(*args):
    done = subprocess.run([kvmstate, "validate", *map(str, args)], check=False, capture_output=True, text=True)
    if done.returncode:
        failures.append(f"$ kvmstate validate {' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
    return done.stdout


hosts = sorted((top / "examples/hosts").glob("*.yaml"))
for file in hosts:
    check("-f", file, "--host", file.stem)
if f"{len(hosts)} manifests are valid" not in check("--all", "-f", top / "examples"):
    failures.append(f"validate --all does not speak of {len(hosts)} manifests")

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"not checked against the JSON Schema: {missing}")
else:
    schema = json.loads(subprocess.run([kvmstate, "schema"], check=True, capture_output=True).stdout)
    validator = jsonschema.validators.validator_for(schema)(schema)
    for file in sorted((top / "examples").glob("*/*.yaml")):
        for fault in validator.iter_errors(yaml.safe_load(file.read_text())):
            failures.append(f"{file.relative_to(top)}: the schema refuses {list(fault.path)}: {fault.message}")

if failures or len(hosts) < 2:
    sys.exit("\n".join(failures) or "no examples found")
