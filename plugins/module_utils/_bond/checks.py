# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that speaks against a plan: problems, each with a code, a host, a sentence and a remedy. Pure functions of the pool.

A problem is fatal, or a risk that the user accepts by naming its code. `notices` are worth saying and stop nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import TWO_IP_REFUSED_SINCE, Match, primary_of, vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import RISKS, BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Network, Pif, Pool, Task

# Of problems of one kind on one host, so many are spelt out; 64 hosts have to fit on a screen.
MOST_OF_ONE_KIND = 3
# What a risk comes to that was accepted, where its sentence does not say so already.
ACCEPTED_MEANS: Mapping[str, str] = {
    "cluster": "It stops for about a second, which the cluster may take for a failure of the host.",
    "fcoe": "Where one does, the NIC may not get into the bond; the proof of the host tells.",
    "ipv6_lost": "The host does not have it any more after the change.",
    "no_link": "Until it has one, the other NICs carry the traffic of the bond, and no failure of theirs is made up for.",
}
WITHOUT_HA = "Disable HA for the change (xe pool-ha-disable) and enable it after."


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
    def blocks(self) -> bool:
        return self.fatal or not self.accepted

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def problem(spec: BondSpec, code: str, host: str, sentence: str, remedy: str) -> Problem:
    """A problem with its place in the spec: fatal unless it is a risk, accepted when the spec says so."""
    return judged(spec.accept, code, host, sentence, remedy)


def judged(accept: Iterable[str], code: str, host: str, sentence: str, remedy: str) -> Problem:
    """The same by what is accepted."""
    risk, accepted = code in RISKS, code in accept
    if risk and not accepted:
        remedy = f"{remedy} To go on all the same, add {code} to accept."
    if risk and accepted and code in ACCEPTED_MEANS:
        sentence = f"{sentence} {ACCEPTED_MEANS[code]}"
    return Problem(code, host, sentence, remedy, fatal=not risk, accepted=risk and accepted)


@dataclass(frozen=True)
class HostProblems:
    """Collects the problems of one host."""

    spec: BondSpec
    host: Host
    found: list[Problem] = field(default_factory=list)

    def add(self, code: str, sentence: str, remedy: str) -> None:
        self.found.append(problem(self.spec, code, self.host.name, f"{self.host.name}: {sentence}", remedy))


def network_problems(pool: Pool, spec: BondSpec) -> list[Problem]:
    """The target network: named once, managed, of a kind that can carry a bond."""
    if spec.network_uuid:
        if not any(network.uuid == spec.network_uuid for network in pool.networks.values()):
            return [
                problem(
                    spec,
                    "network_missing",
                    "",
                    f"There is no network with uuid {spec.network_uuid} in the pool.",
                    "Correct network_uuid, or name the network and it will be made.",
                )
            ]
        return []
    found = pool.networks_called(spec.network)
    if len(found) > 1:
        uuids = ", ".join(network.uuid for network in found)
        return [
            problem(
                spec,
                "network_ambiguous",
                "",
                f"{len(found)} networks are called {spec.network}: {uuids}.",
                "XAPI lets names repeat. Name the one you mean with network_uuid, or rename the other.",
            )
        ]
    return []


def managed_problems(pool: Pool, spec: BondSpec, network: Network) -> list[Problem]:
    found = []
    if network.other_config.get("is_host_internal_management_network") == "true" or network.bridge == "xenapi":
        found.append(
            problem(
                spec,
                "network_internal",
                "",
                f"The network {network.name} is the one between each host and its VMs, and belongs to xapi.",
                "Choose another network.",
            )
        )
    if not network.managed:
        found.append(
            problem(spec, "network_unmanaged", "", f"The network {network.name} is not managed by XAPI.", "Choose another network.")
        )
    for ref in network.pifs:
        pif = pool.pifs.get(ref)
        if pif is not None and (pif.sriov_logical or pif.sriov_physical):
            found.append(
                problem(
                    spec,
                    "network_sriov",
                    "",
                    f"The network {network.name} carries SR-IOV.",
                    "A bond cannot be on it; choose another network.",
                )
            )
            break
    return found


