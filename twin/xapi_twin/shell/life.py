# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on the life of xapi and of the host: service, systemctl, xe-toolstack-restart, xapi-wait-init-complete, reboot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from xapi_twin.shell.call import Call
from xapi_twin.xapi.state import READY_COOKIE, HostState

FOLDER = "/sbin"

# Services that are there and that nothing happens to: the name is all that scripts ask for.
_OTHERS = ("xcp-networkd", "xenopsd", "xenopsd-xc", "openvswitch", "message-switch", "sshd", "forkexecd", "squeezed", "v6d", "multipathd")


async def service(call: Call) -> int:
    """`service NAME start|stop|restart|status`: SysV's words on XenServer 6, handed on to systemd later."""
    if len(call.arguments) < 2:
        call.err("Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]\n")
        return 1
    name, action = call.arguments[0].removesuffix(".service"), call.arguments[1]
    if call.machine.product.systemd:
        call.err(f"Redirecting to /bin/systemctl {action} {name}.service\n")
        await call.flush()
        return await _systemd(call, action, [name])
    return await _sysv(call, name, action)


async def init_script(call: Call) -> int:
    return await _sysv(call, call.name, call.arguments[0] if call.arguments else "")


async def _sysv(call: Call, name: str, action: str) -> int:
    if name not in ("xapi", *_OTHERS):
        return _unrecognized(call, name)
    host = call.host
    if name != "xapi":
        call.out(f"{name} is running\n" if action == "status" else "")
        return 0
    if action == "status":
        call.out("xapi is stopped\n" if host.xapi == "stopped" else f"xapi (pid {host.xapi_pid}) is running...\n")
        return 3 if host.xapi == "stopped" else 0
    if action not in ("start", "stop", "restart", "condrestart"):
        call.out("Usage: xapi {start|stop|status|restart|condrestart}\n")
        return 1
    if action != "start":
        call.out("Stopping xapi: .." if host.xapi != "stopped" else "Stopping xapi: xapi is already stopped")
        await call.flush()
        await _lasting(host, host.life.stop_service())
        call.out("                                         [  OK  ]\n")
    if action != "stop":
        call.out("Starting xapi: ")
        await call.flush()
        await _lasting(host, _start_and_wait(host))
        call.out("OK                                         [  OK  ]\n")
    return 0


def _unrecognized(call: Call, name: str) -> int:
    call.err(f"{name}: unrecognized service\n")
    return 1


async def _start_and_wait(host: HostState) -> None:
    """The init script returns when xapi has touched its cookie, or after a minute."""
    await host.life.start_xapi()
    deadline = host.pool.clock() + 60
    while READY_COOKIE not in host.dom0.cookies and host.xapi == "starting" and host.pool.clock() < deadline:
        await asyncio.sleep(0.01)


async def _lasting(host: HostState, work: Awaitable[None]) -> None:
    """Do what goes on when the SSH connection ends: init, not the shell, does the work."""
    task = asyncio.ensure_future(work)
    host.life.start_soon(_result(task))
    await asyncio.shield(task)


async def _result(task: asyncio.Future[None]) -> None:
    await asyncio.shield(task)


async def systemctl(call: Call) -> int:
    words = [argument for argument in call.arguments if not argument.startswith("-")]
    quiet = "-q" in call.arguments or "--quiet" in call.arguments
    if not words:
        call.out("UNIT LOAD ACTIVE SUB DESCRIPTION\nxapi.service loaded active running XenAPI server\n")
        return 0
    return await _systemd(call, words[0], words[1:], quiet)


async def _systemd(call: Call, action: str, units: list[str], quiet: bool = False) -> int:
    host, status = call.host, 0
    for unit in units:
        name = unit.removesuffix(".service").removesuffix(".target")
        if name not in ("xapi", "toolstack", "xapi-init-complete", "network", *_OTHERS):
            verb = "Unit" if action in ("status", "is-active", "show") else f"Failed to {action} {unit}.service: Unit"
            if action == "is-active":
                call.out("" if quiet else "unknown\n")
                status = 3
            else:
                call.err(f"{verb} {unit}.service not found.\n")
                status = 4 if action == "status" else 5
            continue
        status = max(status, await _unit(call, host, action, name, quiet))
    return status


