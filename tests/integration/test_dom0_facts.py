# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_dom0_facts over SSH, without Python in dom0: the same facts from the tools of every version, and they agree with XAPI."""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.playing import Played, play
from xapi_twin.datamodel.releases import Formats
from xapi_twin.running import RunningTwin

NULL = "OpaqueRef:NULL"
# One per vocabulary of dom0: SysV with ifconfig and three columns, slaves, members.
VERSIONS = ("6.0", "6.2", "6.5", "7.0", "1.249.41", "24.19.2", "26.17.0")


def ask(twin: RunningTwin, folder: Path, hosts: str = "xs_hosts", **task: Any) -> Played:
    return play(
        folder,
        [{"xapi.network.xs_dom0_facts": {}, **task}],
        hosts=hosts,
        inventory=twin.inventory_path,
        environment={"ANSIBLE_SSH_ARGS": "-o ControlMaster=no"},
    )


def bond(twin: RunningTwin, *devices: str, mode: str = "active-backup", on: str = "xs-1") -> None:
    """Make a bond on one host by XAPI."""
    host = twin.twin.host(on)
    pifs = {record["device"]: ref for ref, record in twin.database.all("PIF").items() if record["host"] == host.ref}
    internal = twin.twin.dispatcher.internal
    record = {"name_label": "NAS", "name_description": "", "MTU": 1500, "other_config": {}, "tags": []}
    network = twin.run(internal, "network.create", record)
    twin.run(internal, "Bond.create", network, [pifs[device] for device in devices], "", mode, {})


def by_xapi(twin: RunningTwin, name: str) -> dict[str, Any]:
    """What XAPI's records say about a host's dom0."""
    host = twin.twin.host(name)
    attached = [record for record in twin.database.all("PIF").values() if record["host"] == host.ref and record["currently_attached"]]
    bridges = {twin.database.get("network", record["network"])["bridge"]: record for record in attached}
    bonds = {
        record["device"]: sorted(twin.database.get("PIF", slave)["device"] for slave in twin.database.get("Bond", ref)["slaves"])
        for record in attached
        for ref in record["bond_master_of"]
    }
    addresses = {
        bridge: [ipaddress.ip_interface(f"{record['IP']}/{record['netmask']}").with_prefixlen] if record["IP"] else []
        for bridge, record in bridges.items()
    }
    return {"bridges": sorted(bridges), "bonds": bonds, "addresses": addresses, "macs": {b: r["MAC"].lower() for b, r in bridges.items()}}


