# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin of a XenServer or XCP-ng pool: it answers XAPI and plays dom0, and can be made to fail like a real one."""

from __future__ import annotations

__version__ = "0.1.0"
