# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something that a task does while it does something else. Private to the collection."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def beside(run: Callable[[], T]) -> Iterator[Future[T]]:
    """Does it in a thread of its own. The block ends when it has ended, too."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        # Ansible keeps the context of a task in context variables, and a thread begins with none.
        yield threads.submit(contextvars.copy_context().run, run)
