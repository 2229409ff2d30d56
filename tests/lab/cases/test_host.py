# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit programs that rearrange their host, let loose: VFs, drivers, holders, huge pages, bridges."""
import os
import pathlib

import pytest

from labhost import run

PROGRAMS = {
    "test_host_lab": {"KS_TEST_LAB": "1"},
    "test_host_pages": {"KS_TEST_HUGEPAGES": "2"},
    "test_host_bridge": {},
    "test_links": {},
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_unit_program(program, ens1):
    path = pathlib.Path(os.environ["KS_BUILD"]) / "tests" / program
    if not path.exists():
        pytest.skip(f"this build has no {program}")
    result = run(path, env={**os.environ, **PROGRAMS[program]}, check=False)
    print(result.stdout, result.stderr)
    assert result.returncode == 0
    assert "SKIPPED" not in result.stdout + result.stderr
