# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that reach each other on the storage network: whom dom0 asks, in which shell command, and what its answer means."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.plugin_utils._reach import MARK, Peer, command, lost, never, peers, reached

HOSTS: dict[str, Any] = {
    name: {"uuid": f"uuid-{name}", "expected": {"ip": f"172.16.0.{number}", "mtu": 9000}}
    for name, number in (("xs-1", 35), ("xs-2", 36), ("xs-3", 37))
}
ANSWERS: dict[str, Any] = {
    f"uuid-{name}": {
        "interfaces": {"xenbr2": {"addresses": [f"172.16.0.{number}/28"], "mtu": 1500}, "eth2": {"addresses": [], "mtu": 1500}}
    }
    for name, number in (("xs-1", 35), ("xs-2", 36), ("xs-3", 37))
}
XS_1, XS_3 = Peer("xs-1", "172.16.0.35", 1500), Peer("xs-3", "172.16.0.37", 1500)


def test_packets_are_as_large_as_both_ends_take_at_that_moment() -> None:
    before = peers("xs-2", False, HOSTS, ANSWERS, ["xs-1"])
    assert before == [XS_1, XS_3]  # xs-2 itself has 1500 yet
    after = peers("xs-2", True, HOSTS, ANSWERS, ["xs-1"])
    assert after == [Peer("xs-1", "172.16.0.35", 9000), XS_3]


def test_a_host_without_a_storage_address_or_a_dom0_that_answers_is_not_asked_for() -> None:
    hosts = {**HOSTS, "xs-1": {**HOSTS["xs-1"], "expected": {"ip": "", "mtu": 1500}}}
    assert peers("xs-2", True, hosts, {**ANSWERS, "uuid-xs-3": "no answer within 60 s"}, []) == []
    assert peers("xs-2", False, {**HOSTS, "xs-1": {**HOSTS["xs-1"], "expected": None}}, ANSWERS, []) == [XS_3]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_one_command_asks_64_hosts_at_the_same_time(shell: str, tmp_path: Path) -> None:
    """With a ping that takes a second: full packets get to even addresses, small ones to multiples of three, none to the others."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    tool = tmp_path / "ping"
    tool.write_text(
        '#!/bin/sh\\nfor to; do :; done\\nsleep 1\\ncase "$*" in *"-M do -s 8972 "*) [ $((${to##*.} % 2)) = 0 ];; *"-s 72 "*)'
        " [ $((${to##*.} % 3)) = 0 ];; *) exit 2;; esac\\n".replace("\\n", "\n")
    )
    tool.chmod(0o755)
    wanted = [Peer(f"xs-{number}", f"172.16.1.{number}", 9000) for number in range(1, 65)]
    begun = time.monotonic()
    asked = command(wanted, after=True)
    done = subprocess.run([shell, "-c", asked], capture_output=True, text=True, check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert time.monotonic() - begun < 20 and done.stderr == ""
    sizes = {f"172.16.1.{number}": 9000 if number % 2 == 0 else 100 for number in range(1, 65) if number % 2 == 0 or number % 3 == 0}
    assert reached(done.stdout) == sizes


def test_only_what_is_said_in_a_line_of_its_own_counts() -> None:
    assert reached(f"Welcome\n{MARK} 172.16.0.35 1500\n{MARK} 172.16.0.36\n{MARK} 172.16.0.37 x\n") == {"172.16.0.35": 1500}


def test_what_was_reached_and_is_not_any_more_is_named() -> None:
    both = {"172.16.0.35": 1500, "172.16.0.37": 1500}
    assert lost("xs-2", [XS_1, XS_3], both, both) == ""
    assert lost("xs-2", [XS_1, XS_3], both, {"172.16.0.35": 1500}) == (
        "dom0 of xs-2 does not reach xs-3 (172.16.0.37) on the storage network after the change, and did before. Look at VLAN, segment and"
        " MTU of the ports of its NICs."
    )
    assert lost("xs-2", [XS_1, XS_3], both, {"172.16.0.35": 100}) == (
        "dom0 of xs-2 does not reach xs-3 (172.16.0.37) on the storage network after the change, and did before. dom0 of xs-2 reaches"
        " xs-1 (172.16.0.35) with small packets only, and not with 1500 bytes in one piece: a switch port between them has a smaller"
        " MTU. Look at VLAN, segment and MTU of the ports of its NICs."
    )
    larger = [Peer("xs-1", "172.16.0.35", 9000)]
    assert "not with 9000 bytes" in lost("xs-2", larger, both, {"172.16.0.35": 100})


def test_what_failed_before_is_said_then_and_not_asked_for_after() -> None:
    assert lost("xs-2", [XS_1, XS_3], {"172.16.0.35": 100}, {"172.16.0.35": 100}) == ""
    assert never("xs-2", [XS_1, XS_3], {"172.16.0.35": 1500, "172.16.0.37": 1500}) == ""
    assert never("xs-2", [XS_1, XS_3], {"172.16.0.35": 100}) == (
        "dom0 of xs-2 does not reach xs-3 (172.16.0.37) on the storage network, and dom0 of xs-2 reaches xs-1 (172.16.0.35) with small"
        " packets only, before it is changed; that is not asked for after the change."
    )
