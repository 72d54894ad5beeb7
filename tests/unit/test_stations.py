# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role does between its tasks: options read once, one host that leads, everything that speaks against a run before it begins, and
the proof of the hosts that have nothing to do.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.view import result
from ansible_collections.xapi.network.plugins.plugin_utils._lines import MOST_STEPS, in_terms_of_the_role, lacp_lines, other_steps
from ansible_collections.xapi.network.plugins.plugin_utils._stations import EVENTS, Play, reported

from tests.unit.pools import APool, spec

HOSTS = ("xs-1", "xs-2", "xs-3")
UUIDS = {name: f"host-{number}-{name}" for number, name in enumerate(HOSTS, 1)}


def a_play(**changes: Any) -> Play:
    known: dict[str, Any] = {
        "host": "xs-1", "batch": HOSTS, "hosts": HOSTS, "every": HOSTS, "groups": {"xs_pool_one": list(HOSTS)},
        "group_names": ["xs_hosts", "xs_pool_one"], "hostvars": {name: {"xs_uuid": UUIDS[name]} for name in HOSTS}, "limited": False,
        "check": False, "now": 1795378500.0, "given": {"network": "NAS", "nics": "eth2 eth4"},
    }  # fmt: skip
    return Play(**{**known, **changes})


def options(**given: Any) -> dict[str, Any]:
    return EVENTS["asked"]({}, a_play(given={"network": "NAS", "nics": ["eth2", "eth4"], **given}))


def a_pool(*bonded: str) -> APool:
    made = APool(*HOSTS)
    for number, host in enumerate(HOSTS, 1):
        made.address(host, "eth2", f"172.16.0.{number}")
    if bonded:
        made.network("NAS", bridge="xapi0")
    for host in bonded:
        made.bond(host, "NAS", ["eth2", "eth4"])
    return made


def known(made: APool, play: Play | None = None, **given: Any) -> dict[str, Any]:
    """What the tasks up to the plan have registered, with an answer of each dom0 that agrees with XAPI."""
    asked = spec(strategy="restart", **{name: given[name] for name in ("hosts", "accept") if name in given})
    answer = result(made.pool, asked, plan(made.pool, asked))
    so_far: dict[str, Any] = {"options": options(**given), "plan": answer, "now": {}, "timeline": [], "variable": "storage_bond_run"}
    so_far["run"] = EVENTS["planned"](so_far, play or a_play())
    so_far["dom0"] = {"dom0": {UUIDS[name]: dom0_of(number, name) for number, name in enumerate(HOSTS, 1)}, "silent": []}
    return so_far


def dom0_of(number: int, name: str) -> dict[str, Any]:
    address = {"mac": f"00:26:55:d1:0{number - 1}:02", "addresses": [f"172.16.0.{number}/24"], "mtu": 1500}
    bond = {"mode": "active-backup", "members": ["eth2", "eth4"]}
    nics = {f"eth{nic}": {"mac": f"00:26:55:d1:0{number - 1}:0{nic}", "addresses": [], "mtu": 1500} for nic in range(6)}
    return {"uuid": UUIDS[name], "hostname": name, "bridges": ["xapi0"], "bonds": {"bond0": bond}, "interfaces": {"xapi0": address, **nics}}


def rejection(so_far: dict[str, Any], play: Play | None = None) -> str:
    found = EVENTS["checked"](so_far, play or a_play())
    return str(found["msg"]) if found.get("failed") else ""


# the options


def test_options_are_read_as_a_survey_sends_them() -> None:
    read = options(nics="eth2\neth4", hosts="", mtu="9000", accept="storage_in_use, ha_enabled", disallow_unplug="yes", dom0=None)
    assert read["spec"] == {
        "network": "NAS", "nics": ["eth2", "eth4"], "mode": "active-backup", "mtu": 9000, "disallow_unplug": True, "strategy": "restart",
        "state": "present",
    }  # fmt: skip
    assert (read["accept_of_restart"], read["dom0"], read["ping_in_full_size"]) == (["ha_enabled"], True, "-M do -s 8972")


@pytest.mark.parametrize("name", ["dom0", "rollback", "remove_network", "disallow_unplug", "validate_certs"])
def test_what_is_no_boolean_is_refused_with_the_name_of_the_option(name: str) -> None:
    refused = options(**{name: "maybe"})
    assert refused["does"] == "rejected" and f"storage_bond_{name} is maybe" in refused["msg"]


def test_the_password_is_in_no_result() -> None:
    assert "hunter2" not in str(options(password="hunter2"))
    assert "hunter2" not in str(options(password="hunter2", dom0="maybe"))


@pytest.mark.parametrize(
    ("state", "check", "stage"), [("present", True, "plan"), ("present", False, "apply"), ("verified", True, "verify")]
)
def test_options_that_cannot_be_meant_leave_a_result_of_the_shape_of_every_other(state: str, check: bool, stage: str) -> None:
    """`kept` is asked before the task that fails: Ansible keeps nothing of a task that has failed."""
    of_pool = a_play(
        check=check, hostvars={"xs-1": {"xs_pool": "one"}}, given={"network": "NAS", "nics": 7, "dom0": "maybe", "state": state}
    )
    rejected = EVENTS["asked"]({}, of_pool)
    assert not rejected.get("failed") and rejected["does"] == "rejected" and rejected["leads"]
    left = EVENTS["kept"]({"options": rejected, "run": {}, "plan": {}, "now": {}}, of_pool)["ansible_stats"]["data"]
    entry = left[f"storage_bond_result_{stage}"]["one"]
    assert left["storage_bond"] == {"one": entry}
    assert (entry["successful"], entry["message"], entry["network"]) == (False, rejected["msg"], "NAS")
    assert (entry["state"], entry["check"]) == (state, check)
    other = EVENTS["kept"](known(a_pool()) | {"now": {}}, a_play(check=True))["ansible_stats"]["data"]["storage_bond"]
    assert set(entry) == set(next(iter(other.values())))


