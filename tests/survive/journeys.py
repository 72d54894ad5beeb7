# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs that are struck on their way, the pool that they change, and what is compared at their end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.modules import xs_bond

from tests.integration.bonding import look
from tests.integration.playing import connection
from xapi_twin.faults import OnPoint
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

POOL = Path(__file__).with_name("pool.yml")
VLANS = Path(__file__).with_name("vlans.yml")
WISH = {"network": "NAS", "nics": ["eth2", "eth4"], "accept": ["storage_in_use", "vifs_in_use"], "wait_timeout": 30}


@dataclass(frozen=True)
class Journey:
    """A playbook with its variables, and what strikes it.

    `bonded`: it begins with the bonds in place. `faults`: entries of the twin's fault plan, for the first run only. `blows`: the ways to
    strike (places.BLOWS). `begins`, `ends`: it is struck only from the first point with this name on, up to the last with that one.
    `forsaken`: nobody runs again before the timers in dom0 have run out; until then each host is as it was or as it should be.
    `keeps_to`: both runs carry out the plan that was saved before the first, by its "file" or its "fingerprint".
    `hold_states`: every read falls into a moment between two writes, also the first ones of the run that comes after (twin/README.md).
    """

    name: str
    playbook: str = "storage_bond"
    variables: Mapping[str, Any] = field(default_factory=dict)
    bonded: bool = False
    restart_seconds: float = 0.4
    faults: tuple[Mapping[str, Any], ...] = ()
    blows: tuple[str, ...] = ("kill", "drop")
    begins: str = ""
    ends: str = ""
    hold_states: float = 0.0
    forsaken: bool = False
    keeps_to: str = ""
    scenario: Path = POOL

    def arguments(self, inventory: Path) -> list[str]:
        """Those of ansible-playbook."""
        given = {**WISH, **self.variables}
        if self.keeps_to == "file":
            given["plan_file"] = str(inventory.with_name(SAVED))
        elif self.keeps_to:
            given["plan_fingerprint"] = json.loads(inventory.with_name(SAVED).read_text())["fingerprint"]
        variables = {f"storage_bond_{name}": value for name, value in given.items()}
        return ["-i", str(inventory), f"xapi.network.{self.playbook}", "-e", json.dumps(variables)]


SAVED = "plan.json"
NO_BOND_ON_XS_2 = {"when": {"moment": "bond.plug", "host": "xs-2"}, "do": "fail_to_plug"}
VLANS_BACK = {"strategy": "direct", "accept": ["storage_in_use", "vifs_in_use", "vlans_back"]}
OTHER_MODE = {"mode": "balance-slb", "on_drift": "repair", "purpose": "Storage"}

JOURNEYS = (
    Journey("restart", variables={"strategy": "restart"}),
    Journey("direct", variables={"strategy": "direct"}),
    Journey("remove", "storage_bond_remove", bonded=True),
    # the member's xapi needs as long to start as the next run needs to come to it
    Journey("starting", variables={"strategy": "restart"}, restart_seconds=3, begins="restart xapi", ends="xapi-wait-init-complete"),
    # what is under way when the first run dies is found half-way by the next
    Journey("between", variables={"strategy": "restart"}, hold_states=0.5, blows=("kill",), begins="network.create"),
    # a control node that dies or is cut off, and never comes back; a second of dom0 takes a twentieth here
    Journey("forsaken", variables={"confirm_timeout": 900}, blows=("kill", "cut"), begins="pool.add_to_other_config", forsaken=True),
    # what a killed run of a saved plan has done is no difference to the next run of that plan
    Journey("file", variables={"strategy": "restart"}, blows=("kill",), keeps_to="file"),
    Journey("line", variables={"strategy": "direct"}, blows=("kill",), keeps_to="fingerprint"),
    Journey("unbond", "storage_bond_remove", {"strategy": "direct"}, bonded=True, blows=("kill",), keeps_to="file"),
    Journey("mode", variables={**OTHER_MODE, "strategy": "direct"}, bonded=True, blows=("kill",), keeps_to="file"),
    # a VLAN ends on the one NIC and is made on the other, and its address is nowhere else while that is under way
    Journey("vlans", "storage_bond_remove", VLANS_BACK, bonded=True, begins="Async.Bond.destroy", scenario=VLANS),
    # dom0 puts each VLAN back by itself, and takes away the one that xs-2 has inherited
    Journey(
        "vlans forsaken",
        variables={"confirm_timeout": 900},
        blows=("kill",),
        begins="PIF.add_to_other_config",
        forsaken=True,
        scenario=VLANS,
    ),
    Journey("rollback", variables={"strategy": "direct", "rollback": True}, faults=(NO_BOND_ON_XS_2,), begins="Async.Bond.create"),
    Journey("crash", variables={"strategy": "direct", "wait_timeout": 8}, blows=("crash",)),
    Journey("down", variables={"strategy": "direct", "wait_timeout": 8}, blows=("down",)),
)


def pool(journey: Journey, on_point: OnPoint | None = None) -> RunningTwin:
    return RunningTwin(
        load_scenario(journey.scenario), restart_seconds=journey.restart_seconds, hold_states=journey.hold_states, on_point=on_point
    )


def prepare(journey: Journey, twin: RunningTwin) -> None:
    """What is there when the journey begins."""
    if journey.bonded:
        _module(twin, {**WISH, "state": "present", "strategy": "direct"})
    if journey.keeps_to:
        state = "absent" if journey.playbook == "storage_bond_remove" else "present"
        file = str(twin.inventory_path.with_name(SAVED))
        _module(twin, {**WISH, **journey.variables, "state": state, "save_plan": file}, check=True)
    for fault in journey.faults:
        twin.add_fault(**fault)


def _module(twin: RunningTwin, options: Mapping[str, Any], check: bool = False) -> None:
    defaults = {name: about.get("default") for name, about in xs_bond.ARGUMENT_SPEC.items()}
    xs_bond.work(Task(options={**defaults, **connection(twin), **options}, check_mode=check))


def state(twin: RunningTwin) -> dict[str, Any]:
    """The pool as bonding.look sees it, its attached storage, and the marks of runs that are left on it."""
    return {**look(twin), **twin.call(_rest, twin)}


def _rest(twin: RunningTwin) -> dict[str, Any]:
    (pool,) = twin.database.all("pool").values()
    return {
        "storage": sorted(pbd["currently_attached"] for pbd in twin.database.all("PBD").values()),
        "marks": sorted(key for key in pool["other_config"] if key.startswith("xapi.network")),
    }


def differences(now: Any, end: Any, path: str = "") -> list[str]:
    """Everything in which two states differ."""
    if isinstance(now, dict) and isinstance(end, dict):
        return [line for key in sorted({*now, *end}) for line in differences(now.get(key), end.get(key), f"{path}/{key}")]
    return [] if now == end else [f"{path}: {now} instead of {end}"]
