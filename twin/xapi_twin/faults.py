# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a twin, and when: the fault plan.

The twin passes **points** while it works: before and after every API call, before and after every command over SSH, and at
named moments in between (`MOMENTS`). A fault waits for its point and then strikes:

    {when: {method: Bond.create, nth: 2}, stage: after, do: drop}
    {when: {moment: host.sync.bonds, host: xs-2}, do: error, code: PIF_BOND_MORE_THAN_ONE_IP}
    {when: {ssh: "systemctl restart xapi", host: xs-3}, do: cut_ssh}

`nth` counts the matching points (from 1), `times` says how often the fault strikes from there on (1; 0 = always). A harness that
wants to see every point, and perhaps to stop the world at one, puts a callback into `Faults.on_point`.
"""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.dom0.model import BringUpError

#: Moments: where the work can be struck between the call and its reply. `host` is always the host whose xapi does the work.
MOMENTS: Mapping[str, str] = {
    "bond.create.checked": "all checks of Bond.create passed, nothing is written",
    "bond.create.recorded": "the Bond and its PIF exist, the IP has moved in the records, nothing is plugged",
    "bond.create.plugged": "the bond is up, VLANs, tunnels and VIFs are still on the members",
    "bond.create.moved": "VLANs, tunnels and VIFs have moved, disallow_unplug has not",
    "bond.create.done": "all is done and the task's progress is 1.0, the answer is not yet given",
    "bond.destroy.recorded": "the IP is back on the primary slave in the records, the bond is still up",
    "bond.destroy.plugged": "the members are up again, the records of the bond still exist",
    "bond.destroy.done": "the bond is gone and the task's progress is 1.0, the answer is not yet given",
    "bond.plug": "a bond's PIF is about to be brought up (dom0 untouched, the members already down in the records)",
    "pif.plug": "a PIF is about to be brought up (dom0 untouched)",
    "pif.plugged": "dom0 has the bridge and the address, PIF.currently_attached is not yet written",
    "pif.unplug": "a PIF is about to be brought down",
    "forward": "the master is about to hand work to a member",
    "host.stopped": "xapi has stopped, its port refuses",
    "host.start": "xapi is started, its port still refuses",
    "host.start.ready": "the start-up cookie is there, host.enabled and agent_start_time are as before the restart",
    "host.start.database": "host.enabled is false, agent_start_time is about to be renewed",
    "host.start.bring_up": "the PIFs are about to be brought up best-effort",
    "host.start.storage": "PBDs are about to be plugged",
    "host.start.enabled": "host.enabled is true again",
    "host.sync.bonds": "bonds are about to be inherited from the master",
    "host.sync.bond": "one bond is about to be inherited (fact `network`)",
    "host.sync.vlans": "VLANs are about to be inherited",
    "host.sync.tunnels": "tunnels are about to be inherited",
    "host.start.complete": "the init-complete cookie is about to be written",
}

ACTIONS = (
    "drop", "hang", "error", "slow", "crash_host", "crash_master", "lose_task", "fail_to_plug",
    "swallow_bond_sync", "emergency", "never_return", "cut_ssh", "stop",
)  # fmt: skip

#: The one natural place of some actions: there they strike when the plan does not say when, or planned at a call or command, from it on.
DEFAULT_MOMENTS = {
    "swallow_bond_sync": "host.sync.bonds",
    "emergency": "host.start",
    "never_return": "host.start",
    "fail_to_plug": "bond.plug",
}


class FaultPlanError(ValueError):
    """A fault that cannot be planned; the sentence says what is wrong with it."""


class Crashed(ConnectionDropped):
    """The xapi that did the work is gone. `host`: its reference."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class Emergency(Exception):
    """The xapi that starts goes into emergency mode."""


class NeverReturns(Exception):
    """The xapi that starts does not come back."""


#: The call behind the work that is being done: its number in the journal and its method; 0 for a host's own doings.
_CALL: ContextVar[tuple[int, str]] = ContextVar("call", default=(0, ""))


