# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /cli: the program `xe`, wherever it runs, hands over its words and is told what to print, over the same connection.

The "thin CLI protocol" (cli_protocol.ml): there is no HTTP reply. Each side says which version it speaks; then messages go, each with its
length before it. Numbers are of 32 bits, the lowest byte first; text has its length before it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from xapi_twin import xe
from xapi_twin.twin.host import Host

PREFIX = b"XenSource thin CLI protocol"
VERSION = (0, 2)

# Tags of messages, and of the commands, answers and pieces of files in them.
COMMAND, RESPONSE, BLOB = 9, 10, 11
PRINT, PROMPT, EXIT, HTTP_GET, ERR = 0, 3, 4, 12, 16
OK, WAIT, CHUNK = 5, 18, 7

_LONGEST = 64 * 1024  # of what an honest xe says


def number(value: int) -> bytes:
    return struct.pack("<i", value)


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return number(len(data)) + data


def message(*parts: bytes) -> bytes:
    """A command to the program, as it goes over the wire."""
    payload = number(COMMAND) + b"".join(parts)
    return number(len(payload)) + payload


def words(body: bytes) -> list[str]:
    """The command line in the body of the request: a word in each line."""
    return [line.removesuffix("\r") for line in body.decode("utf-8", "surrogateescape").split("\n")]


@dataclass
class _Remote:
    """The program at the other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def out(self, line: str) -> None:
        self.writer.write(message(number(PRINT), text(line)))

    def err(self, line: str) -> None:
        self.writer.write(message(number(ERR), text(line)))

    async def line(self) -> str:
        self.writer.write(message(number(PROMPT)))
        kind, tag, length = struct.unpack("<iii", await self._message())
        typed = await self.reader.readexactly(min(max(length, 0), _LONGEST)) if (kind, tag) == (BLOB, CHUNK) else b""
        await self._message()  # the end of the blob
        return typed.decode("utf-8", "replace")

    async def fetch(self, name: str, path: str, content: Callable[[], str]) -> bool:
        """The program gets it by itself, with a GET to the same server."""
        self.writer.write(message(number(HTTP_GET), text(name), text(path)))
        while True:
            kind, tag = struct.unpack("<ii", (await self._message())[:8])
            if (kind, tag) != (RESPONSE, WAIT):
                return (kind, tag) == (RESPONSE, OK)

    async def _message(self) -> bytes:
        """The next message of the program. Raises IncompleteReadError when it is gone, ValueError when it speaks something else."""
        (length,) = struct.unpack("<i", await self.reader.readexactly(4))
        if not 8 <= length <= _LONGEST:
            raise ValueError(f"a message of {length} bytes")
        return await self.reader.readexactly(length)


class _Connection(asyncio.StreamReaderProtocol):
    """Takes a connection over from the HTTP server, which still has to hear of its end."""

    def __init__(self, reader: asyncio.StreamReader, before: asyncio.BaseProtocol) -> None:
        super().__init__(reader)
        self._before = before
        self.over = asyncio.Event()

    def eof_received(self) -> bool | None:
        self.over.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        super().connection_lost(exc)
        self._before.connection_lost(exc)


async def serve(host: Host, request: web.BaseRequest, body: bytes) -> None:
    """Answer the program over the request's connection, and end it."""
    transport = request.transport
    if transport is None:
        return
    reader = asyncio.StreamReader()
    connection = _Connection(reader, transport.get_protocol())
    transport.set_protocol(connection)
    connection.connection_made(transport)
    transport.resume_reading()
    writer = asyncio.StreamWriter(transport, connection, reader, asyncio.get_running_loop())
    talk = asyncio.ensure_future(_talk(host, body, _Remote(reader, writer)))
    over = asyncio.ensure_future(connection.over.wait())
    try:
        # When the program goes away, or this xapi dies, what waits for something ends.
        await asyncio.wait({talk, over}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        talk.cancel()
        with suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError, ValueError, struct.error):
            await talk
        writer.close()


async def _talk(host: Host, body: bytes, remote: _Remote) -> None:
    remote.writer.write(PREFIX + number(VERSION[0]) + number(VERSION[1]))
    greeting = await remote.reader.readexactly(len(PREFIX) + 8)
    if not greeting.startswith(PREFIX + number(VERSION[0])):
        return
    status = await xe.answer(host, words(body), remote, trusted=False)
    remote.writer.write(message(number(EXIT), number(status)))
    await remote.writer.drain()
