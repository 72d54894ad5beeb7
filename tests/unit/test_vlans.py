# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs that XAPI brings back on another NIC, and the networks that were made for VLANs: what is noted, put back, removed, and said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, plan
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial

NOTE = "xapi.network.vlan-51"


def on_both_nics() -> APool:
    """The tutorial's pool before the bond, with VLAN 50 on eth2 of xs-1, which has the address, and 51 on eth4."""
    made = tutorial()
    for tag, device in ((50, "eth2"), (51, "eth4")):
        made.network(f"V{tag}")
        made.vlan("xs-1", device, tag, f"V{tag}")
    return made


def bonded(noted: bool = True) -> APool:
    """The same when XAPI has made the bond."""
    made = tutorial()
    made.network("NAS")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    for tag in (50, 51):
        made.network(f"V{tag}")
        made.vlan("xs-1", "bond0", tag, f"V{tag}")
    if noted:
        made.nic("xs-1", "eth4")["other_config"] = {NOTE: made.network_called("V51")["uuid"], "ethtool-gso": "off"}
    return made


def destroyed(**notes: str) -> APool:
    """The same when XAPI has destroyed the bond, and the run died then."""
    made = tutorial()
    for tag in (50, 51):
        made.network(f"V{tag}")
        made.vlan("xs-1", "eth2", tag, f"V{tag}")
    made.network("NAS")
    made.nic("xs-1", "eth4")["other_config"] = {NOTE: made.network_called("V51")["uuid"]}
    return made


def of(made: APool, tag: int) -> dict[str, Any]:
    """The last VLAN with this tag."""
    return [vlan for vlan in made.records["vlan"].values() if vlan["tag"] == str(tag)][-1]


def without(made: APool, tag: int) -> None:
    """Takes it away, with its PIF."""
    vlan = of(made, tag)
    made.records["pif"][vlan["tagged_PIF"]]["VLAN_slave_of"].remove(made.ref("vlan", vlan))
    made.remove("pif", made.records["pif"][vlan["untagged_PIF"]])
    made.remove("vlan", vlan)


def planned(made: APool, **options: Any) -> Plan:
    return plan(made.pool, spec(**{"hosts": ["xs-1"], **options}))


def absent(made: APool, **options: Any) -> Plan:
    return planned(made, **{"state": "absent", "accept": ["vlans_back"], **options})


def actions(the_plan: Plan) -> list[str]:
    return [step.action for step in the_plan.steps]


def told(the_plan: Plan) -> str:
    return " ".join(the_plan.to_dict()["notices"])


# which NIC it was on


def test_before_a_bond_is_made_each_vlan_that_xapi_would_bring_back_elsewhere_is_noted_on_its_nic() -> None:
    made = on_both_nics()
    the_plan = planned(made)
    assert actions(the_plan) == ["create_network", "note_vlans", "create_bond", "plug_vlans"]
    note = the_plan.steps[1]
    assert note.arguments["add"] == {NOTE: made.network_called("V51")["uuid"]}
    assert note.sentence == "note in other_config of eth4 that VLAN 51 is on it, which XAPI forgets"


def test_it_is_noted_before_a_restart_too_and_not_twice() -> None:
    made = on_both_nics()
    for tag, device in ((50, "eth2"), (51, "eth4")):
        made.vlan("xs-2", device, tag, f"V{tag}")
    steps = [step for step in plan(made.pool, spec(strategy="restart")).steps if step.host == "xs-2"]
    assert [step.action for step in steps] == ["note_vlans", "restart_agent", "plug_vlans"]
    made.nic("xs-2", "eth4")["other_config"] = {NOTE: made.network_called("V51")["uuid"]}
    steps = [step for step in plan(made.pool, spec(strategy="restart")).steps if step.host == "xs-2"]
    assert [step.action for step in steps] == ["restart_agent", "plug_vlans"]


def test_a_note_that_is_no_longer_true_is_taken_away_with_the_next_bond() -> None:
    made = on_both_nics()
    made.nic("xs-1", "eth4")["other_config"] = {"xapi.network.vlan-50": made.network_called("V50")["uuid"]}
    note = next(step for step in planned(made).steps if step.action == "note_vlans")
    assert (list(note.arguments["add"]), note.arguments["remove"]) == ([NOTE], ["xapi.network.vlan-50"])


