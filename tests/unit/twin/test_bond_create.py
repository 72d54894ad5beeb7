# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bond.create: what it refuses, in xapi's order, and what it does."""

from __future__ import annotations

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL


async def refused(ground: Pool, *arguments: object) -> list[str]:
    with pytest.raises(XapiError) as caught:
        await ground.call("Bond.create", *arguments)
    assert ground.database.all("Bond") == {}, "a refused bond leaves nothing behind"
    return caught.value.description


async def test_the_bond_takes_address_and_mac_of_the_member_that_has_an_address() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth4", "eth2"], await ground.network())

        made, eth2 = ground.pif_record("xs-1", "bond0"), ground.pif_record("xs-1", "eth2")
        assert (made["IP"], made["netmask"], made["ip_configuration_mode"]) == ("172.16.0.35", "255.255.255.240", "Static")
        assert made["MAC"] == eth2["MAC"]
        assert (eth2["IP"], eth2["ip_configuration_mode"]) == ("", "None")
        assert ground.database.get("Bond", bond)["primary_slave"] == ground.pif("xs-1", "eth2")
        assert ground.addresses("xs-1") == {"xenbr0": ("172.16.0.10/27",), "xapi0": ("172.16.0.35/28",)}


async def test_members_go_down_and_their_bridges_with_them() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        assert [ground.pif_record("xs-1", nic)["currently_attached"] for nic in ("eth2", "eth4", "eth3")] == [False, False, True]
        assert ground.bridges("xs-1") == ["xapi0", "xenbr0", "xenbr1", "xenbr3", "xenbr5"]
        bond = ground.twin.host("xs-1").dom0.bonds["bond0"]
        assert [member.device for member in bond.members] == ["eth2", "eth4"]


async def test_without_any_address_the_first_listed_member_is_primary() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth5", "eth3"], await ground.network())

        assert ground.database.get("Bond", bond)["primary_slave"] == ground.pif("xs-1", "eth5")
        assert ground.pif_record("xs-1", "bond0")["MAC"] == ground.pif_record("xs-1", "eth5")["MAC"]


async def test_xapi_lists_the_slaves_newest_first() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        assert ground.database.get("Bond", bond)["slaves"] == [ground.pif("xs-1", "eth4"), ground.pif("xs-1", "eth2")]


async def test_a_mac_of_the_users_own_is_kept_as_he_wrote_it() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), mac="52:54:00:AA:BB:CC")

        assert ground.pif_record("xs-1", "bond0")["MAC"] == "52:54:00:AA:BB:CC"
        assert ground.database.get("Bond", bond)["auto_update_mac"] is False
        assert ground.twin.host("xs-1").dom0.bridges["xapi0"].mac == "52:54:00:aa:bb:cc"


async def test_device_names_are_the_smallest_free_of_each_host() -> None:
    async with pool() as ground:
        first = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("A"))
        await ground.bond("xs-1", ["eth3", "eth5"], await ground.network("B"))
        await ground.call("Bond.destroy", first)
        await ground.bond("xs-1", ["eth1", "eth4"], await ground.network("C"))

        assert ground.bonds("xs-1") == {"bond0": ["eth1", "eth4"], "bond1": ["eth3", "eth5"]}


async def test_other_config_and_ipv6_stay_behind_and_disallow_unplug_goes_along() -> None:
    text = THREE_HOSTS.replace(
        "eth2: {mac: 00:16:3E:00:01:02, ip: 172.16.0.35/28}",
        "eth2: {mac: 00:16:3E:00:01:02, ip: 172.16.0.35/28, purpose: Storage, disallow_unplug: true, ipv6: ['fd00::35/64']}",
    )
    async with pool(text) as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        made, eth2 = ground.pif_record("xs-1", "bond0"), ground.pif_record("xs-1", "eth2")
        assert (made["other_config"], made["IPv6"], made["disallow_unplug"]) == ({}, [""], True)
        assert eth2["other_config"] == {"management_purpose": "Storage"}
        assert (eth2["IPv6"], eth2["disallow_unplug"]) == (["fd00::35/64"], False)


async def test_the_mtu_is_that_of_the_bonds_network() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(MTU=9000))

        dom0 = ground.twin.host("xs-1").dom0
        assert ground.pif_record("xs-1", "bond0")["MTU"] == 9000
        assert (dom0.bridges["xapi0"].mtu, dom0.nics["eth4"].mtu, dom0.nics["eth3"].mtu) == (9000, 9000, 1500)


@pytest.mark.parametrize(("version", "mtu"), [("26.17.0", 1500), ("26.18.0", 9000)])
async def test_the_members_networks_take_the_bonds_mtu_since_late_2026(version: str, mtu: int) -> None:
    async with pool(xapi=version) as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(MTU=9000))

        assert ground.database.get("network", ground.network_of("xs-1", "eth4"))["MTU"] == mtu


