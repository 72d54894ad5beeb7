# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What XAPI will do: predictions from the state before, held against recordings of real pools, and the rules that no recording shows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, plan
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import (
    Prediction,
    after_destroy,
    free_device,
    match,
    predict_new,
    properties_of,
    wrong_properties,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import RISKS, BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pool
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial
from ansible_collections.xapi.network.tests.unit.recorded import Change, changes

CREATED = [change for change in changes() if change.do == "Bond.create"]
DESTROYED = [change for change in changes() if change.do == "Bond.destroy"]
RESTARTED = [change for change in changes() if change.do == "restart_xapi"]


def told(prediction: Prediction) -> dict[str, Any]:
    names = (
        "device", "primary", "mode", "properties", "mac", "ip_mode", "ip", "netmask", "gateway", "dns", "mtu", "management",
        "disallow_unplug", "vlans",
    )  # fmt: skip
    return {"nics": set(prediction.nics), "attached": True, **{name: getattr(prediction, name) for name in names}}


def seen(pool: Pool, bond: Bond) -> dict[str, Any]:
    pif = pool.pifs[bond.master]
    return {
        "nics": {nic.device for nic in pool.bond_members(bond)}, "attached": pif.attached, "device": pif.device,
        "primary": pool.pifs[bond.primary].device, "mode": bond.mode, "properties": dict(bond.properties), "mac": pif.mac,
        "ip_mode": pif.ip_mode, "ip": pif.ip, "netmask": pif.netmask, "gateway": pif.gateway, "dns": pif.dns, "mtu": pif.mtu,
        "management": pif.management, "disallow_unplug": pif.disallow_unplug,
        "vlans": tuple(sorted(pool.vlans[ref].tag for ref in pif.vlan_slave_of)),
    }  # fmt: skip


def the_plan(pool: Pool, host: Host, network: Network, **options: Any) -> Plan:
    """The plan for this one host. What is a risk is accepted: here it matters what will be, not whether it should."""
    return plan(pool, BondSpec(network=network.name, hosts=(host.uuid,), accept=frozenset(RISKS), **options))


@pytest.mark.parametrize("change", CREATED, ids=str)
def test_a_bond_made_by_a_call_is_as_predicted(change: Change) -> None:
    network, nics, mac, mode, properties = change.arguments
    members = [change.before.pifs[ref] for ref in dict.fromkeys(nics)]
    host = change.before.host(members[0].host)
    target = change.before.networks[network]
    bond = change.after.bond_on(host, target)
    assert bond is not None
    predicted = predict_new(change.before, host, members, target, target.name, mode, properties, mac, target.mtu)
    assert told(predicted) == seen(change.after, bond)


@pytest.mark.parametrize("change", RESTARTED, ids=str)
def test_what_a_member_inherits_at_its_restart_is_as_predicted(change: Change) -> None:
    host, master = change.before.host(change.host), change.before.master
    bonds = [bond for bond in change.after.bonds.values() if change.after.pifs[bond.master].host == master.ref]
    if not bonds:
        inherited = {ref for ref, bond in change.after.bonds.items() if change.after.pifs[bond.master].host == host.ref}
        assert inherited <= set(change.before.bonds), "a member inherited a bond that the master does not have"
        return
    (bond,) = bonds
    network = change.after.networks[change.after.pifs[bond.master].network]
    devices = tuple(nic.device for nic in change.after.bond_members(bond))
    made = the_plan(
        change.before, host, network, nics=devices, mode=bond.mode, properties=dict(bond.properties), strategy="restart", on_drift="repair"
    )
    out = change.after.bond_on(host, network)
    # Where both were recorded as one change, the master's bond is not there before.
    stopping = {problem.code for problem in made.blocking} - (set() if bond.ref in change.before.bonds else {"master_differs"})
    if stopping:
        assert stopping <= {"two_ips", "nic_missing"}
        # XAPI goes on all the same: no bond at all, or one of the NICs that are there.
        assert out is None or len(out.members) < len(devices)
    else:
        (predicted,) = made.predictions
        assert out is not None
        if any(step.action == "set_mode" for step in made.steps):
            # A restart leaves mode and properties of a bond of the same NICs alone: the plan sets them, and does not restart.
            assert made.actions == {host.name: "repaired"} and out.mode != bond.mode
            return
        if change.recording.startswith("member_nic_device_missing") and not change.after.pifs[out.master].attached:
            return  # the PIF of a NIC that is not there any more: nothing in the records tells
        after = seen(change.after, out)
        if made.actions[host.name] in ("kept", "repaired"):
            # No restart is planned for a host that has its bond, so nothing is said about VLANs that a restart would add.
            after["vlans"] = told(predicted)["vlans"]
        expected = told(predicted)
        if not predicted.primary:
            # Which NIC is the first of a bond whose master has a MAC of its own is a matter of the member's database.
            assert change.recording.startswith("explicit_mac_inherit")
            del expected["primary"], expected["mac"], after["primary"], after["mac"]
        assert expected == after


@pytest.mark.parametrize("change", DESTROYED, ids=str)
def test_what_goes_back_when_a_bond_is_taken_apart_is_as_predicted(change: Change) -> None:
    bond = change.before.bonds[change.arguments[0]]
    predicted = after_destroy(change.before, bond)
    assert set(predicted.bonds) == set(change.after.bonds)
    assert bond.master not in predicted.pifs and bond.master not in change.after.pifs
    for ref in bond.members:
        assert settings(predicted, ref) == settings(change.after, ref)


def settings(pool: Pool, ref: str) -> dict[str, Any]:
    names = (
        "device", "mac", "mtu", "ip_mode", "ip", "netmask", "gateway", "dns", "attached", "management", "disallow_unplug",
        "bond_slave_of", "other_config",
    )  # fmt: skip
    nic = pool.pifs[ref]
    tags = sorted(pool.vlans[vlan].tag for vlan in nic.vlan_slave_of)
    return {"vlans": tags, "tunnels": len(nic.tunnel_transport_of), **{name: getattr(nic, name) for name in names}}


def test_the_recordings_cover_both_ways_of_recognising_nics() -> None:
    assert {match(change.before, change.before.host(change.host), ()).rule for change in RESTARTED} == {"device", "position"}
    assert len(CREATED) > 25 and len(RESTARTED) > 25 and len(DESTROYED) > 10


# what no recording shows


@pytest.mark.parametrize("xapi, rule, expected", [("25.34.0", "device", "eth4"), ("25.35.0", "position", "eth5")])
def test_up_to_25_34_a_nic_is_its_device_name_and_then_its_position(xapi: str, rule: str, expected: str) -> None:
    made = swapped_names(xapi)
    found = match(made.pool, made.pool.members[0], ["eth2", "eth4"])
    assert (found.rule, [nic.device for nic in found.found]) == (rule, ["eth2", expected])
    assert [nic.device for nic in found.other if nic] == ["eth2", {"eth4": "eth5", "eth5": "eth4"}[expected]]


def test_the_master_is_always_asked_by_device_name() -> None:
    found = match(tutorial().pool, tutorial().pool.master, ["eth4", "eth2"])
    assert [nic.device for nic in found.found] == ["eth4", "eth2"]


def test_a_nic_on_a_bridge_with_a_name_of_its_own_has_no_position() -> None:
    made = tutorial()
    made.network_called("Pool-wide network 4")["bridge"] = "br-storage"
    found = match(made.pool, made.pool.members[0], ["eth2", "eth4"])
    assert [nic and nic.device for nic in found.nics] == ["eth2", None]
    assert not found.complete


def swapped_names(xapi: str) -> APool:
    """On xs-2 the NIC at the place of eth4 is called eth5, and the other way round."""
    made = tutorial(xapi=xapi)
    four, five = made.nic("xs-2", "eth4"), made.nic("xs-2", "eth5")
    four["device"], five["device"] = "eth5", "eth4"
    return made


def test_the_primary_is_the_management_nic_then_the_one_with_an_address_then_the_first() -> None:
    made = APool("xs-1")
    assert primary(made, "eth4", "eth2") == "eth4"
    made.address("xs-1", "eth2", "172.16.0.35")
    assert primary(made, "eth4", "eth2") == "eth2"
    made.nic("xs-1", "eth4")["management"] = True
    assert primary(made, "eth2", "eth4") == "eth4"


def primary(made: APool, *nics: str) -> str:
    (predicted,) = plan(made.pool, spec(nics=list(nics), accept=["management"])).predictions
    return predicted.primary


def test_a_member_without_address_takes_the_nic_whose_mac_the_masters_bond_has() -> None:
    made = APool("xs-1", "xs-2")
    made.address("xs-1", "eth4", "172.16.0.35")
    for strategy in ("direct", "restart"):
        both = plan(made.pool, spec(strategy=strategy))
        assert [one.primary for one in both.predictions] == ["eth4", "eth4"], strategy
    # the same when the master's bond is there already
    made.network("NAS")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    made.nic("xs-1", "bond0")["MAC"] = made.nic("xs-1", "eth4")["MAC"]
    for strategy in ("direct", "restart"):
        assert [one.primary for one in plan(made.pool, spec(strategy=strategy)).predictions] == ["eth4", "eth4"], strategy


def test_nothing_is_predicted_about_the_mac_that_a_member_inherits_from_a_bond_with_a_mac_of_its_own() -> None:
    made = APool("xs-1", "xs-2")
    made.network("NAS")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    made.nic("xs-1", "bond0")["MAC"] = "02:00:00:00:00:01"
    _master, member = plan(made.pool, spec(strategy="restart")).predictions
    assert (member.mac, member.primary) == ("", "")
    _master, member = plan(made.pool, spec(strategy="direct")).predictions
    assert member.primary == "eth2"


def test_a_bond_takes_the_smallest_number_that_is_free_on_its_own_host() -> None:
    made = tutorial()
    made.network("other")
    made.bond("xs-2", "other", ["eth3", "eth5"], device="bond0")
    assert [free_device(made.pool, host) for host in made.pool.hosts] == ["bond0", "bond1"]


def test_lacp_gets_the_defaults_that_are_not_given() -> None:
    assert properties_of("lacp", {"lacp-time": "fast"}) == {
        "lacp-time": "fast", "hashing_algorithm": "tcpudp_ports", "lacp-fallback-ab": "true",
    }  # fmt: skip
    assert properties_of("active-backup", {}) == {}


@pytest.mark.parametrize(
    "mode, properties, word",
    [
        ("active-backup", {"lacp-time": "slow"}, "active-backup has no property lacp-time"),
        ("lacp", {"lacp-actor-key": "1"}, "no bond property lacp-actor-key"),
        ("lacp", {"lacp-time": "medium"}, "slow or fast"),
        ("lacp", {"lacp-aggregation-key": "abc"}, "lacp-aggregation-key is abc; it can be 0 to 65535"),
    ],
)
def test_properties_that_xapi_refuses_are_named(mode: str, properties: dict[str, str], word: str) -> None:
    (sentence,) = wrong_properties(mode, properties)
    assert word in sentence


@pytest.mark.parametrize(
    ("key", "refused"), [("0", False), ("42", False), ("65535", False), ("-1", True), ("70000", True), ("65536", True)]
)
def test_an_aggregation_key_has_sixteen_bits_whatever_xapi_takes(key: str, refused: bool) -> None:
    """XAPI was seen to take -1 and 70000, which the switch of dom0 cannot use."""
    assert bool(wrong_properties("lacp", {"lacp-aggregation-key": key})) is refused


def test_a_prediction_survives_its_way_through_a_playbook() -> None:
    made = tutorial()
    made.nic("xs-1", "eth2")["other_config"] = {"management_purpose": "Storage"}
    for prediction in plan(made.pool, spec(vlans=[{"tag": 50, "network": "V50"}])).predictions:
        assert Prediction.from_dict(prediction.to_dict()) == prediction


def test_a_prediction_knows_what_xapi_does_of_it_by_itself() -> None:
    made = tutorial()
    made.nic("xs-2", "eth2")["other_config"] = {"management_purpose": "Storage"}
    made.nic("xs-2", "eth2").update(ipv6_configuration_mode="Static", IPv6=["fd00::2/64"])
    address = {"xs-2": {"ip": "172.16.0.40", "netmask": "255.255.255.0"}}
    wanted = spec(strategy="restart", disallow_unplug=True, vlans=[{"tag": 50, "network": "V50"}], addresses=address)
    whole = Prediction.from_dict(plan(made.pool, wanted).predictions[1].to_dict())
    first = whole.by_xapi
    assert (whole.ip, whole.vlans, whole.disallow_unplug, whole.ipv6_mode) == ("172.16.0.40", (50,), True, "Static")
    assert (first.ip, first.vlans, first.disallow_unplug, first.ipv6_mode) == ("172.16.0.36", (), False, "None")
    assert (dict(whole.other_config), dict(first.other_config)) == ({"management_purpose": "Storage"}, {})
    assert first.by_xapi == first


def test_a_prediction_with_a_field_that_no_prediction_has_is_refused() -> None:
    (first, _second) = plan(tutorial().pool, spec()).predictions
    with pytest.raises(TypeError, match="colour"):
        Prediction.from_dict({**first.to_dict(), "colour": "red"})