def test_with_consent_a_removal_puts_a_vlan_back_on_its_own_nic_and_forgets_the_note() -> None:
    made = bonded()
    made.records["pif"][of(made, 51)["untagged_PIF"]].update(ip_configuration_mode="Static", IP="10.0.51.1", netmask="255.255.255.0")
    the_plan = absent(made)
    assert actions(the_plan) == ["destroy_bond", "move_vlan", "note_vlans"]
    assert the_plan.steps[1].sentence == "put VLAN 51 (V51) back on eth4, where it was before the bond"
    moved = the_plan.steps[1].arguments
    assert (moved["mode"], moved["ip"]) == ("Static", "10.0.51.1")
    value = f"{made.network_called('V51')['uuid']} Static 10.0.51.1 255.255.255.0 - -"
    assert moved["note"] == {"key": NOTE, "value": value}
    assert the_plan.steps[2].arguments["remove"] == [NOTE]
    predicted = the_plan.predictions[0]
    assert (predicted.vlans, predicted.vlans_on) == ((50,), {"eth4": (51,)})
    assert Prediction.from_dict(predicted.to_dict()) == predicted


def test_without_consent_it_is_said_where_the_vlan_was_and_how_to_have_it_back() -> None:
    the_plan = absent(bonded(), accept=[])
    assert actions(the_plan) == ["destroy_bond", "note_vlans"]
    assert the_plan.predictions[0].vlans == (50, 51)
    assert told(the_plan).startswith("xs-1: VLAN 51 (V51) was on eth4 before the bond, and XAPI brings it back on eth2. Add vlans_back")


def test_where_nothing_was_noted_it_is_said_that_all_vlans_come_to_one_nic() -> None:
    the_plan = absent(bonded(noted=False))
    assert actions(the_plan) == ["destroy_bond"]
    assert "on eth2 there will be VLAN 50 (V50) and VLAN 51 (V51), also what was on another NIC before" in told(the_plan)


def test_a_vlan_that_a_running_vm_is_connected_through_stays_where_xapi_brings_it_and_the_note_too() -> None:
    made = bonded()
    made.vif("V51", "web-1", "xs-1")
    the_plan = absent(made, accept=["vlans_back", "vifs_in_use"])
    assert actions(the_plan) == ["destroy_bond"]
    why = "xs-1: VLAN 51 (V51) was on eth4 before the bond, and XAPI brings it back on eth2, where it stays: web-1 is connected through it."
    assert the_plan.to_dict()["vlans_left"] == [why]


def test_a_vlan_that_waits_for_its_vm_is_said_again_when_the_bond_is_gone() -> None:
    made = destroyed()
    made.vif("V51", "web-1", "xs-1")
    the_plan = absent(made, accept=["vlans_back", "vifs_in_use"], nics=["eth2", "eth4"])
    assert the_plan.steps == ()
    assert told(the_plan) == (
        "xs-1: VLAN 51 (V51) was on eth4 before the bond, and it is on eth2, where it stays: web-1 is connected through it."
    )


def test_a_network_of_another_vlan_of_that_tag_is_never_taken_for_it() -> None:
    made = bonded()
    made.nic("xs-1", "eth4")["other_config"] = {NOTE: made.network_called("V50")["uuid"], "xapi.network.vlan-x": "x"}
    assert "move_vlan" not in actions(absent(made))


def test_what_a_run_that_died_has_not_put_back_is_put_back_by_the_next() -> None:
    assert actions(absent(destroyed(), nics=["eth2", "eth4"])) == ["move_vlan", "note_vlans"]
    assert actions(absent(destroyed(), nics=["eth2", "eth4"], accept=[])) == ["note_vlans"]
    lost = destroyed()
    without(lost, 51)
    assert actions(absent(lost, nics=["eth2", "eth4"])) == ["move_vlan", "note_vlans"]


