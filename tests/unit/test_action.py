# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of Ansible's own process: which door is taken, and what the work gets."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task as PlaybookTask
from ansible.template import Templar
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError
from ansible_collections.xapi.network.plugins.plugin_utils._action import InProcessAction

LOGIN = {"hostname": "xs-1", "password": "tiger-Lily"}
SEEN: list[Task] = []


def work(task: Task) -> dict[str, Any]:
    SEEN.append(task)
    return {"where": "here"}


def action(
    arguments: Mapping[str, Any],
    transport: str = "ssh",
    delegate_to: str = "",
    async_seconds: int = 0,
    does: Any = work,
    over_shell: bool = False,
) -> InProcessAction:
    options = {**CONNECTION_OPTIONS, "host": {"type": "str"}, "address": {"type": "str"}, "nics": {"type": "list", "elements": "str"}}

    class Action(InProcessAction):
        module = SimpleNamespace(
            ARGUMENT_SPEC=options, CONSTRAINTS={"supports_check_mode": True, "mutually_exclusive": [("nics", "timeout")]}, work=does
        )

        def over_shell(self, options: Mapping[str, Any]) -> bool:
            return over_shell

        def _execute_module(self, **given: Any) -> dict[str, Any]:
            return {"where": "there", "arguments": given["module_args"], "async": given["wrap_async"]}

    task = PlaybookTask()
    task.args = dict(arguments)
    task.action = "xs_test"
    task.delegate_to = delegate_to or None
    task.async_val = async_seconds
    loader = DataLoader()
    made = Action(
        task=task,
        connection=MagicMock(transport=transport, has_pipelining=False),
        play_context=MagicMock(check_mode=False),
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=MagicMock(),
    )
    made._load_name = "xs_test"  # as the loader of plugins does
    made._display = MagicMock()
    return made


def run(made: InProcessAction, **variables: Any) -> dict[str, Any]:
    SEEN.clear()
    return made.run(task_vars={"inventory_hostname": "xs-2", "ansible_host": "172.16.0.12", **variables})


@pytest.mark.parametrize(
    ("transport", "delegate_to", "async_seconds", "over_shell", "where"),
    [
        ("ssh", "", 0, False, "here"),  # a play over the pool's hosts
        ("local", "", 0, False, "here"),  # a play over localhost
        ("local", "localhost", 0, False, "here"),
        ("ssh", "bastion", 0, False, "there"),
        ("local", "", 60, False, "there"),
        ("local", "localhost", 60, False, "there"),
        ("ssh", "bastion", 60, False, "there"),
        ("ssh", "xs-3", 0, True, "here"),  # delegated to another dom0, over whose shell it works
    ],
)
def test_which_door_is_taken(transport: str, delegate_to: str, async_seconds: int, over_shell: bool, where: str) -> None:
    assert run(action(LOGIN, transport, delegate_to, async_seconds, over_shell=over_shell))["where"] == where


def test_async_over_ssh_without_delegation_is_an_error_that_says_what_to_do() -> None:
    refused = run(action(LOGIN, "ssh", async_seconds=60))
    assert refused["failed"]
    assert "add delegate_to: localhost" in refused["msg"]


def test_the_work_gets_complete_options_of_the_right_types() -> None:
    run(action({**LOGIN, "validate_certs": "no", "nics": "eth2,eth4"}))
    (task,) = SEEN
    assert (task.options["validate_certs"], task.options["nics"], task.options["timeout"]) == (False, ["eth2", "eth4"], 60)
    assert task.host == "xs-2"


def test_the_plays_host_is_the_host_unless_another_is_named() -> None:
    run(action(LOGIN))
    assert (SEEN[0].options["host"], SEEN[0].options["address"]) == ("xs-2", "172.16.0.12")
    run(action({**LOGIN, "host": "xs-7"}))
    assert (SEEN[0].options["host"], SEEN[0].options["address"]) == ("xs-7", None)


def test_a_bastion_gets_the_plays_host_and_the_control_nodes_environment_as_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XENSERVER_HOST", "xs-1")
    monkeypatch.setenv("XENSERVER_PASSWORD", "tiger-Lily")
    arguments = run(action({"nics": "eth2,eth4"}, delegate_to="bastion"))["arguments"]
    given = {name: arguments[name] for name in ("hostname", "password", "host", "address", "nics")}
    assert given == {"hostname": "xs-1", "password": "tiger-Lily", "host": "xs-2", "address": "172.16.0.12", "nics": "eth2,eth4"}


