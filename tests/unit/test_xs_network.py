# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xs_network would call, as a pure function of the pool and the spec."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._network.plan import NetworkPlan, NetworkSpec, plan
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import APool


@pytest.fixture
def made() -> APool:
    """xs-1 has a bond on NAS; nothing is on the network empty."""
    made = APool("xs-1", "xs-2")
    made.network("NAS", mtu=9000).update(other_config={"a": "b"}, tags=["x"], purpose=["nbd"], name_description="Storage")
    made.network("empty")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    return made


def planned(made: APool, **spec: Any) -> NetworkPlan:
    return plan(made.pool, NetworkSpec(**spec))


def methods(found: NetworkPlan) -> list[str]:
    return [method for method, _arguments in found.calls]


def test_a_network_that_is_as_wished_needs_no_call(made: APool) -> None:
    spec = {"name": "NAS", "description": "Storage", "mtu": 9000, "other_config": {"a": "b"}, "tags": ("x",), "purpose": ("nbd",)}
    found = planned(made, **spec)
    assert found.calls == ()
    assert found.before == found.after


def test_a_network_that_is_only_named_is_left_as_it_is(made: APool) -> None:
    assert planned(made, name="NAS").calls == ()


def test_a_new_network_is_one_record_with_the_fields_that_xapi_insists_on(made: APool) -> None:
    ((method, (record,)),) = planned(made, name="backup").calls
    assert method == "network.create"
    assert record == {"name_label": "backup", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []}


def test_the_bridge_is_sent_only_when_it_is_wished(made: APool) -> None:
    assert planned(made, name="backup", bridge="brbackup").calls[0][1][0]["bridge"] == "brbackup"


def test_each_difference_is_one_call(made: APool) -> None:
    found = planned(made, name="NAS", description="", mtu=1500, other_config={"a": None}, tags=(), purpose=("insecure_nbd",))
    assert found.calls == (
        ("network.set_name_description", ("",)),
        ("network.set_MTU", ("1500",)),
        ("network.remove_from_other_config", ("a",)),
        ("network.set_tags", ([],)),
        ("network.remove_purpose", ("nbd",)),
        ("network.add_purpose", ("insecure_nbd",)),
    )


def test_the_plan_knows_what_the_network_will_be(made: APool) -> None:
    after = planned(made, name="NAS", mtu=1500, other_config={"c": "d"}).after
    assert after is not None
    assert (after.mtu, dict(after.other_config), after.tags, after.description) == (1500, {"a": "b", "c": "d"}, ("x",), "Storage")


def test_a_new_mtu_warns_only_of_what_is_plugged(made: APool) -> None:
    assert planned(made, name="NAS", mtu=1500).warnings == (
        "The new MTU 1500 of NAS takes effect when its PIFs are plugged again: bond0 of xs-1.",
    )
    assert planned(made, name="empty", mtu=9000).warnings == ()


def test_two_networks_of_one_name_are_an_error_with_both_uuids(made: APool) -> None:
    first, second = made.network_called("NAS"), made.network("NAS ")
    second["name_label"] = "NAS"
    for present in (True, False):
        with pytest.raises(NetworkError) as caught:
            planned(made, name="NAS", present=present)
        assert first["uuid"] in caught.value.message
        assert second["uuid"] in caught.value.message
    assert planned(made, uuid=second["uuid"], mtu=1500).calls == ()


def test_an_empty_network_goes(made: APool) -> None:
    assert methods(planned(made, name="empty", present=False)) == ["network.destroy"]
    assert planned(made, name="never there", present=False).calls == ()


def test_a_network_with_pifs_or_vifs_stays(made: APool) -> None:
    made.vif("empty", "web-1", "xs-1", attached=False)
    with pytest.raises(NetworkError, match="left alone: bond0 of xs-1"):
        planned(made, name="NAS", present=False)
    with pytest.raises(NetworkError, match="left alone: VIF 0 of web-1"):
        planned(made, name="empty", present=False)


def test_the_network_of_the_system_stays(made: APool) -> None:
    made.network_called("empty")["other_config"]["is_host_internal_management_network"] = "true"
    with pytest.raises(NetworkError, match="belongs to the system"):
        planned(made, name="empty", present=False)


@pytest.mark.parametrize("bridge", ["xenbr9", "xapi9", "vif1", "tap0", "eth0", "a" * 16])
def test_bridges_that_xapi_refuses_are_refused_first(made: APool, bridge: str) -> None:
    with pytest.raises(NetworkError, match=f"bridge is '?{bridge}'?; .*(dom0 or xapi has that name for itself|has at most 15)"):
        planned(made, name="backup", bridge=bridge)


def test_all_mistakes_are_told_at_once(made: APool) -> None:
    with pytest.raises(NetworkError) as caught:
        planned(made, name="backup", bridge="xapi9", mtu=1)
    assert "mtu is 1; it can be 68 to 65535" in caught.value.message
    assert "bridge is xapi9; dom0 or xapi has that name" in caught.value.message
