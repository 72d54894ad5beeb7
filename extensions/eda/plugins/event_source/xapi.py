# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xapi
short_description: Tell what happens to the network of a XenServer or XCP-ng pool
description:
  - An event source for C(ansible-rulebook). It reads the pool once and then waits for XAPI to tell of changes (C(event.from)); it does not
    poll, and it writes nothing.
  - Every event has C(type) and C(pool) (C(uuid), C(name), and C(locked), which is true while a run of the role
    P(xapi.network.storage_bond#role) is at work on the pool). Events of a host have C(host), events of a bond C(bond), events of a PIF
    C(pif).
  - C(watching) comes once, when the pool has been read.
  - C(bond_link_lost) and C(bond_link_back) come when XAPI counts fewer or more links of a bond as up. C(nic_link_lost) and
    C(nic_link_back) come when a NIC loses its link or has it again, in a bond or not.
  - C(bond_created), C(bond_destroyed) and C(bond_changed) (its mode or properties) come with the bond.
  - C(pif_unplugged) and C(pif_plugged) come with the PIF.
  - C(host_joined), C(host_left), C(host_disabled), C(host_enabled), C(host_down), C(host_up) and C(master_changed) come with the host.
  - When the connection is lost, or the xapi of the master restarts, it connects again, and what happened meanwhile is told then. It ends
    with an error when the pool cannot be reached at its start, or refuses the login.
options:
  hostname:
    description: Name or address of the master of the pool. Else the environment variable E(XENSERVER_HOST).
    type: str
    required: true
  username:
    description: User of XAPI. The role read-only is enough. Else the environment variable E(XENSERVER_USER).
    type: str
    default: root
  password:
    description: The password. Else the environment variable E(XENSERVER_PASSWORD), which keeps it out of rulebooks and files.
    type: str
    required: true
  validate_certs:
    description: Whether to check the certificate. Else the environment variable E(XENSERVER_VALIDATE_CERTS).
    type: bool
    default: true
  ca_path:
    description: A file with the certificate of the pool, or of its authority. Else the environment variable E(XENSERVER_CA_PATH).
    type: path
  fingerprint:
    description: The SHA-256 fingerprint of the certificate, to pin it. Else the environment variable E(XENSERVER_FINGERPRINT).
    type: str
  timeout:
    description: Seconds to wait for a reply. Else the environment variable E(XENSERVER_TIMEOUT).
    type: int
    default: 60
requirements:
  - XenAPI (Python package), where ansible-rulebook runs
author:
  - The xapi.network authors (@xapi-network)
"""

EXAMPLES = r"""
- name: Say which bond has lost a link
  hosts: all
  sources:
    - xapi.network.xapi:
        hostname: xs-1.example.com
        ca_path: /etc/xapi/pool.pem
  rules:
    - name: A bond has lost a link
      condition: event.type == "bond_link_lost" and not event.pool.locked
      action:
        debug:
          msg: "{{ event.bond.device }} of {{ event.host.name }} has {{ event.bond.links_up }} links left"
"""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# ansible-rulebook runs this file by its path and knows nothing of collections as Python packages: the folder that holds
# ansible_collections/xapi/network/extensions/eda/plugins/event_source/xapi.py is put where Python looks.
_COLLECTIONS = str(Path(os.path.abspath(__file__)).parents[7])
if _COLLECTIONS not in sys.path:
    sys.path.append(_COLLECTIONS)

from ansible_collections.xapi.network.plugins.module_utils._lock.lease import KEY
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.changes import beginning, changes
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

logger = logging.getLogger("xapi.network.xapi")

CLASSES = ("pool", "host", "host_metrics", "network", "pif", "pif_metrics", "bond")
LOOK_UP = 2.0  # seconds after which a wait for events ends, to see whether the source is to stop
OPTIONS: Mapping[str, tuple[str, Any]] = {
    "hostname": ("XENSERVER_HOST", None),
    "username": ("XENSERVER_USER", "root"),
    "password": ("XENSERVER_PASSWORD", None),
    "validate_certs": ("XENSERVER_VALIDATE_CERTS", True),
    "ca_path": ("XENSERVER_CA_PATH", None),
    "fingerprint": ("XENSERVER_FINGERPRINT", None),
    "timeout": ("XENSERVER_TIMEOUT", 60),
}
TRUE, FALSE = ("1", "true", "yes", "on", "y", "t"), ("0", "false", "no", "off", "n", "f")


class SourceError(Exception):
    """The source cannot go on. A sentence for the admin, without a secret."""


def connection(args: Mapping[str, Any], environment: Mapping[str, str]) -> Connection:
    """The connection that the source's arguments mean, and where they say nothing the environment. Raises SourceError."""
    if unknown := sorted(set(args) - set(OPTIONS) - {"eda_feedback_queue"}):
        raise SourceError(f"The source xapi.network.xapi has no option {', '.join(unknown)}; it has {', '.join(OPTIONS)}.")
    options = {}
    for name, (variable, default) in OPTIONS.items():
        given = args.get(name)
        options[name] = given if given not in (None, "") else environment.get(variable) or default
        if options[name] is None and default is None and name in ("hostname", "password"):
            raise SourceError(f"The source xapi.network.xapi needs {name}: as its option, or in the environment variable {variable}.")
    options["password"] = str(options["password"])
    options["validate_certs"] = _truth(options["validate_certs"])
    try:
        return Connection.from_options(options)
    except ValueError:
        raise SourceError(f"timeout has to be a number of seconds, and {options['timeout']} is none.") from None


def _truth(value: Any) -> bool:
    """What is no boolean is an error: certificates are not left unchecked by a typing mistake."""
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        raise SourceError(f"validate_certs has to be true or false, and {value} is neither.")
    return text in TRUE


def events(where: Connection, stop: threading.Event) -> Iterator[list[dict[str, Any]]]:
    """What happens, as it happens, until `stop` is set. Comes back to a pool that went away; raises NetworkError when it refuses."""
    with Session(where, warn=logger.warning) as session:
        known = model.read(session.read(CLASSES))
        yield [beginning(known, KEY)]
        said = ""
        while not stop.is_set():
            for records in session.follow(time.monotonic() + LOOK_UP):
                try:
                    seen = model.read(records)
                except model.PoolRecordsError:  # a master that starts has not all of its database yet
                    continue
                yield changes(known, seen, KEY)
                known = seen
            if session.trouble != said:
                logger.warning("%s", session.trouble or f"The connection to {session.connection} is back.")
                said = session.trouble


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Puts the events of the pool into the queue, until it is cancelled."""
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def watch() -> None:
        # Calls of XAPI block, so they have a thread of their own; each event is in the queue before the next read.
        for batch in events(connection(args, os.environ), stop):
            for event in batch:
                asyncio.run_coroutine_threadsafe(queue.put(event), loop).result()

    try:
        await asyncio.to_thread(watch)
    except NetworkError as error:
        raise SourceError(error.message) from None
    finally:
        stop.set()


if __name__ == "__main__":
    # python xapi.py: shows the events of the pool that the environment names.
    class Shown(asyncio.Queue[Any]):
        """A queue that prints what is put into it."""

        async def put(self, item: Any) -> None:
            print(item, flush=True)

    asyncio.run(main(Shown(), {}))
