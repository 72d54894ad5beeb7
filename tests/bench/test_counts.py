# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run asks of XAPI, as counts, which no machine makes slower. A count that grows fails here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import FEW_HOSTS

from tests.bench.plays import KINDS, role, scenario
from xapi_twin.running import RunningTwin

# Waiting for an event is no read, and how often it is taken up again depends on the moment.
COUNTED = [kind for kind in KINDS if kind != "wait"]


MOST = {
    "restart": {"login": 3, "logout": 3, "full": 2, "read": 5, "write": 0, "other": 0},
    "direct": {"login": 2, "logout": 2, "full": 2, "read": 3, "write": 1, "other": 1},
}
# Of more hosts, those of the pool that are not concerned would be most of a full read.
MOST_IN_A_LARGE_POOL = {"login": 2, "logout": 2, "full": 0, "read": 9, "write": 1, "other": 1}


@pytest.mark.parametrize("strategy", ["restart", "direct"])
def test_calls_grow_by_a_constant_per_host(strategy: str) -> None:
    found = calls((2, 3, 4), strategy)
    for kind in COUNTED:
        assert found[4][kind] - found[3][kind] == found[3][kind] - found[2][kind], (kind, found)
    per_host = {kind: found[3][kind] - found[2][kind] for kind in COUNTED}
    assert all(per_host[kind] <= MOST[strategy][kind] for kind in COUNTED), per_host


def test_a_host_of_a_large_pool_costs_no_full_read() -> None:
    few, more = FEW_HOSTS + 1, FEW_HOSTS + 2
    found = calls((few, more), "direct")
    per_host = {kind: found[more][kind] - found[few][kind] for kind in COUNTED}
    assert all(per_host[kind] <= MOST_IN_A_LARGE_POOL[kind] for kind in COUNTED), per_host


def calls(sizes: Sequence[int], strategy: str) -> dict[int, Mapping[str, int]]:
    """What a run asks of pools of so many hosts."""
    found = {}
    for hosts in sizes:
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            found[hosts] = role(twin, strategy=strategy).calls
    return found


def test_a_run_with_nothing_to_do_is_one_login_one_read_and_one_logout_for_any_pool() -> None:
    for hosts in (2, 8):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            role(twin, strategy="direct", dom0=False)
            assert role(twin).calls == {"login": 1, "full": 1, "logout": 1}
