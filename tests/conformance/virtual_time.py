# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An event loop whose clock jumps to the next timer when there is nothing to do: minutes of a pool's life pass in no time, in order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Looks at the sockets without waiting, and reports how long it should have waited."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0 or not self._loop.jumping:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self._loop.elapsed += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual: it stands still while there is work, and jumps while there is none."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.jumping = True
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.elapsed if self.jumping else self.elapsed + super().time() - self._since

    _since = 0.0

    @contextmanager
    def real_time(self) -> Iterator[None]:
        """While real sockets talk, time passes as it does."""
        self._since = super().time()
        self.jumping = False
        try:
            yield
        finally:
            self.elapsed = self.time()
            self.jumping = True


def run(main: Any) -> Any:
    """asyncio.run in virtual time."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
