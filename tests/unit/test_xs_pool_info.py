# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a pool."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_pool_info
from ansible_collections.xapi.network.tests.unit.pools import APool
from ansible_collections.xapi.network.tests.unit.rogue import Rogue, batch, event


def told(made: APool) -> dict[str, Any]:
    """By way of a session, as the records come."""
    events = [event(kind, ref, record) for kind, records in made.records.items() for ref, record in records.items()]

    def asked(session: str, classes: list[str], token: str, wait: float) -> dict[str, Any]:
        return batch(*[found for found in events if found["class"] in classes])

    with Rogue({"event.from": asked}) as host:
        options = {name: about.get("default") for name, about in xs_pool_info.ARGUMENT_SPEC.items()}
        result = xs_pool_info.work(Task(options={**options, "hostname": host.url, "password": "x"}))
        assert [method for method, _arguments in host.arrived] == ["session.login_with_password", "event.from", "session.logout"]
    return result


def test_the_master_comes_first_and_the_members_by_number() -> None:
    found = told(APool("xs-9", "xs-10", "xs-2", "xs-1"))
    assert [host["name_label"] for host in found["hosts"]] == ["xs-9", "xs-1", "xs-2", "xs-10"]
    assert (found["master"], found["members"]) == (found["hosts"][0], found["hosts"][1:])


def test_hosts_of_different_versions_are_told_apart() -> None:
    made = APool("xs-1", "xs-2", "xs-3")
    made.host("xs-2")["software_version"]["xapi_build"] = "25.35.0"
    assert [(entry["xapi"], entry["hosts"]) for entry in told(made)["versions"]] == [("26.17.0", ["xs-1", "xs-3"]), ("25.35.0", ["xs-2"])]


def test_only_unfinished_tasks_are_told_with_their_host() -> None:
    made = APool("xs-1", "xs-2")
    made.task("Async.VM.export", "xs-2")
    made.task("done", "xs-1", status="success")
    assert [(task["name_label"], task["host"]) for task in told(made)["tasks"]] == [("Async.VM.export", "xs-2")]


def test_high_availability_and_backend() -> None:
    made = APool("xs-1", backend="bridge")
    next(iter(made.records["pool"].values()))["ha_enabled"] = True
    found = told(made)
    assert (found["ha"], found["backend"]) == (True, "bridge")


def test_a_pool_whose_database_is_not_ready_is_an_error() -> None:
    made = APool("xs-1")
    made.records["pool"].clear()
    with pytest.raises(NetworkError, match="its database is not ready"):
        told(made)
