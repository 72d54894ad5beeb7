# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Talks to XAPI: a session that is always logged out, reads of the whole state, calls that are sent once. Private to the collection."""

from __future__ import annotations

import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection, Transport
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, XapiFailure

try:
    import XenAPI
except ImportError:
    XenAPI = None

# class (lower case) -> reference -> record as XAPI sent it: ints are strings, dates are their text.
Records = Mapping[str, Mapping[str, Mapping[str, Any]]]

# One full read. XAPI passes over classes that its version does not know. VMs are left out: a pool can have thousands,
# and VIFs tell which networks are in use.
CLASSES: tuple[str, ...] = (
    "pool",
    "host",
    "host_metrics",
    "network",
    "pif",
    "pif_metrics",
    "bond",
    "vlan",
    "tunnel",
    "network_sriov",
    "vif",
    "pbd",
    "sr",
    "task",
    "cluster",
    "cluster_host",
)
OF_PIFS = ("pif", "pif_metrics")
# Up to so many hosts, one read of everything takes less time than the three of a part: since 26.10 xapi has each event.from wait 50 ms
# before it answers (ocaml/xapi/xapi_globs.ml, event_from_delay), and three hosts more make an answer 25 ms longer (seen on 26.17.0).
FEW_HOSTS = 12
ORIGINATOR = "xapi.network"
API_VERSION = "1.0"

LOGOUT_TIMEOUT = 2.0  # seconds; a session that cannot be ended in this time ends by itself in the pool
# Seconds that one event.from waits at the most; never more than half of `timeout`, so that a silent host is told from a quiet one.
EVENT_WAIT = 20.0
# Seconds after which it is said that a call is still under way, and after which it is said again.
SAID_FIRST = 5.0
SAID_AGAIN = 30.0
RETRY_FIRST, RETRY_MOST = 0.1, 1.0  # seconds between attempts to come back to a host whose xapi restarts

# What a host answers while its xapi starts, or while the pool changes its master: come back later.
STARTING = frozenset(
    {"HOST_STILL_BOOTING", "HOST_HAS_NO_MANAGEMENT_IP", "HOST_IS_SLAVE", "SESSION_INVALID", "CANNOT_CONTACT_HOST", "TOO_BUSY"}
)