async def test_lacp_gets_its_defaults() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), "lacp", {"lacp-time": "fast"})

        assert ground.database.get("Bond", bond)["properties"] == {
            "hashing_algorithm": "tcpudp_ports",
            "lacp-time": "fast",
            "lacp-fallback-ab": "true",
        }
        port = ground.twin.host("xs-1").dom0.bonds["bond0"]
        assert (port.mode, port.lacp, port.lacp_time) == ("balance-tcp", "active", "fast")


@pytest.mark.parametrize("nics", [["eth4"], ["eth4", "eth4"]])
async def test_one_member_is_accepted_and_no_bond_to_the_switch(nics: list[str]) -> None:
    async with pool() as ground:
        await ground.bond("xs-1", nics, await ground.network())

        assert ground.bonds("xs-1") == {"bond0": ["eth4"]}
        assert ground.twin.host("xs-1").dom0.bonds == {}
        assert ground.twin.host("xs-1").dom0.bridges["xapi0"].ports == ("eth4",)


async def test_a_missing_card_leaves_a_bond_half_made() -> None:
    async with pool() as ground:
        await ground.twin.host("xs-1").nic_gone("eth4")
        with pytest.raises(XapiError) as caught:
            await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        made = ground.pif_record("xs-1", "bond0")
        assert caught.value.description[:2] == ["PIF_CONFIGURATION_ERROR", ground.pif("xs-1", "bond0")]
        assert "could not open network device eth4 (No such device)" in caught.value.description[2]
        assert (made["currently_attached"], made["MTU"], made["IP"]) == (False, -1, "172.16.0.35")
        assert ground.addresses("xs-1") == {"xenbr0": ("172.16.0.10/27",)}, "the storage address is gone from dom0"


async def test_the_bridge_of_half_a_bond_keeps_its_card_until_it_is_deleted() -> None:
    """Destroying what is half made does not help; deleting the bridge in dom0 does (recorded: half_bond_bridge_left)."""
    async with pool() as ground:
        host, network = ground.twin.host("xs-1"), await ground.network()
        await host.nic_gone("eth4")
        for attempt in (1, 2):
            with pytest.raises(XapiError) as caught:
                await ground.bond("xs-1", ["eth2", "eth4"], network)
            assert bool(caught.value.description[2]) is (attempt == 1), "the second time the switch has the bond already"
            (bond,) = ground.database.all("Bond")
            await ground.call("Bond.destroy", bond)
        with pytest.raises(XapiError) as caught:
            await ground.call("PIF.plug", ground.pif("xs-1", "eth2"))
        assert "eth2 already exists on bridge xapi0" in caught.value.description[2]
        assert not ground.pif_record("xs-1", "eth2")["currently_attached"]
        await host.backend.bring_down("xapi0")
        await ground.call("PIF.plug", ground.pif("xs-1", "eth2"))
        assert ground.addresses("xs-1")["xenbr2"] == ("172.16.0.35/28",)


async def test_a_bond_in_a_bond_fails_half_way() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("A"))
        with pytest.raises(XapiError, match="PIF_CONFIGURATION_ERROR"):
            await ground.bond("xs-1", ["bond0", "eth3"], await ground.network("B"))

        assert ground.bonds("xs-1") == {"bond0": ["eth2", "eth4"], "bond1": ["bond0", "eth3"]}
        assert ground.pif_record("xs-1", "bond1")["currently_attached"] is False


# what is refused


async def test_no_members_come_before_everything_else() -> None:
    async with pool() as ground:
        assert await refused(ground, "OpaqueRef:dead", [], "zz", "lacp", {}) == ["PIF_BOND_NEEDS_MORE_MEMBERS"]


async def test_dead_references_are_named_by_their_class() -> None:
    async with pool() as ground:
        eth2, network = ground.pif("xs-1", "eth2"), await ground.network()
        assert await refused(ground, "OpaqueRef:dead", [eth2], "", "lacp", {}) == ["HANDLE_INVALID", "network", "OpaqueRef:dead"]
        assert await refused(ground, network, [eth2, NULL], "", "lacp", {}) == ["HANDLE_INVALID", "PIF", NULL]


async def test_a_network_that_already_has_a_pif_of_the_host() -> None:
    async with pool() as ground:
        network = ground.network_of("xs-1", "eth1")
        answer = await refused(ground, network, [ground.pif("xs-1", "eth2")], "zz", "lacp", {"foo": "bar"})
        assert answer == ["NETWORK_ALREADY_CONNECTED", ground.twin.host("xs-1").ref, ground.pif("xs-1", "eth1")]


async def test_an_unmanaged_network() -> None:
    async with pool() as ground:
        network = await ground.network(managed=False, bridge="mine")
        assert await refused(ground, network, [ground.pif("xs-1", "eth2")], "", "lacp", {}) == ["NETWORK_UNMANAGED", network]


