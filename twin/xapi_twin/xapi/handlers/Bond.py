# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bond: carried out at the host that owns the PIFs."""

from __future__ import annotations

from collections.abc import Mapping

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.forwarding import at_host
from xapi_twin.xapi.network import bond


async def create(
    context: Context,
    network: str,
    members: list[str],
    mac: str,
    mode: str = "balance-slb",
    properties: Mapping[str, str] | None = None,
) -> str:
    if not members:
        raise XapiError("PIF_BOND_NEEDS_MORE_MEMBERS")
    host = context.database.get("PIF", members[0])["host"]
    ref = new_ref()
    wanted = bond.Wanted(network, members, mac, mode, properties or {}, ref)

    def done() -> str | None:
        # The task's progress reaches 1.0 only at the very end (message_forwarding.ml).
        task = context.database.find("task", context.task or "")
        return ref if task is not None and task["progress"] >= 1.0 else None

    return await at_host(
        context,
        host,
        lambda: bond.create(context.pool, wanted, context.progress),
        done,
        outlives=True,
    )


async def destroy(context: Context, self: str) -> None:
    host = bond.host_of(context.pool, self)

    def done() -> bool | None:
        return True if context.database.find("Bond", self) is None else None

    async def work() -> bool:
        await bond.destroy(context.pool, self, context.progress)
        return True

    await at_host(context, host, work, done, outlives=True)


async def set_mode(context: Context, self: str, value: str) -> None:
    await at_host(context, bond.host_of(context.pool, self), lambda: bond.set_mode(context.pool, self, value))


async def set_property(context: Context, self: str, name: str, value: str) -> None:
    await at_host(context, bond.host_of(context.pool, self), lambda: bond.set_property(context.pool, self, name, value))


CALLS: dict[str, Handler] = {"create": create, "destroy": destroy, "set_mode": set_mode, "set_property": set_property}
