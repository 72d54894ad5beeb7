# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP(S) connection to one host's xapi, on which every call is sent once. Private to the collection."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import os
import re
import select
import socket
import ssl
import time
import xmlrpc.client
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, Unreachable, shown

CHUNK = 1 << 16
# A full read of 64 hosts with 12 NICs and 1,000 VMs has about 6 MB (tests/bench); what is far larger is no reply of XAPI, and would fill
# the memory: as XML-RPC it needs six times its size.
MOST_BYTES = 48 * 1024 * 1024
LONGEST_TIMEOUT = 86400
LONGEST_PATH = 4096


@dataclass(frozen=True)
class Connection:
    """Where a pool is and how to trust it. `hostname` may carry a scheme and a port; `timeout` is in seconds."""

    hostname: str
    username: str = "root"
    password: str = field(default="", repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    fingerprint: str | None = None
    timeout: float = 60.0

    @classmethod
    def from_options(cls, options: Any) -> Connection:
        """The connection options of a module, an inventory source or a role. Raises NetworkError when one of them makes no sense."""
        connection = cls(
            hostname=str(options["hostname"]),
            username=options["username"] or "root",
            password=options["password"],
            validate_certs=options["validate_certs"],
            ca_path=options["ca_path"] or None,
            fingerprint=options["fingerprint"] or None,
            timeout=float(options["timeout"]),
        )
        if not 0 < connection.timeout <= LONGEST_TIMEOUT:  # NaN is none of them
            raise NetworkError(f"timeout is {options['timeout']}; give more than 0 and at most {LONGEST_TIMEOUT} seconds.")
        if connection.ca_path and (not connection.ca_path.isprintable() or len(connection.ca_path) > LONGEST_PATH):
            raise NetworkError("ca_path is no path that a file can have.")
        if connection.ca_path and not os.path.exists(connection.ca_path):
            raise NetworkError(f"ca_path: there is no file {connection.ca_path} on this machine ({socket.gethostname()}).")
        _address(connection.hostname)
        _pins(connection.fingerprint)
        return connection

    @property
    def encrypted(self) -> bool:
        return not self.hostname.lower().startswith("http://")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Raises NetworkError when `hostname` is something else."""
        host, port = _address(self.hostname)
        return host, port or (443 if self.encrypted else 80)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The pinned SHA-256 fingerprints as 64 lower-case hexadecimal digits each. Raises NetworkError when they are something else."""
        return _pins(self.fingerprint)

    def at(self, address: str) -> Connection:
        """The same way to another host of the pool. XAPI tells a bare address, so scheme and port stay unless it names a port."""
        scheme = "https" if self.encrypted else "http"
        host, port = replace(self, hostname=f"{scheme}://{address}").address
        if not re.search(r"\]:\d+$|^[^:]+:\d+$", address):
            port = self.address[1]
        return replace(self, hostname=f"{scheme}://{_bracketed(host)}:{port}")

    def __str__(self) -> str:
        host, port = self.address
        return host if port == (443 if self.encrypted else 80) else f"{_bracketed(host)}:{port}"


def _address(hostname: str) -> tuple[str, int | None]:
    """Host and port from `xs-1`, `xs-1:8443`, `https://xs-1:8443/`, `[fe80::1]:443` or `fe80::1`."""
    scheme, found, rest = hostname.rpartition("://")
    text = rest.rstrip("/")
    # The text may hold a password ("root:secret@xs-1"), so it is not repeated in the message.
    refused = NetworkError(
        "hostname has to be a name or address with an optional scheme (https, http) and port (1 to 65535), like https://xs-1:443,"
        " and nothing else."
    )
    if (found and scheme.lower() not in ("http", "https")) or re.search(r"[@/?#\s]", text) or not text:
        raise refused
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise refused from None
    if not host or port == 0 or not (":" in host or _is_name(host)):
        raise refused
    return host, port


def _can_be_read(sock: socket.socket) -> bool:
    """poll(2) and not select(2), which refuses descriptors from 1024 on: Ansible with many forks has them."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _is_name(host: str) -> bool:
    """Whether DNS could have this name (RFC 1035: labels of 1 to 63 characters, 253 in all; _ is seen in practice)."""
    return len(host) <= 253 and all(re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label) for label in host.split("."))


def _pins(fingerprint: str | None) -> tuple[str, ...]:
    found = []
    # openssl writes "sha256 Fingerprint=AB:CD:…"
    for text in re.split(r"[\s,]+", re.sub("(?i)sha256 fingerprint=", "", fingerprint).strip()) if fingerprint else ():
        digits = re.sub(r"^sha-?256[:=]", "", text.lower()).replace(":", "")
        if not re.fullmatch(r"[0-9a-f]{64}", digits):
            raise NetworkError(
                f"fingerprint has to be a SHA-256 fingerprint (64 hexadecimal digits, with or without colons), and {text} is not."
            )
        found.append(digits)
    return tuple(found)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _TooLarge(Exception):
    """The reply is larger than any that XAPI gives."""


class _Response(http.client.HTTPResponse):
    """A response that is read until a deadline, status line and headers included: a host that sends a byte now and then does not hold us.

    The standard library's own limit counts again with each byte.
    """

    def __init__(self, sock: socket.socket, *arguments: Any, deadline: float, **keywords: Any) -> None:
        super().__init__(sock, *arguments, **keywords)
        self.fp.close()
        self.fp = io.BufferedReader(_UntilDeadline(sock, deadline), CHUNK)


class _UntilDeadline(io.RawIOBase):
    """What a socket receives, until the deadline. The socket stays open when this is closed, since the connection is kept."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)


class Transport(xmlrpc.client.Transport):
    """Carries one call at a time; whatever goes wrong, no call is sent a second time.

    xmlrpc.client's own transport sends a call again when the connection drops before the reply, which made one Bond.create two.
    Raises Unreachable when nothing was sent, ConnectionLost when the reply is not known.
    """

    user_agent = "xapi.network"

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.to = connection
        self.patience = connection.timeout  # seconds for the next call
        self._http: http.client.HTTPConnection | None = None
        self._context = _context(connection) if connection.encrypted else None

    def request(self, host: Any, handler: str, request_body: Any, verbose: Any = False) -> Any:
        deadline = time.monotonic() + self.patience
        connection = self._connected()
        connection.response_class = partial(_Response, deadline=deadline)  # type: ignore[assignment]
        try:
            connection.request("POST", handler, request_body, {"Content-Type": "text/xml", "User-Agent": self.user_agent})
            response = connection.getresponse()
            body = self._body(response)
        except TimeoutError:
            self.close()
            raise ConnectionLost(
                f"{self.to} did not answer within {self.patience:g} s: its xapi hangs, or the network in between swallows packets."
            ) from None
        except _TooLarge:
            self.close()
            raise ConnectionLost(
                f"{self.to} sent more than {MOST_BYTES >> 20} MiB in one reply, which no pool needs: is port {self.to.address[1]} the port"
                " of xapi?"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionLost(f"The connection to {self.to} was lost before the reply came ({_reason(error)}).") from None
        if response.status != 200:
            self.close()
            raise ConnectionLost(f"{self.to} answered HTTP {response.status} {shown(response.reason)} instead of a reply of XAPI.")
        return self._parsed(body)

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._http is not None and self._http.sock is not None:
            self._http.sock.settimeout(self.patience)
            # A kept connection that can be read before anything was asked was closed by the other side meanwhile.
            if not _can_be_read(self._http.sock):
                return self._http
        self.close()
        host, port = self.to.address
        connection = (
            http.client.HTTPSConnection(host, port, timeout=self.patience, context=self._context)
            if self._context
            else http.client.HTTPConnection(host, port, timeout=self.patience)
        )
        try:
            connection.connect()
            self._check_fingerprint(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise Unreachable(self._why_unreachable(error)) from None
            raise
        self._http = connection
        return connection

    def _check_fingerprint(self, connection: http.client.HTTPConnection) -> None:
        if not self.to.fingerprints or not isinstance(connection.sock, ssl.SSLSocket):
            return
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        # Every pin is compared in constant time, and all of them.
        matches = [hmac.compare_digest(shown, pinned) for pinned in self.to.fingerprints]
        if not any(matches):
            raise NetworkError(
                f"The certificate of {self.to} is not the pinned one: its SHA-256 fingerprint is {_colons(shown)}. "
                "Nothing was sent, the password neither. "
                "If the host's certificate was renewed, or the host is another one of the pool, compare with "
                "openssl x509 -noout -fingerprint -sha256 -in /etc/xensource/xapi-ssl.pem on the host and add it to fingerprint."
            )

    def _why_unreachable(self, error: Exception) -> str:
        host, port = self.to.address
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {self.to} cannot be trusted: {error.verify_message or error.reason}. {self._shown_certificate()}"
                "Give the certificate or its authority in ca_path, or pin it with fingerprint."
            )
        if isinstance(error, ssl.SSLError):
            return f"{self.to} does not speak TLS as this machine wants it ({error.reason or error}): is port {port} the port of xapi?"
        if isinstance(error, socket.gaierror):
            return f"The name {host} cannot be resolved ({error.strerror})."
        if isinstance(error, ConnectionRefusedError):
            return f"{self.to} refuses connections on port {port}: its xapi is down or restarting."
        if isinstance(error, TimeoutError):
            return f"{self.to} cannot be reached on port {port} within {self.patience:g} s: the host is down, or a firewall is in between."
        return f"{self.to} cannot be reached on port {port} ({_reason(error)})."

    def _shown_certificate(self) -> str:
        """The fingerprint of the certificate that could not be verified, for the admin to compare."""
        try:
            with (
                socket.create_connection(self.to.address, timeout=min(self.patience, 5.0)) as plain,
                _unverified().wrap_socket(plain) as encrypted,
            ):
                return f"Its SHA-256 fingerprint is {_colons(hashlib.sha256(encrypted.getpeercert(binary_form=True) or b'').hexdigest())}. "
        except (OSError, ValueError):
            return ""

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        """Reads the reply in large pieces, and no more than any reply of XAPI has."""
        pieces, length = [], 0
        while piece := response.read1(CHUNK):
            pieces.append(piece)
            length += len(piece)
            if length > MOST_BYTES:
                raise _TooLarge
        if response.length:  # fewer bytes than announced
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read1 does not notice the end by itself; the connection is kept
        return b"".join(pieces)

    def _parsed(self, body: bytes) -> Any:
        unmarshaller = _Unmarshaller()
        parser = xmlrpc.client.ExpatParser(unmarshaller)
        try:
            parser.feed(body)
            parser.close()
            return unmarshaller.close()
        except xmlrpc.client.Fault as fault:
            raise ConnectionLost(f"{self.to} answered with a fault of XML-RPC ({fault.faultCode}) instead of a reply of XAPI.") from None
        except Exception:
            self.close()
            raise ConnectionLost(f"{self.to} answered something that is not XAPI: is port {self.to.address[1]} the port of xapi?") from None


class _Unmarshaller(xmlrpc.client.Unmarshaller):
    """Leaves dates as the text that XAPI sent, so that records hold nothing but JSON's types."""

    dispatch: dict[str, Any] = dict(xmlrpc.client.Unmarshaller.dispatch)

    def end_date(self, data: str) -> None:
        self.append(data)
        self._value = False

    dispatch["dateTime.iso8601"] = end_date


def _context(connection: Connection) -> ssl.SSLContext:
    if connection.fingerprints or not connection.validate_certs:
        return _unverified()
    if not connection.ca_path:
        return ssl.create_default_context()
    try:
        if os.path.isdir(connection.ca_path):
            context = ssl.create_default_context(capath=connection.ca_path)
        else:
            context = ssl.create_default_context(cafile=connection.ca_path)
    except (OSError, ssl.SSLError) as error:
        raise NetworkError(f"ca_path: {connection.ca_path} holds no certificate in PEM form that can be read ({_reason(error)}).") from None
    # The certificate that a host has made for itself is no authority by the book, which Python 3.13 goes by unless told otherwise.
    context.verify_flags = (context.verify_flags & ~ssl.VERIFY_X509_STRICT) | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _colons(digits: str) -> str:
    return ":".join(re.findall("..", digits.upper()))


def _reason(error: Exception) -> str:
    return shown((error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__)
