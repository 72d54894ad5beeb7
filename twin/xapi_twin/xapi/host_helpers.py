# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's records say of it: enabled, live, and the operations that it allows (ocaml/xapi/xapi_host_helpers.ml)."""

from __future__ import annotations

from xapi_twin.xapi.state import HostState

# What host.allowed_operations shows (recorded); a disabled host may also be rebooted, shut down and updated.
ENABLED_OPERATIONS = ("vm_migrate", "provision", "vm_resume", "enable", "evacuate", "vm_start")
DISABLED_OPERATIONS = (
    "vm_migrate", "provision", "vm_resume", "apply_updates", "enable", "reboot", "evacuate", "vm_start", "shutdown",
)  # fmt: skip


def set_enabled(host: HostState, enabled: bool) -> None:
    """host.enable, host.disable."""
    host.pool.database.set("host", host.ref, enabled=enabled)


def set_operations(host: HostState) -> None:
    """The operations follow what the host is; this takes a moment, as xapi works them out after the change."""
    if "allowed_operations" in host.record:
        operations = ENABLED_OPERATIONS if host.record["enabled"] else DISABLED_OPERATIONS
        host.pool.database.set("host", host.ref, allowed_operations=list(operations))


def set_live(host: HostState, live: bool) -> None:
    """Whether the master hears of the host."""
    host.pool.database.set("host_metrics", host.record["metrics"], live=live)


def declare_dead(host: HostState) -> None:
    """The master has not heard of the host for ten minutes, or an admin declares it dead."""
    if not host.powered or host.xapi != "running":
        set_live(host, False)
        set_enabled(host, False)
