# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that move between pools with what they are made of: dom0 and ports stay, xapi starts again in its new role."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from xapi_twin.dom0.model import Backend, Dom0
from xapi_twin.scenario.alone import after_leaving
from xapi_twin.scenario.model import Nic, Scenario
from xapi_twin.twin.host import AGENT_DELAY, BOOT_SECONDS, Host
from xapi_twin.xapi.state import HostState, XapiState


class Pool(Protocol):
    """A pool that runs, as far as hosts come to it and go."""

    scenario: Scenario
    pool: XapiState
    hosts: dict[str, Host]

    @property
    def master_host(self) -> Host: ...

    def all_pools(self) -> Sequence[Pool]: ...

    async def add_spare(self, scenario: Scenario, make_backend: Callable[[Dom0], Backend] | None = None) -> Pool: ...

    def add_host(self, ref: str, backend: Backend) -> Host: ...

    def forget(self, host: Host) -> None: ...

    def management_pif(self, host: str) -> dict[str, Any]: ...


class Moving:
    """What calls ask of the pools around their own. `main` is the pool of the scenario; each of its spares is that of one host alone."""

    def __init__(self, main: Pool, own: Pool) -> None:
        self._main = main
        self._own = own

    def host_at(self, name: str) -> HostState | None:
        """The host, in whatever pool, that has this address or hostname."""
        hosts = [host for twin in self._main.all_pools() for host in twin.hosts.values()]
        return next((host for host in hosts if name and name in (host.record["address"], host.record["hostname"])), None)

    def join(self, pool: XapiState, ref: str) -> None:
        """The own host goes to the pool, where its records are already, and starts again as a member of it."""
        (host,) = self._own.hosts.values()
        target = next(twin for twin in self._main.all_pools() if twin.pool is pool)

        async def move() -> None:
            await self._main.pool.pause(AGENT_DELAY)
            await self._leave(host)
            moved = target.add_host(ref, host.backend)
            await _hand_over(host, moved)
            await moved.begin()

        target.master_host.start_soon(move())

    def eject(self, ref: str) -> None:
        """A member's records are gone; it boots as the master of a pool of its own, with its NICs and its management address."""
        host, management = self._own.hosts[ref], dict(self._own.management_pif(ref))
        nics = [Nic(nic.device, nic.mac, nic.carrier, nic.speed, nic.duplex, nic.present) for nic in host.dom0.nics.values()]
        scenario = after_leaving(self._own.scenario, dict(host.record), management, nics)
        host.stop_watching()

        async def move() -> None:
            await self._main.pool.pause(AGENT_DELAY)
            await host.power_off()
            await self._leave(host)
            await self._main.pool.pause(BOOT_SECONDS)
            await host.backend.start()
            spare = await self._main.add_spare(scenario, lambda dom0: host.backend)
            await _hand_over(host, spare.master_host)
            for port in (*spare.master_host.dom0_ports, *spare.master_host.xapi_ports):
                await port.accept(spare.master_host.ref)

        self._own.master_host.start_soon(move())

    def change_master(self, ref: str) -> None:
        """Every xapi of the pool starts again, one of them as the master."""
        twin = self._own

        async def change() -> None:
            await twin.pool.pause(AGENT_DELAY)
            for host in twin.hosts.values():
                await host.stop_xapi()
            twin.pool.database.set("pool", twin.pool.ref, master=ref)
            for host in sorted(twin.hosts.values(), key=lambda host: not host.is_master):
                await host.start_xapi()

        twin.hosts[ref].start_soon(change())

    async def _leave(self, host: Host) -> None:
        """Nothing goes on any more in the host's old role."""
        await host.stop_xapi()
        await host.end()
        self._main.forget(host)


async def _hand_over(old: Host, new: Host) -> None:
    for port in old.xapi_ports:
        port.hand_over(old.ref, new)
        new.xapi_ports.append(port)
    for port in old.dom0_ports:
        port.hand_over(old.ref, new)
        new.dom0_ports.append(port)
    new.machine = old.machine
    new.machine.move(new)
    new.management_bridge = new.management_bridge or old.management_bridge
