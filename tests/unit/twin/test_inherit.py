# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member takes over from the master when its xapi starts, by version."""

from __future__ import annotations

import pytest

from tests.unit.twin.ground import THREE_HOSTS, pool
from xapi_twin.datamodel.errors import XapiError


async def test_a_member_makes_the_masters_bond_with_its_own_address() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), "lacp", {"lacp-time": "fast"})
        assert ground.bonds("xs-2") == {}

        await ground.restart("xs-2")

        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        made = ground.pif_record("xs-2", "bond0")
        assert (made["IP"], made["MAC"], made["currently_attached"]) == ("172.16.0.36", ground.pif_record("xs-2", "eth2")["MAC"], True)
        bond = ground.database.get("Bond", made["bond_master_of"][0])
        assert (bond["mode"], bond["properties"]["lacp-time"]) == ("lacp", "fast")
        assert ground.bonds("xs-3") == {}


async def test_the_address_decides_on_the_mac_even_if_the_master_took_it_from_another_card() -> None:
    text = THREE_HOSTS.replace("eth2: {mac: 00:16:3E:00:02:02, ip: 172.16.0.36/28}", "eth2: {mac: 00:16:3E:00:02:02}").replace(
        "eth4: {mac: 00:16:3E:00:02:04}", "eth4: {mac: 00:16:3E:00:02:04, ip: 172.16.0.36/28}"
    )
    async with pool(text) as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "bond0")["MAC"].lower() == "00:16:3e:00:02:04"


async def test_without_addresses_the_card_of_the_masters_mac_goes_first() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth5", "eth3"], await ground.network())
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "bond0")["MAC"] == ground.pif_record("xs-2", "eth5")["MAC"]


async def test_a_mac_given_by_the_user_is_not_copied() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network(), mac="52:54:00:aa:bb:cc")
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "bond0")["MAC"] == ground.pif_record("xs-2", "eth2")["MAC"]


async def test_a_second_restart_changes_nothing_not_even_a_mode_that_drifted() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        before = dict(ground.database.all("Bond"))
        await ground.call("Bond.set_mode", bond, "balance-slb")
        await ground.restart("xs-2")
        assert ground.database.all("Bond").keys() == before.keys()
        (mine,) = ground.pif_record("xs-2", "bond0")["bond_master_of"]
        assert ground.database.get("Bond", mine)["mode"] == "active-backup"


async def test_a_bond_of_other_cards_on_that_network_is_made_anew() -> None:
    async with pool() as ground:
        network = await ground.network()
        await ground.bond("xs-2", ["eth3", "eth5"], network, "balance-slb")
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        assert "Partial bond exists; recreating" in ground.log("xs-2")


async def test_another_pif_on_that_network_is_a_line_in_the_log() -> None:
    async with pool() as ground:
        network = await ground.network()
        await ground.vlan("xs-2", "eth1", 7, network)
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {}
        assert "Couldn't create bond on slave because PIF" in ground.log("xs-2")


async def test_two_addresses_are_a_line_in_the_log_and_no_bond() -> None:
    async with pool() as ground:
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-2", "eth4"), "Static", "10.0.0.2", "255.0.0.0", "", "")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {}
        assert "Ignoring exception: PIF_BOND_MORE_THAN_ONE_IP: [  ] while resynchronising bonds on slave" in ground.log("xs-2")
        assert ground.twin.host("xs-2").record["enabled"] is True


async def test_a_missing_card_makes_a_smaller_bond_and_none_at_all_a_line_in_the_log() -> None:
    text = THREE_HOSTS.replace("  - name: xs-3", "  - name: xs-3 # only management\n")
    text = "\n".join(line for line in text.splitlines() if "00:03:04" not in line)
    async with pool(text) as ground:
        await ground.call("PIF.forget", ground.pif("xs-2", "eth5"))
        await ground.call("PIF.forget", ground.pif("xs-2", "eth3"))
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("A"))
        await ground.bond("xs-1", ["eth3", "eth5"], await ground.network("B"))
        await ground.restart("xs-2", "xs-3")
        # Which of several is made first, and so bond0, is a matter of references.
        assert sorted(ground.bonds("xs-3").values()) == [["eth2"], ["eth3", "eth5"]]
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        assert "at all: no PIFs exist on slave" in ground.log("xs-2")


