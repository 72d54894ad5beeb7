# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of calls: each call that can run in the background has one while it runs, and an Async call's stays until it is destroyed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.datamodel.schema import Type
from xapi_twin.xapi.state import XapiState


def create(pool: XapiState, label: str, description: str = "") -> str:
    """A new pending task, resident on the master."""
    fields: dict[str, Any] = {
        "name_label": label,
        "name_description": description,
        "created": pool.now(),
        "status": "pending",
        "resident_on": pool.master,
        "type": "<none/>",
        "backtrace": "()",
    }
    known = pool.schema.fields("task")
    return pool.database.add("task", **{name: value for name, value in fields.items() if name in known})


def forget(pool: XapiState, task: str) -> None:
    """The task of a call that the client waited for."""
    if pool.database.find("task", task) is not None:
        pool.database.remove("task", task)


async def carry_out(pool: XapiState, task: str, result: Type, work: Awaitable[Any]) -> None:
    """Await the work and write its end into the task. A task that is no more (destroyed, lost) is no obstacle to the work."""
    try:
        value = await work
    except XapiError as error:
        _end(pool, task, status="failure", error_info=error.description)
    except ConnectionDropped:
        return  # the xapi that carried it out is gone: nobody writes the end
    except Exception as error:  # xapi answers for a mistake of its own likewise
        _end(pool, task, status="failure", error_info=["INTERNAL_ERROR", repr(error)])
        raise
    else:
        _end(pool, task, status="success", result=pool.writer.xml(result, value))


def _end(pool: XapiState, task: str, **fields: Any) -> None:
    if pool.database.find("task", task) is not None:
        pool.database.set("task", task, progress=1.0, finished=pool.now(), **fields)