def pool_problems(pool: Pool, spec: BondSpec, touched: Sequence[Host], restarted: Sequence[Host]) -> list[Problem]:
    """What concerns the pool as a whole. `touched`: hosts that the plan changes; `restarted`: those whose xapi it restarts."""
    found = []
    if not touched:
        return []
    if pool.ha_enabled and not restarted:
        sentence = "HA is on in this pool, and the plan takes NICs down for a moment, which HA may read as a failure."
        found.append(problem(spec, "ha_enabled", "", sentence, WITHOUT_HA))
    # The versions matter to what a change does, whatever is accepted: XAPI forwards calls between hosts that do not know each other's.
    builds = {(host.release, host.build) for host in pool.hosts}
    if len(builds) > 1:
        each = "; ".join(f"{host.name} {host.release} ({host.xapi})" for host in pool.hosts[:8]) + ("; …" if len(pool.hosts) > 8 else "")
        found.append(
            problem(spec, "mixed_versions", "", f"The hosts run different versions: {each}.", "Finish the upgrade of the pool first.")
        )
    concerned = {host.ref for host in restarted}
    found += [_network_task(pool, spec.accept, task) for task in pool.tasks if task.changes_network and task.host not in concerned]
    return found + restart_problems(pool, restarted, spec.accept)


def restart_problems(pool: Pool, hosts: Sequence[Host], accept: Iterable[str]) -> list[Problem]:
    """What speaks against a restart of xapi on these hosts now."""
    found: list[Problem] = []
    if pool.ha_enabled and hosts:
        sentence = "HA is on in this pool, and may fence a host when the change restarts xapi on it."
        found.append(judged(accept, "ha_enabled", "", sentence, WITHOUT_HA))
    concerned = {host.ref for host in hosts}
    # A pending task without a host runs on the master.
    for task in pool.tasks:
        if task.host in concerned and task.changes_network:
            found.append(_network_task(pool, accept, task))
        elif task.host in concerned:
            name = pool.host(task.host).name
            sentence = f"The task {task.name or task.uuid} runs on {name} and would die with the restart of its xapi."
            found.append(judged(accept, "pending_tasks", name, sentence, "Wait until it is done, or cancel it."))
    named = {task.host for task in pool.tasks}
    for host in hosts:
        # XAPI's own word for what it does here; a task of which no record is left, or one of another host's, may stand behind it.
        busy = list(host.operations) if host.ref not in named else []
        attached = [storage for storage in pool.storages_of(host) if storage.attached]
        busy += [f"{operation} of {storage.sr_name}" for storage in attached for operation in storage.operations]
        if busy:
            sentence = f"XAPI is at work on {host.name}: {', '.join(busy)}. It would be cut off by the restart of its xapi."
            found.append(judged(accept, "pending_tasks", host.name, sentence, "Wait until it is done."))
    return found


def _network_task(pool: Pool, accept: Iterable[str], task: Task) -> Problem:
    """A change of the network that is under way, or that a host which went away has left pending in XAPI."""
    host = next((host.name for host in pool.hosts if host.ref == task.host), "")
    sentence = (
        f"The task {task.name} (uuid {task.uuid}){f' of {host}' if host else ''} is still pending: somebody changes the network of this"
        " pool, or a host went away while it did."
    )
    remedy = f"Wait until it is done. When nothing is behind it any more, end it with xe task-cancel uuid={task.uuid}."
    return judged(accept, "pending_tasks", host, sentence, remedy)


