# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of XAPI that have a behaviour of their own, one module per class; the rest is generic (see generic.py).

A module is named after its class (``handlers/Bond.py``) and has `CALLS`: the message's name -> its coroutine function, which takes a
`Context` and then the arguments by position, in XAPI's order, already checked against the schema and converted to Python's own types.
Optional arguments of the message have Python defaults.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xapi_twin.xapi.dispatcher import Handler


@cache
def handlers() -> Mapping[str, Handler]:
    """"Bond.create" -> what carries it out, for every message that has a behaviour of its own."""
    found: dict[str, Handler] = {}
    for module in pkgutil.iter_modules(__path__):
        calls: Mapping[str, Handler] = importlib.import_module(f"{__name__}.{module.name}").CALLS
        found.update((f"{module.name}.{message}", handler) for message, handler in calls.items())
    return found
