# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool's database: records by class and reference, and what happened to them.

Every change goes through `add`, `set` and `remove`, gets a number, and is seen by event.from; nothing else may touch a record. Relations
are kept here: the side that names one object (PIF.network) is set, the side that lists many (network.PIFs) follows.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL, RELATIONS, Schema

__all__ = ["NULL", "Change", "Database", "Stamp"]

LOG = 20000  # so many changes are remembered one by one
MOST_DELETED, KEPT_DELETED = 512, 256  # of each class: then the oldest deletions are forgotten (db_cache_types.ml)

# The list of (field, other class, other field) by class, for speed.
_OUTWARD: dict[str, list[tuple[str, str, str]]] = {}
_INWARD: dict[str, list[tuple[str, str, str]]] = {}
for (_cls, _field), (_other, _many) in RELATIONS.items():
    _OUTWARD.setdefault(_cls, []).append((_field, _other, _many))
    _INWARD.setdefault(_other, []).append((_many, _cls, _field))


@dataclass(frozen=True)
class Change:
    """One change of one object. `operation`: add, mod or del; `snapshot`: the record after it (before it, when it was deleted)."""

    version: int
    operation: str
    cls: str
    ref: str
    snapshot: Mapping[str, Any]
    time: datetime


@dataclass
class Stamp:
    """When (in numbers of changes) an object was made, last changed and deleted; 0 = never."""

    created: int
    modified: int
    deleted: int = 0