async def test_the_mac_is_checked_before_the_properties() -> None:
    async with pool() as ground:
        eth2, network = ground.pif("xs-1", "eth2"), await ground.network()
        assert await refused(ground, network, [eth2], "52-54-00-aa-bb-cc", "lacp", {"foo": "bar"}) == [
            "MAC_INVALID",
            "52-54-00-aa-bb-cc",
        ]
        assert await refused(ground, network, [eth2], "", "lacp", {"foo": "bar"}) == [
            "INVALID_VALUE",
            "properties",
            "foo = bar",
        ]


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("active-backup", "hashing_algorithm", "src_mac"),
        ("balance-slb", "hashing_algorithm", "tcpudp_ports"),
        ("lacp", "lacp-time", "Slow"),
        ("lacp", "lacp-aggregation-key", "abc"),
        ("lacp", "lacp-fallback-ab", "maybe"),
    ],
)
async def test_a_property_that_the_mode_does_not_know(mode: str, name: str, value: str) -> None:
    async with pool() as ground:
        answer = await refused(ground, await ground.network(), [ground.pif("xs-1", "eth2")], "", mode, {name: value})
        assert answer == ["INVALID_VALUE", "properties", f"{name} = {value}"]


async def test_members_of_two_hosts() -> None:
    async with pool() as ground:
        members = [ground.pif("xs-1", "eth2"), ground.pif("xs-2", "eth4")]
        assert await refused(ground, await ground.network(), members, "", "lacp", {}) == ["PIF_CANNOT_BOND_CROSS_HOST"]


async def test_two_members_with_an_address_are_refused_since_xenserver_7() -> None:
    async with pool() as ground:
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-1", "eth4"), "Static", "10.0.0.1", "255.0.0.0", "", "")
        members = [ground.pif("xs-1", "eth2"), ground.pif("xs-1", "eth4")]
        assert await refused(ground, await ground.network(), members, "", "lacp", {}) == ["PIF_BOND_MORE_THAN_ONE_IP"]


async def test_two_members_with_an_address_lose_the_second_one_on_xenserver_6() -> None:
    async with pool(xapi="6.2.0") as ground:
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-1", "eth4"), "Static", "10.0.0.1", "255.0.0.0", "", "")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())

        assert ground.pif_record("xs-1", "bond0")["IP"] == "172.16.0.35"
        assert ground.pif_record("xs-1", "eth4")["ip_configuration_mode"] == "None"
        assert "10.0.0.1/8" not in str(ground.addresses("xs-1"))


async def test_the_management_interface_is_primary_even_behind_another_address() -> None:
    async with pool(xapi="6.2.0") as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth0"], await ground.network())
        assert ground.database.get("Bond", bond)["primary_slave"] == ground.pif("xs-1", "eth0")
        assert ground.pif_record("xs-1", "bond0")["IP"] == "172.16.0.10"


async def test_a_member_that_is_bonded_already() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("A"))
        with pytest.raises(XapiError) as caught:
            await ground.bond("xs-1", ["eth3", "eth2"], await ground.network("B"))
        assert caught.value.description == ["PIF_ALREADY_BONDED", ground.pif("xs-1", "eth2")]


async def test_a_vlan_or_a_tunnel_as_member() -> None:
    async with pool() as ground:
        await ground.vlan("xs-1", "eth5", 50, await ground.network("V50"))
        await ground.call("tunnel.create", ground.pif("xs-1", "eth2"), await ground.network("T"), "gre")
        network, tunnel = await ground.network("A"), ground.pif("xs-1", "tunnel0")

        assert await refused(ground, network, [ground.pif("xs-1", "eth5", 50)], "", "lacp", {}) == ["PIF_VLAN_EXISTS", "eth5"]
        assert await refused(ground, network, [tunnel], "", "lacp", {}) == ["IS_TUNNEL_ACCESS_PIF", tunnel]


async def test_an_unmanaged_member_and_one_of_other_properties() -> None:
    text = THREE_HOSTS.replace("eth4: {mac: 00:16:3E:00:01:04}", "eth4: {mac: 00:16:3E:00:01:04, managed: false}").replace(
        "eth5: {mac: 00:16:3E:00:01:05}", "eth5: {mac: 00:16:3E:00:01:05, properties: {gro: 'off'}}"
    )
    async with pool(text) as ground:
        eth2, eth4, eth5 = (ground.pif("xs-1", nic) for nic in ("eth2", "eth4", "eth5"))
        network = await ground.network()
        assert await refused(ground, network, [eth2, eth4], "", "lacp", {}) == ["PIF_UNMANAGED", eth4]
        assert await refused(ground, network, [eth2, eth5], "", "lacp", {}) == ["INCOMPATIBLE_PIF_PROPERTIES"]


async def test_the_management_interface_while_ha_is_on() -> None:
    async with pool(THREE_HOSTS + "ha: true\n") as ground:
        members = [ground.pif("xs-1", "eth0"), ground.pif("xs-1", "eth4")]
        answer = await refused(ground, await ground.network(), members, "", "lacp", {})
        assert answer == ["HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE"]
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("storage is not checked"))
