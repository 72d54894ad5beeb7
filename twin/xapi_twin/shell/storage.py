# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""drbdsetup and drbdadm: LINSTOR's volumes below an SR of type linstor (XOSTOR), as far as `status` tells of them."""

from __future__ import annotations

import time

from xapi_twin.shell.call import Call
from xapi_twin.xapi.state import HostState

FOLDER = "/usr/sbin"
#: After the network of a host was away, DRBD connects again and copies what it has missed.
RESYNC_SECONDS = 10.0


async def drbd(call: Call) -> int:
    """`status [RESOURCE]`: one resource for each disk of a linstor SR; its peers are the other hosts, connected while they have power.

    Without such an SR nothing has loaded the kernel's module, and the tools end as those of drbd-utils 9 do then.
    """
    if call.arguments[:1] != ["status"]:
        call.err(f"{call.name}: the twin answers 'status' alone\n")
        return 1
    wanted = [word for word in call.arguments[1:] if not word.startswith("-")]
    resources = _resources(call)
    if not resources:
        call.err("modprobe: FATAL: Module drbd not found in directory /lib/modules/4.19.0+1\n")
        call.err("Failed to modprobe drbd (No such file or directory)\n")
        return 20
    shown = [name for name in resources if not wanted or name in wanted or wanted == ["all"]]
    if wanted and wanted != ["all"] and not shown:
        call.err(f"{wanted[0]}: No such resource\n")
        return 10
    for name in shown:
        call.out(f"{name} role:Secondary\n  disk:{'UpToDate' if _behind(call.host) is None else 'Inconsistent'}\n")
        for other in call.host.pool.hosts.values():
            if other is not call.host:
                call.out(f"  {other.dom0.hostname} {_peer(call.host, other)}\n")
        call.out("\n")
    return 0


def _peer(host: HostState, other: HostState) -> str:
    """What a host's DRBD says of its peer on another."""
    mine, theirs = _behind(host), _behind(other)
    if not other.powered or (theirs is not None and theirs < 30.0):
        return "connection:Connecting"
    if mine is not None:
        return f"role:Secondary\n    replication:SyncTarget peer-disk:UpToDate done:{mine:.2f}"
    if theirs is not None:
        return f"role:Secondary\n    replication:SyncSource peer-disk:Inconsistent done:{theirs:.2f}"
    return "role:Secondary\n    peer-disk:UpToDate"


def _behind(host: HostState) -> float | None:
    """How far the host has got in copying what it missed while its bond was made, in percent; None when it is done."""
    seconds = RESYNC_SECONDS * host.pool.scale
    since = time.monotonic() - host.dom0.bond_changed
    return since / seconds * 100 if since < seconds else None


def _resources(call: Call) -> list[str]:
    database = call.host.pool.database
    found = []
    for record in database.all("SR").values():
        if record["type"] == "linstor":
            names = [database.get("VDI", vdi)["uuid"] for vdi in record.get("VDIs", [])]
            found += [f"xcp-volume-{name}" for name in names] or ["xcp-persistent-database"]
    return found


COMMANDS = {"drbdsetup": drbd, "drbdadm": drbd}
