# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan that is kept, approved, and later carried out as it was, or refused with the facts that are different.

A plan rests on facts: of each wanted host those that the rules and the checks read, and of the pool the network. Values that change by
themselves (carrier, speed, start times, counters, tasks) are none of them: what they mean is in the plan's problems, which are found again
before the run, and a problem that the plan did not have refuses it. What an interrupted run of the same plan has done already is no
difference: a host that is on its way to the plan's own prediction is as the plan wants it.

The fingerprint says the same in one line, for where a file does not travel: two digests for each host, one of its facts, one of what it
comes to, and the codes of the risks that were accepted for it; of a bond that is changed in place the steps as well, a digest of what they
leave alone, and a short one of each value that they may change. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.done_already import changes_in_place, parted, unexplained
from ansible_collections.xapi.network.plugins.module_utils._bond.impact import storage_behind
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, find_network, wanted_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction, match, vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import compare_absent
from ansible_collections.xapi.network.plugins.module_utils._bond.vlans import ON_NIC
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Network, Pif, Pool, by_device
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

KIND = "xapi.network plan"
CHECKSUM = "checksum"  # against an edit by accident, and a file that lost a part and still is JSON
FORMAT = 1
MOST_SHOWN = 600  # characters of a sentence with a value from a file
DIGITS = 12  # of a digest in a fingerprint: 48 bits, against chance and not against an attacker
FEWER = 6  # of that of a single value, of which there are a few

# What a plan rests on, field by field of the model; the rest is left out on purpose (tests/unit/test_saved_plan.py holds both lists
# against the model).
HOST_FACTS = ("name", "address", "master", "enabled", "xapi", "backend")
NETWORK_FACTS = ("uuid", "name", "bridge", "mtu", "managed")
NIC_FACTS = (
    "uuid", "mac", "mtu", "managed", "management", "attached", "disallow_unplug", "ip_mode", "ip", "netmask", "gateway", "dns",
    "ipv6_mode", "ipv6", "ipv6_gateway", "primary_address_type", "properties", "other_config", "capabilities", "tunnel_access",
    "tunnel_transport_of", "sriov_logical", "sriov_physical",
)  # fmt: skip
# Of a PIF that the plan does not touch, only what can get into the bond's way: its address and its being the management interface.
OTHER_PIF_FACTS = ("ip_mode", "ip", "netmask", "management")
BOND_FACTS = ("uuid", "mode", "properties")
# Accepted, and gone or come by the next read: an approver cannot say anything about these.
PASSING_RISKS = frozenset({"pending_tasks"})
# Of a prediction, what is not the outcome: the way to it and what is left to do on it, names that XAPI chooses as it makes things, what a
# cable does by itself, and storage, of which the facts have what is behind the NICs.
NOT_OUTCOME = ("moves", "inherits", "bridges_gone", "bridge", "network_uuid", "device", "without_link", "paths", "storages", "left_out")
# Of a spec, what says how a run goes, and not what comes out.
NOT_OF_THE_PLAN = ("accept",)

NAMES: Mapping[str, str] = {
    "ip": "address", "ip_mode": "IP configuration", "dns": "DNS", "ipv6_mode": "IPv6 configuration", "ipv6": "IPv6 addresses",
    "ipv6_gateway": "IPv6 gateway", "mtu": "MTU", "mac": "MAC", "xapi": "xapi version",
}  # fmt: skip