class Session:
    """A session at the pool's master, for use with `with`.

    Raises NetworkError when it cannot be had. When the host is a member, its master is followed once and a warning is given.
    `trouble` is the sentence about the connection while `follow` cannot reach the pool, else "".
    """

    def __init__(self, connection: Connection, warn: Callable[[str], None] | None = None) -> None:
        self.connection = connection
        self.warnings: list[str] = []
        self.trouble = ""
        self._warn = warn
        self._session: str | None = None
        self._classes: tuple[str, ...] = CLASSES
        self._token = ""
        self._records: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._transport, self._proxy = self._open(connection)
        if not connection.encrypted:
            self.warn(f"The password and everything else goes to {connection} in clear text, since hostname begins with http://.")

    def __enter__(self) -> Session:
        self._login()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._logout()

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            if self._warn:
                self._warn(text)

    # calls

    def call(self, method: str, *args: Any) -> Any:
        """One call, sent once, for reads and short writes: `call("network.create", record)`.

        Raises XapiFailure with XAPI's error, ConnectionLost when the reply is not known.
        """
        return self._send(method, self._session, *args)

    def act(self, method: str, *args: Any, wait_timeout: float, waiting: Callable[[float], None] = lambda seconds: None) -> Any:
        """Does the call as a task of XAPI and awaits its end, so that a lost connection loses nothing.

        Returns the call's result. Raises XapiFailure with the task's error, ConnectionLost when it is not known what became of the
        call, NetworkError when the task is still under way after `wait_timeout` seconds; it is then left alone, since XAPI cannot
        stop network changes half-way. `waiting` is told now and then how many seconds it takes already.
        """
        task = self.call(f"Async.{method}", *args)
        record = self._awaited(method, task, wait_timeout, waiting)
        with suppress(NetworkError):  # XAPI drops finished tasks by itself
            self.call("task.destroy", task)
        if record["status"] == "success":
            return _task_result(record.get("result") or "")
        error = list(record.get("error_info") or ()) or ["TASK_CANCELLED", task]
        raise XapiFailure(method, error[0], error[1:])

    def read(self, classes: tuple[str, ...] = CLASSES) -> Records:
        """The whole state in one call, as it was at one moment."""
        self._classes = classes
        reply = self._events("", EVENT_WAIT)
        self._records = {name: {} for name in classes}
        self._apply(reply)
        return dict(self._records)

    def read_of(self, hosts: Callable[[Records], Iterable[str]]) -> Records:
        """As `read`, but in a large pool with the PIFs of these hosts only: those of 64 hosts are most of a full read.

        `hosts` is given the rest of the state and returns references. What changed meanwhile is fetched at the end.
        """
        if len(self.call("host.get_all")) <= FEW_HOSTS:
            return self.read()
        self.read(tuple(name for name in CLASSES if name not in OF_PIFS))
        self._classes = CLASSES
        chosen = " or ".join(f'field "host"="{ref}"' for ref in sorted(set(hosts(dict(self._records)))))
        pifs = self.call("PIF.get_all_records_where", chosen) if chosen else {}
        metrics = tuple(sorted({f"pif_metrics/{pif['metrics']}" for pif in pifs.values()}))
        known = {event["ref"]: event["snapshot"] for event in self._events("", 0.0, metrics)["events"]} if metrics else {}
        self._records = {**self._records, "pif": pifs, "pif_metrics": known}
        return self.refresh()

    def refresh(self) -> Records:
        """After `read`: the whole state again, of which only what changed since is transferred."""
        self._apply(self._events(self._token, 0.0))
        return dict(self._records)

    def only(self, classes: tuple[str, ...]) -> None:
        """After `read`: from now on of these classes only."""
        self._classes = classes
        self._records = {name: self._records.get(name, {}) for name in classes}

    def add_machines(self, machines: Iterable[str]) -> Records:
        """The state of the last read with the records of these VMs, which are large, so that no read includes all of them."""
        self._records["vm"] = {ref: self.call("VM.get_record", ref) for ref in machines}
        return dict(self._records)

    def follow(self, deadline: float) -> Iterator[Records]:
        """After `read`: the whole state each time something changed, and at least every EVENT_WAIT seconds, until the deadline.

        The deadline is one of `time.monotonic()`. Outlasts a restart of the master's xapi: comes back, logs in again and reads afresh.
        Raises XapiFailure when the pool refuses for good.
        """
        pause = RETRY_FIRST
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self._session is None:
                    self._login()
                    self.read(self._classes)
                else:
                    self._apply(self._events(self._token, left))
            except (ConnectionLost, XapiFailure) as error:
                self._come_back_from(error)
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
                pause = min(2 * pause, RETRY_MOST)
                continue
            self.trouble, pause = "", RETRY_FIRST
            yield dict(self._records)

    # inside

    def _open(self, connection: Connection) -> tuple[Transport, Any]:
        if XenAPI is None:
            raise NetworkError(
                f"The Python package XenAPI is missing for the interpreter {sys.executable}: {sys.executable} -m pip install XenAPI"
            )
        transport = Transport(connection)
        # XenAPI's own way of calling is not used: it logs in again by itself, with the stored password, and repeats the call.
        return transport, XenAPI.Session("http://xapi/", transport=transport)

    def _login(self) -> None:
        try:
            self._session = self._login_here()
        except XapiFailure as error:
            if error.code != "HOST_IS_SLAVE" or not error.params:
                raise
            member, self.connection = self.connection, self.connection.at(error.params[0])
            self.warn(
                f"{member} is a member of its pool: the master {self.connection} is used. Name the master in hostname to spare this step."
            )
            self._transport.close()
            self._transport, self._proxy = self._open(self.connection)
            self._session = self._login_here()

    def _login_here(self) -> str:
        user = (self.connection.username, self.connection.password)
        try:
            return str(self._send("session.login_with_password", *user, API_VERSION, ORIGINATOR))
        except XapiFailure as error:
            if error.code != "MESSAGE_PARAMETER_COUNT_MISMATCH":
                raise
            return str(self._send("session.login_with_password", *user, API_VERSION))  # before XenServer 6.2 there is no originator

    def _logout(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._transport.patience = min(LOGOUT_TIMEOUT, self.connection.timeout)
            with suppress(NetworkError):  # what happened before matters more, and the pool ends idle sessions by itself
                self._send("session.logout", session)
            self._transport.patience = self.connection.timeout
        self._transport.close()

    def _send(self, method: str, *args: Any) -> Any:
        try:
            reply = getattr(self._proxy, method)(*args)
        except (TypeError, OverflowError) as error:  # the marshaller's: nothing was sent
            raise NetworkError(f"{method} was not called: an argument cannot be sent ({error}).") from None
        if not isinstance(reply, dict) or "Status" not in reply:
            raise ConnectionLost(f"{self.connection} answered {method} with something that is not a reply of XAPI.")
        if reply["Status"] == "Success":
            return reply.get("Value", "")
        described = reply.get("ErrorDescription")
        code, *params = (
            [str(part) for part in described] if isinstance(described, list) and described else ["INTERNAL_ERROR", str(described)]
        )
        raise XapiFailure(method, code, params)

    def _events(self, token: str, wait: float, classes: tuple[str, ...] | None = None) -> Mapping[str, Any]:
        """One event.from that waits at the most `wait` seconds for a change."""
        wait = min(wait, EVENT_WAIT, self.connection.timeout / 2)
        reply = self.call("event.from", list(classes or self._classes), token, wait)
        if not _is_batch(reply):
            raise ConnectionLost(f"{self.connection} answered event.from with something that is not a reply of XAPI.")
        return reply  # type: ignore[no-any-return]

    def _apply(self, reply: Mapping[str, Any]) -> None:
        """Takes over events; what was yielded before stays as it was."""
        self._token = reply["token"]
        changed: dict[str, dict[str, Mapping[str, Any]]] = {}
        for event in reply["events"]:
            name = event["class"].lower()
            records = changed.setdefault(name, dict(self._records.get(name, {})))
            if event["operation"] == "del":
                records.pop(event["ref"], None)
            elif event.get("snapshot"):
                records[event["ref"]] = event["snapshot"]
        self._records = {**self._records, **changed}

    def _come_back_from(self, error: ConnectionLost | XapiFailure) -> None:
        """Makes up one's mind after a failure in `follow`: raises it again when waiting does not help."""
        if isinstance(error, XapiFailure):
            # Whatever event.from refuses (a token from before a restart), a new session with a fresh read mends.
            if error.code not in STARTING and error.method != "event.from":
                raise error
            self._logout()
        self.trouble = error.message

    def _awaited(self, method: str, task: str, wait_timeout: float, waiting: Callable[[float], None]) -> Mapping[str, Any]:
        """The record of the task when it has ended."""
        begun = time.monotonic()
        deadline, said = begun + wait_timeout, 0.0
        token, pause = "", RETRY_FIRST
        lost = ConnectionLost(
            f"It is not known what became of {method}: the task was lost, since the master's xapi was restarted meanwhile."
        )
        while (left := deadline - time.monotonic()) > 0:
            if (took := time.monotonic() - begun) >= (said + SAID_AGAIN if said else SAID_FIRST):
                said = took
                waiting(took)
            try:
                if self._session is None:
                    self._login()
                reply = self._events(token, min(left, SAID_FIRST), (f"task/{task}",))
            except ConnectionLost as error:
                self.trouble = error.message
            except XapiFailure as error:
                if error.code not in STARTING:
                    raise ConnectionLost(f"It is not known what became of {method}. {error.message}") from None
                self._session = None
            else:
                records = [event["snapshot"] for event in reply["events"] if event.get("snapshot")]
                if any(event["operation"] == "del" for event in reply["events"]) or (not token and not records):
                    raise lost
                if records and records[-1]["status"] not in ("pending", "cancelling"):
                    return records[-1]  # type: ignore[no-any-return]
                token, pause = reply["token"], RETRY_FIRST
                continue
            token = ""
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(2 * pause, RETRY_MOST)
        raise NetworkError(
            f"{method} is still under way after {wait_timeout:.0f} s (task {task}); it was not stopped and may yet succeed or fail. "
            f"{self.trouble or 'Look at xe task-list on the master.'}",
            task=task,
        )


def _is_batch(reply: Any) -> bool:
    """Whether this is what event.from answers: a token, and events that say what became of which object."""
    if not isinstance(reply, dict) or not isinstance(reply.get("token"), str) or not isinstance(reply.get("events"), list):
        return False
    return all(
        isinstance(event, dict)
        and all(isinstance(event.get(key), str) for key in ("class", "operation", "ref"))
        and isinstance(event.get("snapshot", {}), dict)
        for event in reply["events"]
    )


def _task_result(text: str) -> Any:
    """The result of a task: "<value>…</value>" as XML text."""
    if not text:
        return ""
    (value,), _name = xmlrpc.client.loads(f"<params><param>{text}</param></params>")
    return value
