# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: pools of any size on the twin, and ways to bond them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.modules import xs_bond, xs_bond_info

from tests.integration.bonding import dom0
from tests.integration.playing import BIN, COLLECTIONS
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario
from xapi_twin.scenario.model import Scenario
from xapi_twin.xapi.journal import JournalEntry

MEASURED = Path(__file__).with_name("measured.py")
SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
}
NAS = {"storage_bond_network": "NAS", "storage_bond_nics": ["eth2", "eth4"]}


# How calls of XAPI are told apart. A full read is an event.from of all PIFs, a wait one that goes on from a token.
KINDS = ("login", "logout", "full", "read", "wait", "write", "other")


@dataclass(frozen=True)
class Cost:
    """What one way of doing it cost.

    `calls`: of XAPI by kind (KINDS), without those of xe in dom0, which do not go over the network; `bytes`: what XAPI sent and got;
    `processor`: seconds of processor time of the controlling process and all that it started; `own`: the controlling process' part of
    them; `memory`: its largest resident size in MiB.
    """

    seconds: float
    calls: Mapping[str, int]
    bytes: int = 0
    processor: float = 0.0
    own: float = 0.0
    memory: float = 0.0
    output: str = ""


def kind_of(entry: JournalEntry) -> str:
    """Which of KINDS a call is."""
    if entry.method == "event.from":
        classes, token = entry.arguments[:2]
        return "wait" if token else "full" if {"pif", "*"} & set(classes) else "read"
    if entry.method.startswith("session."):
        return "login" if "login" in entry.method else "logout"
    return "write" if entry.writes else "read" if ".get_" in entry.method else "other"


def calls_since(twin: RunningTwin, seen: int) -> tuple[Counter[str], int]:
    """The calls by kind from the journal's entry number `seen` on, and their bytes."""
    entries = list(twin.journal)[seen:]
    return Counter(kind_of(entry) for entry in entries), sum(entry.bytes_in + entry.bytes_out for entry in entries)


def scenario(hosts: int, nics: int = 6, name: str = "bench", **options: Any) -> Scenario:
    """A pool of that many hosts; the storage address is on eth2 of each."""
    about = {
        "pool": name,
        "xapi": "24.19.2",
        "hosts": [
            {
                "name": f"{name}-{number}",
                **({"master": True} if number == 1 else {}),
                "nics": {
                    f"eth{nic}": {
                        "mac": f"00:16:3e:{number:02x}:{nic:02x}:{abs(hash(name)) % 256:02x}",
                        **({"management": True, "ip": f"172.16.0.{number}/24"} if nic == 0 else {}),
                        **({"ip": f"172.16.1.{number}/24"} if nic == 2 else {}),
                    }
                    for nic in range(nics)
                },
            }
            for number in range(1, hosts + 1)
        ],
    }
    return read_scenario(yaml.safe_dump(about, sort_keys=False), "bench", **options)


def playbook(
    inventories: Sequence[Path],
    name: str,
    variables: Mapping[str, Any],
    *arguments: str,
    twins: Sequence[RunningTwin] = (),
) -> Cost:
    """One ansible-playbook, measured from outside."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "XENSERVER_"))}
    sources = [part for inventory in inventories for part in ("-i", str(inventory))]
    before = [len(list(twin.journal)) for twin in twins]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        command = [str(BIN / "ansible-playbook"), *sources, name, "-e", json.dumps(variables), *arguments]
        environment = {**kept, **SETTINGS, "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{folder}/cp"}
        file = Path(folder) / "measured.json"
        status = subprocess.call([sys.executable, MEASURED, file, *command], env=environment, stdout=output, stderr=subprocess.STDOUT)
        output.seek(0)
        said = output.read()
        if status:
            raise RuntimeError(f"{name} failed:\n{said[-3000:]}")
        measured = json.loads(file.read_text(encoding="utf-8"))
    calls: Counter[str] = Counter()
    size = 0
    for twin, seen in zip(twins, before, strict=True):
        its_calls, its_size = calls_since(twin, seen)
        calls += its_calls
        size += its_size
    return Cost(calls=calls, bytes=size, output=said, **measured)


def play(inventories: Sequence[Path], hosts: str, tasks: Sequence[Mapping[str, Any]], *arguments: str, strategy: str = "linear") -> Cost:
    """A play of these tasks alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(json.dumps([{"hosts": hosts, "gather_facts": False, "strategy": f"ansible.builtin.{strategy}", "tasks": tasks}]))
        file.flush()
        return playbook(inventories, file.name, {}, *arguments)


def role(twin: RunningTwin, *arguments: str, **variables: Any) -> Cost:
    """The role on one twin."""
    given = {**NAS, **{f"storage_bond_{name}": value for name, value in variables.items()}}
    return playbook([twin.inventory_path], "xapi.network.storage_bond", given, *arguments, twins=[twin])


def work(name: str, asked: Mapping[str, Any]) -> float:
    """Does the work of a module in this process. Returns the moment of its end, on the clock that all processes share (CLOCK_MONOTONIC)."""
    module = {"xs_bond": xs_bond, "xs_bond_info": xs_bond_info}[name]
    defaults = {option: about.get("default") for option, about in module.ARGUMENT_SPEC.items()}
    module.work(Task(options={**defaults, **asked}, check_mode=False))
    return time.monotonic()


def by_shell(twin: RunningTwin, pause: float = 15.0) -> Cost:
    """The tutorial, typed: xe on the master, then on each member a restart of xapi, a sleep, and a look."""
    begun, seen = time.monotonic(), len(list(twin.journal))
    master, *members = twin.endpoints["hosts"]
    _by_xe(twin, master)
    for member in members:
        dom0(twin, member, "service xapi restart", seconds=600)
        time.sleep(pause)
        dom0(twin, member, "xe bond-list params=uuid,master,mode; ifconfig; ovs-vsctl list-br; ovs-appctl bond/list")
    return Cost(time.monotonic() - begun, *calls_since(twin, seen))


def _by_xe(twin: RunningTwin, master: str) -> None:
    network = dom0(twin, master, "xe network-create name-label=NAS")
    host = dom0(twin, master, f"xe host-list name-label={master} --minimal")
    nics = [dom0(twin, master, f"xe pif-list host-uuid={host} device={device} --minimal") for device in ("eth2", "eth4")]
    dom0(twin, master, f"xe bond-create network-uuid={network} pif-uuids={','.join(nics)} mode=active-backup")


PLAIN = """
- hosts: xs_masters
  gather_facts: false
  tasks:
    - ansible.builtin.raw: |
        n=$(xe network-create name-label=NAS)
        h=$(xe host-list name-label={{ inventory_hostname }} --minimal)
        a=$(xe pif-list host-uuid=$h device=eth2 --minimal)
        b=$(xe pif-list host-uuid=$h device=eth4 --minimal)
        xe bond-create network-uuid=$n pif-uuids=$a,$b mode=active-backup
- hosts: xs_members
  gather_facts: false
  serial: 1
  tasks:
    - ansible.builtin.raw: service xapi restart
    - ansible.builtin.raw: ovs-appctl bond/list
      register: bonds
      until: "'bond0' in bonds.stdout"
      retries: 120
      delay: 1
    - ansible.builtin.raw: ovs-vsctl list-br; ifconfig
"""


def by_plain_playbook(twin: RunningTwin) -> Cost:
    """What a careful admin writes today: raw tasks with xe, a restart, and a retry loop."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(PLAIN)
        file.flush()
        return playbook([twin.inventory_path], file.name, {}, twins=[twin])
