# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xcp-networkd says when ovs-vsctl fails under it: the text that PIF_CONFIGURATION_ERROR carries (recorded; network_utils.ml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NO_DEVICE, CONFLICT = 65, 1  # ovs-vsctl's exit codes


def script_error(arguments: str, code: int, said: str) -> str:
    """A script of dom0 that failed, as OCaml's exception prints it."""
    where = f"script = /usr/bin/ovs-vsctl, args = --timeout=20 -- --may-exist {arguments}"
    return f"script error [{where}, code = Exit code {code}, stdout = , stderr = {said}\n]"


def taken(bridge: str, device: str, other: str) -> str:
    """A NIC cannot go to a bridge because another bridge has it."""
    said = f"ovs-vsctl: cannot create a port named {device} because an interface named {device} already exists on bridge {other}"
    return script_error(f"add-port {bridge} {device}", CONFLICT, said)


def no_device(bridge: str, bond: str, devices: Sequence[str], mac: str, settings: Sequence[str], missing: str) -> str:
    """A bond of which one NIC is not there."""
    arguments = " ".join(["add-bond", bridge, bond, *devices, f'-- set port {bond} MAC="{mac}"', *settings])
    said = (
        f"ovs-vsctl: Error detected while setting up '{missing}': could not open network device {missing} (No such device)."
        '  See ovs-vswitchd log for details.\novs-vsctl: The default log directory is "/var/log/openvswitch".'
    )
    return script_error(arguments, NO_DEVICE, said)


def bond_settings(mode: tuple[str, str], timers: Mapping[str, int], properties: Mapping[str, str]) -> list[str]:
    """The settings of a bond's port, in networkd's order. `mode`: bond_mode and lacp in the switch's words."""
    return [
        f"lacp={mode[1]}",
        f"bond_mode={mode[0]}",
        f"bond_updelay={timers['updelay']}",
        f"bond_downdelay={timers['downdelay']}",
        f"other-config:bond-miimon-interval={timers['miimon']}",
        f"other-config:bond-detect-mode={'carrier' if timers['use_carrier'] else 'miimon'}",
        f"other-config:bond-rebalance-interval={timers['rebalance-interval']}",
        *(f'other-config:{name}="{properties[name]}"' for name in ("lacp-time", "lacp-fallback-ab") if name in properties),
    ]
