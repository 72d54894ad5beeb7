# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands a dom0 has, and where they lie. Each module has `COMMANDS`: name -> what runs it, and FOLDER.

Which of them a dom0 has depends on its age: systemctl came with XenServer 7. The text tools are the library's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from xapi_twin.datamodel.releases import Formats, product_of
from xapi_twin.shell import creating, ip, jobs, life, listing, openssl, ovs, storage, system, xe
from xapi_twin.shell.call import Call
from xapi_twin.shell.machine import Command, Machine
from xapi_twin.xapi.state import HostState

_MODULES = (creating, ip, jobs, life, listing, openssl, ovs, storage, system, xe)
_SYSTEMD_ONLY = ("systemctl", "journalctl", "hostnamectl")
# The library's own programs that a dom0 has as well.
_LIBRARY = (
    "[", "awk", "base64", "basename", "bash", "cat", "chgrp", "chmod", "chown", "cksum", "clear", "cmp", "column", "comm", "cp", "cut",
    "date", "dd", "diff", "dirname", "du", "echo", "egrep", "env", "expand", "expr", "factor", "false", "fgrep", "file", "find",
    "flock", "fmt", "fold", "gawk", "getconf", "grep", "groups", "gunzip", "gzip", "head", "hexdump", "hostid", "iconv", "install",
    "join", "less", "link", "ln", "logname", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "more", "mv", "nice", "nl", "nohup", "nproc",
    "od", "paste", "pr", "printenv", "printf", "pwd", "readlink", "realpath", "rev", "rm", "rmdir", "sed", "seq", "sh", "sha1sum",
    "sha256sum", "sha512sum", "shuf", "sort", "split", "stat", "strings", "sum", "sync", "tac", "tail", "tar", "tee", "test", "timeout",
    "touch", "tr", "true", "truncate", "tsort", "tty", "uname", "unexpand", "uniq", "unlink", "wc", "which", "who", "whoami", "xargs",
    "yes",
)  # fmt: skip
# The library's programs that no dom0 has.
_NOT_IN_DOM0 = (
    "assert", "basenc", "b2sum", "csv", "curl", "dotenv", "glob", "http", "jq", "json", "log", "parallel", "retry", "rg", "semver",
    "sqlite", "sqlite3", "template", "tomlq", "tree", "verify", "wget", "yq", "busybox", "mawk", "nawk", "uuidgen", "unzip", "zip",
    "make", "sudo",
)  # fmt: skip


async def _missing(call: Call) -> int:
    call.err(f"{call.process.name}: line 1: {call.name}: command not found\n")
    return 127


@cache
def _all() -> Mapping[str, tuple[Command, str]]:
    """(what runs it, its folder) by name."""
    found: dict[str, tuple[Command, str]] = dict.fromkeys(_NOT_IN_DOM0, (_missing, ""))
    for module in _MODULES:
        found.update({name: (command, module.FOLDER) for name, command in module.COMMANDS.items()})
    return found


def _folders(names: Mapping[str, tuple[Command, str]]) -> dict[str, tuple[str, ...]]:
    """The programs by folder. Those of /bin and /sbin are in /usr as well, as scripts have their habits."""
    found: dict[str, set[str]] = {folder: set() for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/opt/xensource/bin")}
    for name, (_command, folder) in names.items():
        if folder:
            found[folder].add(name)
    found["/bin"].update(_LIBRARY)
    found["/usr/bin"].update(found["/bin"])
    found["/usr/sbin"].update(found["/sbin"])
    found["/opt/xensource/bin"].update(name for name in names if name.startswith("xe"))
    return {folder: tuple(sorted(programs)) for folder, programs in found.items()}


def machine(host: HostState, formats: Formats) -> Machine:
    """The dom0 of a host."""
    systemd = product_of(host.pool.schema.version).systemd
    names = {name: entry for name, entry in _all().items() if systemd or name not in _SYSTEMD_ONLY}
    return Machine(host, formats, {name: command for name, (command, _folder) in names.items()}, _folders(names))
