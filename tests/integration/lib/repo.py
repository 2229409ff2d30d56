# SPDX-License-Identifier: GPL-2.0-or-later
"""A git repository of manifests, a commit at a time."""

from pathlib import Path

import yaml

from .run import run

IDENTITY = {"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.org", "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.org", "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null"}


class Repo:
    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True)
        self.url = f"file://{self.path}"
        self.git("init", "-q", "-b", "main")

    def git(self, *args):
        return run(["git", "-C", self.path, *args], env=IDENTITY).ok().stdout.strip()

    def commit(self, files, message="Change"):
        """Writes `files` (path -> text, or a value that becomes YAML, or None to delete); returns the commit's id."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
