# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pools in one run: side by side, one that fails stops alone, and a table of all of them at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.plays import scenario
from tests.integration.bonding import bond, look
from tests.integration.playing import Played
from tests.unit import examples
from xapi_twin.running import RunningTwin

Pools = Mapping[str, RunningTwin]


@pytest.fixture
def pools() -> Iterator[Pools]:
    """Three pools; the NICs of one are too few."""
    with ExitStack() as stack:
        abouts = [scenario(2, name="berlin"), scenario(2, name="paris", nics=4), scenario(3, name="rome")]
        yield {
            name: stack.enter_context(RunningTwin(about, restart_seconds=0))
            for name, about in zip(("berlin", "paris", "rome"), abouts, strict=True)
        }


def play(pools: Pools, folder: Path, playbook: str, *arguments: str) -> Played:
    first, *others = pools.values()
    more = [part for twin in others for part in ("-i", str(twin.inventory_path))]
    return bond(first, folder, playbook, *more, "--forks", "3", *arguments)


def table(played: Played) -> list[list[str]]:
    """The rows of the closing table, without those of one pool alone."""
    said = [result.values.get("msg") for result in played.results]
    (shown,) = [lines for lines in said if isinstance(lines, list) and lines[0].startswith("pool ")]
    return [line.split(maxsplit=4) if "of" not in line else line.replace(" of ", "/", 1).split(maxsplit=4) for line in shown]


def bonded(twin: RunningTwin) -> list[bool]:
    return ["bond0" in host["pifs"] for host in look(twin)["hosts"].values()]


def test_a_pool_that_is_refused_stops_alone_and_the_closing_table_has_all(pools: Pools, tmp_path: Path) -> None:
    done = play(pools, tmp_path, "storage_bond")
    assert done.status == 2, done.output
    assert {name: bonded(twin) for name, twin in pools.items()} == {"berlin": [True, True], "paris": [False, False], "rome": [True] * 3}
    header, *rows = table(done)
    assert header == ["pool", "hosts", "changed", "seconds", "outcome"]
    assert [(name, hosts, number, outcome) for name, hosts, number, _seconds, outcome in rows] == [
        ("berlin", "2", "2/2", "done"),
        ("paris", "2", "0", "refused, nothing was changed"),
        ("rome", "3", "3/3", "done"),
    ]
    judged = play(pools, tmp_path, "storage_bond_verify")
    assert [(row[0], row[4]) for row in table(judged)[1:]] == [
        ("berlin", "as it should be"), ("paris", "differs: 6 findings"), ("rome", "as it should be")
    ]  # fmt: skip
    again = play(pools, tmp_path, "storage_bond", "--limit", "xs_pool_berlin,xs_pool_rome")
    assert again.status == 0 and [row[4] for row in table(again)[1:]] == ["nothing to do"] * 2, again.output


def test_canaries_of_the_guide_keep_the_others_from_a_change_that_fails(pools: Pools, tmp_path: Path) -> None:
    (example,) = [one for one in examples.of_guide(examples.ROOT / "docs/docsite/rst/guide_many_pools.rst") if one.name == "canary.yml"]
    file = tmp_path / example.name
    # The first two are berlin, where all is well, and paris, which has no eth4.
    file.write_text(example.text.replace("storage_bond_network: Storage", "storage_bond_network: NAS"))
    done = play(pools, tmp_path, str(file))
    assert done.status == 2, done.output
    assert {name: bonded(twin) for name, twin in pools.items()} == {"berlin": [True, True], "paris": [False, False], "rome": [False] * 3}
    assert not pools["rome"].journal, "the pool of the second batch was asked"
    assert "[WARNING]" not in done.output, done.output
    (reason,) = [str(result.values["msg"]) for result in done.results if result.host == "rome-1" and result.status == "failed"]
    assert "paris-1" in reason


ANY_ERRORS_FATAL = """
- name: Change all or nothing, as far as Ansible can
  hosts: xs_masters
  gather_facts: false
  any_errors_fatal: true
  roles: [xapi.network.storage_bond]
"""


def test_any_errors_fatal_stops_the_other_pool_with_a_sentence_and_the_next_run_finishes_it(tmp_path: Path) -> None:
    file = tmp_path / "site.yml"
    file.write_text(ANY_ERRORS_FATAL)
    with ExitStack() as stack:
        pools = {name: stack.enter_context(RunningTwin(scenario(3, name=name), restart_seconds=0)) for name in ("berlin", "paris")}
        pools["paris"].add_fault(when={"moment": "bond.plug", "host": "paris-2"}, do="fail_to_plug")
        done = play(pools, tmp_path, str(file), "-e", '{"storage_bond_wait_timeout": 3, "storage_bond_rollback": "host"}')
        said = {result.host: str(result.values["msg"]) for result in done.results if result.status == "failed"}
        assert 'paris-2 failed at "Make the change' in said["paris-1"] and "not attached" in said["paris-1"], done.output
        assert "Finished: paris-1. Not touched: paris-3. Taken back on paris-2" in " ".join(said["paris-1"].split())
        assert "was stopped where it was, since another host of this play has failed" in said["berlin-1"], said
        assert "Taken back" not in said["berlin-1"], "nothing had failed there"
        for twin in pools.values():
            (pool,) = twin.call(twin.database.all, "pool").values()
            assert "xapi.network.run" not in pool["other_config"], "a pool stayed marked"
        again = play(pools, tmp_path, "storage_bond")
        assert again.status == 0 and all(bonded(twin) == [True] * 3 for twin in pools.values()), again.output


def test_pools_wait_for_their_restarts_at_the_same_time(tmp_path: Path) -> None:
    with ExitStack() as stack:
        names = ("berlin", "paris", "rome")
        pools = {name: stack.enter_context(RunningTwin(scenario(2, name=name), restart_seconds=10)) for name in names}
        done = play(pools, tmp_path, "storage_bond")
    assert done.status == 0, done.output
    moments = [(moment["what"], moment["at"]) for result in done.results if "Restart xapi" in result.task
               for moment in result.values.get("timeline", [])]  # fmt: skip
    begun, back = ([at for what, at in moments if what == wanted] for wanted in ("restart_begun", "agent_started"))
    assert len(begun) == len(back) == 3
    assert max(begun) < min(back), "one pool waited for another's restart"