def host_problems(pool: Pool, spec: BondSpec, host: Host, match: Match, network: Network | None, creating: bool) -> list[Problem]:
    """What speaks against bonding these NICs on this host: what XAPI would refuse, and what it would accept and a user regret."""
    problems = HostProblems(spec, host)
    if not host.live:
        problems.add(
            "host_down", "XAPI does not see the host alive.", "Bring the host back, or leave it out by naming the others in hosts."
        )
    missing = [(device, other) for device, nic, other in zip(spec.nics, match.nics, match.other, strict=True) if nic is None]
    if missing:
        known = ", ".join(pif.device for pif in pool.pifs_of(host) if pif.physical) or "no NIC"
        by = "device name" if match.rule == "position" else "bridge position"
        why = "".join(f"; by {by} {device} would be {other.device}" for device, other in missing if other)
        wanted = " and ".join(device for device, _other in missing)
        problems.add(
            "nic_missing",
            f"there is no NIC that stands for {wanted}; the host has {known}{why}.{_smaller(match)}",
            f"Put the NIC in, run xe pif-scan host-uuid={host.uuid}, or name NICs that every host has.",
        )
    for device, nic, other in zip(spec.nics, match.nics, match.other, strict=True):
        if nic is not None and other is not None and other.ref != nic.ref:
            problems.add(
                "nic_names",
                f"{device} of the master is {nic.device} here by {'device name' if match.rule == 'device' else 'bridge position'},"
                " which this xapi goes by,"
                f" and {other.device} by {'bridge position' if match.rule == 'device' else 'device name'}.",
                "Make the NIC names of all hosts agree (interface-rename), so that an upgrade of xapi does not bond other NICs.",
            )
    nics = match.found
    problems.found.extend(_nic_problems(pool, spec, host, nics, creating))
    limit = 2 if host.backend == "bridge" else 4
    if len(spec.nics) > limit:
        problems.add(
            "too_many_nics",
            f"{len(spec.nics)} NICs are more than the {limit} that the {host.backend} backend supports in a bond.",
            "Bond fewer NICs.",
        )
    if host.backend == "bridge" and spec.mode == "lacp":
        problems.add(
            "mode", "the Linux bridge backend has no LACP.", "Choose active-backup or balance-slb, or change the backend to openvswitch."
        )
    if not creating or not nics:
        return problems.found
    for pif in pool.on_network(host, network) if network else ():
        if not pif.bond_master_of:
            problems.add(
                "network_taken",
                f"{pif.device} (PIF {pif.uuid}) is on {network.name if network else spec.called} already.",
                "Choose another network for the bond, or take that PIF off it.",
            )
    return problems.found + vlan_problems(pool, spec, host, nics) + _address_problems(pool, spec, host, nics)


def _smaller(match: Match) -> str:
    """What a restart of a member's xapi makes of the NICs that are there: it does not care that some are missing (recorded)."""
    if match.host.master:
        return ""
    there = " and ".join(nic.device for nic in match.found)
    return f" A restart of its xapi would {f'make a bond of {there} alone' if there else 'not bond anything'}, and say so in its log only."


def vlan_problems(pool: Pool, spec: BondSpec, host: Host, carriers: Sequence[Pif]) -> list[Problem]:
    """VLANs that cannot be on the bond, or would be lost. `carriers`: the PIFs that the bond is or will be made of."""
    problems = HostProblems(spec, host)
    on_carriers: dict[int, list[str]] = {}
    for nic in carriers:
        for ref in nic.vlan_slave_of:
            if ref in pool.vlans:
                on_carriers.setdefault(pool.vlans[ref].tag, []).append(nic.device)
    for tag, devices in sorted(on_carriers.items()):
        if len(devices) > 1:
            # Only one of them can be on the bond; XAPI drops the other silently (recorded).
            problems.add(
                "vlan_twice",
                f"VLAN {tag} is on {' and '.join(devices)}; on the bond there is one, and XAPI would drop the other silently.",
                "Move what uses one of them to the network of the other, and destroy it (xe vlan-destroy).",
            )
    refs = {nic.ref for nic in carriers}
    for vlan in spec.vlans:
        networks = pool.networks_called(vlan.network)
        for pif in pool.on_network(host, networks[0]) if len(networks) == 1 else ():
            lies_on = pool.vlans[pif.vlan_master_of].tagged if pif.vlan_master_of in pool.vlans else ""
            if lies_on not in refs or pif.vlan != vlan.tag:
                what = f"VLAN {pif.vlan} of {pif.device}" if pif.vlan >= 0 else pif.device
                problems.add(
                    "vlan_network_taken",
                    f"{what} is on {vlan.network} already, where VLAN {vlan.tag} of the bond should be.",
                    "Choose another network for that VLAN, or take that PIF off it.",
                )
    return problems.found


