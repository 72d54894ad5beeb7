# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What calls and rules work on: the state of a pool, and of each of its hosts. How a host lives is not in here (`HostLife`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol, TypeVar

from xapi_twin.database import Database
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Schema
from xapi_twin.dom0.model import Backend, Dom0
from xapi_twin.faults import Crashed, Faults
from xapi_twin.rpc.encode import Writer
from xapi_twin.xapi.between import Between
from xapi_twin.xapi.events import EventQueue
from xapi_twin.xapi.journal import Journal

T = TypeVar("T")

READY_COOKIE = "/var/run/xapi_startup.cookie"
COMPLETE_COOKIE = "/var/run/xapi_init_complete.cookie"

_YIELDS = 3  # turns of the loop that let everybody who waits for a change see it before the next one


class HostLife(Protocol):
    """What may be asked of a host's life, by a call or in its dom0."""

    async def start_xapi(self) -> None:
        """`service xapi start`."""

    async def stop_service(self) -> None:
        """`service xapi stop`."""

    async def restart_service(self) -> None:
        """`service xapi restart`."""

    async def restart_toolstack(self) -> None:
        """`xe-toolstack-restart`."""

    async def recover(self) -> None:
        """Out of emergency mode: xapi starts again, with the master."""

    def restart_agent_later(self) -> None:
        """host.restart_agent: the call answers, then the toolstack restarts."""

    def switch_off_later(self, again: bool) -> None:
        """host.shutdown, host.reboot: the call answers, then the host goes; `again`: and comes back."""

    def crash(self, come_back: float | None = None) -> None:
        """xapi dies on the spot."""

    async def power_off(self) -> None:
        """The host loses its power."""

    async def power_on(self) -> None:
        """The host boots, and its xapi starts."""

    def start_soon(self, coroutine: Awaitable[None]) -> None:
        """Do something in the background that ends with the host."""


class Calls(Protocol):
    """Carries out calls (`Dispatcher`). All raise XapiError, and ConnectionDropped when there is to be no reply."""

    async def call(self, at: str, method: str, arguments: Sequence[Any]) -> Any:
        """As it comes over the wire to host `at`."""

    async def internal(self, method: str, *arguments: Any, session: str = "", at: str = "") -> Any:
        """As root, from inside the pool."""

    def open_session(self, originator: str, user: str = "root") -> str:
        """A new session of the pool, as after a login."""


class Membership(Protocol):
    """What may be asked of the pools around this one. Records are the caller's; hosts move after the call has answered."""

    def host_at(self, name: str) -> HostState | None:
        """The host, in whatever pool, that has this address or hostname."""

    def join(self, pool: XapiState, ref: str) -> None:
        """The one host of this pool goes to that one, where `ref` is its record."""

    def eject(self, ref: str) -> None:
        """A member goes, and becomes a pool of its own."""

    def change_master(self, ref: str) -> None:
        """Another host becomes the master."""


