# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More of the network than the bond: MTU, VLANs, addresses, purpose, and whether the storage is reached before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.bonding import bond, changed, look, sentence, writes
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

ACCEPT: dict[str, Any] = {"accept": ["storage_in_use"]}
SERVER = "172.16.0.33"


def pool(name: str = "three-hosts") -> RunningTwin:
    return RunningTwin(load_scenario(name), restart_seconds=0)


def test_jumbo_frames_reach_the_storage_in_one_piece(tmp_path: Path) -> None:
    with pool() as twin:
        done = bond(twin, tmp_path, mtu=9000, ping=SERVER, **ACCEPT)
        assert done.status == 0, done.output
        assert all(host["pifs"]["bond0"]["network"] == "NAS" for host in look(twin)["hosts"].values())
        assert all(pif["MTU"] == 9000 for pif in twin.database.all("PIF").values() if pif["device"] == "bond0")


def test_storage_that_is_not_reached_stops_the_run_before_the_host_is_changed(tmp_path: Path) -> None:
    with pool() as twin:
        untouched = look(twin)
        stopped = bond(twin, tmp_path, ping=["172.16.0.45"], **ACCEPT)
        assert "dom0 of xs-1 does not reach 172.16.0.45" in sentence(stopped)
        assert "before anything was changed on it" in sentence(stopped)
        assert look(twin) == untouched


def test_the_mtu_of_a_bond_that_is_there_is_changed_by_plugging_it_anew(tmp_path: Path) -> None:
    with pool() as twin:
        assert bond(twin, tmp_path, **ACCEPT).status == 0
        first = len(writes(twin))
        done = bond(twin, tmp_path, mtu=9000, **ACCEPT)
        assert done.status == 0, done.output
        assert all(pif["MTU"] == 9000 for pif in twin.database.all("PIF").values() if pif["device"] == "bond0")
        assert {"network.set_MTU", "Async.PIF.plug"} < set(writes(twin)[first:]) and "Async.Bond.create" not in writes(twin)[first:]
        assert changed(bond(twin, tmp_path, mtu=9000, **ACCEPT)) == 0


def test_vlans_purpose_and_an_address_of_ones_own_on_every_host(tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "vlans": [{"tag": 60, "network": "Replication"}],
        "purpose": "Storage",
        "disallow_unplug": True,
        "addresses": {"xs-2": {"mode": "static", "ip": "172.16.0.46", "netmask": "255.255.255.240"}},
        **ACCEPT,
    }
    with pool() as twin:
        done = bond(twin, tmp_path, **spec)
        assert done.status == 0, done.output
        hosts = look(twin)["hosts"]
        for host in hosts.values():
            assert host["pifs"]["bond0.60"]["network"] == "Replication" and host["pifs"]["bond0.60"]["attached"]
            assert host["pifs"]["bond0"]["other_config"]["management_purpose"] == "Storage"
            assert host["pifs"]["bond0"]["disallow_unplug"]
        assert hosts["xs-2"]["pifs"]["bond0"]["ip"] == ("Static", "172.16.0.46", "255.255.255.240")
        again = bond(twin, tmp_path, **spec)
        assert again.status == 0 and changed(again) == 0, again.output


def test_what_xapi_leaves_behind_on_the_nics_is_carried_over(tmp_path: Path) -> None:
    accept: dict[str, Any] = {"accept": ["storage_in_use", "vifs_in_use", "ha_enabled", "pending_tasks", "no_link"]}
    with pool("vlans-and-vms") as twin:
        done = bond(twin, tmp_path, strategy="direct", **accept)
        assert done.status == 0, done.output
        first = look(twin)["hosts"]["xs-1"]["pifs"]
        assert first["bond0"]["other_config"]["management_purpose"] == "Storage"
        assert first["bond0"]["disallow_unplug"]
        assert first["bond0.50"]["network"] == "Backup" and first["bond0.50"]["attached"]


def test_a_drift_is_named_and_repaired_only_when_asked(tmp_path: Path) -> None:
    with pool() as twin:
        assert bond(twin, tmp_path, **ACCEPT).status == 0
        (ref,) = [
            ref for ref, one in twin.database.all("Bond").items()
            if twin.database.get("PIF", one["master"])["host"] == twin.twin.host("xs-3").ref
        ]  # fmt: skip
        twin.run(twin.twin.dispatcher.internal, "Bond.set_mode", ref, "balance-slb")
        refused = bond(twin, tmp_path, **ACCEPT)
        assert "xs-3: bond0 has mode balance-slb instead of active-backup" in sentence(refused)
        judged = bond(twin, tmp_path, "storage_bond_verify")
        assert judged.status == 2 and "balance-slb" in judged.output
        repaired = bond(twin, tmp_path, on_drift="repair", **ACCEPT)
        assert repaired.status == 0 and "Async.Bond.set_mode" in writes(twin), repaired.output
        assert bond(twin, tmp_path, "storage_bond_verify").status == 0
