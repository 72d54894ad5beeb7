# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who would notice a change: storage behind a NIC, VMs connected through it, frames that no longer fit. And what is worth knowing besides.

Pure functions of the pool, like the checks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import HostProblems, Problem, problem
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Match, networks_over, vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import WITHOUT_ADDRESS, Bond, Host, Network, Pif, Pool, Storage


def use_problems(pool: Pool, spec: BondSpec, host: Host, nics: Sequence[Pif], mtu: int) -> list[Problem]:
    """Who would notice that these NICs become a bond. `mtu`: that of the bond."""
    problems = HostProblems(spec, host)
    for nic in nics:
        behind = storage_behind(pool, host, nic)
        if behind:
            problems.add(
                "storage_in_use",
                f"storage is attached through {nic.device}: {', '.join(behind)}. It stands still while the NIC becomes a bond"
                " (about a second) and comes back by itself.",
                "Detach it or move the VMs away first, or make sure that they survive a pause.",
            )
        running = _running_over(pool, host, nic)
        if running:
            problems.add(
                "vifs_in_use",
                f"{', '.join(running)} is connected through {nic.device}; its traffic stops for a moment and moves to the bond.",
                "Shut it down or move it first.",
            )
        network = pool.networks.get(nic.network)
        if spec.mtu is None and network is not None and mtu < network.mtu:
            problems.add(
                "mtu", f"{nic.device} has MTU {network.mtu} and the bond would have {mtu}.", f"Say which with mtu: {network.mtu} or {mtu}."
            )
        for vlan in vlans_over(pool, nic):
            carried = pool.networks.get(vlan.network)
            if carried is not None and mtu < carried.mtu:
                problems.add(
                    "mtu",
                    f"VLAN {vlan.vlan} of {nic.device} has MTU {carried.mtu}"
                    f" and the bond below it would have {mtu}: larger frames get lost.",
                    f"Give the bond that MTU (mtu: {carried.mtu}), or {carried.name} a smaller one.",
                )
    return problems.found


def absent_problems(pool: Pool, spec: BondSpec, host: Host, network: Network, bond: Bond, nics: Sequence[Pif]) -> list[Problem]:
    """What speaks against taking this host's bond off the network."""
    have = sorted(nic.device for nic in nics)
    if spec.nics and have != sorted(spec.nics):
        sentence = f"{host.name}: the bond on {network.name} has {', '.join(have)}, not {', '.join(spec.nics)}."
        return [problem(spec, "nics_differ", host.name, sentence, "Leave nics out to remove whatever bond is there.")]
    return removal_problems(pool, spec, host, bond)


def removal_problems(pool: Pool, spec: BondSpec, host: Host, bond: Bond) -> list[Problem]:
    """What speaks against destroying a bond, for good or to create it again."""
    problems = HostProblems(spec, host)
    if not host.live:
        problems.add(
            "host_down", "XAPI does not see the host alive.", "Bring the host back, or leave it out by naming the others in hosts."
        )
    pif = pool.pifs.get(bond.master)
    if pif is None:
        return problems.found
    if pif.management:
        if pool.ha_enabled:
            problems.add(
                "ha_management", f"{pif.device} is the management interface and HA is on; XAPI refuses.", "Disable HA for the change."
            )
        sentence = f"{pif.device} is the management interface; its connection breaks for a moment."
        problems.add("management", sentence, "Make sure that you have a console.")
    behind = storage_behind(pool, host, pif)
    if behind:
        problems.add(
            "storage_in_use",
            f"storage is attached through {pif.device}: {', '.join(behind)}. It stands still for about a second and comes back by itself.",
            "Detach it or move the VMs away first.",
        )
    running = _running_over(pool, host, pif)
    if running:
        problems.add(
            "vifs_in_use",
            f"{', '.join(running)} is connected through {pif.device}; its traffic stops for a moment.",
            "Shut it down or move it first.",
        )
    return problems.found


def storage_behind(pool: Pool, host: Host, pif: Pif) -> list[str]:
    """Names of the storage that this host has attached at an address in the subnet of this PIF, or that may run over any one."""
    subnet = pif.subnet
    attached = [storage for storage in pool.storages_of(host) if storage.attached]
    there = [one for one in attached if subnet and any(ipaddress.IPv4Address(address) in subnet for address in one.addresses)]
    anywhere = [one for one in attached if one.sr_type in WITHOUT_ADDRESS and pif.configured]
    return sorted(
        {one.sr_name or one.sr_uuid for one in there} | {f"{one.sr_name or one.sr_uuid} (which may run over it)" for one in anywhere}
    )


def _named(pool: Pool, host: Host) -> list[Storage]:
    """Attached storage of which only the server's name is known, which nothing here resolves: the hosts may do so in another way."""
    return [storage for storage in pool.storages_of(host) if storage.attached and storage.names]


