# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `xapi-twin`."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from xapi_twin.cli.view import PoolView
from xapi_twin.scenario.load import load_scenario, shipped_names
from xapi_twin.scenario.loopback import NETWORK, elsewhere, on_loopback
from xapi_twin.scenario.model import Scenario, ScenarioError

_HOST_ACTIONS = (
    "restart", "stop", "start", "toolstack", "crash", "power_off", "power_on", "declare_dead", "nic_gone", "nic_back", "carrier_up",
    "carrier_down",
)  # fmt: skip

_SHOWN = 8  # hosts, when a pool starts


class CommandError(Exception):
    """The command cannot be carried out; the sentence says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answers the exit status. 2: the command line or the scenario is wrong, 1: anything else went wrong."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.work(options)
        return status
    except ScenarioError as error:
        print(f"xapi-twin: {error}", file=sys.stderr)
        return 2
    except CommandError as error:
        print(f"xapi-twin: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


# Adds a command's parser.
_Add = Callable[..., argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xapi-twin", description="A stand-in for a XenServer or XCP-ng pool, on 127.0.0.1.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser)
    listed = commands.add_parser("scenarios", allow_abbrev=False, help="name the scenarios that come with the twin")
    listed.set_defaults(work=_scenarios)
    diff = commands.add_parser("diff", allow_abbrev=False, help="show how two states of a pool's network differ (status 1 when they do)")
    diff.add_argument("one", type=Path, metavar="A", help="what `state --json` printed, a captured pool, a scenario or a dump")
    diff.add_argument("other", type=Path, metavar="B")
    diff.set_defaults(work=_diff)
    _add_talks(commands.add_parser)
    _add_capture(commands.add_parser)
    return parser


def _add_run(add: _Add) -> None:
    run = add("run", allow_abbrev=False, help="play a pool until interrupted")
    run.add_argument("scenario", help="a YAML file, a dump of a pool's database, or the name of one that comes with the twin")
    run.add_argument("--endpoints", type=Path, metavar="FILE", help="write where everything is to this file, as JSON, when ready")
    run.add_argument("--inventory", type=Path, metavar="FILE", help="write an Ansible inventory of the hosts to this file")
    run.add_argument("--xapi", metavar="VERSION", help="the version of xapi, instead of the scenario's")
    run.add_argument("--restart-seconds", type=float, metavar="N", help="how long a restart of xapi takes (recorded: 12.3; 0: no waiting)")
    run.add_argument("--hold-states", type=float, metavar="N", help="hold each state in between until it is read, or N seconds long")
    run.add_argument("--link-seconds", type=float, metavar="N", help="how long a NIC's link is away after a change of its bridge")
    run.add_argument(
        "--loopback-addresses", nargs="?", const=NETWORK, metavar="NETWORK", help=f"each host at its own address: {NETWORK}.10, .11, …"
    )
    run.add_argument("--ports", metavar="HTTPS,SSH,HTTP", help="with --loopback-addresses: other ports than 443,22,80, for who is not root")
    run.add_argument("--http", action="store_true", help="plain HTTP instead of TLS")
    run.add_argument("--workdir", type=Path, metavar="DIR", help="where the certificate, the SSH key and the control socket lie")
    run.set_defaults(work=_run)


def _add_talks(add: _Add) -> None:
    """The commands that talk to a running twin."""
    state = add("state", allow_abbrev=False, help="print the networks, PIFs, bonds and bridges of a running twin")
    shape = state.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="as JSON, with all records")
    shape.add_argument("--html", action="store_true", help="as a page with a drawing of each host, which loads nothing")
    state.set_defaults(work=_state)

    journal = add("journal", allow_abbrev=False, help="print the calls that reached a running twin")
    journal.add_argument("--json", action="store_true", help="as JSON, one call a line, with arguments")
    journal.add_argument("--after", type=int, default=0, metavar="N", help="only calls after number N")
    journal.set_defaults(work=_journal)

    fault = add("fault", allow_abbrev=False, help="plan a fault in a running twin, list the faults, or clear them")
    fault.add_argument("entry", nargs="?", help="in YAML, such as '{when: {method: Bond.create, nth: 1}, do: drop, stage: after}'")
    fault.add_argument("--clear", action="store_true", help="forget all faults")
    fault.set_defaults(work=_fault)

    do = add("do", allow_abbrev=False, help="do something to a host of a running twin")
    do.add_argument("action", choices=_HOST_ACTIONS)
    do.add_argument("host", help="name, uuid or reference")
    do.add_argument("--device", help="the NIC, for nic_* and carrier_*")
    do.set_defaults(work=_do)

    pace = add("pace", allow_abbrev=False, help="say how long moments last in a running twin")
    pace.add_argument("--hold-states", type=float, metavar="N", help="hold each state in between until it is read, or N seconds (0: off)")
    pace.add_argument("--link-seconds", type=float, metavar="N", help="how long a NIC's link is away after a change of its bridge")
    pace.set_defaults(work=_pace)
    for command in (state, journal, fault, do, pace):
        command.add_argument("--endpoints", type=Path, required=True, metavar="FILE", help="what `xapi-twin run --endpoints` wrote")


def _add_capture(add: _Add) -> None:
    capture = add("capture", allow_abbrev=False, help="write a real pool down as a scenario (reads once, changes nothing)")
    capture.add_argument("--hostname", default=os.environ.get("XENSERVER_HOST"), help="the master, or a member, which leads to it")
    capture.add_argument("--username", default=os.environ.get("XENSERVER_USER", "root"))
    capture.add_argument("--password-file", type=Path, help="instead of XENSERVER_PASSWORD or being asked")
    capture.add_argument("--ca-path", default=os.environ.get("XENSERVER_CA_PATH"), help="the certificate authority to trust")
    capture.add_argument("--fingerprint", default=os.environ.get("XENSERVER_FINGERPRINT"), help="SHA-256 of the certificate to trust")
    capture.add_argument("--no-verify", action="store_true", help="trust any certificate")
    capture.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for each reply (60)")
    capture.add_argument("--from-dump", type=Path, metavar="FILE", help="read no pool, but `xe pool-dump-database`, or a status report")
    capture.add_argument("--from-xe", type=Path, metavar="FILE", help="read no pool, but pasted `xe pool-list params=all` and so on")
    capture.add_argument("--anonymise", action="store_true", help="replace names, MACs and addresses")
    capture.add_argument("--output", type=Path, metavar="FILE", help="write to this file (default: standard output)")
    capture.set_defaults(work=_capture)


# run


def _run(options: argparse.Namespace) -> int:
    pace = {name: getattr(options, name) for name in ("restart_seconds", "hold_states", "link_seconds")}
    for name, seconds in pace.items():
        if seconds is not None and seconds < 0:
            raise CommandError(f"--{name.replace('_', '-')} cannot be negative")
    try:
        scenario = load_scenario(options.scenario, xapi=options.xapi, **pace)
    except OSError as error:
        raise CommandError(f"{options.scenario} cannot be read: {error.strerror}") from None
    if options.loopback_addresses:
        scenario = on_loopback(scenario, options.loopback_addresses)
    return asyncio.run(_play(scenario, options, _ports(options)))


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


async def _play(scenario: Scenario, options: argparse.Namespace, ports: Sequence[int]) -> int:
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
            _write(options.inventory, inventory(endpoints))
        if options.endpoints is not None:
            _write(options.endpoints, json.dumps(endpoints, indent=1) + "\n")
        print(_welcome(scenario, endpoints), flush=True)
        await interrupted.wait()
    finally:
        await serving.stop()
    return 0


def _write(path: Path, text: str) -> None:
    """All of it or nothing, for whoever waits for the file; only for its owner: the pool's password is in it."""
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _welcome(scenario: Scenario, endpoints: Mapping[str, Any]) -> str:
    from xapi_twin.cli.tables import aligned

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


