# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bond after it is made: changed, taken apart, and what moves to it and back."""

from __future__ import annotations

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.database import MOST_DELETED
from xapi_twin.datamodel.errors import XapiError

LIFE = (
    THREE_HOSTS
    + """
networks: [{name: Backup}]
vms:
  - {name: here, host: xs-1, state: running, networks: [eth4]}
  - {name: there, host: xs-2, state: running, networks: [eth4]}
  - {name: anywhere, state: halted, networks: [eth4]}
"""
)


def vif_network(ground: Pool, vm: str) -> str:
    (ref,) = ground.database.where("VM", name_label=vm)
    network: str = ground.database.get("VIF", ground.database.get("VM", ref)["VIFs"][0])["network"]
    return network


async def test_bond_destroy_gives_everything_back_to_the_primary_slave() -> None:
    async with pool() as ground:
        network = await ground.network()
        await ground.call("PIF.set_disallow_unplug", ground.pif("xs-1", "eth4"), True)
        bond = await ground.bond("xs-1", ["eth4", "eth2"], network)

        await ground.call("Bond.destroy", bond)

        eth2, eth4 = ground.pif_record("xs-1", "eth2"), ground.pif_record("xs-1", "eth4")
        assert (eth2["IP"], eth2["currently_attached"], eth4["currently_attached"]) == ("172.16.0.35", True, True)
        assert (eth2["disallow_unplug"], eth4["disallow_unplug"]) == (True, False), "to the primary slave, wherever it came from"
        assert ground.bridges("xs-1") == [f"xenbr{number}" for number in range(6)]
        assert ground.database.all("Bond") == {}
        assert ground.database.get("network", network)["PIFs"] == []


async def test_a_network_is_destroyed_only_when_no_host_has_a_pif_on_it() -> None:
    async with pool() as ground:
        network = await ground.network()
        bonds = [await ground.bond(host, ["eth2", "eth4"], network) for host in ("xs-1", "xs-2")]
        with pytest.raises(XapiError) as caught:
            await ground.call("network.destroy", network)
        assert caught.value.code == "NETWORK_CONTAINS_PIF"
        assert set(caught.value.params) == {ground.pif("xs-1", "bond0"), ground.pif("xs-2", "bond0")}

        for bond in bonds:
            await ground.call("Bond.destroy", bond)
        await ground.call("network.destroy", network)
        assert ground.database.find("network", network) is None


async def test_bond_destroy_puts_the_members_mtu_back_to_their_own_networks() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(MTU=9000))
        await ground.call("Bond.destroy", bond)
        assert ground.twin.host("xs-1").dom0.nics["eth4"].mtu == 1500


async def test_set_mode_drops_what_the_new_mode_does_not_know_and_adds_its_defaults() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), "lacp", {"lacp-aggregation-key": "7"})
        await ground.call("Bond.set_mode", bond, "balance-slb")
        assert ground.database.get("Bond", bond)["properties"] == {}
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].mode == "balance-slb"

        await ground.call("Bond.set_mode", bond, "lacp")
        assert ground.database.get("Bond", bond)["properties"] == {
            "hashing_algorithm": "tcpudp_ports",
            "lacp-time": "slow",
            "lacp-fallback-ab": "true",
        }


async def test_set_property_reaches_the_switch_or_is_refused() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), "lacp")
        await ground.call("Bond.set_property", bond, "hashing_algorithm", "src_mac")
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].mode == "balance-slb"
        assert ground.twin.host("xs-1").dom0.bonds["bond0"].lacp == "active"

        with pytest.raises(XapiError) as caught:
            await ground.call("Bond.set_property", bond, "lacp-time", "medium")
        assert caught.value.description == ["INVALID_VALUE", "properties", "lacp-time = medium"]


async def test_a_changed_card_changes_the_bonds_mac_at_the_next_plug() -> None:
    async with pool(xapi="8.2.1") as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        ground.database.set("PIF", ground.pif("xs-1", "eth2"), MAC="00:16:3e:ff:ff:ff")
        await ground.call("Bond.set_mode", bond, "balance-slb")
        assert ground.pif_record("xs-1", "bond0")["MAC"] == "00:16:3e:ff:ff:ff"


async def test_vlans_move_as_new_objects_and_stay_plugged() -> None:
    async with pool() as ground:
        v50 = await ground.network("V50")
        old = await ground.vlan("xs-1", "eth2", 50, v50)
        old_pif = ground.pif("xs-1", "eth2", 50)

        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        assert ground.database.find("VLAN", old) is None
        assert ground.database.find("PIF", old_pif) is None
        moved = ground.pif_record("xs-1", "bond0", 50)
        assert (moved["network"], moved["currently_attached"]) == (v50, True)
        (bridge,) = (bridge for bridge in ground.twin.host("xs-1").dom0.bridges.values() if bridge.tag == 50)
        assert bridge.parent == "xapi1"


async def test_the_same_tag_on_two_members_drops_one_vlan_silently() -> None:
    async with pool() as ground:
        one, two = await ground.network("one"), await ground.network("two")
        await ground.vlan("xs-1", "eth2", 50, one)
        await ground.vlan("xs-1", "eth4", 50, two)

        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        kept = ground.pif_record("xs-1", "bond0", 50)["network"]
        dropped = two if kept == one else one
        assert kept in (one, two)
        assert ground.database.get("network", dropped)["PIFs"] == []


async def test_a_vlan_with_an_address_takes_it_along() -> None:
    async with pool() as ground:
        await ground.vlan("xs-1", "eth4", 50, await ground.network("V50"))
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-1", "eth4", 50), "Static", "10.5.0.1", "255.255.0.0", "", "")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        assert ground.pif_record("xs-1", "bond0", 50)["IP"] == "10.5.0.1"
        assert ground.addresses("xs-1")["xapi0"] == ("10.5.0.1/16",)


