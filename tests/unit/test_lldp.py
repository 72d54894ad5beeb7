# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch at the other end of a cable: what dom0 is asked, what tcpdump prints of LLDP, and what is said of the NICs of a bond."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.neighbours import switch_notices, switch_problems
from ansible_collections.xapi.network.plugins.module_utils._dom0.lldp import MARK, Neighbour, command, read

PRINTED = (Path(__file__).parent / "fixtures" / "dom0" / "tcpdump_lldp.4.99.txt").read_text(encoding="utf-8")
A, B = Neighbour("02:00:00:00:0a:01", "Gi1/0/4", "switch-a"), Neighbour("02:00:00:00:0b:01", "Gi2/0/4", "switch-b")


def frame(*parts: tuple[int, bytes]) -> str:
    data = b"".join((kind << 9 | len(value)).to_bytes(2, "big") + value for kind, value in parts)
    return f"\t0x0000:  {(bytes(14) + data).hex(' ', 2)}\n"


def test_a_frame_that_a_real_tcpdump_printed() -> None:
    assert read(f"banner\n{MARK} on eth2\n{PRINTED}{MARK} on eth4\n") == {"eth2": A, "eth4": Neighbour()}


def test_ids_of_every_kind_and_what_is_cut_or_strange() -> None:
    address = frame((1, b"\x05\x01\x0a\x00\x00\x01"), (2, b"\x03\x02\x00\x00\x00\x0a\x02"), (5, b"core\x1b[31m"))
    found = read(f"{MARK} on eth2\n{address}")["eth2"]
    assert (found.switch, found.port) == ("10.0.0.1", "02:00:00:00:0a:02") and "\x1b" not in found.name
    assert read(f"{MARK} on eth2\n{frame((1, b'x'))[:-8]}\n") == {"eth2": Neighbour()}
    assert read(f"{MARK} none\n") == {}


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_all_nics_listen_at_the_same_time_and_no_longer_than_that(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    (tmp_path / "frame").write_text(PRINTED)
    tool = tmp_path / "tcpdump"
    tool.write_text(f'#!/bin/sh\n[ "$2" = eth2 ] && exec cat {tmp_path}/frame\nexec sleep 60\n')
    tool.chmod(0o755)
    asked = command(["eth2", "eth4"], 2).replace("/sys/class/net/", f"{tmp_path}/../")
    for nic in ("eth2", "eth4"):
        (tmp_path.parent / nic).touch()
    begun = time.monotonic()
    done = subprocess.run([shell, "-c", asked], capture_output=True, text=True, check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert time.monotonic() - begun < 20
    assert read(done.stdout) == {"eth2": A, "eth4": Neighbour()}
    assert not list(Path("/tmp").glob("xapi.network.*/eth2"))


def answer(**neighbours: Neighbour) -> dict[str, Any]:
    return {"neighbours": {nic: neighbour.to_dict() for nic, neighbour in neighbours.items()}}


def test_two_nics_on_one_switch_are_a_risk_but_for_lacp() -> None:
    (found,) = switch_problems("xs-2", ["eth2", "eth4"], "active-backup", answer(eth2=A, eth4=A), [])
    assert (found.code, found.fatal, found.accepted) == ("same_switch", False, False)
    assert found.sentence == (
        "xs-2: eth2 (port Gi1/0/4) and eth4 (port Gi1/0/4) are on the same switch, switch-a (02:00:00:00:0a:01). The bond ends when that"
        " switch does."
    )
    assert switch_problems("xs-2", ["eth2", "eth4"], "active-backup", answer(eth2=A, eth4=A), ["same_switch"])[0].accepted
    assert switch_problems("xs-2", ["eth2", "eth4"], "lacp", answer(eth2=A, eth4=A), []) == []
    for other in (answer(eth2=A, eth4=B), answer(eth2=A, eth4=Neighbour()), answer(), {}, "no answer within 60 s"):
        assert switch_problems("xs-2", ["eth2", "eth4"], "active-backup", other, []) == []


def test_what_else_is_said() -> None:
    nics = ["eth2", "eth4"]
    assert switch_notices("xs-2", nics, "active-backup", answer(eth2=A, eth4=B)) == []
    assert switch_notices("xs-2", nics, "active-backup", {}) == []
    (deaf,) = switch_notices("xs-2", nics, "active-backup", answer())
    assert deaf == "xs-2: dom0 has no tcpdump, and cannot hear which switches its NICs are on."
    (silent,) = switch_notices("xs-2", nics, "active-backup", answer(eth2=Neighbour(), eth4=Neighbour()))
    assert silent == "xs-2: no switch says by LLDP that eth2 and eth4 are on it."
    assert switch_notices("xs-2", nics, "active-backup", answer(eth2=A, eth4=Neighbour())) == [
        "xs-2: no switch says by LLDP that eth4 is on it; eth2 (port Gi1/0/4) on switch-a (02:00:00:00:0a:01)."
    ]
    assert switch_notices("xs-2", nics, "lacp", answer(eth2=A, eth4=B)) == [
        "xs-2: eth2 (port Gi1/0/4) and eth4 (port Gi2/0/4) are on switch-a (02:00:00:00:0a:01) and switch-b (02:00:00:00:0b:01). With LACP"
        " these have to act as one (stack, MLAG)."
    ]
