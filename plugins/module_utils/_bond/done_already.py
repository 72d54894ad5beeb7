# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an interrupted run of a plan makes of the facts of a host, and what it does not. Facts are texts by label: "eth2 address". Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

MAKING = frozenset({"create_bond", "restart_agent", "destroy_bond"})
_ADDRESS = ("IP configuration", "address", "netmask", "gateway", "DNS")
_SIX = ("IPv6 configuration", "IPv6 addresses", "IPv6 gateway", "DNS")
_UNPLUG = ("disallow_unplug",)
# What each step changes of the bond and its NICs, while it leaves them in place.
_CHANGES: Mapping[str, tuple[str, ...]] = {
    "set_mode": ("bond mode", "bond properties"), "set_property": ("bond properties",), "replug": ("attached", "MTU"),
    "plug": ("attached", "MTU"), "plug_nic": ("attached",), "reconfigure_ip": _ADDRESS, "clear_ip": _ADDRESS, "reconfigure_ipv6": _SIX,
    "set_nic_ipv6": _SIX, "set_other_config": ("other_config",), "set_nic_other_config": ("other_config",),
    "set_disallow_unplug": _UNPLUG, "allow_nic_unplug": _UNPLUG, "plug_vlans": ("attached",), "create_vlan": ("VLANs",),
    "destroy_vlan": ("VLANs",),
}  # fmt: skip
# The same for a host's own facts, which have no device before them.
_OF_A_RESTART = frozenset({"enabled"})
# Where a step may leave one value of several, of the key of the prediction: that, or what it is for a moment.
_COMES_TO: Mapping[str, tuple[str, str]] = {
    "bond mode": ("mode", "active-backup"), "IP configuration": ("ip_mode", "None"), "address": ("ip", ""), "netmask": ("netmask", ""),
    "gateway": ("gateway", ""), "DNS": ("dns", ""), "MTU": ("mtu", ""),
}  # fmt: skip
_MAPS: Mapping[str, str] = {"bond properties": "properties", "other_config": "other_config"}


def unexplained(
    before: Mapping[str, str], now: Mapping[str, str], actions: Collection[str], target: Mapping[str, Any], made: bool
) -> frozenset[str]:
    """The labels of facts that are different, and that no part of these steps (actions of a plan for this host) has made so. `target`:
    what the plan predicts; `made`: whether the host has a bond on the network that it did not have then.
    """
    different = {label for label in {*before, *now} if before.get(label, "") != now.get(label, "")}
    nics = set(target.get("nics") or ())
    bonds = {label.removesuffix(" NICs") for label in {*before, *now} if label.endswith(" NICs")}
    if MAKING & set(actions) and (made or _bonds(before) - _bonds(now)):
        # The NICs have become a bond, or are out of one: all of it is the plan's own.
        own = {label for label in different if _device(label) in nics | bonds}
        return frozenset(different - own - (_OF_A_RESTART if "restart_agent" in actions else frozenset()))
    return frozenset(label for label in different if not _explained(label, before, now, actions, target, nics | bonds))


def _explained(
    label: str, before: Mapping[str, str], now: Mapping[str, str], actions: Collection[str], target: Mapping[str, Any], own: Collection[str]
) -> bool:
    subject, _blank, fact = label.partition(" ")
    if _device(label) not in own:
        return label in _OF_A_RESTART and "restart_agent" in actions
    if "." in subject and f"{subject} uuid" not in before:
        return "create_vlan" in actions
    if "." in subject and f"{subject} uuid" not in now:
        return "destroy_vlan" in actions
    if not any(fact in _CHANGES.get(action, ()) for action in actions):
        return False
    if fact in _MAPS:
        wanted = {f"{key}={value}" for key, value in (target.get(_MAPS[fact]) or {}).items()}
        return _items(now.get(label, "")) <= _items(before.get(label, "")) | wanted
    if fact in _COMES_TO:
        key, meanwhile = _COMES_TO[fact]
        return now.get(label, "") in (str(target.get(key, "")), meanwhile)
    return True


def _device(label: str) -> str:
    """The device that a label is about, that of a VLAN being the one it lies on; not the host's own, whose labels have none."""
    subject, _blank, fact = label.partition(" ")
    return re.sub(r"\.\d+$", "", subject) if fact else ""


def _bonds(facts: Mapping[str, str]) -> set[str]:
    return {value for label, value in facts.items() if label.endswith(" bond uuid")}


def _items(text: str) -> set[str]:
    return {one for one in text.split(", ") if one}
