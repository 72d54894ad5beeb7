# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every scenario file may say of how its pool is played: its faults, and how long moments last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xapi_twin.faults import Fault, FaultPlanError
from xapi_twin.scenario.fields import at_least, one_of
from xapi_twin.scenario.yaml_lines import Place


@dataclass(frozen=True)
class Options:
    """What a file may say beside the pool itself; each is a field of `Scenario`."""

    user: str
    password: str
    backend: str = field(metadata=one_of("openvswitch", "bridge"))
    restart_seconds: float = field(metadata=at_least(0.0))
    bridge_counter: int = field(metadata=at_least(0))
    hold_states: float = field(metadata=at_least(0.0))
    link_seconds: float = field(metadata=at_least(0.0))


def faults_of(place: Place | None, hosts: set[str]) -> tuple[Mapping[str, Any], ...]:
    """The fault plan of a file, each entry checked. Raises ScenarioError."""
    if place is None:
        return ()
    faults: list[Mapping[str, Any]] = []
    for item in place.items("faults"):
        entry = item.plain()
        if not isinstance(entry, dict):
            raise item.error("a fault is a mapping: 'when' it strikes and what it will 'do'")
        try:
            fault = Fault.read(entry)
        except FaultPlanError as error:
            raise item.error(str(error)) from None
        for host in (fault.host, fault.target):
            if host and host not in hosts:
                raise item.error(f"there is no host '{host}'; there are {', '.join(sorted(hosts))}")
        faults.append(entry)
    return tuple(faults)
