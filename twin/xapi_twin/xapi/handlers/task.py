# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks, as their owners handle them; how they come and end is in tasks.py."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi import tasks
from xapi_twin.xapi.context import Context, Handler


async def create(context: Context, label: str, description: str) -> str:
    return tasks.create(context.pool, label, description)


async def destroy(context: Context, task: str) -> None:
    context.database.remove("task", task)


async def cancel(context: Context, task: str) -> None:
    """Network calls never look whether they are to stop: the request is recorded in the task, and stays there (recorded)."""
    context.database.get("task", task)
    context.database.set("task", task, current_operations={f"DummyRef:|{uuid.uuid4()}|task.cancel": "cancel"})


async def set_status(context: Context, task: str, value: str) -> None:
    context.database.set("task", task, status=value)


async def set_progress(context: Context, task: str, value: float) -> None:
    context.database.set("task", task, progress=value)


async def set_result(context: Context, task: str, value: str) -> None:
    context.database.set("task", task, result=value)


async def set_error_info(context: Context, task: str, value: list[str]) -> None:
    context.database.set("task", task, error_info=value)


async def set_other_config(context: Context, task: str, value: dict[str, str]) -> None:
    context.database.set("task", task, other_config=value)


async def add_to_other_config(context: Context, task: str, key: str, value: str) -> None:
    current = context.database.get("task", task)["other_config"]
    if key in current:
        raise XapiError("MAP_DUPLICATE_KEY", "task", "other_config", task, key)
    context.database.set("task", task, other_config={**current, key: value})


async def remove_from_other_config(context: Context, task: str, key: str) -> None:
    current = context.database.get("task", task)["other_config"]
    context.database.set("task", task, other_config={kept: value for kept, value in current.items() if kept != key})


CALLS: Mapping[str, Handler] = {
    "create": create,
    "destroy": destroy,
    "cancel": cancel,
    "set_status": set_status,
    "set_progress": set_progress,
    "set_result": set_result,
    "set_error_info": set_error_info,
    "set_other_config": set_other_config,
    "add_to_other_config": add_to_other_config,
    "remove_from_other_config": remove_from_other_config,
}
