# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PIFs, networks, VLANs, tunnels and the management interface."""

from __future__ import annotations

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.datamodel.errors import XapiError


async def refused(ground: Pool, method: str, *arguments: object) -> list[str]:
    with pytest.raises(XapiError) as caught:
        await ground.call(method, *arguments)
    return caught.value.description


async def test_reconfigure_ip_reaches_dom0_and_can_be_taken_back() -> None:
    async with pool() as ground:
        eth3 = ground.pif("xs-1", "eth3")
        await ground.call("PIF.reconfigure_ip", eth3, "Static", "10.0.0.1", "255.255.0.0", "10.0.0.254", "10.0.0.53")
        assert ground.addresses("xs-1")["xenbr3"] == ("10.0.0.1/16",)
        assert ground.pif_record("xs-1", "eth3")["DNS"] == "10.0.0.53"

        await ground.call("PIF.reconfigure_ip", eth3, "None", "", "", "", "")
        assert "xenbr3" not in ground.addresses("xs-1")
        assert ground.pif_record("xs-1", "eth3")["currently_attached"] is True


async def test_reconfigure_ip_of_a_slave_is_taken_without_a_word() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-1", "eth4"), "Static", "10.0.0.1", "255.0.0.0", "", "")
        assert ground.pif_record("xs-1", "eth4")["IP"] == "10.0.0.1"
        assert "10.0.0.1/8" not in str(ground.addresses("xs-1"))


@pytest.mark.parametrize(
    ("ip", "netmask", "gateway", "parameter"),
    [("10.0.0", "255.0.0.0", "", "IP"), ("10.0.0.1", "", "", "netmask"), ("10.0.0.1", "255.0.0.0", "gw", "gateway")],
)
async def test_addresses_are_checked(ip: str, netmask: str, gateway: str, parameter: str) -> None:
    async with pool() as ground:
        answer = await refused(ground, "PIF.reconfigure_ip", ground.pif("xs-1", "eth3"), "Static", ip, netmask, gateway, "")
        assert answer == ["INVALID_IP_ADDRESS_SPECIFIED", parameter]


async def test_a_netmask_with_holes_is_refused_half_way_from_v25_on() -> None:
    async with pool(xapi="25.33.0") as ground:
        eth3 = ground.pif("xs-1", "eth3")
        answer = await refused(ground, "PIF.reconfigure_ip", eth3, "Static", "10.0.0.1", "255.0.255.0", "", "")
        assert answer == ["PIF_CONFIGURATION_ERROR", eth3, ""]
        assert ground.pif_record("xs-1", "eth3")["IP"] == "10.0.0.1"
        assert ground.pif_record("xs-1", "eth3")["currently_attached"] is False
    async with pool(xapi="24.19.2") as ground:
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-1", "eth3"), "Static", "10.0.0.1", "255.0.255.0", "", "")
        assert ground.addresses("xs-1")["xenbr3"] == ("10.0.0.1/16",)


async def test_the_management_interface_keeps_an_address_and_its_plug() -> None:
    async with pool() as ground:
        eth0 = ground.pif("xs-2", "eth0")
        wanted = ["PIF_IS_MANAGEMENT_INTERFACE", eth0]
        assert await refused(ground, "PIF.reconfigure_ip", eth0, "None", "", "", "", "") == wanted
        assert await refused(ground, "PIF.unplug", eth0) == wanted
        assert await refused(ground, "PIF.forget", eth0) == wanted


async def test_with_ha_on_an_attached_pif_is_left_alone() -> None:
    async with pool(THREE_HOSTS + "ha: true\n") as ground:
        eth2 = ground.pif("xs-1", "eth2")
        assert await refused(ground, "PIF.reconfigure_ip", eth2, "None", "", "", "", "") == ["HA_IS_ENABLED"]
        assert await refused(ground, "PIF.unplug", eth2) == ["HA_IS_ENABLED"]


async def test_ipv6_beside_ipv4() -> None:
    async with pool() as ground:
        eth2 = ground.pif("xs-1", "eth2")
        await ground.call("PIF.reconfigure_ipv6", eth2, "Static", "fd00::35/64", "fd00::1", "")
        assert ground.addresses("xs-1")["xenbr2"] == ("172.16.0.35/28", "fd00::35/64")
        assert await refused(ground, "PIF.reconfigure_ipv6", eth2, "Static", "fd00::35", "", "") == [
            "INVALID_CIDR_ADDRESS_SPECIFIED",
            "IPv6",
        ]


