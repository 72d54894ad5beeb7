# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is not the control node: its commands run here, but in an environment without the control node's XENSERVER_ variables."""

from __future__ import annotations

from typing import Any

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = r"""
name: elsewhere
short_description: A stand-in for a bastion host
description: Runs commands on this machine as if it were another.
extends_documentation_fragment: [connection_pipelining]
"""

HIDDEN = ("HOST", "USER", "PASSWORD", "VALIDATE_CERTS", "CA_PATH", "FINGERPRINT", "TIMEOUT")


class Connection(Local):
    transport = "elsewhere"

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Any:
        hidden = " ".join(f"-u XENSERVER_{name}" for name in HIDDEN)
        return super().exec_command(f"env {hidden} {cmd}", in_data=in_data, sudoable=sudoable)
