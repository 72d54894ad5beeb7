# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A saved plan: every fact that it rests on refuses when it differs, nothing else does, and what the plan has done itself is as it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond import saved_plan
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.saved_plan import (
    SavedPlan,
    differences,
    fingerprint_differences,
    read_file,
    save,
)
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import NULL, APool, spec, tutorial

Change = Callable[[APool], Any]


def saved(made: APool, **options: Any) -> SavedPlan:
    asked = spec(**options)
    return save(made.pool, asked, plan(made.pool, asked), {"made_at": "2026-11-26T12:00:00Z"})


def found(kept: SavedPlan, made: APool, **options: Any) -> list[str]:
    """What the file and what the fingerprint say; they must agree whether there is a difference."""
    asked = spec(**options)
    now = plan(made.pool, asked)
    by_file = differences(read_file(json.dumps(kept.to_dict()), "plan.json"), made.pool, asked, now)
    by_line = fingerprint_differences(kept.fingerprint, made.pool, asked, now)
    assert bool(by_file) == bool(by_line), (by_file, by_line)
    return by_file


def test_the_pool_as_it_was_is_no_difference() -> None:
    assert found(saved(tutorial()), tutorial()) == []


def test_a_changed_address_is_named_with_both_values() -> None:
    kept = saved(tutorial())
    made = tutorial()
    made.nic("xs-2", "eth2")["IP"] = "172.16.0.44"
    assert found(kept, made) == ["xs-2: eth2 address is 172.16.0.44; the plan was made for 172.16.0.36."]


def nic(**fields: Any) -> Change:
    return lambda made: made.nic("xs-2", "eth4").update(fields)


# Every field that matters, changed alone.
MATTERS: dict[str, Change] = {
    "uuid of a NIC": nic(uuid="other"),
    "MAC of a NIC": nic(MAC="00:26:55:d1:ff:ff"),
    "MTU of a NIC": nic(MTU="9000"),
    "a NIC is not managed any more": nic(managed=False),
    "a NIC is the management interface": nic(management=True),
    "a NIC is unplugged": nic(currently_attached=False),
    "disallow_unplug": nic(disallow_unplug=True),
    "other_config of a NIC": nic(other_config={"ethtool-gro": "off"}),
    "properties of a NIC": nic(properties={"gro": "off"}),
    "capabilities of a NIC": nic(capabilities=["fcoe"]),
    "an address on the second NIC": nic(ip_configuration_mode="Static", IP="172.16.0.99", netmask="255.255.255.0"),
    "netmask": lambda made: made.nic("xs-2", "eth2").update(netmask="255.255.255.240"),
    "gateway": lambda made: made.nic("xs-2", "eth2").update(gateway="172.16.0.1"),
    "DNS": lambda made: made.nic("xs-2", "eth2").update(DNS="172.16.0.1"),
    "IPv6": nic(ipv6_configuration_mode="Static", IPv6=["fd00::1/64"]),
    "IPv6 addresses": nic(IPv6=["fd00::1/64"]),
    "IPv6 gateway": nic(ipv6_gateway="fd00::2"),
    "the preferred kind of address": nic(primary_address_type="IPv6"),
    "a VLAN on a NIC": lambda made: (made.network("V50"), made.vlan("xs-2", "eth4", 50, "V50")),
    "a bond of the NICs": lambda made: (made.network("other"), made.bond("xs-2", "other", ["eth2", "eth4"])),
    "an address elsewhere": lambda made: made.address("xs-2", "eth5", "10.0.0.2"),
    "the name of a host": lambda made: made.host("xs-2").update(name_label="xs-two"),
    "the address of a host": lambda made: made.host("xs-2").update(address="192.0.2.99"),
    "a host is disabled": lambda made: made.host("xs-2").update(enabled=False),
    "the version of xapi": lambda made: made.host("xs-2").update(
        software_version={**made.host("xs-2")["software_version"], "xapi_build": "26.18.0"}
    ),
    "the backend": lambda made: made.host("xs-2").update(
        software_version={**made.host("xs-2")["software_version"], "network_backend": "bridge"}
    ),
    "HA": lambda made: next(iter(made.records["pool"].values())).update(ha_enabled=True),
}


@pytest.mark.parametrize("what", MATTERS)
def test_every_fact_that_matters_refuses(what: str) -> None:
    kept, made = saved(tutorial()), tutorial()
    MATTERS[what](made)
    assert found(kept, made), what


