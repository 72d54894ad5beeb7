# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What journeys are made of, and what a play shows of itself so that it can be compared."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.look import Wanted
from tests.acceptance.pool import Pool

Task = Mapping[str, Any]
Shown = Mapping[str, Any]  # what a play has shown, by the name that `show` was given


@dataclass(frozen=True)
class Step:
    """One run of a playbook, or with `tasks` of a play of these on `on`, or with `command` one line typed in dom0 of `host`, or with
    `power` "off" or "on" its power, or with `power` "gone" or "back" its `nic`'s device.

    `end`: "bonded" (as in `wanted`), "found" (as before), "begins" (from here on it is what "found" means), or "" where nothing is asked.
    `changes`: how many changes the recap counts, where that is known: 0, or 1 for some. `fails`: the run has to refuse, with this word;
    `says`: words that it prints. `also`: what is still not right once it is over, by a look of its own, or "".
    `patient`: what was begun may end after the step. `at`: `later` seconds after the run has printed these words `strikes` happens: "kill"
    (the control node dies), "off" (the power of `host`), "again" (the same run, beside it; one of both may be refused).
    `twin`: first it is carried out on a twin of the pool, as the pool is now, and the pool has to look like that twin afterwards.
    `plugin`: the inventory is read by the inventory plugin.
    """

    playbook: str = "storage_bond"
    variables: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()
    on: str = "localhost"
    end: str = "bonded"
    wanted: Wanted | None = None
    changes: int | None = None
    fails: str = ""
    says: str = ""
    also: Callable[[Pool, Shown], str] | None = None
    command: str = ""
    host: str = ""
    power: str = ""
    nic: str = ""
    patient: bool = False
    at: str = ""
    later: float = 0
    strikes: str = ""
    check: bool = False
    twin: bool = False
    plugin: bool = False

    @property
    def name(self) -> str:
        """What it is called where it did not end as it has to."""
        if self.tasks:
            return " and ".join(name for task in self.tasks for name in task if name.startswith("xapi.network."))
        return self.command or (f"{self.nic} {self.power} on {self.host}".strip() if self.power else self.playbook)


@dataclass(frozen=True)
class Journey:
    """`quick`: among those that stand for all. `needs`: what the file of endpoints has to name."""

    name: str
    steps: tuple[Step, ...]
    quick: bool = False
    needs: str = ""


def typed(command: str, host: str = "", end: str = "") -> Step:
    return Step(command=command, host=host, end=end)


def show(name: str, expression: str) -> Task:
    """A task that prints a value of the play, for `shown`. Text that Ansible would wrap or escape goes as base64."""
    return {"ansible.builtin.debug": {"msg": f"SHOWN {name} {{{{ ({expression}) | to_json | b64encode }}}}"}}


def shown(output: str) -> Shown:
    return {name: json.loads(base64.b64decode(text)) for name, text in re.findall(r"SHOWN (\S+) ([A-Za-z0-9+/=]+)", output)}
