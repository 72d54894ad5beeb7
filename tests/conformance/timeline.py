# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restart looks like from outside, moment by moment: the same things become visible in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.compare import Renaming, differences
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.serving.ports import Serving
from xapi_twin.twin.host import Host
from xapi_twin.xapi.state import COMPLETE_COOKIE, READY_COOKIE

Record = dict[str, Any]

EVERY = 0.02  # seconds between two looks
LOOKS_APART = 0.25  # the recorder looked at different things up to so much apart: within that, order is chance
AFTER = 5.0


class Tracker:
    """Looks at a host while something happens to it."""

    def __init__(self, serving: Serving) -> None:
        self.twin, self.server = serving.twin, serving.server

    async def compare(self, step: Record, host: Host, trigger: Callable[[], Awaitable[Any]], names: Renaming) -> list[str]:
        """Trigger, look until long after, compare with what was recorded."""
        where = f"time line ({step['about']})"
        before = await self._look(host)
        wanted = step["before"]
        found = differences(names, _comparable(wanted), _comparable({name: before[name] for name in wanted}), f"{where}: before")
        work = asyncio.ensure_future(trigger())
        ours: list[tuple[float, str, Any]] = []
        began = asyncio.get_running_loop().time()
        last = dict(before)
        quiet = began
        while not work.done() or not host.init_complete.is_set() or asyncio.get_running_loop().time() - quiet < AFTER:
            await asyncio.sleep(EVERY)
            now = asyncio.get_running_loop().time()
            for name, value in (await self._look(host)).items():
                if value != last[name]:
                    ours.append((now - began, name, value))
                    last[name] = value
                    quiet = now
            if now - began > 600:
                return [*found, f"{where}: the twin's host does not come back"]
        reply = await work
        if "reply" in step:
            found += differences(names, step["reply"], reply, f"{where}: reply")
        return found + _order(step["changes"], ours, names, where)

    async def _look(self, host: Host) -> Record:
        database = self.twin.database
        record = database.get("host", host.ref)
        pifs = [database.get("PIF", ref) for ref in record["PIFs"]]
        bonds = [pif for pif in pifs if pif["bond_master_of"]]
        return {
            "member login": await self._login(host),
            "host.enabled": record["enabled"],
            "host.other_config.agent_start_time": record["other_config"].get("agent_start_time"),
            "host.allowed_operations": len(record["allowed_operations"]),
            "host_metrics.live": database.get("host_metrics", record["metrics"])["live"],
            "bonds of the host": sorted(database.get("Bond", pif["bond_master_of"][0])["uuid"] for pif in bonds),
            "bond PIF currently_attached": [pif["currently_attached"] for pif in bonds],
            "attached PIFs": sorted(pif["device"] for pif in pifs if pif["currently_attached"]),
            "IPs": {pif["device"]: pif["IP"] for pif in pifs if pif["IP"]},
            "start-up cookie": READY_COOKIE in host.dom0.cookies,
            "init complete cookie": COMPLETE_COOKIE in host.dom0.cookies,
        }

    async def _login(self, host: Host) -> Any:
        if not self.server.listens(host.ref):
            return "ConnectionRefusedError"
        try:
            await self.twin.dispatcher.call(host.ref, "session.login_with_password", ["root", "wrong", "1.0", "traces"])
        except XapiError as error:
            return error.description
        return "logged in"


class Probes:
    """Logs in at every host, again and again."""

    def __init__(self, serving: Serving) -> None:
        self.twin, self.server = serving.twin, serving.server
        self.seen: dict[str, list[tuple[float, str]]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._look())

    def compare(self, ref: str, name: str, recorded: list[str], since: float) -> list[str]:
        """Sentences about a host that did not answer as it was recorded, one answer after the other."""
        values = [value for place, value in enumerate(recorded) if place == 0 or recorded[place - 1] != value]
        before = [entry for entry in self.seen[ref] if entry[0] <= since][-1:]
        ours = _seen(values, [*before, *(entry for entry in self.seen[ref] if entry[0] > since)])
        if values == [value for _unused, value in ours]:
            return []
        return [f"time line: a login at {name} was answered {values}, in the twin {[value for _unused, value in ours]}"]

    async def _look(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            for ref, host in self.twin.hosts.items():
                word = self._word(host)
                seen = self.seen.setdefault(ref, [])
                if not seen or seen[-1][1] != word:
                    seen.append((now, word))
            await asyncio.sleep(EVERY)

    def _word(self, host: Host) -> str:
        if not self.server.listens(host.ref):
            return "ConnectionRefusedError"
        if host.refusal is not None:
            return host.refusal.description[0]
        return "logged in" if host.is_master else "HOST_IS_SLAVE"


def _comparable(values: Record) -> Record:
    """Without times, and uuids as a number of them."""
    shown = {}
    for name, value in values.items():
        if name == "host.other_config.agent_start_time":
            value = "a time" if value else value
        elif name == "bonds of the host":
            value = len(value)
        shown[name] = value
    return shown


def _seen(recorded: list[Any], ours: list[tuple[float, Any]]) -> list[tuple[float, Any]]:
    """The twin's changes without those that a recorder who looks so seldom may miss: what lasted shorter than its looks are apart."""
    kept: list[tuple[float, Any]] = []
    place = 0
    for number, (time, value) in enumerate(ours):
        lasts = ours[number + 1][0] - time if number + 1 < len(ours) else LOOKS_APART
        if place < len(recorded) and recorded[place] == value:
            place += 1
        elif lasts < LOOKS_APART:
            continue
        kept.append((time, value))
    return kept


def _order(recorded: list[list[Any]], ours: list[tuple[float, str, Any]], names: Renaming, where: str) -> list[str]:
    """Each thing took the same values one after the other, and what was clearly earlier than something else is so here."""
    found: list[str] = []
    times: dict[tuple[str, int], float] = {}
    for name in dict.fromkeys([change[1] for change in recorded] + [change[1] for change in ours]):
        values = [_comparable({name: change[2]})[name] for change in recorded if change[1] == name]
        theirs = _seen(values, [(time, _comparable({name: value})[name]) for time, kind, value in ours if kind == name])
        if values != [value for _unused, value in theirs]:
            found.append(f"{where}: {name} became {values}, in the twin {[value for _unused, value in theirs]}")
            continue
        times.update({(name, place): time for place, (time, _unused) in enumerate(theirs)})
    if found:
        return found
    counts: dict[str, int] = {}
    order: list[tuple[float, str, int]] = []
    for time, name, _unused in recorded:
        order.append((time, name, counts.get(name, 0)))
        counts[name] = counts.get(name, 0) + 1
    for time, name, place in order:
        for later, other, number in order:
            if later - time > LOOKS_APART and times[(other, number)] < times[(name, place)]:
                found.append(f"{where}: {name} changed before {other} (change {place + 1} and {number + 1}), in the twin after it")
    return found
