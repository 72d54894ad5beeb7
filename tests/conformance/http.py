# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A literal HTTP request over a socket of its own, as the recorder sent it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit


async def request(url: str, wanted: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Send the request of a recording's `http` step; answers status, reason and body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = (
        f"{wanted['method']} {wanted['path']} HTTP/1.0\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {wanted['content_type']}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    head_bytes, _unused, content = answer.partition(b"\r\n\r\n")
    _protocol, status, reason = head_bytes.split(b"\r\n", 1)[0].decode().split(" ", 2)
    return {"status": int(status), "reason": reason, "body": content.decode()}