@dataclass(frozen=True)
class SavedPlan:
    """What a file holds. `facts`: by host uuid (and "pool" for the network), label to text. `accepted`: the risks that were accepted, as
    (host uuid, code). `bonds`: uuid of the host's bond on the network, where it has one. `about` is for people: pool, time, versions, risks
    in words; nothing is decided by it.
    """

    spec: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    predictions: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Mapping[str, str]]
    accepted: frozenset[tuple[str, str]]
    pool: str
    bonds: Mapping[str, str]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        values = {
            "kind": KIND,
            "format": FORMAT,
            "about": dict(self.about),
            "pool": self.pool,
            "bonds": dict(self.bonds),
            "fingerprint": self.fingerprint,
            "spec": dict(self.spec),
            "steps": [dict(step) for step in self.steps],
            "accepted": [{"host": host, "code": code} for host, code in sorted(self.accepted)],
            "predictions": {uuid: dict(values) for uuid, values in self.predictions.items()},
            "facts": {uuid: dict(values) for uuid, values in self.facts.items()},
        }
        return {**values, CHECKSUM: digest(values)}

    @property
    def fingerprint(self) -> str:
        """One line without blanks: `1:<spec>:<pool>:<network>;<host's uuid>=<facts>/<outcome>/<its bond>/<accepted risk>,…;…`, where a
        bond is changed in place with `/<action>,…/<facts left alone>/<value><value>…` behind it.
        """
        hosts = [
            "/".join(
                [
                    f"{uuid}={digest(facts)}",
                    digest(_outcome(self.predictions.get(uuid, {}))),
                    self._bond(uuid),
                    self._risks(uuid),
                    *self._in_place(uuid),
                ]
            )
            for uuid, facts in sorted(self.facts.items())
            if uuid != "pool"
        ]
        pool = self.facts.get("pool", {})
        return ";".join([f"{FORMAT}:{digest(self.spec)}:{digest(_without_network(pool))}:{self.network}", *hosts])

    @property
    def network(self) -> str:
        """A digest of the network, but for an MTU that the spec names and a run sets; "" where there is none."""
        pool = self.facts.get("pool", {})
        found = {label: value for label, value in pool.items() if label not in _without_network(pool)}
        if self.spec.get("mtu") is not None:
            found.pop(f"network {_name('mtu')}", None)
        return digest(found) if found else ""

    def _bond(self, uuid: str) -> str:
        """A digest of the bond that the host has, after a minus sign where the plan destroys it."""
        ending = any(step["action"] == "destroy_bond" and step["host"] == self.facts[uuid].get("name") for step in self.steps)
        return f"{'-' if ending else ''}{_short(self.bonds[uuid])}" if uuid in self.bonds else ""

    def _risks(self, uuid: str) -> str:
        return ",".join(sorted(code for host, code in self.accepted if host == uuid))

    def _in_place(self, uuid: str) -> list[str]:
        actions = sorted({str(step["action"]) for step in self.steps if step["host"] == self.facts[uuid].get("name")})
        if not changes_in_place(actions):
            return []
        alone, values = parted(self.facts[uuid], actions, self.predictions.get(uuid, {}))
        return [",".join(actions), digest(alone), "".join(sorted(_trace(value) for value in values))]


def digest(value: Any) -> str:
    """Of a plain value, the same on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:DIGITS]


def _trace(value: str) -> str:
    return digest(value)[:FEWER]


def _short(uuid: str | None) -> str:
    return digest(uuid) if uuid else ""


def save(pool: Pool, spec: BondSpec, plan: Plan, about: Mapping[str, Any]) -> SavedPlan:
    """The plan with what it rests on."""
    uuids = {host.name: host.uuid for host in pool.hosts}
    return SavedPlan(
        spec=_spec(spec),
        steps=tuple(step.to_dict() for step in plan.steps),
        predictions={one.host_uuid: one.to_dict() for one in plan.predictions},
        facts={"pool": _pool_facts(pool, spec), **{host.uuid: host_facts(pool, spec, host) for host in _resting_on(pool, spec)}},
        accepted=frozenset(
            (uuids.get(one.host, one.host), one.code) for one in plan.problems if one.accepted and one.code not in PASSING_RISKS
        ),
        pool=pool.uuid,
        bonds={host.uuid: bond for host in _resting_on(pool, spec) if (bond := _bonded(pool, spec, host.uuid))},
        about=about,
    )


def _resting_on(pool: Pool, spec: BondSpec) -> list[Host]:
    """The wanted hosts, and the master, whose NICs the device names mean."""
    wanted = wanted_hosts(pool, spec)[0]
    return [host for host in pool.hosts if host in wanted or host.master]


def _spec(spec: BondSpec) -> dict[str, Any]:
    values = asdict(spec)
    return {key: _plain(value) for key, value in sorted(values.items()) if key not in NOT_OF_THE_PLAN}


def _plain(value: Any) -> Any:
    """As JSON has it, in an order of its own where the value has none."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in sorted(value.items())}
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(inner) for inner in value)
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