DOES_NOT_MATTER: dict[str, Change] = {
    "speed": lambda made: made.link("xs-2", "eth4").update(speed="1000"),
    "vendor": lambda made: made.link("xs-2", "eth4").update(vendor_name="Broadcom"),
    "the start time of xapi": lambda made: made.host("xs-2").update(other_config={"agent_start_time": "1800000000."}),
    "a description": lambda made: made.network_called("Pool-wide network 2").update(name_description="storage"),
    "tags": lambda made: made.network_called("Pool-wide network 2").update(tags=["x"]),
    "a NIC that has nothing to do with it": lambda made: made.nic("xs-2", "eth5").update(MTU="9000"),
    "another network": lambda made: made.network("guests"),
    "a finished task": lambda made: made.task("VM.start", "xs-2", status="success"),
    "another pool key": lambda made: next(iter(made.records["pool"].values())).update(other_config={"xapi.network.run": "{}"}),
}


@pytest.mark.parametrize("what", DOES_NOT_MATTER)
def test_nothing_else_does(what: str) -> None:
    kept, made = saved(tutorial()), tutorial()
    DOES_NOT_MATTER[what](made)
    assert found(kept, made) == [], what


def test_every_field_of_the_model_is_either_a_fact_or_left_out_on_purpose() -> None:
    left_out = {
        Host: {
            "ref", "uuid", "name_label", "hostname", "live", "version", "release", "product", "build", "agent_start_time", "guidances",
            "operations", "boot_paths",
        },
        Network: {"ref", "description", "other_config", "tags", "purpose", "pifs", "vifs"},
        # vlan, physical and the references are in the labels, and said as names
        Pif: {
            "ref", "host", "network", "device", "vlan", "physical", "bond_slave_of", "bond_master_of", "vlan_master_of", "vlan_slave_of",
            "carrier", "speed", "duplex", "vendor", "pci_bus_path",
        },
        Bond: {"ref", "master", "members", "primary", "links_up", "auto_update_mac"},
    }  # fmt: skip
    facts: dict[type, tuple[str, ...]] = {
        Host: saved_plan.HOST_FACTS,
        Network: saved_plan.NETWORK_FACTS,
        Pif: saved_plan.NIC_FACTS,
        Bond: saved_plan.BOND_FACTS,
    }
    for kind, left in left_out.items():
        fields = {one.name for one in dataclasses.fields(kind)}
        assert fields == left | set(facts[kind]) and not left & set(facts[kind]), kind


def test_a_risk_that_the_plan_did_not_have_refuses_even_where_it_is_accepted() -> None:
    options = {"accept": ["storage_in_use"]}
    kept, made = saved(tutorial(), **options), tutorial()
    made.storage("xs-2", "nfs", server="172.16.0.33")
    said = found(kept, made, **options)
    assert said == [
        "xs-2: eth2 storage is nfs; the plan was made for none.",
        "xs-2: the plan did not have the risk storage_in_use, or it was not accepted then.",
    ]
    assert found(saved(made, **options), made, **options) == [], "in the plan and accepted: as it was"
    assert found(saved(made), made, **options) == said[1:], "in the plan, and accepted only now"


def test_more_storage_behind_a_nic_than_was_accepted_refuses_and_storage_elsewhere_does_not() -> None:
    options, made = {"accept": ["storage_in_use"]}, tutorial()
    made.storage("xs-2", "nfs", server="172.16.0.33")
    kept = saved(made, **options)
    made.storage("xs-2", "isos", server="192.0.2.33")
    assert found(kept, made, **options) == []
    made.storage("xs-2", "more", server="172.16.0.34")
    assert found(kept, made, **options) == ["xs-2: eth2 storage is more, nfs; the plan was made for nfs."]


def test_what_this_plan_has_done_already_is_no_difference() -> None:
    for strategy in ("direct", "restart"):
        kept, made = saved(tutorial(), strategy=strategy), tutorial()
        made.network("NAS")
        assert found(kept, made, strategy=strategy) == [], "the network is made"
        made.bond("xs-1", "NAS", ["eth2", "eth4"])
        assert found(kept, made, strategy=strategy) == [], "the master is done"
        made.bond("xs-2", "NAS", ["eth2", "eth4"])
        assert found(kept, made, strategy=strategy) == [], "all is done"


def test_what_somebody_else_did_meanwhile_is_one_also_on_a_host_that_is_done() -> None:
    kept, made = saved(tutorial()), tutorial()
    made.network("NAS")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    made.nic("xs-1", "bond0")["IP"] = "172.16.0.99"
    assert any("xs-1" in sentence and "172.16.0.99" in sentence for sentence in found(kept, made))


