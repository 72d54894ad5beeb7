# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `xapi-twin`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from xapi_twin.cli import ask
from xapi_twin.cli.capture import write_capture
from xapi_twin.cli.files import CommandError
from xapi_twin.cli.run import play
from xapi_twin.scenario.load import shipped_names
from xapi_twin.scenario.loopback import NETWORK
from xapi_twin.scenario.model import ScenarioError

_SECONDS = ("restart_seconds", "hold_states", "link_seconds", "timeout")
_DAY = 86400
_HOST_ACTIONS = (
    "restart", "stop", "start", "toolstack", "crash", "power_off", "power_on", "declare_dead", "nic_gone", "nic_back", "carrier_up",
    "carrier_down",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answers the exit status. 2: the command line or the scenario is wrong, 1: anything else went wrong."""
    options = parser().parse_args(arguments)
    try:
        _check_seconds(options)
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


def _check_seconds(options: argparse.Namespace) -> None:
    for name in _SECONDS:
        seconds = getattr(options, name, None)
        if seconds is None:
            continue
        option = f"--{name.replace('_', '-')}"
        if seconds < 0 or (name == "timeout" and seconds == 0):
            raise CommandError(f"{option} cannot be {'negative' if seconds else 'zero'}: it is a number of seconds, not {seconds:g}")
        if not seconds <= _DAY:  # nor what is no number at all
            raise CommandError(f"{option} is a number of seconds, at most those of a day ({_DAY}), not {seconds:g}")


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
    diff.set_defaults(work=ask.diff)
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
    run.set_defaults(work=play)


def _add_talks(add: _Add) -> None:
    """The commands that talk to a running twin."""
    state = add("state", allow_abbrev=False, help="print the networks, PIFs, bonds and bridges of a running twin")
    shape = state.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="as JSON, with all records")
    shape.add_argument("--html", action="store_true", help="as a page with a drawing of each host, which loads nothing")
    state.set_defaults(work=ask.state)

    journal = add("journal", allow_abbrev=False, help="print the calls that reached a running twin")
    journal.add_argument("--json", action="store_true", help="as JSON, one call a line, with arguments")
    journal.add_argument("--after", type=int, default=0, metavar="N", help="only calls after number N")
    journal.set_defaults(work=ask.journal)

    fault = add("fault", allow_abbrev=False, help="plan a fault in a running twin, list the faults, or clear them")
    fault.add_argument("entry", nargs="?", help="in YAML, such as '{when: {method: Bond.create, nth: 1}, do: drop, stage: after}'")
    fault.add_argument("--clear", action="store_true", help="forget all faults")
    fault.set_defaults(work=ask.fault)

    do = add("do", allow_abbrev=False, help="do something to a host of a running twin")
    do.add_argument("action", choices=_HOST_ACTIONS)
    do.add_argument("host", help="name, uuid or reference")
    do.add_argument("--device", help="the NIC, for nic_* and carrier_*")
    do.set_defaults(work=ask.do)

    pace = add("pace", allow_abbrev=False, help="say how long moments last in a running twin")
    pace.add_argument("--hold-states", type=float, metavar="N", help="hold each state in between until it is read, or N seconds (0: off)")
    pace.add_argument("--link-seconds", type=float, metavar="N", help="how long a NIC's link is away after a change of its bridge")
    pace.set_defaults(work=ask.pace)
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
    capture.set_defaults(work=write_capture)


def _scenarios(_options: argparse.Namespace) -> int:
    print("\n".join(shipped_names()))
    return 0
