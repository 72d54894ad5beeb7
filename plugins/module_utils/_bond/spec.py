# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the user wants, as one value: the options of xs_bond and xs_bond_info, checked for what can be checked without a pool."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import MODES, Prediction, wrong_properties
from ansible_collections.xapi.network.plugins.module_utils._pool import values
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

STRATEGIES = ("direct", "restart")

# The codes that `accept` may name. Every other problem is fatal.
RISKS = (
    "address_missing",
    "bridge_left",
    "cluster",
    "fcoe",
    "ha_enabled",
    "ipv6_lost",
    "lacp_partner",
    "management",
    "mtu",
    "no_link",
    "pending_tasks",
    "same_switch",
    "storage_in_use",
    "vifs_in_use",
)
# What `accept` may name besides: the consent to have VLANs of a bond that is removed put back on their own NICs.
VLANS_BACK = "vlans_back"

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


class SpecError(Exception):
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
class VlanSpec:
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
    vlans: tuple[VlanSpec, ...] = ()
    addresses: Mapping[str, Address] = field(default_factory=dict)

    @property
    def absent(self) -> bool:
        return self.state == "absent"

    @property
    def called(self) -> str:
        """The network as the user named it."""
        return self.network or self.network_uuid


def read(options: Mapping[str, Any]) -> BondSpec:
    """The spec that these task options express. Raises SpecError."""
    try:
        spec = BondSpec(
            network=options.get("network") or "",
            network_uuid=options.get("network_uuid") or "",
            nics=_words("nics", options.get("nics")),
            hosts=tuple(values.name("hosts", str(host)) for host in options.get("hosts") or ()),
            mode=options.get("mode") or "active-backup",
            properties={key: property_text(value) for key, value in (options.get("properties") or {}).items()},
            mac=values.mac("mac", options["mac"]) if options.get("mac") else "",
            state=options.get("state") or "present",
            on_drift=options.get("on_drift") or "fail",
            accept=frozenset(options.get("accept") or ()),
            strategy=options.get("strategy") or "direct",
            mtu=None if options.get("mtu") is None else values.mtu("mtu", options["mtu"]),
            purpose=None if options.get("purpose") is None else values.name("purpose", options["purpose"]),
            disallow_unplug=options.get("disallow_unplug"),
            vlans=tuple(_vlan(vlan) for vlan in options.get("vlans") or ()),
            addresses={str(host): _address(str(host), address) for host, address in (options.get("addresses") or {}).items()},
        )
    except ValueError as error:
        raise SpecError(str(error)) from None
    _check(spec)
    return spec


