# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof: every difference between a host and what it should be is found, in XAPI's records and in dom0, and none elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.given import of_this_pool, read_dom0
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan, survey
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


def before() -> APool:
    made = tutorial()
    made.nic("xs-2", "eth2").update(
        other_config={"management_purpose": "Storage"}, disallow_unplug=True, ipv6_configuration_mode="Static", IPv6=["fd00::36/64"]
    )
    made.nic("xs-2", "eth2")["gateway"] = "172.16.0.33"
    made.network("V50")
    made.vlan("xs-2", "eth2", 50, "V50")
    made.storage("xs-2", "nas-1", server="172.16.0.200")
    return made


ACCEPT = ["storage_in_use"]


def expected() -> dict[str, Prediction]:
    return {one.host_uuid: one for one in plan(before().pool, spec(accept=ACCEPT)).predictions}


def after() -> APool:
    """The same pool when it is done, as XAPI and the plan leave it."""
    made = before()
    made.network("NAS", bridge="xapi0")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    nic, own = made.nic("xs-2", "eth2"), made.nic("xs-2", "bond0")
    own.update(other_config={"management_purpose": "Storage"}, ipv6_configuration_mode="Static", IPv6=["fd00::36/64"])
    own["VLAN_slave_of"], nic["VLAN_slave_of"] = nic["VLAN_slave_of"], []
    next(iter(made.records["vlan"].values()))["tagged_PIF"] = made.ref("pif", own)
    return made


NICS: dict[str, Any] = {"eth2": {"addresses": []}, "eth4": {"addresses": []}}
DOM0: dict[str, Any] = {
    "uuid": "host-2-xs-2", "backend": "openvswitch", "bridges": ["xapi0", "xenbr0"],
    "bonds": {"bond0": {"mode": "active-backup", "members": ["eth4", "eth2"], "active": "eth2"}},
    "interfaces": {**NICS, "xapi0": {"mac": "00:26:55:D1:01:02", "addresses": ["172.16.0.36/24", "fe80::1/64"], "mtu": 1500}},
}  # fmt: skip


def found(made: APool, dom0: dict[str, Any] | None = None, **options: Any) -> list[Finding]:
    asked = spec(accept=ACCEPT, **options)
    network = next((one for one in made.pool.networks.values() if one.name == "NAS"), None)
    return survey(made.pool, asked, network, expected(), {"xs-2": dom0} if dom0 else {})


def test_a_pool_that_came_out_as_predicted_has_no_findings() -> None:
    assert found(after(), DOM0) == []


def bond_of(made: APool) -> dict[str, Any]:
    (bond,) = [bond for bond in made.records["bond"].values() if bond["master"] == made.ref("pif", made.nic("xs-2", "bond0"))]
    return bond


def own(**fields: Any) -> Callable[[APool], Any]:
    return lambda made: made.nic("xs-2", "bond0").update(fields)


@pytest.mark.parametrize(
    "code, words, spoil",
    [
        ("nics", "has eth2, eth3 instead of eth2, eth4",
         lambda made: bond_of(made).update(slaves=[made.ref("pif", made.nic("xs-2", nic)) for nic in ("eth2", "eth3")])),
        ("mode", "lacp instead of active-backup", lambda made: bond_of(made).update(mode="lacp")),
        ("properties", "lacp-time slow, which was not asked for", lambda made: bond_of(made).update(properties={"lacp-time": "slow"})),
        ("primary", "eth4 became the bond's primary NIC; eth2 was predicted",
         lambda made: bond_of(made).update(primary_slave=made.ref("pif", made.nic("xs-2", "eth4")))),
        ("mac", "instead of 00:26:55:d1:01:02", own(MAC="00:26:55:d1:01:04")),
        ("not_attached", "carries no traffic", own(currently_attached=False)),
        ("ip", "None instead of Static 172.16.0.36", own(ip_configuration_mode="None", IP="")),
        ("ip", "gateway none instead of 172.16.0.33", own(gateway="")),
        ("ip", "netmask 255.255.0.0 instead of 255.255.255.0", own(netmask="255.255.0.0")),
        ("ipv6", "fd00::36/64", own(ipv6_configuration_mode="None", IPv6=[])),
        ("ip_on_nic", "eth4 still has 172.16.0.9", lambda made: made.address("xs-2", "eth4", "172.16.0.9")),
        ("mtu", "MTU 9000 instead of 1500", own(MTU="9000")),
        ("disallow_unplug", "disallow_unplug is not set on bond0", own(disallow_unplug=False)),
        ("other_config", "management_purpose of bond0 is unset instead of Storage", own(other_config={})),
        ("vlan", "VLAN 50 is not on bond0", own(VLAN_slave_of=[])),
        ("link", "eth4 had a link and has none now", lambda made: made.link("xs-2", "eth4").update(carrier=False)),
        ("storage", "nas-1 was attached before", lambda made: next(iter(made.records["pbd"].values())).update(currently_attached=False)),
        ("host_disabled", "enabled before and is disabled now", lambda made: made.host("xs-2").update(enabled=False)),
        ("no_bond", "no bond of eth2, eth4 on NAS", lambda made: made.remove("bond", bond_of(made))),
    ],
)  # fmt: skip
def test_each_difference_in_xapi_is_found(code: str, words: str, spoil: Callable[[APool], Any]) -> None:
    made = after()
    spoil(made)
    (finding, *others) = [one for one in found(made) if one.code == code]
    assert finding.host == "xs-2" and words in finding.sentence and finding.sentence.endswith(".")
    assert not others


