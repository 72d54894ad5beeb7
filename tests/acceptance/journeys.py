# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journeys: what is played, what is typed in dom0 in between, and what has to be true afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOND = "xe bond-list --minimal params=uuid | tr , '\\n' | head -n 1"


@dataclass(frozen=True)
class Step:
    """One run of a playbook, or with `command` one line typed in dom0 of the master.

    `end`: "bonded", "found" (as before the journey), or "" where nothing is asked. `changes`: how many changes the recap counts, where
    that is known: 0, or 1 for some. `fails`: the run has to refuse. `kill_after`: seconds after which the control node dies.
    """

    playbook: str = "storage_bond"
    variables: Mapping[str, Any] = field(default_factory=dict)
    end: str = "bonded"
    changes: int | None = None
    fails: bool = False
    mode: str = "active-backup"
    command: str = ""
    kill_after: float = 0
    check: bool = False


@dataclass(frozen=True)
class Journey:
    name: str
    steps: tuple[Step, ...]


RESTART = {"strategy": "restart"}
DIRECT = {"strategy": "direct"}
AGENT = {"strategy": "restart", "agent_method": "agent"}
LACP = {"strategy": "direct", "mode": "lacp", "properties": {"lacp-time": "fast"}}
REMOVE = Step("storage_bond_remove", end="found", changes=1)
VERIFY = Step("storage_bond_verify", changes=0)


def made(variables: Mapping[str, Any], mode: str = "active-backup") -> tuple[Step, ...]:
    """The plan alone, then the bond, then the same once more, which changes nothing."""
    return (
        Step(variables=variables, end="found", check=True, mode=mode),
        Step(variables=variables, changes=1, mode=mode),
        Step(variables=variables, changes=0, mode=mode),
    )


def killed(seconds: float, variables: Mapping[str, Any]) -> Journey:
    name = f"killed after {seconds:g} s, by {variables['strategy']}"
    return Journey(name, (Step(variables=variables, end="", kill_after=seconds), Step(variables=variables), REMOVE))


def drifted(name: str, command: str) -> Journey:
    """The bond is made otherwise by hand: it is found, refused, and repaired."""
    repair = Step(variables={**DIRECT, "on_drift": "repair"}, changes=1)
    found = Step("storage_bond_verify", end="", fails=True)
    refused = Step(variables=DIRECT, end="", fails=True)
    return Journey(f"drift: {name}", (Step(variables=DIRECT), Step(command=command, end=""), found, refused, repair, VERIFY, REMOVE))


# A host that has no bond is no drift: verify finds it, and the next run makes it without being asked to repair.
LOST = (
    Step(command=f"xe bond-destroy uuid=$({BOND})", end=""),
    Step("storage_bond_verify", end="", fails=True),
    Step(variables=DIRECT, changes=1),
)

JOURNEYS = (
    Journey("restart", (*made(RESTART), VERIFY, REMOVE, Step("storage_bond_remove", end="found", changes=0))),
    Journey("direct", (*made(DIRECT), VERIFY, REMOVE)),
    Journey("agent", (*made(AGENT), VERIFY, REMOVE)),
    Journey("lacp", (*made(LACP, "lacp"), REMOVE)),
    Journey("balance-slb", (*made({**DIRECT, "mode": "balance-slb"}, "balance-slb"), REMOVE)),
    drifted("another mode", f"xe bond-set-mode uuid=$({BOND}) mode=balance-slb"),
    Journey("a bond that is missing", (Step(variables=DIRECT), *LOST, VERIFY, REMOVE)),
    killed(4, DIRECT),
    killed(12, RESTART),
    killed(20, RESTART),
)
