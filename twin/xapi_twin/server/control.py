# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket of a running twin: a Unix socket that takes one JSON object per line and answers one per line.

    {"do": "fault", "fault": {"when": {"method": "Bond.create"}, "do": "drop", "stage": "after"}}
    {"do": "hold_states", "seconds": 2}   {"do": "link_seconds", "seconds": 3}
    {"do": "clear_faults"}   {"do": "faults"}   {"do": "journal", "after": 0}   {"do": "state"}   {"do": "endpoints"}
    {"do": "restart" | "stop" | "start" | "toolstack" | "crash" | "power_off" | "power_on" | "declare_dead", "host": "xs-2"}
    {"do": "nic_gone" | "nic_back", "host": "xs-2", "device": "eth4"}   {"do": "carrier", "host": …, "device": …, "up": false}
    {"do": "port", "host": "xs-2", "device": "eth4", "port": {"segment": "office", "mtu": 1500, "blocked": [30],
     "lacp": ["02:00:00:00:0b:01", 12], "lldp": ["02:00:00:00:0b:01", "Gi1/0/4", "switch-b"]}}

Answers are `{"ok": true, "result": …}` or `{"ok": false, "error": "a sentence"}`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from xapi_twin.dom0.model import SwitchPort
from xapi_twin.faults import FaultPlanError
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin


class ControlError(ValueError):
    """A request that cannot be carried out; the sentence says why."""


class Control:
    """The control socket; `path` is where it is."""

    def __init__(self, twin: Twin, path: Path, endpoints: Callable[[], Mapping[str, Any]]) -> None:
        self.twin = twin
        self.path = path
        self._endpoints = endpoints
        self._server: asyncio.AbstractServer | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=1 << 20)
        self.path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._connections):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self.answer(line), default=_plain).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # gone, or a line without an end
        finally:
            self._connections.discard(writer)
            writer.close()

    async def answer(self, line: bytes | str) -> dict[str, Any]:
        """Carry out one request."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ControlError("a request is a JSON object")
            return {"ok": True, "result": await self._do(request)}
        except json.JSONDecodeError as error:
            return {"ok": False, "error": f"this is no JSON: {error}"}
        except (ControlError, FaultPlanError, KeyError) as error:
            return {"ok": False, "error": str(error.args[0])}

    async def _do(self, request: Mapping[str, Any]) -> Any:
        twin, what = self.twin, str(request.get("do", ""))
        if what == "fault":
            twin.faults.add(request.get("fault") or {})
            return None
        if what == "clear_faults":
            twin.faults.clear()
            return None
        if what == "hold_states":
            twin.between.seconds = _seconds(request)
            return None
        if what == "link_seconds":
            twin.set_link_seconds(_seconds(request))
            return None
        if what == "faults":
            return [asdict(fault) for fault in twin.faults.plan]
        if what == "journal":
            after = int(request.get("after", 0))
            return [asdict(entry) for entry in twin.journal if entry.number > after]
        if what == "state":
            return twin.state()
        if what == "endpoints":
            return self._endpoints()
        return await self._to_host(what, request)

    async def _to_host(self, what: str, request: Mapping[str, Any]) -> None:
        name = str(request.get("host", ""))
        host = self.twin.find_host(name)
        actions: dict[str, Callable[[Host], Awaitable[None]]] = {
            "restart": lambda host: host.restart_service(),
            "stop": lambda host: host.stop_service(),
            "start": lambda host: host.start_xapi(),
            "toolstack": lambda host: host.restart_toolstack(),
            "power_off": lambda host: host.power_off(),
            "power_on": lambda host: host.power_on(),
            "nic_gone": lambda host: host.nic_gone(_device(host, request)),
            "nic_back": lambda host: host.nic_back(_device(host, request)),
            "port": lambda host: host.set_port(_device(host, request), _port(request)),
            "carrier": lambda host: host.set_carrier(_device(host, request), bool(request.get("up", True))),
        }
        if what not in actions and what not in ("crash", "declare_dead"):
            known = ", ".join(["fault", "faults", "clear_faults", "journal", "state", "endpoints", *actions, "crash", "declare_dead"])
            raise ControlError(f"'{what}' is not a request that a twin knows (known: {known})")
        if host is None:
            raise ControlError(f"no host of this pool is called '{name}'")
        if what == "crash":
            host.crash(request.get("seconds"))
        elif what == "declare_dead":
            host.declare_dead()
        else:
            await actions[what](host)


def _seconds(request: Mapping[str, Any]) -> float:
    seconds = request.get("seconds")
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or seconds < 0:
        raise ControlError(f"{request['do']} takes a number of seconds, 0 or more, and not {seconds!r}")
    return float(seconds)


def _device(host: Host, request: Mapping[str, Any]) -> str:
    device = str(request.get("device", ""))
    if device not in host.dom0.nics:
        raise ControlError(f"{host.name} has no NIC '{device}' (it has {', '.join(host.dom0.nics)})")
    return device


def _port(request: Mapping[str, Any]) -> SwitchPort:
    """What the switch port is like; what is not said is as a port usually is."""
    given = request.get("port") or {}
    try:
        system, key = given.get("lacp") or ("", 0)
        chassis, name, switch = given.get("lldp") or ("", "", "")
        return SwitchPort(
            segment=str(given.get("segment", "")),
            mtu=int(given.get("mtu", 0)),
            blocked=tuple(int(tag) for tag in given.get("blocked", ())),
            lacp=(str(system), int(key)) if system else None,
            lldp=(str(chassis), str(name), str(switch)) if chassis else None,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ControlError(
            f"the port has segment, mtu, blocked (tags), lacp (system id, key), lldp (chassis, port, switch): {error}"
        ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    return str(value)
