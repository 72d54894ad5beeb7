# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one host: its power, its xapi, and everything that a xapi does when it starts.

The order and the durations of a start are those recorded on v26.17 (three runs alike); `XapiState.scale` stretches or squeezes the
durations, never the order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, Protocol

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import Backend, BringUpError, SwitchPort
from xapi_twin.faults import Crashed, Emergency, NeverReturns
from xapi_twin.shell.machine import Machine
from xapi_twin.xapi import host_helpers
from xapi_twin.xapi.dispatcher import Dispatcher
from xapi_twin.xapi.network import links, nm, pbd, pif, sync_networking
from xapi_twin.xapi.state import COMPLETE_COOKIE, READY_COOKIE, HostState, XapiState, retrieve

# Seconds, as recorded, between the steps of a start: see `Host._start_up`.
RESTART_PAUSE = 0.65  # from the end of the old process to the port of the new one
SLAVE_SECONDS = 7.15  # the port answers and nothing else happens
MANAGEMENT_SECONDS = 0.1
BOOTING_SECONDS = 0.07
DATABASE_SECONDS = 0.9
STORAGE_SECONDS = 2.1
BONDS_SECONDS = 0.15
COMPLETE_SECONDS = 0.4
RESTART_DELAY = 0.1
FUSE_SECONDS = 1.0  # from `xe host-shutdown-agent` to the end of the process
TOOLSTACK_SECONDS = 0.8  # the other daemons are stopped before xapi
AGENT_DELAY = 1.0  # host.restart_agent answers first (since v22.24)
BOOT_SECONDS = 30.0
EMERGENCY_AFTER = 60.0  # a member that does not find its master
AHEAD_SECONDS = 60  # so far may the start times of many quick starts run ahead of the clock
HEARTBEAT_SECONDS = 600.0  # then the master takes a silent member for dead


class Port(Protocol):
    """A port that follows a host's life: it takes connections, or refuses them. `host` is a reference."""

    async def accept(self, host: str) -> None: ...

    async def refuse(self, host: str) -> None: ...

    def hand_over(self, host: str, new: Host) -> None:
        """What was behind the host's port is from now on behind it in the name of another one."""