async def _unit(call: Call, host: HostState, action: str, name: str, quiet: bool) -> int:
    running = True
    if name in ("xapi", "toolstack"):
        running = host.xapi != "stopped"
    elif name == "xapi-init-complete":
        running = host.init_complete.is_set()
    if action in ("is-active", "is-failed"):
        call.out("" if quiet else "active\n" if running else "inactive\n")
        return 0 if running == (action == "is-active") else 3 if action == "is-active" else 1
    if action == "is-enabled":
        call.out("" if quiet else "enabled\n")
        return 0
    if action == "status":
        state = "active (running)" if running else "inactive (dead)"
        call.out(f"● {name}.service - {'XenAPI server (XAPI)' if name == 'xapi' else name}\n   Active: {state}\n")
        return 0 if running else 3
    if action == "show":
        call.out(f"Id={name}.service\nActiveState={'active' if running else 'inactive'}\nSubState={'running' if running else 'dead'}\n")
        return 0
    if name == "xapi" and action in ("restart", "try-restart", "reload-or-restart"):
        await _lasting(host, host.life.restart_service())
    elif name == "toolstack" and action == "restart":
        await _lasting(host, host.life.restart_toolstack())
    elif name == "xapi" and action == "stop":
        await _lasting(host, host.life.stop_service())
    elif name == "xapi" and action == "start":
        await _lasting(host, host.life.start_xapi())
    elif action not in ("start", "restart", "stop", "enable", "disable", "reset-failed", "daemon-reload", "mask", "unmask"):
        call.err(f"Unknown operation {action}.\n")
        return 1
    return 0


async def toolstack_restart(call: Call) -> int:
    """`xe-toolstack-restart`: returns before the bonds are synchronised."""
    await _lasting(call.host, call.host.life.restart_toolstack())
    call.out("done.\n")
    return 0


async def wait_init_complete(call: Call) -> int:
    """`xapi-wait-init-complete SECONDS`: 0 when the last start-up step is done, 1 when the time is over."""
    try:
        seconds = float(call.arguments[0]) if call.arguments else 300.0
    except ValueError:
        return call.fail(f"{call.arguments[0]}: not a number of seconds", 2)
    try:
        await asyncio.wait_for(call.host.init_complete.wait(), seconds)
    except (asyncio.TimeoutError, TimeoutError):
        return 1
    return 0


async def reboot(call: Call) -> int:
    """The host goes down, and, unless it was told to stay off, comes back."""
    host = call.host
    stays_off = call.name in ("poweroff", "halt") or any(argument in ("-h", "-p") for argument in call.arguments)

    async def cycle() -> None:
        await host.pool.pause(1.0)
        await host.life.power_off()
        if not stays_off:
            await host.pool.pause(30.0)
            await host.life.power_on()

    host.life.start_soon(cycle())
    return 0


async def sleep(call: Call) -> int:
    """Seconds pass as fast as they do for a restarting xapi, so that `service xapi restart && sleep 15` is long enough at any pace."""
    try:
        seconds = sum(float(argument.rstrip("s")) for argument in call.arguments)
    except ValueError:
        return call.fail(f"invalid time interval '{' '.join(call.arguments)}'")
    if not call.arguments:
        return call.fail("missing operand")
    twin = call.host.pool
    # Held states take their own time: who sleeps a second between two looks is not to have looked thirty times before the next state.
    await asyncio.sleep(max(seconds * twin.scale, min(seconds, max(0.02, twin.between.seconds))))
    return 0


COMMANDS = {
    "service": service,
    "xapi": init_script,
    "systemctl": systemctl,
    "xe-toolstack-restart": toolstack_restart,
    "xapi-wait-init-complete": wait_init_complete,
    "reboot": reboot,
    "poweroff": reboot,
    "halt": reboot,
    "shutdown": reboot,
    "sleep": sleep,
}