@pytest.mark.parametrize("on", ["", "eth4"], ids=["not yet made", "made without its address"])
def test_a_run_that_died_while_it_made_a_vlan_anew_has_left_its_address_in_the_note(on: str) -> None:
    made = destroyed()
    made.nic("xs-1", "eth4")["other_config"][NOTE] += " Static 10.0.51.1 255.255.255.0 - 10.0.51.5"
    without(made, 51)
    if on:
        made.vlan("xs-1", on, 51, "V51")
    the_plan = absent(made, nics=["eth2", "eth4"])
    assert actions(the_plan) == ["move_vlan", "note_vlans"]
    given = [the_plan.steps[0].arguments[key] for key in ("mode", "ip", "netmask", "gateway", "dns")]
    assert given == ["Static", "10.0.51.1", "255.255.255.0", "", "10.0.51.5"]
    if on:
        made.records["pif"][of(made, 51)["untagged_PIF"]].update(ip_configuration_mode="Static", IP="10.0.51.9", netmask="255.255.255.0")
        assert actions(absent(made, nics=["eth2", "eth4"])) == ["note_vlans"], "it has one, whatever it was"


def test_a_vlan_that_somebody_has_put_on_a_third_nic_since_stays_there() -> None:
    made = tutorial()
    made.network("V51")
    made.vlan("xs-1", "eth5", 51, "V51")
    made.network("NAS")
    made.nic("xs-1", "eth4")["other_config"] = {NOTE: made.network_called("V51")["uuid"]}
    assert actions(absent(made, nics=["eth2", "eth4"])) == ["note_vlans"]


# those that a member inherits

NEW = "xapi.network.vlan-none-51"


def inherited() -> APool:
    """Both hosts bonded, and on the bond of xs-2 VLAN 51, which the master alone had."""
    made = bonded()
    made.bond("xs-2", "NAS", ["eth2", "eth4"])
    made.vlan("xs-2", "bond0", 51, "V51")
    made.nic("xs-2", "eth2")["other_config"] = {NEW: made.network_called("V51")["uuid"]}
    return made


def of_xs_2(made: APool, **options: Any) -> Plan:
    return absent(made, hosts=["xs-2"], nics=["eth2", "eth4"], **options)


def test_a_vlan_that_only_the_master_had_is_noted_as_new_on_the_member_that_will_inherit_it() -> None:
    made = on_both_nics()
    made.vlan("xs-2", "eth2", 50, "V50")
    note = next(step for step in planned(made, hosts=["xs-2", "xs-1"], strategy="restart").steps if step.host == "xs-2")
    assert (note.action, note.arguments["add"]) == ("note_vlans", {NEW: made.network_called("V51")["uuid"]})
    assert note.sentence == "note in other_config of eth2 that VLAN 51 is not on this host, which XAPI forgets"
    asked = planned(made, hosts=["xs-2"], strategy="restart", vlans=[{"tag": 51, "network": "V51"}])
    assert "note_vlans" not in actions(asked)
    assert "note_vlans" not in actions(planned(made, hosts=["xs-2"], strategy="direct"))


def test_with_consent_a_removal_takes_it_away_from_the_member_and_forgets_the_note() -> None:
    the_plan = of_xs_2(inherited())
    assert actions(the_plan) == ["destroy_vlan", "destroy_bond", "note_vlans"]
    assert the_plan.steps[0].sentence == "take VLAN 51 (V51) off bond0"
    assert the_plan.steps[2].sentence == "take the note that VLAN 51 was not on this host out of other_config of eth2"
    assert the_plan.predictions[0].vlans == ()
    assert "VLAN" not in told(the_plan)


def test_without_consent_it_stays_and_the_plan_says_that_it_was_not_there() -> None:
    the_plan = of_xs_2(inherited(), accept=[])
    assert actions(the_plan) == ["destroy_bond", "note_vlans"]
    assert told(the_plan).startswith(
        "xs-2: VLAN 51 (V51) was not on xs-2 before the bond, which has it from the master, and XAPI leaves it on eth2."
        " Add vlans_back to accept (storage_bond_accept) to have it taken away."
    )


def test_an_inherited_vlan_that_something_uses_by_now_stays_and_the_note_too() -> None:
    machine, address, elsewhere = inherited(), inherited(), inherited()
    machine.vif("V51", "web-1", attached=False)
    own = address.records["pif"][of(address, 51)["untagged_PIF"]]
    own.update(ip_configuration_mode="Static", IP="10.0.51.2", netmask="255.255.255.0")
    for made, why in ((machine, "web-1 has an interface on its network"), (address, "it has 10.0.51.2")):
        the_plan = of_xs_2(made, accept=["vlans_back", "vifs_in_use"])
        assert actions(the_plan) == ["destroy_bond"]
        assert f"XAPI leaves it on eth2, where it stays: {why}." in told(the_plan)
    elsewhere.vif("V51", "web-2", "xs-1")
    assert "destroy_vlan" in actions(of_xs_2(elsewhere, accept=["vlans_back", "vifs_in_use"]))