class Database:
    """Records by class and reference. `now` gives the time of day for the stamps of changes."""

    def __init__(self, schema: Schema, now: Callable[[], datetime]) -> None:
        self.schema = schema
        self.observers: list[Callable[[Change], None]] = []  # called after each change, in order
        self._now = now
        self._records: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in schema.classes}
        self._stamps: dict[str, dict[str, Stamp]] = {name: {} for name in schema.classes}
        self._deleted: dict[tuple[str, str], Stamp] = {}
        self._graves: dict[str, deque[str]] = {}  # the references in _deleted by class, in the order of their deletion
        self._log: deque[tuple[str, str]] = deque(maxlen=LOG)  # what the last changes touched; the last one is number _version
        self._uuids: dict[tuple[str, str], str] = {}
        self._version = 0
        self._waiting: set[asyncio.Future[None]] = set()

    # reading

    def get(self, cls: str, ref: str) -> dict[str, Any]:
        """The live record: read it, never change it. Raises XapiError HANDLE_INVALID."""
        record = self._records[cls].get(ref)
        if record is None:
            raise XapiError("HANDLE_INVALID", cls, ref)
        return record

    def find(self, cls: str, ref: str) -> dict[str, Any] | None:
        """The live record, or None when there is no such object."""
        return self._records[cls].get(ref)

    def all(self, cls: str) -> dict[str, dict[str, Any]]:
        """Records of a class by reference, live: do not change. Take a list of it before you change the database in a loop."""
        return self._records[cls]

    def where(self, cls: str, /, **fields: Any) -> list[str]:
        """References of the objects whose fields have these values."""
        return [ref for ref, record in self._records[cls].items() if all(record.get(name) == value for name, value in fields.items())]

    def by_uuid(self, cls: str, uuid: str) -> str:
        """The reference of the object with this uuid. Raises XapiError UUID_INVALID."""
        ref = self._uuids.get((cls, uuid))
        if ref is None:
            raise XapiError("UUID_INVALID", cls, uuid)
        return ref

    # writing

    def add(self, cls: str, /, ref: str | None = None, **fields: Any) -> str:
        """Make an object and answer its reference. What is not given comes from the schema's defaults; event add.

        Raises KeyError for a field that the stated version does not have, ValueError for a reference that exists.
        """
        ref = ref or new_ref()
        if ref in self._records[cls]:
            raise ValueError(f"{cls} {ref} is already in the database")
        known = self.schema.classes[cls].fields
        unknown = fields.keys() - known.keys()
        if unknown:
            raise KeyError(f"{cls} has no field {', '.join(sorted(unknown))} in version {self.schema.version}")
        record = {name: copy.deepcopy(fields[name]) if name in fields else copy.copy(field.default) for name, field in known.items()}
        record["uuid"] = record.get("uuid") or str(uuid.uuid4())
        self._records[cls][ref] = record
        self._uuids[(cls, record["uuid"])] = ref
        self._version += 1
        self._stamps[cls][ref] = Stamp(self._version, self._version)
        self._deleted.pop((cls, ref), None)
        self._publish("add", cls, ref, record)
        for name, other, many in _OUTWARD.get(cls, ()):
            if name in record:
                self._join(other, record[name], many, ref)
        return ref

    def set(self, cls: str, ref: str, /, **fields: Any) -> None:
        """Change fields of an object; event mod when something really changed.

        Raises XapiError HANDLE_INVALID, KeyError for an unknown field.
        """
        record = self.get(cls, ref)
        changed = {}
        for name, value in fields.items():
            if name not in record:
                raise KeyError(f"{cls} has no field {name} in version {self.schema.version}")
            if record[name] != value:
                changed[name] = (record[name], copy.deepcopy(value))
        if not changed:
            return
        if "uuid" in changed:
            self._uuids.pop((cls, record["uuid"]), None)
            self._uuids[(cls, changed["uuid"][1])] = ref
        record.update((name, new) for name, (_unused, new) in changed.items())
        self._touch(cls, ref)
        relations = [relation for relation in _OUTWARD.get(cls, ()) if relation[0] in record]
        for name, other, many in relations:
            if name in changed:
                old, new = changed[name]
                self._leave(other, old, many, ref)
                self._join(other, new, many, ref)
        if any(name in changed for name, _unused, _unused in relations):
            self._rejoin(cls, ref, {name for name, _unused, _unused in relations if name not in changed})

    def remove(self, cls: str, ref: str) -> None:
        """Delete an object; event del. Sets of other objects lose it, single references of kept relations to it become NULL.

        Any other reference to it stays as it is, dead, as in xapi. Raises XapiError HANDLE_INVALID.
        """
        record = self.get(cls, ref)
        for name, other, many in _OUTWARD.get(cls, ()):
            if name in record:
                self._leave(other, record[name], many, ref)
        for many, other, name in _INWARD.get(cls, ()):
            for pointing in list(record.get(many, ())):
                theirs = self._records[other].get(pointing)
                if theirs is not None and theirs.get(name) == ref:
                    theirs[name] = NULL
                    self._touch(other, pointing)
                    self._rejoin(other, pointing, {field for field, _unused, _unused in _OUTWARD.get(other, ()) if field != name})
        del self._records[cls][ref]
        self._uuids.pop((cls, record["uuid"]), None)
        self._version += 1
        stamp = self._stamps[cls].pop(ref)
        stamp.deleted = self._version
        self._deleted[(cls, ref)] = stamp
        self._forget_deleted(cls, ref)
        self._publish("del", cls, ref, record)

    # what happened

    def version(self) -> int:
        """The number of the last change."""
        return self._version

    def stamp(self, cls: str, ref: str) -> Stamp:
        """When a living object was made and last changed."""
        return self._stamps[cls][ref]

    def touched(self, after: int) -> Iterable[tuple[str, str]]:
        """(class, reference) of every object that was made, changed or deleted after a change: some more than once, in no order."""
        late = self._version - after
        if late <= len(self._log):
            return islice(reversed(self._log), late)
        living = ((cls, ref) for cls, records in self._records.items() for ref in records)
        return chain(living, self._deleted)

    def deleted(self, cls: str, ref: str) -> Stamp | None:
        """The stamp of an object that was deleted."""
        return self._deleted.get((cls, ref))

    @property
    def tombstones(self) -> int:
        """How many deleted objects are remembered."""
        return len(self._deleted)

    async def changed(self, after: int) -> None:
        """Wait until there is a change later than number `after`."""
        while self._version <= after:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    def touch(self, cls: str, ref: str) -> None:
        """A mod event without a difference: xapi writes some rows although nothing in them changes."""
        self.get(cls, ref)
        self._touch(cls, ref)

    # inside

    def _touch(self, cls: str, ref: str) -> None:
        self._version += 1
        self._stamps[cls][ref].modified = self._version
        self._publish("mod", cls, ref, self._records[cls][ref])

    def _join(self, other: str, target: str, many: str, ref: str) -> None:
        record = self._records[other].get(target)
        if record is not None and many in record and ref not in record[many]:
            record[many] = [ref, *record[many]]  # xapi lists the newest first (recorded: Bond.slaves)
            self._touch(other, target)

    def _leave(self, other: str, target: str, many: str, ref: str) -> None:
        record = self._records[other].get(target)
        if record is not None and ref in record.get(many, ()):
            record[many] = [kept for kept in record[many] if kept != ref]
            self._touch(other, target)

    def _rejoin(self, cls: str, ref: str, names: Set[str]) -> None:
        """When one relation of a row changes, xapi's database makes its others again: those rows are touched too (recorded)."""
        record = self._records[cls][ref]
        for name, other, many in _OUTWARD.get(cls, ()):
            target = self._records[other].get(record.get(name, NULL)) if name in names else None
            if target is not None and ref in target.get(many, ()):
                target[many] = [ref, *(kept for kept in target[many] if kept != ref)]
                self._touch(other, record[name])

    def _forget_deleted(self, cls: str, ref: str) -> None:
        order = self._graves.setdefault(cls, deque())
        order.append(ref)
        if len(order) > MOST_DELETED:
            while len(order) > KEPT_DELETED:
                self._deleted.pop((cls, order.popleft()), None)

    def _publish(self, operation: str, cls: str, ref: str, record: dict[str, Any]) -> None:
        self._log.append((cls, ref))
        if self.observers:
            change = Change(self._version, operation, cls, ref, dict(record), self._now())
            for observer in tuple(self.observers):
                observer(change)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


def new_ref() -> str:
    """A new reference."""
    return f"OpaqueRef:{uuid.uuid4()}"