@pytest.mark.parametrize(
    "code, words, change",
    [
        ("dom0_other_host", "leads to the host other", {"uuid": "other"}),
        ("dom0_bridge", "no bridge xapi0; there are xenbr0", {"bridges": ["xenbr0"], "interfaces": NICS}),
        ("dom0_bridge", "xenbr2 of a bonded NIC is still there", {"bridges": ["xapi0", "xenbr2"]}),
        ("dom0_bond", "the switch knows no bond bond0; it knows none", {"bonds": {}}),
        ("dom0_members", "bond0 has eth2 instead of eth2, eth4", {"bonds": {"bond0": {"mode": "active-backup", "members": ["eth2"]}}}),
        ("dom0_mode", "runs as balance-slb", {"bonds": {"bond0": {"mode": "balance-slb", "members": ["eth2", "eth4"]}}}),
        ("dom0_nic", "there is no device eth4, which bond0 is made of; bond0 has nothing to fail over to",
         {"interfaces": {"eth2": {}, "xapi0": DOM0["interfaces"]["xapi0"]}}),
        ("dom0_interface", "xapi0 has no interface", {"interfaces": NICS}),
        ("dom0_mac", "MAC 02:00:00:00:00:01",
         {"interfaces": {**NICS, "xapi0": {**DOM0["interfaces"]["xapi0"], "mac": "02:00:00:00:00:01"}}}),
        ("dom0_mtu", "MTU 9000",
         {"interfaces": {**NICS, "xapi0": {**DOM0["interfaces"]["xapi0"], "mtu": 9000}}}),
        ("dom0_ip", "no address instead of 172.16.0.36",
         {"interfaces": {**NICS, "xapi0": {**DOM0["interfaces"]["xapi0"], "addresses": []}}}),
        ("dom0_ip", "172.16.0.36/16 instead of",
         {"interfaces": {**NICS, "xapi0": {**DOM0["interfaces"]["xapi0"], "addresses": ["172.16.0.36/16"]}}}),
    ],
)  # fmt: skip
def test_each_difference_in_dom0_is_found(code: str, words: str, change: dict[str, Any]) -> None:
    (finding,) = found(after(), {**copy.deepcopy(DOM0), **change})
    assert (finding.code, finding.host) == (code, "xs-2")
    assert words in finding.sentence and "xs-2, dom0: " in finding.sentence


# after a removal: what was before the bond is what it is compared with


def removed(made: APool, dom0: dict[str, Any] | None = None) -> list[Finding]:
    predictions = {one.host_uuid: one for one in plan(after().pool, spec(state="absent", accept=ACCEPT)).predictions}
    network = next((one for one in made.pool.networks.values() if one.name == "NAS"), None)
    return survey(made.pool, spec(state="absent"), network, predictions, {"xs-2": dom0} if dom0 else {})


GONE: dict[str, Any] = {
    "uuid": "host-2-xs-2", "bridges": ["xenbr0", "xenbr2", "xenbr4"], "bonds": {},
    "interfaces": {"xenbr2": {"mac": "", "addresses": ["172.16.0.36/24"], "mtu": 1500}},
}  # fmt: skip


def test_a_removal_that_brought_everything_back_has_no_findings() -> None:
    assert removed(before(), GONE) == []


