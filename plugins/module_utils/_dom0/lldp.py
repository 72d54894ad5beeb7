# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which switch port is at the other end of a NIC's cable, by the LLDP that dom0 hears: one shell command, and what tcpdump printed. Pure.

dom0 has tcpdump and no LLDP daemon. Every switch that speaks LLDP does so every 30 s by default (IEEE 802.1AB). The frames are taken apart
here, since an old tcpdump does not know all of them.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import shown

SECONDS = 31
MARK = "#xapi.network lldp"
_CHASSIS, _PORT, _NAME = 1, 2, 5  # kinds of what a frame holds (IEEE 802.1AB, 8.4)


@dataclass(frozen=True)
class Neighbour:
    """The switch, by its chassis id, its port, and its name; all "" where none was heard."""

    switch: str = ""
    port: str = ""
    name: str = ""

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def command(nics: Sequence[str], seconds: int = SECONDS) -> str:
    """Listens on all these NICs at the same time, until each has heard a frame or the time is up. CentOS 5 has no timeout(1)."""
    return f"""PATH=$PATH:/usr/sbin:/sbin; LC_ALL=C; export PATH LC_ALL
command -v tcpdump >/dev/null 2>&1 || {{ echo "{MARK} none"; exit 0; }}
heard=$(mktemp -d /tmp/xapi.network.XXXXXX) || exit 1
listening=''
for nic in {" ".join(map(shlex.quote, nics))}; do
  [ -e "/sys/class/net/$nic" ] || continue
  tcpdump -i "$nic" -nn -xx -s 1500 -c 1 ether proto 0x88cc >"$heard/$nic" 2>/dev/null & listening="$listening $!"
done
( sleep {int(seconds)}; kill $listening ) >/dev/null 2>&1 & guard=$!
wait $listening
kill $guard 2>/dev/null
for nic in {" ".join(map(shlex.quote, nics))}; do
  [ -e "$heard/$nic" ] && {{ echo "{MARK} on $nic"; cat "$heard/$nic"; }}
done
rm -rf "$heard"; exit 0"""


def read(output: str) -> dict[str, Neighbour]:
    """The neighbour of each NIC that was listened on; {} where dom0 has no tcpdump."""
    found: dict[str, Neighbour] = {}
    frames: dict[str, str] = {}
    nic = ""
    for line in output.splitlines():
        dumped = re.match(r"\s+0x[0-9a-f]+:\s+((?:[0-9a-f]{2,4} ?)+)", line)
        if line.startswith(f"{MARK} on "):
            nic = line.split()[-1]
            frames[nic] = ""
        elif dumped and nic:
            frames[nic] += dumped.group(1).replace(" ", "")
    for nic, text in frames.items():
        found[nic] = _neighbour(bytes.fromhex(text))
    return found


def _neighbour(frame: bytes) -> Neighbour:
    said = dict(reversed(list(_parts(frame[14:]))))  # the first of each kind counts
    return Neighbour(_identity(said.get(_CHASSIS, b""), 4, 5), _identity(said.get(_PORT, b""), 3, 4), _text(said.get(_NAME, b"")))


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each part: seven bits, nine bits of length, content. A frame that was cut ends where it is cut."""
    while len(data) >= 2:
        head = int.from_bytes(data[:2], "big")
        kind, length = head >> 9, head & 511
        if kind == 0 or len(data) < 2 + length:
            return
        yield kind, data[2 : 2 + length]
        data = data[2 + length :]


def _identity(content: bytes, mac: int, address: int) -> str:
    """An id as a text. Its first byte says of which kind it is: a MAC, a network address, or what the switch calls it."""
    kind, value = content[:1], content[1:]
    if kind == bytes([mac]) and len(value) == 6:
        return value.hex(":")
    if kind == bytes([address]) and len(value) == 5 and value[0] == 1:
        return str(ipaddress.IPv4Address(value[1:]))
    return _text(value)


def _text(value: bytes) -> str:
    return shown(value.decode("utf-8", "replace"))[:80]
