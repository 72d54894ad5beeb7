# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's ports: one HTTP or HTTPS endpoint on 127.0.0.1 for each host's xapi."""

from __future__ import annotations

import asyncio
import html
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from xapi_twin.datamodel.errors import ConnectionDropped
from xapi_twin.rpc.decode import read_json, read_xml
from xapi_twin.rpc.values import Malformed, Wire
from xapi_twin.server import cli
from xapi_twin.server.certificate import make_certificate
from xapi_twin.server.get import get
from xapi_twin.server.reply import Reply
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin

LARGEST_REQUEST = 300 * 1024  # of xapi (http_limit_max_rpc_size)

_FORBIDDEN = "<html><body><h1>HTTP 403 forbidden</h1>Access to the requested resource is forbidden.</body></html>"
_BROKEN = (
    "<html><body><h1>HTTP 500 internal server error</h1>An unexpected error occurred; please wait a while and try again. If the problem "
    "persists, please contact your support representative.<h1> Additional information </h1>{}</body></html>"
)


async def respond(host: Host, method: str, path: str, body: bytes, authorization: str = "") -> Reply:
    """What the xapi of a host answers to an HTTP request. Raises ConnectionDropped when it does not answer."""
    if method == "OPTIONS":
        return Reply(200, "OK")
    if method == "HEAD":
        return Reply(501, "Method not implemented")
    if method == "GET":
        return get(host.pool, path, authorization) or Reply(403, "Forbidden", _FORBIDDEN)
    if method != "POST":
        return Reply(403, "Forbidden", _FORBIDDEN)
    is_json = path.startswith("/jsonrpc")
    try:
        call = read_json(body) if is_json else read_xml(body)
    except Malformed as malformed:
        return Reply(500, "Internal Error", _BROKEN.format(html.escape(str(malformed)).replace("&#x27;", "&apos;")))
    answer = await host.dispatcher.answer(host.ref, call.method, call.arguments, call.wire, len(body))
    writer = host.pool.writer
    if call.wire is not Wire.XML:
        text = writer.json_success(call, answer.type, answer.value) if answer.error is None else writer.json_failure(call, answer.error)
        return Reply(200, "OK", text, "application/json", answer.number)
    if answer.error is not None:
        text = writer.xml_failure(answer.error)
    elif answer.bare:
        text = writer.xml_bare(answer.type, answer.value)
    else:
        text = writer.xml_success(answer.type, answer.value)
    return Reply(200, "OK", text, "text/xml", answer.number)


@dataclass(frozen=True)
class Listen:
    """Where the ports of the hosts are: at addresses of their own with the same ports, or all at 127.0.0.1 with any ports (0).

    `addresses` are by host reference. `http`: a second port of XAPI, without TLS, as hosts have it; 0: none.
    """

    addresses: Mapping[str, str] = field(default_factory=dict)
    xapi: int = 0
    ssh: int = 0
    http: int = 0

    def address(self, host: str) -> str:
        return self.addresses.get(host, "127.0.0.1")


ANYWHERE = Listen()


@dataclass
class _Route:
    """Whose port it is: a host may leave its pool for another one."""

    host: Host


@dataclass
class _Endpoint:
    """One host's port. `guard` keeps the port while nobody listens, so that it refuses connections and cannot be taken."""

    address: str
    port: int
    guard: socket.socket
    web: web.Server
    context: ssl.SSLContext | None
    route: _Route
    listening: asyncio.AbstractServer | None = None


class Server:
    """The endpoints of all hosts of a twin. `urls`: host reference -> address; `certificate`: the file that clients verify them with."""

    def __init__(self, tls: bool = True) -> None:
        self.tls = tls
        self.urls: dict[str, str] = {}
        self.certificate: Path | None = None
        self._endpoints: dict[str, list[_Endpoint]] = {}
        self._context: ssl.SSLContext | None = None

    async def start(self, twin: Twin, folder: Path, listen: Listen = ANYWHERE) -> None:
        """Open the ports of all hosts whose xapi runs; the certificate goes into the folder. Raises OSError for a port that cannot be."""
        if self.tls:
            records = [host.record for host in twin.all_hosts()]
            self.certificate = folder / "ca.pem"
            self._context = make_certificate(
                self.certificate, [record["hostname"] for record in records], [record["address"] for record in records]
            )
            for one in twin.all_pools():
                one.pool.certificate = self.certificate.read_text(encoding="utf-8")
        for host in twin.all_hosts():
            ref = host.ref
            address = listen.address(ref)
            first = self._endpoint(_Route(host), address, listen.xapi, self._context)
            self._endpoints[ref] = [first]
            if listen.http and self.tls:
                self._endpoints[ref].append(self._endpoint(_Route(host), address, listen.http, None))
            usual = first.port == (443 if self.tls else 80)
            self.urls[ref] = f"{'https' if self.tls else 'http'}://{address}{'' if usual else f':{first.port}'}"
            if host.xapi != "stopped":
                await self.accept(ref)

    @staticmethod
    def _endpoint(route: _Route, address: str, port: int, context: ssl.SSLContext | None) -> _Endpoint:
        guard = _socket(address, port)
        bound: int = guard.getsockname()[1]
        return _Endpoint(address, bound, guard, web.Server(_handler(route), access_log=None), context, route)

    def hand_over(self, host: str, new: Host) -> None:
        """The host's port is that of a host of another pool from now on."""
        self._endpoints[new.ref] = self._endpoints.pop(host)
        self.urls[new.ref] = self.urls.pop(host)
        for endpoint in self._endpoints[new.ref]:
            endpoint.route.host = new

    async def stop(self) -> None:
        """Close everything."""
        for ref, endpoints in tuple(self._endpoints.items()):
            await self.refuse(ref)
            for endpoint in endpoints:
                await endpoint.web.shutdown(0)
                endpoint.guard.close()
        self._endpoints.clear()

    def listens(self, host: str) -> bool:
        """Whether the host's port takes connections."""
        return any(endpoint.listening is not None for endpoint in self._endpoints.get(host, ()))

    async def refuse(self, host: str) -> None:
        """The host's xapi is down: its connections end, new ones are refused."""
        for endpoint in self._endpoints.get(host, ()):
            if endpoint.listening is not None:
                endpoint.listening.close()
                endpoint.listening = None
            for connection in endpoint.web.connections:
                if connection.transport is not None:
                    connection.transport.abort()

    async def accept(self, host: str) -> None:
        """The host's xapi listens again, on the same port."""
        for endpoint in self._endpoints.get(host, ()):
            if endpoint.listening is None:
                listener = _socket(endpoint.address, endpoint.port)
                endpoint.listening = await asyncio.get_running_loop().create_server(
                    endpoint.web, sock=listener, ssl=endpoint.context, backlog=128
                )


def _socket(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the guard and the listener share the port
    bound.bind((address, port))
    bound.setblocking(False)
    return bound


def _handler(route: _Route) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.read()
            if len(body) > LARGEST_REQUEST:
                raise ConnectionDropped
            host = route.host
            if request.method == "POST" and request.path == "/cli":
                await cli.serve(host, request, body)
                return web.Response()  # goes nowhere
            reply = await respond(host, request.method, request.path_qs, body, request.headers.get("Authorization", ""))
        except ConnectionDropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # goes nowhere
        content = reply.body.encode()
        response = web.Response(
            status=reply.status,
            reason=reply.reason,
            body=content,
            headers={
                "Content-Type": reply.content_type,
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Headers": "X-Requested-With",
            },
        )
        if reply.number:
            host.pool.journal.sent(reply.number, len(content))
        return response

    return handle
