# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that ask a running twin over its control socket, and those on what it said."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from pathlib import Path
from typing import Any

from xapi_twin.cli import tables
from xapi_twin.cli.differences import differences
from xapi_twin.cli.files import CommandError
from xapi_twin.cli.page import page
from xapi_twin.cli.view import PoolView, pool_view
from xapi_twin.scenario.load import load_scenario
from xapi_twin.scenario.yaml_lines import document
from xapi_twin.xapi.journal import is_write


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


def state(options: argparse.Namespace) -> int:
    found = ask(options.endpoints, do="state")
    if options.html:
        sys.stdout.write(page(pool_view(found["records"], found["hosts"])))
    else:
        print(json.dumps(found, indent=1, sort_keys=True) if options.json else tables.state(found))
    return 0


def diff(options: argparse.Namespace) -> int:
    found = differences(_view(options.one), _view(options.other))
    print("\n".join(found) if found else "no difference")
    return 1 if found else 0


def _view(path: Path) -> PoolView:
    """A state that was printed, or any file that could be played."""
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


def journal(options: argparse.Namespace) -> int:
    entries = [{**entry, "writes": is_write(entry["method"])} for entry in ask(options.endpoints, do="journal", after=options.after)]
    print("\n".join(json.dumps(entry) for entry in entries) if options.json else tables.journal(entries))
    return 0


def fault(options: argparse.Namespace) -> int:
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


def do(options: argparse.Namespace) -> int:
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


def pace(options: argparse.Namespace) -> int:
    for name in ("hold_states", "link_seconds"):
        if getattr(options, name) is not None:
            ask(options.endpoints, do=name, seconds=getattr(options, name))
    return 0
