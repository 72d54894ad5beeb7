# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xapi does: calls on their way, sessions, tasks, events, and the rules of the network."""
