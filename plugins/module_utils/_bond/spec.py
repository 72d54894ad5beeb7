# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the user wants, as one value: the options of xs_bond and xs_bond_info, checked for what can be checked without a pool."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import MODES, Prediction, wrong_properties
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

STRATEGIES = ("direct", "restart")

# The codes that `accept` may name. Every other problem is fatal.
RISKS = (
    "cluster",
    "fcoe",
    "ha_enabled",
    "ipv6_lost",
    "management",
    "mtu",
    "no_link",
    "pending_tasks",
    "storage_in_use",
    "vifs_in_use",
)

# The options of xs_bond and xs_bond_info; the doc fragment spec describes them.
SPEC_OPTIONS: dict[str, Any] = {
    "network": {"type": "str"},
    "network_uuid": {"type": "str"},
    "nics": {"type": "list", "elements": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "mode": {"type": "str", "choices": list(MODES), "default": "active-backup"},
    "properties": {"type": "dict", "default": {}},
    "mac": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "strategy": {"type": "str", "choices": list(STRATEGIES), "default": "direct"},
    "mtu": {"type": "int"},
    "purpose": {"type": "str"},
    "disallow_unplug": {"type": "bool"},
    "vlans": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"tag": {"type": "int", "required": True}, "network": {"type": "str", "required": True}},
    },
    "addresses": {"type": "dict", "default": {}},
    "expected": {"type": "dict", "default": {}},
    "picture": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int"},
}


class WishError(Exception):
    """The options contradict each other or cannot be meant. The sentence says which and what to write instead."""


@dataclass(frozen=True)
class Address:
    """The IPv4 configuration that one host's bond is to have."""

    mode: str = "static"
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns: str = ""

    @property
    def xapi_mode(self) -> str:
        """XAPI's word: Static, DHCP or None."""
        return {"static": "Static", "dhcp": "DHCP", "none": "None"}[self.mode]


@dataclass(frozen=True)
class VlanWish:
    """A VLAN on the bond: `network` is the name of the network that carries the tag."""

    tag: int
    network: str


@dataclass(frozen=True)
class BondSpec:
    """A bond as it should be. `hosts` empty: every host of the pool. `mtu`, `purpose` and `disallow_unplug` None: as they are."""

    network: str = ""
    network_uuid: str = ""
    nics: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    mode: str = "active-backup"
    properties: Mapping[str, str] = field(default_factory=dict)
    mac: str = ""
    state: str = "present"
    on_drift: str = "fail"
    accept: frozenset[str] = frozenset()
    strategy: str = "direct"
    mtu: int | None = None
    purpose: str | None = None
    disallow_unplug: bool | None = None
    vlans: tuple[VlanWish, ...] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)

    @property
    def absent(self) -> bool:
        return self.state == "absent"

    @property
    def called(self) -> str:
        """The network as the user named it."""
        return self.network or self.network_uuid


def read(options: Mapping[str, Any]) -> BondSpec:
    """The spec that these task options express. Raises WishError."""
    spec = BondSpec(
        network=options.get("network") or "",
        network_uuid=options.get("network_uuid") or "",
        nics=tuple(options.get("nics") or ()),
        hosts=tuple(options.get("hosts") or ()),
        mode=options.get("mode") or "active-backup",
        properties={key: property_text(value) for key, value in (options.get("properties") or {}).items()},
        mac=(options.get("mac") or "").lower(),
        state=options.get("state") or "present",
        on_drift=options.get("on_drift") or "fail",
        accept=frozenset(options.get("accept") or ()),
        strategy=options.get("strategy") or "direct",
        mtu=options.get("mtu"),
        purpose=options.get("purpose"),
        disallow_unplug=options.get("disallow_unplug"),
        vlans=tuple(VlanWish(int(vlan["tag"]), vlan["network"]) for vlan in options.get("vlans") or ()),
        addresses={host: _address(host, values) for host, values in (options.get("addresses") or {}).items()},
    )
    _check(spec)
    return spec


