# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin: one pool, played in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from xapi_twin.datamodel.schema import RELATIONS, Schema
from xapi_twin.dom0.memory import MemoryBackend
from xapi_twin.dom0.model import Backend, Dom0, Nic
from xapi_twin.faults import Faults
from xapi_twin.scenario.model import RECORDED_RESTART_SECONDS, Scenario
from xapi_twin.shell import machine
from xapi_twin.twin.host import Host
from xapi_twin.twin.moving import Moving
from xapi_twin.xapi.dispatcher import Dispatcher
from xapi_twin.xapi.state import XapiState

# Makes the backend of a dom0; hosts are told apart by its hostname.
MakeBackend = Callable[[Dom0], Backend]


class Twin:
    """A pool that runs. Start one with ``await Twin.start(scenario)`` or ``async with``; its ports are opened by `Serving`.

    `pool` is what calls and rules see of it, `hosts` are by reference, the master first.
    """

    def __init__(self, scenario: Scenario, make_backend: MakeBackend | None = None, main: Twin | None = None) -> None:
        self.scenario = scenario
        self.spares: list[Twin] = []  # hosts without a pool, each the master of its own; they may join
        self.scale = scenario.restart_seconds / RECORDED_RESTART_SECONDS
        self._make_backend = make_backend or (lambda dom0: MemoryBackend(dom0, self.scale, scenario.slow_links))
        self.schema = Schema.load(scenario.version)
        self.faults = Faults(self)
        self.pool = XapiState(
            self.schema,
            self.faults,
            scale=self.scale,
            user=scenario.user,
            password=scenario.password,
            network_backend=scenario.backend,
            bridge_counter=scenario.bridge_counter,
            hold_states=scenario.hold_states,
        )
        self.database, self.journal, self.between = self.pool.database, self.pool.journal, self.pool.between
        self.clock, self.now, self.pause = self.pool.clock, self.pool.now, self.pool.pause
        self.dispatcher = Dispatcher(self.pool)
        self.hosts: dict[str, Host] = {}
        self.main = main or self  # the pool of the scenario
        self.pool.membership = Moving(self.main, self)

    @classmethod
    async def start(cls, scenario: Scenario, *, make_backend: MakeBackend | None = None) -> Twin:
        """Make the pool. `make_backend` makes the backend of one dom0 (default: one that is in memory alone).

        Raises FaultPlanError for a fault plan that cannot be.
        """
        twin = cls(scenario, make_backend)
        try:
            await twin._make()
            for spare in scenario.spares:
                await twin.add_spare(spare, make_backend)
        except BaseException:
            await twin.stop()
            raise
        return twin

    async def stop(self) -> None:
        """End everything that was going on."""
        self.dispatcher.abandon()
        for host in self.hosts.values():
            await host.close()
        for spare in self.spares:
            await spare.stop()

    async def __aenter__(self) -> Twin:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def master(self) -> str:
        """The reference of the pool's master."""
        return self.pool.master

    @property
    def master_host(self) -> Host:
        return self.hosts[self.master]

    def host(self, name: str) -> Host:
        """A host by name, reference or uuid, in this pool or in none. Raises KeyError."""
        found = self.find_host(name)
        if found is None:
            raise KeyError(f"no host of this pool is called '{name}'")
        return found

    def find_host(self, name: str) -> Host | None:
        """A host by name, reference or uuid, or None."""
        for twin in self.all_pools():
            found = twin.pool.find_host(name)
            if found is not None:
                return twin.hosts[found.ref]
        return None

    # hosts that come and go

    def all_pools(self) -> tuple[Twin, ...]:
        """This pool, and those of the hosts that are in none."""
        return (self, *self.spares)

    def all_hosts(self) -> list[Host]:
        """Of all these pools."""
        return [host for twin in self.all_pools() for host in twin.hosts.values()]

    async def add_spare(self, scenario: Scenario, make_backend: MakeBackend | None = None) -> Twin:
        """A host more that is in no pool."""
        spare = Twin(scenario, make_backend, main=self)
        self.spares.append(spare)
        await spare._make()
        return spare

    def add_host(self, ref: str, backend: Backend) -> Host:
        """A host whose record is there already."""
        host = Host(self.pool, ref, backend, self.dispatcher, self.scenario.ha_fences)
        host.machine = machine(host, self.scenario.formats)
        self.hosts[ref] = self.pool.hosts[ref] = host
        return host

    def forget(self, host: Host) -> None:
        """The host is not there any more, nor the pool that it was alone in."""
        for twin in self.all_pools():
            if twin.hosts.get(host.ref) is host:
                del twin.hosts[host.ref], twin.pool.hosts[host.ref]
        self.spares = [spare for spare in self.spares if spare.hosts]

    def management_pif(self, host: str) -> dict[str, Any]:
        """The record of a host's management PIF."""
        pifs = [self.database.get("PIF", ref) for ref in self.hosts[host].pifs()]
        return next((pif for pif in pifs if pif["management"]), pifs[0])

    # what faults strike

    def find(self, name: str) -> str | None:
        found = self.pool.find_host(name)
        return None if found is None else found.ref

    def crash(self, host: str, come_back: float | None = None) -> None:
        self.hosts[host].crash(come_back)

    def lose_task(self, name: str) -> None:
        for task in self.database.where("task", name_label=name, status="pending")[-1:]:
            self.database.remove("task", task)

    async def cut_ssh(self, host: str) -> None:
        for port in self.hosts[host].dom0_ports:
            await port.refuse(host)
            await port.accept(host)

    def set_link_seconds(self, seconds: float) -> None:
        """How long the link of a NIC is away when the NIC has been taken down and up."""
        for host in self.all_hosts():
            if isinstance(host.backend, MemoryBackend):
                host.backend.link_seconds = seconds

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
            for host in self.all_hosts()
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
                        port=nic.port,
                    )
                    for nic in (described.nics if described else ())
                },
            )
            self.add_host(ref, self._make_backend(dom0))
        for host in self.hosts.values():
            await host.configure_attached()
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
