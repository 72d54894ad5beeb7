# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`xapi-twin run`: a pool that is played until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from xapi_twin.cli.files import CommandError, write_file
from xapi_twin.cli.tables import aligned
from xapi_twin.scenario.load import load_scenario
from xapi_twin.scenario.loopback import elsewhere, on_loopback
from xapi_twin.scenario.model import Scenario

_SHOWN = 8  # hosts, when a pool starts


def play(options: argparse.Namespace) -> int:
    pace = {name: getattr(options, name) for name in ("restart_seconds", "hold_states", "link_seconds")}
    try:
        scenario = load_scenario(options.scenario, xapi=options.xapi, **pace)
    except OSError as error:
        raise CommandError(f"{options.scenario} cannot be read: {error.strerror}") from None
    if options.loopback_addresses:
        scenario = on_loopback(scenario, options.loopback_addresses)
    return asyncio.run(_until_interrupted(scenario, options, _ports(options)))


def _ports(options: argparse.Namespace) -> tuple[int, ...]:
    """Those of each host's own address; none when the hosts share 127.0.0.1."""
    if not options.loopback_addresses:
        if options.ports:
            raise CommandError("--ports is for hosts with addresses of their own: give --loopback-addresses as well")
        return ()
    try:
        ports = tuple(int(port) for port in (options.ports or "443,22,80").split(","))
    except ValueError:
        ports = ()
    if len(ports) != 3 or not all(0 < port < 65536 for port in ports) or len(set(ports)) != 3:
        raise CommandError("--ports takes three different numbers, of HTTPS, SSH and HTTP, such as 8443,8022,8080")
    return (ports[2], ports[1], 0) if options.http else ports


async def _until_interrupted(scenario: Scenario, options: argparse.Namespace, ports: Sequence[int]) -> int:
    # The servers take half a second to load, which no other command needs.
    from xapi_twin.serving.inventory import inventory
    from xapi_twin.serving.ports import Serving

    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    try:
        serving = await Serving.start(scenario, tls=not options.http, workdir=options.workdir, ports=ports)
    except PermissionError as error:
        hint = "; ports below 1024 are root's: give others with --ports 8443,8022,8080" if ports else ""
        raise CommandError(f"the twin cannot open its ports or write its keys: {error}{hint}") from None
    except OSError as error:
        raise CommandError(f"the twin cannot open its ports or write its keys: {error}") from None
    try:
        endpoints = serving.endpoints
        if options.inventory is not None:
            write_file(options.inventory, inventory(endpoints), in_folder_of_its_own=True)
        if options.endpoints is not None:
            write_file(options.endpoints, json.dumps(endpoints, indent=1) + "\n")
        print(_welcome(scenario, endpoints), flush=True)
        await interrupted.wait()
    finally:
        await serving.stop()
    return 0


def _welcome(scenario: Scenario, endpoints: Mapping[str, Any]) -> str:
    rows = []
    hosts = endpoints["hosts"]
    for name, host in list(hosts.items())[:_SHOWN]:
        ssh = host.get("ssh")
        command = ""
        if ssh:
            command = f"ssh -p {ssh['port']} -i {ssh['key']} -o UserKnownHostsFile={ssh['known_hosts']} {ssh['user']}@{ssh['host']}"
        rows.append((name, "master" if host["master"] else "member", host["address"], host["xapi"], command))
    return "\n".join([
        f"pool {endpoints['pool']}, xapi {scenario.version}; user {endpoints['user']}, password {endpoints['password']}",
        aligned(("HOST", "", "PLAYS", "XAPI", "DOM0"), rows, indent=""),
        *([f"and {len(hosts) - _SHOWN} more: see the file of --endpoints"] if len(hosts) > _SHOWN else []),
        *_outside(scenario),
        "ready",
    ])  # fmt: skip


def _outside(scenario: Scenario) -> list[str]:
    """A warning: what the pool says of its hosts is not where they are."""
    address = elsewhere(scenario)
    if not address:
        return []
    return [f"its hosts name addresses such as {address}, and clients that follow them leave this machine: see --loopback-addresses"]
