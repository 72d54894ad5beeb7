# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What XAPI does not know of the NICs, and dom0 does, stops a plan before anything is changed."""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.nics import (
    bridges_in_use,
    bridges_of_nics,
    dom0_problems,
    left_bridges,
    with_dom0,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial

THERE = {"eth2": "xenbr2", "eth4": "xenbr4"}


def answer(bridge_of: dict[str, str], *gone: str, backend: str = "openvswitch") -> dict[str, Any]:
    """What dom0 says: every NIC has a device, but for those that are gone."""
    devices = [device for device in ("eth0", "eth2", "eth4", "xenbr2") if device not in gone]
    interfaces: dict[str, Any] = {device: {} for device in devices}
    return {"uuid": "", "backend": backend, "bridges": [], "bonds": {}, "interfaces": interfaces, "bridge_of": bridge_of}


def bonded(attached: bool = True) -> APool:
    made = tutorial()
    made.network("NAS", bridge="xapi7")
    made.bond("xs-2", "NAS", ["eth2", "eth4"])
    made.nic("xs-2", "bond0")["currently_attached"] = attached
    return made


def test_xapi_has_a_nic_in_the_bridge_of_its_own_network_or_of_a_bond_that_is_attached() -> None:
    for made, expected in ((tutorial(), THERE), (bonded(False), THERE), (bonded(), {"eth2": "xapi7", "eth4": "xapi7"})):
        pool = made.pool
        assert bridges_of_nics(pool, pool.hosts[1], ["eth2", "eth4"]) == expected


def test_a_dom0_that_agrees_is_no_problem() -> None:
    assert dom0_problems("xs-2", THERE, answer(THERE)) == []
    assert dom0_problems("xs-2", THERE, answer({"eth2": "xenbr2"})) == []  # eth4 is not plugged
    assert dom0_problems("xs-2", THERE, {**answer({}), "bridge_of": None}) == []  # facts of an older release of this collection
    assert dom0_problems("xs-2", THERE, "Connection refused") == []


def test_a_nic_without_a_device_is_a_problem() -> None:
    (found,) = dom0_problems("xs-2", THERE, answer({"eth2": "xenbr2"}, "eth4"))
    assert (found.code, found.blocks) == ("nic_device_missing", True)
    assert found.sentence == "xs-2: dom0 has no device eth4, though XAPI has a PIF of it. A bond of it would stay half made."


def test_nics_in_a_bridge_that_half_a_bond_has_left_are_a_problem_with_the_very_line() -> None:
    (found,) = dom0_problems("xs-2", THERE, answer({"eth2": "xapi7", "eth4": "xapi7"}))
    assert (found.code, found.blocks) == ("bridge_left", True)
    assert "dom0 has eth2 and eth4 in the bridge xapi7, of which XAPI knows nothing" in found.sentence
    assert found.remedy == "In dom0 of xs-2: ovs-vsctl --if-exists del-br xapi7"
    (linux,) = dom0_problems("xs-2", THERE, answer({"eth2": "xapi7"}, backend="bridge"))
    assert linux.remedy == "In dom0 of xs-2: ip link set xapi7 down && brctl delbr xapi7"


def test_a_bridge_that_xapi_uses_is_never_one_to_delete() -> None:
    made = tutorial()
    made.network("Backup", bridge="xapi9")
    made.bond("xs-2", "Backup", ["eth3", "eth5"])
    pool = made.pool
    in_use = bridges_in_use(pool, pool.hosts[1])
    assert "xapi9" in in_use and "xapi7" not in in_use
    (left,) = left_bridges("xs-2", THERE, answer({"eth2": "xapi9"}), in_use)
    assert not left.deletable
    found = left.problem({"bridge_left"})
    assert found.blocks and "in the bridge xapi9, which XAPI has for something else" in found.sentence and "del-br" not in found.remedy
    (gone,) = left_bridges("xs-2", THERE, answer({"eth2": "xapi7"}), in_use)
    assert gone.deletable and not gone.problem({"bridge_left"}).blocks


def test_only_hosts_that_the_plan_changes_are_looked_at() -> None:
    made = bonded()
    pool = made.pool
    answers = {host.uuid: answer({}, "eth4") for host in pool.hosts}
    assert [one.host for one in with_dom0(pool, plan(pool, spec()), answers).blocking] == ["xs-1"]
    assert with_dom0(pool, plan(pool, spec()), {}).blocking == ()


def test_the_role_deletes_such_a_bridge_with_consent_where_xapi_has_given_it_its_name() -> None:
    left = {"eth2": "xapi7", "eth4": "xapi7"}
    (asks,) = dom0_problems("xs-2", THERE, answer(left), ())
    assert asks.blocks and asks.remedy.endswith(
        "del-br xapi7; or add bridge_left to storage_bond_accept, and the run does that itself, just before it changes the host"
    )
    (accepted,) = dom0_problems("xs-2", THERE, answer(left), ["bridge_left"])
    assert not accepted.blocks
    for strange in (answer({"eth2": "xenbr0"}), answer({"eth2": "br-lab"}), answer(left, backend="bridge")):
        (kept,) = dom0_problems("xs-2", THERE, strange, ["bridge_left"])
        assert kept.blocks and "storage_bond_accept" not in kept.remedy, "it may carry something else"
