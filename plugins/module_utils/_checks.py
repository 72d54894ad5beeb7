# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that speaks against a plan: problems, each with a code, a host, a sentence and a remedy. Pure functions of the pool.

A problem is fatal, or a risk that the user accepts by naming its code. `notices` are worth saying and stop nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool import Bond, Host, Network, Pif, Pool
from ansible_collections.xapi.network.plugins.module_utils._rules import TWO_IP_REFUSED_SINCE, Match, primary_of
from ansible_collections.xapi.network.plugins.module_utils._wish import Wish

# The codes that `accept` may name. Every other problem is fatal.
RISKS = (
    "cluster",
    "fcoe",
    "ha_enabled",
    "ipv6_lost",
    "management",
    "mixed_versions",
    "mtu",
    "nic_names",
    "no_link",
    "pending_tasks",
    "speed",
    "storage_in_use",
    "vifs_in_use",
)


@dataclass(frozen=True)
class Problem:
    """Why something must not be done. `host` is "" when it concerns the pool. `fatal`: no `accept` helps."""

    code: str
    host: str
    sentence: str
    remedy: str
    fatal: bool = True
    accepted: bool = False

    @property
    def stops(self) -> bool:
        return self.fatal or not self.accepted

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def problem(wish: Wish, code: str, host: str, sentence: str, remedy: str) -> Problem:
    """A problem with its place in the wish: fatal unless it is a risk, accepted when the wish says so."""
    risk = code in RISKS
    if risk and code not in wish.accept:
        remedy = f"{remedy} To go on all the same, add {code} to accept."
    return Problem(code, host, sentence, remedy, fatal=not risk, accepted=risk and code in wish.accept)


def network_problems(pool: Pool, wish: Wish) -> list[Problem]:
    """The target network: named once, managed, of a kind that can carry a bond."""
    if wish.network_uuid:
        if not any(network.uuid == wish.network_uuid for network in pool.networks.values()):
            return [
                problem(
                    wish,
                    "network_missing",
                    "",
                    f"There is no network with uuid {wish.network_uuid} in the pool.",
                    "Correct network_uuid, or name the network and it will be made.",
                )
            ]
        return []
    found = pool.networks_called(wish.network)
    if len(found) > 1:
        uuids = ", ".join(network.uuid for network in found)
        return [
            problem(
                wish,
                "network_ambiguous",
                "",
                f"{len(found)} networks are called {wish.network}: {uuids}.",
                "XAPI lets names repeat. Name the one you mean with network_uuid, or rename the other.",
            )
        ]
    return []


def managed_problems(pool: Pool, wish: Wish, network: Network) -> list[Problem]:
    found = []
    if not network.managed:
        found.append(
            problem(wish, "network_unmanaged", "", f"The network {network.name} is not managed by XAPI.", "Choose another network.")
        )
    for ref in network.pifs:
        pif = pool.pifs.get(ref)
        if pif is not None and (pif.sriov_logical or pif.sriov_physical):
            found.append(
                problem(
                    wish,
                    "network_sriov",
                    "",
                    f"The network {network.name} carries SR-IOV.",
                    "A bond cannot be on it; choose another network.",
                )
            )
            break
    return found


def pool_problems(pool: Pool, wish: Wish, touched: Sequence[Host], restarted: Sequence[Host]) -> list[Problem]:
    """What concerns the pool as a whole. `touched`: hosts that the plan changes; `restarted`: those whose xapi it restarts."""
    found = []
    if not touched:
        return []
    if pool.ha_enabled:
        what = (
            "restarts xapi on members, for which HA may fence them"
            if restarted
            else "takes NICs down for a moment, which HA may read as a failure"
        )
        found.append(
            problem(
                wish,
                "ha_enabled",
                "",
                f"HA is on in this pool, and the plan {what}.",
                "Disable HA for the change (xe pool-ha-disable) and enable it after.",
            )
        )
    builds = {(host.release, host.build) for host in pool.hosts}
    if len(builds) > 1:
        each = "; ".join(f"{host.name} {host.release} ({host.xapi})" for host in pool.hosts[:8]) + ("; …" if len(pool.hosts) > 8 else "")
        found.append(
            problem(wish, "mixed_versions", "", f"The hosts run different versions: {each}.", "Finish the upgrade of the pool first.")
        )
    # A pending task without a host runs on the master.
    concerned = {host.ref for host in restarted}
    for task in pool.tasks:
        if task.host in concerned:
            name = pool.host(task.host).name
            found.append(
                problem(
                    wish,
                    "pending_tasks",
                    name,
                    f"The task {task.name or task.uuid} runs on {name} and would die with the restart of its xapi.",
                    "Wait until it is done, or cancel it.",
                )
            )
    return found


