# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend in memory alone: bridges, bonds and their links."""

from __future__ import annotations

import asyncio

import pytest

from xapi_twin.dom0.memory import MemoryBackend
from xapi_twin.dom0.model import BondConfig, BondPort, BridgeConfig, BringUpError, Dom0, Nic


def backend(updelay: float = 0.0) -> MemoryBackend:
    nics = {f"eth{number}": Nic(f"eth{number}", f"00:16:3e:00:00:0{number}") for number in range(4)}
    return MemoryBackend(Dom0("xs-1", nics=nics), updelay)


def bond(*members: str, mode: str = "active-backup", **properties: str) -> BridgeConfig:
    return BridgeConfig("xapi0", "00:16:3E:00:00:02", 1500, ("10.0.0.1/24",), bond=BondConfig("bond0", members, mode, properties))


def port(of: MemoryBackend) -> BondPort:
    return of.dom0.bonds["bond0"]


async def test_a_bridge_has_its_own_interface_with_mac_mtu_and_address() -> None:
    made = backend()
    await made.bring_up(BridgeConfig("xenbr2", "00:16:3E:00:00:02", 9000, ("10.0.0.1/24",), nic="eth2"))
    shown = made.dom0.interfaces()
    assert (shown["xenbr2"].mac, shown["xenbr2"].mtu, shown["xenbr2"].addresses) == ("00:16:3e:00:00:02", 9000, ("10.0.0.1/24",))
    assert shown["eth2"].mtu == 9000
    assert made.dom0.bridges["xenbr2"].ports == ("eth2",)


async def test_bringing_up_again_is_a_change_to_the_new_description() -> None:
    made = backend()
    await made.bring_up(BridgeConfig("xenbr2", "00:16:3e:00:00:02", nic="eth2", addresses=("10.0.0.1/24",)))
    await made.bring_up(BridgeConfig("xenbr2", "00:16:3e:00:00:02", nic="eth2"))
    assert made.dom0.bridges["xenbr2"].addresses == ()


async def test_the_first_link_of_a_bond_is_up_at_once_and_the_others_after_their_updelay() -> None:
    made = backend(updelay=0.001)  # 31 ms
    await made.bring_up(bond("eth2", "eth3"))
    assert [member.enabled for member in port(made).members] == [False, True]
    assert port(made).active == "eth3"
    await asyncio.sleep(0.05)
    assert [member.enabled for member in port(made).members] == [True, True]
    assert port(made).links_up() == 2


async def test_listeners_hear_of_links() -> None:
    made = backend(updelay=0.0)
    heard: list[str] = []

    async def listen(device: str) -> None:
        heard.append(device)

    made.when_links_change.append(listen)
    await made.bring_up(bond("eth2", "eth3"))
    await asyncio.sleep(0.01)
    await made.set_carrier("eth3", False)
    assert heard == ["eth2", "eth3"]
    assert port(made).active == "eth2"


async def test_a_bond_of_one_is_a_plain_port() -> None:
    made = backend()
    await made.bring_up(bond("eth2"))
    assert made.dom0.bonds == {}
    assert made.dom0.bridges["xapi0"].ports == ("eth2",)


@pytest.mark.parametrize(
    ("mode", "properties", "words"),
    [
        ("active-backup", {}, ("active-backup", "off")),
        ("balance-slb", {}, ("balance-slb", "off")),
        ("lacp", {"hashing_algorithm": "tcpudp_ports"}, ("balance-tcp", "active")),
        ("lacp", {"hashing_algorithm": "src_mac"}, ("balance-slb", "active")),
    ],
)
async def test_modes_in_the_switchs_words(mode: str, properties: dict[str, str], words: tuple[str, str]) -> None:
    made = backend()
    await made.bring_up(bond("eth2", "eth3", mode=mode, **properties))
    assert (port(made).mode, port(made).lacp) == words


async def test_a_balancing_bond_keeps_its_number_and_gets_a_new_one_after_active_backup() -> None:
    made = backend()
    numbers = []
    for mode in ("lacp", "balance-slb", "active-backup", "lacp"):
        await made.bring_up(bond("eth2", "eth3", mode=mode))
        numbers.append(port(made).recirculation)
    assert numbers == [1, 1, 0, 2]


async def test_the_fallback_of_lacp_stays_set_in_other_modes() -> None:
    made = backend()
    await made.bring_up(bond("eth2", "eth3", mode="lacp", **{"lacp-fallback-ab": "true"}))
    await made.bring_up(bond("eth2", "eth3", mode="balance-slb"))
    assert port(made).fallback_ab is True


async def test_a_missing_card_leaves_a_bridge_without_address_and_bond() -> None:
    made = backend()
    await made.nic_gone("eth3")
    with pytest.raises(BringUpError, match="eth3 does not exist on xs-1"):
        await made.bring_up(bond("eth2", "eth3"))
    assert made.dom0.bridges["xapi0"].addresses == ()
    assert made.dom0.bonds == {}


async def test_a_vanishing_card_takes_its_own_bridge_along() -> None:
    made = backend()
    await made.bring_up(BridgeConfig("xenbr2", "00:16:3e:00:00:02", nic="eth2"))
    await made.nic_gone("eth2")
    assert "xenbr2" not in made.dom0.bridges
    assert "eth2" not in made.dom0.interfaces()
    await made.nic_back("eth2")
    assert made.dom0.interfaces()["eth2"].mac == "00:16:3e:00:00:02"


async def test_vlan_bridges_go_with_their_parent_only_by_force() -> None:
    made = backend()
    await made.bring_up(BridgeConfig("xenbr2", "00:16:3e:00:00:02", nic="eth2"))
    await made.bring_up(BridgeConfig("xapi5", "00:16:3e:00:00:02", parent="xenbr2", tag=50))
    await made.bring_down("xenbr2", force=False)
    assert set(made.dom0.bridges) == {"xenbr2", "xapi5"}
    await made.bring_down("xenbr2")
    assert made.dom0.bridges == {}


async def test_power_loss_leaves_nothing_but_the_cards() -> None:
    made = backend()
    await made.bring_up(bond("eth2", "eth3"))
    await made.stop()
    assert (made.dom0.bridges, made.dom0.bonds, made.dom0.powered) == ({}, {}, False)
    assert set(made.dom0.interfaces()) == {"eth0", "eth1", "eth2", "eth3"}


async def test_the_linux_backend_has_a_device_for_the_bond() -> None:
    made = backend()
    made.dom0.network_backend = "bridge"
    await made.bring_up(bond("eth2", "eth3"))
    assert "bond0" in made.dom0.interfaces()
    made.dom0.network_backend = "openvswitch"
    assert "bond0" not in made.dom0.interfaces()