# the facts


def _pool_facts(pool: Pool, spec: BondSpec) -> dict[str, str]:
    network = find_network(pool, spec)
    found = {"HA": _said(pool.ha_enabled), "master": pool.master.uuid}
    if network is not None:
        found |= {f"network {_name(key)}": _said(getattr(network, key)) for key in NETWORK_FACTS}
    return found


def host_facts(pool: Pool, spec: BondSpec, host: Host) -> dict[str, str]:
    """What the plan rests on for one host, label to text: "eth2 address" to "172.16.0.36"."""
    network = find_network(pool, spec)
    found = {_name(key): _said(getattr(host, key)) for key in HOST_FACTS}
    nics = match(pool, host, spec.nics).found
    bonds = [
        bond for bond in (pool.bond_on(host, network) if network else None, *(pool.bonds.get(nic.bond_slave_of) for nic in nics)) if bond
    ]
    touched = {nic.ref: nic for nic in nics}
    for bond in bonds:
        touched |= {pif.ref: pif for pif in (*pool.bond_members(bond), *filter(None, (pool.pifs.get(bond.master),)))}
    for pif in by_device(touched.values()):
        found |= _pif_facts(pool, pif)
        for vlan in vlans_over(pool, pif):
            found |= _pif_facts(pool, vlan)
    for bond in bonds:
        own = pool.pifs.get(bond.master)
        called = own.device if own else bond.uuid
        found |= {f"{called} bond {_name(key)}": _said(getattr(bond, key)) for key in BOND_FACTS}
        found[f"{called} NICs"] = ", ".join(nic.device for nic in pool.bond_members(bond))
    known = {*touched, *(vlan.ref for pif in touched.values() for vlan in vlans_over(pool, pif))}
    for pif in pool.pifs_of(host):
        if pif.ref not in known and (pif.configured or pif.management):
            found |= {f"{_called(pif)} {_name(key)}": _said(getattr(pif, key)) for key in OTHER_PIF_FACTS}
    return found


def _pif_facts(pool: Pool, pif: Pif) -> dict[str, str]:
    called, on = _called(pif), pool.networks.get(pif.network)
    # The notes of VLANs are the first thing that the plan itself writes.
    pif = replace(pif, other_config={key: value for key, value in pif.other_config.items() if not key.startswith(ON_NIC)})
    facts = {f"{called} {_name(key)}": _said(getattr(pif, key)) for key in NIC_FACTS}
    facts[f"{called} network"] = _network(on)
    facts[f"{called} storage"] = ", ".join(storage_behind(pool, pool.host(pif.host), pif))
    facts[f"{called} VLANs"] = ", ".join(str(vlan.vlan) for vlan in vlans_over(pool, pif))
    facts[f"{called} bond"] = bond.uuid if (bond := pool.bonds.get(pif.bond_slave_of)) else ""
    return facts


def _network(network: Network | None) -> str:
    return f"{network.name} ({network.uuid})" if network else ""


def _called(pif: Pif) -> str:
    return f"{pif.device}.{pif.vlan}" if pif.vlan >= 0 else pif.device


def _name(key: str) -> str:
    return NAMES.get(key, key)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={inner}" for key, inner in sorted(value.items()))
    return ", ".join(str(inner) for inner in value) if isinstance(value, (list, tuple, frozenset)) else str(value)


# the comparison


def differences(saved: SavedPlan, pool: Pool, spec: BondSpec, plan: Plan) -> list[str]:
    """What stands against carrying out the saved plan: sentences; none when the pool is as it was, or as this very plan has made it so
    far. `plan` is the plan made now of `pool`.
    """
    if saved.pool != pool.uuid:
        return [_shown(f"The plan was made for the pool {saved.pool}, and this is {pool.name or 'a pool'} ({pool.uuid}).")]
    if said := _other_spec(saved.spec, _spec(spec)):
        return said
    now = save(pool, spec, plan, {})
    names = {host.uuid: host.name for host in pool.hosts}
    then, here = saved.facts.get("pool", {}), now.facts["pool"]
    found = _changed("the pool", then, here, {*then, *here} - _made_network(saved, now))
    for uuid in sorted({*saved.facts, *now.facts} - {"pool"}, key=lambda uuid: names.get(uuid, uuid)):
        moving = _moving(plan, names.get(uuid, uuid))
        found += _host_differences(saved, now, pool, spec, uuid, names.get(uuid, uuid), moving)
    return found + [_not_accepted(names.get(host, host) or "The pool", code) for host, code in sorted(now.accepted - saved.accepted)]


