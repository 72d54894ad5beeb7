# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a host: what a restart shows and in which order, power, work that waits for a member, what dies with a xapi."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.conformance import virtual_time
from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.database import Change
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.rpc.values import Wire
from xapi_twin.scenario.load import load_scenario
from xapi_twin.twin.pool import Twin
from xapi_twin.xapi.state import COMPLETE_COOKIE, READY_COOKIE


async def client(ground: Pool, method: str, *arguments: Any) -> Any:
    """A call as a client makes it at the master, with a session."""
    session = ground.twin.dispatcher.open_session("test")
    return await ground.twin.dispatcher.call(ground.twin.master, method, [session, *arguments], Wire.XML)


def watch(ground: Pool, host: str) -> list[str]:
    """What becomes visible of a host and its bonds, as it happens."""
    seen: list[str] = []
    ref = ground.twin.host(host).ref
    known = dict(ground.twin.host(host).record["other_config"])

    def note(change: Change) -> None:
        record = change.snapshot
        what = ""
        if change.ref == ref:
            start = record["other_config"].get("agent_start_time")
            what = f"enabled {record['enabled']}"
            if start != known.get("agent_start_time"):
                what = "agent_start_time" if "agent_start_time" not in seen else what
        elif change.cls == "Bond" and change.operation == "add":
            what = "bond"
        elif change.cls == "PIF" and record["host"] == ref and record["device"] == "bond0":
            what = "bond attached" if record["currently_attached"] else f"bond with IP {record['IP']}"
        if what and (not seen or seen[-1] != what):
            seen.append(what)

    ground.database.observers.append(note)
    return seen


async def test_a_restart_shows_in_the_recorded_order() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        seen = watch(ground, "xs-2")
        await ground.restart("xs-2")
        order = ["enabled False", "agent_start_time", "enabled True", "bond with IP ", "bond", "bond with IP 172.16.0.36", "bond attached"]
        places = [seen.index(what) for what in order]
        assert places == sorted(places), seen


async def test_cookies_and_answers_of_the_port_follow_the_start() -> None:
    async with pool(restart_seconds=0.3) as ground:
        host = ground.twin.host("xs-2")
        await host.restart_xapi()
        seen: list[tuple[str, str, tuple[str, ...]]] = []
        while not host.init_complete.is_set():
            cookies = sorted(cookie.rpartition("/")[2] for cookie in host.dom0.cookies)
            state = (host.xapi, host.refusal.code if host.refusal else "", tuple(cookies))
            if not seen or seen[-1] != state:
                seen.append(state)
            await asyncio.sleep(0)
        ready = (READY_COOKIE.rpartition("/")[2],)
        assert seen == [
            ("starting", "", ready),
            ("starting", "", ()),
            ("starting", "HOST_HAS_NO_MANAGEMENT_IP", ()),
            ("starting", "HOST_STILL_BOOTING", ready),
            ("starting", "", ready),
        ]
        assert host.dom0.cookies == {READY_COOKIE, COMPLETE_COOKIE}


async def test_the_bond_comes_after_the_ready_cookie_and_before_it_on_xenserver_6() -> None:
    for version, bond_when_ready in (("7.0", False), ("6.2.0", True)):
        async with pool(xapi=version) as ground:
            await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
            found: list[bool] = []

            async def at_ready(point: Any, found: list[bool] = found, ground: Pool = ground) -> None:  # pylint: disable=dangerous-default-value
                if point.name == "host.start.ready":
                    found.append("bond0" in ground.bonds("xs-2"))

            ground.twin.faults.on_point.append(at_ready)
            await ground.restart("xs-2")
            assert found == [bond_when_ready], version
            assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}


async def test_a_starting_master_is_booting_until_its_ready_cookie_and_enabled_only_later() -> None:
    async with pool(restart_seconds=0.3) as ground:
        host = ground.twin.host("xs-1")
        await host.restart_xapi()
        seen: list[tuple[str, bool]] = []
        while not host.init_complete.is_set():
            state = (host.refusal.code if host.refusal else "", host.record["enabled"])
            if not seen or seen[-1] != state:
                seen.append(state)
            await asyncio.sleep(0)
        assert seen == [("", True), ("HOST_STILL_BOOTING", True), ("HOST_STILL_BOOTING", False), ("", False), ("", True)]


