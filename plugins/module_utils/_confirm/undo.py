# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dom0 takes back by itself when nobody confirms a change: a new bond of one host. Pure.

Only a bond that the plan makes can be taken back so: Bond.destroy gives its address, its management interface and its VLANs back to its
primary NIC (xapi_bond.ml). VLANs that were on another NIC are put back there after it, by dom0's own xe. What cannot be brought back as it
was is a reason not to begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, find_network
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import inherited_vlans, match, primary_of
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.vlans import Noted, held, to_note
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
class Vlan:
    """A VLAN that Bond.destroy would not leave as it is now: on the NIC with the uuid `nic`, or, where that is "", on none. `network` is
    the uuid of its network; `noted` that of the NIC that has `key` in its other_config for it.
    """

    tag: int
    network: str
    nic: str
    noted: str
    key: str
    device: str = ""
    mode: str = "None"
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns: str = ""


@dataclass(frozen=True)
class Undo:
    """How one host gets back to where it is now. `host` is its uuid."""

    host: str
    name: str
    nics: tuple[Nic, ...]
    vlans: tuple[Vlan, ...] = ()

    @property
    def sentence(self) -> str:
        devices = " and ".join(nic.device for nic in self.nics)
        back = "".join(f", {nic.ip or 'DHCP'} back on {nic.device}" for nic in self.nics if nic.mode != "None")
        vlans = "".join(f", VLAN {one.tag} back on {one.device}" if one.nic else f", VLAN {one.tag} taken away" for one in self.vlans)
        return f"dom0 of {self.name} destroys the bond that {devices} are in then{back}{vlans}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "host": self.host, "name": self.name, "nics": [asdict(nic) for nic in self.nics],
            "vlans": [asdict(vlan) for vlan in self.vlans], "sentence": self.sentence,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Undo:
        """Raises KeyError or TypeError for what `to_dict` has not made."""
        nics, vlans = (Nic(**nic) for nic in values["nics"]), (Vlan(**vlan) for vlan in values["vlans"])
        return cls(str(values["host"]), str(values["name"]), tuple(nics), tuple(vlans))


def undo_of(pool: Pool, spec: BondSpec, plan: Plan, host: Host) -> Undo | None:
    """What is to be armed for this host; None where the plan makes no bond on it."""
    if spec.absent or plan.actions.get(host.name) not in MAKES_A_BOND:
        return None
    nics = match(pool, host, spec.nics).found
    return Undo(host.uuid, host.name, tuple(_nic(nic) for nic in nics), tuple(_vlan(one) for one in _noted(pool, spec, plan, host)))


def _noted(pool: Pool, spec: BondSpec, plan: Plan, host: Host) -> list[Noted]:
    """The VLANs that Bond.destroy would not leave as they are now."""
    matched, network, predicted = match(pool, host, spec.nics), find_network(pool, spec), plan.prediction(host)
    if predicted is None or not matched.found:
        return []
    return to_note(pool, spec, matched.found, predicted.primary, inherited_vlans(pool, matched, network) if predicted.inherits else ())


def _vlan(one: Noted) -> Vlan:
    uuid, device = (one.nic.uuid, one.nic.device) if one.nic else ("", "")
    vlan = Vlan(one.tag, one.network.uuid, uuid, one.at.uuid, one.key, device)
    pif = one.pif
    return replace(vlan, mode=pif.ip_mode, ip=pif.ip, netmask=pif.netmask, gateway=pif.gateway, dns=pif.dns) if pif else vlan


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
    for one in _noted(pool, spec, plan, host):
        if one.nic and one.pif and (why := held(pool, host, one.pif)):
            return (
                f"{host.name}: VLAN {one.tag} is on {one.nic.device}, and XAPI would bring it back on {primary_of(nics).device}. dom0 could"
                f" not put it back on {one.nic.device}, for which it ends and is made anew: {why}."
            )
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
