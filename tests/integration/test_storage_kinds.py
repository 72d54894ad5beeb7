# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage that needs more than a second to come back: DRBD below LINSTOR, and iSCSI with several paths."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run import wait

import xapi_twin
from tests.integration.bonding import bond, sentence, writes
from tests.integration.test_bond import bond as made
from tests.integration.test_bond import info
from xapi_twin.running import RunningTwin
from xapi_twin.shell.storage import RESYNC_SECONDS

SCENARIOS = Path(xapi_twin.__file__).parent / "scenarios"
XOSTOR = "  - {name: XOSTOR, type: linstor, config: {group-name: linstor_group, redundancy: '3'}}\n"
PORTALS = "multihomelist: '172.16.0.33:3260,172.16.0.34:3260'"
DATABASE = f"  - {{name: Database, type: lvmoiscsi, config: {{target: 172.16.0.33, {PORTALS}, SCSIid: 36001405aa}}}}\n"
ACCEPT: dict[str, Any] = {"accept": "storage_in_use"}


def three_hosts(folder: Path, storage: str, **options: Any) -> RunningTwin:
    """Three hosts that have this storage as well."""
    file = folder / "pool.yml"
    text = (SCENARIOS / "three-hosts.yml").read_text()
    file.write_text(text.replace("storage:\n", f"storage:\n{storage}"))
    return RunningTwin(str(file), **options)


def test_the_next_host_is_not_touched_before_drbd_is_up_to_date_on_all(tmp_path: Path) -> None:
    with three_hosts(tmp_path, XOSTOR, restart_seconds=1.5) as twin:
        done = bond(twin, tmp_path, strategy="direct", **ACCEPT)
        assert done.status == 0, done.output
        made_at = [entry.time for entry in twin.journal if entry.method == "Async.Bond.create"]
        resync = RESYNC_SECONDS * twin.twin.scale
        assert len(made_at) == 3 and all(later - earlier > resync for earlier, later in pairwise(made_at))


def test_a_host_that_is_copying_already_keeps_the_run_from_beginning(tmp_path: Path) -> None:
    with three_hosts(tmp_path, XOSTOR, restart_seconds=10) as twin:
        twin.call(lambda: setattr(twin.twin.host("xs-2").dom0, "bond_changed", time.monotonic() + 60))
        refused = bond(twin, tmp_path, strategy="direct", **ACCEPT)
        assert refused.status != 0 and writes(twin) == []
        assert "[drbd_behind]" in sentence(refused) and "the connection to xs-2 is Connecting" in sentence(refused)


def test_linstor_without_dom0_is_refused(tmp_path: Path) -> None:
    with three_hosts(tmp_path, XOSTOR, restart_seconds=0) as twin:
        refused = bond(twin, tmp_path, dom0=False, **ACCEPT)
        assert refused.status != 0 and writes(twin) == []
        assert "XOSTOR is on LINSTOR" in sentence(refused) and "storage_bond_dom0: true" in sentence(refused)


GIVEN: dict[str, Any] = {"accept": ["storage_in_use"], "hosts": ["xs-1"], "nics": ["eth2", "eth4"]}


def paths_lost(twin: RunningTwin, planned: Any) -> list[str]:
    found = info(twin, hosts=["xs-1"], expected=planned)["findings"]
    return [finding["sentence"] for finding in found if finding["code"] == "paths"]


def test_paths_of_multipath_that_come_back_late_are_awaited(tmp_path: Path) -> None:
    with three_hosts(tmp_path, DATABASE, restart_seconds=0, link_seconds=2.0, ssh=False) as twin:
        planned = made(twin, check=True, **GIVEN)["hosts"]
        assert planned["xs-1"]["expected"]["paths"] == {"36001405aa": 2}
        made(twin, **GIVEN)
        assert paths_lost(twin, planned) == []


def test_paths_that_stay_away_are_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "PATHS_SECONDS", 0.2)
    monkeypatch.setattr(wait, "POLLED_SECONDS", 0.2)
    with three_hosts(tmp_path, DATABASE, restart_seconds=0, ssh=False) as twin:
        planned = made(twin, check=True, **GIVEN)["hosts"]
        made(twin, **GIVEN)
        for device in ("eth2", "eth4"):
            twin.run(lambda device=device: twin.twin.host("xs-1").set_carrier(device, False))
        assert paths_lost(twin, planned) == ["xs-1: multipath had 2 paths to 36001405aa before and has 0 now."]