async def test_a_silent_member_is_taken_for_dead_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xapi_twin.twin.host.HEARTBEAT_SECONDS", 0.02)
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        await host.stop_xapi()
        metrics = host.record["metrics"]
        assert ground.database.get("host_metrics", metrics)["live"] is True
        await asyncio.sleep(0.05)
        assert ground.database.get("host_metrics", metrics)["live"] is False
        await host.start_xapi()
        await ground.up("xs-2")
        await asyncio.sleep(0.05)
        assert ground.database.get("host_metrics", metrics)["live"] is True


def test_a_restart_takes_as_long_as_it_was_recorded_or_in_proportion() -> None:
    async def seconds(inherits: bool, restart_seconds: float) -> float:
        async with pool(restart_seconds=restart_seconds) as ground:
            if inherits:
                await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
            began = ground.twin.clock()
            await ground.restart("xs-2")
            return ground.twin.clock() - began

    assert virtual_time.run(seconds(True, 12.3)) == pytest.approx(12.3, abs=0.3)
    assert virtual_time.run(seconds(False, 12.3)) == pytest.approx(11.5, abs=0.3)
    assert virtual_time.run(seconds(True, 123)) == pytest.approx(123, abs=3)
    assert virtual_time.run(seconds(True, 0)) == 0


async def test_a_disabled_host_is_enabled_by_a_restart_unless_that_was_forbidden() -> None:
    async with pool(xapi="26.17.0") as ground:
        host = ground.twin.host("xs-2")
        await ground.call("host.disable", host.ref)
        assert "shutdown" in host.record["allowed_operations"]
        await ground.restart("xs-2")
        assert host.record["enabled"] is True
        await ground.call("host.disable", host.ref, False)
        await ground.restart("xs-2")
        assert host.record["enabled"] is False


async def test_a_members_restart_leaves_sessions_alone_and_the_masters_ends_them() -> None:
    async with pool() as ground:
        session = ground.twin.dispatcher.open_session("test")
        await ground.restart("xs-2")
        assert ground.database.find("session", session) is not None
        await ground.restart("xs-1")
        assert ground.database.find("session", session) is None


async def test_pending_tasks_of_a_member_die_with_its_xapi() -> None:
    text = THREE_HOSTS + "tasks: [{name: Async.VM.export, host: xs-2, progress: 0.4}]\n"
    async with pool(text) as ground:
        (task,) = ground.database.where("task", name_label="Async.VM.export")
        await ground.restart("xs-3")
        assert ground.database.get("task", task)["status"] == "pending"
        await ground.restart("xs-2")
        assert ground.database.get("task", task)["status"] == "cancelled"


async def test_restart_agent_answers_before_it_restarts() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        before = host.record["other_config"].get("agent_start_time")
        await ground.call("host.restart_agent", host.ref)
        assert host.xapi == "running"
        while host.xapi == "running":
            await asyncio.sleep(0)
        await ground.up("xs-2")
        assert host.record["other_config"]["agent_start_time"] != before


async def test_no_two_starts_have_the_same_start_time_however_quick_they_are() -> None:
    """A real start takes seconds, and its time is written in whole ones: who waits for another one would wait for ever."""
    async with pool() as ground:
        seen = []
        for _restart in range(4):
            await ground.restart("xs-2")
            seen.append(float(ground.twin.host("xs-2").record["other_config"]["agent_start_time"]))
        assert seen == sorted(set(seen))


async def test_with_ha_a_restart_of_the_toolstack_can_fence_the_host() -> None:
    async with pool(THREE_HOSTS + "ha: {enabled: true, fences: true}\n", restart_seconds=0.2) as ground:
        host = ground.twin.host("xs-2")
        await host.restart_toolstack()
        assert host.powered is False
        await ground.up("xs-2")
        assert host.powered is True
    async with pool(THREE_HOSTS + "ha: true\n") as ground:
        host = ground.twin.host("xs-2")
        await host.restart_toolstack()
        assert host.powered is True
        await ground.up("xs-2")


async def test_power_loss_takes_dom0s_network_and_a_boot_brings_back_what_matters() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        await ground.bond("xs-2", ["eth2", "eth4"], await ground.network())
        await ground.vlan("xs-2", "bond0", 50, await ground.network("V50"))

        await host.power_off()
        assert ground.bridges("xs-2") == []
        assert ground.pif_record("xs-2", "bond0", 50)["currently_attached"] is True, "the database does not know yet"

        await host.power_on()
        await ground.up("xs-2")
        assert ground.addresses("xs-2") == {"xenbr0": ("172.16.0.11/27",), "xapi0": ("172.16.0.36/28",)}
        assert ground.pif_record("xs-2", "bond0", 50)["currently_attached"] is False, "a VLAN without address waits until it is needed"


