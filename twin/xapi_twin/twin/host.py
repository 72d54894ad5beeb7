# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one host: its power, its xapi, and everything that a xapi does when it starts.

The order and the durations of a start are those recorded on v26.17 (three runs alike); `Twin.scale` stretches or squeezes the durations,
never the order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import Backend, BringUpError, Dom0
from xapi_twin.faults import Crashed, Emergency, NeverReturns
from xapi_twin.xapi.network import links, nm, pbd, pif, sync_networking

if TYPE_CHECKING:
    from xapi_twin.twin.pool import Twin

T = TypeVar("T")

READY_COOKIE = "/var/run/xapi_startup.cookie"
COMPLETE_COOKIE = "/var/run/xapi_init_complete.cookie"

# What host.allowed_operations shows (recorded); a disabled host may also be rebooted, shut down and updated.
ENABLED_OPERATIONS = ("vm_migrate", "provision", "vm_resume", "enable", "evacuate", "vm_start")
DISABLED_OPERATIONS = (
    "vm_migrate", "provision", "vm_resume", "apply_updates", "enable", "reboot", "evacuate", "vm_start", "shutdown",
)  # fmt: skip

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
HEARTBEAT_SECONDS = 600.0  # then the master takes a silent member for dead


class Host:
    """One host of the pool. `xapi` is running, starting, stopped or emergency; `ref` is its reference, `name` its hostname."""

    def __init__(self, twin: Twin, ref: str, backend: Backend) -> None:
        record = twin.database.get("host", ref)
        self.twin = twin
        self.ref = ref
        self.name: str = record["hostname"] or record["name_label"]
        self.uuid: str = record["uuid"]
        self.backend = backend
        self.xapi = "running"
        self.refusal: XapiError | None = None
        self.management_bridge = ""
        self.init_complete = asyncio.Event()
        self.init_complete.set()
        self.reachable = asyncio.Event()  # its xapi takes work from the master
        self.reachable.set()
        self.plug_lock = asyncio.Lock()
        self.bond_lock = asyncio.Lock()
        self.links = links.Links(self)
        self._starting: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[Any]] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._heartbeat: asyncio.TimerHandle | None = None
        self.enables_itself = True  # at a start of xapi; host.disable can forbid it (its auto_enable, late versions)
        self._is_lost = False  # a planned fault keeps it from coming back by itself
        self._booting = False  # since the last start of xapi, dom0 was down
        self.stops_cleanly = True  # xe-toolstack-restart stops the service; False: it kills xapi (the pools of the first recordings)
        self.dom0.cookies.update((READY_COOKIE, COMPLETE_COOKIE))

    @property
    def dom0(self) -> Dom0:
        return self.backend.dom0

    @property
    def is_master(self) -> bool:
        return self.ref == self.twin.master

    @property
    def powered(self) -> bool:
        return self.dom0.powered

    @property
    def record(self) -> dict[str, Any]:
        """The host's record, live: read only."""
        return self.twin.database.get("host", self.ref)

    def pifs(self) -> list[str]:
        """References of its PIFs, oldest first."""
        return list(reversed(self.record["PIFs"]))

    def log(self, level: str, module: str, text: str, task: str = "") -> None:
        """A line of /var/log/xensource.log."""
        now = self.twin.now()
        stamp = f"{now:%b} {now.day:2d} {now:%H:%M:%S}"
        self.dom0.log.append(f"{stamp} {self.name} xapi: [{level}||0 |{task}|{module}] {text}")
        del self.dom0.log[:-5000]

    def attached_changed(self, pif: str) -> None:
        """A PIF went up or down: what is measured of it follows."""
        self.links.look_soon(pif)

    # work that the master hands over

    async def carry_out(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work at this host. It ends when this host's xapi ends, whoever waits for it.

        Raises Crashed when xapi stopped meanwhile.
        """
        task: asyncio.Task[T] = asyncio.ensure_future(_await(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Crashed(self.ref) from None
            # Whoever waited is gone; a failure of the work has then nobody to hear of it.
            task.add_done_callback(_retrieve)
            raise

    # life

    def start_soon(self, coroutine: Awaitable[None]) -> None:
        """Do something in the background that a stop of the twin ends."""
        task = asyncio.ensure_future(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(_retrieve)

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
        """`xe host-shutdown-agent`, run by the service's stop script: the host says that it goes, then lights the fuse (xapi_fuse.ml)."""
        self.dom0.cookies -= {READY_COOKIE, COMPLETE_COOKIE}
        self.init_complete.clear()
        if self.xapi == "running" and self.twin.master_host.xapi == "running":
            self._set_enabled(False)
            await self.twin.yield_()
            self._set_operations()
            if not self.twin.pool.get("ha_enabled", False):
                self.twin.database.set("host_metrics", self.record["metrics"], live=False)
            await self.twin.pause(FUSE_SECONDS)

    async def start_xapi(self) -> None:
        """`service xapi start`."""
        if not self.powered or self.xapi != "stopped":
            return
        self._is_lost = False
        self.xapi = "starting"
        self._starting = asyncio.ensure_future(self._start())
        self._starting.add_done_callback(_retrieve)
        await asyncio.sleep(0)

    async def restart_toolstack(self) -> None:
        """`xe-toolstack-restart`. With HA on it may cost the host its life (scenario option ha_fences)."""
        if not self.powered:
            return
        if self.twin.scenario.ha_fences and self.twin.pool.get("ha_enabled", False):
            await self.power_off()
            self.start_soon(self._boot_later())
            return
        if self.stops_cleanly:
            await self.twin.pause(TOOLSTACK_SECONDS)
            await self.stop_service()
        else:
            await self._end_xapi(keep_cookies=True)
            await self._stopped()
        if not self._is_lost:
            await self.start_xapi()

    def restart_agent_later(self) -> None:
        """host.restart_agent: the call answers, then the toolstack restarts."""

        async def later() -> None:
            await self.twin.pause(AGENT_DELAY)
            await self.restart_toolstack()

        self.start_soon(later())

    def crash(self, come_back: float | None = None) -> None:
        """xapi dies on the spot. systemd starts it again after `come_back` seconds (default: at once; negative: never)."""

        async def later() -> None:
            await self._end_xapi()
            if come_back is not None and come_back < 0:
                return
            await asyncio.sleep(come_back or 0)
            await self.start_xapi()

        self._forget_process()
        self.start_soon(later())

    async def power_off(self) -> None:
        """Somebody pulls the plug."""
        if not self.powered:
            return
        await self._end_xapi()
        await self.backend.stop()
        self.dom0.cookies.clear()
        self._booting = True
        if self.twin.ssh is not None:
            await self.twin.ssh.refuse(self)

    async def power_on(self) -> None:
        """The host boots, and its xapi starts."""
        if self.powered:
            return
        await self.backend.start()
        if self.twin.ssh is not None:
            await self.twin.ssh.accept(self)
        await self.start_xapi()

    def switch_off_later(self, again: bool) -> None:
        """host.shutdown, host.reboot: the call answers, then the host goes; `again`: and comes back."""

        async def later() -> None:
            await self.twin.pause(AGENT_DELAY)
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
        if not self.powered or self.xapi != "running":
            self.twin.database.set("host_metrics", self.record["metrics"], live=False)
            self._set_enabled(False)

    async def nic_gone(self, device: str) -> None:
        """A card dies: its device is gone from dom0, its PIF stays."""
        await self.backend.nic_gone(device)

    async def nic_back(self, device: str) -> None:
        await self.backend.nic_back(device)

    async def set_carrier(self, device: str, up: bool) -> None:
        """A cable is pulled or plugged."""
        await self.backend.set_carrier(device, up)

    def set_enabled(self, enabled: bool) -> None:
        """host.enable, host.disable."""
        self._set_enabled(enabled)
        self._set_operations()

    async def close(self) -> None:
        """The twin stops."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self.links.stop()
        tasks = [*self._background, *self._work, *([self._starting] if self._starting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.backend.when_links_change.clear()
        await self.backend.stop()

    # inside

    async def _boot_later(self) -> None:
        await self.twin.pause(BOOT_SECONDS)
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
        for task in tuple(self._work):
            if task is not current:
                task.cancel()
        if self.is_master:
            self.twin.bridge_counter = 0  # kept in the process alone: numbers start again, taken names are skipped
            self.twin.dispatcher.abandon()
        else:
            self.twin.dispatcher.abandon_at(self.ref)

    async def _end_xapi(self, keep_cookies: bool = False) -> None:
        self._forget_process(keep_cookies)
        if self.twin.server is not None:
            await self.twin.server.refuse(self.ref)
        self.links.stop()
        self._silent()
        await self.twin.yield_()

    def _silent(self) -> None:
        """No heartbeat reaches the master any more."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = None
        if not self.is_master:
            self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self.declare_dead)

    async def _stopped(self) -> None:
        try:
            await self.twin.faults.moment("host.stopped", self.ref)
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
        if self.twin.server is not None:
            await self.twin.server.accept(self.ref)

    async def _start_up(self) -> None:
        twin = self.twin
        await twin.pause(RESTART_PAUSE)
        await twin.faults.moment("host.start", self.ref)
        self.dom0.cookies -= {READY_COOKIE, COMPLETE_COOKIE}
        if self.is_master:
            self.refusal = XapiError("HOST_STILL_BOOTING")
        if twin.server is not None:
            await twin.server.accept(self.ref)
        await twin.pause(SLAVE_SECONDS)
        if not self.is_master:
            await self._find_master()
            self.refusal = XapiError("HOST_HAS_NO_MANAGEMENT_IP")
            await twin.pause(MANAGEMENT_SECONDS)
            self.refusal = XapiError("HOST_STILL_BOOTING")
        early = not twin.schema.at_least("7.0")  # before XenServer 7.0 all of the network came before the ready cookie
        if not early:
            await self._ready()
        await twin.pause(BOOTING_SECONDS)
        self._say_hello()
        await twin.yield_()
        self._set_operations()
        if not early:
            self.refusal = None
        await twin.pause(DATABASE_SECONDS)
        await self._synchronise_database(self._booting)
        self.reachable.set()
        await twin.faults.moment("host.start.bring_up", self.ref)
        await pif.start_of_day(self)
        self._booting = False
        if early:
            await self._inherit()
            await self._ready()
            self.refusal = None
        await twin.faults.moment("host.start.storage", self.ref)
        await pbd.plug_all(self)
        await twin.pause(STORAGE_SECONDS)
        if self.enables_itself:
            self._set_enabled(True)
            await twin.yield_()
            self._set_operations()
        self.refusal = None
        await twin.faults.moment("host.start.enabled", self.ref)
        await twin.pause(BONDS_SECONDS)
        if not early:
            await self._inherit()
        self.links.start()
        await twin.faults.moment("host.start.complete", self.ref)
        await twin.pause(COMPLETE_SECONDS)
        self.xapi = "running"
        self.dom0.cookies.add(COMPLETE_COOKIE)
        self.init_complete.set()

    async def _ready(self) -> None:
        self.dom0.cookies.add(READY_COOKIE)
        await self.twin.faults.moment("host.start.ready", self.ref)

    async def _find_master(self) -> None:
        """A member starts with the master's database, and waits for it; after a while in emergency mode."""
        master = self.twin.master_host
        if master.powered and master.xapi == "running":
            return
        try:
            await asyncio.wait_for(master.init_complete.wait(), max(self.twin.scale * EMERGENCY_AFTER, 0.05))
        except asyncio.TimeoutError:
            self.xapi = "emergency"
            self.refusal = XapiError("HOST_IN_EMERGENCY_MODE")
            await master.init_complete.wait()  # "pool.recover_slaves", or by itself
            self.xapi = "starting"

    def _say_hello(self) -> None:
        """pool.hello: the master notes that the host begins anew. What it was doing for others is not done any more."""
        database = self.twin.database
        self._set_enabled(False)
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if not self.twin.pool.get("ha_enabled", False):
            database.set("host_metrics", self.record["metrics"], live=True)
        for ref, task in list(database.all("task").items()):
            if task["resident_on"] != self.ref or task["status"] not in ("pending", "cancelling"):
                continue
            database.set("task", ref, status="cancelled", finished=self.twin.now())

    async def _synchronise_database(self, boot: bool) -> None:
        """dbsync_slave: what the host knows of itself goes into the database."""
        twin = self.twin
        await twin.faults.moment("host.start.database", self.ref)
        other_config = dict(self.record["other_config"])
        boot_time = other_config.pop("boot_time", None)
        twin.database.set("host", self.ref, other_config=other_config)
        await twin.yield_()
        stamp = f"{int(twin.now().timestamp())}."
        if boot:
            pbd.detach_all(self)
        if boot or boot_time is None:
            boot_time = stamp
        twin.database.set("host", self.ref, other_config={**other_config, "agent_start_time": stamp, "boot_time": boot_time})
        await twin.yield_()
        self.links.stamp()

    async def _inherit(self) -> None:
        if self.is_master:
            return
        if self._work:
            # What the master had waited to hand over since xapi stopped is done before the member looks at the master's bonds (recorded).
            await asyncio.wait(self._work)
        await sync_networking.synchronise(self)

    def _set_enabled(self, enabled: bool) -> None:
        self.twin.database.set("host", self.ref, enabled=enabled)

    def _set_operations(self) -> None:
        if "allowed_operations" in self.record:
            operations = ENABLED_OPERATIONS if self.record["enabled"] else DISABLED_OPERATIONS
            self.twin.database.set("host", self.ref, allowed_operations=list(operations))

    async def paint(self) -> None:
        """Dom0 as the attached PIFs of the scenario have made it."""
        order = {"physical": 0, "bond": 1, "vlan": 2, "tunnel": 3}
        records = [(ref, self.twin.database.get("PIF", ref)) for ref in self.pifs()]
        for ref, record in sorted(records, key=lambda item: order[nm.kind_of(item[1])]):
            if record["currently_attached"] and record["bond_slave_of"] == NULL and record.get("managed", True):
                await nm.paint(self.twin, ref)
            if record["management"]:
                self.management_bridge = nm.bridge_of(self.twin, record)
        await self.backend.settle()
        self.links.start(quiet=True)


async def _await(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _retrieve(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