def by_dom0(facts: dict[str, Any]) -> dict[str, Any]:
    interfaces = {name: facts["interfaces"][name] for name in facts["bridges"]}
    return {
        "bridges": facts["bridges"],
        "bonds": {name: found["members"] for name, found in facts["bonds"].items()},
        "addresses": {name: found["addresses"] for name, found in interfaces.items()},
        "macs": {name: found["mac"] for name, found in interfaces.items()},
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_dom0_of_every_version_agrees_with_xapi_before_and_after_a_bond(version: str, tmp_path: Path) -> None:
    with RunningTwin("tutorial", xapi=version, restart_seconds=0) as twin:
        for step in ("before", "after"):
            if step == "after":
                bond(twin, "eth2", "eth4")
            played = ask(twin, tmp_path)
            assert played.status == 0, played.output
            for result in played.results:
                facts = result.values["ansible_facts"]["xs_dom0"]
                assert by_dom0(facts) == by_xapi(twin, result.host), step
                assert facts["uuid"] == twin.endpoints["hosts"][result.host]["uuid"]
                assert (facts["hostname"], facts["backend"]) == (result.host, "openvswitch")
    (made,) = [bonds["bond0"] for result in played.results if (bonds := result.values["ansible_facts"]["xs_dom0"]["bonds"])]
    assert (made["mode"], made["members"], made["lacp"] == "negotiated") == ("active-backup", ["eth2", "eth4"], False)
    assert made["active"] in made["enabled"]


@pytest.mark.parametrize("ifconfig", ["old", "new"])
@pytest.mark.parametrize("ovs", ["1.0.99", "1.4.6", "2.0.2", "2.3.2", "2.5.3", "2.15.1", "2.17.7", "3.1.0"])
def test_every_vocabulary_of_open_vswitch_and_ifconfig(ovs: str, ifconfig: str, tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0, formats=Formats(ifconfig=ifconfig, ovs=ovs)) as twin:
        bond(twin, "eth2", "eth4", mode="balance-slb")
        played = ask(twin, tmp_path, hosts="xs-1")
        assert played.status == 0, played.output
        facts = played.last["ansible_facts"]["xs_dom0"]
        assert facts["ovs_version"] == ovs
        assert by_dom0(facts) == by_xapi(twin, "xs-1")


def test_a_linux_bridge_dom0(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0, backend="bridge") as twin:
        bond(twin, "eth2", "eth4")
        played = ask(twin, tmp_path, hosts="xs-1")
        assert played.status == 0, played.output
        facts = played.last["ansible_facts"]["xs_dom0"]
        assert (facts["backend"], facts["ovs_version"]) == ("bridge", "")
        assert by_dom0(facts) == by_xapi(twin, "xs-1")


def test_check_mode_reads_as_well(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        played = ask(twin, tmp_path, hosts="xs-1", check_mode=True)
        assert (played.status, played.last["changed"]) == (0, False)


def test_delegated_facts_are_those_of_the_host_that_was_asked(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        played = ask(twin, tmp_path, hosts="xs-1", delegate_to="xs-2", delegate_facts=True)
        assert played.last["ansible_facts"]["xs_dom0"]["hostname"] == "xs-2"


def test_a_task_that_does_not_run_on_dom0_says_so(tmp_path: Path) -> None:
    played = play(tmp_path, [{"xapi.network.xs_dom0_facts": {}}], hosts="localhost")
    assert played.status == 2
    assert "does not lead to the dom0 of a XenServer or XCP-ng host" in played.last["msg"]


def test_a_host_that_cannot_be_reached_fails_with_a_sentence(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        inventory = twin.inventory_path
        assert twin.serving.ssh is not None
        twin.run(twin.serving.ssh.refuse, twin.twin.host("xs-1").ref)
        played = play(tmp_path, [{"xapi.network.xs_dom0_facts": {}}], hosts="xs-1", inventory=inventory)
        assert played.status == 2
        assert "The connection to dom0 at 127.0.0.1 failed: " in played.last["msg"]
        assert "refused" in played.last["msg"]


def test_open_vswitch_that_does_not_answer_is_an_error_and_no_empty_fact(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        twin.add_fault(when={"ssh": "ovs-vsctl", "host": "xs-1"}, do="cut_ssh", stage="before")
        played = ask(twin, tmp_path, hosts="xs-1")
        assert played.status == 2
        assert "failed" in played.last["msg"]


# many hosts, asked by one task at the same time


def ask_many(twin: RunningTwin, folder: Path, *, swapped: bool = False, keywords: dict[str, Any] | None = None, **options: Any) -> Played:
    """A task on localhost; with `swapped` the inventory leads to the other of two hosts."""
    uuids = [host["uuid"] for host in twin.endpoints["hosts"].values()]
    names = list(twin.endpoints["hosts"])
    hosts = dict(zip(reversed(uuids) if swapped else uuids, names, strict=True))
    return play(
        folder,
        [{"xapi.network.xs_dom0_facts": {"hosts": hosts, **options}}],
        inventory=twin.inventory_path,
        environment={"ANSIBLE_SSH_ARGS": "-o ControlMaster=no"},
        **(keywords or {}),
    )


def test_one_task_on_localhost_asks_every_host(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        played = ask_many(twin, tmp_path, keywords={"connection": "local"})
        assert played.status == 0, played.output
        found = {uuid: facts["hostname"] for uuid, facts in played.last["dom0"].items()}
        assert found == {about["uuid"]: name for name, about in twin.endpoints["hosts"].items()}
        assert played.last["silent"] == [] and "ansible_facts" not in played.last


def test_the_variables_of_the_play_count_for_the_hosts_that_are_asked(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        inventory = tmp_path / "hosts.yml"
        content = yaml.safe_load(twin.inventory_path.read_text())
        keys = {about.pop("ansible_ssh_private_key_file") for about in content["all"]["children"]["xs_hosts"]["hosts"].values()}
        inventory.write_text(yaml.safe_dump(content))
        hosts = {about["uuid"]: name for name, about in twin.endpoints["hosts"].items()}
        played = play(
            tmp_path, [{"xapi.network.xs_dom0_facts": {"hosts": hosts}}], inventory=inventory,
            vars={"ansible_ssh_private_key_file": keys.pop()}, environment={"ANSIBLE_SSH_ARGS": "-o ControlMaster=no"},
        )  # fmt: skip
        assert played.last["silent"] == [], played.output


def test_a_host_that_does_not_answer_is_told_beside_the_facts_of_the_others(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        assert twin.serving.ssh is not None
        twin.run(twin.serving.ssh.refuse, twin.twin.host("xs-1").ref)
        played = ask_many(twin, tmp_path)
        uuids = [host["uuid"] for host in twin.endpoints["hosts"].values()]
        assert played.status == 0 and "refused" in played.last["dom0"][uuids[0]]
        assert played.last["dom0"][uuids[1]]["hostname"] == "xs-2"
        (said,) = played.last["silent"]
        assert said.startswith("xs-1: ") and "refused" in said


def test_a_host_that_hangs_has_its_seconds_and_the_others_do_not_wait_for_it_in_vain(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        twin.add_fault(when={"ssh": "ovs-vsctl", "host": "xs-1"}, do="hang", stage="before")
        begun = time.monotonic()
        played = ask_many(twin, tmp_path, timeout=4)
        assert time.monotonic() - begun < 30
        assert played.last["silent"] == ["xs-1: no answer within 4 s"], played.output
        assert sum(isinstance(facts, dict) for facts in played.last["dom0"].values()) == 1


def test_an_inventory_that_leads_to_another_host_is_told(tmp_path: Path) -> None:
    with RunningTwin("tutorial", restart_seconds=0) as twin:
        said = ask_many(twin, tmp_path, swapped=True).last["silent"]
        assert said == [f"{name}: the SSH connection leads to {name}, which is another host." for name in ("xs-2", "xs-1")][::-1]
