# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program xe of our own, which speaks to a port of XAPI as the real one does (xen-api: ocaml/xe-cli/newcli.ml)."""

from __future__ import annotations

import socket
import ssl
import struct
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PREFIX = b"XenSource thin CLI protocol"


@dataclass
class Xe:
    """Asks one server. `files`: what it was told to fetch, by name; `typed`: what its user answers when asked."""

    url: str
    user: str = "root"
    password: str = "twin"
    typed: str = ""
    version: int = 0
    out: str = ""
    err: str = ""
    files: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, *words: str) -> int:
        """Run a command; answers the exit status. Raises EOFError when the server goes away."""
        self.out = self.err = ""
        with self.begin(*words) as connection:
            while True:
                (length,) = struct.unpack("<i", self._read(connection, 4))
                status = self._obey(connection, self._read(connection, length))
                if status is not None:
                    return status

    def begin(self, *words: str) -> socket.socket:
        """Connect, hand over the words and tell each other which protocol it is."""
        parts = urlsplit(self.url)
        connection = socket.create_connection((parts.hostname or "", parts.port or 443), timeout=20)
        if parts.scheme == "https":
            connection = _trusting().wrap_socket(connection)
        body = "\n".join([*words, f"username={self.user}", f"password={self.password}"]).encode()
        head = f"POST /cli HTTP/1.0\r\nUser-agent: xe-cli/Unix/0.2\r\noriginator: cli\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert self._read(connection, len(PREFIX)) == PREFIX
        assert struct.unpack("<ii", self._read(connection, 8)) == (0, 2)
        connection.sendall(PREFIX + struct.pack("<ii", self.version, 2))
        return connection

    def _obey(self, connection: socket.socket, payload: bytes) -> int | None:
        """What one message says to do; the status when it is the last."""
        kind, tag = struct.unpack("<ii", payload[:8])
        assert kind == 9
        if tag == 4:
            return int(struct.unpack("<i", payload[8:])[0])
        texts = list(_texts(payload[8:]))
        if tag == 0:
            self.out += texts[0] + "\n"
        elif tag == 16:
            self.err += texts[0]
        elif tag == 3:
            data = self.typed.encode()
            connection.sendall(struct.pack("<iiii", 12, 11, 7, len(data)) + data + struct.pack("<iii", 8, 11, 8))
        elif tag == 12:
            with urllib.request.urlopen(self.url + texts[1], context=_trusting()) as answer:
                self.files[texts[0]] = answer.read()
            connection.sendall(struct.pack("<iii", 8, 10, 18) + struct.pack("<iii", 8, 10, 5))
        return None

    @staticmethod
    def _read(connection: socket.socket, length: int) -> bytes:
        data = b""
        while len(data) < length:
            chunk = connection.recv(length - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data


def _trusting() -> ssl.SSLContext:
    """xe verifies nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _texts(data: bytes) -> list[str]:
    found = []
    while data:
        (length,) = struct.unpack("<i", data[:4])
        found.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    return found
