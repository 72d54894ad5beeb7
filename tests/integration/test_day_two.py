# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide "Day two", case by case: what happens to the pool is made to happen on a twin, then the reader's files and commands follow."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration import bonding
from tests.integration.test_guides import ROOT, Desk
from tests.integration.test_storage_bond_vlans import put_vlans
from tests.unit import examples
from tests.unit.examples import Example
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario

GUIDE = ROOT / "docs/docsite/rst/guide_day_two.rst"
TITLE = re.compile(r"^(.+)\n-{3,}$", re.MULTILINE)
NEW_HOST = """
spares:
  - name: xs-3
    nics:
      eth0: {mac: 00:16:3E:00:04:00, management: true, ip: 172.16.0.14/27, gateway: 172.16.0.1}
      eth{1..5}: {}
"""
STORAGE = """
  - {name: NAS, type: nfs, config: {server: 172.16.0.33, serverpath: /vms}}
"""
TUTORIAL = (ROOT / "twin/xapi_twin/scenarios/tutorial.yml").read_text(encoding="utf-8")
pytestmark = pytest.mark.timeout(400)


def cases() -> dict[str, list[Example]]:
    """The examples of the guide by the title that they stand under."""
    text = GUIDE.read_text(encoding="utf-8")
    titles = [(text[: match.start()].count("\n") + 1, match[1]) for match in TITLE.finditer(text)]
    found: dict[str, list[Example]] = {title: [] for _line, title in titles}
    for example in examples.of_guide(GUIDE):
        line = int(example.where.rpartition(":")[2])
        above = [title for number, title in titles if number < line]
        if above:
            found[above[-1]].append(example)
    return found


class Reader(Desk):
    """Who has made the first bond and comes back to the pool later."""

    def __init__(self, folder: Path, twin: RunningTwin, bonded: bool = True) -> None:
        super().__init__(folder, twin)
        self.twin = twin
        for example in examples.of_guide(ROOT / "docs/docsite/rst/guide_first_bond.rst"):
            if example.name in ("pool.xs_pools.yml", "bond.yml"):
                self.write(example)
        if bonded:
            self.type("ansible-playbook -i pool.xs_pools.yml xapi.network.storage_bond -e @bond.yml")

    def follow(self, title: str) -> list[str]:
        """Writes the files of a case and types its commands; the commands of the collection are returned, with what changed."""
        seen = []
        for example in cases()[title]:
            if example.name:
                self.write(example)
            for command in example.commands if example.language == "console" else []:
                before = len(self.twin.journal.writes())
                if command.startswith("ssh "):
                    _ssh, where, typed = shlex.split(command)
                    bonding.dom0(self.twin, where.partition("@")[2], typed)
                    continue
                self.type(command)
                if command.startswith("ansible-playbook"):
                    seen.append("changed" if len(self.twin.journal.writes()) > before else "looked")
        return seen

    def bond(self, host: str) -> dict[str, Any]:
        """What a host has, as XAPI says it."""
        database = self.twin.database
        found = next(ref for ref, record in database.all("host").items() if record["name_label"] == host)
        (bond,) = (record for record in database.all("Bond").values() if database.get("PIF", record["master"])["host"] == found)
        pif = database.get("PIF", bond["master"])
        return {**bond, **{name: pif[name] for name in ("IP", "MTU", "currently_attached")},
                "nics": sorted(database.get("PIF", slave)["device"] for slave in bond["slaves"])}  # fmt: skip


def pool(text: str) -> RunningTwin:
    return RunningTwin(read_scenario(text, "tutorial").with_options(restart_seconds=1))


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with pool(TUTORIAL) as running:
        yield running


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Reader]:
    """A reader whose hosts have storage attached through the NICs."""
    with pool(TUTORIAL + STORAGE) as running:
        it = Reader(tmp_path, running)
        yield it
        it.leave()


@pytest.fixture
def reader(twin: RunningTwin, tmp_path: Path) -> Iterator[Reader]:
    it = Reader(tmp_path, twin)
    yield it
    it.leave()


def test_to_lacp_on_a_running_pool(busy: Reader) -> None:
    assert busy.follow("Switch a running pool to LACP") == ["looked", "changed", "looked"]
    assert [busy.bond(host)["mode"] for host in ("xs-1", "xs-2")] == ["lacp", "lacp"]
    assert busy.bond("xs-2")["properties"]["lacp-time"] == "fast"
    assert "Bond.destroy" not in {entry.method for entry in busy.twin.journal.writes()}, "the mode is changed in place"


def test_larger_frames(busy: Reader) -> None:
    assert busy.follow("Jumbo frames") == ["looked", "changed"]
    assert [busy.bond(host)["MTU"] for host in ("xs-1", "xs-2")] == [9000, 9000]


