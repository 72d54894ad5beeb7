# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are told of changes: the batches of event.from, and the queue of the old event.register and event.next.

event.from tells what became of each object since a token, not each step on the way. The queue of event.next keeps every step, from the
time of the first registration on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xapi_twin.database import Change, Database
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Schema
from xapi_twin.rpc.values import Event, EventBatch

# Classes whose objects are in the database and make no events (datamodel.ml: gen_events false).
SILENT = frozenset({"session"})
GATHERING = 0.05  # seconds, see Pace

# Classes that have no messages, and rows of which event.from counts nevertheless.
_WITHOUT_MESSAGES = ("vdi_nbd_server_info", "data_source", "probe_result", "sr_stat")


@dataclass(frozen=True)
class Subscriptions:
    """What event.register and event.from take: classes in any case, "*", or one object ("pif/OpaqueRef:…")."""

    everything: bool
    classes: frozenset[str]
    objects: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Subscriptions:
        pairs = [text.split("/", 1) for text in texts]
        return cls(
            "*" in texts,
            frozenset(pair[0].lower() for pair in pairs if len(pair) == 1),
            frozenset((pair[0].lower(), pair[1]) for pair in pairs if len(pair) == 2),
        )

    @property
    def tasks_only(self) -> bool:
        """Whether nothing but tasks is asked for."""
        return not self.everything and self.classes | {cls for cls, _ref in self.objects} <= {"task"}

    def match(self, cls: str, ref: str) -> bool:
        if cls in SILENT:
            return False
        lower = cls.lower()
        return self.everything or lower in self.classes or (lower, ref) in self.objects


def collect(
    database: Database, subscriptions: Subscriptions, after: int, after_message: int, examined: int = 0
) -> tuple[list[Event], int, int]:
    """What became of the subscribed objects since two numbers of changes; the numbers to go on from.

    `examined`: a number of a change up to which there was nothing to tell.

    xapi's order: messages, then what is new, then what changed, then what is gone, each by class and reference. Messages are no rows of
    xapi's database: their events have the id 0 and a number of their own in the token.
    """
    order = _class_order(database.schema)
    news: list[Event] = []
    changes: list[Event] = []
    gone: list[Event] = []
    messages: list[Event] = []
    last, last_message = after, after_message
    with_messages = subscriptions.match("message", "")
    since = max(min(after, after_message) if with_messages else after, examined)
    touched = {item for item in database.touched(since) if subscriptions.match(*item)}
    for cls, ref in sorted(touched, key=lambda item: (order[item[0]], item[1])):
        message = cls == "message"
        since = after_message if message else after
        record = database.find(cls, ref)
        if record is not None:
            stamp = database.stamp(cls, ref)
            if stamp.modified <= since:
                continue
            number = stamp.modified
            new = stamp.created > since
            kind, id_, into = ("add", stamp.created, news) if new else ("mod", stamp.modified, changes)
            # As it is now: by the time that it is written out, it may name objects that no event has announced.
            event = Event(0 if message else id_, "0.0", cls, kind, ref, dict(record), stamp.modified)
            (messages if message else into).append(event)
        else:
            ended = database.deleted(cls, ref)
            if ended is None or ended.deleted <= since:
                continue
            number = ended.deleted
            if since:  # with a token also what is made and destroyed since; without one the client knows nothing that could go
                event = Event(0 if message else number, "0.0", cls, "del", ref, None, number)
                (messages if message else gone).append(event)
        if not message:
            last = max(last, number)
    if with_messages:
        last_message = database.version()
    return [*messages, *news, *changes, *gone], last, last_message


@dataclass(frozen=True)
class Pace:
    """How long event.from lets changes gather, in seconds: before it looks first, and after each change that comes while it waits. The
    latter begins with `again` and doubles up to `most`.
    """

    before: float
    again: float
    most: float

    @classmethod
    def of(cls, schema: Schema, subscriptions: Subscriptions) -> Pace:
        """xapi_event.ml and xapi_globs.ml of the releases; who asks for single tasks only is never kept waiting before the first look."""
        if schema.at_least("26.10"):
            return cls(0.0 if subscriptions.tasks_only else GATHERING, GATHERING / 8, GATHERING)
        if schema.at_least("25.5"):
            return cls(0.0, GATHERING / 8, GATHERING)
        return cls(0.0, GATHERING, GATHERING)