def test_what_speaks_against_a_plan_is_said_and_nothing_else_of_the_record() -> None:
    """Ansible prints all that a failed task returns."""
    so_far = known(a_pool())
    so_far["dom0"] = {"dom0": {}, "silent": ["xs-1, dom0 does not answer."]}
    refused = EVENTS["checked"](so_far, a_play())
    assert set(refused) == {"failed", "msg"}
    kept = EVENTS["kept"](
        so_far | {"now": {"failed": True, "msg": "plan.json cannot be written."}, "dom0": known(a_pool())["dom0"]}, a_play()
    )
    assert next(iter(kept["ansible_stats"]["data"]["storage_bond"].values()))["message"] == "plan.json cannot be written."


# who leads


def test_the_first_host_of_the_batch_leads_for_its_group() -> None:
    assert EVENTS["asked"]({}, a_play(host="xs-2", batch=("xs-2", "xs-3")))["leads"] is True
    assert EVENTS["asked"]({}, a_play(host="xs-3", batch=("xs-2", "xs-3"))) == {"leads": False}


def test_without_a_group_the_first_that_would_connect_to_the_same_address_leads() -> None:
    asked = {name: {"opts": EVENTS["asked"]({}, a_play(group_names=[], address=to))} for name, to in zip(HOSTS, "aba", strict=True)}
    leads = {
        name: EVENTS["lead"]({"options": asked[name]["opts"], "variable": "opts"}, a_play(host=name, hostvars=asked))["leads"]
        for name in HOSTS
    }
    assert leads == {"xs-1": True, "xs-2": True, "xs-3": False}


def test_a_host_that_has_not_read_its_options_yet_is_known_by_the_inventory() -> None:
    """Under host_pinned each host goes at its own pace, and a rejection would be shown by each that has not waited for the first."""
    mine = EVENTS["asked"]({}, a_play(group_names=[], address="a"))

    def leads(mine_in_inventory: str, others: str) -> bool:
        variables = {"xs-1": {"xapi_hostname": others}, "xs-2": {"opts": mine, "xapi_hostname": mine_in_inventory}}
        return bool(EVENTS["lead"]({"options": mine, "variable": "opts"}, a_play(host="xs-2", hostvars=variables))["leads"])

    assert not leads("a", "a")
    assert leads("a", "b")
    assert leads("b", "a")  # the play says where, and may say so for xs-1 too: one reading more does no harm


def test_once_the_pool_is_read_its_uuids_decide_who_leads() -> None:
    made = a_pool()
    assert [known(made, a_play(host=name))["run"]["leads"] for name in HOSTS] == [True, False, False]
    assert known(made, a_play(host="localhost", batch=("localhost",)))["run"]["leads"] is True


# before anything is changed


def test_a_good_plan_is_shown_with_how_long_each_host_may_take() -> None:
    shown = EVENTS["checked"](known(a_pool()), a_play())
    assert shown["lines"][0] == "1. make the network NAS with MTU 1500"
    assert shown["lines"][-1] == (
        "Time: about 2 to 10 seconds for xs-1, 15 to 60 seconds each for xs-2, xs-3;"
        " one host after the other, 32 seconds to 2 minutes in all."
        " The run stops at a host that is not done after 600 s."
    )


def test_a_confirm_timeout_that_is_shorter_than_a_host_may_take_is_said() -> None:
    shown = EVENTS["checked"](known(a_pool(), confirm_timeout="40"), a_play())
    assert shown["lines"][-1] == (
        "Note: xs-2, xs-3 may take longer than the 40 s of storage_bond_confirm_timeout, and dom0 would then take back what was in order."
    )
    assert "Note: " not in EVENTS["checked"](known(a_pool(), confirm_timeout="60"), a_play())["lines"][-1]


def test_the_plan_says_what_each_accepted_risk_comes_to_on_this_pool() -> None:
    made = a_pool()
    for host in ("xs-2", "xs-3"):
        made.link(host, "eth4")["carrier"] = False
    made.storage("xs-2", "nas-1", server="172.16.0.200")
    shown = EVENTS["checked"](known(made, accept=["no_link", "storage_in_use"]), a_play())
    (storage,) = [line for line in shown["lines"] if "[storage_in_use]" in line]
    assert storage.startswith("Accepted: [storage_in_use] xs-2: storage is attached through eth2: ") and "about a second" in storage
    (link,) = [line for line in shown["lines"] if "[no_link]" in line]
    assert link.startswith("Accepted: [no_link] xs-2: eth4 has no link. Until it has one, the other NICs carry the traffic of the bond")
    assert link.endswith("Likewise on xs-3.")


def test_every_wanted_host_is_asked_also_those_with_nothing_to_do() -> None:
    made = a_pool("xs-1")
    assert set(known(made)["run"]["ask"]) == set(UUIDS.values())
    assert set(known(made, dom0="false")["run"]["ask"]) == {UUIDS["xs-2"], UUIDS["xs-3"]}  # whose xapi is restarted over SSH
    assert known(made, dom0="false", agent_method="agent")["run"]["ask"] == {}


