# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a program did to the machine, as strace saw it: the calls that change something outside of a few named
directories. For "--dry-run writes nothing" and "the second apply does nothing".
"""

import re
from pathlib import Path

CHANGES = ("rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,chmod,fchmod,"
           "fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,mknod,mknodat,mount,umount2,sethostname,"
           "init_module,finit_module,delete_module,setxattr,fsetxattr,utimensat,open,openat,openat2,creat,execve,"
           "sendto,sendmsg,ioctl")
OPEN_TO_WRITE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
# Netlink requests, by strace's names: RTM_NEW*, RTM_DEL*, RTM_SET* change; RTM_GET* do not.
NETLINK_CHANGE = re.compile(r"RTM_(NEW|DEL|SET)[A-Z]+|NLMSG_TYPE_CHANGE")
IOCTL_CHANGE = re.compile(r"SIOCS[A-Z]+|SIOCBR(ADD|DEL)[A-Z]+|FS_IOC_SETFLAGS|LOOP_SET")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
LINE = re.compile(r"^(?:\[pid\s+\d+\]\s+|\d+\s+)?(\w+)\((.*)")


class Trace:
    """`wrap` stands before a command; after it ran, `changes()` are the calls that changed something."""

    def __init__(self, path):
        self.path = Path(path)
        self.wrap = ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(self.path), "-e", f"trace={CHANGES}",
                     "-e", "signal=none"]

    def changes(self, allowed=()):
        """Lines of the trace; paths below one of `allowed` do not count, nor do /dev and /proc/self."""
        allowed = tuple(str(a) for a in allowed) + ("/dev/null", "/dev/tty", "/dev/pts/", "/proc/self/", "pipe:")
        return [line for line in self.path.read_text(errors="replace").splitlines() if _changes(line, allowed)]


def _changes(line, allowed):
    match = LINE.match(line)
    if not match or " = -1 " in line:
        return False
    call, arguments = match.groups()
    if call in ("sendto", "sendmsg"):
        return bool(NETLINK_CHANGE.search(arguments))
    if call == "ioctl":
        return bool(IOCTL_CHANGE.search(arguments))
    if call == "execve":
        return False
    if call in ("open", "openat", "openat2") and not OPEN_TO_WRITE.search(arguments):
        return False
    return not all(p.startswith(allowed) for p in _paths(arguments))


def _paths(arguments):
    """The absolute paths that a call names: a relative one joined with its directory's (strace -y)."""
    folder = re.match(r"(?:AT_FDCWD|\d+)<([^>]*)>", arguments)
    names = QUOTED.findall(arguments)
    if not names:  # by descriptor alone
        return [folder.group(1)] if folder else ["?"]
    return [n if n.startswith("/") else f"{folder.group(1) if folder else '?'}/{n}" for n in names]
