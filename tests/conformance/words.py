# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recordings and the twin say, brought into the same words."""

from __future__ import annotations

import asyncio
import json
import re
import xmlrpc.client
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from tests.conformance.compare import Renaming, differences
from xapi_twin.dom0.formats import bond_list, bond_show
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin

Record = dict[str, Any]


def objects_shown(steps: Iterable[Record]) -> Iterator[tuple[str, str, Record]]:
    """(class, reference, record) of every object that a state of the recording shows."""
    for step in steps:
        for cls, records in step.get("changed", {}).items() if step["do"] == "state" else ():
            for ref, record in records.items():
                yield cls, ref, record


def text_or_nothing(value: Any) -> str:
    return value if isinstance(value, str) else ""


def in_wire_words(twin: Twin, cls: str, record: Mapping[str, Any]) -> Record:
    body = twin.pool.writer.xml_success(twin.schema.classes[cls].messages["get_record"].result, record)
    answer: Record = plain(xmlrpc.client.loads(body)[0][0])["Value"]
    return answer


def plain(value: Any) -> Any:
    if isinstance(value, xmlrpc.client.DateTime):
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def uncounted(message: Record) -> Record:
    """A message about a bond without how many of its links were up."""
    body = re.sub(r"^(The status of the .* bond) (is|changed): .*", r"\1 …", message["body"])
    return {**message, "body": body}


def dom0_says(host: Host) -> Record | None:
    """What the commands in a host's dom0 say; None: it is off."""
    dom0 = host.dom0
    if not dom0.powered:
        return None
    return {
        "list-br": list(dom0.bridges),
        "bond_list": bond_list(dom0),
        "bond_show": {name: bond_show(bond, dom0, asyncio.get_running_loop().time()) for name, bond in dom0.bonds.items()},
        "interfaces": {
            interface.name: {"mac": interface.mac, "mtu": interface.mtu, "addresses": list(interface.addresses)}
            for interface in dom0.interfaces().values()
        },
    }


def content(body: str) -> Any:
    """A body as what it says: JSON and XML-RPC are read, anything else stays text."""
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return plain(list(xmlrpc.client.loads(body)[0]))
    except (xmlrpc.client.Error, ExpatError, xmlrpc.client.ResponseError):
        return body


def unordered_tail(names: Renaming, recorded: Record, ours: Record, what: str) -> list[str]:
    """An error that lists objects (NETWORK_CONTAINS_PIF) lists them in any order."""
    one, other = recorded.get("ErrorDescription"), ours.get("ErrorDescription") if isinstance(ours, dict) else None
    if not one or not other or one[0] != other[0] or not all(item.startswith("OpaqueRef:") for item in one[1:]):
        return differences(names, recorded, ours, what, ordered=True)
    return differences(names, one[1:], other[1:], what)
