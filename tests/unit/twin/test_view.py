# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state drawn, and two states compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.twin.ground import pool
from xapi_twin.cli.differences import differences
from xapi_twin.cli.main import main
from xapi_twin.cli.page import page
from xapi_twin.cli.view import PoolView, pool_view


def looked_at(state: dict[str, dict[str, dict[str, object]]]) -> PoolView:
    return pool_view(state["records"], state["hosts"])  # type: ignore[arg-type]


async def test_what_a_bond_changes_is_told_in_lines() -> None:
    async with pool() as ground:
        before = looked_at(json.loads(json.dumps(ground.twin.state(), default=str)))
        network = await ground.network("NAS")
        await ground.bond("xs-1", ["eth2", "eth4"], network)
        await ground.vlan("xs-1", "bond0", 50, await ground.network("V50"))
        after = looked_at(json.loads(json.dumps(ground.twin.state(), default=str)))
        told = differences(before, after)
        assert "+ network NAS: xapi0 MTU 1500" in told
        assert "xs-1 eth2: address 172.16.0.35/255.255.255.240 → -" in told
        assert "xs-1 eth4: bond - → bond0" in told
        assert "+ xs-1 bond0: bond, active-backup, of eth2, eth4, network NAS, 172.16.0.35/255.255.255.240" in told
        assert "+ xs-1 bond0.50: vlan, on bond0, network V50" in told
        assert "- xs-1 dom0 xenbr4: eth4, no address" in told
        assert not [line for line in told if "xs-2" in line]
        assert differences(after, after) == []


async def test_the_page_is_sound_draws_each_interface_and_loads_nothing() -> None:
    async with pool() as ground:
        await ground.bond("xs-1", ["eth2", "eth4"], await ground.network("<b>NAS</b>"))
        await ground.twin.host("xs-2").set_carrier("eth3", False)
        text = page(looked_at(json.loads(json.dumps(ground.twin.state(), default=str))))
        assert not re.search(r"(src|href|url\(|@import|<script)", text)
        drawings = re.findall(r"<svg.*?</svg>", text)
        assert len(drawings) == 3
        for drawing in drawings:
            ElementTree.fromstring(drawing)
        assert "&lt;b&gt;NAS&lt;/b&gt;" in drawings[0] and "<b>" not in text
        assert drawings[0].count("<rect") == 6 + 1 + 5, "six NICs, a bond, five networks"
        assert drawings[0].count("<path") == 4 + 2 + 1


def test_the_command_compares_files_of_any_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "one.yml", tmp_path / "other.yml"
    text = "pool: p\nhosts: [{name: xs-1, nics: {eth0: {management: true, ip: 10.0.0.1/24}, eth1: {}}}]\n"
    one.write_text(text)
    other.write_text(text.replace("10.0.0.1", "10.0.0.9"))
    assert main(["diff", str(one), str(one)]) == 0
    assert "no difference" in capsys.readouterr().out
    assert main(["diff", str(one), str(other)]) == 1
    assert "xs-1 eth0: address 10.0.0.1/255.255.255.0 → 10.0.0.9/255.255.255.0" in capsys.readouterr().out
    assert main(["diff", str(one), str(tmp_path / "missing")]) == 1
    assert "cannot be read" in capsys.readouterr().err
