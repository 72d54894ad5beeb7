# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real pools were seen to do: the states of the recordings, and the changes that lie between them.

The recordings are those of tests/conformance. A call between two states has no recorded effect of its own, so the calls that only prepare
(an address, a new network) are carried out here on the records, and a `Change` is what a call for a bond, or a member's restart, made of
the rest.
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


def _changes(name: str) -> Iterator[Change]:
    recording = json.loads(_texts()[name])
    records = {kind.lower(): copy.deepcopy(found) for kind, found in recording["initial"]["records"].items()}
    prepared, pending = records, []
    hosts = {host["hostname"]: ref for ref, host in records["host"].items()}
    for number, step in enumerate(recording["steps"]):
        if step["do"] == "call" and isinstance(step["reply"], dict) and step["reply"].get("Status") == "Success":
            if step["method"] in ("Bond.create", "Bond.destroy"):
                pending.append((number, step["method"], "", tuple(step["args"])))
            else:
                prepared = _prepared(prepared, step["method"], step["args"], step["reply"].get("Value"))
        elif step["do"] in ("restart_xapi", "timeline") and step.get("host"):
            pending.append((number, "restart_xapi", hosts[step["host"]], ()))
        elif step["do"] == "state":
            records = _next(records, step)
            done = [do for _at, do, _host, _arguments in pending]
            if "Bond.destroy" in done and len(done) > 1:
                pending = []  # one bond went and another came: nothing tells which of the two did what
            for at, do, host, arguments in pending:
                yield Change(name, at, do, host, arguments, model.read(prepared), model.read(records))
            prepared, pending = records, []


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