@pytest.mark.parametrize("delegate_to", ["", "bastion"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [({}, "hostname"), ({**LOGIN, "colour": "blue"}, "colour"), ({**LOGIN, "nics": ["a"], "timeout": 5}, "mutually exclusive")],
)
def test_wrong_arguments_are_refused_before_any_work(arguments: dict[str, Any], said: str, delegate_to: str) -> None:
    refused = run(action(arguments, delegate_to=delegate_to))
    assert refused["failed"]
    assert said in refused["msg"]
    assert SEEN == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"hostname": "xs-1"},
            "No password for XAPI: set XENSERVER_PASSWORD in the environment, or password of the task (storage_bond_password",
        ),
        ({"password": "p"}, "No hostname for XAPI: set XENSERVER_HOST (the master's address) in the environment, or hostname of the task"),
        (
            {},
            "No hostname and no password for XAPI: set XENSERVER_HOST (the master's address) and XENSERVER_PASSWORD in the environment, or",
        ),
    ],
)
def test_who_gives_no_login_is_told_how(arguments: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOB_ID", raising=False)
    assert run(action(arguments))["msg"].startswith(says)


def test_a_job_of_awx_without_a_credential_is_told_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_ID", "181")
    said = run(action({}))["msg"]
    assert said.startswith("This job has no hostname and no password for XAPI. Attach a credential of the type XenServer or XCP-ng pool to")
    assert SEEN == []


def test_an_error_is_a_failed_result_with_its_sentence_and_facts() -> None:
    def fails(task: Task) -> dict[str, Any]:
        task.warn("take care")
        raise NetworkError("eth2 is gone.", phase="plan")

    assert run(action(LOGIN, does=fails)) == {
        "changed": False,
        "failed": True,
        "msg": "eth2 is gone.",
        "phase": "plan",
        "warnings": ["take care"],
    }


def test_the_password_is_hidden_in_results_and_errors() -> None:
    def leaks(task: Task) -> dict[str, Any]:
        raise NetworkError(f"{task.options['password']} was refused.", options=dict(task.options))

    assert "tiger-Lily" not in str(run(action(LOGIN, does=leaks)))
    assert run(action(LOGIN, does=lambda task: {"seen": f"<{task.options['password']}>"}))["seen"] == "<********>"


def test_progress_is_shown_as_it_comes() -> None:
    made = action(LOGIN, does=lambda task: task.progress("xs-2: waiting for the bond, 8 s") or {})
    run(made)
    made._display.display.assert_called_once_with("xs-2: waiting for the bond, 8 s")


def test_options_are_plain_values_as_a_module_process_gets_them() -> None:
    class Tagged(str):
        """As Ansible marks text since 2.19."""

    run(action({**LOGIN, "nics": [Tagged("eth2")]}))
    assert not isinstance(SEEN[0].options["nics"][0], Tagged)


def test_a_command_runs_over_the_tasks_connection() -> None:
    made = action(LOGIN, does=lambda task: {"said": list(task.shell("hostname"))})
    made._low_level_execute_command = lambda command: {"rc": 0, "stdout": f"{command}\n", "stderr": ""}
    assert run(made)["said"] == [0, "hostname\n", ""]


def test_a_connection_that_fails_is_a_lost_connection() -> None:
    def command(text: str) -> dict[str, Any]:
        raise AnsibleConnectionFailure("no route to host")

    seen = []

    def asks(task: Task) -> dict[str, Any]:
        with pytest.raises(ConnectionLost, match=r"The connection to dom0 at .* failed: no route to host") as caught:
            assert task.shell
            task.shell("hostname")
        seen.append(caught)
        return {}

    made = action(LOGIN, does=asks)
    made._low_level_execute_command = command
    run(made)
    assert seen


def test_a_command_that_hangs_ends_with_its_time_and_so_do_its_programs(tmp_path: Path) -> None:
    """As a dom0 whose ssh never answers: the task goes on, the program is ended, the control connection is given up."""
    made = action(LOGIN)
    process = tmp_path / "process"

    def hangs(command: str) -> dict[str, Any]:
        with subprocess.Popen(["sleep", "60"]) as program:
            process.write_text(str(program.pid))
            program.wait()
        return {"rc": 0, "stdout": "", "stderr": ""}

    made._low_level_execute_command = hangs
    begin = time.monotonic()
    with pytest.raises(ConnectionLost, match="has not answered within 1 s; the command may still run there"):
        made._shell("date", 1)
    assert time.monotonic() - begin < 3
    made._connection.reset.assert_called_once_with()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{process.read_text()}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{process.read_text()}").exists()


def test_a_command_in_time_answers_and_its_failure_is_a_lost_connection() -> None:
    made = action(LOGIN)
    made._low_level_execute_command = lambda command: {"rc": 3, "stdout": command, "stderr": "e"}
    assert made._shell("date", 5) == (3, "date", "e")

    def fails(command: str) -> dict[str, Any]:
        raise AnsibleConnectionFailure("no route to host")

    made._low_level_execute_command = fails
    with pytest.raises(ConnectionLost, match="failed: no route to host"):
        made._shell("date", 5)
