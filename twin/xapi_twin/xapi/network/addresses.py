# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as xapi checks them."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from xapi_twin.datamodel.errors import XapiError

VLAN_MAC = "fe:ff:ff:ff:ff:ff"  # of every VLAN's PIF; its bridge has the MAC of the PIF below
_MAC = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")


def is_mac(text: str) -> bool:
    return _MAC.fullmatch(text) is not None


def mac_of_seed(seed: str, device: int = 0) -> str:
    """The MAC that xapi derives from a seed for the nth VIF of a VM (xapi_vif_helpers.ml); tunnels have a random seed."""

    def digest(data: bytes) -> bytes:
        return hashlib.md5(data, usedforsecurity=False).digest()

    first = seed.encode()
    for _turn in range(2 * device + 1):
        first = digest(first)
    second = digest(first)
    return ":".join(f"{byte:02x}" for byte in (first[0] & 0xFE | 0x02, *first[1:4], *second[1:3]))


def check_ipv4(parameter: str, text: str) -> None:
    """Raises XapiError INVALID_IP_ADDRESS_SPECIFIED with the parameter's name."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise XapiError("INVALID_IP_ADDRESS_SPECIFIED", parameter) from None


def check_ipv6(parameter: str, text: str) -> None:
    """Raises XapiError INVALID_IP_ADDRESS_SPECIFIED with the parameter's name."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise XapiError("INVALID_IP_ADDRESS_SPECIFIED", parameter) from None


def check_ipv6_cidr(parameter: str, text: str) -> None:
    """Raises XapiError INVALID_CIDR_ADDRESS_SPECIFIED with the parameter's name."""
    address, _unused, length = text.partition("/")
    try:
        ipaddress.IPv6Address(address)
        if not 0 <= int(length) <= 128:
            raise ValueError
    except ValueError:
        raise XapiError("INVALID_CIDR_ADDRESS_SPECIFIED", parameter) from None


def prefix_length(netmask: str, contiguous: bool) -> int | None:
    """The length of a netmask; None for one with holes when it has to be `contiguous` (xapi checks that from v25 on)."""
    try:
        octets = ipaddress.IPv4Address(netmask).packed
    except ValueError:
        return None
    if contiguous and "01" in "".join(f"{octet:08b}" for octet in octets):
        return None
    # Before, each octet lost as many bits as its complement is long (network_interface.ml).
    return 32 - sum((255 - octet).bit_length() for octet in octets)


def of_family(dns: str, version: int) -> list[str]:
    """The name servers of one IP version in a comma-separated list."""
    found = []
    for part in filter(None, (text.strip() for text in dns.split(","))):
        try:
            if ipaddress.ip_address(part).version == version:
                found.append(part)
        except ValueError:
            continue
    return found