async def test_a_card_that_is_gone_while_its_pif_is_left_makes_a_half_made_bond_which_the_next_restart_mends() -> None:
    async with pool() as ground:
        host = ground.twin.host("xs-2")
        await host.nic_gone("eth4")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is False
        assert "172.16.0.36/28" not in str(ground.addresses("xs-2"))

        await host.nic_back("eth4")
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "bond0")["currently_attached"] is True
        assert ground.addresses("xs-2")["xapi0"] == ("172.16.0.36/28",)


# eth4 of xs-2 is at position 3, and what it calls eth3 at position 4: names and networks disagree.
CROSSED = THREE_HOSTS.replace("eth3: {mac: 00:16:3E:00:02:03}", "eth3: {mac: 00:16:3E:00:02:03, position: 4}").replace(
    "eth4: {mac: 00:16:3E:00:02:04}", "eth4: {mac: 00:16:3E:00:02:04, position: 3}"
)


@pytest.mark.parametrize(("version", "bonded"), [("25.34.0", ["eth2", "eth4"]), ("25.35.0", ["eth2", "eth3"])])
async def test_cards_are_matched_by_name_and_since_25_35_by_the_position_of_their_network(version: str, bonded: list[str]) -> None:
    async with pool(CROSSED, xapi=version) as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": bonded}


async def test_a_network_without_a_number_in_its_bridge_has_no_position() -> None:
    text = THREE_HOSTS
    for mac in ("00:16:3E:00:01:04", "00:16:3E:00:02:04"):
        text = text.replace(f"eth4: {{mac: {mac}}}", f"eth4: {{mac: {mac}, network: odd}}")
    async with pool(text + "networks: [{name: odd, bridge: odd0}]\n", xapi="26.17.0") as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth2"]}


async def test_a_bond_that_the_master_has_no_more_stays_on_the_member() -> None:
    async with pool() as ground:
        bond = await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-2")
        await ground.call("Bond.destroy", bond)
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}


async def test_vlans_and_tunnels_are_inherited_unplugged() -> None:
    async with pool() as ground:
        await ground.vlan("xs-1", "eth3", 50, await ground.network("V50"))
        await ground.call("tunnel.create", ground.pif("xs-1", "eth2"), await ground.network("T"), "gre")
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "eth3", 50)["currently_attached"] is False
        assert ground.pif_record("xs-2", "tunnel0")["currently_attached"] is False
        await ground.restart("xs-2")
        assert len(ground.database.all("VLAN")) == 2


async def test_a_vlan_on_the_masters_bond_lands_on_the_members_bond() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        await ground.vlan("xs-1", "bond0", 50, await ground.network("V50"))
        await ground.restart("xs-2")
        assert ground.pif_record("xs-2", "bond0", 50)["currently_attached"] is False


async def test_the_master_inherits_nothing() -> None:
    async with pool() as ground:
        await ground.bond("xs-2", ["eth2", "eth4"], await ground.network())
        await ground.restart("xs-1")
        assert ground.bonds("xs-1") == {}


async def test_what_fails_in_one_bond_does_not_stop_the_next() -> None:
    async with pool() as ground:
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-2", "eth4"), "Static", "10.0.0.2", "255.0.0.0", "", "")
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("A"))
        await ground.bond("xs-1", ["eth3", "eth5"], await ground.network("B"))
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth3", "eth5"]}


async def test_a_vlan_cannot_be_put_on_a_slave_by_hand() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network())
        with pytest.raises(XapiError) as caught:
            await ground.vlan("xs-1", "eth2", 50, await ground.network("V50"))
        assert caught.value.description == ["CANNOT_ADD_VLAN_TO_BOND_SLAVE", ground.pif("xs-1", "eth2")]


async def test_under_a_bond_with_a_mac_of_its_own_the_order_is_that_of_the_members_own_rows() -> None:
    """Recorded: explicit_mac_inherit. Rows come by reference, backwards."""
    async with pool() as ground:
        network = await ground.network()
        await ground.call("PIF.reconfigure_ip", ground.pif("xs-2", "eth2"), "None", "", "", "", "")
        await ground.bond("xs-1", ["eth4", "eth2"], network, mac="02:00:00:00:00:01")
        await ground.restart("xs-2")
        first = max(ground.pif("xs-2", "eth2"), ground.pif("xs-2", "eth4"))
        made = ground.pif_record("xs-2", "bond0")
        assert made["MAC"] == ground.database.get("PIF", first)["MAC"]
        assert ground.database.get("Bond", made["bond_master_of"][0])["primary_slave"] == first
