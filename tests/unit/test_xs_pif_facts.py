# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is meant, and what is told of it."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_pif_facts
from ansible_collections.xapi.network.plugins.modules.xs_pif_facts import compiled, facts_of
from ansible_collections.xapi.network.tests.unit.pools import APool


@pytest.fixture
def made() -> APool:
    made = APool("xs-1", "xs-2", nics=12)
    made.host("xs-2").update(hostname="second.lab", address="172.16.0.12")
    made.network("NAS")
    made.address("xs-1", "eth2", "172.16.0.35")
    made.bond("xs-1", "NAS", ["eth4", "eth2"])
    return made


@pytest.mark.parametrize("name", ["xs-2", "second.lab", "172.16.0.12"])
def test_a_host_answers_to_its_name_host_name_and_address(made: APool, name: str) -> None:
    assert made.pool.host_meant(name).name == "xs-2"


def test_a_host_answers_to_its_uuid(made: APool) -> None:
    assert made.pool.host_meant(made.host("xs-2")["uuid"]).name == "xs-2"


def test_the_first_name_that_fits_counts(made: APool) -> None:
    assert made.pool.host_meant("xs-1", "172.16.0.12").name == "xs-1"
    assert made.pool.host_meant("unknown", "172.16.0.12").name == "xs-2"
    assert made.pool.host_meant(None, "172.16.0.12").name == "xs-2"


def test_a_name_that_fits_two_hosts_is_an_error_with_both_uuids(made: APool) -> None:
    made.host("xs-2")["hostname"] = "xs-1"
    with pytest.raises(NetworkError, match="2 hosts of the pool lab answer to xs-1") as caught:
        made.pool.host_meant("xs-1")
    assert made.host("xs-1")["uuid"] in caught.value.message


def test_an_unknown_host_is_an_error_that_lists_those_that_are_there(made: APool) -> None:
    with pytest.raises(NetworkError, match=r"The pool lab has no host xs-9\. It has xs-1 \(.*\), xs-2 \(172.16.0.12\)"):
        made.pool.host_meant("xs-9", "xs-9")


def test_pifs_are_in_the_order_of_their_numbers(made: APool) -> None:
    devices = [pif["device"] for pif in facts_of(made.pool, made.pool.host_meant("xs-2"))["pifs"]]
    assert devices == [f"eth{number}" for number in range(12)]


def test_references_become_uuids_and_names(made: APool) -> None:
    facts = facts_of(made.pool, made.pool.host_meant("xs-1"))
    (bond,) = facts["bonds"]
    eth2, bond0 = made.nic("xs-1", "eth2"), made.nic("xs-1", "bond0")
    assert (bond["master"], bond["primary_slave"], bond["nics"]) == (bond0["uuid"], eth2["uuid"], ["eth2", "eth4"])
    row = next(pif for pif in facts["pifs"] if pif["device"] == "eth2")
    assert (row["bond_slave_of"], row["bond_master_of"], row["network_name_label"]) == (bond["uuid"], "", "Pool-wide network 2")
    assert "OpaqueRef" not in str(facts)


def test_numbers_are_numbers(made: APool) -> None:
    pif = facts_of(made.pool, made.pool.host_meant("xs-1"))["pifs"][0]
    assert (type(pif["MTU"]), type(pif["VLAN"]), type(pif["speed"])) == (int, int, int)


def test_a_missing_jmespath_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xs_pif_facts, "jmespath", None)
    with pytest.raises(NetworkError, match="jmespath, which is missing for the interpreter") as caught:
        compiled("[0]")
    assert sys.executable in caught.value.message
    assert compiled(None) is compiled("") is None
