# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a spec and a pool to a plan: what will be done on which host in which order, what speaks against it, and what will come out.

One plan serves check mode, diff, the real run and the role's pre-flight: `changed = bool(plan.steps)`. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import (
    Problem,
    address_problems,
    grouped,
    host_problems,
    managed_problems,
    network_problems,
    pool_problems,
    problem,
    vlan_problems,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.duration import estimate
from ansible_collections.xapi.network.plugins.module_utils._bond.impact import (
    absent_notices,
    absent_problems,
    notices,
    removal_problems,
    use_problems,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import drbd_findings, replicated_storage
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import (
    OF_THE_BOND,
    Match,
    Prediction,
    after_destroy,
    carried_config,
    in_order,
    inherited_vlans,
    match,
    predict_inherited,
    predict_kept,
    predict_new,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.steps import (
    Step,
    after_creation,
    destroying,
    in_place,
    kept_config,
    network_steps,
    plugging,
    recreate,
    target_mtu,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import (
    Finding,
    address_missing,
    compare,
    compare_absent,
    compare_after,
    dom0_findings,
    seen_in_xapi,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.vlans import (
    STAYS,
    left_over,
    network_removal,
    noting,
    returning,
    to_note,
)
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pool

# Steps that make a bond what it is.
MAKING = ("create_bond", "destroy_bond", "set_mode", "set_property")

# Differences that an interrupted run, or XAPI's own way of making a bond, leaves behind: completing them is the job itself, not the repair
# of a drift.
UNFINISHED = ("not_attached", "other_config", "ipv6", "vlan", "vlan_not_attached", "disallow_unplug", "ip", "ip_on_nic")


@dataclass(frozen=True)
class Plan:
    """`predictions` are those of all wanted hosts, in the order in which they are visited: the master first. `network`: None while it has
    to be made.
    """

    network: Network | None
    steps: tuple[Step, ...]
    problems: tuple[Problem, ...]
    notices: tuple[Problem, ...]
    predictions: tuple[Prediction, ...]
    hosts: tuple[Host, ...]
    actions: Mapping[str, str] = field(default_factory=dict)

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """The problems because of which nothing may be written."""
        return tuple(one for one in self.problems if one.blocks)

    def prediction(self, host: Host) -> Prediction | None:
        return next((one for one in self.predictions if one.host_uuid == host.uuid), None)

    def to_dict(self) -> dict[str, Any]:
        return {
            "steps": [step.to_dict() for step in self.steps],
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            "notices": grouped(self.notices, codes=False),
            "vlans_left": [one.sentence for one in self.notices if one.code == STAYS],
            "estimate": estimate(self.steps).to_dict(),
        }


@dataclass(frozen=True)
class _HostPlan:
    action: str  # kept, created, repaired, remade, restarted, removed
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[Problem, ...] = ()
    prediction: Prediction | None = None
    gone: frozenset[str] = frozenset()  # references of the PIFs of VLANs that the steps destroy


def wanted_hosts(pool: Pool, spec: BondSpec) -> tuple[tuple[Host, ...], list[Problem]]:
    """The hosts that the spec names (all when it names none), the master first, and a problem for every name that fits none."""
    if not spec.hosts:
        return pool.hosts, []
    found, problems = set(), []
    for name in spec.hosts:
        host = pool.host_called(name)
        if host is None:
            known = ", ".join(host.name for host in pool.hosts[:12]) + (" …" if len(pool.hosts) > 12 else "")
            problems.append(
                problem(
                    spec,
                    "host_unknown",
                    name,
                    f"No host, or more than one, is called {name}. The pool has {known}.",
                    "Name a host by its name, uuid or address.",
                )
            )
        else:
            found.add(host.ref)
    return tuple(host for host in pool.hosts if host.ref in found), problems


def find_network(pool: Pool, spec: BondSpec) -> Network | None:
    """The network that the spec names, when there is exactly one."""
    if spec.network_uuid:
        return next((network for network in pool.networks.values() if network.uuid == spec.network_uuid), None)
    found = pool.networks_called(spec.network)
    return found[0] if len(found) == 1 else None


def plan(pool: Pool, spec: BondSpec, expected: Collection[str] = ()) -> Plan:
    """The plan for this spec. All problems of all hosts are in it, whatever they are. `expected`: uuids of hosts of which an earlier plan
    has said what they will look like.
    """
    hosts, problems = wanted_hosts(pool, spec)
    found = network_problems(pool, spec)
    problems += found
    network = find_network(pool, spec)
    if network is not None:
        problems += managed_problems(pool, spec, network)
    for vlan in spec.vlans:
        if len(pool.networks_called(vlan.network)) > 1:
            problems.append(
                problem(
                    spec,
                    "network_ambiguous",
                    "",
                    f"More than one network is called {vlan.network}.",
                    "XAPI lets names repeat; rename one of them.",
                )
            )
    if found:
        return Plan(network, (), tuple(problems), (), (), hosts)
    each = {host: _absent(pool, spec, host, network) if spec.absent else _present(pool, spec, host, network) for host in hosts}
    steps = (
        []
        if spec.absent
        else network_steps(pool, spec, network, any(one.action in ("created", "restarted", "remade") for one in each.values()))
    )
    restarted = [host for host, one in each.items() if any(step.action == "restart_agent" for step in one.steps)]
    touched = [host for host, one in each.items() if any(step.interrupts for step in one.steps)]
    problems += pool_problems(pool, spec, touched, restarted)
    problems += address_problems(pool, spec)
    problems += _master_problems(pool, spec, network, restarted, pool.master in each)
    for host, one in each.items():
        problems += one.problems + (() if host.uuid in expected else _without_address(pool, spec, host, network, one))
    last = network_removal(pool, spec, network, frozenset(ref for one in each.values() for ref in one.gone))
    return Plan(
        network=network,
        steps=(*steps, *(step for one in each.values() for step in one.steps), *last),
        problems=tuple(problems),
        notices=tuple(notice for one in each.values() for notice in one.notices),
        predictions=tuple(one.prediction for one in each.values() if one.prediction is not None),
        hosts=hosts,
        actions={host.name: one.action for host, one in each.items()},
    )


def _without_address(pool: Pool, spec: BondSpec, host: Host, network: Network | None, one: _HostPlan) -> tuple[Problem, ...]:
    """A bond that lost its address, which nothing tells any more: a host whose power went in the middle of a change can end so."""
    if spec.absent or one.prediction is None or one.prediction.ip_mode != "None" or any(host.answers_to(name) for name in spec.addresses):
        return ()
    if not address_missing(pool, host, network):
        return ()
    sentence = (
        f"{host.name}: its bond on {spec.called} has no address although others have one there; a host whose power went in the middle of a"
        " change can end so, and nothing in XAPI says which address it had."
    )
    remedy = "Give it its address in addresses (storage_bond_addresses), or say there that it has none (mode: none)."
    return (problem(spec, "address_missing", host.name, sentence, remedy),)


def _master_problems(pool: Pool, spec: BondSpec, network: Network | None, restarted: Sequence[Host], included: bool) -> list[Problem]:
    """A member inherits what the master has: when the master is left out, it must have the very bond already."""
    if not restarted or included:
        return []
    master = _present(pool, replace(spec, addresses={}, vlans=(), mac="", mtu=None), pool.master, network)
    if master.action == "kept" or not any(step.action in MAKING for step in master.steps):
        return []
    members = ", ".join(host.name for host in restarted[:6])
    sentence = f"{members} would inherit the bond of the master {pool.master.name}, which does not have it as it should be."
    return [problem(spec, "master_differs", pool.master.name, sentence, "Name the master in hosts too, or choose strategy: direct.")]


# present


def _present(pool: Pool, spec: BondSpec, host: Host, network: Network | None) -> _HostPlan:
    matched = match(pool, host, spec.nics)
    bond = pool.bond_on(host, network) if network else None
    whole = bond is not None and bond.master in pool.pifs and not incomplete(pool, bond)
    if bond is not None and network is not None and whole and _right_nics(bond, matched):
        return _with_bond(pool, spec, host, network, bond, matched)
    return _without_bond(pool, spec, host, network, bond, matched)


def _right_nics(bond: Bond, matched: Match) -> bool:
    return matched.complete and bond.members == {nic.ref for nic in matched.found}


def incomplete(pool: Pool, bond: Bond) -> bool:
    """A bond whose making ended half-way: a NIC of it still has what XAPI moves to the bond once that is up.

    Only Bond.create moves it, so such a bond is created again. Where it is attached, disallow_unplug alone is put right in place.
    """
    own = pool.pifs.get(bond.master)
    nics = pool.bond_members(bond)
    left = any(nic.vlan_slave_of or nic.tunnel_transport_of for nic in nics)
    return own is not None and (left or (not own.attached and any(nic.disallow_unplug for nic in nics)))


def _with_address(pool: Pool, bond: Bond, kept: Prediction) -> Prediction:
    """An xapi that died as it began to make the bond has left the address on its NIC; it is to be the bond's."""
    nic = next((nic for nic in pool.bond_members(bond) if nic.configured), None)
    if nic is None or kept.ip_mode != "None":
        return kept
    return replace(kept, ip_mode=nic.ip_mode, ip=nic.ip, netmask=nic.netmask, gateway=nic.gateway, dns=nic.dns)


def _wanted(pool: Pool, spec: BondSpec, host: Host, prediction: Prediction, network: Network | None) -> Prediction:
    """The prediction with what the spec adds to it: purpose, disallow_unplug, VLANs, an address, the MTU."""
    other_config = dict(prediction.other_config)
    if spec.purpose is not None:
        other_config["management_purpose"] = spec.purpose
    address = next((spec.addresses[name] for name in spec.addresses if host.answers_to(name)), None)
    if address is not None:
        prediction = replace(
            prediction, ip_mode=address.xapi_mode, ip=address.ip, netmask=address.netmask, gateway=address.gateway, dns=address.dns
        )
    return replace(
        prediction,
        other_config=other_config,
        disallow_unplug=prediction.disallow_unplug if spec.disallow_unplug is None else spec.disallow_unplug,
        vlans=tuple(sorted({*prediction.vlans, *(vlan.tag for vlan in spec.vlans)})),
        mtu=target_mtu(pool, spec, network),
        mac=spec.mac or prediction.mac,
    )


def _with_bond(pool: Pool, spec: BondSpec, host: Host, network: Network, bond: Bond, matched: Match) -> _HostPlan:
    """The host has a bond of the right NICs on the right network: nothing to do, or something to complete or to repair in place."""
    kept = _with_address(pool, bond, predict_kept(pool, host, bond, network, spec.mode, spec.properties))
    # An xapi that died while it made the bond has left this on the NIC.
    left = any(nic.disallow_unplug for nic in pool.bond_members(bond))
    target = _wanted(pool, spec, host, replace(kept, disallow_unplug=kept.disallow_unplug or left), network)
    findings = compare(pool, host, network, target)
    findings += _extra_properties(pool, host, network, target)
    if not findings:
        return _HostPlan("kept", prediction=target)
    problems = [
        problem(
            spec,
            "nic_unmanaged",
            host.name,
            f"{host.name}: {nic.device} is not managed by XAPI.",
            "Run xe pif-forget and xe pif-introduce for it.",
        )
        for nic in matched.found
        if not nic.managed
    ]
    problems += vlan_problems(pool, spec, host, (pool.pifs[bond.master],))
    drifted = [finding for finding in findings if finding.code not in UNFINISHED and not _asked_for(spec, finding)]
    if drifted and spec.on_drift == "fail":
        problems += [_drift(spec, finding) for finding in drifted]
    if any(finding.code == "mac" for finding in findings):
        problems += removal_problems(pool, spec, host, bond)
        return _HostPlan("remade", tuple(recreate(pool, spec, host, network, bond, target)), tuple(problems), prediction=target)
    steps = in_place(pool, spec, host, network, bond, target, findings)
    if not host.live or any(step.interrupts for step in steps):
        problems += removal_problems(pool, spec, host, bond)
    return _HostPlan("repaired", tuple(steps), tuple(problems), prediction=target)


def _asked_for(spec: BondSpec, finding: Finding) -> bool:
    """A difference that the spec itself brings up (an MTU it names) is a change asked for, not a drift."""
    return finding.code == "mtu" and spec.mtu is not None


def _drift(spec: BondSpec, finding: Finding) -> Problem:
    remedy = "Set on_drift: repair to have it put right, or ask for what is there."
    return problem(spec, f"drift_{finding.code}", finding.host, finding.sentence, remedy)


def _without_bond(pool: Pool, spec: BondSpec, host: Host, network: Network | None, bond: Bond | None, matched: Match) -> _HostPlan:
    """The host has no bond on the network, or one of other NICs: it is created, or created again."""
    problems: list[Problem] = []
    steps: list[Step] = []
    free = pool
    for other in _bonds_in_the_way(pool, matched, bond):
        unfinished = other is bond and incomplete(pool, other) and _right_nics(other, matched)
        if spec.on_drift == "fail" and not unfinished:
            problems.append(_in_the_way(pool, spec, host, other, "drift_nics" if other is bond else "nic_bonded"))
        problems += removal_problems(pool, spec, host, other)
        steps += destroying(pool, host, other)
        free = kept_config(pool, other, after_destroy(free, other))
    matched = match(free, host, spec.nics)
    mtu = target_mtu(pool, spec, network)
    said_before = {one.code for one in problems}
    found = host_problems(free, spec, host, matched, network, creating=True) + use_problems(free, spec, host, matched.found, mtu)
    problems += [one for one in found if one.code not in said_before]
    if not matched.found:
        return _HostPlan("created", (), tuple(problems))
    ordered = in_order(free, matched, network)
    name = network.name if network else spec.called
    predicted = predict_new(free, host, ordered, network, name, spec.mode, spec.properties, spec.mac, mtu)
    # A restart does not destroy a bond on another network, nor keep what that bond was set to: with one in the way there is none.
    restart = spec.strategy == "restart" and not host.master and free is pool
    if restart:
        predicted = predict_inherited(pool, matched, network, predicted)
    # XAPI leaves these on the NIC (xapi_bond.ml, move_configuration): steps of ours carry them over.
    by_xapi = replace(predicted, other_config={}, ipv6_mode="None", ipv6=(), ipv6_gateway="")
    target = _wanted(pool, spec, host, predicted, network).leaving_out(by_xapi)
    now = [pool.pifs[nic.ref] for nic in matched.found]
    inherited = inherited_vlans(pool, matched, network) if restart else ()
    steps += noting(pool, host, now, to_note(pool, spec, now, predicted.primary, inherited))
    where_to = f"on {target.network} ({spec.mode})"
    moving = f"; {target.ip} moves from {target.primary}" if predicted.ip else ""
    interrupts = f"traffic through {', '.join(target.nics)} stops for about a second"
    if restart:
        sentence = f"restart xapi; it inherits the bond of {' and '.join(target.nics)} {where_to}{moving}"
        interrupts = f"{interrupts}; tasks of this host end; the API of this host is away for some seconds"
        steps.append(Step("restart_agent", host.name, sentence, {"host": host.uuid}, interrupts))
    else:
        arguments = {
            "host": host.uuid, "name": spec.called, "network": network.uuid if network else "", "nics": [nic.uuid for nic in ordered],
            "mode": spec.mode, "properties": dict(spec.properties), "mac": spec.mac,
        }  # fmt: skip
        steps.append(Step("create_bond", host.name, f"bond {' and '.join(target.nics)} {where_to}{moving}", arguments, interrupts))
    steps += after_creation(spec, host, target, predicted)
    said = notices(pool, spec, host, matched, network, restart)
    return _HostPlan("restarted" if restart else ("remade" if bond else "created"), tuple(steps), tuple(problems), tuple(said), target)


def _in_the_way(pool: Pool, spec: BondSpec, host: Host, bond: Bond, code: str) -> Problem:
    pif = pool.pifs.get(bond.master)
    network = pool.networks.get(pif.network) if pif else None
    nics = ", ".join(nic.device for nic in pool.bond_members(bond)) or "no NIC"
    sentence = (
        f"{host.name}: {pif.device if pif else 'a bond'} on {network.name if network else 'an unknown network'} has {nics}"
        f" instead of {', '.join(spec.nics)} on {spec.called}."
    )
    remedy = f"Set on_drift: repair to have that bond destroyed, or run xe bond-destroy uuid={bond.uuid}."
    return problem(spec, code, host.name, sentence, remedy)


def _bonds_in_the_way(pool: Pool, matched: Match, bond: Bond | None) -> list[Bond]:
    """The host's bond on the network, and bonds that hold one of the NICs."""
    found = {bond.ref: bond} if bond else {}
    for nic in matched.found:
        if nic.bond_slave_of and nic.bond_slave_of in pool.bonds:
            found[nic.bond_slave_of] = pool.bonds[nic.bond_slave_of]
    return list(found.values())


# absent


def _absent(pool: Pool, spec: BondSpec, host: Host, network: Network | None) -> _HostPlan:
    """Take the bond off the host. Its address goes back to its primary NIC; what XAPI would lose with the bond's PIF is put on that NIC
    first.
    """
    bond = pool.bond_on(host, network) if network else None
    if network is None or bond is None:
        # A run that died between destroying an incomplete bond and plugging its NICs has left them so.
        named = [nic for nic in (pool.nic(host, device) for device in spec.nics) if nic is not None]
        put_back, waiting = left_over(pool, spec, host, named)
        left = plugging(host, [nic for nic in named if not nic.attached and not nic.bond_slave_of]) + put_back
        return _HostPlan("repaired" if left else "kept", tuple(left), notices=tuple(waiting))
    pif = pool.pifs.get(bond.master)
    nics = pool.bond_members(bond)
    primary = pool.pifs.get(bond.primary) or (nics[0] if nics else None)
    problems = absent_problems(pool, spec, host, network, bond, nics)
    if pif is None or primary is None:
        return _HostPlan("removed", tuple(destroying(pool, host, bond)), tuple(problems))
    kept = _with_address(pool, bond, predict_kept(pool, host, bond, network, bond.mode, {}))
    back = {key: value for key, value in carried_config(pif).items() if not key.startswith(OF_THE_BOND)}
    vlans = returning(pool, spec, host, network, bond, primary)
    target = replace(
        kept,
        primary=primary.device,
        nics=tuple(nic.device for nic in nics),
        other_config=back,
        vlans=vlans.on_primary,
        vlans_on=vlans.elsewhere,
    )
    staying = pool.master not in wanted_hosts(pool, spec)[0] and pool.bond_on(pool.master, network) is not None
    said = (*vlans.notices, *absent_notices(host, network, staying))
    steps = (*vlans.before, *destroying(pool, host, bond, without=OF_THE_BOND), *vlans.after)
    return _HostPlan("removed", steps, tuple(problems), said, target, vlans.gone)


# the proof


def survey(
    pool: Pool, spec: BondSpec, network: Network | None, expected: Mapping[str, Prediction], dom0: Mapping[str, Any]
) -> list[Finding]:
    """Everything in which the wanted hosts differ from the spec, from earlier predictions, and in dom0.

    `expected` has predictions by host uuid, `dom0` facts by host name or uuid, or as text what kept dom0 from answering.
    """
    findings: list[Finding] = []
    for host in wanted_hosts(pool, spec)[0]:
        before = expected.get(host.uuid)
        findings += _differences(pool, spec, host, network, before)
        answer = dom0.get(host.name) or dom0.get(host.uuid)
        if answer:
            target = before or (None if spec.absent else _present(pool, spec, host, network).prediction)
            findings += dom0_findings(seen_in_xapi(pool, host, network), target, spec.absent, answer)
            findings += drbd_findings(host.name, replicated_storage(pool, host), answer)
    return findings


def _differences(pool: Pool, spec: BondSpec, host: Host, network: Network | None, before: Prediction | None) -> list[Finding]:
    if spec.absent:
        return compare_absent(pool, host, network, before) + (compare_after(pool, host, None, before) if before else [])
    if before is not None:
        return (
            compare(pool, host, network, before)
            + _extra_properties(pool, host, network, before)
            + compare_after(pool, host, network, before)
        )
    planned = _present(pool, spec, host, network)
    if planned.prediction is None:
        return [Finding("no_bond", host.name, one.sentence) for one in planned.problems] or [
            Finding("no_bond", host.name, f"{host.name}: there is no bond.")
        ]
    found = compare(pool, host, network, planned.prediction) + _extra_properties(pool, host, network, planned.prediction)
    given = any(host.answers_to(name) for name in spec.addresses)
    # What is found already, as an address that was left on a NIC, says more.
    known = given or any(one.code in ("ip", "ip_on_nic") for one in found)
    return found if known else found + address_missing(pool, host, network)


def _extra_properties(pool: Pool, host: Host, network: Network | None, target: Prediction) -> list[Finding]:
    bond = pool.bond_on(host, network) if network else None
    extra = sorted(set(bond.properties) - set(target.properties)) if bond else []
    return [
        Finding("properties", host.name, f"{host.name}: the bond has {key} {bond.properties[key]}, which was not asked for.")
        for key in extra
        if bond
    ]


def proof(pool: Pool, spec: BondSpec, plan: Plan, network: Network | None, expected: Mapping[str, Prediction]) -> list[Finding]:
    """What the hosts look like after a plan was carried out, compared with what it predicted, or with the prediction of an earlier plan."""
    predictions = {prediction.host_uuid: prediction for prediction in plan.predictions}
    touched = {step.host for step in plan.steps}
    findings: list[Finding] = []
    now = {host.uuid: host for host in pool.hosts}
    for host in plan.hosts:
        before = expected.get(host.uuid) or predictions.get(host.uuid)
        if before is not None and (host.name in touched or host.uuid in expected):
            # As it is now: it may have been starting when the plan was made.
            findings += _differences(pool, spec, now.get(host.uuid, host), network, before)
    return findings