async def test_open_vswitch_keeps_the_bridge_of_a_bond_that_is_not_in_xapi_any_more_when_the_host_boots() -> None:
    """As on a real pool, where the power went in the middle: no NIC in the bridge can be plugged until it is deleted in dom0."""
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        bond = await ground.bond("xs-2", ["eth2", "eth4"], await ground.network())
        await host.power_off()
        for nic in ("eth2", "eth4"):
            ground.database.set("PIF", ground.pif("xs-2", nic), bond_slave_of=NULL)
        ground.database.set("PIF", ground.pif("xs-2", "eth2"), ip_configuration_mode="Static", IP="172.16.0.36", netmask="255.255.255.240")
        master = ground.database.get("Bond", bond)["master"]
        ground.database.remove("Bond", bond)
        ground.database.remove("PIF", master)

        await host.power_on()
        await ground.up("xs-2")
        assert ground.addresses("xs-2") == {"xenbr0": ("172.16.0.11/27",)}, "the storage address is gone"
        with pytest.raises(XapiError) as caught:
            await ground.call("PIF.plug", ground.pif("xs-2", "eth2"))
        assert "eth2 already exists on bridge xapi0" in caught.value.description[2]
        await host.backend.bring_down("xapi0")
        await ground.call("PIF.plug", ground.pif("xs-2", "eth2"))
        assert ground.addresses("xs-2")["xenbr2"] == ("172.16.0.36/28",)


async def test_calls_to_a_host_without_power_hang_and_then_fail() -> None:
    async with pool(restart_seconds=0.02) as ground:
        host = ground.twin.host("xs-2")
        await host.power_off()
        network = await ground.network()
        with pytest.raises(XapiError) as caught:
            await client(ground, "Bond.create", network, [ground.pif("xs-2", "eth2")], "", "active-backup", {})
        assert caught.value.description == ["CANNOT_CONTACT_HOST", host.ref]

        await ground.call("host.declare_dead", host.ref)
        with pytest.raises(XapiError) as caught:
            await client(ground, "Bond.create", network, [ground.pif("xs-2", "eth2")], "", "active-backup", {})
        assert caught.value.description == ["HOST_OFFLINE", host.ref]


async def test_a_bond_for_a_member_whose_xapi_is_stopped_waits_is_made_and_answered_with_an_error() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        network = await ground.network()
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await host.stop_xapi()
        slow = {"do": "slow", "seconds": 0.05, "when": {"moment": "bond.create.checked", "host": "xs-2"}}
        ground.twin.faults.add(slow)
        members = [ground.pif("xs-2", "eth4"), ground.pif("xs-2", "eth2")]
        waiting = asyncio.ensure_future(client(ground, "Bond.create", network, members, "", "balance-slb", {}))
        await asyncio.sleep(0.01)
        assert not waiting.done()

        await host.start_xapi()
        with pytest.raises(XapiError) as caught:
            await waiting
        assert caught.value.description[:2] == ["HANDLE_INVALID", "task"]
        await ground.up("xs-2")
        (bond,) = ground.pif_record("xs-2", "bond0")["bond_master_of"]
        assert ground.database.get("Bond", bond)["mode"] == "balance-slb", "made by the call, before the start-up's turn"
        assert "Ignoring exception" not in ground.log("xs-2")


async def test_work_of_a_member_ends_with_its_xapi_and_the_master_says_so() -> None:
    async with pool(restart_seconds=0.2) as ground:
        host = ground.twin.host("xs-2")
        network = await ground.network()
        call = asyncio.ensure_future(client(ground, "Bond.create", network, [ground.pif("xs-2", "eth2")], "", "active-backup", {}))
        while not ground.bonds("xs-2"):
            await asyncio.sleep(0)
        await host.stop_xapi()
        with pytest.raises(XapiError) as caught:
            await call
        assert caught.value.description == ["CANNOT_CONTACT_HOST", host.ref]
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is False


