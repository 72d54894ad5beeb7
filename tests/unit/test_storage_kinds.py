# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of shared storage, each as its driver writes device_config: whether a bond on its NIC is seen to concern it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import compare_after
from ansible_collections.xapi.network.plugins.module_utils._pool.model import paths_in
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


def with_storage(kind: str, **device_config: str) -> APool:
    """xs-2 reaches it from 172.16.0.36 on eth2."""
    made = tutorial()
    made.storage("xs-2", "shared", attached=True, **device_config)
    next(iter(made.records["sr"].values()))["type"] = kind
    return made


def risks(made: APool, **options: Any) -> list[str]:
    return [problem.sentence for problem in plan(made.pool, spec(**options)).problems if problem.code == "storage_in_use"]


@pytest.mark.parametrize(
    ("kind", "device_config"),
    [
        ("nfs", {"server": "172.16.0.33", "serverpath": "/export"}),
        ("smb", {"server": "//172.16.0.33/vms"}),
        ("iso", {"location": "172.16.0.33:/iso"}),
        ("lvmoiscsi", {"target": "172.16.0.33", "targetIQN": "iqn.x"}),
        ("lvmoiscsi", {"target": "10.9.9.9", "multihomelist": "10.9.9.9:3260,172.16.0.33:3260"}),
        ("lvmoiscsi", {"target": "10.9.9.9", "multiSession": "10.9.9.9,3260,iqn.x|172.16.0.33,3260,iqn.y|"}),
        ("moosefs", {"masterhost": "172.16.0.33", "rootpath": "/"}),
        ("cephfs", {"server": "172.16.0.33", "serverpath": "/"}),
    ],
)
def test_storage_at_an_address_behind_the_nic_is_seen(kind: str, device_config: dict[str, str]) -> None:
    (sentence,) = risks(with_storage(kind, **device_config))
    assert "xs-2: storage is attached through eth2: shared." in sentence


def test_storage_elsewhere_is_not() -> None:
    assert risks(with_storage("lvmoiscsi", target="10.9.9.9", multiSession="10.9.9.9,3260,iqn.x|")) == []


def test_linstor_names_no_address_and_may_run_over_any_nic_that_has_one() -> None:
    made = with_storage("linstor", **{"group-name": "linstor_group", "redundancy": "3"})
    (sentence,) = risks(made)
    assert "xs-2: storage is attached through eth2: shared (which may run over it)." in sentence
    assert risks(made, nics=["eth4", "eth5"]) == []


def test_a_moosefs_master_with_a_name_is_a_notice() -> None:
    made = with_storage("moosefs", masterhost="mfsmaster")
    assert any("shared (mfsmaster)" in notice.sentence for notice in plan(made.pool, spec()).notices)


# multipath


def with_paths(now: int, most: int = 4) -> APool:
    made = with_storage("lvmoiscsi", target="172.16.0.33", multihomelist="172.16.0.33:3260,172.16.1.33:3260")
    (pbd,) = made.records["pbd"].values()
    pbd["other_config"] = {"multipathed": "true", "mpath-360a98": f"[{now}, {most}]", "other": "[1, 2]"}
    return made


def lost(before: APool, after: APool) -> list[str]:
    pool = before.pool
    target = plan(pool, spec()).predictions[1]
    seen = after.pool
    return [finding.sentence for finding in compare_after(seen, seen.hosts[1], None, target) if finding.code == "paths"]


def test_paths_that_were_there_before_have_to_be_there_after() -> None:
    assert lost(with_paths(4), with_paths(2)) == ["xs-2: multipath had 4 paths to 360a98 before and has 2 now."]
    assert lost(with_paths(4), with_paths(4)) == lost(with_paths(2), with_paths(2)) == lost(with_paths(2), with_paths(4)) == []


def test_the_count_travels_through_a_playbook() -> None:
    target = plan(with_paths(4).pool, spec()).predictions[1]
    assert target.paths == {"360a98": 4}
    assert Prediction.from_dict({**target.to_dict(), "paths": {"360a98": "4"}}) == target


def test_paths_that_are_missing_before_the_change_are_a_notice() -> None:
    said = [notice.sentence for notice in plan(with_paths(2).pool, spec()).notices if notice.code == "paths"]
    assert said == ["xs-2: multipath has 2 of 4 paths to 360a98 of shared."]
    assert not [notice for notice in plan(with_paths(4).pool, spec()).notices if notice.code == "paths"]


def booting_from_san(now: int) -> APool:
    made = tutorial()
    next(host for host in made.records["host"].values() if host["name_label"] == "xs-2")["other_config"]["mpath-boot"] = f"[{now}, 2]"
    return made


def test_a_host_that_boots_from_a_san_is_a_notice_and_has_its_paths_back_after() -> None:
    (said,) = [notice.sentence for notice in plan(booting_from_san(2).pool, spec()).notices if notice.code == "boots_from_san"]
    assert said.startswith("xs-2: the host boots from a SAN: multipath has 2 of 2 paths to that disk.")
    assert lost(booting_from_san(2), booting_from_san(1)) == [
        "xs-2: multipath had 2 paths to the disk that the host boots from before and has 1 now."
    ]
    assert lost(booting_from_san(2), booting_from_san(2)) == []


@pytest.mark.parametrize("text", ["", "[]", "4, 4", "[4]", "[4, x]", "[-1, 4]", "[1, 2, 3]"])
def test_what_is_no_count_is_passed_over(text: str) -> None:
    assert paths_in({"mpath-360a98": text}) == {}
    assert paths_in({"mpath-360a98": "[2,4]"}) == {"360a98": (2, 4)}
