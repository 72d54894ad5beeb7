# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user may write for a name, an address, a MAC, an MTU or a time: each function gives the value, or raises ValueError, a sentence.

XAPI takes nearly everything, and what cannot be then breaks on the live host; so the plan is the last moment at which a value can be wrong.
"""

from __future__ import annotations

import ast
import ipaddress
import re
import unicodedata
from collections.abc import Sequence

# XAPI sets no limit; a longer name is a mistake, and no table can show it.
LONGEST_NAME = 255
# Seconds: a day is longer than any wait that somebody means.
LONGEST_WAIT = 86400
MTU_RANGE = (68, 65535)
# linux/if.h, IFNAMSIZ less the zero at its end.
LONGEST_INTERFACE = 15
# What YAML makes of an empty list or dictionary when it becomes text.
EMPTY_YAML = ("[]", "{}", "None", "null")
# Names that a dom0 needs for itself, or that xapi makes and takes for its own by their beginning (xapi_network.ml).
TAKEN_INTERFACES = ("lo", "ovs-system", "all", "default", "bonding_masters")
TAKEN_BEGINNINGS = ("xen", "xapi", "vif", "tap", "eth")
# xapi's network of each host with its own VMs (create_networks in xapi's create_networks.ml); nothing may be put on it.
INTERNAL_NETWORK = "Host internal management network"


def name(option: str, value: str) -> str:
    """A name: one line, something visible, of a length that a person can read."""
    if not value.strip() or value.strip() in EMPTY_YAML:
        raise ValueError(f"{option} is {value.strip() or 'blank'}, which is no name.")
    hidden = next((one for one in value if unicodedata.category(one) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")), "")
    if hidden:
        raise ValueError(f"{option} has a character that cannot be seen (U+{ord(hidden):04X}); type it again.")
    if len(value) > LONGEST_NAME:
        raise ValueError(f"{option} has {len(value)} characters; at most {LONGEST_NAME} can be.")
    if _is_collection(value):
        raise ValueError(f"{option} is {value}, a list or dictionary; give the name alone.")
    if value != value.strip():
        raise ValueError(f'{option} begins or ends with a blank, which nobody sees in a list: "{value}".')
    return value


def _is_collection(value: str) -> bool:
    """Whether Ansible made the text of a list or dictionary, without a word, for an option that is a text; "[old] NAS" is a name."""
    try:
        return isinstance(ast.literal_eval(value.strip()), list | tuple | dict | set)
    except (ValueError, SyntaxError):
        return False


def seconds(option: str, value: float) -> float:
    """A time to wait."""
    if not 1 <= value <= LONGEST_WAIT:
        raise ValueError(f"{option} is {value}; give 1 to {LONGEST_WAIT} seconds.")
    return value


def mtu(option: str, value: int) -> int:
    if not MTU_RANGE[0] <= value <= MTU_RANGE[1]:
        raise ValueError(f"{option} is {value}; it can be {MTU_RANGE[0]} to {MTU_RANGE[1]}, and 1500 and 9000 are usual.")
    return value


def mac(option: str, value: str) -> str:
    """A MAC that an interface can have, in lower case."""
    found = value.lower().replace("-", ":")
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", found):
        raise ValueError(f"{option} is {value}, which is not a MAC address; write it as 00:26:55:d1:e8:cc.")
    if found == "00:00:00:00:00:00":
        raise ValueError(f"{option} is {value}; no interface can have that.")
    if int(found[:2], 16) & 1:
        raise ValueError(f"{option} is {value}, the address of a group (its first byte is odd); no interface can have it.")
    return found


def bridge(option: str, value: str) -> str:
    """A name for a bridge that dom0 can have and xapi does not take for its own."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value) or len(value) > LONGEST_INTERFACE or ".." in value:
        raise ValueError(
            f"{option} is {value!r}; an interface of dom0 has at most {LONGEST_INTERFACE} letters, digits, dots, dashes and underscores."
        )
    if value in TAKEN_INTERFACES or value.startswith(TAKEN_BEGINNINGS):
        raise ValueError(
            f"{option} is {value}; dom0 or xapi has that name for itself. It must not begin with {', '.join(TAKEN_BEGINNINGS)}."
        )
    return value


def netmask(option: str, value: str) -> str:
    """A netmask as XAPI has it, from itself or from a prefix ("24", "/24")."""
    text = value.removeprefix("/")
    try:
        if text.isdigit():
            found = str(ipaddress.IPv4Network(f"0.0.0.0/{int(text)}").netmask)
        else:
            # ipaddress takes host masks (0.0.0.255) too, which XAPI does not.
            ones = f"{int(ipaddress.IPv4Address(text)):032b}"
            if "01" in ones:
                raise ValueError
            found = text
    except ValueError:
        raise ValueError(f"{option} is {value}, which is no netmask; write it as 255.255.255.0 or 24.") from None
    if found in ("0.0.0.0", "255.255.255.255"):
        raise ValueError(f"{option} is {value}: no neighbour would be in such a network.")
    return found


def address(option: str, value: str) -> str:
    """An IPv4 address that one machine can have."""
    try:
        found = ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError(f"{option} is {value or 'empty'}, which is no IPv4 address.") from None
    if found.is_unspecified or found.is_loopback or found.is_multicast or found.is_reserved:
        kind = (
            "the unspecified"
            if found.is_unspecified
            else "a loopback"
            if found.is_loopback
            else "a multicast"
            if found.is_multicast
            else "a reserved"
        )
        raise ValueError(f"{option} is {value}, {kind} address; no host can have it there.")
    return str(found)


def host_address(option: str, value: str, mask: str) -> str:
    """An address of a host in the network of that mask: not the network's own, not its broadcast."""
    found = address(option, value)
    network = ipaddress.IPv4Network(f"{found}/{mask}", strict=False)
    if network.prefixlen < 31 and found in (str(network.network_address), str(network.broadcast_address)):
        which = "network itself" if found == str(network.network_address) else "broadcast address"
        raise ValueError(f"{option} is {value}, the {which} of {network}; give an address of a host.")
    return found


def gateway(option: str, value: str, own: str, mask: str) -> str:
    """A neighbour of `own` that is not itself."""
    found = host_address(option, value, mask)
    network = ipaddress.IPv4Network(f"{own}/{mask}", strict=False)
    if ipaddress.IPv4Address(found) not in network:
        raise ValueError(f"{option} is {value}, which is not in {network}.")
    if found == own:
        raise ValueError(f"{option} is {value}, the address of the host itself.")
    return found


def servers(option: str, value: object) -> str:
    """Name servers as XAPI has them, addresses with commas between, from a text or a list."""
    parts = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else re.split(r"[\s,]+", str(value))
    found = []
    for part in parts:
        if not str(part).strip():
            continue
        try:
            found.append(str(ipaddress.ip_address(str(part).strip())))
        except ValueError:
            raise ValueError(f"{option} names {part}, which is no address of a name server.") from None
    return ",".join(found)
