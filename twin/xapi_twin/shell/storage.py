# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""drbdsetup and drbdadm: LINSTOR's volumes below an SR of type linstor (XOSTOR), as far as `status` tells of them."""

from __future__ import annotations

from xapi_twin.shell.call import Call

FOLDER = "/usr/sbin"


async def drbd(call: Call) -> int:
    """`status [RESOURCE]`: one resource for each disk of a linstor SR; its peers are the other hosts, connected while they have power."""
    if call.arguments[:1] != ["status"]:
        call.err(f"{call.name}: the twin answers 'status' alone\n")
        return 1
    wanted = [word for word in call.arguments[1:] if not word.startswith("-")]
    shown = [name for name in _resources(call) if not wanted or name in wanted or wanted == ["all"]]
    if wanted and wanted != ["all"] and not shown:
        call.err(f"{wanted[0]}: No such resource\n")
        return 10
    if not shown:
        call.err("# No currently configured DRBD found.\n")
    for name in shown:
        call.out(f"{name} role:Secondary\n  disk:UpToDate\n")
        for other in call.host.pool.hosts.values():
            if other is not call.host:
                state = "role:Secondary\n    peer-disk:UpToDate" if other.powered else "connection:Connecting"
                call.out(f"  {other.dom0.hostname} {state}\n")
        call.out("\n")
    return 0


def _resources(call: Call) -> list[str]:
    database = call.host.pool.database
    found = []
    for record in database.all("SR").values():
        if record["type"] == "linstor":
            names = [database.get("VDI", vdi)["uuid"] for vdi in record.get("VDIs", [])]
            found += [f"xcp-volume-{name}" for name in names] or ["xcp-persistent-database"]
    return found


COMMANDS = {"drbdsetup": drbd, "drbdadm": drbd}
