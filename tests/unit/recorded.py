# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real pools were seen to do: the states of the recordings, and the changes that lie between them.

The recordings are those of tests/conformance. A call between two states has no recorded effect of its own, so the calls that only prepare
(an address, a new network, a VLAN) are carried out here on the records, and a `Change` is what a call for a bond, or a member's restart,
made of the rest.
"""

from __future__ import annotations

import copy
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import after_destroy
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool

ARCHIVE = Path(__file__).parents[1] / "conformance" / "traces.tar.xz"

Records = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Change:
    """`do`: the method or restart_xapi, with its `arguments` and `host`; `before`, `after`: the pool. `step`: where in the recording."""

    recording: str
    step: int
    do: str
    host: str
    arguments: tuple[Any, ...]
    before: Pool
    after: Pool

    def __str__(self) -> str:
        return f"{self.recording}-{self.step}-{self.do}"


def changes(*names: str) -> list[Change]:
    """All changes of these recordings ("tutorial@26.17.0"), or of all of them."""
    return [change for name in names or sorted(_texts()) for change in _changes(name)]


@cache
def _texts() -> Mapping[str, str]:
    with tarfile.open(ARCHIVE) as archive:
        found = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            if content is not None and member.name.endswith(".json"):
                found[Path(member.name).stem] = content.read().decode()
        return found


@dataclass(frozen=True)
class _Done:
    """Something done at a host since the last state."""

    at: int
    do: str
    host: str
    arguments: tuple[Any, ...] = ()


def _changes(name: str) -> Iterator[Change]:
    recording = json.loads(_texts()[name])
    records = {kind.lower(): copy.deepcopy(found) for kind, found in recording["initial"]["records"].items()}
    prepared: Records = records
    pending: list[_Done] = []
    late: list[tuple[int, str]] = []  # VLANs made on what a pending call made
    hosts = {host["hostname"]: ref for ref, host in records["host"].items()}
    for number, step in enumerate(recording["steps"]):
        if step["do"] == "call" and isinstance(step["reply"], dict) and step["reply"].get("Status") == "Success":
            method, arguments = step["method"], step["args"]
            if method in ("Bond.create", "Bond.destroy"):
                pending.append(_Done(number, method, _host(prepared, method, arguments), tuple(arguments)))
            elif method == "VLAN.create" and arguments[0] not in prepared["pif"]:
                late.append((number, step["reply"]["Value"]))
            else:
                prepared = _prepared(prepared, method, arguments, step["reply"].get("Value"))
        elif step["do"] in ("restart_xapi", "timeline") and step.get("host"):
            pending.append(_Done(number, "restart_xapi", hosts[step["host"]]))
        elif step["do"] == "state":
            records = _next(records, step)
            yield from _one_by_one(name, pending, late, prepared, records)
            prepared, pending, late = records, [], []


def _one_by_one(name: str, pending: list[_Done], late: list[tuple[int, str]], before: Records, after: Records) -> Iterator[Change]:
    """What was done between two states, taken apart by host: what is done at one shows at that one.

    Where a bond went and another came at one host, the second is held against what is predicted of the first.
    """
    pool = model.read(before)
    for place, done in enumerate(pending):
        if any(later.host == done.host for later in pending[place + 1 :]):
            assert done.do == "Bond.destroy", f"{name}: nothing tells what step {done.at} did"
            pool = after_destroy(pool, pool.bonds[done.arguments[0]])
            continue
        acted = {earlier.host for earlier in pending[: place + 1]}
        seen = model.read(_without(_of_hosts(before, after, acted), [vlan for at, vlan in late if at > done.at]))
        yield Change(name, done.at, done.do, done.host, done.arguments, pool, seen)
        pool = seen


def _host(records: Records, method: str, arguments: list[Any]) -> str:
    """The host of a call for a bond; "" when the bond was made since the last state."""
    if method == "Bond.create":
        return str(records["pif"][arguments[1][0]]["host"])
    bond = records["bond"].get(arguments[0])
    return str(records["pif"][bond["master"]]["host"]) if bond is not None else ""


def _of_hosts(before: Records, after: Records, hosts: set[str]) -> Records:
    """The PIFs, bonds and VLANs of these hosts as they are after, those of the others as they were before."""
    mixed = {kind: dict(found) for kind, found in after.items()}
    pifs = {ref for records in (before, after) for ref, pif in records["pif"].items() if pif["host"] not in hosts}
    for kind, owner in (("pif", None), ("bond", "master"), ("vlan", "untagged_PIF")):
        others = {ref: record for ref, record in before.get(kind, {}).items() if (record[owner] if owner else ref) in pifs}
        own = {ref: record for ref, record in after.get(kind, {}).items() if (record[owner] if owner else ref) not in pifs}
        mixed[kind] = {**others, **own}
    for kind, name in (("network", "network"), ("host", "host")):
        mixed[kind] = {
            ref: {**record, "PIFs": [pif for pif, found in mixed["pif"].items() if found[name] == ref]}
            for ref, record in after[kind].items()
        }
    return mixed


def _without(records: Records, vlans: list[str]) -> Records:
    """The records without some VLANs."""
    records = copy.deepcopy(records)
    for ref in vlans:
        vlan = records["vlan"].pop(ref)
        pif = records["pif"].pop(vlan["untagged_PIF"])
        records["pif"][vlan["tagged_PIF"]]["VLAN_slave_of"].remove(ref)
        for kind in ("network", "host"):
            records[kind][pif[kind]]["PIFs"].remove(vlan["untagged_PIF"])
    return records


def _next(records: Records, step: Mapping[str, Any]) -> Records:
    after = {kind: dict(found) for kind, found in records.items()}
    for kind, changed in step["changed"].items():
        after.setdefault(kind.lower(), {}).update(changed)
    for kind, gone in step["gone"].items():
        for ref in gone:
            after[kind.lower()].pop(ref, None)
    return after


def _prepared(records: Records, method: str, arguments: list[Any], value: Any) -> Records:
    """The records with what a preparing call has set."""
    records = copy.deepcopy(records)
    pif = records["pif"].get(arguments[0]) if arguments and isinstance(arguments[0], str) else None
    if method == "network.create" and isinstance(value, str):
        records["network"][value] = {"uuid": value, "bridge": "", "PIFs": [], "VIFs": [], **arguments[0]}
    elif method == "VLAN.create" and isinstance(value, str):
        _add_vlan(records, value, arguments[0], arguments[1], arguments[2])
    elif method == "VLAN.destroy" and arguments[0] in records["vlan"]:
        records = _without(records, [arguments[0]])
    elif method == "network.set_MTU":
        records["network"][arguments[0]]["MTU"] = arguments[1]
    elif pif is not None and method == "PIF.reconfigure_ip":
        names = ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS")
        pif.update(zip(names, arguments[1:], strict=True))
    elif pif is not None and method == "PIF.set_disallow_unplug":
        pif["disallow_unplug"] = arguments[1]
    elif pif is not None and method == "PIF.add_to_other_config":
        pif["other_config"][arguments[1]] = arguments[2]
    return records


def _add_vlan(records: Records, ref: str, tagged: str, tag: str, network: str) -> None:
    """A VLAN and its PIF, plugged, without an address."""
    below, untagged = records["pif"][tagged], f"{ref}-pif"
    records["vlan"][ref] = {"uuid": ref, "tag": tag, "tagged_PIF": tagged, "untagged_PIF": untagged, "other_config": {}}
    plain = {"ip_configuration_mode": "None", "IP": "", "netmask": "", "gateway": "", "DNS": "", "management": False, "VLAN_slave_of": []}
    records["pif"][untagged] = {
        **below, **plain, "uuid": untagged, "VLAN": tag, "VLAN_master_of": ref, "network": network, "physical": False,
        "currently_attached": True, "bond_slave_of": "OpaqueRef:NULL", "bond_master_of": [], "other_config": {}, "disallow_unplug": False,
    }  # fmt: skip
    below["VLAN_slave_of"] = [ref, *below["VLAN_slave_of"]]
    for kind in ("network", "host"):
        records[kind][records["pif"][untagged][kind]]["PIFs"].append(untagged)
