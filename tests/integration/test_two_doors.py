# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's work runs in Ansible's own process, or as a module on a bastion host: the same arguments, the same results."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.playing import HOSTS, Played, connection, environment, play
from xapi_twin.running import RunningTwin

QUERY = "[?physical].{device: device, IP: IP}"


@pytest.fixture(scope="module")
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False) as running:
        yield running


def group(twin: RunningTwin, **changes: Any) -> dict[str, Any]:
    return {"module_defaults": {"group/xapi.network.xapi": {**connection(twin), **changes}}}


def without_noise(values: dict[str, Any]) -> dict[str, Any]:
    """What both doors have to agree in: Ansible itself adds the rest, and how long a task took is its own affair."""
    return {
        key: value for key, value in values.items() if not key.startswith("_ansible") and key not in ("invocation", "exception", "seconds")
    }


# where the work runs


def test_on_a_pools_host_without_python_and_without_ssh_the_work_runs_on_the_control_node(twin: RunningTwin, tmp_path: Path) -> None:
    played = play(tmp_path, [{"xapi.network.xs_pif_facts": {}}], hosts="xs-2", **group(twin))
    assert played.status == 0, played.output
    assert played.last["ansible_facts"]["xs_network"]["host"]["name_label"] == "xs-2"


def test_delegated_to_localhost_it_runs_there_and_the_facts_are_the_pools_hosts(twin: RunningTwin, tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"xapi.network.xs_pif_facts": {}, "delegate_to": "localhost"},
        {
            "ansible.builtin.debug": {
                "msg": "{{ ansible_facts['xs_network'].host.name_label }} {{ hostvars.localhost.ansible_facts is defined }}"
            }
        },
    ]
    played = play(tmp_path, tasks, hosts="xs-2", **group(twin))
    assert played.status == 0, played.output
    assert played.last["msg"].startswith("xs-2")


def test_delegated_to_a_bastion_it_runs_there_as_a_module(twin: RunningTwin, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    task = {
        "xapi.network.xs_pool_info": {},
        "delegate_to": "bastion",
        "vars": {"ansible_python_interpreter": str(bare / "bin" / "python")},
    }
    played = play(tmp_path, [task], hosts="xs-2", **group(twin))
    assert played.status == 2
    # That Python has no XenAPI, and the error tells so: the work really ran there.
    assert f"XenAPI is missing for the interpreter {bare}" in played.last["msg"]


CASES: dict[str, dict[str, Any]] = {
    "pool": {"xapi.network.xs_pool_info": {}},
    "facts by name": {"xapi.network.xs_pif_facts": {"host": "xs-1", "query": QUERY}},
    "facts of the play's host": {"xapi.network.xs_pif_facts": {"query": QUERY}},
    "a network that is to be": {
        "xapi.network.xs_network": {"name": "NAS", "mtu": "9000", "tags": "a,b", "other_config": {"automatic": False}},
        "check_mode": True,
    },
    "a network that is": {"xapi.network.xs_network": {"name": "Pool-wide network associated with eth0"}},
    "a bond that is to be": {"xapi.network.xs_bond": {"network": "NAS", "nics": "eth2,eth4", "mode": "active-backup"}, "check_mode": True},
    "a bond that is not": {"xapi.network.xs_bond_info": {"network": "NAS", "nics": ["eth2", "eth4"]}},
    "an unknown host": {"xapi.network.xs_pif_facts": {"host": "xs-9"}},
    "an unknown argument": {"xapi.network.xs_pool_info": {"colour": "blue"}},
    "an argument of the wrong type": {"xapi.network.xs_network": {"name": "NAS", "mtu": "large"}},
    "a choice that is none": {"xapi.network.xs_network": {"name": "NAS", "state": "gone"}},
    "a missing argument": {"xapi.network.xs_network": {}},
    "a query that is none": {"xapi.network.xs_pif_facts": {"host": "xs-1", "query": "[?"}},
    "a wrong password": {"xapi.network.xs_pool_info": {"password": "not it"}},
    "a wrong fingerprint": {"xapi.network.xs_pool_info": {"fingerprint": "00" * 32}},
}


@pytest.fixture(scope="module")
def both(twin: RunningTwin, tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Played]:
    """All cases through the one door, then through the other."""
    here, there = (
        play(
            tmp_path_factory.mktemp(door),
            [{"name": name, "ignore_errors": True, **case, **where} for name, case in CASES.items()],
            "--diff",
            hosts="xs-2",
            **group(twin),
        )
        for door, where in (("here", {}), ("there", {"delegate_to": "bastion"}))
    )
    return here, there


@pytest.mark.parametrize("name", CASES)
def test_both_doors_give_the_same_result(both: tuple[Played, Played], name: str) -> None:
    here, there = ({result.task: result for result in played.results}[name] for played in both)
    assert here.status == there.status
    assert without_noise(here.values) == without_noise(there.values)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("an unknown host", "The pool tutorial has no host xs-9. It has xs-1 (172.16.0.10), xs-2 (172.16.0.12)"),
        ("an unknown argument", "colour"),
        ("a missing argument", "one of the following is required: name, uuid"),
        ("a query that is none", "query is not a JMESPath expression"),
        ("a wrong password", "XAPI does not accept the password of user root"),
        ("a wrong fingerprint", "The certificate of 127.0.0.1"),
    ],
)
def test_an_error_is_a_sentence(both: tuple[Played, Played], name: str, said: str) -> None:
    for played in both:
        assert said in {result.task: result for result in played.results}[name].values["msg"]


