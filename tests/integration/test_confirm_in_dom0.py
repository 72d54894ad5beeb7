# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of xs_confirm in the dom0 of a twin: the timer outlives its connection, takes a bond back, or is ended in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from ansible_collections.xapi.network.plugins.module_utils._confirm import timer
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Nic, Undo, Vlan
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import Answer, read

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin import shell
from xapi_twin.scenario.load import read_scenario
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin

BOND = (
    "net=$(xe network-create name-label=NAS); eth2=$(xe pif-list host-name-label=xs-1 device=eth2 VLAN=-1 --minimal);"
    " eth4=$(xe pif-list host-name-label=xs-1 device=eth4 VLAN=-1 --minimal);"
    " xe bond-create network-uuid=$net pif-uuids=$eth2,$eth4 mode=active-backup"
)


@pytest.fixture
async def dom0() -> AsyncIterator[Host]:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as twin:
        yield twin.host("xs-1")


async def undo(host: Host) -> Undo:
    uuids = {}
    for device in ("eth2", "eth4"):
        uuids[device] = (await shell.run(host, f"xe pif-list host-uuid={host.uuid} device={device} --minimal")).stdout.strip()
    with_address = Nic(uuids["eth2"], "eth2", mode="Static", ip="172.16.0.35", netmask="255.255.255.240")
    return Undo(host.uuid, host.name, (with_address, Nic(uuids["eth4"], "eth4")))


async def answered(host: Host, command: str) -> Answer:
    output = await shell.run(host, command)
    return read(output.status, output.stdout)


async def test_nobody_confirms_and_the_bond_is_taken_back(dom0: Host) -> None:
    way_back = await undo(dom0)
    assert (await answered(dom0, timer.arm(way_back, 60, "a test"))).state == "armed"
    assert (await answered(dom0, timer.ask(way_back))).state == "armed"
    assert (await shell.run(dom0, BOND)).status == 0
    for _unused in range(600):
        answer = await answered(dom0, timer.ask(way_back))
        if answer.taken_back is not None:
            break
        await asyncio.sleep(0.02)
    assert answer.taken_back is not None and answer.taken_back["done"], answer
    assert answer.taken_back["owner"] == "a test"
    assert (await shell.run(dom0, "xe bond-list --minimal")).stdout == "\n"
    pif = "xe pif-list host-name-label=xs-1 device=eth2 params=IP,currently-attached"
    assert "172.16.0.35" in (await shell.run(dom0, pif)).stdout


async def test_a_confirmed_bond_stays(dom0: Host) -> None:
    way_back = await undo(dom0)
    assert (await answered(dom0, timer.arm(way_back, 60, "a test"))).state == "armed"
    assert (await answered(dom0, timer.arm(way_back, 60, "another"))).state == "busy"
    assert (await shell.run(dom0, BOND)).status == 0
    assert (await answered(dom0, timer.confirm(way_back))).state == "confirmed"
    await asyncio.sleep(2)
    assert (await shell.run(dom0, "xe bond-list --minimal")).stdout != "\n"
    assert (await answered(dom0, timer.ask(way_back))).state == "none"
    assert dom0.machine.processes.running == {}


VLANS = (
    "net=$(xe network-create name-label=V51); new=$(xe network-create name-label=V52);"
    " eth4=$(xe pif-list host-name-label=xs-1 device=eth4 --minimal); pif=$(xe vlan-create pif-uuid=$eth4 vlan=51 network-uuid=$net);"
    " xe pif-reconfigure-ip uuid=$pif mode=static IP=10.0.51.1 netmask=255.255.255.0;"
    " xe pif-param-set uuid=$eth4 other-config:xapi.network.vlan-51=$net; echo $net $new"
)


async def test_a_vlan_goes_back_to_the_second_nic_and_one_that_came_with_the_bond_goes(dom0: Host) -> None:
    one = await undo(dom0)
    net, new = (await shell.run(dom0, VLANS)).stdout.split()
    first, second = (nic.uuid for nic in one.nics)
    back = Vlan(51, net, second, second, "xapi.network.vlan-51", "eth4", "Static", "10.0.51.1", "255.255.255.0")
    way_back = replace(one, vlans=(back, Vlan(52, new, "", first, "xapi.network.vlan-none-52")))
    assert (await answered(dom0, timer.arm(way_back, 60, "a test"))).state == "armed"
    assert (await shell.run(dom0, BOND)).status == 0
    bond = "pif=$(xe pif-list host-name-label=xs-1 device=bond0 VLAN=-1 --minimal)"
    assert (await shell.run(dom0, f"{bond}; xe vlan-create pif-uuid=$pif vlan=52 network-uuid={new}")).status == 0
    for _unused in range(600):
        answer = await answered(dom0, timer.ask(way_back))
        if answer.taken_back is not None:
            break
        await asyncio.sleep(0.02)
    assert answer.taken_back is not None and answer.taken_back["done"] and not answer.taken_back["why"], answer
    shown = await shell.run(dom0, "xe pif-list VLAN=51 params=device,IP,currently-attached; xe pif-list VLAN=52 --minimal")
    assert [line.split(": ")[-1] for line in shown.stdout.splitlines() if line] == ["eth4", "true", "10.0.51.1"]
    assert (await shell.run(dom0, f"xe pif-param-get uuid={second} param-name=other-config param-key=xapi.network.vlan-51")).status
