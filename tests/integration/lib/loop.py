# SPDX-License-Identifier: GPL-2.0-or-later
"""Block devices made of files. The kernel takes each away with the last who has it open, at the latest with us."""

import os

from .run import run


class NoLoop(Exception):
    """This machine has no loop devices."""


class Loop:
    def __init__(self, file, size):
        with open(file, "wb") as f:
            f.truncate(size)
        made = run(["losetup", "-f", "--show", file])
        if made.status:
            raise NoLoop(made.stderr.strip())
        self.path = made.stdout.strip()
        self._fd = os.open(self.path, os.O_RDONLY)
        run(["losetup", "-d", self.path]).ok()  # as soon as nobody has it open

    def holds(self):
        """What is on it: "ext4", "gpt", "" for nothing."""
        def ask(tag):
            return run(["blkid", "-p", "-o", "value", "-s", tag, self.path]).stdout.strip()
        return ask("TYPE") or ask("PTTYPE")

    def close(self):
        os.close(self._fd)
