# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP reply, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """An HTTP reply. `number`: that of the journal when it answers a call, else 0."""

    status: int
    reason: str
    body: str = ""
    content_type: str = "text/html"
    number: int = 0
