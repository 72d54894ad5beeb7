# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same: values up to a renaming of references, uuids and event tokens, without what no two pools have in common.

`OUT_OF_SCOPE` is the whole list of what is not compared, with the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Record = dict[str, Any]

# (class, field) -> why its value is not compared. A field in a map is written "other_config/key". The fields must be there all the same.
OUT_OF_SCOPE: Mapping[tuple[str, str], str] = {
    ("Bond", "links_up"): "measured every few seconds; says when the poll was",
    ("PIF_metrics", "*"): "measured; the recorder polled at other times",
    ("host", "other_config/agent_start_time"): "a time",
    ("host", "other_config/boot_time"): "a time",
    ("host", "allowed_operations"): "recomputed with a delay; its steps are compared in the time lines",
    ("VM", "fields not about its network"): "the twin plays VMs as far as their VIFs go",
    ("VIF", "allowed_operations"): "computed for the VM's life, of which the twin plays little",
    ("message", "timestamp"): "a time",
    ("message", "uuid"): "generated",
    ("task", "backtrace"): "places in xapi's own source files",
    ("task", "progress between 0 and 1"): "how far a running task was when it was polled",
    ("session", "uuid"): "generated",
    ("pool", "not recorded"): "the recording leaves most fields of pools and hosts out of the state that it begins with",
    ("host", "not recorded"): "the recording leaves most fields of pools and hosts out of the state that it begins with",
    ("event", "id"): "a count of the changes of that database",
    ("event", "valid_ref_counts of other classes"): "classes that the recording does not show (certificates, sessions, control domains, …)",
    ("event", "del of what was never there"): "what the recorder cleaned up from the recording before",
    ("message", "counts in BOND_STATUS_CHANGED"): "how many links were up when they were polled; as Bond.links_up",
    ("dom0", "member lines of bond/show"): "timers, may_enable, enabled and active: which link comes first is chance",
    ("dom0", "lacp negotiated or configured"): "no switch answered: changes 3 s after each change of the bond, and recirculation with it",
    ("error", "trackid"): "a hash of the session",
    ("system", "methods of other classes, before v26.17"): "only of the classes that recordings show is it known since when they are",
    ("restart", "log"): "helpful lines, no part of the API",
}

_VM_FIELDS = {"uuid", "name_label", "power_state", "resident_on", "affinity", "VIFs", "is_a_template", "is_control_domain"}

# Classes of which a recording shows only a part of the fields.
PARTIAL = {"pool", "host", "host_metrics", "PIF_metrics"}

NAME = re.compile(
    r"(?:OpaqueRef:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|trackid=[0-9a-f]{32}"
    r"|\b[0-9a-f][26ae](?::[0-9a-f]{2}){5}\b"  # MACs that are made up (tunnels, VIFs)
)
TIME = re.compile(r"\d{8}T\d\d:\d\d:\d\dZ")
EPOCH = "19700101T00:00:00Z"


class Renaming:
    """The names of the recording and of the twin for the same things: one to one."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}  # recorded -> twin's
        self.back: dict[str, str] = {}

    def known(self, recorded: str) -> bool:
        return recorded in self.there

    def pair(self, recorded: str, ours: str) -> bool:
        """They are names of one thing; False when one of them is already that of another."""
        if recorded.startswith("trackid=") and ours.startswith("trackid="):
            return True
        if self.there.get(recorded, ours) != ours or self.back.get(ours, recorded) != recorded:
            return False
        self.there[recorded] = ours
        self.back[ours] = recorded
        return True

    def translate(self, value: Any) -> Any:
        """A recorded value with the twin's names, where they are known."""
        if isinstance(value, str):
            return NAME.sub(lambda match: self.there.get(match.group(), match.group()), value)
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if isinstance(value, dict):
            return {self.translate(key): self.translate(item) for key, item in value.items()}
        return value


def differences(names: Renaming, recorded: Any, ours: Any, where: str = "", ordered: bool = False) -> list[str]:
    """How two plain values differ, as sentences; new names are paired on the way. Lists are sets unless `ordered`."""
    if isinstance(recorded, str) and isinstance(ours, str):
        return [] if same_text(names, recorded, ours) else [f"{where}: {_show(names, recorded)} was recorded, the twin has {ours!r}"]
    if isinstance(recorded, dict) and isinstance(ours, dict):
        return _maps(names, recorded, ours, where, ordered)
    if isinstance(recorded, list) and isinstance(ours, list):
        return _lists(names, recorded, ours, where, ordered)
    if type(recorded) is type(ours) and recorded == ours:
        return []
    return [f"{where}: {_show(names, recorded)} was recorded, the twin has {ours!r}"]