@pytest.mark.parametrize(
    "code, words, spoil",
    [
        ("ip", "eth2 has None instead of 172.16.0.36", {"ip_configuration_mode": "None", "IP": "", "netmask": "", "gateway": ""}),
        ("ip", "instead of 172.16.0.36 255.255.255.0 172.16.0.33", {"gateway": ""}),
        ("ipv6", "fd00::36/64, which the bond had", {"ipv6_configuration_mode": "None", "IPv6": []}),
        ("disallow_unplug", "not set on eth2", {"disallow_unplug": False}),
        ("other_config", "management_purpose of eth2 is unset", {"other_config": {}}),
        ("not_attached", "eth2 is not attached", {"currently_attached": False}),
        ("bond_slave_of", "eth2 is still in a bond", {"bond_slave_of": "OpaqueRef:bond"}),
        ("vlan", "VLAN 50 is not on eth2", {"VLAN_slave_of": []}),
    ],
)  # fmt: skip
def test_each_thing_that_did_not_come_back_is_found(code: str, words: str, spoil: dict[str, Any]) -> None:
    made = before()
    made.nic("xs-2", "eth2").update(spoil)
    (finding,) = removed(made)
    assert (finding.code, finding.host) == (code, "xs-2")
    assert words in finding.sentence


@pytest.mark.parametrize(
    "code, words, change",
    [
        ("dom0_bridge", "xenbr4 has not come back", {"bridges": ["xenbr0", "xenbr2"]}),
        ("dom0_bridge", "the bridge xapi0 of the bond is still there", {"bridges": ["xenbr2", "xenbr4", "xapi0"]}),
        ("dom0_bond", "bond0 still has eth2", {"bonds": {"bond0": {"members": ["eth2"]}}}),
        ("dom0_ip", "172.16.0.36 is on none of xenbr2, xenbr4", {"interfaces": {}}),
    ],
)
def test_each_thing_that_did_not_come_back_in_dom0_is_found(code: str, words: str, change: dict[str, Any]) -> None:
    (finding,) = removed(before(), {**GONE, **change})
    assert finding.code == code and words in finding.sentence


def test_a_bond_left_over_on_a_member_is_found() -> None:
    made = after()
    assert {(one.host, one.code) for one in removed(made)} >= {("xs-1", "bond_left"), ("xs-2", "bond_left")}


# what is handed to a comparison


@pytest.mark.parametrize("nothing", [{}, None, "", "  ", [], 1, {"uuid": "host-2-xs-2"}, {**DOM0, "bonds": None}, {**DOM0, "uuid": ""}])
def test_an_answer_of_dom0_that_would_be_compared_with_nothing_is_an_error(nothing: Any) -> None:
    with pytest.raises(NetworkError, match="what is given for xs-2 is neither the facts xs_dom0"):
        read_dom0(after().pool, {"xs-2": nothing})


@pytest.mark.parametrize("name", ["xs-9", "", "host-9"])
def test_an_answer_for_a_host_that_the_pool_does_not_have_is_an_error(name: str) -> None:
    with pytest.raises(NetworkError, match=r"no host, or more than one, is called .* The pool has xs-1, xs-2"):
        read_dom0(after().pool, {name: DOM0})


def test_answers_are_read_by_the_uuid_of_the_host() -> None:
    assert read_dom0(after().pool, {"xs-2": DOM0, "host-1-xs-1": "no route to host"}) == {
        "host-2-xs-2": DOM0,
        "host-1-xs-1": "no route to host",
    }


def test_a_prediction_for_a_host_that_the_pool_does_not_have_is_an_error() -> None:
    of_this_pool(after().pool, expected())
    stranger = {"gone": replace(expected()["host-2-xs-2"], host="xs-9", host_uuid="gone")}
    with pytest.raises(NetworkError, match=r"xs-9 \(gone\) is no host of the pool"):
        of_this_pool(after().pool, stranger)


def test_a_bond_without_an_address_is_a_finding_where_another_host_s_has_one() -> None:
    """Nobody gave addresses, and no plan is known: what the other hosts have tells."""
    made = after()
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None", IP="", netmask="")
    network = next(one for one in made.pool.networks.values() if one.name == "NAS")
    asked = spec(accept=ACCEPT)
    said = [one.sentence for one in survey(made.pool, asked, network, {}, {}) if one.code == "ip"]
    address = made.nic("xs-1", "bond0")["IP"]
    assert said == [
        f"xs-2: bond0 on NAS has no address, and others have one there (xs-1 {address}). Give it one in addresses"
        " (storage_bond_addresses), or say there that it has none (mode: none)."
    ]
    meant = spec(accept=ACCEPT, addresses={"xs-2": {"mode": "none"}})
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None")
    assert [one for one in survey(made.pool, meant, network, {}, {}) if one.code == "ip"] == []
    made.nic("xs-1", "bond0").update(ip_configuration_mode="None", IP="", netmask="")
    assert [one for one in survey(made.pool, asked, network, {}, {}) if one.code == "ip"] == [], "no host has one: a bond for VMs"
