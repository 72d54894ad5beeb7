# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of VLANs when a bond is made and goes again: those that were on its NICs before, and those that the role has made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.bonding import bond, changed, dom0, look, sentence, writes
from tests.integration.playing import Played
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario, read_scenario

ACCEPT: dict[str, Any] = {"accept": ["storage_in_use"]}
BACK: dict[str, Any] = {"accept": ["storage_in_use", "vlans_back"]}


def pool() -> RunningTwin:
    return RunningTwin(load_scenario("three-hosts"), restart_seconds=0)


def told(played: Played) -> str:
    """The output, in which lines are wrapped."""
    return " ".join(played.output.split())


def put_vlans(twin: RunningTwin, hosts: Sequence[str] = ("xs-1", "xs-2", "xs-3")) -> None:
    """VLAN 50 on eth2, which has the address, and 51 on eth4 with one of its own, on every host."""
    call, database = twin.twin.dispatcher.internal, twin.database
    for tag, device in ((50, "eth2"), (51, "eth4")):
        record = {"name_label": f"V{tag}", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
        network = twin.run(call, "network.create", record)
        for number, host in enumerate(hosts):
            of_host = twin.twin.host(host).ref
            (nic,) = [ref for ref, pif in database.all("PIF").items() if (pif["host"], pif["device"], pif["VLAN"]) == (of_host, device, -1)]
            vlan = twin.run(call, "VLAN.create", nic, tag, network)
            if tag == 51:
                untagged = database.get("VLAN", vlan)["untagged_PIF"]
                twin.run(call, "PIF.reconfigure_ip", untagged, "Static", f"10.0.51.{number + 1}", "255.255.255.0", "", "")


@pytest.mark.parametrize("strategy", ["restart", "direct"])
def test_with_consent_a_removal_leaves_each_vlan_on_the_nic_that_it_was_on(tmp_path: Path, strategy: str) -> None:
    with pool() as twin:
        put_vlans(twin)
        before = look(twin)
        made = bond(twin, tmp_path, strategy=strategy, **ACCEPT)
        assert made.status == 0, made.output
        assert "xs-2: note in other_config of eth4 that VLAN 51 is on it" in told(made)
        assert look(twin)["hosts"]["xs-2"]["pifs"]["bond0.51"]["ip"] == ("Static", "10.0.51.2", "255.255.255.0")
        again = bond(twin, tmp_path, strategy=strategy, **ACCEPT)
        assert again.status == 0 and changed(again) == 0, again.output
        removed = bond(twin, tmp_path, "storage_bond_remove", **BACK)
        assert removed.status == 0, removed.output
        assert "put VLAN 51 (V51) back on eth4, where it was before the bond" in told(removed)
        assert look(twin) == before


def test_a_vlan_that_a_member_has_only_inherited_is_gone_again_after_a_removal(tmp_path: Path) -> None:
    with pool() as twin:
        put_vlans(twin, ["xs-1"])
        before = look(twin)
        made = bond(twin, tmp_path, strategy="restart", **ACCEPT)
        assert made.status == 0, made.output
        assert "xs-2: note in other_config of eth2 that VLAN 50 and VLAN 51 are not on this host" in told(made)
        assert {"bond0.50", "bond0.51"} < set(look(twin)["hosts"]["xs-2"]["pifs"])
        again = bond(twin, tmp_path, strategy="restart", **ACCEPT)
        assert again.status == 0 and changed(again) == 0, again.output
        removed = bond(twin, tmp_path, "storage_bond_remove", **BACK)
        assert removed.status == 0, removed.output
        assert look(twin) == before
        again = bond(twin, tmp_path, "storage_bond_remove", **BACK)
        assert again.status == 0 and changed(again) == 0, again.output


def test_without_consent_the_plan_of_a_removal_says_where_each_vlan_was_and_what_puts_it_back(tmp_path: Path) -> None:
    with pool() as twin:
        put_vlans(twin)
        assert bond(twin, tmp_path, **ACCEPT).status == 0
        removed = bond(twin, tmp_path, "storage_bond_remove", **ACCEPT)
        assert removed.status == 0, removed.output
        assert "VLAN 51 (V51) was on eth4 before the bond, and XAPI brings it back on eth2. Add vlans_back" in told(removed)
        pifs = look(twin)["hosts"]["xs-1"]["pifs"]
        assert {"eth2.50", "eth2.51"} < set(pifs) and not [key for key in pifs["eth4"]["other_config"] if "vlan" in key]


def test_a_rollback_puts_each_vlan_back_without_being_asked(tmp_path: Path) -> None:
    with pool() as twin:
        put_vlans(twin)
        before = look(twin)
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-3"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, rollback="pool", **ACCEPT)
        assert "Taken back on xs-1, xs-2, xs-3" in sentence(stopped)
        assert look(twin) == before


def test_a_rollback_says_which_vlan_stays_for_the_sake_of_a_vm(tmp_path: Path) -> None:
    scenario = yaml.safe_load(resources.files("xapi_twin.scenarios").joinpath("three-hosts.yml").read_text())
    scenario["hosts"][0]["vlans"] = [{"nic": "eth4", "tag": 51, "network": "V51"}]
    scenario |= {"networks": [{"name": "V51"}], "vms": [{"name": "web-1", "host": "xs-1", "state": "running", "networks": ["V51"]}]}
    with RunningTwin(read_scenario(yaml.safe_dump(scenario), "three-hosts", restart_seconds=0)) as twin:
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, strategy="direct", wait_timeout=3, rollback="pool", accept=["storage_in_use", "vifs_in_use"])
        why = "xs-1: VLAN 51 (V51) was on eth4 before the bond, and XAPI brings it back on eth2, where it stays: web-1 is connected through"
        why += " it."
        assert f"Taken back on xs-1, whose NICs have their addresses again. {why}" in sentence(stopped)
        (run,) = [one.values for one in stopped.results if one.task.endswith("Note what was taken back")]
        assert run["vlans_left"] == [why]
        assert "eth2.51" in look(twin)["hosts"]["xs-1"]["pifs"]