class HostState:
    """One host of the pool, as calls, rules and its dom0 see it.

    `xapi` is running, starting, stopped or emergency; `refusal` is what it answers to every call meanwhile. `ref` is its reference, `name`
    its hostname. `plugged`: called with a PIF that went up or down.
    """

    life: HostLife

    def __init__(self, pool: XapiState, ref: str, backend: Backend) -> None:
        record = pool.database.get("host", ref)
        self.pool = pool
        self.ref = ref
        self.name: str = record["hostname"] or record["name_label"]
        self.uuid: str = record["uuid"]
        self.backend = backend
        self.xapi = "running"
        self.xapi_pid = 4242  # another one each time that it starts
        self.refusal: XapiError | None = None
        self.management_bridge = ""
        self.init_complete = asyncio.Event()
        self.init_complete.set()
        self.reachable = asyncio.Event()  # its xapi takes work from the master
        self.reachable.set()
        self.work: set[asyncio.Task[Any]] = set()  # that the master has handed over
        self.plug_lock = asyncio.Lock()
        self.bond_lock = asyncio.Lock()
        self.enables_itself = True  # at a start of xapi; host.disable can forbid it (its auto_enable, late versions)
        self.plugged: list[Callable[[str], None]] = []

    @property
    def dom0(self) -> Dom0:
        return self.backend.dom0

    @property
    def is_master(self) -> bool:
        return self.ref == self.pool.master

    @property
    def powered(self) -> bool:
        return self.dom0.powered

    @property
    def record(self) -> dict[str, Any]:
        """The host's record, live: read only."""
        return self.pool.database.get("host", self.ref)

    def pifs(self) -> list[str]:
        """References of its PIFs, oldest first."""
        return list(reversed(self.record["PIFs"]))

    def log(self, level: str, module: str, text: str, task: str = "") -> None:
        """A line of /var/log/xensource.log."""
        now = self.pool.now()
        stamp = f"{now:%b} {now.day:2d} {now:%H:%M:%S}"
        self.dom0.log.append(f"{stamp} {self.name} xapi: [{level}||0 |{task}|{module}] {text}")
        del self.dom0.log[:-5000]

    async def carry_out(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work at this host. It ends when this host's xapi ends, whoever waits for it.

        Raises Crashed when xapi stopped meanwhile.
        """
        task: asyncio.Task[T] = asyncio.ensure_future(_await(work))
        self.work.add(task)
        task.add_done_callback(self.work.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Crashed(self.ref) from None
            # Whoever waited is gone; a failure of the work has then nobody to hear of it.
            task.add_done_callback(retrieve)
            raise

    def attached_changed(self, pif: str) -> None:
        """A PIF went up or down."""
        for tell in self.plugged:
            tell(pif)


class XapiState:
    """One pool, as its xapis know it.

    `hosts` are by reference, the master first. `scale`: how long a recorded second takes here. `passwords`: of the users that may log in.
    `local_sessions` of members are not in the database: session -> host. `calls` carries out calls.
    """

    calls: Calls

    def __init__(
        self,
        schema: Schema,
        faults: Faults,
        *,
        scale: float = 1.0,
        user: str = "root",
        password: str = "",
        network_backend: str = "openvswitch",
        bridge_counter: int = 0,
        hold_states: float = 0.0,
    ) -> None:
        self.clock = asyncio.get_running_loop().time
        self._began, self._clock_began = datetime.now(timezone.utc), self.clock()  # one clock for durations and times of day
        self.schema = schema
        self.faults = faults
        self.scale = scale
        self.user = user
        self.passwords = {user: password}
        self.network_backend = network_backend
        self.bridge_counter = bridge_counter
        self.database = Database(schema, self.now)
        self.between = Between(self.database, hold_states)
        self.events = EventQueue(self.database)
        self.journal = Journal(self.clock)
        self.writer = Writer(schema)
        self.local_sessions: dict[str, str] = {}
        self.hosts: dict[str, HostState] = {}
        self.membership: Membership | None = None  # None: there is no other pool
        self.certificate = ""  # PEM, once the ports are open
        self.row_key: Callable[[str], str] = lambda ref: ref  # by what `rows` sorts; a replay has other references than its recording

    @property
    def master_host(self) -> HostState:
        return self.hosts[self.master]

    @property
    def ref(self) -> str:
        """The reference of the pool."""
        return next(iter(self.database.all("pool")))

    @property
    def record(self) -> dict[str, Any]:
        """The pool's record, live: read only."""
        return self.database.get("pool", self.ref)

    @property
    def master(self) -> str:
        """The reference of the pool's master."""
        master: str = self.record["master"]
        return master

    @property
    def ha_enabled(self) -> bool:
        return bool(self.record.get("ha_enabled", False))

    def find_host(self, name: str) -> HostState | None:
        """A host by name, reference or uuid, or None."""
        if name in self.hosts:
            return self.hosts[name]
        for host in self.hosts.values():
            if name in (host.name, host.uuid) or name == host.record["name_label"]:
                return host
        return None

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return self._began + timedelta(seconds=self.clock() - self._clock_began)

    async def pause(self, seconds: float) -> None:
        """Let recorded seconds pass, scaled; at least long enough for everybody to see what was done before."""
        if self.scale > 0:
            await asyncio.sleep(seconds * self.scale)
            await self.between.hold()
        else:
            await self.yield_()

    def rows(self, refs: Iterable[str]) -> list[str]:
        """In the order in which xapi's database gives the rows that it has searched for: by reference, backwards (db_cache_impl.ml)."""
        return sorted(refs, key=self.row_key, reverse=True)

    async def write(self, cls: str, ref: str, /, **fields: Any) -> None:
        """Set fields one after the other, as xapi's code does: each is a state of its own (recorded on v25.33, which has no batches)."""
        for name, value in fields.items():
            if self.database.get(cls, ref)[name] != value:
                self.database.set(cls, ref, **{name: value})
                await self.yield_()

    async def yield_(self) -> None:
        """Let those who wait for a change see the one that was just made, before the next."""
        for _dummy in range(_YIELDS):
            await asyncio.sleep(0)
        await self.between.hold()


async def _await(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def retrieve(task: asyncio.Task[Any]) -> None:
    """The failure of a task that nobody waits for is no news for asyncio."""
    if not task.cancelled():
        task.exception()
