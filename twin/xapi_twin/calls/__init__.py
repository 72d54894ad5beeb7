# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of XAPI that have a behaviour of their own, one module per class; the rest is generic (see api.py)."""

from __future__ import annotations
