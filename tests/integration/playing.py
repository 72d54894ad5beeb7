# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a play as a user does, with ansible-playbook, and tells what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from xapi_twin.running import RunningTwin

HERE = Path(__file__).resolve().parent
COLLECTIONS = HERE.parents[1] / "build" / "dev"
BIN = Path(sys.executable).parent

# The control node; a host that only its connection tells from it; and a pool's host that nobody can log in to and that has no Python.
HOSTS: dict[str, dict[str, Any]] = {
    "localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
    "bastion": {"ansible_connection": "elsewhere", "ansible_python_interpreter": sys.executable},
    "xs-1": {"ansible_connection": "ssh", "ansible_host": "172.16.0.10", "ansible_python_interpreter": "/no/python"},
    "xs-2": {"ansible_connection": "ssh", "ansible_host": "172.16.0.12", "ansible_python_interpreter": "/no/python"},
}


@dataclass(frozen=True)
class Result:
    host: str
    task: str
    status: str  # ok, failed, unreachable, skipped
    values: dict[str, Any]


@dataclass(frozen=True)
class Played:
    """`results` are those of the tasks in order; `output` is what a user saw."""

    status: int
    output: str
    results: tuple[Result, ...]

    @property
    def last(self) -> dict[str, Any]:
        return self.results[-1].values


def play(
    folder: Path,
    tasks: Sequence[Mapping[str, Any]],
    *arguments: str,
    hosts: str = "localhost",
    inventory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **keywords: Any,
) -> Played:
    """One play with these tasks; `keywords` are the play's (`module_defaults`, `vars`), `arguments` those of ansible-playbook."""
    if inventory is None:
        inventory = folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": HOSTS}}))
    playbook, results = folder / "play.yml", folder / "results.jsonl"
    playbook.write_text(yaml.safe_dump([{"hosts": hosts, "gather_facts": False, **keywords, "tasks": list(tasks)}], sort_keys=False))
    results.write_text("")
    completed = run(folder, "ansible-playbook", "-i", str(inventory), str(playbook), *arguments, environment=environment)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    found = tuple(Result(line["host"], line["task"], line["status"], line["result"]) for line in lines)
    return Played(completed.returncode, completed.stdout + completed.stderr, found)


def run(folder: Path, command: str, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One of Ansible's commands with the collection of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_"))}
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "plugins" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "results",
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "plugins" / "connection"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "ANSIBLE_NOCOLOR": "1",
        "RESULTS": str(folder / "results.jsonl"),
    }
    completed = subprocess.run(
        [str(BIN / command), *arguments],
        env={**kept, **settings, **(environment or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert_nothing_deprecated(completed.stdout + completed.stderr)
    return completed


def assert_nothing_deprecated(output: str) -> None:
    """No ansible-core that we claim warns of something that the collection does."""
    assert "[DEPRECATION WARNING]" not in output, output[output.index("[DEPRECATION WARNING]") :][:2000]


def connection(twin: RunningTwin, host: str = "") -> dict[str, Any]:
    """The connection options for a running twin: its master, or the host that is named."""
    hosts = twin.endpoints["hosts"]
    name = host or next(name for name, about in hosts.items() if about["master"])
    return {
        "hostname": hosts[name]["xapi"],
        "username": twin.endpoints["user"],
        "password": twin.endpoints["password"],
        "ca_path": twin.endpoints["ca"] or None,
        "timeout": 10,
    }


def environment(twin: RunningTwin) -> dict[str, str]:
    """The same as a credential of AWX gives them."""
    options = connection(twin)
    names = {"hostname": "HOST", "username": "USER", "password": "PASSWORD", "ca_path": "CA_PATH", "timeout": "TIMEOUT"}
    return {f"XENSERVER_{names[option]}": str(value) for option, value in options.items() if value is not None}


def plain(value: Any) -> Any:
    """Text that ansible-inventory marks as no template, as text."""
    if isinstance(value, dict):
        return plain(value["__ansible_unsafe"]) if set(value) == {"__ansible_unsafe"} else {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value
