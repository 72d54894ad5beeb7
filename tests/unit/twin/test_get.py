# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients fetch with GET."""

from __future__ import annotations

import base64
import json

import pytest

from tests.unit.twin.ground import pool
from xapi_twin.server.http import respond


async def test_a_poller_of_measurements_is_told_that_there_are_none() -> None:
    async with pool() as ground:
        twin = ground.twin
        session = twin.dispatcher.open_session("XO")
        reply = await respond(twin.master_host, "GET", f"/rrd_updates?start=0&json=true&host=true&session_id={session}", b"")
        said = json.loads(reply.body)
        assert (reply.status, said["meta"]["rows"], said["meta"]["legend"], said["data"]) == (200, 0, [], [])
        assert (await respond(twin.master_host, "GET", f"/rrd_updates?start=0&session_id={session}", b"")).body.startswith("<xport>")


@pytest.mark.parametrize(("words", "status"), [("root:twin", 404), ("root:wrong", 401), ("", 401)])
async def test_what_a_xapi_has_and_the_twin_has_not_is_not_found_for_who_may_ask(words: str, status: int) -> None:
    async with pool() as ground:
        given = f"Basic {base64.b64encode(words.encode()).decode()}" if words else ""
        assert (await respond(ground.twin.master_host, "GET", "/host_backup", b"", given)).status == status


async def test_a_path_that_no_xapi_serves_is_forbidden() -> None:
    async with pool() as ground:
        assert (await respond(ground.twin.master_host, "GET", "/nothing", b"")).status == 403
