# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run asks of XAPI, as counts, which no machine makes slower. A count that grows fails here."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.bench.plays import role, scenario
from xapi_twin.running import RunningTwin

# Waiting for an event is no read, and how often it is taken up again depends on the moment.
KINDS = ("login", "logout", "full", "read", "write", "other")


def kinds(twin: RunningTwin, since: int = 0) -> Counter[str]:
    """Calls by kind, from the journal's entry number `since` on. A read is an event.from without a token, a full one is of all PIFs."""
    writes = {entry.number for entry in twin.journal.writes()}
    counted: Counter[str] = Counter()
    for entry in list(twin.journal)[since:]:
        if entry.method == "event.from":
            counted["wait" if entry.arguments[1] else "full" if "pif" in entry.arguments[0] else "read"] += 1
        elif entry.method.startswith("session."):
            counted["login" if "login" in entry.method else "logout"] += 1
        else:
            counted["write" if entry.number in writes else "other"] += 1
    return counted


@pytest.mark.parametrize("strategy", ["restart", "direct"])
def test_calls_grow_by_a_constant_per_host(strategy: str) -> None:
    found = {}
    for hosts in (2, 3, 4):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            role(twin, strategy=strategy)
            found[hosts] = kinds(twin)
    for kind in KINDS:
        assert found[4][kind] - found[3][kind] == found[3][kind] - found[2][kind], (kind, found)
    per_host = {kind: found[3][kind] - found[2][kind] for kind in KINDS}
    most = {
        "restart": {"login": 3, "logout": 3, "full": 0, "read": 5, "write": 0, "other": 3},
        "direct": {"login": 2, "logout": 2, "full": 0, "read": 5, "write": 1, "other": 3},
    }
    assert all(per_host[kind] <= most[strategy][kind] for kind in KINDS), per_host


def test_a_run_with_nothing_to_do_is_one_login_one_read_and_one_logout_for_any_pool() -> None:
    for hosts in (2, 8):
        with RunningTwin(scenario(hosts, restart_seconds=0)) as twin:
            role(twin, strategy="direct", dom0=False)
            before = len(list(twin.journal))
            role(twin)
            assert kinds(twin, before) == {"login": 1, "full": 1, "logout": 1}