async def test_a_slave_cannot_be_plugged_and_neither_slave_nor_bond_forgotten() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        eth2, bond0 = ground.pif("xs-1", "eth2"), ground.pif("xs-1", "bond0")
        assert await refused(ground, "PIF.plug", eth2) == ["CANNOT_PLUG_BOND_SLAVE", eth2]
        assert await refused(ground, "PIF.forget", eth2) == ["PIF_ALREADY_BONDED", eth2]
        assert await refused(ground, "PIF.forget", bond0) == ["PIF_ALREADY_BONDED", bond0]


async def test_unplug_respects_disallow_unplug_and_running_vms() -> None:
    text = THREE_HOSTS + "vms: [{name: web, host: xs-1, state: running, networks: [eth3]}]\n"
    async with pool(text) as ground:
        eth3, eth5 = ground.pif("xs-1", "eth3"), ground.pif("xs-1", "eth5")
        await ground.call("PIF.set_disallow_unplug", eth5, True)
        assert await refused(ground, "PIF.unplug", eth5) == ["PIF_DOES_NOT_ALLOW_UNPLUG", eth5]
        assert (await refused(ground, "PIF.unplug", eth3))[0] == "VIF_IN_USE"
        await ground.call("PIF.unplug", ground.pif("xs-2", "eth3"))
        assert "xenbr3" not in ground.bridges("xs-2")


async def test_an_mtu_of_a_network_in_use_counts_from_the_next_plug_on() -> None:
    async with pool() as ground:
        eth3 = ground.pif("xs-1", "eth3")
        await ground.call("network.set_MTU", ground.network_of("xs-1", "eth3"), 9000)
        assert ground.twin.host("xs-1").dom0.nics["eth3"].mtu == 1500
        await ground.call("PIF.unplug", eth3)
        await ground.call("PIF.plug", eth3)
        assert ground.twin.host("xs-1").dom0.nics["eth3"].mtu == 9000
        assert ground.pif_record("xs-1", "eth3")["MTU"] == 9000


@pytest.mark.parametrize(("version", "name"), [("24.19.2", "Pool-wide network associated with eth6"), ("26.17.0", "Pool-wide network 6")])
async def test_scan_finds_a_new_card_and_names_its_network_by_version(version: str, name: str) -> None:
    text = THREE_HOSTS.replace("      eth5: {mac: 00:16:3E:00:01:05}\n", "      eth5: {mac: 00:16:3E:00:01:05}\n      eth6: {}\n", 1)
    async with pool(text, xapi=version) as ground:
        network = ground.network_of("xs-1", "eth6")
        await ground.call("PIF.forget", ground.pif("xs-1", "eth6"))
        await ground.call("network.destroy", network)

        await ground.call("PIF.scan", ground.twin.host("xs-1").ref)

        record = ground.pif_record("xs-1", "eth6")
        made = ground.database.get("network", record["network"])
        assert (made["name_label"], made["bridge"]) == (name, "xenbr6")
        assert (record["physical"], record["currently_attached"], record["IPv6"]) == (True, False, [])


async def test_introduce_wants_a_card_that_is_there() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-1").ref
        await ground.call("PIF.forget", ground.pif("xs-1", "eth5"))
        assert await refused(ground, "PIF.introduce", host, "zz", "eth5") == ["MAC_INVALID", "zz"]
        assert await refused(ground, "PIF.introduce", host, "", "eth4") == ["DUPLICATE_PIF_DEVICE_NAME", "eth4"]
        assert await refused(ground, "PIF.introduce", host, "00:16:3e:00:01:06", "eth5") == [
            "COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS",
            "eth5",
            "00:16:3e:00:01:06",
        ]
        await ground.call("PIF.introduce", host, "", "eth5")
        assert ground.database.get("network", ground.network_of("xs-1", "eth5"))["bridge"] == "xenbr5"