def host_problems(pool: Pool, wish: Wish, host: Host, match: Match, network: Network | None, creating: bool) -> list[Problem]:
    """What speaks against bonding these NICs on this host: what XAPI would refuse, and what it would accept and a user regret."""

    def add(code: str, sentence: str, remedy: str) -> None:
        found.append(problem(wish, code, host.name, f"{host.name}: {sentence}", remedy))

    found: list[Problem] = []
    if not host.live:
        add("host_down", "XAPI does not see the host alive.", "Bring the host back, or leave it out by naming the others in hosts.")
    for device, nic, other in zip(wish.nics, match.nics, match.other, strict=True):
        if nic is None:
            known = ", ".join(pif.device for pif in pool.pifs_of(host) if pif.physical) or "no NIC"
            why = f"; by {'device name' if match.rule == 'position' else 'bridge position'} it would be {other.device}" if other else ""
            add(
                "nic_missing",
                f"there is no NIC that stands for {device}; the host has {known}{why}.",
                f"Put the NIC in, run xe pif-scan host-uuid={host.uuid}, or name NICs that every host has.",
            )
        elif other is not None and other.ref != nic.ref:
            add(
                "nic_names",
                f"{device} of the master is {nic.device} here by {'device name' if match.rule == 'device' else 'bridge position'},"
                " which this xapi goes by,"
                f" and {other.device} by {'bridge position' if match.rule == 'device' else 'device name'}.",
                "Make the NIC names of all hosts agree (interface-rename), so that an upgrade of xapi does not bond other NICs.",
            )
    nics = match.found
    found += _nic_problems(pool, wish, host, nics, creating)
    limit = 2 if host.backend == "bridge" else 4
    if len(wish.nics) > limit:
        add(
            "too_many_nics",
            f"{len(wish.nics)} NICs are more than the {limit} that the {host.backend} backend supports in a bond.",
            "Bond fewer NICs.",
        )
    if host.backend == "bridge" and wish.mode == "lacp":
        add("mode", "the Linux bridge backend has no LACP.", "Choose active-backup or balance-slb, or change the backend to openvswitch.")
    if not creating or not nics:
        return found
    for pif in pool.on_network(host, network) if network else ():
        if not pif.bond_master_of:
            add(
                "network_taken",
                f"{pif.device} (PIF {pif.uuid}) is on {network.name if network else wish.called} already.",
                "Choose another network for the bond, or take that PIF off it.",
            )
    return found + _address_problems(pool, wish, host, nics) + _use_problems(pool, wish, host, nics, network)


def _nic_problems(pool: Pool, wish: Wish, host: Host, nics: Iterable[Pif], creating: bool) -> list[Problem]:
    """NICs that cannot be members, or should not be."""

    def add(code: str, sentence: str, remedy: str) -> None:
        found.append(problem(wish, code, host.name, f"{host.name}: {sentence}", remedy))

    found: list[Problem] = []
    nics = tuple(nics)
    for nic in nics:
        if not nic.managed:
            add(
                "nic_unmanaged",
                f"{nic.device} is not managed by XAPI.",
                f"Run xe pif-forget and xe pif-introduce for {nic.device}, or choose another NIC.",
            )
        if not nic.physical or nic.vlan >= 0 or nic.tunnel_access:
            add("nic_kind", f"{nic.device} is no physical NIC.", "Name physical NICs only.")
        if nic.sriov_logical or nic.sriov_physical:
            add("nic_sriov", f"{nic.device} is used for SR-IOV.", "Take it off the SR-IOV network first.")
        if not creating:
            continue
        if not nic.carrier:
            add("no_link", f"{nic.device} has no link.", "Check cable and switch port.")
        if nic.ref in pool.cluster_pifs:
            add("cluster", f"{nic.device} carries the pool's cluster traffic (GFS2).", "Disable clustering on the host first.")
        if "fcoe" in nic.capabilities:
            add("fcoe", f"{nic.device} can do FCoE; an FCoE daemon may hold it.", "Mask the services fcoe and xs-fcoe on the host.")
    if creating and len({(nic.speed, nic.duplex) for nic in nics if nic.carrier}) > 1:
        speeds = ", ".join(f"{nic.device} {nic.speed} Mbit/s{'' if nic.duplex else ' half duplex'}" for nic in nics)
        add("speed", f"the NICs run at different speeds: {speeds}.", "Bond NICs of one speed.")
    return found