def _not_accepted(name: str, code: str) -> str:
    return f"{name}: the plan did not have the risk {code}, or it was not accepted then."


def _moving(plan: Plan, name: str) -> frozenset[int]:
    """Tags of the VLANs that a plan puts back on their NICs, on the host of this name."""
    return frozenset(step.arguments["tag"] for step in plan.steps if step.host == name and step.action == "move_vlan")


def _host_differences(
    saved: SavedPlan, now: SavedPlan, pool: Pool, spec: BondSpec, uuid: str, name: str, moving: frozenset[int]
) -> list[str]:
    if uuid not in saved.facts:
        return [f"{name} is in the pool now, and was not when the plan was made."]
    if uuid not in now.facts:
        return [f"{name} was in the plan and is not in the pool any more."]
    then, here = saved.facts[uuid], now.facts[uuid]
    steps = [step for step in saved.steps if step["host"] == then.get("name")]
    predicted = saved.predictions.get(uuid, {})
    made = now.bonds.get(uuid) not in (None, saved.bonds.get(uuid))
    foreign = unexplained(then, here, {str(step["action"]) for step in steps}, predicted, made)
    if foreign:
        return _changed(name, then, here, foreign)
    if spec.absent and not _bonded(pool, spec, uuid):
        return _changed(name, then, here) if _left(pool, spec, uuid, predicted, moving) else []
    before, after = _outcome(predicted), _outcome(now.predictions.get(uuid, {}))
    keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    if keys:
        return [
            _shown(f"{name} would have {_name(key)} {_said(after.get(key))} in the end; in the saved plan it is {_said(before.get(key))}.")
            for key in keys
        ]
    if then == here and _but_notes(steps) != _but_notes([step for step in now.steps if step["host"] == name]):
        return [f"{name}: the plan made now has other steps than the saved one, though the host is as it was; another version made it."]
    return []


def _bonded(pool: Pool, spec: BondSpec, uuid: str) -> str:
    """The uuid of the host's bond on the network; "" when it has none."""
    network = find_network(pool, spec)
    bond = pool.bond_on(next(host for host in pool.hosts if host.uuid == uuid), network) if network else None
    return bond.uuid if bond else ""


def _left(pool: Pool, spec: BondSpec, uuid: str, predicted: Mapping[str, Any], moving: Collection[int]) -> bool:
    """Whether a host without its bond is not what a removal comes to, but for NICs that are yet to be plugged, and for VLANs that the plan
    made now still puts back (`moving`, tags) as the saved one was to.
    """
    host = next(host for host in pool.hosts if host.uuid == uuid)
    target = Prediction.from_dict(predicted) if predicted else None
    if target is not None:
        rest = {device: tuple(tag for tag in tags if tag not in moving) for device, tags in target.vlans_on.items()}
        target = replace(target, vlans_on=rest)
    return any(one.code != "not_attached" for one in compare_absent(pool, host, find_network(pool, spec), target))