class Host(HostState):
    """One host of the pool, with its life.

    `xapi_ports` are open while its xapi listens, `dom0_ports` while it has power. `ha_fences`: a restart of the toolstack under HA costs
    the host its life.
    """

    machine: Machine  # its dom0, as a shell sees it

    def __init__(self, pool: XapiState, ref: str, backend: Backend, dispatcher: Dispatcher, ha_fences: bool = False) -> None:
        super().__init__(pool, ref, backend)
        self.life = self
        self.xapi_ports: list[Port] = []
        self.dom0_ports: list[Port] = []
        self.dispatcher = dispatcher
        self._ha_fences = ha_fences
        self._links = links.Links(self)
        self.plugged.append(self._links.look_soon)
        self._starting: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._is_lost = False  # a planned fault keeps it from coming back by itself
        self._booting = False  # since the last start of xapi, dom0 was down
        self.stops_cleanly = True  # xe-toolstack-restart stops the service; False: it kills xapi (the pools of the first recordings)
        self.dom0.cookies.update((READY_COOKIE, COMPLETE_COOKIE))

    def start_soon(self, coroutine: Awaitable[None]) -> None:
        """Do something in the background that a stop of the twin ends."""
        task = asyncio.ensure_future(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(retrieve)

    async def restart_service(self) -> None:
        """`service xapi restart`. Returns when the new process runs; what it does then takes its time."""
        await self.stop_service()
        if not self._is_lost:
            await self.start_xapi()

    async def stop_service(self) -> None:
        """`service xapi stop`: the pool is told, then xapi ends."""
        if not self.powered or self.xapi == "stopped":
            return
        await self._shut_down_agent()
        await self.stop_xapi()

    async def restart_xapi(self) -> None:
        """xapi is killed and started again. Nothing of its end shows in the pool's database."""
        await self.stop_xapi()
        if not self._is_lost:
            await self.start_xapi()

    async def stop_xapi(self) -> None:
        """xapi is killed, and stays down."""
        if not self.powered:
            return
        await self._end_xapi()
        await self._stopped()

    async def _shut_down_agent(self) -> None:
        """`xe host-shutdown-agent`, run by the stop script: the host is disabled, and the process ends after a delay (xapi_fuse.ml)."""
        self.dom0.cookies -= {READY_COOKIE, COMPLETE_COOKIE}
        self.init_complete.clear()
        if self.xapi == "running" and self.pool.hosts[self.pool.master].xapi == "running":
            host_helpers.set_enabled(self, False)
            await self.pool.yield_()
            host_helpers.set_operations(self)
            if not self.pool.ha_enabled:
                host_helpers.set_live(self, False)
            await self.pool.pause(FUSE_SECONDS)

    async def start_xapi(self) -> None:
        """`service xapi start`."""
        if not self.powered or self.xapi != "stopped":
            return
        self._is_lost = False
        self.xapi, self.xapi_pid = "starting", self.xapi_pid + 61
        self._starting = asyncio.ensure_future(self._start())
        self._starting.add_done_callback(retrieve)
        await asyncio.sleep(0)

    async def restart_toolstack(self) -> None:
        """`xe-toolstack-restart`. With HA on it may cost the host its life (scenario option ha_fences)."""
        if not self.powered:
            return
        if self._ha_fences and self.pool.ha_enabled:
            await self.power_off()
            self.start_soon(self._boot_later())
            return
        if self.stops_cleanly:
            await self.pool.pause(TOOLSTACK_SECONDS)
            await self.stop_service()
        else:
            await self._end_xapi(keep_cookies=True)
            await self._stopped()
        if not self._is_lost:
            await self.start_xapi()

    def restart_agent_later(self) -> None:
        """host.restart_agent: the call answers, then the toolstack restarts."""

        async def later() -> None:
            await self.pool.pause(AGENT_DELAY)
            await self.restart_toolstack()

        self.start_soon(later())

    def crash(self, come_back: float | None = None) -> None:
        """xapi dies at once. systemd starts it again after `come_back` seconds (default: at once; negative: never)."""

        async def later() -> None:
            await self._end_xapi()
            if come_back is not None and come_back < 0:
                return
            await asyncio.sleep(come_back or 0)
            await self.start_xapi()

        self._forget_process()
        self.start_soon(later())

    async def power_off(self) -> None:
        """The host loses its power."""
        if not self.powered:
            return
        await self._end_xapi()
        await self.backend.stop()
        self.machine.lose_power()
        self.dom0.cookies.clear()
        self._booting = True
        for port in self.dom0_ports:
            await port.refuse(self.ref)

    async def power_on(self) -> None:
        """The host boots, and its xapi starts."""
        if self.powered:
            return
        await self.backend.start()
        for port in self.dom0_ports:
            await port.accept(self.ref)
        await self.start_xapi()

    def switch_off_later(self, again: bool) -> None:
        """host.shutdown, host.reboot: the call answers, then the host goes; `again`: and comes back."""

        async def later() -> None:
            await self.pool.pause(AGENT_DELAY)
            await self.power_off()
            if again:
                await self._boot_later()

        self.start_soon(later())

    async def recover(self) -> None:
        """Out of emergency mode: xapi starts again, with the master."""
        if self.xapi == "emergency":
            await self.restart_xapi()

    def declare_dead(self) -> None:
        """The master has not heard of the host for ten minutes."""
        host_helpers.declare_dead(self)

    async def nic_gone(self, device: str) -> None:
        """A card dies: its device is gone from dom0, its PIF stays."""
        await self.backend.nic_gone(device)

    async def nic_back(self, device: str) -> None:
        await self.backend.nic_back(device)

    async def set_carrier(self, device: str, up: bool) -> None:
        """A cable is pulled or plugged."""
        await self.backend.set_carrier(device, up)

    async def set_port(self, device: str, port: SwitchPort) -> None:
        """A cable goes to another switch port, or its port is set otherwise."""
        await self.backend.set_port(device, port)

    async def close(self) -> None:
        """The twin stops."""
        await self.machine.stop()
        await self.end()
        await self.backend.stop()

    async def begin(self) -> None:
        """The xapi of a host that has just come to its pool starts."""
        self.xapi = "stopped"
        self.reachable.clear()
        self.init_complete.clear()
        self.dom0.cookies -= {READY_COOKIE, COMPLETE_COOKIE}
        await self.start_xapi()

    def stop_watching(self) -> None:
        """Neither its links nor its heartbeat are of interest any more."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._links.stop()

    async def end(self) -> None:
        """Nothing goes on any more in this role of the host; its dom0 stays as it is."""
        self.stop_watching()
        tasks = [*self._background, *self.work, *([self._starting] if self._starting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.backend.when_links_change.clear()

    # inside

    async def _boot_later(self) -> None:
        await self.pool.pause(BOOT_SECONDS)
        await self.power_on()

    def _forget_process(self, keep_cookies: bool = False) -> None:
        """What dies with the process, at once. A restart of the whole toolstack takes the cookies away only later (recorded)."""
        self.xapi = "stopped"
        self.refusal = None
        self.reachable.clear()
        self.init_complete.clear()
        if not keep_cookies:
            self.dom0.cookies.discard(COMPLETE_COOKIE)
        current = asyncio.current_task()
        if self._starting is not None and self._starting is not current:
            self._starting.cancel()
        for task in tuple(self.work):
            if task is not current:
                task.cancel()
        if self.is_master:
            self.pool.bridge_counter = 0  # kept in the process alone: numbers start again, taken names are skipped
            self.dispatcher.abandon()
        else:
            self.dispatcher.abandon_at(self.ref)

    async def _end_xapi(self, keep_cookies: bool = False) -> None:
        self._forget_process(keep_cookies)
        for port in self.xapi_ports:
            await port.refuse(self.ref)
        self._links.stop()
        self._silent()
        await self.pool.yield_()

    def _silent(self) -> None:
        """No heartbeat reaches the master any more."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = None
        if not self.is_master:
            self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self.declare_dead)

    async def _stopped(self) -> None:
        try:
            await self.pool.faults.moment("host.stopped", self.ref)
        except NeverReturns:
            self._is_lost = True
        except (Crashed, Emergency):
            return  # it is down already, and has no mode

    async def _start(self) -> None:
        try:
            await self._start_up()
        except Emergency:
            await self._emergency()
        except NeverReturns:
            self.log("error", "xapi", "the start-up does not go on")
            await asyncio.get_running_loop().create_future()
        except Crashed:
            return
        except (XapiError, BringUpError) as error:
            self.log("error", "xapi", f"Caught exception at toplevel: {error}")
            self.crash(RESTART_DELAY)  # systemd starts it again

    async def _emergency(self) -> None:
        self.xapi = "emergency"
        self.refusal = XapiError("HOST_IN_EMERGENCY_MODE")
        for port in self.xapi_ports:
            await port.accept(self.ref)

    async def _start_up(self) -> None:
        pool = self.pool
        await self._listen()
        early = not pool.schema.at_least("7.0")  # before XenServer 7.0 all of the network came before the ready cookie
        if not early:
            await self._ready()
        await pool.pause(BOOTING_SECONDS)
        self._hello()
        await pool.yield_()
        host_helpers.set_operations(self)
        if not early:
            self.refusal = None
        await pool.pause(DATABASE_SECONDS)
        await self._synchronise_database(self._booting)
        self.reachable.set()
        await pool.faults.moment("host.start.bring_up", self.ref)
        await pif.start_of_day(self)
        self._booting = False
        if early:
            await self._inherit()
            await self._ready()
            self.refusal = None
        await pool.faults.moment("host.start.storage", self.ref)
        await pbd.plug_all(self)
        await pool.pause(STORAGE_SECONDS)
        if self.enables_itself:
            host_helpers.set_enabled(self, True)
            await pool.yield_()
            host_helpers.set_operations(self)
        self.refusal = None
        await pool.faults.moment("host.start.enabled", self.ref)
        await pool.pause(BONDS_SECONDS)
        if not early:
            await self._inherit()
        self._links.start()
        await pool.faults.moment("host.start.complete", self.ref)
        await pool.pause(COMPLETE_SECONDS)
        self.xapi = "running"
        self.dom0.cookies.add(COMPLETE_COOKIE)
        self.init_complete.set()

    async def _listen(self) -> None:
        """The port is open, and a member has found its master."""
        pool = self.pool
        await pool.pause(RESTART_PAUSE)
        await pool.faults.moment("host.start", self.ref)
        self.dom0.cookies -= {READY_COOKIE, COMPLETE_COOKIE}
        if self.is_master:
            self.refusal = XapiError("HOST_STILL_BOOTING")
        for port in self.xapi_ports:
            await port.accept(self.ref)
        await pool.pause(SLAVE_SECONDS)
        if not self.is_master:
            await self._find_master()
            self.refusal = XapiError("HOST_HAS_NO_MANAGEMENT_IP")
            await pool.pause(MANAGEMENT_SECONDS)
            self.refusal = XapiError("HOST_STILL_BOOTING")

    async def _ready(self) -> None:
        self.dom0.cookies.add(READY_COOKIE)
        await self.pool.faults.moment("host.start.ready", self.ref)

    async def _find_master(self) -> None:
        """A member starts with the master's database, and waits for it; after a while in emergency mode."""
        master = self.pool.hosts[self.pool.master]
        if master.powered and master.xapi == "running":
            return
        try:
            await asyncio.wait_for(master.init_complete.wait(), max(self.pool.scale * EMERGENCY_AFTER, 0.05))
        except asyncio.TimeoutError:
            self.xapi = "emergency"
            self.refusal = XapiError("HOST_IN_EMERGENCY_MODE")
            await master.init_complete.wait()  # "pool.recover_slaves", or by itself
            self.xapi = "starting"

    def _hello(self) -> None:
        """pool.hello: the master notes that the host begins again. What it was doing for others is not done any more."""
        database = self.pool.database
        host_helpers.set_enabled(self, False)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if not self.pool.ha_enabled:
            host_helpers.set_live(self, True)
        for ref, task in list(database.all("task").items()):
            if task["resident_on"] != self.ref or task["status"] not in ("pending", "cancelling"):
                continue
            database.set("task", ref, status="cancelled", finished=self.pool.now())

    async def _synchronise_database(self, boot: bool) -> None:
        """dbsync_slave: what the host knows of itself goes into the database."""
        pool = self.pool
        await pool.faults.moment("host.start.database", self.ref)
        other_config = dict(self.record["other_config"])
        stamp = f"{self._second_of_this_start(other_config.get('agent_start_time', ''))}."
        boot_time = other_config.pop("boot_time", None)
        await pool.write("host", self.ref, other_config=other_config)
        if boot:
            pbd.detach_all(self)
        await self._renew("boot_time", stamp if boot or boot_time is None else boot_time)
        await self._renew("agent_start_time", stamp)
        if self.is_master and pool.database.all("message"):
            await self._renew("no_local_storage")  # the master keeps messages in a directory, and goes by that (recorded; dbsync_slave.ml)
        elif "no_local_storage" in other_config:
            await self._renew("no_local_storage", "true")
        await pool.yield_()
        self._links.stamp()

    def _second_of_this_start(self, last: str) -> int:
        """xapi writes whole seconds, and no two of its starts are in the same one, since a start takes some. Here one may take none."""
        now = int(self.pool.now().timestamp())
        before = int(last.removesuffix(".")) if re.fullmatch(r"\d+\.", last) else 0
        return before + 1 if now <= before < now + AHEAD_SECONDS else now

    async def _renew(self, key: str, value: str = "") -> None:
        """A key of other_config goes, and comes with its value: two writes (dbsync_slave.ml)."""
        others = {name: text for name, text in self.record["other_config"].items() if name != key}
        await self.pool.write("host", self.ref, other_config=others)
        if value:
            await self.pool.write("host", self.ref, other_config={**others, key: value})

    async def _inherit(self) -> None:
        if self.is_master:
            return
        if self.work:
            # What the master had waited to hand over since xapi stopped is done before the member looks at the master's bonds (recorded).
            await asyncio.wait(self.work)
        await sync_networking.synchronise(self)

    async def configure_attached(self) -> None:
        """Dom0 as the attached PIFs of the scenario have made it."""
        order = {"physical": 0, "bond": 1, "vlan": 2, "tunnel": 3}
        records = [(ref, self.pool.database.get("PIF", ref)) for ref in self.pifs()]
        for ref, record in sorted(records, key=lambda item: order[nm.kind_of(item[1])]):
            if record["currently_attached"] and record["bond_slave_of"] == NULL and record.get("managed", True):
                await nm.configure_attached(self.pool, ref)
            if record["management"]:
                self.management_bridge = nm.bridge_of(self.pool, record)
        await self.backend.settle()
        self._links.start(quiet=True)
