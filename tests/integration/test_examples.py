# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of every plugin, run as they are printed, on a twin that has what they speak of.

Only where things are is put in: the address of XAPI, and the file or the fingerprint of its certificate.
"""

from __future__ import annotations

import hashlib
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration import bonding, playing
from tests.integration.playing import connection, plain, run
from tests.unit import examples
from tests.unit.examples import ROOT, Example
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario

TUTORIAL = (ROOT / "twin/xapi_twin/scenarios/tutorial.yml").read_text(encoding="utf-8")
LIFE = """
networks:
  - {name: VMs, bridge: xapi7}
vms:
  - {name: web, host: xs-2, state: running, networks: [eth1]}
"""
NAS = """
networks:
  - {name: NAS, uuid: 929521ce-0cd6-db0a-0501-4a6829192378}
"""
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Place:
    """Where the examples of a plugin make sense. `bonded`: the storage NICs are bonded before; `bonds`: how many there are afterwards."""

    pool: str = TUTORIAL
    hosts: str = "localhost"
    bonded: bool = False
    bonds: int = 0


PLACES = {
    "modules/xs_agent.py": Place(hosts="xs-2"),
    "modules/xs_bond.py": Place(TUTORIAL + LIFE, bonds=3),
    "modules/xs_bond_info.py": Place(bonded=True, bonds=2),
    "modules/xs_bond_report.py": Place(),
    "modules/xs_bond_run.py": Place(),
    "modules/xs_confirm.py": Place(bonds=1),
    "modules/xs_dom0_facts.py": Place(hosts="xs_hosts", bonded=True, bonds=2),
    "modules/xs_network.py": Place(TUTORIAL + NAS),
    "modules/xs_pif_facts.py": Place(hosts="xs-1", bonded=True, bonds=2),
    "modules/xs_pool_info.py": Place(),
    "modules/xs_pool_lock.py": Place(bonds=1),
    "filter/inventory_hosts.py": Place(),
    "filter/one_per_pool.py": Place(bonds=2),
    "storage_bond/README.md": Place(bonds=2),
}


def printed() -> dict[str, Example]:
    """What there is to run: tasks and plays. The inventories of xs_pools are run below."""
    found = {example.where: example for path in examples.PLUGINS for example in examples.of_plugin(path)}
    (role,) = examples.of_markdown(ROOT / "roles/storage_bond/README.md")
    return {where: example for where, example in found.items() if not where.startswith("inventory/")} | {"storage_bond/README.md": role}


def test_every_plugin_with_examples_is_here() -> None:
    assert set(printed()) == set(PLACES)


@pytest.mark.parametrize("where", PLACES)
def test_examples_run_as_they_are_printed(where: str, tmp_path: Path) -> None:
    place = PLACES[where]
    with RunningTwin(read_scenario(place.pool, "examples").with_options(restart_seconds=1)) as twin:
        if place.bonded:
            assert bonding.bond(twin, tmp_path).status == 0
        its = connection(twin)
        text = printed()[where].text.replace("xs-1.example.com", its["hostname"]).replace("/etc/pki/xs-1.pem", its["ca_path"])
        plays = examples.plays(yaml.safe_load(text))
        for play in plays:
            play["hosts"] = place.hosts if play["hosts"] == "localhost" else play["hosts"]
        playbook = tmp_path / "example.yml"
        playbook.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        variables = json.dumps({"xapi_password": its["password"]})
        command = ("-i", str(twin.inventory_path), str(playbook), "-e", variables)
        done = run(tmp_path, "ansible-playbook", *command, environment={**bonding.QUIET, **playing.environment(twin)})
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(twin.database.all("Bond")) == place.bonds


def fingerprint(twin: RunningTwin) -> str:
    certificate = ssl.PEM_cert_to_DER_cert(Path(twin.endpoints["ca"]).read_text(encoding="utf-8"))
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def test_inventories_of_xs_pools_are_read_as_they_are_printed(tmp_path: Path) -> None:
    (example,) = [example for path in examples.PLUGINS for example in examples.of_plugin(path) if example.where == "inventory/xs_pools.py"]
    three = (ROOT / "twin/xapi_twin/scenarios/three-hosts.yml").read_text(encoding="utf-8")
    lisbon = read_scenario(three.replace("name: xs-", "name: xs-1"), "three-hosts")
    with RunningTwin("tutorial", ssh=False) as first, RunningTwin(lisbon, ssh=False) as second:
        text = (
            example.text.replace("xs-1.example.com", first.endpoints["hosts"]["xs-1"]["xapi"])
            .replace("https://xs-11.example.com:8443", next(iter(second.endpoints["hosts"].values()))["xapi"])
            .replace("172.16.0.10", first.endpoints["hosts"]["xs-1"]["xapi"])
            .replace("5E:0D:A1:3B:7C:40:5B:6E:1F:11:C2:07:63:97:5A:AC:0F:28:52:9D:CB:90:52:23:A1:A3:7B:99:0E:4B:F1:6D", fingerprint(second))
            .replace("/etc/pki/pools.pem", first.endpoints["ca"])
            .replace("/var/cache/ansible/inventory", str(tmp_path / "cache"))
            .replace("username: ansible\n", "username: root\n")
        )
        found = {}
        for document in text.strip().split("\n---\n"):
            name = document.splitlines()[0].removeprefix("# ").partition(":")[0]
            (tmp_path / name).write_text(document, encoding="utf-8")
            secrets = dict.fromkeys(("BERLIN_PASSWORD", "LISBON_PASSWORD", "LAB_PASSWORD"), "twin")
            settings = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", **playing.environment(first), **secrets}
            done = run(tmp_path, "ansible-inventory", "-i", name, "--list", environment=settings)
            assert done.returncode == 0 and "[WARNING]" not in done.stderr, f"{name}: {done.stderr}"
            found[name] = plain(json.loads(done.stdout))
    assert {name: hosts_of(inventory) for name, inventory in found.items()} == {
        "production.xs_pools.yml": {"xs_pool_tutorial": 2, "xs_pool_lisbon": 3},
        "xs_pools.yml": {"xs_pool_tutorial": 2},
        "lab.xs_pools.yml": {"xs_pool_tutorial": 2},
    }
    lab = found["lab.xs_pools.yml"]
    assert lab["_meta"]["hostvars"]["xs-2"]["ansible_host"] == "xs-2.lab.example.com"
    assert [group for group in lab if group.startswith("xs_release")] == ["xs_release_8_3_0"]


def hosts_of(inventory: dict[str, Any]) -> dict[str, int]:
    return {name: len(group["hosts"]) for name, group in inventory.items() if name.startswith("xs_pool_")}