def same_text(names: Renaming, recorded: str, ours: str) -> bool:
    """Texts are the same up to names in them and to times (the epoch, which stands for "never", is itself)."""
    if recorded == ours and (names.there.get(recorded, ours) == ours):
        return all(names.pair(name, name) for name in NAME.findall(recorded))
    if TIME.fullmatch(recorded) and TIME.fullmatch(ours):
        return (recorded == EPOCH) == (ours == EPOCH)
    if NAME.sub("·", recorded) != NAME.sub("·", ours):
        return False
    pairs = list(zip(NAME.findall(recorded), NAME.findall(ours), strict=True))
    return bool(pairs) and all(names.pair(*pair) for pair in pairs)


def _maps(names: Renaming, recorded: Record, ours: Record, where: str, ordered: bool) -> list[str]:
    found: list[str] = []
    left = dict(ours)
    for key, value in recorded.items():
        theirs = names.translate(key)
        if theirs not in left:
            theirs = next((other for other in left if same_text(Copy(names), key, other)), theirs)
            same_text(names, key, theirs)
        if theirs not in left:
            found.append(f"{where}/{theirs}: {_show(names, value)} was recorded, the twin has nothing")
        else:
            found += differences(names, value, left.pop(theirs), f"{where}/{theirs}", ordered)
    return found + [f"{where}/{key}: nothing was recorded, the twin has {value!r}" for key, value in left.items()]


def _lists(names: Renaming, recorded: list[Any], ours: list[Any], where: str, ordered: bool) -> list[str]:
    if len(recorded) != len(ours):
        return [f"{where}: {_show(names, recorded)} was recorded, the twin has {ours!r}"]
    if ordered:
        found = []
        for place, (one, other) in enumerate(zip(recorded, ours, strict=True)):
            found += differences(names, one, other, f"{where}[{place}]", ordered)
        return found
    left = list(ours)
    unmatched = []
    for item in recorded:
        translated = names.translate(item)
        if translated in left:
            left.remove(translated)
        else:
            unmatched.append(item)
    for item in list(unmatched):
        if isinstance(item, str) and not names.known(item):
            for other in left:
                if isinstance(other, str) and other not in names.back and same_text(names, item, other):
                    left.remove(other)
                    unmatched.remove(item)
                    break
        elif not isinstance(item, str):
            for other in left:
                if not differences(Copy(names), item, other):
                    differences(names, item, other)
                    left.remove(other)
                    unmatched.remove(item)
                    break
    if unmatched:
        return [f"{where}: {_show(names, recorded)} was recorded, the twin has {ours!r}"]
    return []


class Copy(Renaming):
    """A renaming to try something out with."""

    def __init__(self, names: Renaming) -> None:
        super().__init__()
        self.there = dict(names.there)
        self.back = dict(names.back)


def _show(names: Renaming, value: Any) -> str:
    return repr(names.translate(value))


# ---------------------------------------------------------------- records


def in_scope(cls: str, record: Record, recorded: Record) -> Record:
    """The part of a record that is compared; `recorded` tells what the recording shows of this class."""
    kept = {}
    for name, value in record.items():
        if (cls in PARTIAL and name not in recorded) or (cls == "VM" and name not in _VM_FIELDS):
            continue
        if (cls, "*") in OUT_OF_SCOPE and name != "uuid":
            continue
        if (cls, name) in OUT_OF_SCOPE:
            continue
        if isinstance(value, dict):
            value = {key: "(not compared)" if (cls, f"{name}/{key}") in OUT_OF_SCOPE else item for key, item in value.items()}
        kept[name] = value
    return kept


def record_differences(names: Renaming, cls: str, recorded: Record, ours: Record, where: str) -> list[str]:
    """How an object differs."""
    return differences(names, in_scope(cls, recorded, recorded), in_scope(cls, ours, recorded), where)


# What makes an object of a class known again: new ones are paired by this.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "host": ("hostname",),
    "network": ("bridge", "name_label"),
    "PIF": ("host", "device", "VLAN"),
    "Bond": ("master",),
    "VLAN": ("untagged_PIF",),
    "tunnel": ("access_PIF",),
    "VM": ("name_label",),
    "VIF": ("VM", "device"),
    "message": ("name", "obj_uuid", "body"),
}

# Objects that belong to others: (class, field) names the object of a class.
_OWNED = (("PIF", "metrics", "PIF_metrics"), ("host", "metrics", "host_metrics"))


def pair_objects(names: Renaming, recorded: Mapping[str, Mapping[str, Record]], ours: Mapping[str, Mapping[str, Record]]) -> None:
    """Pair the objects of two states that are not paired yet."""
    for cls, fields in _KEYS.items():
        new = {ref: record for ref, record in ours.get(cls, {}).items() if ref not in names.back}
        for ref, record in recorded.get(cls, {}).items():
            if names.known(ref):
                continue
            wanted = [names.translate(record.get(field)) for field in fields]
            for other, theirs in new.items():
                if [theirs.get(field) for field in fields] == wanted and names.pair(ref, other):
                    del new[other]
                    break
    for cls, field, owned in _OWNED:
        for ref, record in recorded.get(cls, {}).items():
            same = ours.get(cls, {}).get(names.there.get(ref, ""))
            if same is not None and record.get(field) in recorded.get(owned, {}) and not names.known(record[field]):
                names.pair(record[field], same[field])