def test_an_inherited_vlan_that_a_run_which_died_has_left_is_taken_away_by_the_next() -> None:
    made = tutorial()
    made.network("NAS")
    made.network("V51")
    made.vlan("xs-2", "eth2", 51, "V51")
    made.nic("xs-2", "eth2")["other_config"] = {NEW: made.network_called("V51")["uuid"]}
    assert actions(of_xs_2(made)) == ["destroy_vlan", "note_vlans"]
    assert actions(of_xs_2(made, accept=[])) == ["note_vlans"]
    made.vif("V51", "web-1", "xs-2")
    assert actions(of_xs_2(made, accept=["vlans_back", "vifs_in_use"])) == []


# networks that were made for VLANs


def with_made_network(**mark: str) -> APool:
    """Both hosts bonded, with VLAN 60 on the bonds, whose network the collection has made."""
    made = tutorial()
    made.network("NAS")
    made.network("V60")["other_config"] = mark or {"xapi.network.made_for": "VLAN 60"}
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
        made.vlan(host, "bond0", 60, "V60")
    return made


NAMED = {"state": "absent", "vlans": [{"tag": 60, "network": "V60"}]}


def test_a_network_is_marked_when_it_is_made_for_a_vlan() -> None:
    made = next(step for step in planned(tutorial(), vlans=[{"tag": 60, "network": "V60"}]).steps if "VLAN" in step.sentence)
    assert made.arguments["other_config"] == {"xapi.network.made_for": "VLAN 60"}


def test_the_vlans_of_a_task_go_with_their_bonds_and_their_network_after_the_last_of_them() -> None:
    the_plan = plan(with_made_network().pool, spec(**NAMED))
    assert [(step.host, step.action) for step in the_plan.steps] == [
        ("xs-1", "destroy_vlan"), ("xs-1", "destroy_bond"), ("xs-2", "destroy_vlan"), ("xs-2", "destroy_bond"), ("", "destroy_network"),
    ]  # fmt: skip
    assert [one.vlans for one in the_plan.predictions] == [(), ()]
    assert not told(the_plan)
    alone = plan(with_made_network().pool, spec(hosts=["xs-2"], **NAMED))
    assert [step.action for step in alone.steps] == ["destroy_vlan", "destroy_bond"]


def test_the_network_that_a_run_which_died_has_left_goes_with_the_next() -> None:
    made = tutorial()
    made.network("V60")["other_config"] = {"xapi.network.made_for": "VLAN 60"}
    made.network("NAS")
    assert actions(plan(made.pool, spec(**NAMED))) == ["destroy_network"]


def test_a_network_that_was_there_before_stays_whatever_the_task_names() -> None:
    the_plan = plan(with_made_network(other="x").pool, spec(**NAMED))
    assert set(actions(the_plan)) == {"destroy_bond"}
    assert "on eth2 there will be VLAN 60 (V60)" in told(the_plan)


def test_a_made_network_that_the_task_does_not_name_stays_and_the_plan_says_so() -> None:
    the_plan = plan(with_made_network().pool, spec(state="absent"))
    assert set(actions(the_plan)) == {"destroy_bond"}
    assert "the network V60, which was made for VLAN 60, stays with that VLAN; name both in vlans" in told(the_plan)


def test_a_made_network_that_something_else_uses_stays_and_the_plan_says_what() -> None:
    machine, nic, address = (with_made_network() for _unused in range(3))
    machine.vif("V60", "web-1", "xs-2", attached=False)
    without(nic, 60)
    nic.vlan("xs-2", "eth5", 60, "V60")
    own = address.records["pif"][of(address, 60)["untagged_PIF"]]
    own.update(ip_configuration_mode="Static", IP="10.0.60.2", netmask="255.255.255.0")
    for made, why in (
        (machine, "stays: web-1 has an interface there."),
        (nic, "stays: VLAN 60 of eth5 of xs-2 is on it too."),
        (address, "stays: VLAN 60 of bond0 of xs-2 has 10.0.60.2."),
    ):
        the_plan = plan(made.pool, spec(**NAMED))
        assert set(actions(the_plan)) == {"destroy_bond"}
        assert why in told(the_plan)
