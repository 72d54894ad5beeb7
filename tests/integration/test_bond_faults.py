# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_bond while things go wrong under it: lost replies, errors that are none, an incomplete bond.

Nothing is called twice, and running again finishes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run import apply
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_bond

from tests.integration.test_bond import bond, info, pifs, running, task, written, xapi
from xapi_twin.running import RunningTwin

# A run that writes in every way there is: a network, bonds, settings of their PIFs, a VLAN.
WISH: dict[str, Any] = {
    "purpose": "NFS", "disallow_unplug": True, "vlans": [{"tag": 50, "network": "V50"}],
    "addresses": {"xs-2": {"ip": "172.16.0.40", "netmask": "255.255.255.240"}},
}  # fmt: skip
WRITES = [
    ("network.create", 2), ("Bond.create", 2), ("PIF.add_to_other_config", 2), ("PIF.set_disallow_unplug", 2), ("PIF.reconfigure_ip", 1),
    ("VLAN.create", 2),
]  # fmt: skip


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost call has not done after half a second, it has not done."""
    monkeypatch.setattr(apply, "SETTLE_SECONDS", 0.5)


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def undisturbed() -> dict[Any, Any]:
    with running() as twin:
        bond(twin, **WISH)
        assert Counter(written(twin)) == dict(WRITES)
        return pifs(twin)


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize("method, nth", [(method, nth) for method, times in WRITES for nth in range(1, times + 1)])
def test_a_write_whose_connection_is_lost_is_never_sent_again_in_the_same_run(
    twin: RunningTwin, undisturbed: dict[Any, Any], method: str, nth: int, stage: str
) -> None:
    twin.add_fault(when={"method": method, "nth": nth}, do="drop", stage=stage)
    if stage == "before":
        with pytest.raises(NetworkError, match=f"{method} was carried out.*Run again"):
            bond(twin, **WISH)
    else:
        done, said = task(twin, xs_bond, **WISH)
        assert xs_bond.work(done)["findings"] == []
        assert any(f"the reply to {method} was lost; the pool shows that it was carried out" in text for text in said)
    assert most_often(twin) <= 1
    assert twin.journal.count(method) == (nth if stage == "before" else dict(WRITES)[method])
    bond(twin, **WISH)
    assert pifs(twin) == undisturbed
    assert info(twin, **WISH)["conforms"]


def most_often(twin: RunningTwin) -> int:
    """How often the very same write was sent."""
    return max(Counter((entry.method, str(entry.arguments)) for entry in twin.journal.writes()).values(), default=0)


@pytest.mark.parametrize("method, nth", [("event.from", number) for number in range(1, 8)] + [("task.destroy", 1), ("session.logout", 1)])
@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_lost_answer_to_anything_else_costs_a_second_run_at_the_most(
    twin: RunningTwin, undisturbed: dict[Any, Any], method: str, nth: int, stage: str
) -> None:
    twin.add_fault(when={"method": method, "nth": nth}, do="drop", stage=stage)
    try:
        bond(twin, **WISH)
    except NetworkError as error:
        assert error.message.rstrip().endswith((".", ":"))
    assert most_often(twin) <= 1
    bond(twin, **WISH)
    assert pifs(twin) == undisturbed


def test_an_error_does_not_mean_that_it_was_not_done(twin: RunningTwin, undisturbed: dict[Any, Any]) -> None:
    twin.add_fault(
        when={"method": "PIF.set_disallow_unplug"}, do="error", stage="after", code="HANDLE_INVALID", params=["task", "OpaqueRef:x"]
    )
    done, said = task(twin, xs_bond, **WISH)
    assert xs_bond.work(done)["findings"] == []
    assert "xs-1: PIF.set_disallow_unplug answered HANDLE_INVALID, but the pool shows that it was carried out." in said
    assert most_often(twin) == 1
    assert pifs(twin) == undisturbed


@pytest.mark.parametrize("code, waited", [("TASK_CANCELLED", True), ("PIF_UNMANAGED", False)])
def test_only_an_error_that_leaves_it_open_is_waited_out(twin: RunningTwin, code: str, waited: bool) -> None:
    bond(twin)

    def do_it_later(point: Any) -> None:
        """The work is done a moment after the error was answered."""
        if point.name == "PIF.set_disallow_unplug" and point.stage == "before":
            database = twin.twin.database
            own = [ref for ref, pif in database.all("PIF").items() if pif["device"] == "bond0"]
            for ref in own:
                asyncio.get_running_loop().call_later(0.2, partial(database.set, "PIF", ref, disallow_unplug=True))

    twin.call(twin.twin.faults.on_point.append, do_it_later)
    twin.add_fault(when={"method": "PIF.set_disallow_unplug"}, do="error", code=code, params=["OpaqueRef:x"])
    if waited:
        assert bond(twin, disallow_unplug=True)["findings"] == []
    else:
        with pytest.raises(NetworkError, match="could not set disallow_unplug"):
            bond(twin, disallow_unplug=True)


def test_a_bond_for_a_member_whose_xapi_is_stopped_is_made_once(
    twin: RunningTwin, undisturbed: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call waits, is answered with an error when the member is back, and the bond is made all the same, after the answer (recorded)."""
    monkeypatch.setattr(apply, "SETTLE_SECONDS", 5.0)
    creations: list[str] = []

    async def stop_and_start(point: Any) -> None:
        if point.name == "Async.Bond.create" and point.stage == "before":
            creations.append(point.name)
            if len(creations) == 2:
                member = twin.twin.host("xs-2")
                await member.stop_xapi()
                asyncio.get_running_loop().call_later(0.5, lambda: running_start.append(asyncio.ensure_future(member.start_xapi())))

    running_start: list[asyncio.Future[None]] = []
    twin.call(twin.twin.faults.on_point.append, stop_and_start)
    done, said = task(twin, xs_bond, **WISH)
    assert xs_bond.work(done)["findings"] == []
    assert len(creations) == 2 and running_start
    assert [text for text in said if "xs-2" in text and text.endswith("but the pool shows that it was carried out.")], said
    assert most_often(twin) == 1
    assert pifs(twin) == undisturbed