async def test_bridge_names_of_new_networks_are_counted_and_never_used_again() -> None:
    async with pool() as ground:
        first = await ground.network("A")
        await ground.call("network.destroy", first)
        second = await ground.network("B")
        assert ground.database.get("network", second)["bridge"] == "xapi1"
        await ground.restart("xs-1")
        third = await ground.network("C")
        assert ground.database.get("network", third)["bridge"] == "xapi0", "a new xapi counts again, and skips what is taken"
        assert ground.database.get("network", await ground.network("D"))["bridge"] == "xapi2"


async def test_bridge_names_of_the_users_own() -> None:
    async with pool() as ground:
        await ground.network("A", bridge="mine")
        wanted = {"name_label": "B", "other_config": {}}
        assert await refused(ground, "network.create", {**wanted, "bridge": "mine"}) == ["BRIDGE_NAME_EXISTS", "mine"]
        for name in ("xenbr9", "xapi9", "eth9", "sixteencharacter"):
            assert await refused(ground, "network.create", {**wanted, "bridge": name}) == ["INVALID_VALUE", "bridge", name]


async def test_network_destroy_is_refused_for_plugged_vifs_and_takes_the_others_along() -> None:
    text = THREE_HOSTS + (
        "networks: [{name: private}]\n"
        "vms:\n"
        "  - {name: web, host: xs-1, state: running, networks: [private]}\n"
        "  - {name: off, state: halted, networks: [private]}\n"
    )
    async with pool(text) as ground:
        (network,) = ground.database.where("network", name_label="private")
        (web,) = ground.database.where("VM", name_label="web")
        vifs = list(ground.database.get("VM", web)["VIFs"])
        assert await refused(ground, "network.destroy", network) == ["NETWORK_CONTAINS_VIF", *vifs]
        await ground.call("VM.hard_shutdown", web)
        await ground.call("network.destroy", network)
        assert ground.database.all("VIF") == {}


async def test_vlans_are_checked() -> None:
    async with pool() as ground:
        eth3, network = ground.pif("xs-1", "eth3"), await ground.network("V")
        assert await refused(ground, "VLAN.create", eth3, 4095, network) == ["VLAN_TAG_INVALID", "4095"]
        await ground.call("VLAN.create", eth3, 50, network)
        assert await refused(ground, "VLAN.create", eth3, 50, await ground.network("W")) == ["PIF_VLAN_EXISTS", "eth3"]
        untagged = ground.pif("xs-1", "eth3", 50)
        assert await refused(ground, "VLAN.create", untagged, 51, await ground.network("X")) == ["PIF_IS_VLAN", untagged]
        assert (await refused(ground, "VLAN.create", eth3, 51, network))[0] == "NETWORK_ALREADY_CONNECTED"


async def test_a_vlan_goes_with_its_pif_and_its_bridge() -> None:
    async with pool() as ground:
        vlan = await ground.vlan("xs-1", "eth3", 50, await ground.network("V"))
        assert "xapi0" in ground.bridges("xs-1")
        await ground.call("VLAN.destroy", vlan)
        assert "xapi0" not in ground.bridges("xs-1")
        assert ground.database.where("PIF", VLAN=50) == []


async def test_the_bridge_below_a_vlan_outlives_its_own_unplug() -> None:
    async with pool() as ground:
        await ground.vlan("xs-1", "eth3", 50, await ground.network("V"))
        await ground.call("PIF.unplug", ground.pif("xs-1", "eth3"))
        assert {"xapi0", "xenbr3"} <= set(ground.bridges("xs-1"))
        await ground.call("PIF.unplug", ground.pif("xs-1", "eth3", 50))
        assert not {"xapi0", "xenbr3"} & set(ground.bridges("xs-1"))


async def test_a_tunnel_on_a_pif_without_address_stays_behind_its_error() -> None:
    async with pool() as ground:
        eth3 = ground.pif("xs-1", "eth3")
        assert await refused(ground, "tunnel.create", eth3, await ground.network("T"), "gre") == ["TRANSPORT_PIF_NOT_CONFIGURED", eth3]
        (left,) = ground.database.all("tunnel")
        assert ground.pif_record("xs-1", "tunnel0")["currently_attached"] is False
        await ground.call("tunnel.destroy", left)
        assert ground.database.where("PIF", device="tunnel0") == []