def state_differences(names: Renaming, recorded: Mapping[str, Mapping[str, Record]], ours: Mapping[str, Mapping[str, Record]]) -> list[str]:
    """How two states of the database differ. Messages are compared elsewhere: when one comes depends on a poll."""
    pair_objects(names, recorded, ours)
    found: list[str] = []
    for cls, records in recorded.items():
        if cls == "message":
            continue
        theirs = dict(ours.get(cls, {}))
        for ref, record in records.items():
            other = theirs.pop(names.there.get(ref, ref), None)
            if other is None:
                found.append(f"{cls} {label(record)}: was recorded, the twin has no such object ({_show(names, record)})")
            else:
                names.pair(ref, names.there.get(ref, ref))
                found += record_differences(names, cls, record, other, f"{cls} {label(record)}")
        if cls != "PIF_metrics":  # recorded pools keep some that belong to no PIF any more
            found += [f"{cls} {label(record)}: was not recorded, the twin has it ({record})" for record in theirs.values()]
    return found


def label(record: Record) -> str:
    return str(record.get("name_label") or record.get("hostname") or record.get("device") or record.get("uuid", ""))


# ---------------------------------------------------------------- dom0


def dom0_differences(names: Renaming, recorded: Record | None, ours: Record | None, host: str) -> list[str]:
    """How what two dom0s say differs."""
    if recorded is None or ours is None:
        return [] if recorded is ours else [f"dom0 of {host}: {'off' if recorded is None else 'on'} was recorded, the twin's is not"]
    found = differences(names, sorted(recorded["list-br"]), sorted(ours["list-br"]), f"dom0 of {host}: bridges")
    found += differences(names, recorded["interfaces"], ours["interfaces"], f"dom0 of {host}: interfaces")
    found += differences(names, _bond_list(recorded), _bond_list(ours), f"dom0 of {host}: bond/list", ordered=True)
    shown = {bond: _bond_show(text) for bond, text in recorded["bond_show"].items()}
    theirs = {bond: _bond_show(text) for bond, text in ours["bond_show"].items()}
    return found + differences(names, shown, theirs, f"dom0 of {host}: bond/show", ordered=True)


def _bond_list(dom0: Record) -> list[list[str]]:
    lines = [line.split("\t") for line in dom0["bond_list"].splitlines()]
    for line in lines[1:]:
        line[-1] = ", ".join(sorted(line[-1].split(", ")))
        line[2] = "0" if line[2] in ("0", "4294967295") else "some"  # an id that Open vSwitch chooses
    return [*lines[:1], *sorted(lines[1:])]


_VOLATILE = re.compile(
    r"next rebalance: |active (member|slave) mac: |\s*(updelay|downdelay) expires|\s*active (member|slave)$|\s*may_enable: |\s*hash "
)


def _bond_show(text: str) -> list[str]:
    """The lines that are compared, the members' without their state and in order of name."""
    head: list[str] = []
    members: list[str] = []
    with_lacp = "lacp_status: off" not in text
    for line in text.splitlines():
        if _VOLATILE.match(line) or not line.strip() or (with_lacp and line.startswith("bond may use recirculation")):
            continue
        if line.startswith(("member ", "slave ")):
            members.append(line.partition(":")[0])
        else:
            head.append(line.replace("negotiated", "configured"))
    return head + sorted(members)


# ---------------------------------------------------------------- sequences


def is_subsequence(names: Renaming, cls: str, recorded: Iterable[Record], ours: Iterable[Record]) -> list[str]:
    """Whether the recorded states of an object are all among the twin's, in their order, and the last one is the last one.

    The twin's are told change by change, the recorded ones may leave some out (several changes came in one batch). A recorded state
    may show some of the fields only; those are compared.
    """
    steps = list(ours)
    last = list(recorded)
    place = 0
    for number, state in enumerate(last):
        for later in range(place, len(steps)):
            if not _partly(Copy(names), cls, state, steps[later]):
                place = later
                break
        else:
            near = steps[-1] if steps else {}
            detail = _partly(Copy(names), cls, state, near) or ["it comes too early"]
            return [f"state {number + 1} of {len(last)} never comes ({'; '.join(detail[:3])})"]
    return [f"in the end {text}" for text in _partly(names, cls, last[-1], steps[-1])] if last and steps else []


def _partly(names: Renaming, cls: str, recorded: Record, ours: Record) -> list[str]:
    return record_differences(names, cls, recorded, {name: value for name, value in ours.items() if name in recorded}, "")