def test_a_removal_that_was_interrupted_goes_on() -> None:
    def bonded() -> APool:
        made = tutorial()
        made.network("NAS")
        for host in ("xs-1", "xs-2"):
            made.bond(host, "NAS", ["eth2", "eth4"])
        return made

    kept = saved(bonded(), state="absent", nics=["eth2", "eth4"])
    half_done = bonded()
    own = half_done.nic("xs-1", "bond0")
    half_done.remove("bond", half_done.records["bond"][own["bond_master_of"][0]])
    half_done.remove("pif", own)
    for device in ("eth2", "eth4"):
        half_done.nic("xs-1", device).update(bond_slave_of=NULL, currently_attached=True)
    half_done.address("xs-1", "eth2", "172.16.0.35")
    assert found(kept, bonded(), state="absent", nics=["eth2", "eth4"]) == []
    assert found(kept, half_done, state="absent", nics=["eth2", "eth4"]) == []
    assert found(kept, tutorial(), state="absent", nics=["eth2", "eth4"]) == [], "all bonds and the network are gone"


def with_vlans(bonded: bool, on: str = "", note: bool = True) -> APool:
    """VLAN 51 was on eth4 of xs-1 before the bond. `on`: the device that it is on, "" where it is nowhere."""
    made = tutorial()
    made.network("NAS")
    made.network("V51")
    if bonded:
        made.bond("xs-1", "NAS", ["eth2", "eth4"])
    if on:
        made.vlan("xs-1", on, 51, "V51")
    if note:
        made.nic("xs-1", "eth4")["other_config"] = {"xapi.network.vlan-51": made.network_called("V51")["uuid"]}
    return made


@pytest.mark.parametrize("on", ["eth2", ""], ids=["not yet ended on eth2", "not yet made on eth4"])
def test_a_removal_that_was_interrupted_before_a_vlan_was_put_back_goes_on(on: str) -> None:
    options: dict[str, Any] = {"state": "absent", "nics": ["eth2", "eth4"], "hosts": ["xs-1"], "accept": ["vlans_back"]}
    kept = saved(with_vlans(True, "bond0"), **options)
    assert found(kept, with_vlans(False, on), **options) == []
    assert found(kept, with_vlans(False, "eth4"), **options) == []
    # Without the consent, which the plan was made with, the VLAN would stay where it is.
    asked, now = spec(**{**options, "accept": []}), with_vlans(False, "eth2").pool
    assert differences(kept, now, asked, plan(now, asked))


def test_what_xapi_leaves_to_the_plan_is_no_difference_once_it_is_done() -> None:
    options = {"strategy": "restart", "purpose": "Storage"}
    kept, made = saved(tutorial(), **options), tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
        made.nic(host, "bond0")["other_config"] = {"management_purpose": "Storage"}
    assert found(kept, made, **options) == []


def test_an_mtu_that_the_plan_sets_is_no_difference() -> None:
    made = tutorial()
    made.network("NAS")
    kept = saved(made, mtu=9000)
    made.network_called("NAS").update(MTU="9000")
    assert found(kept, made, mtu=9000) == []


def test_other_options_than_those_of_the_plan_are_named() -> None:
    kept = saved(tutorial())
    assert found(kept, tutorial(), mode="balance-slb") == ["The plan was made with mode active-backup, and this run asks for balance-slb."]


def test_a_host_that_joined_or_went_is_named() -> None:
    made = APool("xs-1", "xs-2", "xs-3")
    kept = saved(made)
    fewer = APool("xs-1", "xs-2")
    assert found(kept, fewer) == [f"{made.host('xs-3')['uuid']} was in the plan and is not in the pool any more."]
    assert found(saved(fewer), made) == ["xs-3 is in the pool now, and was not when the plan was made."]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda text: text[: len(text) // 2], "cut off"),
        (lambda text: "", "plan.json is empty"),
        (lambda text: "[" * 100_000, "is not JSON, or it is cut off"),
        (lambda text: "\x00\x1b[2J", "is not JSON, or it is cut off"),
        (lambda text: "[]", "no saved plan of xapi.network"),
        (lambda text: '{"kind": "terraform"}', "no saved plan of xapi.network"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "has the format 2, and this version of xapi.network reads 1"),
        (lambda text: text.replace('"format": 1', '"format": "\\u001b[2J' + "x" * 500 + '"'), r'has the format "\\u001b\[2Jx+, and'),
        (lambda text: text.replace("172.16.0.36", "172.16.0.37"), "was edited"),
        (lambda text: text.replace("bond eth2 and eth4", "bond eth0 and eth1"), "was edited"),
        (lambda text: text.replace("2026-11-26", "2026-11-27"), "was edited"),
        (lambda text: text.replace('"accepted": []', '"accepted": [{"host": "", "code": "no_link"}]'), "was edited"),
        (lambda text: text.replace('"steps": [', '"steps": ["abc", '), "was edited: it cannot be read"),
        (lambda text: text.replace('"steps": [', '"steps": [{"host": "xs-1"}, '), "lacks 'action'"),
        (lambda text: text.replace('"predictions": {', '"predictions": {"x": {}, '), "was edited|lacks"),
        (lambda text: text.replace('"facts"', '"fakts"'), "lacks 'facts'"),
    ],
)
def test_a_file_that_is_no_saved_plan_says_so(spoilt: Callable[[str], str], said: str) -> None:
    with pytest.raises(NetworkError, match=said) as error:
        read_file(spoilt(json.dumps(saved(tutorial()).to_dict())), "plan.json")
    assert "Nothing was changed" in error.value.message and "plan.json" in error.value.message