@pytest.mark.parametrize(("method", "nth"), [("VLAN.destroy", 1), ("VLAN.create", 1), ("PIF.reconfigure_ip", 1)])
def test_a_saved_removal_that_died_as_it_put_a_vlan_back_goes_on_by_its_own_plan(tmp_path: Path, method: str, nth: int) -> None:
    removal: dict[str, Any] = {**BACK, "plan_file": str(tmp_path / "plan.json")}
    with pool() as twin:
        put_vlans(twin)
        before = look(twin)
        assert bond(twin, tmp_path, strategy="direct", **ACCEPT).status == 0
        assert bond(twin, tmp_path, "storage_bond_remove", "--check", **removal).status == 0
        twin.add_fault(when={"method": method, "nth": nth}, do="error", code="INTERNAL_ERROR", params=["no"])
        assert "could not put VLAN 51 (V51) back on eth4" in sentence(bond(twin, tmp_path, "storage_bond_remove", **removal))
        done = bond(twin, tmp_path, "storage_bond_remove", **removal)
        assert done.status == 0, done.output
        assert look(twin) == before


def test_dom0_puts_each_vlan_back_by_itself_when_nobody_confirms(tmp_path: Path) -> None:
    # A second in dom0 takes some 0.02 seconds where the end of it is waited for.
    confirmed: dict[str, Any] = {**ACCEPT, "strategy": "restart", "confirm_timeout": 3000}
    with pool() as twin:
        put_vlans(twin, ["xs-1", "xs-3"])
        put = twin.run(twin.twin.dispatcher.internal, "network.create", {"name_label": "V52", "name_description": "", "other_config": {}})
        nic = next(
            ref for ref, pif in twin.database.all("PIF").items() if (pif["host"], pif["device"]) == (twin.twin.host("xs-2").ref, "eth4")
        )
        twin.run(twin.twin.dispatcher.internal, "VLAN.create", nic, 52, put)
        before = look(twin)["hosts"]["xs-2"]
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, **confirmed)
        assert "Nobody has confirmed the change of xs-2" in sentence(stopped)
        assert "VLAN 52 back on eth4, VLAN 50 taken away, VLAN 51 taken away" in told(stopped)
        end = time.monotonic() + 150
        while dom0(twin, "xs-2", "ls -d /var/lib/xapi.network/timer 2>/dev/null; true"):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert look(twin)["hosts"]["xs-2"] == before


def test_a_network_that_was_made_for_a_vlan_goes_when_the_removal_names_it(tmp_path: Path) -> None:
    vlans: dict[str, Any] = {"vlans": [{"tag": 60, "network": "Replication"}]}
    with pool() as twin:
        before = look(twin)
        made = bond(twin, tmp_path, **vlans, **ACCEPT)
        assert made.status == 0, made.output
        planned = bond(twin, tmp_path, "storage_bond_remove", "--check", **ACCEPT)
        assert "the network Replication, which was made for VLAN 60, stays with that VLAN; name both in vlans" in told(planned)
        removed = bond(twin, tmp_path, "storage_bond_remove", **vlans, **ACCEPT)
        assert removed.status == 0, removed.output
        assert "remove the network Replication, which was made for VLAN 60 and which nothing uses any more" in told(removed)
        assert look(twin) == before
        assert changed(bond(twin, tmp_path, "storage_bond_remove", **vlans, **ACCEPT)) == 0


def test_a_network_of_a_vlan_that_was_there_before_stays(tmp_path: Path) -> None:
    vlans: dict[str, Any] = {"vlans": [{"tag": 60, "network": "Replication"}]}
    with pool() as twin:
        record = {"name_label": "Replication", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
        network = twin.run(twin.twin.dispatcher.internal, "network.create", record)
        assert bond(twin, tmp_path, **vlans, **ACCEPT).status == 0
        removed = bond(twin, tmp_path, "storage_bond_remove", **vlans, **ACCEPT)
        assert removed.status == 0, removed.output
        assert twin.database.find("network", network) is not None
        assert "network.destroy" in writes(twin)  # that of the bond
        assert all("eth2.60" in host["pifs"] for host in look(twin)["hosts"].values())
