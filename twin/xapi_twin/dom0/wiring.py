# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other end of the cables makes of a dom0: which NICs are one bundle by LACP, which carry traffic, and who reaches whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xapi_twin.dom0.model import BondPort, Dom0, Nic, SwitchPort


def linked(dom0: Dom0, device: str) -> bool:
    nic = dom0.nics.get(device)
    return nic is not None and nic.present and nic.carrier


def partner(dom0: Dom0, device: str) -> tuple[str, int] | None:
    """System id and key that a NIC hears by LACP; None when the port says nothing."""
    nic = dom0.nics.get(device)
    return nic.port.lacp if nic is not None and linked(dom0, device) else None


def bundle(bond: BondPort, dom0: Dom0) -> tuple[str, ...]:
    """The NICs of an LACP bond that are attached: those with the partner of the one that leads. (Open vSwitch, lib/lacp.c, on 3.1 and 4.0.)

    Where no partner answers at all: with lacp-fallback-ab all of them, which then are an active-backup bond; without it none.
    The kernel's driver knows no fallback; there each NIC without a partner is alone in an aggregator, and one of these is active.
    """
    devices = [member.device for member in bond.members]
    heard = {device: partner(dom0, device) for device in devices}
    lead = next((device for device in _first(devices, bond.active) if heard[device] is not None), None)
    if lead is not None:
        return tuple(device for device in devices if heard[device] == heard[lead])
    if dom0.network_backend == "bridge":
        return tuple(device for device in devices if linked(dom0, device))[:1]
    return tuple(devices) if bond.fallback_ab else ()


def negotiated(bond: BondPort, dom0: Dom0) -> bool:
    return any(partner(dom0, member.device) is not None for member in bond.members)


def carrying(dom0: Dom0, bridge: str) -> list[Nic]:
    """The NICs over which the traffic of a bridge goes: one of an active-backup bond, all that are in use of any other."""
    found = dom0.bridges.get(bridge)
    if found is not None and found.parent:
        return carrying(dom0, found.parent)
    nics: list[Nic] = []
    for port in found.ports if found else ():
        bond = dom0.bonds.get(port)
        if bond is None:
            nics += [dom0.nics[port]] if linked(dom0, port) else []
            continue
        enabled = [member.device for member in bond.members if member.enabled and linked(dom0, member.device)]
        if bond.lacp != "off":
            enabled = [device for device in enabled if device in bundle(bond, dom0)]
        one = bond.mode == "active-backup" or (bond.lacp != "off" and not negotiated(bond, dom0))
        nics += [dom0.nics[device] for device in enabled if not one or device == bond.active]
    return nics


def reach(here: Sequence[Nic], there: Sequence[Nic], tag: int, size: int) -> bool:
    """Whether a packet of this size gets from the one host's NICs to the other's. A bond that balances may take any of its NICs."""
    ends = [nic.port for nic in (*here, *there)]
    return bool(here and there) and len({port.segment for port in ends}) == 1 and passes(ends, tag, size)


def passes(ports: Iterable[SwitchPort], tag: int, size: int) -> bool:
    """Whether all these ports let a packet through."""
    return all(tag not in port.blocked and (not port.mtu or size <= port.mtu) for port in ports)


def _first(devices: Sequence[str], active: str | None) -> list[str]:
    return sorted(devices, key=lambda device: device != active)
