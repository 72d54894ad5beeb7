# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an interrupted run of a plan makes of the facts of a host, and what it does not. Facts are texts by label: "eth2 address". Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import properties_of

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
    own = _own({*before, *now}, target)
    if MAKING & set(actions) and (made or _bonds(before) - _bonds(now)):
        # The NICs have become a bond, or are out of one: all of it is the plan's own.
        restarted = _OF_A_RESTART if "restart_agent" in actions else frozenset()
        return frozenset(label for label in different - restarted if _device(label) not in own)
    changing = _Changing(actions, target, own, _vlans(now) - _vlans(before), lambda label, item: item in _items(before.get(label, "")))
    gone = {label for label in different if "destroy_vlan" in actions and _subject(label) in _vlans(before) - _vlans(now)}
    return frozenset(label for label in different - gone if not changing.explains(label, now.get(label, "")))


def changes_in_place(actions: Collection[str]) -> bool:
    """Whether these steps change a bond and leave it in place."""
    return not MAKING & set(actions) and any(action in _CHANGES for action in actions)


def parted(
    facts: Mapping[str, str], actions: Collection[str], target: Mapping[str, Any], then: Callable[[str], bool] = lambda fact: True
) -> tuple[dict[str, str], list[str]]:
    """Facts of a host whose bond is changed in place: (what these steps leave alone, and in single texts what they may change, or make).

    `then` knows such texts from before the steps; a VLAN that it does not know is a new one. What the steps have made is not among the
    texts.
    """
    new = {vlan for vlan in _vlans(facts) if not then(vlan)}
    changing = _Changing(actions, target, _own(facts, target), new, lambda label, item: then(f"{label}: {item}"))
    alone = {label: value for label, value in facts.items() if value and not changing.touches(label)}
    texts = [*sorted(_vlans(facts) - new)]
    for label, value in sorted(facts.items()):
        if changing.touches(label) and _subject(label) not in new:
            items = sorted(_items(value)) if _fact(label) in _MAPS else [value]
            texts += [f"{label}: {item}" for item in items if then(f"{label}: {item}") or not changing.explains(label, item)]
    return alone, texts


@dataclass(frozen=True)
class _Changing:
    """Steps that leave the bond in place, and what they come to. `own`: the devices that they are about; `new`: VLANs that were not there
    then; `had`: whether the fact of this label had this item then.
    """

    actions: Collection[str]
    target: Mapping[str, Any]
    own: Collection[str]
    new: Collection[str]
    had: Callable[[str, str], bool]

    def touches(self, label: str) -> bool:
        """Whether these steps change this fact, to whatever value."""
        if _device(label) not in self.own:
            return label in _OF_A_RESTART and "restart_agent" in self.actions
        if _subject(label) in self.new:
            return "create_vlan" in self.actions
        return any(_fact(label) in _CHANGES.get(action, ()) for action in self.actions)

    def explains(self, label: str, value: str) -> bool:
        """Whether a fact that was another has this value by these steps."""
        if not self.touches(label):
            return False
        fact = _fact(label)
        if _subject(label) in self.new:
            return True
        if fact in _MAPS:
            wanted = {f"{key}={inner}" for key, inner in [*(self.target.get(_MAPS[fact]) or {}).items(), *self._by_the_mode(fact)]}
            return all(item in wanted or self.had(label, item) for item in _items(value))
        if fact in _COMES_TO:
            key, meanwhile = _COMES_TO[fact]
            return value in (str(self.target.get(key, "")), meanwhile)
        return True

    def _by_the_mode(self, fact: str) -> Iterable[tuple[str, str]]:
        """The properties that come with a mode, until those that are wanted have been set."""
        mode = str(self.target.get("mode", "")) if fact == "bond properties" and "set_mode" in self.actions else ""
        return properties_of(mode, {}).items()


def _own(labels: Collection[str], target: Mapping[str, Any]) -> set[str]:
    """The devices that a plan is about: its NICs, and the bonds that they are in or were in."""
    return {*(target.get("nics") or ()), *(label.removesuffix(" NICs") for label in labels if label.endswith(" NICs"))}


def _vlans(facts: Collection[str]) -> set[str]:
    """The VLANs that there are: "bond0.50"."""
    return {_subject(label) for label in facts if "." in _subject(label) and _fact(label) == "uuid"}


def _subject(label: str) -> str:
    return label.partition(" ")[0]


def _fact(label: str) -> str:
    return label.partition(" ")[2]


def _device(label: str) -> str:
    """The device that a label is about, that of a VLAN being the one it lies on; not the host's own, whose labels have none."""
    return re.sub(r"\.\d+$", "", _subject(label)) if _fact(label) else ""


def _bonds(facts: Mapping[str, str]) -> set[str]:
    return {value for label, value in facts.items() if label.endswith(" bond uuid")}


def _items(text: str) -> set[str]:
    return {one for one in text.split(", ") if one}
