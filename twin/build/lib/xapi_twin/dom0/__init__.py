# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's network below xapi: what its dom0 is like, who makes it so (memory, Open vSwitch), and the formats of its tools."""