# what both must keep


@pytest.mark.parametrize("where", [{}, {"delegate_to": "bastion"}])
def test_the_environment_of_the_control_node_reaches_either_door(twin: RunningTwin, tmp_path: Path, where: dict[str, Any]) -> None:
    """As a credential of AWX gives it: the bastion knows nothing of it."""
    played = play(tmp_path, [{"xapi.network.xs_pool_info": {}, **where}], hosts="xs-2", environment=environment(twin))
    assert played.status == 0, played.output
    assert played.last["master"]["name_label"] == "xs-1"


@pytest.mark.parametrize("where", [{}, {"delegate_to": "bastion"}])
def test_the_password_is_shown_nowhere(tmp_path: Path, where: dict[str, Any]) -> None:
    with RunningTwin("tutorial", ssh=False, password="hunter-Zwei-drei") as twin:
        tasks = [
            {"xapi.network.xs_network": {"name": "NAS", "description": "the password is hunter-Zwei-drei"}, **where},
            {"xapi.network.xs_pif_facts": {"host": "xs-9"}, "ignore_errors": True, **where},
            {"xapi.network.xs_pool_info": {"hostname": "root:hunter-Zwei-drei@xs-1"}, "ignore_errors": True, **where},
        ]
        played = play(tmp_path, tasks, "-vvv", "--diff", hosts="xs-2", environment=environment(twin))
        created = twin.call(lambda: [record["name_description"] for record in twin.database.all("network").values()])
    assert played.status == 0, played.output
    assert "the password is hunter-Zwei-drei" in created  # it went where it was meant to go
    # ansible-core 2.22 masks secrets by itself, in other words
    assert re.search(r"the password is (\*{8}|\$REDACTED\$)", str(played.results[0].values["network"]))
    assert "hunter-Zwei-drei" not in str([result.values for result in played.results])
    output = "\n".join(
        line for line in played.output.splitlines() if "description: the password is" not in line and "root:hunter" not in line
    )
    assert "hunter-Zwei-drei" not in output


@pytest.mark.parametrize("where", [{}, {"delegate_to": "bastion"}])
def test_a_task_in_check_mode_calls_nothing_that_writes(twin: RunningTwin, tmp_path: Path, where: dict[str, Any]) -> None:
    before = len(twin.journal.writes())
    played = play(tmp_path, [{"xapi.network.xs_network": {"name": "NAS"}, **where}], "--check", hosts="xs-2", **group(twin))
    assert played.last["changed"] is True
    assert len(twin.journal.writes()) == before