def test_a_host_that_has_everything_in_xapi_and_not_in_dom0_stops_the_run() -> None:
    so_far = known(a_pool("xs-1"))
    assert rejection(so_far) == ""
    so_far["dom0"]["dom0"][UUIDS["xs-1"]]["bonds"]["bond0"]["mode"] = "balance-slb"
    assert rejection(so_far) == "Nothing was changed. xs-1, dom0: bond0 runs as balance-slb instead of active-backup."


def test_everything_that_does_not_answer_is_told_at_once() -> None:
    so_far = known(a_pool(), a_play(hostvars={name: {"xs_uuid": UUIDS[name]} for name in ("xs-1", "xs-2")}))
    so_far["dom0"]["silent"] = ["xs-1: no answer within 60 s", "xs-2: the SSH connection leads to xs-1, which is another host."]
    said = rejection(so_far).splitlines()
    assert said[0] == "Nothing was changed, for these reasons:"
    assert said[1].startswith("- xs-3: no host of the inventory has this name, address or uuid")
    assert said[2:] == ["- xs-1: no answer within 60 s", "- xs-2: the SSH connection leads to xs-1, which is another host."]


def test_what_speaks_against_the_plan_comes_with_what_dom0_says() -> None:
    so_far = known(a_pool())
    so_far["plan"]["msg"] = "Nothing was changed, for these reasons:\n- [no_link] eth4 has no link.\n- [two_ips] two."
    so_far["dom0"]["silent"] = ["xs-1: no answer within 60 s"]
    assert rejection(so_far).splitlines()[1:] == ["- [no_link] eth4 has no link.", "- [two_ips] two.", "- xs-1: no answer within 60 s"]
    so_far["dom0"]["silent"] = []
    assert rejection(so_far) == so_far["plan"]["msg"]


def test_a_pool_on_linstor_is_not_changed_while_drbd_is_behind_or_nobody_says_whether_it_is() -> None:
    so_far = known(a_pool())
    answers = so_far["dom0"]["dom0"]
    for host in so_far["plan"]["hosts"].values():
        host["replicated"] = ["XOSTOR"]
    for answer in answers.values():
        answer["drbd"] = {}
    assert rejection(so_far) == ""
    answers[UUIDS["xs-3"]]["drbd"] = {"volume-1": ["the connection to xs-1 is Connecting"]}
    assert "[drbd_behind] xs-3: DRBD is not up to date on all hosts" in rejection(so_far)
    so_far["dom0"] = {}
    assert "is known to dom0 alone, which is not asked" in rejection(so_far)


def test_a_nic_of_the_plan_that_dom0_has_not_or_has_elsewhere_stops_the_run() -> None:
    """XAPI shows neither: the PIF of a NIC that is gone keeps its carrier, and the bridge of an incomplete bond is in no record."""
    so_far = known(a_pool())
    del so_far["dom0"]["dom0"][UUIDS["xs-2"]]["interfaces"]["eth4"]
    so_far["dom0"]["dom0"][UUIDS["xs-3"]]["bridge_of"] = {"eth2": "xapi55", "eth4": "xapi55"}
    said = rejection(so_far).splitlines()
    assert said[1].startswith("- [nic_device_missing] xs-2: dom0 has no device eth4")
    assert (
        said[2].startswith("- [bridge_left] xs-3: dom0 has eth2 and eth4 in the bridge xapi55")
        and "ovs-vsctl --if-exists del-br xapi55" in said[2]
    )


def test_a_bridge_that_an_incomplete_bond_has_left_is_deleted_with_consent_before_its_host_is_changed() -> None:
    so_far = known(a_pool(), accept=["bridge_left"])
    so_far["dom0"]["dom0"][UUIDS["xs-3"]]["bridge_of"] = {"eth2": "xapi55", "eth4": "xapi55"}
    assert rejection(so_far) == ""
    line = "ovs-vsctl --if-exists del-br xapi55"
    shown = EVENTS["checked"](so_far, a_play())["lines"]
    assert f"First, in dom0 of xs-3: delete the bridge xapi55 of an incomplete bond, which holds eth2 and eth4 ({line})" in shown
    for name, commands in (("xs-2", []), ("xs-3", [line])):
        assert EVENTS["host_begun"]({**so_far, "host": UUIDS[name]}, a_play())["commands"] == commands
    asking = {**so_far, "options": {**so_far["options"], "ping": ["172.16.0.33"]}}
    begun = {name: EVENTS["host_begun"]({**asking, "host": UUIDS[name]}, a_play()) for name in ("xs-2", "xs-3")}
    assert {name: one["pings"] for name, one in begun.items()} == {"xs-2": True, "xs-3": False}
    assert "xs-3: whether it reaches the storage is asked only after the change, since eth2 and eth4" in begun["xs-3"]["lines"][-1]
    taking_back = {**so_far, "run": {**so_far["run"], "undo": [UUIDS["xs-3"]]}}
    assert EVENTS["left_behind"](taking_back, a_play())["commands"] == [{"login": "xs-3", "command": line}]


def test_the_same_on_many_hosts_is_said_once() -> None:
    so_far = known(a_pool(*HOSTS))
    for facts in so_far["dom0"]["dom0"].values():
        facts["bonds"] = {}
    said = rejection(so_far)
    assert said == "Nothing was changed. xs-1, dom0: the switch knows no bond bond0; it knows none. Likewise on xs-2, xs-3."