@dataclass(frozen=True)
class Point:
    """A place where a fault may strike. kind: call, ssh or moment; `stage` is before or after (moment: empty)."""

    kind: str
    name: str
    stage: str = ""
    host: str = ""  # a host's reference
    number: int = 0  # of the call in the journal; 0 when no call of a client is behind it
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """One entry of the plan, with its counters."""

    kind: str
    name: str
    do: str
    stage: str = "before"
    host: str = ""  # only at this host, as the plan names it: name, uuid or reference
    target: str = ""  # the host that is struck, when it is another one
    nth: int = 1
    times: int = 1
    code: str = "INTERNAL_ERROR"
    params: tuple[str, ...] = ()
    seconds: float | None = None
    seen: int = 0
    struck: int = 0

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Fault:
        """A fault from its YAML or JSON form. Raises FaultPlanError with a sentence."""
        unknown = entry.keys() - {"when", "do", "stage", "code", "params", "seconds", "times", "host"}
        if unknown:
            raise FaultPlanError(f"a fault has no '{sorted(unknown)[0]}' (known: when, do, stage, code, params, seconds, times)")
        do = str(entry.get("do", ""))
        if do not in ACTIONS:
            raise FaultPlanError(f"'{do}' is not an action of a fault (known: {', '.join(ACTIONS)})")
        when = dict(entry.get("when") or {})
        unknown = when.keys() - {"method", "moment", "ssh", "nth", "host"}
        if unknown:
            raise FaultPlanError(f"'when' of a fault has no '{sorted(unknown)[0]}' (known: method, moment, ssh, nth, host)")
        places = [kind for kind in ("method", "moment", "ssh") if kind in when]
        if not places and do in DEFAULT_MOMENTS:
            when["moment"] = DEFAULT_MOMENTS[do]
            places = ["moment"]
        if len(places) != 1:
            raise FaultPlanError(f"the fault '{do}' needs exactly one of method, moment and ssh in its 'when'")
        kind, name = places[0], str(when[places[0]])
        if kind == "moment" and name not in MOMENTS:
            raise FaultPlanError(f"there is no moment '{name}' (known: {', '.join(MOMENTS)})")
        if kind == "ssh":
            try:
                re.compile(name)
            except re.error as error:
                raise FaultPlanError(f"'{name}' is not a regular expression: {error}") from error
        stage = str(entry.get("stage", "before"))
        if stage not in ("before", "after"):
            raise FaultPlanError(f"the stage of a fault is before or after, not '{stage}'")
        try:
            nth, times = int(when.get("nth", 1)), int(entry.get("times", 1))
            seconds = None if entry.get("seconds") is None else float(entry["seconds"])
        except (TypeError, ValueError) as error:
            raise FaultPlanError(f"nth, times and seconds of a fault are numbers: {error}") from error
        if nth < 1 or times < 0:
            raise FaultPlanError("nth of a fault counts from 1, times from 0 (always)")
        return cls(
            kind={"method": "call"}.get(kind, kind),
            name=name,
            do=do,
            stage=stage,
            host=str(when.get("host", "")),
            target=str(entry.get("host", "")),
            nth=nth,
            times=times,
            code=str(entry.get("code", "INTERNAL_ERROR")),
            params=tuple(str(param) for param in entry.get("params", ())),
            seconds=seconds,
        )

    def strikes(self, point: Point, is_host: Callable[[str, str], bool]) -> bool:
        """Count this point when it is one of ours; True when the fault strikes at it."""
        if self.kind != point.kind or (point.stage and self.stage != point.stage):
            return False
        if self.kind == "ssh":
            if not re.search(self.name, point.name):
                return False
        elif not fnmatch.fnmatchcase(point.name, self.name) and not (
            # a fault on Bond.create strikes Async.Bond.create as well
            point.name.startswith("Async.") and fnmatch.fnmatchcase(point.name[6:], self.name)
        ):
            return False
        if self.host and not is_host(self.host, point.host):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.seen >= self.nth + self.times):
            return False
        self.struck += 1
        return True


OnPoint = Callable[[Point], "Awaitable[None] | None"]


class FaultTarget(Protocol):
    """The pool that faults strike. Hosts are references."""

    @property
    def master(self) -> str: ...

    def find(self, name: str) -> str | None:
        """A host by name, reference or uuid, or None."""

    def crash(self, host: str, come_back: float | None) -> None:
        """The host's xapi dies at once, and starts again after so many seconds (None: at once; negative: never)."""

    def lose_task(self, name: str) -> None:
        """The newest pending task of this name is gone."""

    async def cut_ssh(self, host: str) -> None:
        """The host's SSH connections end; new ones are taken."""