def test_an_error_of_xapi_is_told_with_names_and_with_what_was_done(twin: RunningTwin, undisturbed: dict[Any, Any]) -> None:
    twin.add_fault(
        when={"moment": "bond.create.checked", "host": "xs-2"}, do="error", code="PIF_CONFIGURATION_ERROR", params=["eth2", "no"]
    )
    with pytest.raises(NetworkError) as failed:
        bond(twin, **WISH)
    assert failed.value.message.startswith("xs-2: could not bond eth2 and eth4 on NAS (active-backup)")
    assert "Done before it: make the network NAS" in failed.value.message and "xs-1: bond eth2 and eth4" in failed.value.message
    assert failed.value.facts["failed_step"]["action"] == "create_bond"
    assert [step["action"] for step in failed.value.facts["done"]][:3] == ["create_network", "create_network", "create_bond"]
    bond(twin, **WISH)
    assert pifs(twin) == undisturbed


@pytest.mark.parametrize("moment", ["bond.create.recorded", "bond.plug", "bond.create.plugged", "bond.create.moved"])
def test_half_a_bond_is_completed_by_the_next_run(twin: RunningTwin, undisturbed: dict[Any, Any], moment: str) -> None:
    do = {"do": "fail_to_plug"} if moment == "bond.plug" else {"do": "error", "code": "INTERNAL_ERROR", "params": ["planned"]}
    twin.add_fault(when={"moment": moment, "host": "xs-2"}, **do)
    try:
        bond(twin, **WISH)
    except NetworkError as error:
        assert "xs-2" in error.message
    bond(twin, **WISH)
    assert pifs(twin) == undisturbed
    assert info(twin, **WISH)["conforms"]
    before = len(twin.journal)
    assert bond(twin, **WISH)["changed"] is False
    assert written(twin, before) == []


def test_a_host_on_which_the_call_fails_half_way_has_its_address_again_before_the_run_ends(twin: RunningTwin) -> None:
    twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
    with pytest.raises(NetworkError, match=r"The incomplete bond that it left is destroyed, and eth2 has 172.16.0.36 again\."):
        bond(twin)
    now = pifs(twin)
    assert ("xs-2", "bond0", "-1") not in now
    assert [now["xs-2", nic, "-1"]["currently_attached"] for nic in ("eth2", "eth4")] == [True, True]
    assert now["xs-2", "eth2", "-1"]["IP"] == "172.16.0.36"
    assert bond(twin)["hosts"]["xs-2"]["attached"]


def test_a_nic_whose_device_is_gone_leaves_a_bridge_and_the_message_says_how_to_delete_it(twin: RunningTwin) -> None:
    twin.run(twin.twin.host("xs-2").nic_gone, "eth4")
    with pytest.raises(NetworkError) as failed:
        bond(twin)
    assert "dom0 of this host has no device eth4" in failed.value.message
    assert "Destroying the incomplete bond that it left failed too: eth2 of xs-2 could not be configured" in failed.value.message
    bridge = twin.call(lambda: next(name for name, found in twin.twin.host("xs-2").dom0.bridges.items() if found.held))
    assert f"(ovs-vsctl del-br {bridge})" in failed.value.message
    twin.run(twin.twin.host("xs-2").backend.bring_down, bridge)
    twin.run(twin.twin.host("xs-2").nic_back, "eth4")
    assert bond(twin)["hosts"]["xs-2"]["attached"]


def test_what_someone_else_takes_away_meanwhile_is_told(twin: RunningTwin) -> None:
    xapi(twin, ("PIF.set_disallow_unplug", "xs-1:eth2", False))
    bond(twin, hosts=["xs-1"])
    taken: list[str] = []

    def take_away(point: Any) -> None:
        """Another admin destroys the bond while we are about to name its purpose."""
        if point.name == "PIF.add_to_other_config" and point.stage == "before" and not taken:
            taken.append(point.name)
            database = twin.twin.database
            for bond_ref in list(database.all("Bond")):
                database.remove("PIF", database.all("Bond")[bond_ref]["master"])
                database.remove("Bond", bond_ref)

    twin.call(twin.twin.faults.on_point.append, take_away)
    with pytest.raises(NetworkError, match=r"(?s)no longer exists.*someone else") as failed:
        bond(twin, hosts=["xs-1"], purpose="NFS")
    assert taken and "Nothing was changed before it" in failed.value.message


def test_a_lost_connection_while_a_bond_is_taken_apart(twin: RunningTwin) -> None:
    before = pifs(twin)
    bond(twin)
    for stage in ("before", "after"):
        twin.add_fault(when={"method": "Bond.destroy"}, do="drop", stage=stage)
    try:
        bond(twin, state="absent")
    except NetworkError as error:
        assert "Bond.destroy" in error.message
    bond(twin, state="absent")
    assert pifs(twin) == before