def test_a_limit_to_some_hosts_of_a_pool_is_refused_unless_they_are_named() -> None:
    some = a_play(host="xs-2", batch=("xs-2",), hosts=("xs-2",), every=("xs-2",), limited=True)
    said = rejection(known(a_pool(), some), some)
    assert "--limit leaves out xs-1, xs-3, and the plan is for the whole pool: it changes xs-1, xs-2, xs-3." in said
    assert rejection(known(a_pool(), some, hosts=["xs-1"]), some) == ""
    assert rejection(known(a_pool(*HOSTS), some), some) == "", "nothing would be changed"
    assert rejection(known(a_pool(), a_play(limited=True)), a_play(limited=True)) == "", "the limit names the whole pool"
    outside = a_play(host="localhost", batch=("localhost",), hosts=("localhost",), every=("localhost",), limited=True)
    assert rejection(known(a_pool(), outside), outside) == "", "no host of the pool is in the play"


def test_a_batch_after_one_that_has_failed_on_the_same_pool_does_not_begin() -> None:
    so_far = known(a_pool())
    vars_of = {
        **{name: {"xs_uuid": UUIDS[name]} for name in HOSTS},
        "xs-1": {"storage_bond_run": {"pool_uuid": so_far["run"]["pool_uuid"]}},
    }
    play = a_play(host="xs-2", hosts=("xs-2", "xs-3"), batch=("xs-2",), hostvars=vars_of)
    assert "was stopped earlier in this play, on xs-1. Nothing was changed since." in rejection(so_far, play)


def test_a_run_that_is_asked_to_stop_ends_after_the_host_it_is_at_and_takes_nothing_back() -> None:
    so_far = known(a_pool(), rollback="pool")
    begun = EVENTS["host_begun"]
    asked_to_stop = {"pool": {"stop": True}}
    so_far["run"] = begun({**so_far, "now": asked_to_stop, "host": UUIDS["xs-1"]}, a_play())
    assert not so_far["run"]["stops"], "of an earlier run"
    so_far["run"] = EVENTS["host_done"]({**so_far, "timeline": []}, a_play())
    assert not begun({**so_far, "now": {"pool": {"stop": False}}, "host": UUIDS["xs-2"]}, a_play())["stops"]
    so_far["run"] = begun({**so_far, "now": asked_to_stop, "host": UUIDS["xs-2"]}, a_play())
    assert so_far["run"]["stops"] and so_far["run"]["prepares"] and not so_far["run"]["lines"]
    stopped = EVENTS["going_on"](so_far, a_play())
    bonds = {"hosts": {"xs-1": {"uuid": UUIDS["xs-1"], "bond": "bond-1"}}}
    ended = EVENTS["failed"]({**so_far, "task": "Go on to xs-2", "result": stopped, "timeline": [], "now": bonds}, a_play())
    assert "Finished: xs-1. Not touched: xs-2, xs-3." in ended["message"]
    assert f"xe pool-param-remove uuid={so_far['run']['pool_uuid']} param-name=other-config param-key=xapi.network.stop" in ended["message"]
    assert (ended["undo"], ended["undo_network"]) == ((), False)


def test_no_run_begins_while_runs_are_asked_to_stop() -> None:
    so_far = known(a_pool())
    so_far["plan"]["pool"]["stop"] = True
    assert "other_config of the pool has xapi.network.stop" in rejection(so_far)
    idle = known(a_pool(*HOSTS))
    idle["plan"]["pool"]["stop"] = True
    assert rejection(idle) == ""


def test_options_that_only_the_user_can_know_are_asked_for_by_their_names() -> None:
    without = EVENTS["asked"]({}, a_play(given={"state": "present"}))
    assert without["does"] == "rejected"
    assert without["msg"] == (
        "storage_bond_network (the name of the bond's network, such as NAS) and storage_bond_nics (its NICs, such as [eth2, eth4]) are not"
        " given. Give them in the inventory, in the play or with -e. Nothing was changed."
    )
    assert "storage_bond_nics" in EVENTS["asked"]({}, a_play(given={"network_uuid": "929521ce"}))["msg"]
    assert "failed" not in EVENTS["asked"]({}, a_play(given={"network": "NAS", "state": "absent"})), "the NICs of a bond are known"


def test_a_pool_that_cannot_be_read_is_said_to_be_unchanged() -> None:
    so_far = known(a_pool())
    so_far["plan"] = {"failed": True, "msg": "127.0.0.1 refuses connections on port 443: its xapi is down or restarting."}
    so_far["run"] = EVENTS["planned"](so_far, a_play())
    said = "Nothing was changed. 127.0.0.1 refuses connections on port 443: its xapi is down or restarting."
    assert rejection({**so_far, "dom0": {}}) == said