def test_vlans_on_the_bond(reader: Reader) -> None:
    assert reader.follow("VLANs on the bond") == ["changed"]
    tags = [pif["VLAN"] for pif in reader.twin.database.all("PIF").values() if pif["VLAN"] != -1 and pif["currently_attached"]]
    assert sorted(tags) == [30, 30, 31, 31]


def test_the_storage_address_moves(reader: Reader) -> None:
    assert reader.follow("Change the storage address") == ["looked", "changed"]
    assert [reader.bond(host)["IP"] for host in ("xs-1", "xs-2")] == ["172.16.0.41", "172.16.0.42"]


def test_after_an_emergency_network_reset(reader: Reader) -> None:
    # what xe-reset-networking leaves behind, as far as the bond goes: no bond on this host, and no storage address
    bonding.dom0(reader.twin, "xs-2", f"xe bond-destroy uuid={reader.bond('xs-2')['uuid']}")
    bonding.dom0(reader.twin, "xs-2", "xe pif-reconfigure-ip mode=none uuid=$(xe pif-list host-name-label=xs-2 device=eth2 --minimal)")
    assert reader.follow("After an emergency network reset") == ["changed", "looked"]
    assert (reader.bond("xs-2")["IP"], reader.bond("xs-2")["nics"]) == ("172.16.0.36", ["eth2", "eth4"])


def test_a_nic_was_replaced(reader: Reader) -> None:
    replace_nic(reader.twin, "xs-2", "eth4", "00:16:3e:11:22:33")
    untouched = reader.bond("xs-1")["uuid"]
    assert reader.follow("A NIC or a mainboard was replaced") == ["changed", "changed"]
    assert reader.bond("xs-2")["nics"] == ["eth2", "eth4"]
    assert reader.bond("xs-1")["uuid"] == untouched
    assert "00:16:3e:11:22:33" in [pif["MAC"].lower() for pif in reader.twin.database.all("PIF").values()]


def replace_nic(twin: RunningTwin, host: str, device: str, mac: str) -> None:
    """The card dies; another one, in the same slot and so with the same name, has another MAC."""

    async def replaced() -> None:
        it = twin.twin.host(host)
        await it.nic_gone(device)
        it.dom0.nics[device] = replace(it.dom0.nics[device], mac=mac)
        await it.nic_back(device)

    twin.run(replaced)


def test_a_host_joins_the_pool(tmp_path: Path) -> None:
    with pool(TUTORIAL + NEW_HOST) as twin:
        first = Reader(tmp_path, twin)
        uuid = twin.twin.spares[0].master_host.uuid
        twin.run(lambda: twin.twin.spares[0].dispatcher.internal("pool.join", "172.16.0.10", "root", "twin"))
        wait_until(lambda: any(host.name == "xs-3" and host.record["enabled"] for host in twin.twin.hosts.values()))
        assert uuid in {record["uuid"] for record in twin.database.all("host").values()}
        folder = tmp_path / "later"
        folder.mkdir()
        later = Reader(folder, twin, bonded=False)  # the inventory knows the new host now
        assert later.follow("A host joins the pool") == ["looked", "changed", "looked"]
        assert (later.bond("xs-3")["IP"], later.bond("xs-3")["nics"]) == ("172.16.0.37", ["eth2", "eth4"])
        assert "changed=0" not in first.output
        first.leave()
        later.leave()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def test_before_an_upgrade_the_twin_shows_what_the_new_version_would_bond(tmp_path: Path) -> None:
    # eth4 and eth5 of the member have each other's position
    head, member = TUTORIAL.split("  - name: xs-2", 1)
    member = member.replace("eth4: {mac", "eth4: {position: 5, mac").replace("eth5: {mac", "eth5: {position: 4, mac")
    with pool(f"{head}  - name: xs-2{member}") as twin:
        it = Reader(tmp_path, twin, bonded=False)
        title = next(title for title in cases() if title.startswith("Before an upgrade"))
        with pytest.raises(AssertionError, match="eth4 of the master is eth5 here by bridge position, which this xapi goes by"):
            it.follow(title)
        assert twin.journal.writes() == []
        it.leave()


def test_vlans_that_were_on_the_nics_before_the_bond_go_back_to_them(twin: RunningTwin, tmp_path: Path) -> None:
    put_vlans(twin, ("xs-1", "xs-2"))
    before = bonding.look(twin)
    it = Reader(tmp_path, twin)
    it.write(next(example for example in cases()["VLANs on the bond"] if example.name))
    assert it.follow("VLANs that were on the NICs before the bond") == ["changed"]
    assert bonding.look(twin) == before
    it.leave()


def test_every_case_of_the_guide_is_one_of_these_or_is_tested_elsewhere() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    elsewhere = {"Be notified of changes": "test_event_source.py"}
    for title in cases():
        assert title in elsewhere or title in here or title.startswith("Before an upgrade"), f"{title}: run it"
