# SPDX-License-Identifier: GPL-2.0-or-later
"""
import: what is there as a manifest. The files of tests/corpus each make the whole round (lib/importing.py);
scripts/try-import does the same with any other directory.
"""

from pathlib import Path

import pytest

from lib.importing import Refused, Trip, adapted, machines_of

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


@pytest.mark.parametrize("file", sorted(CORPUS.glob("domains/*.xml")), ids=lambda f: f.stem)
def test_domain_of_the_corpus(host, tmp, file):
    try:
        Trip(host, tmp).run(adapted(file.read_text(), machines_of(host.conn)))
    except Refused as e:
        pytest.skip(f"this libvirt does not take it: {e}")


def test_a_guest_that_is_not_there(host):
    result = host.kvmstate("import", "--guest", "nobody")
    assert result.status == 1
    assert "there is no guest 'nobody'" in result.stderr
