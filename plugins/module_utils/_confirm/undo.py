# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dom0 takes back by itself when nobody confirms a change: a new bond of one host. Pure.

Only a bond that the plan makes can be taken back so: Bond.destroy gives its address, its management interface and its VLANs back to its
primary NIC (xapi_bond.ml). What it does not bring back as it was is a reason not to begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, find_network
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import match, vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Pif, Pool

# Actions of a plan after which a host has a bond that it did not have before.
MAKES_A_BOND = ("created", "restarted")


@dataclass(frozen=True)
class Nic:
    """A NIC as it is before the change. `mode` is XAPI's word: Static, DHCP or None."""

    uuid: str
    device: str
    mode: str = "None"
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns: str = ""
    disallow_unplug: bool = False


@dataclass(frozen=True)
class Undo:
    """How one host gets back to where it is now. `host` is its uuid."""

    host: str
    name: str
    nics: tuple[Nic, ...]

    @property
    def sentence(self) -> str:
        devices = " and ".join(nic.device for nic in self.nics)
        back = "".join(f", {nic.ip or 'DHCP'} back on {nic.device}" for nic in self.nics if nic.mode != "None")
        return f"dom0 of {self.name} destroys the bond that {devices} are in then{back}"

    def to_dict(self) -> dict[str, Any]:
        return {"host": self.host, "name": self.name, "nics": [asdict(nic) for nic in self.nics], "sentence": self.sentence}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Undo:
        """Raises KeyError or TypeError for what `to_dict` has not made."""
        return cls(str(values["host"]), str(values["name"]), tuple(Nic(**nic) for nic in values["nics"]))


def undo_of(pool: Pool, spec: BondSpec, plan: Plan, host: Host) -> Undo | None:
    """What is to be armed for this host; None where the plan makes no bond on it."""
    if spec.absent or plan.actions.get(host.name) not in MAKES_A_BOND:
        return None
    return Undo(host.uuid, host.name, tuple(_nic(nic) for nic in match(pool, host, spec.nics).found))


def _nic(pif: Pif) -> Nic:
    return Nic(pif.uuid, pif.device, pif.ip_mode, pif.ip, pif.netmask, pif.gateway, pif.dns, pif.disallow_unplug)


def not_possible(pool: Pool, spec: BondSpec, plan: Plan, host: Host) -> str:
    """Why this host could not be brought back to where it is now, as a sentence; "" where it can."""
    action = plan.actions.get(host.name, "kept")
    if action == "kept" or not any(step.host == host.name and step.interrupts for step in plan.steps):
        return ""
    if spec.absent or action not in MAKES_A_BOND:
        return f"{host.name}: dom0 can take back a new bond only, and not that one is {action}."
    nics = match(pool, host, spec.nics).found
    if any(nic.management for nic in nics) and not host.master:
        # Without its master a member's xapi can change nothing, so that its dom0 could not take the bond back.
        return (
            f"{host.name}: its NICs carry the management interface, and a member that is cut off from its master cannot take a bond back."
        )
    primary = next((nic for nic in nics if nic.management), next((nic for nic in nics if nic.configured), nics[0] if nics else None))
    for nic in nics:
        tags = [str(vlan.vlan) for vlan in vlans_over(pool, nic)]
        if tags and nic is not primary and primary is not None:
            return f"{host.name}: VLAN {', '.join(tags)} is on {nic.device}, and XAPI would bring it back on {primary.device}."
    if find_network(pool, spec) is not None and any(nic.bond_slave_of for nic in nics):
        return f"{host.name}: its NICs are in a bond already, which would not come back."
    return ""


def guarded(pool: Pool, spec: BondSpec, plan: Plan) -> Plan:
    """The plan with a problem for every host that could not be brought back."""
    found = [(host, why) for host in plan.hosts if (why := not_possible(pool, spec, plan, host))]
    remedy = "Do without the timer (confirm_timeout 0) from a console that the change does not cut off, or change what stands against it."
    return replace(plan, problems=(*plan.problems, *(Problem("confirm_not_possible", host.name, why, remedy) for host, why in found)))


def undos(pool: Pool, spec: BondSpec, plan: Plan) -> dict[str, dict[str, Any]]:
    """What is to be armed, by host uuid."""
    found = {host.uuid: undo_of(pool, spec, plan, host) for host in plan.hosts}
    return {uuid: undo.to_dict() for uuid, undo in found.items() if undo is not None}