def _but_notes(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without the first thing that a plan writes, after which a host is as it was."""
    return [step for step in steps if step["action"] != "note_vlans"]


def _outcome(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """What a bond looks like in the end, whether it is still to be made or is there."""
    return {key: value for key, value in prediction.items() if key not in NOT_OUTCOME}


def _made_network(saved: SavedPlan, now: SavedPlan) -> frozenset[str]:
    """Facts of a network that the plan was to make, and that is there now as it was to be, or that went with its bonds."""
    if saved.spec.get("state") == "absent" and "network uuid" not in now.facts["pool"]:
        return frozenset(f"network {_name(key)}" for key in NETWORK_FACTS)
    planned = [step for step in saved.steps if step["action"] in ("create_network", "set_mtu")]
    made = any(step["action"] == "create_network" for step in planned) and "network uuid" not in saved.facts.get("pool", {})
    if made and now.facts["pool"].get("network managed", "yes") == "yes":
        return frozenset(f"network {_name(key)}" for key in NETWORK_FACTS)
    return frozenset({"network MTU"}) if any(step["action"] == "set_mtu" for step in planned) else frozenset()


def _changed(name: str, before: Mapping[str, str], now: Mapping[str, str], only: Collection[str] | None = None) -> list[str]:
    return [
        _shown(f"{name}: {label} is {now.get(label) or 'none'}; the plan was made for {before.get(label) or 'none'}.")
        for label in sorted({*before, *now} if only is None else only)
        if before.get(label, "") != now.get(label, "")
    ]


def _other_spec(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        _shown(f"The plan was made with {key} {_said(before.get(key)) or 'none'}, and this run asks for {_said(now.get(key)) or 'none'}.")
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def fingerprint_differences(fingerprint: str, pool: Pool, spec: BondSpec, plan: Plan) -> list[str]:
    """As `differences`, from the fingerprint alone: which host is different, but not in what. Raises NetworkError for a text that is no
    fingerprint.
    """
    head, *hosts = _of_this_pool(fingerprint, pool).split(";")
    try:
        form, of_spec, of_pool, network = head.split(":")
        before = {uuid: tuple(digests.split("/")) for uuid, digests in (host.split("=") for host in hosts)}
        if form != str(FORMAT) or any(len(digests) not in (4, 7) for digests in before.values()):
            raise ValueError
    except ValueError:
        raise NetworkError(
            "What is given as the fingerprint of a plan is none of this version. Nothing was changed. Take it from the result of the"
            " plan, as it is there."
        ) from None
    now = save(pool, spec, plan, {})
    if of_spec != digest(now.spec):
        return ["The plan was made with other options than those of this run."]
    names = {host.uuid: host.name for host in pool.hosts}
    found = []
    if of_pool != digest(_without_network(now.facts["pool"])):
        found.append("The pool's master or HA is not as it was when the plan was made.")
    if network not in ("", now.network) and not (spec.absent and not now.network):
        found.append("The bond's network is not as it was when the plan was made.")
    for uuid in sorted({*before, *now.facts} - {"pool"}, key=lambda uuid: names.get(uuid, uuid)):
        name = names.get(uuid, uuid)
        if uuid not in now.facts:
            found.append(f"{name} was in the plan and is not in the pool any more.")
        elif uuid not in before:
            found.append(f"{name} is in the pool now, and was not when the plan was made.")
        elif not _fits(before[uuid], spec, now, uuid):
            found.append(f"{name} is not as it was when the plan was made.")
        else:
            accepted = before[uuid][3].split(",")
            found += [_not_accepted(name, code) for host, code in sorted(now.accepted) if host == uuid and code not in accepted]
    return found


def _of_this_pool(fingerprints: str, pool: Pool) -> str:
    """Where those of several pools are given, the one that names hosts of this pool; else the first."""
    given = fingerprints.split() or [""]
    return next((one for one in given if any(f";{host.uuid}=" in one for host in pool.hosts)), given[0])


def _fits(before: Sequence[str], spec: BondSpec, now: SavedPlan, uuid: str) -> bool:
    """Whether a host is as it was, or on its way to the outcome of that plan: it has a bond that this has made, or all of it."""
    facts, outcome, had = before[:3]
    has = _short(now.bonds.get(uuid))
    if facts == digest(now.facts[uuid]):
        return outcome == digest(_outcome(now.predictions.get(uuid, {}))) or (spec.absent and not has)
    if spec.absent:
        return bool(had) and not has
    begun = bool(has) and (not had or (had.startswith("-") and had != f"-{has}"))
    done = not any(step["host"] == now.facts[uuid]["name"] for step in now.steps)
    half_way = had == has and _half_way(before[4:], now.facts[uuid], now.predictions.get(uuid, {}))
    return (begun or done or half_way) and outcome == digest(_outcome(now.predictions.get(uuid, {})))


def _half_way(in_place: Sequence[str], facts: Mapping[str, str], target: Mapping[str, Any]) -> bool:
    """Whether a bond that the plan changes in place is as it was but for what the plan's own steps make of it."""
    if not in_place:
        return False
    actions, alone, values = in_place
    traces = {values[at : at + FEWER] for at in range(0, len(values), FEWER)}
    left, texts = parted(facts, actions.split(","), target, lambda text: _trace(text) in traces)
    return digest(left) == alone and all(_trace(text) in traces for text in texts)


def _without_network(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts of the pool alone."""
    return {label: value for label, value in facts.items() if not label.startswith("network ")}


# the file


def to_text(plan: SavedPlan) -> str:
    """JSON that a person can read and a version control can compare."""
    return json.dumps(plan.to_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_file(text: str, where: str) -> SavedPlan:
    """The plan that this text holds. Raises NetworkError for a file that is not one, is cut, or comes from a later version."""
    values = _of_our_kind(text, where)
    if values.get("format") != FORMAT:
        raise NetworkError(
            f"{where} has the format {json.dumps(values.get('format'))[:40]}, and this version of xapi.network reads {FORMAT}. Nothing was"
            " changed. Make a new plan with this version, or run the version that made it."
        )
    try:
        plan = _from_dict(values)
    except KeyError as error:
        raise NetworkError(
            f"{where} is a saved plan that lacks {error}; it was cut or edited. Nothing was changed. Make a new plan."
        ) from None
    except (TypeError, AttributeError, ValueError):
        raise NetworkError(f"{where} is a saved plan that was edited: it cannot be read. Nothing was changed. Make a new plan.") from None
    if values.get(CHECKSUM) != digest({key: value for key, value in values.items() if key != CHECKSUM}):
        raise NetworkError(f"{where} was edited since it was made: its checksum does not match. Nothing was changed. Make a new plan.")
    return plan


@dataclass(frozen=True)
class Subject:
    """What a saved plan is about: a network, by name or uuid, of a pool. `said`: in words."""

    pool: str
    network: str
    network_uuid: str
    said: str = field(compare=False)


def subject_of(text: str, where: str) -> Subject:
    """Of a saved plan, whether or not it could still be carried out. Raises NetworkError for a text that is none."""
    values = _of_our_kind(text, where)
    spec, about = (given if isinstance(given := values.get(key), Mapping) else {} for key in ("spec", "about"))
    pool, name, uuid = str(values.get("pool")), str(spec.get("network") or ""), str(spec.get("network_uuid") or "")
    return Subject(pool, name, uuid, _shown(f"the network {name or uuid} of the pool {about.get('pool') or 'without a name'} ({pool})"))


def _shown(text: str) -> str:
    """What stands in a file, for a message: one line, cut, without control characters."""
    return "".join(one if one.isprintable() else " " for one in text)[:MOST_SHOWN]


def _of_our_kind(text: str, where: str) -> Mapping[str, Any]:
    if not text.strip():
        raise NetworkError(f"{where} is empty, and no saved plan. Nothing was changed.")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:120]
        raise NetworkError(f"{where} is no saved plan: it is not JSON, or it is cut off ({said}). Nothing was changed.") from None
    if not isinstance(values, Mapping) or values.get("kind") != KIND:
        raise NetworkError(
            f"{where} is no saved plan of xapi.network. Nothing was changed. Make one with --check and storage_bond_plan_file."
        )
    return values


def _from_dict(values: Mapping[str, Any]) -> SavedPlan:
    """Raises KeyError, TypeError, AttributeError or ValueError."""

    def texts(facts: Mapping[str, Any]) -> dict[str, str]:
        return {str(label): str(value) for label, value in facts.items()}

    predictions = {str(uuid): dict(one) for uuid, one in values["predictions"].items()}
    for one in predictions.values():
        Prediction.from_dict(one)
    return SavedPlan(
        spec=dict(values["spec"]),
        steps=tuple({**step, "action": str(step["action"]), "host": str(step["host"])} for step in values["steps"]),
        predictions=predictions,
        facts={str(uuid): texts(facts) for uuid, facts in values["facts"].items()},
        accepted=frozenset((str(one["host"]), str(one["code"])) for one in values["accepted"]),
        pool=str(values["pool"]),
        bonds=texts(values["bonds"]),
        about=values.get("about") or {},
    )
