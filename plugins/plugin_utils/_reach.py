# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the hosts of a pool reach each other on the storage network with packets of the full size: what dom0 is asked, its answer. Pure.

Each host asks all others at once, just before it is changed and after. What failed before is not asked after. XAPI sees none of this: a
bond whose second port lacks the VLAN, or has a smaller MTU, is as it should be in its records.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IP_AND_ICMP = 28  # bytes of a packet that are not the payload of ping
SMALL = 100
# Seconds for an answer. A switch learns anew where a host is, and a new bond takes a moment to forward.
BEFORE, AFTER = 5, 10
MARK = "#xapi.network reached"


@dataclass(frozen=True)
class Peer:
    """Another host, its address on the storage network, and the size that packets to it may have."""

    name: str
    address: str
    size: int


Hosts = Mapping[str, Mapping[str, Any]]


def peers(host: str, after: bool, hosts: Hosts, answers: Mapping[str, Any], done: Sequence[str]) -> list[Peer]:
    """Whom `host` has to reach. `hosts`: of the plan; `answers`: facts of dom0 before the run, by uuid; `done`: hosts that are changed."""
    own = _mtu(hosts[host], answers, after)
    found = []
    for name, about in hosts.items():
        address, theirs = (about["expected"] or {}).get("ip", ""), _mtu(about, answers, name in done)
        if name != host and address and own and theirs:
            found.append(Peer(name, address, min(own, theirs)))
    return found


def _mtu(about: Mapping[str, Any], answers: Mapping[str, Any], changed: bool) -> int:
    """That of the interface with the storage address, or what it is going to be; 0 where there is none."""
    expected, answer = about["expected"] or {}, answers.get(about["uuid"])
    if changed:
        return int(expected.get("mtu") or 0)
    interfaces = answer["interfaces"].values() if isinstance(answer, Mapping) else ()
    return next((int(one["mtu"]) for one in interfaces if _has(one["addresses"], expected.get("ip", ""))), 0)


def _has(addresses: Sequence[str], ip: str) -> bool:
    return bool(ip) and any(str(ipaddress.ip_interface(address).ip) == ip for address in addresses)


def command(wanted: Sequence[Peer], after: bool) -> str:
    """All at the same time, in the shell of dom0. An address that takes no packet of the full size is asked once more with a small one."""
    seconds = AFTER if after else BEFORE
    words = " ".join(shlex.quote(f"{peer.address}/{peer.size}") for peer in wanted)
    return (
        f"for one in {words}; do {{ to=${{one%/*}}; size=${{one#*/}};"
        f' ping -n -c 1 -w {seconds} -M do -s $((size - {IP_AND_ICMP})) $to >/dev/null 2>&1 && echo "{MARK} $to $size" ||'
        f' {{ ping -n -c 1 -w {BEFORE} -s {SMALL - IP_AND_ICMP} $to >/dev/null 2>&1 && echo "{MARK} $to {SMALL}"; }}; }} & done; wait'
    )


def reached(output: str) -> dict[str, int]:
    """The addresses that answered, and the size that got there."""
    rows = (line[len(MARK) :].split() for line in output.splitlines() if line.startswith(MARK))
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def lost(host: str, wanted: Sequence[Peer], before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """What was reached before the change and is not any more, as a sentence; "" when all is. Where only a small packet got there before,
    one is enough after."""
    silent = [peer for peer in wanted if peer.address in before and peer.address not in now]
    small = [peer for peer in wanted if before.get(peer.address, 0) > SMALL and now.get(peer.address, peer.size) < peer.size]
    said = []
    if silent:
        said.append(f"dom0 of {host} does not reach {_all(silent)} on the storage network after the change, and did before.")
    if small:
        sizes = " and ".join(sorted({str(peer.size) for peer in small}))
        said.append(
            f"dom0 of {host} reaches {_all(small)} with small packets only, and not with {sizes} bytes in one piece: a switch port between"
            " them has a smaller MTU."
        )
    return " ".join(said) + (" Look at VLAN, segment and MTU of the ports of its NICs." if said else "")


def never(host: str, wanted: Sequence[Peer], before: Mapping[str, int]) -> str:
    """What was not reached before the change already, as a sentence; "" when all was."""
    silent = [peer for peer in wanted if peer.address not in before]
    small = [peer for peer in wanted if before.get(peer.address, peer.size) < peer.size]
    said = [f"dom0 of {host} does not reach {_all(silent)} on the storage network"] if silent else []
    said += [f"dom0 of {host} reaches {_all(small)} with small packets only"] if small else []
    return f"{', and '.join(said)}, before it is changed; that is not asked for after the change." if said else ""


def _all(found: Sequence[Peer]) -> str:
    shown = [f"{peer.name} ({peer.address})" for peer in found[:4]]
    return ", ".join(shown) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