def _words(option: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """Names of NICs, also where a user wrote them as one text: "eth2 eth4"."""
    return tuple(values.name(option, word) for one in given or () for word in (re.split(r"[\s,]+", one.strip()) if one.strip() else [one]))


def _vlan(given: Mapping[str, Any]) -> VlanSpec:
    tag = int(given["tag"])
    if not 0 <= tag <= 4094:
        raise ValueError(f"There is no VLAN {tag}; tags go from 0 to 4094.")
    return VlanSpec(tag, _network_name(f"The network of VLAN {tag}", given["network"]))


def _network_name(option: str, given: str) -> str:
    found = values.name(option, given)
    if found == values.INTERNAL_NETWORK:
        raise ValueError(f"{option} is {found}, which belongs to xapi and its VMs: nothing may be put on it.")
    return found


def property_text(value: Any) -> str:
    """XAPI's properties are texts; YAML gives true for "true"."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _check(spec: BondSpec) -> None:
    if bool(spec.network) == bool(spec.network_uuid):
        raise SpecError("Name the bond's network by either network or network_uuid.")
    unknown = sorted(spec.accept - {*RISKS, VLANS_BACK})
    if unknown:
        known = ", ".join((*RISKS, VLANS_BACK))
        raise SpecError(f"accept names {', '.join(unknown)}, and there is no such risk. The risks that can be accepted are {known}.")
    try:
        if spec.network:
            _network_name("network", spec.network)
    except ValueError as error:
        raise SpecError(str(error)) from None
    _no_repeats("nics", spec.nics)
    _no_repeats("hosts", spec.hosts)
    if spec.absent:
        return
    if len(spec.nics) < 2:
        raise SpecError(
            f"A bond needs at least two NICs; nics names {', '.join(spec.nics) or 'none'}. XAPI would accept one and make a bond that"
            " protects nothing."
        )
    if spec.mode not in MODES:
        raise SpecError(f"There is no bond mode {spec.mode}; XAPI knows {', '.join(MODES)}.")
    wrong = wrong_properties(spec.mode, spec.properties)
    if wrong:
        raise SpecError(f"The bond's properties cannot be: {'; '.join(wrong)}.")
    if spec.mac and len(spec.hosts) != 1:
        raise SpecError("A MAC can be given to the bond of one host only: name that host in hosts.")
    _no_repeats("addresses", [address.ip for address in spec.addresses.values() if address.ip])
    _no_repeats("vlans", tuple(str(vlan.tag) for vlan in spec.vlans))
    _no_repeats("vlans", tuple(vlan.network for vlan in spec.vlans))
    if spec.network and spec.network in {vlan.network for vlan in spec.vlans}:
        raise SpecError(f"vlans puts a VLAN on {spec.network}, which is the bond's own network; it needs one of its own.")


def _no_repeats(option: str, values: Sequence[str]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise SpecError(f"{option} names {', '.join(repeated)} twice.")


ADDRESS_KEYS = ("mode", "ip", "netmask", "gateway", "dns")


def _address(host: str, given: Any) -> Address:
    """Raises ValueError."""
    if not isinstance(given, Mapping):
        raise ValueError(f"addresses: {host} needs {', '.join(ADDRESS_KEYS)} below it, and has {'nothing' if given is None else 'a text'}.")
    unknown = sorted(str(key) for key in given if key not in ADDRESS_KEYS)
    if unknown:
        raise ValueError(f"addresses: {host} has {', '.join(unknown)}, which is not known; there are {', '.join(ADDRESS_KEYS)}.")
    mode = str(given.get("mode") or "static")
    said = {key: given[key] for key in ADDRESS_KEYS[1:] if given.get(key)}
    if mode not in ("static", "dhcp", "none"):
        raise ValueError(f"addresses: {host} has the mode {mode}; it can be static, dhcp or none.")
    if mode != "static":
        if said:
            raise ValueError(f"addresses: {host} has mode {mode} and {', '.join(said)} as well; with {mode} there is none to give.")
        return Address(mode)
    missing = [key for key in ("ip", "netmask") if key not in said]
    if missing:
        raise ValueError(f"addresses: {host} has no {' and no '.join(missing)}; a static address needs ip and netmask.")
    mask = values.netmask(f"The netmask of {host}", str(said["netmask"]))
    ip = values.host_address(f"The address of {host}", str(said["ip"]), mask)
    gateway = values.gateway(f"The gateway of {host}", str(said["gateway"]), ip, mask) if "gateway" in said else ""
    return Address(mode, ip, mask, gateway, values.servers(f"dns of {host}", said.get("dns", "")))


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
    except SpecError as error:
        raise NetworkError(str(error)) from error


def read_expected(options: Mapping[str, Any]) -> dict[str, Prediction]:
    """The predictions handed to a task in `expected`, by host uuid. Raises NetworkError when they are not those of a plan."""
    predictions = {}
    for host, given in (options.get("expected") or {}).items():
        try:
            if not given:
                raise ValueError("nothing")
            if given.get("expected"):
                prediction = Prediction.from_dict(given["expected"])
                predictions[prediction.host_uuid] = prediction
        except (AttributeError, TypeError, ValueError) as error:
            raise NetworkError(
                f"expected: what is given for {host} is not the prediction of a plan ({error}). Hand over the hosts that xs_bond returned."
            ) from error
    return predictions
