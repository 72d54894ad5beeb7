# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that belongs to another host than the master: the master hands it on, and answers for what comes of it
(ocaml/xapi/message_forwarding.ml)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.faults import Crashed
from xapi_twin.xapi.context import Context

T = TypeVar("T")

HANG_SECONDS = 127.0  # until TCP gives up on a host without power
LOOK_SECONDS = 1.0  # between two looks whether it has worked after all
TOLERATED_SECONDS = 30.0  # a bond may cut the connection to the member that makes it


async def at_host(
    context: Context,
    host: str,
    work: Callable[[], Awaitable[T]],
    success: Callable[[], T | None] | None = None,
    outlives: bool = False,
) -> T:
    """Have the host do the work, wherever it is.

    `success` is for work that may cut its own connection: it answers what the work would have, once it can be seen that it has worked, and
    None before. A member whose xapi is down lets the call wait, until its start-up ends the call's task and with it the connection:
    CANNOT_CONTACT_HOST, or, where the master goes by `success`, HANDLE_INVALID of that task. `outlives`: the member has the call by
    then and carries it out all the same (recorded of Bond.create). Raises XapiError HOST_OFFLINE, CANNOT_CONTACT_HOST.
    """
    pool = context.pool
    target = pool.hosts.get(host)
    if target is None:
        raise XapiError("HOST_OFFLINE", host)  # a dead reference is a host that is not live (recorded for PIF.scan)
    if target.is_master:
        return await work()
    context.resident_on(host)
    await context.moment("forward", host=host)
    if not pool.database.get("host_metrics", target.record["metrics"])["live"]:
        raise XapiError("HOST_OFFLINE", host)
    if target.xapi == "emergency":
        raise XapiError("CANNOT_CONTACT_HOST", host)
    if not target.powered:
        await asyncio.sleep(HANG_SECONDS * min(pool.scale, 1.0))
        raise XapiError("CANNOT_CONTACT_HOST", host)
    if not target.reachable.is_set():
        await target.reachable.wait()
        if outlives:
            target.life.start_soon(_despite(target.carry_out(work)))
            await asyncio.sleep(0)
        if success is None:
            raise XapiError("CANNOT_CONTACT_HOST", host)
        await pool.pause(LOOK_SECONDS)
        raise XapiError("HANDLE_INVALID", "task", context.task or "")
    try:
        return await target.carry_out(work)
    except Crashed:
        if success is not None:
            return await _wait_for(context, success, host)
        raise XapiError("CANNOT_CONTACT_HOST", host) from None


async def _despite(work: Awaitable[T]) -> None:
    """Work of whose end nobody hears."""
    with suppress(XapiError, Crashed):
        await work


async def _wait_for(context: Context, success: Callable[[], T | None], host: str) -> T:
    """Look every second whether it has worked after all."""
    for _dummy in range(int(TOLERATED_SECONDS)):
        answer = success()
        if answer is not None:
            return answer
        await context.pool.pause(LOOK_SECONDS)
    raise XapiError("CANNOT_CONTACT_HOST", host)
