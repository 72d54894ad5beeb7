# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that join a pool, leave it, and become its master."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from typing import Any

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin import shell
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario
from xapi_twin.scenario.model import ScenarioError
from xapi_twin.twin.pool import Twin

NEW_HOST = """
spares:
  - name: xs-4
    nics:
      eth0: {mac: 00:16:3E:00:04:00, management: true, ip: 172.16.0.13/27, gateway: 172.16.0.1}
      eth1: {mac: 00:16:3E:00:04:01}
      eth2: {mac: 00:16:3E:00:04:02, ip: 172.16.0.38/28}
      eth3: {mac: 00:16:3E:00:04:03}
      eth4: {mac: 00:16:3E:00:04:04}
      eth5: {mac: 00:16:3E:00:04:05}
"""
WITH_SPARE = THREE_HOSTS + NEW_HOST
MASTER = "172.16.0.10"


def spare(ground: Pool) -> Twin:
    (found,) = ground.twin.spares
    return found


async def join(ground: Pool, address: str = MASTER, user: str = "root", password: str = "twin", method: str = "pool.join") -> None:
    await spare(ground).dispatcher.internal(method, address, user, password)


async def joined(ground: Pool) -> None:
    """Until the new host has come up in the pool."""

    async def wait() -> None:
        while "xs-4" not in [host.name for host in ground.twin.hosts.values()]:
            await asyncio.sleep(0.001)
        await ground.up("xs-4")

    await asyncio.wait_for(wait(), 30)


async def refused(ground: Pool, **how: Any) -> list[str]:
    with pytest.raises(XapiError) as caught:
        await join(ground, **how)
    return caught.value.description


async def test_a_host_that_joins_brings_its_nics_and_inherits_the_bonds_and_vlans() -> None:
    async with pool(WITH_SPARE) as ground:
        network = await ground.network("NAS")
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await ground.vlan("xs-1", "bond0", 50, await ground.network("V50"))
        uuid = spare(ground).master_host.uuid
        await join(ground)
        host = ground.database.by_uuid("host", uuid)
        assert not ground.database.get("host", host)["enabled"], "records come first, the host when its xapi starts"
        await joined(ground)
        assert ground.twin.spares == [] and ground.twin.host("xs-4").record["enabled"]
        assert ground.bonds("xs-4") == {"bond0": ["eth2", "eth4"]}
        assert ground.addresses("xs-4") == {"xenbr0": ("172.16.0.13/27",), "xapi0": ("172.16.0.38/28",)}
        assert not ground.pif_record("xs-4", "bond0", 50)["currently_attached"]
        assert {ground.network_of(name, "eth2") for name in ("xs-1", "xs-4")} == {ground.network_of("xs-2", "eth2")}
        assert not ground.twin.host("xs-4").is_master


async def test_what_runs_in_dom0_goes_on_when_its_host_joins_and_sees_the_pool_then() -> None:
    async with pool(WITH_SPARE) as ground:
        loop = "nohup sh -c 'until [ -e /root/stop ]; do sleep 0.05; done; xe host-list --minimal > /root/said' &"
        await shell.run(spare(ground).master_host, loop)
        await join(ground)
        await joined(ground)
        host = ground.twin.host("xs-4")
        await shell.run(host, "touch /root/stop")
        while not (said := (await shell.run(host, "cat /root/said")).stdout):
            await asyncio.sleep(0.01)
        assert said.count(",") == 3, said


async def test_a_join_with_the_wrong_words_changes_nothing() -> None:
    async with pool(WITH_SPARE) as ground:
        assert await refused(ground, password="wrong") == ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]
        assert await refused(ground, address="10.9.9.9") == ["JOINING_HOST_CONNECTION_FAILED"]
        assert await refused(ground, address="172.16.0.11") == ["HOST_IS_SLAVE", MASTER]
        assert await refused(ground, address="172.16.0.13") == ["OPERATION_NOT_ALLOWED", "Host cannot become slave of itself"]
        with pytest.raises(XapiError) as caught:
            await ground.call("pool.join", MASTER, "root", "twin")
        assert caught.value.description == ["OPERATION_NOT_ALLOWED", "Host is already part of a pool"]
        assert len(ground.database.all("host")) == 3


async def test_a_host_with_bonds_or_vlans_of_its_own_does_not_join() -> None:
    async with pool(WITH_SPARE) as ground:
        alone = Pool(spare(ground))
        await alone.vlan("xs-4", "eth1", 60, await alone.network("V60"))
        assert await refused(ground) == ["POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS"]
        await alone.bond("xs-4", ["eth3", "eth5"], await alone.network("own"))
        assert await refused(ground) == ["POOL_JOINING_HOST_HAS_BONDS"]


