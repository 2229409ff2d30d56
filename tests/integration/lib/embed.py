# SPDX-License-Identifier: GPL-2.0-or-later
"""
libvirt's QEMU driver in the calling process, without a daemon (qemu:///embed?root=DIR). Guests keep running
between processes; one process at a time holds a root.
"""

from pathlib import Path

from . import apilog


class Embedded:
    def __init__(self, host, root):
        self.host = host
        self.root = Path(root)
        (self.root / "etc").mkdir(parents=True)
        (self.root / "etc/qemu.conf").write_text(host.qemu_conf + 'stdio_handler = "file"\n')
        self.uri = f"qemu:///embed?root={self.root}"
        self.state = self.root / "kvmstate"

    def virsh(self, *args, **options):
        return self.host.exec("virsh", "-q", "-c", self.uri, *args, **options)

    def kvmstate(self, *args, env=None, **options):
        """kvmstate with this libvirt and a state directory beside it."""
        command, *rest = args
        return self.host.kvmstate(command, "--connect", self.uri, *rest,
                                  env={"KVMSTATE_STATE_DIR": str(self.state), **(env or {})}, **options)

    def api_log(self, path):
        """For kvmstate(env=...): its libvirt calls go to the file `path`; apilog.Calls().read() reads them."""
        return apilog.environment(path)

    def xml(self, name, live=False):
        return self.virsh("dumpxml", *([] if live else ["--inactive"]), name).ok().stdout

    def guests(self, *options):
        return self.virsh("list", "--name", *(options or ["--all"])).ok().stdout.split()

    def close(self):
        for name in self.guests("--state-running", "--state-paused"):
            self.virsh("destroy", name)
        for name in self.guests():
            self.virsh("undefine", "--nvram", "--managed-save", name)