class Faults:
    """The fault plan of a twin. Entries may be added and cleared at any time."""

    def __init__(self, target: FaultTarget) -> None:
        self._target = target
        self.plan: list[Fault] = []
        self.on_point: list[OnPoint] = []
        self.on_stop: list[OnPoint] = []
        self._lost: dict[int, asyncio.Event] = {}

    def add(self, entry: Mapping[str, Any]) -> Fault:
        """Plan a fault. Raises FaultPlanError."""
        fault = Fault.read(entry)
        for host in (fault.host, fault.target):
            if host and self._target.find(host) is None:
                raise FaultPlanError(f"no host of this pool is called '{host}'")
        self.plan.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults; what they did stays done."""
        self.plan.clear()

    async def call(self, stage: str, method: str, at: str, number: int = 0) -> None:
        """The dispatcher passes here before it carries out a call and again before it answers. `number` is that of the journal.

        Raises XapiError (answer this), ConnectionDropped (close the connection; before: the call is not carried out).
        """
        _CALL.set((number, method))
        if stage == "after" and (lost := self._lost.pop(number, None)) is not None and lost.is_set():
            raise ConnectionDropped(method)
        await self._pass(Point("call", method, stage, at, number))

    async def lost(self, number: int) -> None:
        """Returns when the connection of a call is to be closed while the work goes on (drop at a moment)."""
        await self._lost.setdefault(number, asyncio.Event()).wait()

    async def ssh(self, stage: str, host: str, command: str) -> None:
        """dom0's shell passes here before and after a command. Raises ConnectionDropped: cut this SSH connection."""
        await self._pass(Point("ssh", command, stage, host))

    async def moment(self, name: str, host: str = "", number: int = 0, method: str = "", **facts: str) -> None:
        """A named moment in the middle of work on a host. Raises XapiError, Crashed, BringUpError, Emergency, NeverReturns."""
        if name not in MOMENTS:
            raise KeyError(f"the moment {name} is not in faults.MOMENTS")
        if self.plan or self.on_point:
            of_call, its_method = _CALL.get()
            facts = {**facts, "method": method or its_method}
            await self._pass(Point("moment", name, "", host, number or of_call, facts))

    async def _pass(self, point: Point) -> None:
        for callback in tuple(self.on_point):
            await _call(callback, point)
        for fault in tuple(self.plan):
            if fault.strikes(point, self._is_host):
                await self._strike(fault, point)

    def _is_host(self, wanted: str, host: str) -> bool:
        return self._target.find(wanted) == host

    async def _strike(self, fault: Fault, point: Point) -> None:
        actions: Mapping[str, Callable[[Fault, Point], Awaitable[None]]] = {
            "drop": self._drop,
            "cut_ssh": self._cut_ssh,
            "hang": self._hang,
            "error": self._error,
            "slow": self._slow,
            "crash_host": self._crash_host,
            "crash_master": self._crash_master,
            "lose_task": self._lose_task,
            "fail_to_plug": self._fail_to_plug,
            "swallow_bond_sync": self._swallow_bond_sync,
            "emergency": self._emergency,
            "never_return": self._never_return,
            "stop": self._stop,
        }
        await actions[fault.do](fault, point)

    def _arm(self, fault: Fault, point: Point) -> None:
        """What has its place in a start or a plug, planned at a call or a command, strikes when it comes to that."""
        host = fault.target or (point.host if point.kind == "ssh" else "")
        self.plan.append(replace(fault, kind="moment", name=DEFAULT_MOMENTS[fault.do], host=host, nth=1, times=1, seen=0, struck=0))

    async def _drop(self, fault: Fault, point: Point) -> None:
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if point.kind != "moment":
            raise ConnectionDropped(point.name)
        if point.number:
            self._lost.setdefault(point.number, asyncio.Event()).set()  # the client is alone, xapi works on

    async def _cut_ssh(self, fault: Fault, point: Point) -> None:
        if point.kind == "ssh":
            raise ConnectionDropped(point.name)
        host = self._target.find(fault.target or point.host)
        if host is not None:
            await self._target.cut_ssh(host)

    async def _hang(self, fault: Fault, point: Point) -> None:
        if fault.seconds is None:
            await asyncio.get_running_loop().create_future()  # for ever: until the client gives up or the twin stops
        else:
            await asyncio.sleep(fault.seconds)
        if point.kind != "moment":
            raise ConnectionDropped(point.name)

    async def _error(self, fault: Fault, point: Point) -> None:
        raise XapiError(fault.code, *fault.params)

    async def _swallow_bond_sync(self, fault: Fault, point: Point) -> None:
        if not point.name.startswith("host.sync.bond"):
            return self._arm(fault, point)
        raise XapiError(fault.code, *fault.params)

    async def _slow(self, fault: Fault, point: Point) -> None:
        await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)

    async def _crash_host(self, fault: Fault, point: Point) -> None:
        # A call is passed at the master; the host to crash is then the one that the plan names.
        self._crash(self._target.find(fault.target or point.host) or self._target.master, fault, point)

    async def _crash_master(self, fault: Fault, point: Point) -> None:
        self._crash(self._target.master, fault, point)

    def _crash(self, host: str, fault: Fault, point: Point) -> None:
        """The work at this point ends with its own xapi; that of others, and a shell, live on."""
        self._target.crash(host, fault.seconds)
        if point.kind != "ssh" and host == (point.host or self._target.master):
            raise Crashed(host)

    async def _lose_task(self, fault: Fault, point: Point) -> None:
        name = point.name if point.kind == "call" else point.facts.get("method", "")
        self._target.lose_task(f"Async.{name.removeprefix('Async.')}")

    async def _fail_to_plug(self, fault: Fault, point: Point) -> None:
        if point.name not in ("bond.plug", "pif.plug"):
            return self._arm(fault, point)
        raise BringUpError("the interface could not be brought up (a planned fault)")

    async def _emergency(self, fault: Fault, point: Point) -> None:
        if point.kind != "moment" or not point.name.startswith("host."):
            return self._arm(fault, point)
        raise Emergency(point.host)

    async def _never_return(self, fault: Fault, point: Point) -> None:
        if point.kind != "moment" or not point.name.startswith("host."):
            return self._arm(fault, point)
        raise NeverReturns(point.host)

    async def _stop(self, fault: Fault, point: Point) -> None:
        for callback in tuple(self.on_stop):
            await _call(callback, point)


async def _call(callback: OnPoint, point: Point) -> None:
    answer = callback(point)
    if inspect.isawaitable(answer):
        await answer