def test_a_network_that_is_not_there_is_told_where_it_was_to_be_removed() -> None:
    so_far = known(a_pool(), state="absent")
    so_far["plan"]["plan"]["steps"] = []
    so_far["run"]["hosts"] = []
    assert EVENTS["checked"](so_far, a_play())["lines"] == ["Nothing to do: the pool has no network called NAS."]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("To go on all the same, add storage_in_use to accept.", "To go on all the same, add storage_in_use to storage_bond_accept."),
        ("Set on_drift: repair to have it put right.", "Set storage_bond_on_drift: repair to have it put right."),
        ("hosts names xs-1 twice.", "storage_bond_hosts names xs-1 twice."),
        ("Name the one you mean with network_uuid.", "Name the one you mean with storage_bond_network_uuid."),
        ("Name it in hosts, or choose strategy: direct.", "Name it in storage_bond_hosts, or choose storage_bond_strategy: direct."),
        ("2 hosts have no link.", "2 hosts have no link."),
        ("network has a character that cannot be seen.", "storage_bond_network has a character that cannot be seen."),
        ("nics is [], which is no name.", "storage_bond_nics is [], which is no name."),
        ("mac is x, which is not a MAC address.", "storage_bond_mac is x, which is not a MAC address."),
        ("mtu is 0; it can be 68.", "storage_bond_mtu is 0; it can be 68."),
        ("timeout is -5; give more.", "storage_bond_timeout is -5; give more."),
        ("vlans puts a VLAN on NAS.", "storage_bond_vlans puts a VLAN on NAS."),
        ("addresses: xs-1 has gatewy.", "storage_bond_addresses: xs-1 has gatewy."),
        ("xs-1: addresses names it twice.", "xs-1: storage_bond_addresses names it twice."),
        ("Name it by either network or network_uuid.", "Name it by either storage_bond_network or storage_bond_network_uuid."),
        ("xs-1: the network has a bond.", "xs-1: the network has a bond."),
        ("Its hosts are xs-1, xs-2; XAPI would accept one.", "Its hosts are xs-1, xs-2; XAPI would accept one."),
    ],
)  # fmt: skip
def test_sentences_name_the_options_of_the_role(said: str, means: str) -> None:
    assert in_terms_of_the_role(said) == means
    assert in_terms_of_the_role(means) == means, "a second time"


# the comparison


def verified(so_far: dict[str, Any], play: Play | None = None) -> dict[str, Any]:
    now = play or a_play()
    wanted = {**so_far["options"], "state": "verified"}
    so_far = {**so_far, "options": wanted, "plan": {**so_far["plan"], "findings": []}}
    so_far["run"] = EVENTS["planned"](so_far, now)
    so_far["run"] = EVENTS["compared"](so_far, now)
    return EVENTS["verdict"](so_far, now)


def test_a_comparison_says_where_dom0_was_not_asked() -> None:
    so_far = known(a_pool(*HOSTS))
    assert verified(so_far)["msg"] == "Every host conforms, in XAPI and in dom0."
    assert (
        verified(known(a_pool(*HOSTS), dom0="no"))["msg"]
        == "Every host conforms, in XAPI; dom0 was not asked (storage_bond_dom0 is false)."
    )


def test_a_host_whose_dom0_cannot_be_asked_is_not_proved() -> None:
    some = a_play(hostvars={name: {"xs_uuid": UUIDS[name]} for name in ("xs-1", "xs-2")})
    so_far = known(a_pool(*HOSTS), some)
    assert verified(so_far, some)["msg"] == "xs-3, dom0: not asked, since no host of the inventory has this name, address or uuid."
    assert "conforms" in verified(known(a_pool(*HOSTS), some, dom0="no"), some)["msg"]


def test_a_dom0_that_does_not_answer_is_a_difference() -> None:
    so_far = known(a_pool(*HOSTS))
    so_far["dom0"]["dom0"] = copy.deepcopy(so_far["dom0"]["dom0"]) | {UUIDS["xs-3"]: "no answer within 60 s"}
    assert verified(so_far)["failed"] and verified(so_far)["msg"] == "xs-3, dom0: no answer within 60 s"


# the wiring

A, NOBODY = {"system": "02:00:00:00:0a:01", "key": 11}, {"system": "", "key": 0}


@pytest.mark.parametrize(
    ("bond", "said"),
    [
        ({"lacp": "negotiated", "enabled": ["eth2", "eth4"]}, ""),
        ({"lacp": "configured", "enabled": ["eth2"]}, "xs-1: no partner answers the LACP of bond0."),
        ({"lacp": "not negotiated", "enabled": ["eth2"]}, "xs-1: no partner answers the LACP of bond0."),
        ({"lacp": "negotiated", "enabled": ["eth2"]}, "xs-1: eth4 of bond0 has a link and is not in the LACP bundle"),
        ({"lacp": "negotiated", "enabled": ["eth2"], "partners": {"eth2": A, "eth4": A}}, ""),  # eth4 waits for its updelay
        (
            {"lacp": "negotiated", "enabled": ["eth2"], "partners": {"eth2": A, "eth4": NOBODY}},
            "xs-1: no partner answers the LACP of bond0 on eth4, and on eth2 02:00:00:00:0a:01 (key 11) does, so that eth4 carries no",
        ),
        (
            {"lacp": "negotiated", "enabled": ["eth2"], "partners": {"eth2": A, "eth4": {**A, "key": 12}}},
            "xs-1: the NICs of bond0 have different LACP partners: eth2 02:00:00:00:0a:01 (key 11), eth4 02:00:00:00:0a:01 (key 12).",
        ),
        (
            {"lacp": "negotiated", "enabled": [], "partners": {"eth2": NOBODY, "eth4": NOBODY}},
            "xs-1: no partner answers the LACP of bond0 on eth2 and eth4.",
        ),
        (
            {"lacp": "configured", "enabled": ["eth2"], "partners": {"eth2": NOBODY, "eth4": NOBODY}},
            "xs-1: no partner answers the LACP of bond0 on eth2 and eth4.",
        ),
    ],
)
def test_an_lacp_bond_that_does_not_bundle_is_told(bond: dict[str, Any], said: str) -> None:
    host = {"uuid": "uuid-1", "bond": "bond", "device": "bond0", "mode": "lacp", "linked": ["eth2", "eth4"]}
    lines = lacp_lines({"xs-1": host}, {"uuid-1": {"bonds": {"bond0": bond}}})
    assert [line.startswith(f"Note: {said}") for line in lines] == ([True] if said else [])
    assert lacp_lines({"xs-1": {**host, "mode": "active-backup"}}, {"uuid-1": {"bonds": {"bond0": bond}}}) == []
    assert lacp_lines({"xs-1": host}, {"uuid-1": "no answer"}) == []