async def batch(
    database: Database,
    subscriptions: Subscriptions,
    token: tuple[int, int],
    timeout: float,
    alive: Callable[[], None],
    scale: float = 0.0,
) -> EventBatch:
    """Wait until there is something to tell or the time is out. `alive` raises when the session has ended. `scale`: see Pool."""
    deadline = asyncio.get_running_loop().time() + timeout
    pace = Pace.of(database.schema, subscriptions)
    pause = pace.again
    await asyncio.sleep(pace.before * scale)
    after, after_message = token
    version = 0
    while True:
        alive()
        examined, version = version, database.version()
        events, after, after_message = collect(database, subscriptions, after, after_message, examined)
        left = deadline - asyncio.get_running_loop().time()
        if events or left <= 0:
            counts = {
                # messages are files, not rows
                name.lower(): len(database.all(name)) if name in database.schema.classes and name != "message" else 0
                for name in _class_order(database.schema)
            }
            return EventBatch(tuple(events), f"{after:020d},{after_message:020d}", counts)
        try:
            await asyncio.wait_for(database.changed(version), left)
        except asyncio.TimeoutError:
            continue
        await asyncio.sleep(pause * scale)
        pause = min(2 * pause, pace.most)


def _class_order(schema: Schema) -> dict[str, int]:
    """The place of each class in xapi's data model."""
    order = _ORDERS.get(schema.methods)
    if order is None:
        order = {}
        for method in schema.methods:
            order.setdefault(method.partition(".")[0], len(order))
        for name in (*_WITHOUT_MESSAGES, *schema.classes):
            order.setdefault(name, len(order))
        _ORDERS[schema.methods] = order
    return order


_ORDERS: dict[tuple[str, ...], dict[str, int]] = {}


@dataclass
class _Registration:
    classes: list[str] = field(default_factory=list)
    next_id: int = 0


class EventQueue:
    """event.register, event.unregister, event.next of all sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registrations: dict[str, _Registration] = {}
        self._queue: list[Event] = []
        self._first = 0  # the id of the first event in the queue
        database.observers.append(self._observe)

    @property
    def current_id(self) -> int:
        """The id of the next event."""
        return self._first + len(self._queue)

    def register(self, session: str, classes: Sequence[str]) -> None:
        registration = self._registrations.setdefault(session, _Registration(next_id=self.current_id))
        registration.classes.extend(classes)

    def unregister(self, session: str, classes: Sequence[str]) -> None:
        registration = self._registrations.setdefault(session, _Registration(next_id=self.current_id))
        registration.classes = [kept for kept in registration.classes if kept not in classes]

    def registered(self, session: str) -> bool:
        return session in self._registrations

    def forget(self, session: str) -> None:
        """The session has ended."""
        self._registrations.pop(session, None)

    def forget_all(self) -> None:
        self._registrations.clear()
        self._first = self.current_id
        self._queue.clear()

    async def next(self, session: str) -> tuple[Event, ...]:
        """Wait for events of the session's classes. Raises XapiError SESSION_INVALID when it ends meanwhile."""
        while True:
            registration = self._registrations.get(session)
            if registration is None:
                raise XapiError("SESSION_INVALID", session)
            version = self._database.version()
            wanted = Subscriptions.of(registration.classes)
            found = tuple(
                event for event in self._queue[max(registration.next_id - self._first, 0) :] if wanted.match(event.cls, event.ref)
            )
            registration.next_id = self.current_id
            if found:
                return found
            await self._database.changed(version)

    def _observe(self, change: Change) -> None:
        if not any(Subscriptions.of(item.classes).match(change.cls, change.ref) for item in self._registrations.values()):
            return
        timestamp = f"{int(change.time.timestamp())}."
        snapshot = None if change.operation == "del" else change.snapshot
        self._queue.append(Event(self.current_id, timestamp, change.cls, change.operation, change.ref, snapshot, -change.version))
        if len(self._queue) > _LONGEST:
            del self._queue[: _LONGEST // 2]
            self._first += _LONGEST // 2


_LONGEST = 10000
