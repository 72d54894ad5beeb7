# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of XAPI that have a behaviour of their own, one module per class; the rest is generic (see generic.py).

A module is named after its class (``handlers/Bond.py``) and has `CALLS`: the message's name -> its coroutine function, which takes a
`Context` and then the arguments by position, in XAPI's order, already checked against the schema and converted to Python's own types.
Optional arguments of the message have Python defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from xapi_twin.xapi.context import Handler
from xapi_twin.xapi.handlers import (
    PBD,
    PIF,
    SR,
    VIF,
    VLAN,
    VM,
    Bond,
    Cluster_host,
    event,
    host,
    message,
    network,
    pool,
    session,
    task,
    tunnel,
)

_MODULES: tuple[ModuleType, ...] = (
    Bond, Cluster_host, PBD, PIF, SR, VIF, VLAN, VM, event, host, message, network, pool, session, task, tunnel,
)  # fmt: skip

#: "Bond.create" -> what carries it out, for every message that has a behaviour of its own.
HANDLERS: Mapping[str, Handler] = {
    f"{module.__name__.rpartition('.')[2]}.{message}": handler for module in _MODULES for message, handler in module.CALLS.items()
}