# changes that take themselves back

TIMER = {"state": "armed", "until": 1795346655, "owner": "anna on control (process 4711)"}
TAKEN = {"at": 1795346655, "seconds": 120, "done": True, "owner": "anna", "why": ""}


def test_a_timer_that_runs_stops_a_run_before_it_begins_and_is_a_difference() -> None:
    so_far = known(a_pool("xs-1"))
    so_far["dom0"]["dom0"][UUIDS["xs-2"]]["timer"] = TIMER
    said = (
        "dom0 of xs-2 has a timer: anna on control (process 4711) armed it, and it takes a bond back at 11:24:15 UTC unless that run"
        " confirms it."
    )
    assert rejection(so_far) == f"Nothing was changed. {said} Wait until then and run again."
    so_far = known(a_pool(*HOSTS))
    so_far["dom0"]["dom0"][UUIDS["xs-2"]]["timer"] = TIMER
    assert verified(so_far)["msg"] == said


def test_what_dom0_took_back_by_itself_is_said_and_in_the_report() -> None:
    so_far = known(a_pool("xs-1"))
    so_far["dom0"]["dom0"][UUIDS["xs-2"]]["taken_back"] = TAKEN
    said = "xs-2 took its bond (of anna) back by itself at 2026-11-22 11:24:15 UTC, since nobody confirmed it within 120 s."
    assert f"Note: {said}" in EVENTS["checked"](so_far, a_play())["lines"]
    assert reported({**so_far, "after": {}}, a_play(), 1795378500.0, "2.19")["notices"] == [said]
    so_far["run"] = EVENTS["host_begun"]({**so_far, "host": UUIDS["xs-2"]}, a_play())
    so_far["dom0"]["dom0"][UUIDS["xs-2"]]["taken_back"] = {}  # the timer of this run has begun
    report = reported({**so_far, "after": {}}, a_play(), 1795378500.0, "2.19")
    assert report["notices"] == [said]
    assert report["timeline"] == [{"host": "xs-2", "what": "taken_back", "at": 1795346655.0}]


def test_the_plan_shows_what_dom0_would_do() -> None:
    so_far = known(a_pool(), confirm_timeout="120")
    so_far["plan"] = {**so_far["plan"], "undo": {UUIDS["xs-1"]: {"sentence": "dom0 of xs-1 destroys the bond"}}}
    lines = EVENTS["checked"](so_far, a_play())["lines"]
    where = lines.index("Unless the change of a host is confirmed within 120 s:")
    assert lines[where + 1] == "- dom0 of xs-1 destroys the bond."


def test_hosts_that_are_to_be_guarded_have_to_be_reached() -> None:
    some = a_play(hostvars={name: {"xs_uuid": UUIDS[name]} for name in ("xs-1", "xs-2")})
    way: dict[str, Any] = {"dom0": "no", "strategy": "direct"}
    assert "xs-3: no host of the inventory" in rejection(known(a_pool(), some, confirm_timeout=60, **way), some)


@pytest.mark.parametrize("seconds", ["5", 9, -1, 3601])
def test_a_time_that_is_no_time_for_a_change_is_refused(seconds: Any) -> None:
    assert "give 0 (no timer) or 10 to 3600 seconds" in options(confirm_timeout=seconds)["msg"]


@pytest.mark.parametrize("option", ["wait_timeout", "timeout"])
@pytest.mark.parametrize("seconds", [0, -1, 86401])
def test_a_time_that_cannot_be_waited_is_refused_before_anything_is_asked(option: str, seconds: int) -> None:
    assert options(**{option: seconds})["msg"] == f"storage_bond_{option} is {seconds}; give 1 to 86400 seconds."


# saved plans


def test_a_run_that_ends_with_its_plan_writes_the_file_and_any_other_keeps_to_it() -> None:
    saving, real = options(plan="save", plan_file="a.json"), options(plan_file="a.json")
    assert (saving["only_plan"], saving["save_plan"], saving["saved_plan"]) == (True, "a.json", "")
    assert (real["only_plan"], real["save_plan"], real["saved_plan"]) == (False, "", "a.json")


def test_two_ways_to_say_which_plan_are_one_too_many() -> None:
    assert "Give one." in options(plan_file="a.json", plan_fingerprint="1:a:b;h=1/2")["msg"]
    assert options(plan="save", plan_file="a.json", plan_fingerprint="1:a:b;h=1/2")["only_plan"]


def test_fingerprints_of_several_pools_come_as_a_workflow_hands_them_on() -> None:
    assert options(plan_fingerprint={"pool-1": "1:a:b;h=1/2", "pool-2": "1:a:c;i=1/2"})["plan_fingerprint"] == "1:a:b;h=1/2 1:a:c;i=1/2"