async def test_tunnels_need_open_vswitch() -> None:
    async with pool(THREE_HOSTS + "backend: bridge\n") as ground:
        answer = await refused(ground, "tunnel.create", ground.pif("xs-1", "eth2"), await ground.network("T"), "gre")
        assert answer == ["OPENVSWITCH_NOT_ACTIVE"]


async def test_management_can_be_put_on_another_pif() -> None:
    async with pool() as ground:
        eth2, eth3 = ground.pif("xs-2", "eth2"), ground.pif("xs-2", "eth3")
        assert await refused(ground, "host.management_reconfigure", eth3) == ["PIF_HAS_NO_NETWORK_CONFIGURATION", eth3]
        await ground.call("host.management_reconfigure", eth2)
        host = ground.twin.host("xs-2")
        assert (ground.pif_record("xs-2", "eth2")["management"], ground.pif_record("xs-2", "eth0")["management"]) == (True, False)
        assert (host.management_bridge, host.record["address"]) == ("xenbr2", "172.16.0.36")
        # xapi leaves the old address where it was, in its records and in dom0 (xcp-ng/xcp issue 603).
        assert ground.pif_record("xs-2", "eth0")["IP"] and host.dom0.bridges["xenbr0"].addresses


async def test_management_of_the_whole_pool() -> None:
    async with pool() as ground:
        await ground.call("pool.management_reconfigure", ground.network_of("xs-1", "eth2"))
        assert [host.record["address"] for host in ground.twin.hosts.values()] == ["172.16.0.35", "172.16.0.36", "172.16.0.37"]
        missing = await refused(ground, "pool.management_reconfigure", await ground.network())
        assert missing[0] == "PIF_NOT_PRESENT"


async def test_storage_is_plugged_only_where_the_target_is_in_reach() -> None:
    text = THREE_HOSTS.replace(", gateway: 172.16.0.1", "") + (
        "storage: [{name: nas, type: nfs, config: {server: 172.16.0.33, serverpath: /vms}}]\n"
    )
    async with pool(text) as ground:
        (pbd,) = ground.database.where("PBD", host=ground.twin.host("xs-2").ref)
        await ground.call("PBD.unplug", pbd)
        await ground.call("PIF.unplug", ground.pif("xs-2", "eth2"))
        assert (await refused(ground, "PBD.plug", pbd))[0] == "SR_BACKEND_FAILURE_73"

        await ground.restart("xs-2")
        assert ground.database.get("PBD", pbd)["currently_attached"] is True, "a start plugs the PIF and then the storage"


async def test_pool_create_vlan_makes_it_on_each_host_or_on_none() -> None:
    async with pool() as ground:
        network = await ground.network("V61")
        pifs = await ground.call("pool.create_VLAN", "eth5", network, 61)
        assert {ground.database.get("PIF", pif)["host"] for pif in pifs} == set(ground.twin.hosts)
        assert all(ground.database.get("PIF", pif)["currently_attached"] for pif in pifs)
        other = await ground.network("V62")
        await ground.vlan("xs-3", "eth4", 62, await ground.network("elsewhere"))
        for call in (("pool.create_VLAN", "eth4", other, 62), ("pool.create_VLAN_from_PIF", ground.pif("xs-1", "eth4"), other, 62)):
            with pytest.raises(XapiError) as caught:
                await ground.call(*call)
            assert caught.value.description == ["PIF_VLAN_EXISTS", "eth4"]
            assert ground.database.get("network", other)["PIFs"] == []
        with pytest.raises(XapiError) as caught:
            await ground.call("pool.create_VLAN", "eth99", other, 63)
        assert caught.value.description == ["INVALID_VALUE", "device", "eth99"]


async def test_a_host_that_is_not_live_gets_no_vlan_of_pool_create_vlan_from_pif() -> None:
    async with pool() as ground:
        dead = ground.twin.host("xs-3")
        ground.database.set("host_metrics", dead.record["metrics"], live=False)
        pifs = await ground.call("pool.create_VLAN_from_PIF", ground.pif("xs-1", "eth4"), await ground.network(), 62)
        assert dead.ref not in {ground.database.get("PIF", pif)["host"] for pif in pifs} and len(pifs) == 2
