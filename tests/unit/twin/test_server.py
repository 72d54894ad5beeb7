# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports: TLS with a certificate that can be verified, a closed port that stays ours, connections that are cut."""

from __future__ import annotations

import asyncio
import socket
import ssl
import xmlrpc.client
from urllib.parse import urlsplit

import pytest

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin.scenario.load import read_scenario
from xapi_twin.serving.ports import Serving


async def start(tls: bool) -> Serving:
    return await Serving.start(read_scenario(THREE_HOSTS, "ground", restart_seconds=0), tls=tls, ssh=False)


async def request(serving: Serving, host: str, body: bytes, context: ssl.SSLContext | None = None) -> bytes:
    port = urlsplit(serving.server.urls[serving.twin.host(host).ref]).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


LIST = xmlrpc.client.dumps((), "system.listMethods").encode()


async def test_the_certificate_is_verified_with_the_file_that_the_twin_writes() -> None:
    async with await start(tls=True) as serving:
        assert serving.server.certificate is not None
        context = ssl.create_default_context(cafile=serving.server.certificate)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        assert b"PIF.plug" in await request(serving, "xs-1", LIST, context=_for_loopback(context))
        with pytest.raises(ssl.SSLCertVerificationError):
            await request(serving, "xs-1", LIST, context=_for_loopback(ssl.create_default_context()))


def _for_loopback(context: ssl.SSLContext) -> ssl.SSLContext:
    assert context.check_hostname, "the address 127.0.0.1 is in the certificate"
    return context


async def test_the_journal_knows_how_long_requests_and_replies_were() -> None:
    async with await start(tls=False) as serving:
        _unused, _unused, body = (await request(serving, "xs-1", LIST)).partition(b"\r\n\r\n")
        assert (serving.twin.journal[0].bytes_in, serving.twin.journal[0].bytes_out) == (len(LIST), len(body))


async def test_every_host_has_a_port_of_its_own() -> None:
    async with await start(tls=False) as serving:
        assert len(set(serving.server.urls.values())) == 3
        login = xmlrpc.client.dumps(("root", "twin"), "session.login_with_password").encode()
        assert b"OpaqueRef:" in await request(serving, "xs-1", login)
        assert b"HOST_IS_SLAVE" in await request(serving, "xs-2", login)


async def test_a_closed_port_refuses_stays_taken_and_opens_again() -> None:
    async with await start(tls=False) as serving:
        member = serving.twin.host("xs-2").ref
        port = urlsplit(serving.server.urls[member]).port
        await serving.server.refuse(member)
        assert not serving.server.listens(member)
        with pytest.raises(ConnectionRefusedError):
            await request(serving, "xs-2", LIST)
        with socket.socket() as thief, pytest.raises(OSError):
            thief.bind(("127.0.0.1", port))
        await serving.server.accept(member)
        assert b"PIF.plug" in await request(serving, "xs-2", LIST)


async def test_closing_a_port_cuts_the_connections_that_wait() -> None:
    async with await start(tls=False) as serving:
        session = serving.twin.dispatcher.open_session("a test")
        waiting = asyncio.ensure_future(request(serving, "xs-1", xmlrpc.client.dumps((session, ["bond"], "", 30.0), "event.from").encode()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await serving.server.refuse(serving.twin.master)
        assert await asyncio.wait_for(waiting, 5) == b"", "no reply, not even an HTTP error"


async def test_a_planned_drop_closes_the_connection_without_a_reply() -> None:
    async with await start(tls=False) as serving:
        serving.twin.faults.add({"when": {"method": "pool.get_all"}, "do": "drop"})
        call = xmlrpc.client.dumps((serving.twin.dispatcher.open_session("a test"),), "pool.get_all").encode()
        assert await asyncio.wait_for(request(serving, "xs-1", call), 5) == b""
        assert b"Success" in await request(serving, "xs-1", call)


async def test_a_request_that_is_too_long_is_not_read() -> None:
    async with await start(tls=False) as serving:
        assert await asyncio.wait_for(request(serving, "xs-1", b"x" * 400_000), 5) == b""