def address_problems(pool: Pool, spec: BondSpec) -> list[Problem]:
    """Addresses and a MAC that the spec gives to hosts: the host is there, named once, and nobody else has them."""
    found: list[Problem] = []
    named: dict[str, str] = {}
    for name, address in spec.addresses.items():
        host = pool.host_called(name)
        if host is None:
            known = names([host.name for host in pool.hosts])
            sentence = f"addresses names {name}, and no host, or more than one, has that name. The pool has {known}."
            found.append(problem(spec, "host_unknown", name, sentence, "Name a host by its name, uuid or address."))
            continue
        if host.uuid in named:
            sentence = f"{host.name}: addresses names it twice, as {named[host.uuid]} and as {name}."
            found.append(problem(spec, "host_twice", host.name, sentence, "Name it once."))
        named[host.uuid] = name
        free = _their_own(pool, spec, host)
        for pif in pool.pifs.values():
            if address.ip and pif.ip == address.ip and pif.ref not in free:
                sentence = f"{host.name}: the address {address.ip} is that of {pif.device} of {pool.host(pif.host).name}."
                found.append(problem(spec, "address_taken", host.name, sentence, "Give every host an address of its own."))
    return found + _mac_problems(pool, spec)


def _their_own(pool: Pool, spec: BondSpec, host: Host) -> set[str]:
    """PIFs of a host whose address is the bond's own: its NICs, and a bond of them that is there."""
    nics = [nic for nic in (pool.nic(host, device) for device in spec.nics) if nic is not None]
    bonds = [pool.bonds[nic.bond_slave_of] for nic in nics if nic.bond_slave_of in pool.bonds]
    return {nic.ref for nic in nics} | {bond.master for bond in bonds}


def _mac_problems(pool: Pool, spec: BondSpec) -> list[Problem]:
    """A MAC that another interface of the pool has: two hosts with one MAC cannot be told apart by the switch."""
    host = pool.host_called(spec.hosts[0]) if spec.mac and len(spec.hosts) == 1 else None
    if host is None:
        return []
    free = _their_own(pool, spec, host)
    return [
        problem(
            spec,
            "mac_taken",
            host.name,
            f"{host.name}: the MAC {spec.mac} is that of {pif.device} of {pool.host(pif.host).name}.",
            "Give the bond a MAC that nothing else has, or leave it out.",
        )
        for pif in pool.pifs.values()
        if pif.mac == spec.mac and pif.vlan < 0 and pif.ref not in free
    ]


def _nic_problems(pool: Pool, spec: BondSpec, host: Host, nics: Iterable[Pif], creating: bool) -> list[Problem]:
    """NICs that cannot be members, or should not be."""
    problems = HostProblems(spec, host)
    nics = tuple(nics)
    for nic in nics:
        if not nic.managed:
            problems.add(
                "nic_unmanaged",
                f"{nic.device} is not managed by XAPI.",
                f"Run xe pif-forget and xe pif-introduce for {nic.device}, or choose another NIC.",
            )
        if not nic.physical or nic.vlan >= 0 or nic.tunnel_access:
            problems.add("nic_kind", f"{nic.device} is no physical NIC.", "Name physical NICs only.")
        if nic.sriov_logical or nic.sriov_physical:
            problems.add("nic_sriov", f"{nic.device} is used for SR-IOV.", "Take it off the SR-IOV network first.")
        if not creating:
            continue
        if not nic.carrier:
            problems.add("no_link", f"{nic.device} has no link.", "Check cable and switch port.")
        if nic.ref in pool.cluster_pifs:
            problems.add("cluster", f"{nic.device} carries the pool's cluster traffic (GFS2).", "Disable clustering on the host first.")
        if "fcoe" in nic.capabilities:
            problems.add(
                "fcoe", f"{nic.device} can do FCoE; an FCoE daemon may hold it.", "Mask the services fcoe and xs-fcoe on the host."
            )
            used = sorted({one.sr_name or one.sr_uuid for one in pool.storages_of(host) if one.attached and one.sr_type == "lvmofcoe"})
            if used:
                problems.add("fcoe_in_use", f"{nic.device} may carry FCoE storage that is attached: {', '.join(used)}.", "Detach it first.")
    return problems.found