def _scenarios(options: argparse.Namespace) -> int:
    print("\n".join(shipped_names()))
    return 0


# talking to a running twin


def ask(endpoints: Path, **request: Any) -> Any:
    """Ask a running twin over its control socket. Raises CommandError."""
    try:
        found = json.loads(endpoints.read_text(encoding="utf-8"))
        path = found["control"]
    except OSError as error:
        raise CommandError(f"{endpoints} cannot be read: {error.strerror}; `xapi-twin run --endpoints {endpoints}` writes it") from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{endpoints} is no file that `xapi-twin run --endpoints` wrote") from None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        try:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as reader:
                line = reader.readline()
        except OSError as error:
            reason = error.strerror or "no answer in 60 seconds"
            raise CommandError(f"the twin of {endpoints} does not answer ({path}: {reason}); is it still running?") from None
    if not line:
        raise CommandError(f"the twin of {endpoints} ended before it answered")
    answer = json.loads(line)
    if not answer["ok"]:
        raise CommandError(str(answer["error"]))
    return answer["result"]


def _state(options: argparse.Namespace) -> int:
    from xapi_twin.cli import tables
    from xapi_twin.cli.page import page
    from xapi_twin.cli.view import pool_view

    found = ask(options.endpoints, do="state")
    if options.html:
        sys.stdout.write(page(pool_view(found["records"], found["hosts"])))
    else:
        print(json.dumps(found, indent=1, sort_keys=True) if options.json else tables.state(found))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from xapi_twin.cli.differences import differences

    found = differences(_view(options.one), _view(options.other))
    print("\n".join(found) if found else "no difference")
    return 1 if found else 0