async def test_tunnels_move_as_new_objects() -> None:
    async with pool() as ground:
        network = await ground.network("T")
        old = await ground.call("tunnel.create", ground.pif("xs-1", "eth2"), network, "gre")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        (moved,) = ground.database.all("tunnel").values()
        assert ground.database.find("tunnel", old) is None
        assert moved["transport_PIF"] == ground.pif("xs-1", "bond0")
        assert ground.database.get("PIF", moved["access_PIF"])["network"] == network


async def test_vifs_of_local_vms_move_and_those_of_agile_halted_vms_wait_for_the_last_host() -> None:
    async with pool(LIFE) as ground:
        eth4, network = ground.network_of("xs-1", "eth4"), await ground.network()

        await ground.bond("xs-1", ["eth2", "eth4"], network)
        assert [vif_network(ground, vm) for vm in ("here", "there", "anywhere")] == [network, eth4, eth4]

        await ground.bond("xs-2", ["eth2", "eth4"], network)
        assert [vif_network(ground, vm) for vm in ("there", "anywhere")] == [network, eth4]

        await ground.bond("xs-3", ["eth2", "eth4"], network)
        assert vif_network(ground, "anywhere") == network


@pytest.mark.parametrize(("capability", "moves"), [("hvm-3.0-x86_64", False), ("xen-3.0-x86_64", True)])
async def test_a_vm_that_can_start_nowhere_is_local_to_every_host(capability: str, moves: bool) -> None:
    async with pool() as ground:
        for host in ground.twin.hosts:
            ground.database.set("host", host, capabilities=[capability])
        vm = await ground.call("VM.create", {"name_label": "web", "HVM_boot_policy": "BIOS order"})
        eth4, network = ground.network_of("xs-1", "eth4"), await ground.network()
        vif = await ground.call("VIF.create", {"VM": vm, "network": eth4, "device": "0", "MAC": ""})

        await ground.bond("xs-1", ["eth2", "eth4"], network)

        assert ground.database.get("VIF", vif)["network"] == (network if moves else eth4)


async def test_a_vm_cannot_be_started_where_its_network_is_a_slaves() -> None:
    async with pool(LIFE) as ground:
        network = await ground.network()
        (anywhere,) = ground.database.where("VM", name_label="anywhere")
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        host = ground.twin.host("xs-1").ref
        with pytest.raises(XapiError, match="HOST_CANNOT_ATTACH_NETWORK"):
            await ground.call("VM.start_on", anywhere, host, False, False)
        await ground.call("VM.start", anywhere, False, False)
        assert ground.database.get("VM", anywhere)["resident_on"] != host


async def test_after_bond_destroy_a_vif_is_on_the_primary_slaves_network_not_where_it_came_from() -> None:
    async with pool(LIFE) as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.call("Bond.destroy", bond)
        assert vif_network(ground, "here") == ground.network_of("xs-1", "eth2")


async def test_management_moves_to_the_bond_and_back() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        bond = await ground.bond("xs-2", ["eth1", "eth0"], await ground.network())

        assert ground.pif_record("xs-2", "bond0")["management"] is True
        assert ground.pif_record("xs-2", "eth0")["management"] is False
        assert (host.management_bridge, host.record["address"]) == ("xapi0", "172.16.0.11")

        await ground.call("Bond.destroy", bond)
        assert ground.pif_record("xs-2", "eth0")["management"] is True
        assert host.management_bridge == "xenbr0"


async def test_a_cluster_host_goes_along_with_its_pif() -> None:
    async with pool(THREE_HOSTS + "cluster: {nic: eth2}\n") as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        (ref,) = ground.database.where("Cluster_host", host=ground.twin.host("xs-1").ref)
        assert ground.database.get("Cluster_host", ref)["PIF"] == ground.pif("xs-1", "bond0")


async def test_a_half_made_bond_is_plugged_once_its_card_is_back() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-1")
        await host.nic_gone("eth4")
        with pytest.raises(XapiError):
            await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await host.nic_back("eth4")
        await ground.call("PIF.plug", ground.pif("xs-1", "bond0"))
        assert ground.pif_record("xs-1", "bond0")["currently_attached"] is True
        assert ground.addresses("xs-1")["xapi0"] == ("172.16.0.35/28",)


async def test_ha_refuses_to_take_the_management_bond_apart() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth0", "eth1"], await ground.network())
        ground.database.set("pool", ground.twin.pool.ref, ha_enabled=True)
        with pytest.raises(XapiError, match="HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"):
            await ground.call("Bond.destroy", bond)


async def test_hundreds_of_bonds_leave_nothing_behind() -> None:
    """But a message for each, and metrics of no PIF, as in xapi (the recorded pools had some from long ago)."""
    async with pool() as ground:
        network = await ground.network()
        database = ground.database

        async def cycles(count: int) -> dict[str, int]:
            for _dummy in range(count):
                await ground.call("Bond.destroy", await ground.bond("xs-1", ["eth2", "eth4"], network))
            sizes = {cls: len(database.all(cls)) for cls in database.schema.classes if cls not in ("message", "PIF_metrics")}
            return {**sizes, "deleted": min(database.tombstones, 4 * MOST_DELETED)}

        first = await cycles(5)
        later = await cycles(400)
        assert {name: size for name, size in later.items() if name != "deleted"} == {
            name: size for name, size in first.items() if name != "deleted"
        }
        assert later["deleted"] < 4 * MOST_DELETED