def test_a_run_that_ends_with_its_plan_hands_the_fingerprint_on() -> None:
    so_far = known(a_pool(), plan="save")
    so_far["plan"] = {**so_far["plan"], "fingerprint": "1:a:b;h=1/2"}
    assert "The fingerprint of the plan: 1:a:b;h=1/2" in EVENTS["checked"](so_far, a_play())["lines"]
    kept = left(so_far)
    assert kept["storage_bond_plan_fingerprint"] == {so_far["plan"]["pool"]["uuid"]: "1:a:b;h=1/2"}
    assert "storage_bond_plan_fingerprint" not in left(known(a_pool(*HOSTS)))


def test_a_run_on_another_pool_than_the_one_that_is_meant_is_refused() -> None:
    for meant, said in (("", ""), ("another", "storage_bond_pool says that another is meant")):
        found = rejection(known(a_pool("xs-1"), pool=meant))
        assert said in found and bool(found) is bool(said)
    so_far = known(a_pool("xs-1"))
    for meant in (so_far["run"]["pool"], so_far["run"]["pool_uuid"]):
        assert rejection(known(a_pool("xs-1"), pool=meant)) == ""


# what AWX keeps


def left(so_far: dict[str, Any], play: Play | None = None) -> dict[str, Any]:
    """The artifacts of a job, after its last words."""
    ended = EVENTS["ended"]({**so_far, "now": {}}, play or a_play())
    data: dict[str, Any] = EVENTS["kept"]({**so_far, "run": ended, "now": {}}, play or a_play())["ansible_stats"]["data"]
    return data


def entry(data: dict[str, Any], stage: str) -> dict[str, Any]:
    """The only pool's, which is under `storage_bond` too."""
    assert data["storage_bond"] == data[f"storage_bond_result_{stage}"]
    ((_pool, found),) = data["storage_bond"].items()
    assert found["stage"] == stage
    return dict(found)


def of_verify(so_far: dict[str, Any]) -> dict[str, Any]:
    so_far = {**so_far, "options": {**so_far["options"], "state": "verified"}, "plan": {**so_far["plan"], "findings": []}}
    so_far["run"] = EVENTS["planned"](so_far, a_play())
    so_far["run"] = EVENTS["compared"](so_far, a_play())
    return left(so_far)


def test_each_stage_leaves_the_same_keys_under_a_name_of_its_own() -> None:
    planned, applied = left(known(a_pool("xs-1"), plan="save")), left(known(a_pool(*HOSTS)))
    plan_, apply_, verify_ = entry(planned, "plan"), entry(applied, "apply"), entry(of_verify(known(a_pool(*HOSTS))), "verify")
    played = {"rc": 0, "started": True, "pool": "one", "address": "xs-1.example.com"}
    rehearse_ = entry(EVENTS["rehearsed"]({"result": played}, a_play())["ansible_stats"]["data"], "rehearse")
    assert set(plan_) == set(apply_) == set(verify_) == set(rehearse_)
    assert all(found["successful"] and found["message"] for found in (plan_, apply_, verify_, rehearse_))
    assert (plan_["planned"], plan_["changed"], plan_["conforms"]) == (["xs-2", "xs-3"], [], False)
    assert any(line.startswith("1. xs-2: ") for line in plan_["lines"])
    assert (apply_["changed"], apply_["conforms"], verify_["changed"], verify_["conforms"]) == ([], True, [], True)


def test_a_refused_plan_leaves_its_sentences_and_no_fingerprint() -> None:
    so_far = known(a_pool("xs-1"), plan="save")
    so_far["dom0"]["silent"] = ["xs-2: dom0 does not answer."]
    # Ansible counts the host that has just failed as gone.
    hostvars = {name: {"xs_uuid": UUIDS[name], "storage_bond_run": so_far["run"]} for name in HOSTS}
    data = EVENTS["kept"]({**so_far, "now": {}}, a_play(hosts=HOSTS[1:], hostvars=hostvars))["ansible_stats"]["data"]
    found = entry(data, "plan")
    assert (found["successful"], found["message"], found["planned"]) == (False, rejection(so_far), ["xs-2", "xs-3"])
    assert "xs-2: dom0 does not answer." in found["message"] and "storage_bond_plan_fingerprint" not in data


def test_a_run_that_stopped_leaves_what_is_done_and_what_went_wrong() -> None:
    so_far = known(a_pool("xs-1"))
    for event, given in (("host_begun", {"host": UUIDS["xs-2"]}), ("failed", {"task": "Make it", "result": {"msg": "No."}, "now": {}})):
        so_far["run"] = EVENTS[event]({**so_far, "timeline": [], **given}, a_play())
    found = entry(EVENTS["kept"]({**so_far, "now": {}}, a_play())["ansible_stats"]["data"], "apply")
    assert not found["successful"] and found["changed"] == []
    assert found["message"].startswith('xs-2 failed at "Make it": No.')


def test_a_rehearsal_without_a_twin_tells_nothing_about_the_real_run() -> None:
    played = {"rc": 1, "started": True, "pool": "one", "address": "xs-1.example.com"}
    stopped = EVENTS["rehearsed"]({"result": played}, a_play())
    assert "the real run is expected to stop at the same place" in stopped["message"]
    unknown = EVENTS["rehearsed"]({"result": {**played, "started": "False"}}, a_play())
    assert not unknown["successful"] and "It tells nothing about the real run." in unknown["message"]
    assert unknown["ansible_stats"]["data"]["storage_bond_rehearsal"] == {"xs-1.example.com": {"successful": False}}