def _address_problems(pool: Pool, wish: Wish, host: Host, nics: Sequence[Pif]) -> list[Problem]:
    """Rules of XAPI about addresses, purposes and settings of the members."""

    def add(code: str, sentence: str, remedy: str) -> None:
        found.append(problem(wish, code, host.name, f"{host.name}: {sentence}", remedy))

    found: list[Problem] = []
    configured = [nic for nic in nics if nic.configured]
    if len(configured) > 1:
        addresses = " and ".join(f"{nic.device} has {nic.ip or nic.ip_mode}" for nic in configured)
        fate = (
            "XAPI would not make the bond" if host.at_least(*TWO_IP_REFUSED_SINCE) else "this xapi would lose all but one of them silently"
        )
        keep = primary_of(nics)
        other = next(nic for nic in configured if nic.ref != keep.ref)
        add(
            "two_ips",
            f"{addresses}; a bond can have one address, and {fate}.",
            f"Free one of them: xe pif-reconfigure-ip uuid={other.uuid} mode=none (then nothing may use {other.ip or other.device}).",
        )
    if any(nic.management for nic in nics):
        device = next(nic.device for nic in nics if nic.management)
        if pool.ha_enabled:
            add(
                "ha_management",
                f"{device} is the management interface and HA is on; XAPI refuses to bond it.",
                "Disable HA for the change (xe pool-ha-disable).",
            )
        add(
            "management",
            f"{device} is the management interface; its connection breaks for a moment and moves to the bond.",
            "Make sure that you have a console.",
        )
    lost = [nic for nic in nics if nic.ipv6_mode != "None" and nic.ref != primary_of(nics).ref]
    for nic in lost:
        add(
            "ipv6_lost",
            f"{nic.device} has the IPv6 configuration {nic.ipv6_mode} {', '.join(nic.ipv6)} and is not the NIC whose configuration"
            " the bond gets.",
            f"Free it: xe pif-reconfigure-ipv6 uuid={nic.uuid} mode=none.",
        )
    if len({tuple(sorted(nic.properties.items())) for nic in nics}) > 1:
        add(
            "nic_properties",
            "the NICs have different properties: " + "; ".join(f"{nic.device} {dict(nic.properties)}" for nic in nics) + ".",
            "Make them equal (xe pif-param-set uuid=… properties:gro=on).",
        )
    if len({nic.primary_address_type for nic in nics}) > 1:
        add("nic_address_types", "the NICs have different primary address types.", "Make them equal (xe pif-set-primary-address-type).")
    return found


def _use_problems(pool: Pool, wish: Wish, host: Host, nics: Sequence[Pif], target: Network | None) -> list[Problem]:
    """Who would notice: storage behind the NICs, VMs on their networks, an MTU that shrinks."""

    def add(code: str, sentence: str, remedy: str) -> None:
        found.append(problem(wish, code, host.name, f"{host.name}: {sentence}", remedy))

    found: list[Problem] = []
    for nic in nics:
        behind = _storage_behind(pool, host, nic)
        if behind:
            add(
                "storage_in_use",
                f"storage is attached through {nic.device}: {', '.join(behind)}. It stands still while the NIC becomes a bond"
                " (about a second) and comes back by itself.",
                "Detach it or move the VMs away first, or make sure that they survive a pause.",
            )
        network = pool.networks.get(nic.network)
        running = _running_on(pool, host, network)
        if running:
            add(
                "vifs_in_use",
                f"{', '.join(running)} is connected to {network.name if network else nic.device}, the network of {nic.device};"
                " its traffic stops for a moment and moves to the bond.",
                "Shut it down or move it first.",
            )
        if wish.mtu is None and target is not None and network is not None and target.mtu < network.mtu:
            add(
                "mtu",
                f"{nic.device} has MTU {network.mtu} and the bond on {target.name} would have {target.mtu}.",
                f"Say which with mtu: {network.mtu} or {target.mtu}.",
            )
    return found


def absent_problems(pool: Pool, wish: Wish, host: Host, network: Network, bond: Bond, nics: Sequence[Pif]) -> list[Problem]:
    """What speaks against taking this host's bond off the network."""
    have = sorted(nic.device for nic in nics)
    if wish.nics and have != sorted(wish.nics):
        sentence = f"{host.name}: the bond on {network.name} has {', '.join(have)}, not {', '.join(wish.nics)}."
        return [problem(wish, "nics_differ", host.name, sentence, "Leave nics out to remove whatever bond is there.")]
    return removal_problems(pool, wish, host, bond)


