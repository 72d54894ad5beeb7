# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bond whose making ended half-way, as an xapi that died leaves it: nothing that is still on its NICs may be lost."""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, plan
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


def bonded() -> APool:
    made = tutorial()
    made.network("NAS")
    for host in ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    return made


def with_vlan_on_a_nic(attached: bool) -> APool:
    """XAPI moves VLANs to a bond when that is up."""
    made = bonded()
    made.network("Backup")
    made.vlan("xs-2", "eth2", 50, "Backup")
    made.nic("xs-2", "bond0")["currently_attached"] = attached
    return made


def leave_on_nic(made: APool, **fields: Any) -> None:
    made.nic("xs-2", "eth2").update(fields)


def steps(the_plan: Plan) -> list[str]:
    assert not the_plan.blocking, the_plan.blocking
    return [step.action for step in the_plan.steps]


def test_a_bond_with_vlans_left_on_its_nic_is_made_anew() -> None:
    for attached in (True, False):
        done = steps(plan(with_vlan_on_a_nic(attached).pool, spec(accept=["storage_in_use"])))
        assert done.index("destroy_bond") < done.index("create_bond")


def test_a_vlan_that_is_on_the_bond_and_still_on_its_nic_becomes_one_again() -> None:
    made = with_vlan_on_a_nic(attached=True)
    made.vlan("xs-2", "bond0", 50, "Backup")
    the_plan = plan(made.pool, spec(accept=["storage_in_use"]))
    done = steps(the_plan)
    assert done.index("destroy_bond") < done.index("create_bond")
    assert [one.vlans for one in the_plan.predictions] == [(), (50,)]


def test_an_address_left_on_the_nic_is_given_to_the_bond_before_that_is_taken_apart() -> None:
    made = with_vlan_on_a_nic(attached=True)
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None", IP="", netmask="")
    leave_on_nic(made, ip_configuration_mode="Static", IP="172.16.0.36", netmask="255.255.255.240")
    the_plan = plan(made.pool, spec())
    done = steps(the_plan)
    assert done.index("reconfigure_ip") < done.index("destroy_bond") < done.index("create_bond")
    assert the_plan.steps[done.index("reconfigure_ip")].arguments["ip"] == "172.16.0.36"
    assert [one.ip for one in the_plan.predictions][1] == "172.16.0.36"


def test_an_address_left_on_the_nic_moves_to_the_bond_and_only_then_off_the_nic() -> None:
    made = bonded()
    made.nic("xs-2", "bond0").update(ip_configuration_mode="None", IP="", netmask="")
    leave_on_nic(made, ip_configuration_mode="Static", IP="172.16.0.36", netmask="255.255.255.240")
    assert steps(plan(made.pool, spec())) == ["reconfigure_ip", "clear_ip"]


def test_disallow_unplug_left_on_the_nic_moves_to_the_bond_in_place() -> None:
    made = bonded()
    leave_on_nic(made, disallow_unplug=True)
    assert steps(plan(made.pool, spec())) == ["set_disallow_unplug", "allow_nic_unplug"]


def test_a_whole_bond_is_left_alone() -> None:
    assert steps(plan(bonded().pool, spec())) == []
