# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of a module process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.xapi.network.plugins.doc_fragments.xapi import ModuleDocFragment
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

Door = Callable[..., dict[str, Any]]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Door:
    """Runs a work with arguments as Ansible hands them to a module process; gives what it printed."""

    def run(work: Callable[[Task], dict[str, Any]], environment: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
        given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", given)
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            run_as_module({**CONNECTION_OPTIONS, "nics": {"type": "list", "elements": "str"}}, {"supports_check_mode": True}, work)
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def test_the_work_gets_its_options_complete_and_of_their_types(door: Door) -> None:
    seen: list[Task] = []

    def work(task: Task) -> dict[str, Any]:
        seen.append(task)
        return {"changed": True}

    result = door(work, hostname="xs-1", password="x", validate_certs="no", timeout="5", nics="a,b")
    assert result["changed"] is True
    (task,) = seen
    assert (task.options["validate_certs"], task.options["timeout"], task.options["nics"]) == (False, 5, ["a", "b"])
    assert (task.options["username"], task.options["ca_path"], task.check_mode, task.shell) == ("root", None, False, None)


def test_check_mode_and_diff_reach_the_work(door: Door) -> None:
    result = door(
        lambda task: {"seen": [task.check_mode, task.diff_mode]}, hostname="x", password="x", _ansible_check_mode=True, _ansible_diff=True
    )
    assert result["seen"] == [True, True]


def test_an_error_fails_the_module_with_its_sentence_and_facts(door: Door) -> None:
    def work(task: Task) -> dict[str, Any]:
        raise NetworkError("eth2 is gone.", host="xs-2")

    result = door(work, hostname="xs-1", password="secret")
    assert (result["failed"], result["msg"], result["host"]) == (True, "eth2 is gone.", "xs-2")


def test_a_result_that_says_failed_fails_the_module(door: Door) -> None:
    assert door(lambda task: {"failed": True, "msg": "no", "plan": []}, hostname="xs-1", password="x")["failed"] is True


def test_the_environment_fills_what_is_not_given(door: Door) -> None:
    names = {
        "HOST": "xs-9",
        "USER": "ansible",
        "PASSWORD": "x",
        "VALIDATE_CERTS": "no",
        "CA_PATH": "/ca",
        "FINGERPRINT": "ab",
        "TIMEOUT": "7",
    }
    environment = {f"XENSERVER_{name}": value for name, value in names.items()}
    options = door(lambda task: {"seen": dict(task.options)}, environment)["seen"]
    options.pop("nics")
    # The password is "x", which Ansible hides in the result.
    assert {**options, "password": ""} == {
        "hostname": options["hostname"],
        "username": "ansible",
        "password": "",
        "validate_certs": False,
        "ca_path": "/ca",
        "fingerprint": "ab",
        "timeout": 7,
    }


def test_what_is_given_goes_before_the_environment(door: Door) -> None:
    result = door(lambda task: {"seen": task.options["timeout"]}, {"XENSERVER_TIMEOUT": "7"}, hostname="xs-1", password="secret", timeout=9)
    assert result["seen"] == 9


def test_the_password_is_hidden_in_results(door: Door) -> None:
    assert door(lambda task: {"seen": "it is tiger-Lily"}, hostname="xs-1", password="tiger-Lily")["seen"] == "it is ********"


def test_the_documented_connection_options_are_the_options() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) == set(CONNECTION_OPTIONS)
    for name, option in CONNECTION_OPTIONS.items():
        about = documented[name]
        assert (about["type"], about.get("default"), about.get("required", False)) == (
            option["type"],
            option.get("default"),
            option.get("required", False),
        )
        (variable,) = option["fallback"][1]
        assert f"E({variable})" in " ".join(about["description"])