def _address_problems(pool: Pool, spec: BondSpec, host: Host, nics: Sequence[Pif]) -> list[Problem]:
    """Rules of XAPI about addresses, purposes and settings of the members."""
    problems = HostProblems(spec, host)
    _two_addresses(problems, nics)
    _management(problems, pool, nics)
    lost = [nic for nic in nics if nic.ipv6_mode != "None" and nic.ref != primary_of(nics).ref]
    for nic in lost:
        problems.add(
            "ipv6_lost",
            f"{nic.device} has the IPv6 configuration {nic.ipv6_mode} {', '.join(nic.ipv6)} and is not the NIC whose configuration"
            " the bond gets.",
            f"Free it: xe pif-reconfigure-ipv6 uuid={nic.uuid} mode=none.",
        )
    if len({tuple(sorted(nic.properties.items())) for nic in nics}) > 1:
        problems.add(
            "nic_properties",
            "the NICs have different properties: " + "; ".join(f"{nic.device} {dict(nic.properties)}" for nic in nics) + ".",
            "Make them equal (xe pif-param-set uuid=… properties:gro=on).",
        )
    if len({nic.primary_address_type for nic in nics}) > 1:
        problems.add(
            "nic_address_types", "the NICs have different primary address types.", "Make them equal (xe pif-set-primary-address-type)."
        )
    return problems.found


def _two_addresses(problems: HostProblems, nics: Sequence[Pif]) -> None:
    configured = [nic for nic in nics if nic.configured]
    if len(configured) < 2:
        return
    addresses = " and ".join(f"{nic.device} has {nic.ip or nic.ip_mode}" for nic in configured)
    fate = (
        "XAPI would not make the bond"
        if problems.host.at_least(*TWO_IP_REFUSED_SINCE)
        else "this xapi would lose all but one of them silently"
    )
    keep = primary_of(nics)
    other = next(nic for nic in configured if nic.ref != keep.ref)
    problems.add(
        "two_ips",
        f"{addresses}; a bond can have one address, and {fate}.",
        f"Free one of them: xe pif-reconfigure-ip uuid={other.uuid} mode=none (then nothing may use {other.ip or other.device}).",
    )


def _management(problems: HostProblems, pool: Pool, nics: Sequence[Pif]) -> None:
    managing = [pif for nic in nics for pif in (nic, *vlans_over(pool, nic)) if pif.management]
    if not managing:
        return
    device = managing[0].device if managing[0].vlan < 0 else f"VLAN {managing[0].vlan} of {managing[0].device}"
    if pool.ha_enabled:
        problems.add(
            "ha_management",
            f"{device} is the management interface and HA is on; XAPI refuses to bond it.",
            "Disable HA for the change (xe pool-ha-disable).",
        )
    problems.add(
        "management",
        f"{device} is the management interface; its connection breaks for a moment and moves to the bond.",
        "Make sure that you have a console.",
    )


def grouped(problems: Iterable[Problem], codes: bool = True) -> list[str]:
    """Problems by cause, readable on one screen for 64 hosts: one line per code, what the first host has, and which others have it."""
    by_code: dict[str, list[Problem]] = {}
    for one in problems:
        by_code.setdefault(one.code, []).append(one)
    lines = []
    for code, alike in by_code.items():
        first = alike[0]
        same_host = list(dict.fromkeys(one.sentence for one in alike if one.host == first.host))
        said, more = same_host[:MOST_OF_ONE_KIND], len(same_host) - MOST_OF_ONE_KIND
        others = [one.host for one in alike if one.host and one.host != first.host]
        parts = [*said, *([f"({more} more.)"] if more > 0 else []), *([f"Likewise on {names(others)}."] if others else []), first.remedy]
        lines.append(f"[{code}] {' '.join(parts)}".strip() if codes else " ".join(parts).strip())
    return lines


def by_cause(findings: Sequence[Mapping[str, str]]) -> list[str]:
    """The sentences of findings, those that say the same of several hosts as one."""
    hosts: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for finding in findings:
        host, sentence = finding.get("host", ""), finding["sentence"]
        cause = sentence.replace(host, "…") if host else sentence
        hosts.setdefault(cause, []).append(host)
        first.setdefault(cause, sentence)
    lines = []
    for cause, alike in hosts.items():
        also = [name for name in alike if name != alike[0]]
        lines.append(first[cause] + (f" Likewise on {names(also, most=8)}." if also else ""))
    return lines


def names(hosts: Sequence[str], most: int = 6) -> str:
    """Host names for a sentence: all of a few, the first ones and a number of many."""
    return shortened(list(dict.fromkeys(hosts)), most)


def shortened(names: Sequence[str], most: int = 8) -> str:
    """All of a few names, the first ones and a number of many."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
