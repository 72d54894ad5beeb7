# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command xapi-twin, as a user types it: run, state, journal, fault, do, capture, and its complaints."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from xapi_twin import cli
from xapi_twin.cli.tables import aligned
from xapi_twin.running import RunningTwin
from xapi_twin.serving.inventory import inventory

COMMAND = [sys.executable, "-m", "xapi_twin.cli"]


class Played:
    """A pool that `xapi-twin run` plays in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.endpoints_path, self.inventory_path = folder / "endpoints.json", folder / "inventory.yml"
        arguments = ["run", *options, "--endpoints", str(self.endpoints_path), "--inventory", str(self.inventory_path)]
        self.process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.welcome = []
        for line in self.process.stdout:
            self.welcome.append(line.rstrip("\n"))
            if line == "ready\n":
                return
        raise AssertionError(self.process.communicate()[1])

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.endpoints_path.read_text(encoding="utf-8"))
        return found

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=10)
        return self.process.returncode


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    pool = Played(tmp_path_factory.mktemp("twin"), "tutorial", "--restart-seconds", "0")
    yield pool
    assert pool.end() == 0


def typed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_when_it_is_ready_the_files_are_there_and_only_their_owner_may_read_them(played: Played) -> None:
    assert played.welcome[0] == "pool tutorial, xapi 24.19.2; user root, password twin"
    endpoints = played.endpoints
    assert {"pool", "hosts", "user", "password", "ca", "control"} <= endpoints.keys()
    first = endpoints["hosts"]["xs-1"]
    assert (first["master"], first["address"], first["xapi"][:18]) == (True, "172.16.0.10", "https://127.0.0.1:")
    assert {"host", "port", "user", "key"} <= first["ssh"].keys()
    for path in (played.endpoints_path, played.inventory_path, Path(first["ssh"]["key"])):
        assert path.stat().st_mode & 0o077 == 0


def test_the_inventory_has_the_groups_and_connects_without_questions(played: Played) -> None:
    found = yaml.safe_load(played.inventory_path.read_text(encoding="utf-8"))["all"]["children"]
    assert list(found) == ["xs_hosts", "xs_masters", "xs_members", "xs_pool_tutorial"]
    assert (list(found["xs_masters"]["hosts"]), list(found["xs_members"]["hosts"])) == (["xs-1"], ["xs-2"])
    member = found["xs_hosts"]["hosts"]["xs-2"]
    assert (member["xs_address"], member["ansible_user"], member["xs_is_master"]) == ("172.16.0.12", "root", False)
    shared = found["xs_pool_tutorial"]["vars"]
    assert shared["xapi_hostname"] == played.endpoints["hosts"]["xs-1"]["xapi"]
    command = ["ssh", *member["ansible_ssh_common_args"].split(), "-i", member["ansible_ssh_private_key_file"], "-o", "BatchMode=yes"]
    command += ["-p", str(member["ansible_port"]), f"root@{member['ansible_host']}", "hostname"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout == "xs-2\n"


def test_a_group_is_named_as_ansible_allows() -> None:
    endpoints = {
        "pool": "Büro 1 (old)", "user": "root", "password": "p", "ca": "",
        "hosts": {"a": {"master": True, "uuid": "u", "address": "10.0.0.1", "xapi": "http://127.0.0.1:1"}},
    }  # fmt: skip
    assert "xs_pool_B_ro_1__old_" in yaml.safe_load(inventory(endpoints))["all"]["children"]


def test_state_prints_what_the_tutorial_asks(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _unused = typed(capsys, "state", "--endpoints", played.endpoints_path)
    assert status == 0
    assert "xs-1 (master, 172.16.0.10, xapi running, enabled)" in text
    assert "  eth2  Pool-wide network associated with eth2  Static  172.16.0.35/255.255.255.240  00:26:55:d1:e8:cc  yes       -" in text
    assert "  xenbr2          eth2   00:26:55:d1:e8:cc  172.16.0.35/28" in text
    assert text.count("no bond in dom0") == 2


def test_state_shows_a_bond_in_xapi_and_in_dom0(capsys: pytest.CaptureFixture[str]) -> None:
    with RunningTwin("member-bond0-taken", restart_seconds=0) as twin:
        _status, text, _errors = typed(capsys, "state", "--endpoints", twin.endpoints_path)
        _status, found, _errors = typed(capsys, "state", "--json", "--endpoints", twin.endpoints_path)
    assert "  bond0  Backup   balance-slb  eth3, eth5  eth3\n" in text
    assert "  bond0         balance-slb  eth3, eth5  eth5\n" in text
    assert "in bond0" in text
    assert len(json.loads(found)["records"]["PIF"]) == 13


def test_journal_fault_and_do_reach_the_running_twin(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    files = ("--endpoints", played.endpoints_path)
    assert typed(capsys, "do", "carrier_down", "xs-2", "--device", "eth5", *files)[0] == 0
    assert typed(capsys, "do", "power_off", "xs-2", *files)[0] == 0
    assert "xs-2 (member, 172.16.0.12, without power)" in typed(capsys, "state", *files)[1]
    assert typed(capsys, "do", "power_on", "xs-2", *files)[0] == 0
    status, text, _unused = typed(capsys, "fault", "{when: {method: Bond.create, nth: 2}, do: drop, stage: after}", *files)
    assert (status, json.loads(text)["name"]) == (0, "Bond.create")
    assert typed(capsys, "fault", "--clear", *files) == (0, "", "")
    subprocess.run(
        [*COMMAND, "capture", "--hostname", played.endpoints["hosts"]["xs-1"]["xapi"], "--ca-path", played.endpoints["ca"]],
        env={**os.environ, "XENSERVER_PASSWORD": "twin"}, capture_output=True, check=True,
    )  # fmt: skip
    status, text, _unused = typed(capsys, "journal", *files)
    assert [line.split()[2] for line in text.splitlines()[1:]] == ["session.login_with_password", "event.from", "session.logout"]
    login = json.loads(typed(capsys, "journal", "--json", *files)[1].splitlines()[0])
    assert login["arguments"][:2] == ["root", "********"]


def test_capture_and_run_are_the_rehearsal(played: Played, tmp_path: Path) -> None:
    pool = tmp_path / "pool.yml"
    endpoints = played.endpoints
    command = ["capture", "--hostname", endpoints["hosts"]["xs-1"]["xapi"], "--ca-path", endpoints["ca"], "--output", str(pool)]
    subprocess.run([*COMMAND, *command], env={**os.environ, "XENSERVER_PASSWORD": "twin"}, check=True)
    rehearsal = Played(tmp_path, str(pool), "--http", "--restart-seconds", "0")
    try:
        assert list(rehearsal.endpoints["hosts"]) == ["xs-1", "xs-2"]
        assert rehearsal.endpoints["hosts"]["xs-1"]["xapi"].startswith("http://127.0.0.1:")
    finally:
        assert rehearsal.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("said", "done"), [("no", True), ("False", True), ("yes", False), ("", False), ("ture", False)])
def test_only_a_clear_no_makes_capture_trust_any_certificate(played: Played, tmp_path: Path, said: str, done: bool) -> None:
    command = [*COMMAND, "capture", "--hostname", played.endpoints["hosts"]["xs-1"]["xapi"], "--output", str(tmp_path / "pool.yml")]
    environment = {**os.environ, "XENSERVER_PASSWORD": "twin", "XENSERVER_VALIDATE_CERTS": said}
    captured = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (captured.returncode == 0) is done, captured.stderr
    complaint = "is 'ture', which is neither true nor false" if said == "ture" else "is not trusted"
    assert done or complaint in captured.stderr


def test_run_can_play_another_version(tmp_path: Path) -> None:
    pool = Played(tmp_path, "tutorial", "--xapi", "26.17.0")
    try:
        assert pool.welcome[0].startswith("pool tutorial, xapi 26.17.0;")
    finally:
        pool.end()


def test_scenarios_names_those_that_come_with_the_twin(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"tutorial", "tutorial-6.2", "tutorial-26", "sixty-four-hosts"} <= set(typed(capsys, "scenarios")[1].split())


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("run", "nosuch"), 2, "no scenario of that name comes with the twin"),
        (("run", "tutorial", "--xapi", "newest"), 2, "'newest' is not a version"),
        (("run", "tutorial", "--xapi", "3"), 2, "tutorial.yml:5: there is no version 3: xapi's are 1.x and, from 21 on, those of the year"),
        (("run", "tutorial", "--xapi", "99.9"), 2, "there is no version 99.9"),
        (("run", "tutorial", "--restart-seconds", "-1"), 1, "cannot be negative"),
        (("run", "tutorial", "--restart-seconds", "nan"), 1, "seconds is a number of seconds, at most those of a day (86400), not nan"),
        (("run", "tutorial", "--hold-states", "inf"), 1, "--hold-states is a number of seconds"),
        (("run", "tutorial", "--link-seconds", "1e400"), 1, "--link-seconds is a number of seconds"),
        (("pace", "--hold-states", "nan", "--endpoints", "/nowhere/e.json"), 1, "--hold-states is a number of seconds"),
        (("capture", "--hostname", "127.0.0.1:1", "--timeout", "-1"), 1, "--timeout cannot be negative"),
        (("capture", "--hostname", "127.0.0.1:1", "--timeout", "0"), 1, "--timeout cannot be zero"),
        (("capture", "--hostname", "127.0.0.1:1", "--timeout", "nan"), 1, "--timeout is a number of seconds"),
        (("capture", "--hostname", "127.0.0.1:99999"), 1, "'127.0.0.1:99999' is no host: give a name or an address"),
        (("state", "--endpoints", "/nowhere/e.json"), 1, "/nowhere/e.json cannot be read: No such file or directory; `xapi-twin run"),
        (("do", "nic_gone", "xs-1", "--endpoints", "/nowhere/e.json"), 1, "nic_gone needs --device"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: tuple[str, ...], status: int, complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENSERVER_PASSWORD", "twin")
    found, _unused, text = typed(capsys, *arguments)
    assert found == status
    assert text.startswith("xapi-twin: ")
    assert complaint in text


def test_a_scenario_with_a_mistake_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pool.yml"
    path.write_text("pool: x\nhost: []\n", encoding="utf-8")
    assert typed(capsys, "run", path) == (2, "", f"xapi-twin: {path}:2: the scenario has no key 'host'; did you mean 'hosts'?\n")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("xapi: 99.9", "there is no version 99.9"),
        ("restart_seconds: .nan", "restart_seconds must be a number"),
        ("restart_seconds: nan", "restart_seconds must be a number of at least 0.0, not 'nan'"),
        ("hold_states: inf", "hold_states must be a number of at least 0.0, not 'inf'"),
    ],
)
def test_a_number_that_is_none_is_named_by_its_line(line: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pool.yml"
    path.write_text(f"pool: x\n{line}\nhosts: [{{name: a, nics: {{eth0: {{ip: 10.0.0.1/24, management: true}}}}}}]\n", encoding="utf-8")
    status, _unused, text = typed(capsys, "run", path)
    assert (status, text.startswith(f"xapi-twin: {path}:2: {complaint}")) == (2, True), text


def test_a_file_that_is_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "pool.yml"
    binary.write_bytes(b"pool: x\n\xff\xfe\x00\x01")
    complaint = f"xapi-twin: {binary}:2: this is no text in UTF-8; a scenario is YAML, and a dump is XML, as it is or in a tar\n"
    assert typed(capsys, "run", binary) == (2, "", complaint)
    assert typed(capsys, "diff", binary, binary) == (2, "", complaint)
    status, _unused, text = typed(capsys, "capture", "--hostname", "127.0.0.1:1", "--password-file", binary)
    assert (status, text) == (1, f"xapi-twin: {binary} is no text in UTF-8: is it the file with the password?\n")


@pytest.mark.parametrize("option", ["--endpoints", "--inventory", "--workdir"])
def test_a_path_with_a_mistake_makes_no_folders(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _unused, text = typed(capsys, "run", "tutorial", "--restart-seconds", 0, option, tmp_path / "no" / "such" / "x")
    assert (status, "No such file or directory" in text, list(tmp_path.iterdir())) == (1, True, [])


def test_a_twin_that_has_ended_and_a_file_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunningTwin("tutorial", ssh=False) as twin:
        path = tmp_path / "endpoints.json"
        path.write_text(twin.endpoints_path.read_text(encoding="utf-8"), encoding="utf-8")
        assert "'xs-9'" in typed(capsys, "do", "restart", "xs-9", "--endpoints", path)[2]
        assert "a fault is a mapping" in typed(capsys, "fault", "boom", "--endpoints", path)[2]
    assert "is it still running?" in typed(capsys, "state", "--endpoints", path)[2]
    path.write_text("[]", encoding="utf-8")
    assert "is no file that `xapi-twin run --endpoints` wrote" in typed(capsys, "state", "--endpoints", path)[2]


def test_a_password_never_comes_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["capture", "--hostname", "h", "--password", "x"])
    capsys.readouterr()


def test_without_a_password_and_without_a_pool_capture_asks_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XENSERVER_PASSWORD", raising=False)
    monkeypatch.delenv("XENSERVER_HOST", raising=False)
    assert "which pool?" in typed(capsys, "capture")[2]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "set XENSERVER_PASSWORD or give --password-file" in typed(capsys, "capture", "--hostname", "127.0.0.1:1")[2]


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    assert aligned(("A", "LONG"), [("wide", 1), ("x", "")], indent="") == "A     LONG\nwide  1\nx"
