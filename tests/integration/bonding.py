# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the role's playbooks on a twin as a user does, and tells what the pool looks like."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.playing import Played, Result, run
from xapi_twin.running import RunningTwin

NAS = {"storage_bond_network": "NAS", "storage_bond_nics": ["eth2", "eth4"]}
QUIET = {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no", "ANSIBLE_HOST_KEY_CHECKING": "False"}


def bond(
    twin: RunningTwin, folder: Path, playbook: str = "storage_bond", *arguments: str, inventory: Path | None = None, **variables: Any
) -> Played:
    """`ansible-playbook xapi.network.<playbook>` on the twin's inventory; `variables` without their prefix storage_bond_."""
    given = {**NAS, **{f"storage_bond_{name}": value for name, value in variables.items()}}
    results = folder / "results.jsonl"
    results.write_text("")
    name = playbook if playbook.endswith(".yml") else f"xapi.network.{playbook}"
    command = ("-i", str(inventory or twin.inventory_path), name, "-e", json.dumps(given), *arguments)
    completed = run(folder, "ansible-playbook", *command, environment=QUIET)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    found = tuple(Result(line["host"], line["task"], line["status"], line["result"]) for line in lines)
    return Played(completed.returncode, completed.stdout + completed.stderr, found)


def pool_without_authority(twin: RunningTwin, folder: Path) -> Path:
    """An inventory that does not say who vouches for the pool's certificate."""
    inventory, host = folder / "hosts.json", twin.endpoints["hosts"]["xs-1"]
    facts = {"xapi_hostname": host["xapi"], "xapi_password": twin.endpoints["password"]}
    inventory.write_text(json.dumps({"xs_hosts": {"hosts": {"xs-1": {"ansible_host": host["address"]}}, "vars": facts}}))
    return inventory


def changed(played: Played) -> int:
    """The sum of changed= in the recap."""
    recap = played.output.partition("PLAY RECAP")[2]
    return sum(int(word.removeprefix("changed=")) for word in recap.split() if word.startswith("changed="))


def sentence(played: Played) -> str:
    """What the run said last when it failed."""
    failed = [result for result in played.results if result.status == "failed"]
    assert failed, played.output
    return str(failed[-1].values["msg"])


def look(twin: RunningTwin) -> dict[str, Any]:
    """The pool without uuids and references: for each host its PIFs, and what its dom0 has."""
    return twin.call(_look, twin)


def _look(twin: RunningTwin) -> dict[str, Any]:
    database = twin.database
    networks = database.all("network")
    hosts = {}
    for host in twin.twin.hosts.values():
        pifs = {}
        for pif in database.all("PIF").values():
            if pif["host"] == host.ref:
                name = pif["device"] if pif["VLAN"] < 0 else f"{pif['device']}.{pif['VLAN']}"
                bonds = [database.get("Bond", ref) for ref in pif["bond_master_of"]]
                pifs[name] = {
                    "network": networks[pif["network"]]["name_label"],
                    "bridge": networks[pif["network"]]["bridge"],
                    "ip": (pif["ip_configuration_mode"], pif["IP"], pif["netmask"]),
                    "mac": pif["MAC"].lower(),
                    "attached": pif["currently_attached"],
                    "disallow_unplug": pif["disallow_unplug"],
                    "management": pif["management"],
                    "other_config": dict(pif["other_config"]),
                    "bonds": [(bond["mode"], sorted(database.get("PIF", nic)["device"] for nic in bond["slaves"])) for bond in bonds],
                }
        dom0 = host.dom0
        hosts[host.record["name_label"]] = {
            "pifs": pifs,
            "enabled": host.record["enabled"],
            "bridges": {name: (bridge.mac.lower(), sorted(bridge.addresses)) for name, bridge in sorted(dom0.bridges.items())},
            "bonds": {name: (port.mode, sorted(member.device for member in port.members)) for name, port in dom0.bonds.items()},
        }
    return {"hosts": hosts, "networks": sorted(network["name_label"] for network in networks.values())}


def dom0(twin: RunningTwin, host: str, command: str, seconds: float = 60) -> str:
    """A command typed by hand into dom0 of a host."""
    ssh = twin.endpoints["hosts"][host]["ssh"]
    options = ["-o", f"UserKnownHostsFile={ssh['known_hosts']}", "-o", "BatchMode=yes", "-i", ssh["key"], "-p", str(ssh["port"])]
    done = subprocess.run(
        ["ssh", *options, f"{ssh['user']}@{ssh['host']}", command], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def writes(twin: RunningTwin) -> list[str]:
    """The calls that changed something, in order."""
    return [entry.method for entry in twin.journal.writes()]