@pytest.mark.parametrize("where", [{}, {"delegate_to": "bastion"}])
def test_a_warning_is_shown_and_in_the_result(tmp_path: Path, where: dict[str, Any]) -> None:
    with RunningTwin("tutorial", ssh=False, tls=False) as twin:
        played = play(tmp_path, [{"xapi.network.xs_pool_info": {}, **where}], hosts="xs-2", **group(twin))
    assert played.status == 0, played.output
    (warning,) = [warning for warning in played.last["warnings"] if "interpreter" not in str(warning)]
    assert "in clear text, since hostname begins with http://" in str(warning)
    assert "in clear text" in " ".join(played.output.split())


@pytest.mark.parametrize("where", [{}, {"delegate_to": "bastion"}])
@pytest.mark.parametrize("arguments", [{"colour": "blue"}, {"password": "wrong"}])
def test_a_failure_can_be_expected_with_failed_when(
    twin: RunningTwin, tmp_path: Path, arguments: dict[str, Any], where: dict[str, Any]
) -> None:
    task = {"xapi.network.xs_pool_info": arguments, "register": "answer", "failed_when": "not answer.failed", **where}
    assert play(tmp_path, [task], hosts="xs-2", **group(twin)).status == 0


def test_loops_work(twin: RunningTwin, tmp_path: Path) -> None:
    task = {"xapi.network.xs_pif_facts": {"host": "{{ item }}", "query": "[0].IP"}, "loop": ["xs-1", "xs-2"], "register": "asked"}
    # what a callback is shown as the facts of each item are, from ansible-core 2.21 on, those of the last
    shown = {"ansible.builtin.debug": {"msg": "{{ asked.results | map(attribute='ansible_facts.xs_network.query') }}"}}
    played = play(tmp_path, [task, shown], **group(twin))
    assert played.last["msg"] == ["172.16.0.10", "172.16.0.12"]


def test_async_runs_as_a_module_on_the_control_node(twin: RunningTwin, tmp_path: Path) -> None:
    task = {"xapi.network.xs_pool_info": {}, "async": 60, "poll": 1}
    played = play(tmp_path, [task], **group(twin))
    assert played.status == 0, played.output
    assert played.last["master"]["name_label"] == "xs-1"


def test_async_on_a_pools_host_says_what_to_do(twin: RunningTwin, tmp_path: Path) -> None:
    played = play(tmp_path, [{"xapi.network.xs_pool_info": {}, "async": 60, "poll": 1}], hosts="xs-2", **group(twin))
    assert "add delegate_to: localhost" in played.last["msg"]


def test_a_task_that_has_nothing_to_do_costs_a_login_a_read_and_a_logout(twin: RunningTwin, tmp_path: Path) -> None:
    before = len(twin.journal)
    play(tmp_path, [{"xapi.network.xs_network": {"name": "Pool-wide network associated with eth0"}}], hosts="xs-2", **group(twin))
    assert [entry.method for entry in list(twin.journal)[before:]] == ["session.login_with_password", "event.from", "session.logout"]


def test_every_module_has_its_action_and_is_in_the_action_group_when_it_connects() -> None:
    root = Path(__file__).resolve().parents[2]
    modules = {path.stem for path in (root / "plugins" / "modules").glob("xs_*.py")}
    assert {path.stem for path in (root / "plugins" / "action").glob("xs_*.py")} == modules
    connecting = {name for name in modules if "xapi.network.xapi\n" in (root / "plugins" / "modules" / f"{name}.py").read_text()}
    members = yaml.safe_load((root / "meta" / "runtime.yml").read_text())["action_groups"]["xapi"]
    assert set(members) == connecting


def test_the_stand_in_for_a_bastion_is_no_local_connection() -> None:
    assert HOSTS["bastion"]["ansible_connection"] == "elsewhere"