@pytest.mark.parametrize("text", ["", "x", "2:a:b;h=1/2", "1:a:b;h=1", "1:a:b;h", "1:a"])
def test_a_text_that_is_no_fingerprint_says_so(text: str) -> None:
    with pytest.raises(NetworkError, match="none of this version"):
        fingerprint_differences(text, tutorial().pool, spec(), plan(tutorial().pool, spec()))


def test_of_the_fingerprints_of_several_pools_the_one_of_this_pool_counts() -> None:
    made, other = tutorial(), "1:aaaaaaaaaaaa:bbbbbbbbbbbb:;another-host=cccccccccccc/dddddddddddd//"
    mine, now = saved(made).fingerprint, plan(made.pool, spec())
    assert fingerprint_differences(f"{other} {mine}", made.pool, spec(), now) == []
    assert fingerprint_differences(other, made.pool, spec(), now) != []


def remade(uuid: str, mac: str) -> APool:
    """A pool whose xs-2 has a bond with this uuid and MAC."""
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    own = made.nic("xs-2", "bond0")
    own["MAC"] = mac
    made.records["bond"][own["bond_master_of"][0]]["uuid"] = uuid
    return made


def test_a_bond_that_the_plan_makes_again_may_be_another_one_and_no_other_bond_may() -> None:
    options = {"on_drift": "repair", "hosts": ["xs-2"], "mac": "00:26:55:d1:ff:01"}
    kept = saved(remade("old", "00:26:55:d1:e8:cc"), **options)
    assert found(kept, remade("old", "00:26:55:d1:e8:cc"), **options) == []
    assert found(kept, remade("new", "00:26:55:d1:ff:01"), **options) == [], "destroyed and created by the plan"
    stays = {"on_drift": "repair", "mode": "balance-slb"}
    kept = saved(remade("old", "00:26:55:d1:e8:cc"), **stays)
    assert "xs-2: bond0 bond uuid is new; the plan was made for old." in found(kept, remade("new", "00:26:55:d1:e8:cc"), **stays)


def test_a_bond_that_the_plan_changes_in_place_may_be_half_way_there_and_nowhere_else() -> None:
    def pool(mode: str, other_config: dict[str, str] | None = None) -> APool:
        made = remade("old", "00:26:55:d1:e8:cc")
        made.nic("xs-2", "bond0")["other_config"] = other_config or {}
        made.records["bond"][made.nic("xs-2", "bond0")["bond_master_of"][0]]["mode"] = mode
        return made

    options = {"on_drift": "repair", "mode": "active-backup", "purpose": "Storage"}
    kept = saved(pool("balance-slb"), **options)
    assert found(kept, pool("active-backup"), **options) == []
    assert found(kept, pool("active-backup", {"management_purpose": "Storage"}), **options) == []
    assert found(kept, pool("lacp"), **options) == ["xs-2: bond0 bond mode is lacp; the plan was made for balance-slb."]
    assert found(kept, pool("balance-slb", {"management_purpose": "Backup"}), **options) == [
        "xs-2: bond0 other_config is management_purpose=Backup; the plan was made for none."
    ]
    spoilt = pool("active-backup")
    spoilt.nic("xs-2", "bond0")["disallow_unplug"] = True
    assert found(kept, spoilt, **options) == ["xs-2: bond0 disallow_unplug is yes; the plan was made for no."]
    elsewhere = pool("active-backup")
    elsewhere.nic("xs-2", "eth5").update({"ip_configuration_mode": "Static", "IP": "10.0.0.2"})
    assert any("xs-2: eth5 address is 10.0.0.2" in sentence for sentence in found(kept, elsewhere, **options))


def differences_of(kept: SavedPlan, made: APool, **options: Any) -> list[str]:
    """By the file alone: the fingerprint does not tell what was there of a host that has its bond."""
    asked = spec(**options)
    return differences(kept, made.pool, asked, plan(made.pool, asked))


@pytest.mark.parametrize(("device", "field", "value"), [("eth5", "IP", "10.0.0.2"), ("eth0", "IP", "192.0.2.99")])
def test_what_a_plan_does_not_touch_matters_on_a_host_that_is_done_too(device: str, field: str, value: str) -> None:
    kept, made = saved(tutorial()), tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    made.nic("xs-2", device).update({"ip_configuration_mode": "Static", field: value})
    assert any(f"xs-2: {device} address is {value}" in sentence for sentence in differences_of(kept, made))
