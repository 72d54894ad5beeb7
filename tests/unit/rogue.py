# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that speaks XML-RPC and misbehaves as it is told: what a well-behaved server library would not let a test do."""

from __future__ import annotations

import ssl
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class Drop(Exception):
    """The connection is closed without a reply, after the call has arrived."""


class Silence(Exception):
    """No reply, and the connection stays open."""


@dataclass
class Failure(Exception):
    """XAPI's error: code and arguments."""

    description: list[str]


@dataclass
class Raw(Exception):
    """These bytes instead of a reply of XML-RPC."""

    body: bytes
    status: int = 200
    content_length: int | None = None


@dataclass
class Goodbye(Exception):
    """A good reply, after which the connection is closed without a word."""

    value: Any


@dataclass
class Drip(Exception):
    """A byte of the reply now and then."""

    pause: float


@dataclass
class Socket(Exception):
    """Whatever this function writes to the socket, from the status line on."""

    write: Callable[[Callable[[bytes], None]], None]


Answer = Callable[..., Any]


class Rogue:
    """Answers each method with what `answers` says: a value, an exception of this file, or a function of the call's arguments.

    `arrived` holds every call that came in, in order, as (method, arguments). Logins and logouts work unless told otherwise.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None, certificate: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Any] = {"session.login_with_password": "OpaqueRef:session", "session.logout": "", **(answers or {})}
        self.arrived: list[tuple[str, tuple[Any, ...]]] = []
        self.connections = 0
        self._end = threading.Event()
        rogue = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                rogue.connections += 1
                super().setup()

            def do_POST(self) -> None:
                rogue._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            self._server.socket = certificate.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calls(self, method: str) -> int:
        return [name for name, _arguments in self.arrived].count(method)

    def stop(self) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Rogue:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _value(self, method: str, arguments: Sequence[Any]) -> Any:
        """What the call is to be answered. Raises what it is to be answered otherwise."""
        answer = self.answers.get(method, Failure(["MESSAGE_METHOD_UNKNOWN", method]))
        if isinstance(answer, list) and answer and answer[0] is NEXT:
            answer = answer.pop(1) if len(answer) > 2 else answer[1]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(*arguments)
        if isinstance(answer, Exception) or (isinstance(answer, type) and issubclass(answer, Exception)):
            raise answer
        return answer

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = handler.rfile.read(int(handler.headers["Content-Length"]))
        arguments, method = xmlrpc.client.loads(request)
        self.arrived.append((str(method), arguments))
        status, length, pause = 200, None, 0.0
        try:
            body = reply({"Status": "Success", "Value": self._value(str(method), arguments)})
        except Failure as failure:
            body = reply({"Status": "Failure", "ErrorDescription": failure.description})
        except Raw as raw:
            body, status, length = raw.body, raw.status, raw.content_length
        except Drip as drip:
            body, pause = reply({"Status": "Success", "Value": "x" * 1000}), drip.pause
        except Goodbye as goodbye:
            body = reply({"Status": "Success", "Value": goodbye.value})
            handler.close_connection = True
        except Socket as raw_socket:
            handler.close_connection = True
            with suppress(OSError):  # the client has gone, which is what the test is about
                raw_socket.write(lambda data: _send(handler, data))
            return
        except Drop:
            handler.close_connection = True
            return
        except Silence:
            self._end.wait(60)
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        for number in range(len(body)) if pause else ():
            handler.wfile.write(body[number : number + 1])
            time.sleep(pause)
            if self._end.is_set():
                return
        if not pause:
            handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True


NEXT = object()  # [NEXT, a, b, c]: the answers one after the other; the last one stays


def _send(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(data)


def reply(value: Any) -> bytes:
    return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()


def event(name: str, ref: str, record: Mapping[str, Any] | None, operation: str = "add") -> dict[str, Any]:
    found: dict[str, Any] = {"id": "1", "timestamp": "0.0", "class": name, "operation": operation, "ref": ref}
    return found if record is None else {**found, "snapshot": dict(record)}


def batch(*events: dict[str, Any], token: str = "1") -> dict[str, Any]:
    return {"events": list(events), "token": token, "valid_ref_counts": {}}