def _view(path: Path) -> PoolView:
    """A state that was printed, or any file that could be played."""
    from xapi_twin.cli.view import pool_view

    try:
        text = path.read_bytes()
        found = json.loads(text) if text.lstrip().startswith(b"{") else None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        found = None
    if isinstance(found, dict) and "records" in found:
        return pool_view(found["records"], found.get("hosts"))
    return pool_view(load_scenario(path).records)


def _journal(options: argparse.Namespace) -> int:
    from xapi_twin.cli import tables
    from xapi_twin.xapi.journal import is_write

    entries = [{**entry, "writes": is_write(entry["method"])} for entry in ask(options.endpoints, do="journal", after=options.after)]
    print("\n".join(json.dumps(entry) for entry in entries) if options.json else tables.journal(entries))
    return 0


def _fault(options: argparse.Namespace) -> int:
    from xapi_twin.scenario.yaml_lines import document

    if options.clear:
        ask(options.endpoints, do="clear_faults")
    if options.entry:
        entry = document(options.entry, "fault").plain()
        if not isinstance(entry, dict):
            raise CommandError("a fault is a mapping, such as '{when: {method: Bond.create}, do: drop}'")
        ask(options.endpoints, do="fault", fault=entry)
    for fault in ask(options.endpoints, do="faults"):
        print(json.dumps({name: value for name, value in fault.items() if value not in (None, "", [], ())}))
    return 0


def _do(options: argparse.Namespace) -> int:
    action, request = options.action, {"host": options.host}
    if action.startswith(("nic_", "carrier_")):
        if not options.device:
            raise CommandError(f"{action} needs --device")
        request["device"] = options.device
    if action.startswith("carrier_"):
        request["up"] = action == "carrier_up"
        action = "carrier"
    ask(options.endpoints, do=action, **request)
    return 0


def _pace(options: argparse.Namespace) -> int:
    for name in ("hold_states", "link_seconds"):
        if getattr(options, name) is not None:
            ask(options.endpoints, do=name, seconds=getattr(options, name))
    return 0


# capture


def _capture(options: argparse.Namespace) -> int:
    given = [path for path in (options.from_dump, options.from_xe) if path is not None]
    if len(given) > 1:
        raise CommandError("--from-dump and --from-xe are two ways to one pool: give one of them")
    text = _of_file(given[0], options) if given else _of_pool(options)
    if options.output is None:
        sys.stdout.write(text)
    else:
        _write(options.output, text)
    return 0


def _of_pool(options: argparse.Namespace) -> str:
    from xapi_twin.capture.real_pool import CaptureError, Trust, capture

    if not options.hostname:
        raise CommandError("which pool? Name its master with --hostname or XENSERVER_HOST, or give --from-dump or --from-xe")
    trust = Trust(verify=not options.no_verify, ca_path=options.ca_path, fingerprint=options.fingerprint)
    try:
        return capture(options.hostname, options.username, _password(options), trust, options.timeout, options.anonymise)
    except CaptureError as error:
        raise CommandError(str(error)) from None


def _of_file(path: Path, options: argparse.Namespace) -> str:
    """A pool that one cannot reach, from what support has of it."""
    from xapi_twin.capture.anonymise import anonymised
    from xapi_twin.scenario import snapshot
    from xapi_twin.scenario.dump import read_dump
    from xapi_twin.scenario.listings import read_listings

    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    if options.from_dump is not None:
        records, schema, backend = read_dump(data, str(path))
    else:
        records, schema, backend = read_listings(data.decode(errors="replace"), str(path))
    return snapshot.write(anonymised(records) if options.anonymise else records, schema, backend)


def _password(options: argparse.Namespace) -> str:
    """Never from the command line: other users of the machine see that."""
    if options.password_file is not None:
        try:
            return str(options.password_file.read_text(encoding="utf-8").rstrip("\n"))
        except OSError as error:
            raise CommandError(f"{options.password_file} cannot be read: {error.strerror}") from None
    if "XENSERVER_PASSWORD" in os.environ:
        return os.environ["XENSERVER_PASSWORD"]
    if not sys.stdin.isatty():
        raise CommandError("there is no password: set XENSERVER_PASSWORD or give --password-file")
    return getpass.getpass(f"Password of {options.username} at {options.hostname}: ", stream=sys.stderr)