def property_text(value: Any) -> str:
    """XAPI's properties are texts; YAML gives true for "true"."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _check(spec: BondSpec) -> None:
    if bool(spec.network) == bool(spec.network_uuid):
        raise WishError("Name the bond's network by either network or network_uuid.")
    unknown = sorted(spec.accept - set(RISKS))
    if unknown:
        raise WishError(
            f"accept names {', '.join(unknown)}, and no risk is called so. The risks that can be accepted are {', '.join(RISKS)}."
        )
    if spec.absent:
        return
    _no_repeats("nics", spec.nics)
    _no_repeats("hosts", spec.hosts)
    if len(spec.nics) < 2:
        raise WishError(
            f"A bond needs at least two NICs; nics names {', '.join(spec.nics) or 'none'}. XAPI would accept one and make a bond that"
            " protects nothing."
        )
    if spec.mode not in MODES:
        raise WishError(f"There is no bond mode {spec.mode}; XAPI knows {', '.join(MODES)}.")
    wrong = wrong_properties(spec.mode, spec.properties)
    if wrong:
        raise WishError(f"The bond's properties cannot be: {'; '.join(wrong)}.")
    if spec.mac and not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", spec.mac):
        raise WishError(f"{spec.mac} is not a MAC address; write it as 00:26:55:d1:e8:cc.")
    if spec.mac and len(spec.hosts) != 1:
        raise WishError("A MAC can be given to the bond of one host only: name that host in hosts.")
    if spec.mtu is not None and not 68 <= spec.mtu <= 65535:
        raise WishError(f"An MTU of {spec.mtu} is not possible; 1500 and 9000 are usual.")
    given = [address.ip for address in spec.addresses.values() if address.ip]
    _no_repeats("addresses", given)
    _no_repeats("vlans", tuple(str(vlan.tag) for vlan in spec.vlans))
    for vlan in spec.vlans:
        if not 0 <= vlan.tag <= 4094:
            raise WishError(f"There is no VLAN {vlan.tag}; tags go from 0 to 4094.")


def _no_repeats(option: str, values: Sequence[str]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise WishError(f"{option} names {', '.join(repeated)} twice.")


def _address(host: str, values: Mapping[str, Any]) -> Address:
    address = Address(**{key: str(values.get(key) or "") or getattr(Address, key) for key in ("mode", "ip", "netmask", "gateway", "dns")})
    if address.mode not in ("static", "dhcp", "none"):
        raise WishError(f"The address of {host} has mode {address.mode}; it can be static, dhcp or none.")
    if address.mode == "static":
        try:
            interface = ipaddress.IPv4Interface(f"{address.ip}/{address.netmask}")
        except ValueError as error:
            raise WishError(
                f"The address of {host} needs an ip and a netmask; found ip '{address.ip}', netmask '{address.netmask}'."
            ) from error
        if address.gateway and not _within(address.gateway, interface.network):
            raise WishError(f"The gateway {address.gateway} of {host} is not in {interface.network}.")
    return address


def _within(text: str, network: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Address(text) in network
    except ValueError:
        return False


# Of the modules that take a spec.
SPEC_CONSTRAINTS: Mapping[str, Any] = {
    "supports_check_mode": True,
    "mutually_exclusive": [("network", "network_uuid")],
    "required_one_of": [("network", "network_uuid")],
    "required_if": [("state", "present", ("nics",))],
}


def from_task(options: Mapping[str, Any]) -> BondSpec:
    """`read` for a module: what is wrong with the options ends the task. Raises NetworkError."""
    try:
        return read(options)
    except WishError as error:
        raise NetworkError(str(error)) from error


def read_expected(options: Mapping[str, Any]) -> dict[str, Prediction]:
    """The predictions handed to a task in `expected`, by host uuid. Raises NetworkError when they are not those of a plan."""
    predictions = {}
    for host, values in (options.get("expected") or {}).items():
        try:
            if not values:
                raise ValueError("nothing")
            if values.get("expected"):
                prediction = Prediction.from_dict(values["expected"])
                predictions[prediction.host_uuid] = prediction
        except (AttributeError, TypeError, ValueError) as error:
            raise NetworkError(
                f"expected: what is given for {host} is not the prediction of a plan ({error}). Hand over the hosts that xs_bond returned."
            ) from error
    return predictions