def test_a_rehearsal_of_a_pool_that_cannot_be_read_says_why_and_is_under_its_address() -> None:
    played = {"rc": 1, "started": False, "pool": "", "address": "xs-1.example.com", "unread": "https://xs-1.example.com is away\n"}
    stopped = EVENTS["rehearsed"]({"result": played}, a_play())
    said = "The rehearsal did not take place: https://xs-1.example.com is away. Nothing was changed on the pool."
    assert stopped["message"] == said and not stopped["successful"]
    assert list(stopped["ansible_stats"]["data"]["storage_bond_result_rehearse"]) == ["xs-1.example.com"]


def test_a_bond_that_runs_on_one_nic_is_in_what_awx_keeps_though_it_conforms() -> None:
    made = a_pool(*HOSTS)
    made.link("xs-2", "eth4")["carrier"] = False
    found = entry(of_verify(known(made)), "verify")
    assert found["conforms"] and found["findings"] == []
    assert [(one["code"], one["host"]) for one in found["degraded"]] == [("degraded", "xs-2")]


# several pools


def test_a_table_of_the_pools_is_shown_where_there_are_several() -> None:
    run = known(a_pool())["run"]
    other = {**run, "pool": "paris", "pool_uuid": "other"}
    skipped = {"leads": False}
    hostvars = {"xs-1": {"storage_bond_run": run}, "xs-2": {"storage_bond_run": skipped}, "xs-3": {"storage_bond_run": other}}
    table = EVENTS["sum_up"]({"variable": "storage_bond_run"}, a_play(hostvars=hostvars))["msg"]
    assert [line.split()[0] for line in table] == ["pool", run["pool"], "paris"]
    alone = EVENTS["sum_up"]({"variable": "storage_bond_run"}, a_play(hostvars={"xs-1": {"storage_bond_run": run}, "xs-2": {}, "xs-3": {}}))
    assert alone["skipped"]


def planned_pool(bonded: bool, pool: str = "one") -> dict[str, Any]:
    made = a_pool(*HOSTS) if bonded else a_pool()
    run = known(made)["run"]
    return {**run, "check": True, "stage": "over", "pool": pool, "pool_uuid": pool}


def is_anything_to_do(*runs: Mapping[str, Any]) -> dict[str, Any]:
    hostvars = {f"xs-{number}": {"storage_bond_run": run} for number, run in enumerate(runs, start=1)}
    hostvars |= {name: {} for name in ("xs-1", "xs-2", "xs-3") if name not in hostvars}
    return EVENTS["unchanged"]({"variable": "storage_bond_run"}, a_play(hostvars=hostvars))


def test_a_plan_of_nothing_ends_the_job_where_a_workflow_wants_that() -> None:
    said = is_anything_to_do(planned_pool(bonded=True), planned_pool(bonded=True, pool="two"))
    assert said["failed"] and said["msg"].startswith("Nothing to do on one, two: every host is already as it should be.")


def test_a_plan_that_changes_one_of_two_pools_goes_on() -> None:
    assert is_anything_to_do(planned_pool(bonded=True), planned_pool(bonded=False, pool="two")) == {}


def test_a_run_that_had_nothing_to_do_is_no_plan_of_nothing() -> None:
    assert is_anything_to_do({**planned_pool(bonded=True), "check": False}) == {}
    assert is_anything_to_do({**planned_pool(bonded=True), "stage": ""}) == {}  # refused
    assert is_anything_to_do({"leads": False}) == {}


def test_a_pool_that_cannot_be_read_is_told_and_kept_by_verify_too() -> None:
    unread: dict[str, Any] = {"options": options(state="verified"), "plan": {"changed": False, "msg": "xs-1.example.com does not answer."}}
    unread |= {"variable": "storage_bond_run", "dom0": {}, "now": {}}
    unread["run"] = EVENTS["planned"](unread, a_play())
    told = EVENTS["verdict"](unread, a_play())
    assert told["failed"] and set(told) == {"failed", "msg"} and told["msg"] == "xs-1.example.com does not answer."
    found = entry(EVENTS["kept"](unread, a_play())["ansible_stats"]["data"], "verify")
    assert (found["successful"], found["conforms"], found["message"]) == (False, False, "xs-1.example.com does not answer.")
    by_name = EVENTS["kept"](unread, a_play(hostvars={"xs-1": {"xs_pool": "one"}}))["ansible_stats"]["data"]["storage_bond"]
    assert list(by_name) == ["one"], "as the inventory calls the pool, which could not be asked"


def test_steps_of_two_plans_are_compared_without_their_numbers_and_not_all_of_a_big_pool_are_told() -> None:
    approved = ["1. make the network NAS", "2. xs-1: bond eth2 and eth4", "Time: about a minute"]
    assert other_steps(approved, ["1. xs-1: bond eth2 and eth4"]) == ["The approved plan has: make the network NAS"]
    assert len(other_steps(approved, approved)) == 1 and "the same" in other_steps(approved, approved)[0]
    many = other_steps([], [f"{number}. xs-{number}: bond" for number in range(1, 65)])
    assert len(many) == MOST_STEPS + 1 and many[0] == "A plan made now has: xs-1: bond" and many[-1] == "More steps are different."
