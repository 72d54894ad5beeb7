# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The NICs of a plan in dom0, before anything is changed: what XAPI does not know of them. Pure.

A NIC whose device is gone keeps its PIF, and that its carrier. A bond that XAPI failed to plug leaves its bridge in Open vSwitch with
the NICs in it, after the bond is destroyed too, and no NIC in it can be plugged (recorded: half_bond_bridge_left). A host whose power goes
in the middle does likewise, since Open vSwitch keeps its bridges over a boot.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import drbd_problems, replicated_storage
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Pool

# XAPI gives such names to the bridges of bonds and VLANs. Another one may carry management, or be somebody's own.
_OF_A_BOND = re.compile(r"xapi\d+")


@dataclass(frozen=True)
class LeftBridge:
    """A bridge in dom0 of a host that holds NICs which XAPI has elsewhere."""

    host: str
    name: str
    devices: tuple[str, ...]
    backend: str
    in_use: bool = False

    @property
    def command(self) -> str:
        """What deletes it, in dom0."""
        if self.backend == "bridge":
            return f"ip link set {self.name} down && brctl delbr {self.name}"
        return f"ovs-vsctl --if-exists del-br {self.name}"

    @property
    def deletable(self) -> bool:
        """Whether a run may delete it, with consent."""
        return not self.in_use and self.backend != "bridge" and _OF_A_BOND.fullmatch(self.name) is not None

    @property
    def step(self) -> str:
        return (
            f"{self.host}: delete the bridge {self.name} of an incomplete bond, which holds {' and '.join(self.devices)} ({self.command})"
        )

    def problem(self, accept: Collection[str] | None) -> Problem:
        """`accept`: the risks that the run takes; None where nobody could delete the bridge."""
        if self.in_use:
            sentence = f"{self.host}: dom0 has {' and '.join(self.devices)} in the bridge {self.name}, which XAPI has for something else."
            return Problem(
                "bridge_left", self.host, sentence, f"Look at ovs-vsctl show in dom0 of {self.host}: somebody put the NICs there."
            )
        sentence = (
            f"{self.host}: dom0 has {' and '.join(self.devices)} in the bridge {self.name}, of which XAPI knows nothing; an incomplete bond"
            " was left behind there."
        )
        remedy = f"In dom0 of {self.host}: {self.command}"
        if accept is None or not self.deletable:
            return Problem("bridge_left", self.host, sentence, remedy)
        remedy += "; or add bridge_left to storage_bond_accept, and the run does that itself, just before it changes the host"
        return Problem("bridge_left", self.host, sentence, remedy, fatal=False, accepted="bridge_left" in accept)


def bridges_of_nics(pool: Pool, host: Host, devices: Iterable[str]) -> dict[str, str]:
    """The bridge in which dom0 should have each of these NICs, by what XAPI has."""
    found = {}
    for device in devices:
        nic = pool.nic(host, device)
        bond = pool.bonds.get(nic.bond_slave_of) if nic else None
        own = pool.pifs.get(bond.master) if bond else None
        holder = own if own is not None and own.attached else nic
        if holder is not None and holder.network in pool.networks:
            found[device] = pool.networks[holder.network].bridge
    return found


def bridges_in_use(pool: Pool, host: Host) -> list[str]:
    """The bridges of what XAPI has attached on this host."""
    attached = (pif for pif in pool.pifs_of(host) if pif.attached and pif.network in pool.networks)
    return sorted({pool.networks[pif.network].bridge for pif in attached})


def left_bridges(host: str, bridges: Mapping[str, str], answer: Any, in_use: Collection[str] = ()) -> list[LeftBridge]:
    """The bridges that dom0 of this host has the NICs in, and XAPI has not. `bridges`: of `bridges_of_nics`; `answer`: of xs_dom0_facts;
    `in_use`: of `bridges_in_use`."""
    if not isinstance(answer, Mapping):
        return []
    inside: Mapping[str, str] = answer.get("bridge_of") or {}
    strange = {device: inside[device] for device, bridge in bridges.items() if bridge and inside.get(device, bridge) != bridge}
    return [
        LeftBridge(
            host,
            bridge,
            tuple(device for device, where in strange.items() if where == bridge),
            str(answer.get("backend")),
            bridge in in_use,
        )
        for bridge in sorted(set(strange.values()))
    ]


def dom0_problems(
    host: str, bridges: Mapping[str, str], answer: Any, accept: Collection[str] | None = None, in_use: Collection[str] = ()
) -> list[Problem]:
    """What speaks against a change of this host by the facts of xs_dom0_facts. `accept`: as of `LeftBridge.problem`."""
    if not isinstance(answer, Mapping):
        return []  # a dom0 that is silent is another problem
    missing = [device for device in bridges if device not in answer["interfaces"]]
    found = [_device_missing(host, missing)] if missing else []
    return found + [left.problem(accept) for left in left_bridges(host, bridges, answer, in_use)]


def _device_missing(host: str, devices: list[str]) -> Problem:
    sentence = f"{host}: dom0 has no device {' and no '.join(devices)}, though XAPI has a PIF of it. A bond of it would stay half made."
    remedy = f"Look at ip link and dmesg in dom0 of {host}. A NIC that is gone for good leaves XAPI with xe pif-forget."
    return Problem("nic_device_missing", host, sentence, remedy)


def with_dom0(pool: Pool, plan: Plan, dom0: Mapping[str, Any]) -> Plan:
    """The plan with what speaks against it in dom0 of the hosts that it changes. `dom0`: answers by host uuid."""
    touched = {step.host for step in plan.steps}
    found: list[Problem] = []
    for host in plan.hosts:
        prediction = plan.prediction(host)
        if host.name in touched and prediction is not None and host.uuid in dom0:
            bridges = bridges_of_nics(pool, host, prediction.nics)
            found += dom0_problems(host.name, bridges, dom0[host.uuid], in_use=bridges_in_use(pool, host))
            found += drbd_problems(host.name, replicated_storage(pool, host), dom0[host.uuid])
    return replace(plan, problems=(*plan.problems, *found))