async def test_a_member_that_does_not_find_its_master_goes_into_emergency_mode_and_comes_out_of_it() -> None:
    async with pool(restart_seconds=0.01) as ground:
        await ground.twin.host("xs-1").stop_xapi()
        member = ground.twin.host("xs-2")
        await member.restart_xapi()
        while member.xapi != "emergency":
            await asyncio.sleep(0.01)
        assert member.refusal is not None and member.refusal.code == "HOST_IN_EMERGENCY_MODE"
        await ground.twin.host("xs-1").start_xapi()
        await ground.up("xs-2")
        assert member.xapi == "running"


async def test_links_up_rises_when_the_updelay_is_over_and_a_message_tells() -> None:
    async with pool(restart_seconds=0.1) as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        rising = [ground.database.get("Bond", bond)["links_up"]]
        while rising[-1] < 2:
            await asyncio.sleep(0.005)
            if (now := ground.database.get("Bond", bond)["links_up"]) != rising[-1]:
                rising.append(now)
        assert rising == [0, 1, 2]
        assert [message["body"] for message in ground.database.all("message").values()] == [
            "The status of the eth2+eth4 bond is: 1/2 up",
            "The status of the eth2+eth4 bond changed: 2/2 up (was 1/2)",
        ]


async def test_a_pulled_cable_shows_in_metrics_and_bond() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        while ground.database.get("Bond", bond)["links_up"] != 2:
            await asyncio.sleep(0.001)
        await ground.twin.host("xs-1").set_carrier("eth4", False)
        while ground.database.get("Bond", bond)["links_up"] != 1:
            await asyncio.sleep(0.001)
        metrics = ground.database.get("PIF_metrics", ground.pif_record("xs-1", "eth4")["metrics"])
        assert (metrics["carrier"], metrics["speed"]) == (False, 0)
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].active == "eth2"


async def test_sixty_four_hosts_of_twelve_cards_start_in_time() -> None:

    began = time.process_time()  # of this process alone: whatever else the machine is doing
    async with await Twin.start(load_scenario("sixty-four-hosts")) as twin:
        assert len(twin.database.all("PIF")) == 64 * 12
        assert time.process_time() - began < 1


async def test_while_xapi_is_stopped_a_plain_call_is_lost_and_a_bond_is_made_all_the_same() -> None:
    """Recorded: calls_to_stopped_xapi. What each caller is told when the member is back says nothing about whether it was done."""
    async with pool() as ground:
        network, host = await ground.network(), ground.twin.host("xs-2")
        await host.stop_xapi()
        calls = {
            "plug": ground.call("PIF.plug", ground.pif("xs-2", "eth5")),
            "scan": ground.call("PIF.scan", host.ref),
            "address": ground.call("PIF.reconfigure_ip", ground.pif("xs-2", "eth3"), "Static", "10.0.3.2", "255.255.255.0", "", ""),
            "bond": ground.bond("xs-2", ["eth2", "eth4"], network),
        }
        waiting = {name: asyncio.ensure_future(call) for name, call in calls.items()}
        await asyncio.sleep(0.01)
        assert not any(call.done() for call in waiting.values())
        await host.start_xapi()
        await ground.up("xs-2")
        told = {}
        for name, call in waiting.items():
            with pytest.raises(XapiError) as caught:
                await call
            told[name] = caught.value.description[0]
        assert told == {
            "plug": "CANNOT_CONTACT_HOST", "scan": "CANNOT_CONTACT_HOST", "address": "HANDLE_INVALID", "bond": "HANDLE_INVALID",
        }  # fmt: skip
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        assert ground.pif_record("xs-2", "eth3")["IP"] == ""


@pytest.mark.parametrize("clean", [True, False])
async def test_xe_toolstack_restart_disables_the_host_when_it_stops_the_service(clean: bool) -> None:
    async with pool() as ground:
        host, seen = ground.twin.host("xs-2"), []
        host.stops_cleanly = clean
        ground.database.observers.append(lambda change: seen.append(change.snapshot["live"]) if change.cls == "host_metrics" else None)
        await host.restart_toolstack()
        await ground.up("xs-2")
        assert seen == ([False, True] if clean else [])


async def test_a_master_that_has_written_messages_has_local_storage() -> None:
    """Recorded: master_restart. The messages' directory is what xapi goes by."""
    async with pool() as ground:
        host = ground.twin.host("xs-1")
        ground.database.set("host", host.ref, other_config={"no_local_storage": "true"})
        await ground.restart("xs-1")
        assert host.record["other_config"].get("no_local_storage") == "true"
        ground.database.add("message", name="M")
        await ground.restart("xs-1")
        assert "no_local_storage" not in host.record["other_config"]