async def test_what_differs_between_host_and_pool_is_refused() -> None:
    async with pool(WITH_SPARE) as ground:
        ground.database.set("pool", ground.twin.pool.ref, ha_enabled=True)
        assert await refused(ground) == ["HA_IS_ENABLED"]
        ground.database.set("pool", ground.twin.pool.ref, ha_enabled=False)
        alone = spare(ground)
        facts = alone.master_host.record["software_version"]
        alone.database.set("host", alone.master, software_version={**facts, "xapi_build": "24.19.1"})
        assert await refused(ground) == ["HOSTS_NOT_HOMOGENEOUS", "Software version differs"]
        alone.database.set("host", alone.master, software_version={**facts, "platform_version": "1.0"})
        assert await refused(ground, method="pool.join_force") == ["POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION"]
        alone.database.set("host", alone.master, software_version=facts)
        for cls, fields in (("VM", {"name_label": "web", "power_state": "Running"}), ("SR", {"name_label": "NFS", "shared": True})):
            ref = alone.database.add(cls, **fields)
            assert (await refused(ground))[0].startswith("JOINING_HOST_CANNOT_")
            alone.database.remove(cls, ref)
        await join(ground)


async def test_a_member_that_is_ejected_is_a_pool_of_its_own_and_may_come_again() -> None:
    async with pool(WITH_SPARE) as ground:
        await join(ground)
        await joined(ground)
        await ground.call("pool.eject", ground.twin.host("xs-4").ref)
        assert "172.16.0.13" not in {host["address"] for host in ground.database.all("host").values()}
        assert not [pif for pif in ground.database.all("PIF").values() if pif["MAC"].startswith("00:16:3e:00:04")]

        async def alone() -> None:
            while not ground.twin.spares:
                await asyncio.sleep(0.001)

        await asyncio.wait_for(alone(), 30)
        host = spare(ground).master_host
        assert (host.name, host.record["address"], sorted(host.dom0.bridges)) == ("xs-4", "172.16.0.13", [f"xenbr{n}" for n in range(6)])
        await join(ground)
        await joined(ground)
        assert len(ground.twin.hosts) == 4


async def test_who_is_not_ejected() -> None:
    async with pool(WITH_SPARE + "vms: [{name: web, state: running, host: xs-2, networks: [eth1]}]\n") as ground:
        for host, expected in (("xs-1", "INTERNAL_ERROR"), ("xs-2", "OPERATION_NOT_ALLOWED")):
            with pytest.raises(XapiError) as caught:
                await ground.call("pool.eject", ground.twin.host(host).ref)
            assert caught.value.description[0] == expected


async def test_another_host_becomes_the_master_and_all_follow_it() -> None:
    async with pool() as ground:
        await ground.call("pool.designate_new_master", ground.twin.host("xs-2").ref)

        async def changed() -> None:
            while ground.twin.master_host.name != "xs-2":
                await asyncio.sleep(0.001)
            for name in ("xs-1", "xs-2", "xs-3"):
                await ground.up(name)

        await asyncio.wait_for(changed(), 30)
        with pytest.raises(XapiError) as caught:
            await ground.twin.dispatcher.call(ground.twin.host("xs-1").ref, "session.login_with_password", ["root", "twin"])
        assert caught.value.description == ["HOST_IS_SLAVE", "172.16.0.11"]
        await ground.bond("xs-2", ["eth2", "eth4"], await ground.network("NAS"))
        await ground.restart("xs-1")
        assert ground.bonds("xs-1") == {"bond0": ["eth2", "eth4"]}, "the old master inherits from the new one"


def test_the_ports_of_a_host_go_with_it() -> None:
    scenario = read_scenario(WITH_SPARE, restart_seconds=0)
    with RunningTwin(scenario, tls=False, ssh=False) as twin:
        url = twin.endpoints["spares"]["xs-4"]["xapi"]
        journal = twin.twin.spares[0].journal
        new: Any = xmlrpc.client.ServerProxy(url)
        session = new.session.login_with_password("root", "twin")["Value"]
        assert new.pool.join(session, MASTER, "root", "twin")["Status"] == "Success"
        assert "twin" not in str(journal[-1].arguments)

        async def came() -> None:
            while len(twin.twin.hosts) < 4 or not twin.twin.host("xs-4").init_complete.is_set():
                await asyncio.sleep(0.01)

        twin.run(came)
        assert twin.endpoints["hosts"]["xs-4"]["xapi"] == url and "spares" not in twin.endpoints
        assert new.session.login_with_password("root", "twin")["ErrorDescription"] == ["HOST_IS_SLAVE", MASTER]


def test_a_spare_has_a_name_of_its_own() -> None:
    with pytest.raises(ScenarioError, match="'xs-1' is here twice"):
        read_scenario(THREE_HOSTS + NEW_HOST.replace("xs-4", "xs-1"))
