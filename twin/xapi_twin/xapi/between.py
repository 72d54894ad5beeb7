# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""States in between: what one write leaves until the next. A pool shows each of them for milliseconds, so that hardly a test ever sees one.

Held, each is there until a client has read it (or nobody has for some seconds), and only then does the work go on: whoever reads while
something is under way reads a moment in the middle of it.
"""

from __future__ import annotations

import asyncio

from xapi_twin.database import Change, Database

# What a client reads to learn what has become of the network. Sessions and tasks change with every call, whatever the pool does.
CLASSES = frozenset({"pool", "host", "host_metrics", "network", "PIF", "PIF_metrics", "Bond", "VLAN", "tunnel", "VIF"})


class Between:
    """Holds states for a twin. `seconds`: how long at the longest when nobody reads; 0 holds nothing."""

    def __init__(self, database: Database, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._last = 0  # the number of the last change that a client could see
        self._read = 0  # the last such that a client has read
        self._waiting: set[asyncio.Future[None]] = set()
        database.observers.append(self._changed)

    def is_read(self) -> None:
        """A client has just read the pool."""
        self._read = self._last
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def hold(self) -> None:
        """Wait until the pool as it is now has been read."""
        if not self.seconds or self._read == self._last:
            return
        shown = self._last
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=self.seconds)
        finally:
            self._waiting.discard(future)
        self._read = max(self._read, shown)  # by somebody, or by nobody: it is not held a second time

    def _changed(self, change: Change) -> None:
        if change.cls in CLASSES:
            self._last = change.version
