# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a real pool and writes it down as a scenario: login, one event.from, logout. Nothing is changed."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
import xmlrpc.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from xapi_twin.capture.anonymise import anonymised
from xapi_twin.datamodel.schema import Schema
from xapi_twin.scenario import snapshot
from xapi_twin.scenario.model import Record, Records

ORIGINATOR = "xapi-twin capture"
MOST_BYTES = 128 * 1024 * 1024  # of one reply; 64 hosts with 12 NICs each and 1,000 VMs are a tenth of it
_PIECE = 65536


class CaptureError(Exception):
    """The pool could not be captured; the sentence says why."""


@dataclass(frozen=True)
class Trust:
    """Which certificate is believed: one that a CA vouches for, the one with this SHA-256, or any."""

    verify: bool = True
    ca_path: str | None = None
    fingerprint: str | None = None


def capture(hostname: str, username: str, password: str, trust: Trust | None = None, timeout: float = 60.0, anonymise: bool = False) -> str:
    """The text of the scenario file. `hostname` may carry a scheme and a port; a member leads to its master. Raises CaptureError."""
    trust = trust or Trust()
    try:
        client = _Client(hostname, trust, timeout)
        try:
            session = client.call("session.login_with_password", username, password, "1.0", ORIGINATOR)
        except _Failure as failure:
            if failure.code != "HOST_IS_SLAVE":
                raise
            # The scheme stays, the port does not: the master's is the usual one.
            client = _Client(f"{urlsplit(client.url).scheme}://{failure.arguments[0]}", trust, timeout)
            session = client.call("session.login_with_password", username, password, "1.0", ORIGINATOR)
        try:
            answer = client.call("event.from", session, list(snapshot.KEPT), "", 30.0)
        finally:
            with suppress(CaptureError, _Failure):
                client.call("session.logout", session)
    except _Failure as failure:
        raise CaptureError(failure.sentence(client.url, username)) from None
    records, schema, backend = _read(answer["events"], client.url)
    if anonymise:
        records = anonymised(records)
    return snapshot.write(records, schema, backend)


def _read(events: list[Mapping[str, Any]], url: str) -> tuple[Records, Schema, str]:
    """(records with native values, the data model of the pool's version, its network backend)."""
    classes = {cls.lower(): cls for cls in snapshot.KEPT}
    raw: dict[str, dict[str, Record]] = {cls: {} for cls in snapshot.KEPT}
    for event in events:
        cls = classes.get(str(event["class"]).lower())
        if cls and event["operation"] != "del":
            raw[cls][event["ref"]] = event["snapshot"]
    if not raw["pool"] or not raw["host"]:
        raise CaptureError(f"{url} answered, but told of no pool; is it the XAPI of a XenServer or XCP-ng host?")
    (pool,) = raw["pool"].values()
    facts = raw["host"][pool["master"]]["software_version"]
    try:
        version = snapshot.xapi_version(facts)
    except ValueError as error:
        raise CaptureError(f"the version of the pool at {url} cannot be read: {error}") from None
    schema = Schema.load(version)
    records = {
        cls: {ref: snapshot.native(schema, cls, record) for ref, record in of_class.items()}
        for cls, of_class in raw.items()
        if cls in schema.classes
    }
    return records, schema, facts.get("network_backend", "openvswitch")


# the wire


class _Failure(Exception):
    """An error that XAPI answered."""

    def __init__(self, description: list[str]) -> None:
        super().__init__(description)
        self.code = description[0] if description else "UNKNOWN"
        self.arguments = description[1:]

    def sentence(self, url: str, username: str) -> str:
        if self.code == "SESSION_AUTHENTICATION_FAILED":
            return f"{url} refuses the password of {username}"
        if self.code == "HOST_IS_SLAVE":
            return f"{url} is a member of a pool whose master is {self.arguments[0]}"
        return f"{url} answered {self.code}: {', '.join(self.arguments)}"


def _has_port(parts: SplitResult) -> bool:
    """Whether its port is none or one that can be."""
    try:
        return parts.port != 0
    except ValueError:
        return False


@contextmanager
def _deadline(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """The whole of an exchange: the connection's own timeout is that of each read. Raises TimeoutError."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


class _Client:
    """XML-RPC to one host."""

    def __init__(self, hostname: str, trust: Trust, timeout: float) -> None:
        self.url = hostname if "://" in hostname else f"https://{hostname}"
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts):
            raise CaptureError(f"'{hostname}' is no host: give a name or an address, with https:// or http:// and a port if need be")
        self._parts, self._trust, self._timeout = parts, trust, timeout

    def call(self, method: str, *arguments: Any) -> Any:
        """Raises _Failure for XAPI's error, CaptureError when there is no usable reply."""
        body = xmlrpc.client.dumps(arguments, method)
        try:
            connection = self._connection()
            with closing(connection), _deadline(connection, self._timeout):
                connection.connect()
                self._check_fingerprint(connection)
                connection.request("POST", "/", body.encode(), {"Content-Type": "text/xml", "User-Agent": ORIGINATOR})
                reply = connection.getresponse()
                text = self._body(reply)
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            raise CaptureError(f"the certificate of {self.url} is not trusted ({reason}): give --ca-path or --fingerprint") from None
        except TimeoutError:
            raise CaptureError(f"{self.url} did not answer within {self._timeout:g} seconds") from None
        except (OSError, http.client.HTTPException) as error:
            raise CaptureError(f"{self.url} cannot be reached: {error}") from None
        try:
            ((answer,), _unused) = xmlrpc.client.loads(text)
        except (xmlrpc.client.Error, ValueError, SyntaxError, OSError, LookupError) as error:
            raise CaptureError(f"{self.url} answered no XML-RPC (HTTP {reply.status}): {error}") from None
        except Exception as error:  # expat's own error is no subclass of any of them
            raise CaptureError(f"{self.url} answered no XML-RPC (HTTP {reply.status}): {error}") from None
        if not isinstance(answer, dict) or "Status" not in answer:
            raise CaptureError(f"{self.url} answered something that is not XAPI's")
        if answer["Status"] != "Success":
            raise _Failure([str(part) for part in answer.get("ErrorDescription", [])])
        return answer["Value"]

    def _body(self, reply: http.client.HTTPResponse) -> bytes:
        """Raises CaptureError for a reply without an end."""
        pieces, size = [], 0
        while piece := reply.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise CaptureError(f"{self.url} sent more than {MOST_BYTES >> 20} MiB in one reply, which no pool needs; is it a XAPI?")
        return b"".join(pieces)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        if not self._trust.fingerprint:
            context = ssl.create_default_context(cafile=self._trust.ca_path)
            if not self._trust.verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)

    def _check_fingerprint(self, connection: http.client.HTTPConnection) -> None:
        """Raises CaptureError for another certificate than the one that was given."""
        if not self._trust.fingerprint or not isinstance(connection, http.client.HTTPSConnection):
            return
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if shown != self._trust.fingerprint.replace(":", "").lower().removeprefix("sha256"):
            raise CaptureError(f"the certificate of {self.url} has the fingerprint {shown}, not the one that was given")