def _running_over(pool: Pool, host: Host, pif: Pif) -> list[str]:
    """Names of the VMs that are connected through this PIF of this host, by its own network or that of a VLAN on it."""
    vifs = [pool.vifs[ref] for network in networks_over(pool, pif) for ref in network.vifs if ref in pool.vifs]
    return sorted({vif.vm_name or "a running VM" for vif in vifs if vif.attached and vif.host in ("", host.ref)})


def notices(pool: Pool, spec: BondSpec, host: Host, match: Match, network: Network | None, restart: bool) -> list[Problem]:
    """What is worth knowing and stops nothing."""
    said = [*_of_the_nics(pool, spec, match), *_of_the_storage(pool, host)]
    if restart:
        said += [
            ("other_bonds", f"the restart will also give it the master's bond on {other}, which it does not have.")
            for other in _others(pool, host, network)
        ]
    if host.guidances:
        said.append(("guidance", f"XAPI still asks for {', '.join(host.guidances)} here, from an earlier update."))
    if not host.enabled:
        said.append(("disabled", "the host is disabled; a restart of its xapi may enable it (xapi 26 does)."))
    return [notice(host, code, sentence) for code, sentence in said]


def _of_the_nics(pool: Pool, spec: BondSpec, match: Match) -> list[tuple[str, str]]:
    said = []
    nics = match.found
    configured = [nic for nic in nics if nic.configured]
    if nics and not configured:
        said.append(("no_address", "none of the NICs has an address, so the bond will have none."))
    theirs = _address_of_the_master(pool, match)
    if configured and theirs and configured[0].device != theirs:
        sentence = f"the address is on {configured[0].device} here and not as on the master, so the bond gets the MAC of that NIC."
        said.append(("other_nic", sentence))
    if len({(nic.speed, nic.duplex) for nic in nics if nic.carrier}) > 1:
        speeds = ", ".join(f"{nic.device} {nic.speed} Mbit/s{'' if nic.duplex else ' half duplex'}" for nic in nics)
        said.append(("speed", f"the NICs run at different speeds: {speeds}."))
    if len({nic.vendor for nic in nics}) > 1:
        vendors = ", ".join(f"{nic.device} {nic.vendor or 'unknown'}" for nic in nics)
        said.append(("vendor", f"the NICs are of different makers: {vendors}."))
    if spec.mtu not in (None, 1500) and any(nic.management for nic in nics):
        said.append(("management_mtu", f"a management interface with MTU {spec.mtu} is not supported by XenServer and XCP-ng."))
    over = [network for nic in nics for network in networks_over(pool, nic)]
    waiting = [vif for network in over for vif in (pool.vifs.get(ref) for ref in network.vifs) if vif and not vif.attached]
    if waiting:
        sentence = f"{len(waiting)} interfaces of halted VMs are on networks of these NICs; such a VM can start when all hosts are done."
        said.append(("halted_vms", sentence))
    return said


def _of_the_storage(pool: Pool, host: Host) -> list[tuple[str, str]]:
    said = []
    named = sorted({f"{storage.sr_name or storage.sr_uuid} ({', '.join(storage.names)})" for storage in _named(pool, host)})
    if named:
        sentence = (
            f"storage is attached from a server that is named, not numbered: {', '.join(named)}."
            " Whether it is reached through these NICs cannot be told from here; if so, it stands still for about a second."
        )
        said.append(("storage_by_name", sentence))
    if host.boot_paths:
        sentence = (
            f"the host boots from a SAN: multipath has {host.boot_paths[0]} of {host.boot_paths[1]} paths to that disk."
            " Whether they run through these NICs cannot be told from here; if they all do, dom0 itself stands still for about a second."
        )
        said.append(("boots_from_san", sentence))
    return said + [
        ("paths", f"multipath has {now} of {most} paths to {device} of {one.sr_name or one.sr_uuid}.")
        for one in pool.storages_of(host)
        if one.attached
        for device, (now, most) in one.paths.items()
        if now < most
    ]


def absent_notices(host: Host, network: Network, staying: bool) -> list[Problem]:
    """`staying`: the master keeps its bond on the network."""
    if host.master or not staying:
        return []
    sentence = f"the master keeps its bond on {network.name}, which the next start of this host's xapi brings back."
    return [notice(host, "inherits_again", sentence)]


def notice(host: Host, code: str, sentence: str) -> Problem:
    return Problem(code, host.name, f"{host.name}: {sentence}", "", fatal=False, accepted=True)


def _address_of_the_master(pool: Pool, match: Match) -> str:
    """The device here that stands for the master's NIC with an address; "" when there is none."""
    for device, nic in zip(match.devices, match.nics, strict=True):
        there = pool.nic(pool.master, device)
        if there is not None and there.configured and nic is not None:
            return nic.device
    return ""


def _others(pool: Pool, host: Host, network: Network | None) -> list[str]:
    """Names of the networks on which the master has a bond and this host has none."""
    found = []
    for bond in pool.bonds.values():
        pif = pool.pifs.get(bond.master)
        other = pool.networks.get(pif.network) if pif is not None and pif.host == pool.master.ref else None
        if other is not None and other != network and pool.bond_on(host, other) is None:
            found.append(other.name)
    return sorted(found)
