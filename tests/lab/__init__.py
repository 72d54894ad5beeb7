# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: pool hosts with a real Open vSwitch and a real sshd, in namespaces of one machine."""

from __future__ import annotations

from pathlib import Path

#: Where everything of the lab lives: in memory, in a /run that only the lab's processes see. Short, for the sake of sockets.
FOLDER = Path("/run/lab")
#: Set in the environment of processes in the lab's namespaces.
INSIDE = "XAPI_LAB_INSIDE"
#: Likewise: the number of a process that other terminals can enter these namespaces by.
PID = "XAPI_LAB_PID"
