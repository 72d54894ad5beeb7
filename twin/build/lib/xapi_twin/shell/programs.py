# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands a dom0 has, and where they lie. Each module has `COMMANDS`: name -> what runs it, and FOLDER.

Which of them a dom0 has depends on its age: systemctl came with XenServer 7. The text tools are the library's.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bashkit import FileSystem

from xapi_twin.datamodel.releases import product_of
from xapi_twin.shell import ip, jobs, life, listing, ovs, storage, system, xe
from xapi_twin.shell.call import Call, Command, callback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bashkit import Bash

    from xapi_twin.shell.process import Process
    from xapi_twin.twin.host import Host

_MODULES = (ip, jobs, life, listing, ovs, storage, system, xe)
_SYSTEMD_ONLY = ("systemctl", "journalctl", "hostnamectl")
# The library's own programs that a dom0 has as well.
_LIBRARY = (
    "[", "awk", "base64", "basename", "bash", "cat", "chgrp", "chmod", "chown", "cksum", "clear", "cmp", "column", "comm", "cp",
    "cut", "date", "dd", "diff", "dirname", "du", "echo", "egrep", "env", "expand", "expr", "factor", "false", "fgrep", "file",
    "find", "flock", "fmt", "fold", "gawk", "getconf", "grep", "groups", "gunzip", "gzip", "head", "hexdump", "hostid", "iconv",
    "install", "join", "less", "link", "ln", "logname", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "more", "mv", "nice", "nl",
    "nohup", "nproc", "od", "paste", "pr", "printenv", "printf", "pwd", "readlink", "realpath", "rev", "rm", "rmdir", "sed", "seq",
    "sh", "sha1sum", "sha256sum", "sha512sum", "shuf", "sort", "split", "stat", "strings", "sum", "sync", "tac", "tail", "tar", "tee",
    "test", "timeout", "touch", "tr", "true", "truncate", "tsort", "tty", "uname", "unexpand", "uniq", "unlink", "wc", "which", "who",
    "whoami", "xargs", "yes",
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


def _there(host: Host, name: str) -> bool:
    return name not in _SYSTEMD_ONLY or product_of(host.twin.scenario.version).systemd


def folders(host: Host) -> dict[str, tuple[str, ...]]:
    """The programs of a dom0 by folder. Those of /bin and /sbin are in /usr as well, as scripts have their habits."""
    found: dict[str, set[str]] = {folder: set() for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/opt/xensource/bin")}
    for name, (_command, folder) in _all().items():
        if folder and _there(host, name):
            found[folder].add(name)
    found["/bin"].update(_LIBRARY)
    found["/usr/bin"].update(found["/bin"])
    found["/usr/sbin"].update(found["/sbin"])
    found["/opt/xensource/bin"].update(name for name in _all() if name.startswith("xe"))
    return {folder: tuple(sorted(names)) for folder, names in found.items()}


def install(shell: Bash, process: Process) -> None:
    """Give an interpreter dom0's own commands, and the folders in which they lie."""
    for folder, names in folders(process.host).items():
        shell.mount(folder, _programs(names), read_only=True)
    for name, (command, _folder) in _all().items():
        if _there(process.host, name):
            shell.add_command(name, callback(process, name, command))


@cache
def _programs(names: tuple[str, ...]) -> FileSystem:
    """A folder of programs: each hands on to the command of its name."""
    folder = FileSystem()
    for entry in folder.read_dir("/"):
        folder.remove("/" + entry["name"], recursive=True)
    for name in names:
        folder.write_file(f"/{name}", f'#!/bin/sh\n{name} "$@"\n'.encode())
        folder.chmod(f"/{name}", 0o755)
    return folder
