# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saved plans on disk: no plan is written over anything but an earlier plan of the same bond, and what is no plan is said to be none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._run import plan_file
from ansible_collections.xapi.network.plugins.module_utils._run.plan_file import approved_plan, save_plan
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial


def write(where: Path, made: APool, **options: object) -> str:
    asked = spec(**options)
    return save_plan({"save_plan": str(where)}, made.pool, asked, plan(made.pool, asked))["fingerprint"]


def refused(where: Path, made: APool, **options: object) -> str:
    with pytest.raises(NetworkError) as error:
        write(where, made, **options)
    return error.value.message


def another_pool() -> APool:
    made = tutorial()
    next(iter(made.records["pool"].values())).update(uuid="another", name_label="B")
    return made


def test_a_plan_is_written_again_over_its_own_file(tmp_path: Path) -> None:
    where, made = tmp_path / "plan.json", tutorial()
    before = write(where, made)
    made.address("xs-2", "eth2", "172.16.0.44")
    assert write(where, made) != before
    assert "172.16.0.44" in where.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"], "and nothing else is left"


def held(where: Path, made: APool) -> str:
    return save_plan({"save_plan": str(where), "hold_plan": True}, made.pool, spec(), plan(made.pool, spec()))["held_plan"]


def test_a_plan_that_is_held_back_is_not_written_and_what_keeps_it_from_that_is_said(tmp_path: Path) -> None:
    where = tmp_path / "plan.json"
    text = held(where, tutorial())
    assert list(tmp_path.iterdir()) == []
    write(where, another_pool())
    before = where.read_text()
    with pytest.raises(NetworkError, match="holds another one"):
        held(where, tutorial())
    with pytest.raises(NetworkError, match="cannot be saved"):
        held(tmp_path / "no" / "plan.json", tutorial())
    assert where.read_text() == before and len(list(tmp_path.iterdir())) == 1
    other = tmp_path / "other.json"
    plan_file.write_plan(other, text)
    assert approved_plan({"saved_plan": str(other)})


def test_the_file_of_another_pool_or_bond_is_not_written_over(tmp_path: Path) -> None:
    where = tmp_path / "plan.json"
    write(where, tutorial())
    before = where.read_text()
    said = refused(where, another_pool())
    assert said.startswith(f"The plan was not saved, since {where} holds another one, for the network NAS of the pool ")
    assert "Nothing was changed." in said and "a file of its own" in said
    assert "for the network NAS of the pool" in refused(where, tutorial(), network="other")
    assert where.read_text() == before and len(list(tmp_path.iterdir())) == 1


def test_of_two_pools_that_write_at_once_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that there is no file yet, and one is faster."""
    where, link = tmp_path / "plan.json", os.link

    def late(source: str, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        write(where, tutorial())
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert "holds another one" in refused(where, another_pool())


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(source: str, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    write(tmp_path / "plan.json", tutorial())
    assert "holds another one" in refused(tmp_path / "plan.json", another_pool())


FOREIGN: dict[str, Callable[[Path], object]] = {
    "is no saved plan: it is not JSON": lambda where: where.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
    "is no saved plan of xapi.network": lambda where: where.write_text('{"a": 1}'),
    "is empty, and no saved plan": lambda where: where.write_text(""),
    "it is a folder": lambda where: where.mkdir(),
    "it is no regular file": os.mkfifo,
    "cannot be read: No such file": lambda where: where.symlink_to("nowhere"),
    "cannot be read: Too many levels": lambda where: where.symlink_to(where.name),
    "is larger than any saved plan": lambda where: os.truncate(os.open(where, os.O_CREAT | os.O_WRONLY), plan_file.MOST_BYTES + 1),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_saved_plan_is_neither_read_nor_written_over(tmp_path: Path, what: str) -> None:
    where = tmp_path / "plan.json"
    FOREIGN[what](where)
    said = refused(where, tutorial())
    assert said.startswith("The plan was not saved over what is there: ") and what in said, said
    assert said.endswith("Nothing was changed. Delete that, or give another name.")
    with pytest.raises(NetworkError, match=what) as error:
        approved_plan({"saved_plan": str(where)})
    assert "Nothing was changed." in error.value.message and str(where) in error.value.message


def test_a_plan_that_is_refused_is_not_saved(tmp_path: Path) -> None:
    made = tutorial()
    made.link("xs-2", "eth4")["carrier"] = False
    write(tmp_path / "plan.json", made)
    assert not (tmp_path / "plan.json").exists()
    write(tmp_path / "plan.json", made, accept=["no_link"])
    about = json.loads((tmp_path / "plan.json").read_text())["about"]
    assert about["accepted"] == [
        "xs-2: eth4 has no link. Until it has one, the other NICs carry the traffic of the bond, and no failure of theirs is made up for."
    ]
    assert about["estimate"]["hosts"]["xs-2"] == {"least": 2, "most": 10}


def test_only_its_owner_can_read_or_write_it(tmp_path: Path) -> None:
    write(tmp_path / "plan.json", tutorial())
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
