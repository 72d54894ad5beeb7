# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of dom0. Each module has `COMMANDS`: name -> what runs it, and FOLDER: where those commands lie in dom0.

Which of them a dom0 has depends on its age: systemctl came with XenServer 7.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from xapi_twin.datamodel.releases import product_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xapi_twin.shell import Command
    from xapi_twin.twin.host import Host

_MODULES = ("awk", "files", "ip", "life", "ovs", "sed", "system", "text", "xe")
_FOLDERS = ("/opt/xensource/bin", "/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_SYSTEMD_ONLY = ("systemctl", "journalctl", "hostnamectl")


@cache
def _all() -> Mapping[str, tuple[Command, str]]:
    """(what runs it, its folder) by name."""
    found: dict[str, tuple[Command, str]] = {}
    for name in _MODULES:
        module = import_module(f"{__name__}.{name}")
        found.update({command: (function, module.FOLDER) for command, function in module.COMMANDS.items()})
    return found


def find(host: Host, name: str) -> Command | None:
    """What runs a command of this dom0, called by its name or by any path that it may have."""
    folder, slash, base = name.rpartition("/")
    if slash and folder not in _FOLDERS:
        return None
    if base not in _all() or (base in _SYSTEMD_ONLY and not product_of(host.twin.scenario.version).systemd):
        return None
    return _all()[base][0]


def path_of(host: Host, name: str) -> str:
    """Where a command lies."""
    return name if "/" in name else f"{_all()[name][1]}/{name}"


def names_in(host: Host, folder: str) -> list[str]:
    """The commands in a folder of this dom0. All are in all of them: /bin is /usr/bin, and scripts have their habits."""
    return [name for name in _all() if find(host, name) is not None] if folder in _FOLDERS else []