def removal_problems(pool: Pool, wish: Wish, host: Host, bond: Bond) -> list[Problem]:
    """What speaks against taking a bond apart, for good or to make it anew."""

    def add(code: str, sentence: str, remedy: str) -> None:
        found.append(problem(wish, code, host.name, f"{host.name}: {sentence}", remedy))

    found: list[Problem] = []
    if not host.live:
        add("host_down", "XAPI does not see the host alive.", "Bring the host back, or leave it out by naming the others in hosts.")
    pif = pool.pifs.get(bond.master)
    if pif is None:
        return found
    network = pool.networks.get(pif.network)
    if pif.management:
        if pool.ha_enabled:
            add("ha_management", f"{pif.device} is the management interface and HA is on; XAPI refuses.", "Disable HA for the change.")
        sentence = f"{pif.device} is the management interface; its connection breaks for a moment."
        add("management", sentence, "Make sure that you have a console.")
    behind = _storage_behind(pool, host, pif)
    if behind:
        add(
            "storage_in_use",
            f"storage is attached through {pif.device}: {', '.join(behind)}. It stands still for about a second and comes back by itself.",
            "Detach it or move the VMs away first.",
        )
    running = _running_on(pool, host, network)
    if running and network is not None:
        add(
            "vifs_in_use",
            f"{', '.join(running)} is connected to {network.name}; its traffic stops for a moment and moves to that of the primary NIC.",
            "Shut it down or move it first.",
        )
    return found


def _storage_behind(pool: Pool, host: Host, pif: Pif) -> list[str]:
    """Names of the storage that this host has attached at an address in the subnet of this PIF."""
    subnet = pif.subnet
    if subnet is None:
        return []
    return sorted(
        {
            storage.sr_name or storage.sr_uuid
            for storage in pool.storages_of(host)
            if storage.attached and any(ipaddress.IPv4Address(address) in subnet for address in storage.addresses)
        }
    )


def _running_on(pool: Pool, host: Host, network: Network | None) -> list[str]:
    """Names of the VMs that are connected to this network on this host."""
    vifs = [pool.vifs[ref] for ref in (network.vifs if network else ()) if ref in pool.vifs]
    return sorted({vif.vm_name or "a running VM" for vif in vifs if vif.attached and vif.host in ("", host.ref)})


def notices(pool: Pool, wish: Wish, host: Host, match: Match, network: Network | None, restart: bool) -> list[Problem]:
    """What is worth knowing and stops nothing."""
    said: list[str] = []
    nics = match.found
    configured = [nic for nic in nics if nic.configured]
    if nics and not configured:
        said.append("none of the NICs has an address, so the bond will have none.")
    if configured and nics[0].ref != configured[0].ref:
        said.append(f"the address is on {configured[0].device} here, so the bond gets the MAC of that NIC.")
    if restart:
        for bond in pool.bonds.values():
            pif = pool.pifs.get(bond.master)
            if pif is None or pif.host != pool.master.ref or (network is not None and pif.network == network.ref):
                continue
            other = pool.networks.get(pif.network)
            if other is not None and pool.bond_on(host, other) is None:
                said.append(f"the restart will also give it the master's bond on {other.name}, which it does not have.")
    if not host.enabled:
        said.append("the host is disabled; a restart of its xapi may enable it (xapi 26 does).")
    return [Problem("notice", host.name, f"{host.name}: {sentence}", "", fatal=False, accepted=True) for sentence in said]


def grouped(problems: Iterable[Problem]) -> list[str]:
    """Problems by cause, readable on one screen for 64 hosts: one line per code, the first sentence, and which other hosts have it."""
    by_code: dict[str, list[Problem]] = {}
    for one in problems:
        by_code.setdefault(one.code, []).append(one)
    lines = []
    for code, alike in by_code.items():
        first = alike[0]
        others = [one.host for one in alike[1:] if one.host and one.host != first.host]
        also = f" Likewise on {names(others)}." if others else (f" ({len(alike)} times)" if len(alike) > 1 else "")
        lines.append(f"[{code}] {first.sentence}{also} {first.remedy}".strip())
    return lines


def names(hosts: Sequence[str], most: int = 6) -> str:
    """Host names for a sentence: all of a few, the first ones and a number of many."""
    once = list(dict.fromkeys(hosts))
    if len(once) <= most:
        return ", ".join(once)
    return f"{', '.join(once[: most - 1])} and {len(once) - most + 1} more"
