# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin: one pool, played in one event loop."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xapi_twin.database import Database
from xapi_twin.datamodel.schema import RELATIONS, Schema
from xapi_twin.dom0.model import Backend, Dom0, MemoryBackend, Nic
from xapi_twin.faults import Faults
from xapi_twin.scenario.model import RECORDED_RESTART_SECONDS, Scenario
from xapi_twin.twin.host import Host
from xapi_twin.xapi.between import Between
from xapi_twin.xapi.dispatcher import Dispatcher
from xapi_twin.xapi.journal import Journal

if TYPE_CHECKING:
    from types import TracebackType

    from xapi_twin.server.control import Control
    from xapi_twin.server.http import Server
    from xapi_twin.ssh import SshServer

# Makes the backend of a dom0; hosts are told apart by its hostname.
MakeBackend = Callable[[Dom0], Backend]

_YIELDS = 3  # turns of the loop that let everybody who waits for a change see it before the next one


class Twin:
    """A pool that runs. Start one with ``await Twin.start(scenario)`` or ``async with``; from synchronous code use `RunningTwin`.

    `hosts` are by reference, the master first. `scale`: how long the recorded seconds of a restart take here.
    """

    def __init__(self, scenario: Scenario, workdir: Path, tls: bool, make_backend: MakeBackend | None = None) -> None:
        self.scenario = scenario
        self.workdir = workdir
        self.tls = tls
        self.clock = asyncio.get_running_loop().time
        self._began, self._clock_began = datetime.now(timezone.utc), self.clock()  # one clock for durations and times of day
        self.scale = scenario.restart_seconds / RECORDED_RESTART_SECONDS
        self._make_backend = make_backend or (lambda dom0: MemoryBackend(dom0, self.scale, scenario.slow_links))
        self.schema = Schema.load(scenario.version)
        self.database = Database(self.schema, self.now)
        self.between = Between(self.database, scenario.hold_states)
        self.bridge_counter = scenario.bridge_counter
        self.hosts: dict[str, Host] = {}
        self.journal = Journal(self.clock)
        self.faults = Faults(self)
        self.dispatcher = Dispatcher(self)
        self.server: Server | None = None
        self.ssh: SshServer | None = None
        self.control: Control | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    async def start(
        cls,
        scenario: Scenario,
        *,
        tls: bool = True,
        ssh: bool = True,
        serve: bool = True,
        workdir: Path | None = None,
        make_backend: MakeBackend | None = None,
    ) -> Twin:
        """Make the pool and open its ports on 127.0.0.1.

        `make_backend` makes the backend of one dom0 (default: one that only paints). `serve` False opens none at all (for tests of
        rules); `workdir` gets the certificate, the SSH key and the control socket (default: a temporary directory that goes
        with the twin). Raises FaultPlanError for a fault plan that cannot be.
        """
        temporary = None
        if workdir is None:
            temporary = tempfile.TemporaryDirectory(prefix="xapi-twin-")
            workdir = Path(temporary.name)
        workdir.mkdir(parents=True, exist_ok=True)
        twin = cls(scenario, workdir, tls, make_backend)
        twin._temporary = temporary
        try:
            await twin._make()
            if serve:
                await twin._serve(ssh)
        except BaseException:
            await twin.stop()
            raise
        return twin

    async def stop(self) -> None:
        """Close the ports and end everything that was going on."""
        if self.control is not None:
            await self.control.stop()
        self.dispatcher.abandon()
        if self.ssh is not None:
            await self.ssh.stop()
        if self.server is not None:
            await self.server.stop()
        for host in self.hosts.values():
            await host.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def __aenter__(self) -> Twin:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def pool_ref(self) -> str:
        return next(iter(self.database.all("pool")))

    @property
    def pool(self) -> dict[str, Any]:
        """The pool's record, live: read only."""
        return self.database.get("pool", self.pool_ref)

    @property
    def master(self) -> str:
        """The reference of the pool's master."""
        master: str = self.pool["master"]
        return master

    @property
    def master_host(self) -> Host:
        return self.hosts[self.master]

    def host(self, name: str) -> Host:
        """A host by name, reference or uuid. Raises KeyError."""
        found = self.find_host(name)
        if found is None:
            raise KeyError(f"no host of this pool is called '{name}'")
        return found

    def find_host(self, name: str) -> Host | None:
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

    async def yield_(self) -> None:
        """Let those who wait for a change see the one that was just made, before the next."""
        for _dummy in range(_YIELDS):
            await asyncio.sleep(0)
        await self.between.hold()

    def set_link_seconds(self, seconds: float) -> None:
        """How long the link of a NIC is away when the NIC has been taken down and up."""
        for host in self.hosts.values():
            if isinstance(host.backend, MemoryBackend):
                host.backend.link_seconds = seconds

    @property
    def endpoints(self) -> dict[str, Any]:
        """Where everything is, for people and programs: what `xapi-twin run --endpoints FILE` writes."""
        hosts: dict[str, Any] = {}
        for ref, host in self.hosts.items():
            hosts[host.name] = {
                "master": ref == self.master,
                "uuid": host.uuid,
                "xapi": self.server.urls[ref] if self.server else "",
                "address": host.record["address"],
            }
            if self.ssh is not None:
                hosts[host.name]["ssh"] = self.ssh.endpoint(host)
        certificate = self.server.certificate if self.server else None
        return {
            "pool": self.pool["name_label"] or self.scenario.pool,
            "hosts": hosts,
            "user": self.scenario.user,
            "password": self.scenario.password,
            "ca": str(certificate) if certificate else "",
            "control": str(self.control.path) if self.control else "",
        }

    def state(self) -> dict[str, Any]:
        """The pool as plain data: records by class and reference, dom0 and life of each host."""
        records = {cls: {ref: dict(record) for ref, record in self.database.all(cls).items()} for cls in self.schema.classes}
        hosts = {
            host.name: {
                "xapi": host.xapi,
                "powered": host.powered,
                "init_complete": host.init_complete.is_set(),
                "dom0": host.dom0.facts(),
            }
            for host in self.hosts.values()
        }
        return {"records": records, "hosts": hosts}

    # inside

    async def _make(self) -> None:
        self._fill()
        formats = self.scenario.formats
        refs = sorted(self.database.all("host"), key=lambda ref: ref != self.master)
        for ref in refs:
            described = self.scenario.dom0.get(ref)
            record = self.database.get("host", ref)
            dom0 = Dom0(
                hostname=(described.hostname if described else "") or record["hostname"],
                network_backend=self.scenario.backend,
                ovs_version=formats.ovs,
                nics={
                    nic.name: Nic(
                        device=nic.name,
                        mac=nic.mac.lower(),
                        carrier=nic.carrier,
                        speed=nic.speed,
                        duplex=nic.duplex,
                        pci_bus_path=nic.pci or "N/A",
                        present=nic.present,
                    )
                    for nic in (described.nics if described else ())
                },
            )
            self.hosts[ref] = Host(self, ref, self._make_backend(dom0))
        for host in self.hosts.values():
            await host.paint()
        for entry in self.scenario.faults:
            self.faults.add(entry)

    def _fill(self) -> None:
        """The scenario's records into the database: first the objects, then what binds them."""
        bound: list[tuple[str, str, dict[str, Any]]] = []
        for cls, records in self.scenario.records.items():
            if cls not in self.schema.classes:
                continue
            known = self.schema.fields(cls)
            for ref, record in records.items():
                fields = {name: value for name, value in record.items() if name in known}
                later = {name: fields.pop(name) for name in list(fields) if (cls, name) in RELATIONS}
                self.database.add(cls, ref, **fields)
                if later:
                    bound.append((cls, ref, later))
        for cls, ref, later in bound:
            self.database.set(cls, ref, **later)

    async def _serve(self, ssh: bool) -> None:
        from xapi_twin.server.control import Control
        from xapi_twin.server.http import Server

        self.server = Server(tls=self.tls)
        await self.server.start(self)
        if ssh:
            from xapi_twin.ssh import SshServer

            self.ssh = SshServer()
            await self.ssh.start(self)
        self.control = Control(self)
        await self.control.start()
