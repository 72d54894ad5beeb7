# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of shared storage, each as its driver writes device_config: whether a bond on its NIC is seen to concern it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
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
