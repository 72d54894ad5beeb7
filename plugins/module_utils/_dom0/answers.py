# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dom0 itself says about its network: one shell command that asks, pure functions that read the answer.

``PROBE`` is a POSIX shell script without Python, for every dom0 from CentOS 5 (XenServer 6) on. ``parse`` turns what it
printed into a `Dom0`. The formats are those of Open vSwitch 1.x to 4.x, net-tools 1.60 and 2, iproute2, bridge-utils
and the kernel's bonding driver. What cannot be read is an error that quotes the line, never an empty fact.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._dom0.lacp import Partner, read_lacp_show, read_linux_lacp
from ansible_collections.xapi.network.plugins.module_utils._dom0.start_up import NO_SUCH_COMMAND
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import BASE, FUNCTIONS, Answer, read
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

# Every command's output stands between two marker lines, the second with its exit status. A marker starts on a line of
# its own even if the output before it does not end with a newline.
# - sbin is missing from the PATH of a non-login shell on CentOS 5.
# - `ovs-appctl bond/show` wants the name of a bond on Open vSwitch 1.x; later versions take it too.
# - networkd itself asks brctl for the bridges of the Linux bridge backend (ocaml/networkd/lib/network_utils.ml).
PROBE = (
    r"""
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/xensource/bin; LC_ALL=C; export PATH LC_ALL
section() { printf '\n#xapi.network begin %s\n' "$1"; shift; "$@" 2>&1; printf '\n#xapi.network end %s\n' "$?"; }
section inventory cat /etc/xensource-inventory
section backend cat /etc/xensource/network.conf
section hostname hostname
backend=$(cat /etc/xensource/network.conf 2>/dev/null)
if [ "$backend" = bridge ]; then
  section brctl brctl show
  for bond in $(ls /proc/net/bonding 2>/dev/null); do section "linux-bond $bond" cat "/proc/net/bonding/$bond"; done
else
  section ovs-version ovs-vsctl --version
  section list-br ovs-vsctl list-br
  section switch ovs-vsctl show
  section bond-list ovs-appctl bond/list
  for bond in $(ovs-appctl bond/list 2>/dev/null | sed 1d | cut -f 1); do
    section "bond $bond" ovs-appctl bond/show "$bond"
    section "lacp $bond" ovs-appctl lacp/show "$bond"
  done
fi
if command -v drbdsetup >/dev/null 2>&1; then section drbd drbdsetup status; fi
"""
    + FUNCTIONS
    + f"""
base={BASE}; timer=$base/timer
if [ -d "$base" ]; then section timer standing; fi
"""
    + r"""
if ip addr show >/dev/null 2>&1; then section ip-addr ip addr show; else section ifconfig ifconfig -a; fi
"""
).strip()  # Ansible appends " && sleep 0" to what it sends over a terminal, which must not begin a line

# Whose dom0 it is; `host_uuid` reads the answer.
INVENTORY = "cat /etc/xensource-inventory"

_BEGIN = "#xapi.network begin "
_END = "#xapi.network end "

# Old XenServer wrote "vswitch"; networkd still reads it (ocaml/networkd/lib/network_server.ml).
_BACKENDS: Mapping[str, str] = {"openvswitch": "openvswitch", "vswitch": "openvswitch", "bridge": "bridge"}

# Words of drivers/net/bonding/bond_main.c -> the names that the driver takes as its option.
# The slb mode is XenServer's own; Open vSwitch 1.x, which imitates that driver, prints the same words.
_LINUX_MODES: Mapping[str, str] = {
    "load balancing (round-robin)": "balance-rr",
    "fault-tolerance (active-backup)": "active-backup",
    "load balancing (xor)": "balance-xor",
    "fault-tolerance (broadcast)": "broadcast",
    "IEEE 802.3ad Dynamic link aggregation": "802.3ad",
    "transmit load balancing": "balance-tlb",
    "adaptive load balancing": "balance-alb",
    "source load balancing": "balance-slb",
}


# The section of the command that waits for the start of xapi.
START_UP = "start-up"


def section(name: str, command: str) -> str:
    """The command as one more section of an answer, without what it prints."""
    return f"({command}) >/dev/null 2>&1; printf '\\n{_BEGIN}{name}\\n\\n{_END}%s\\n' \"$?\""


@dataclass(frozen=True)
class Dom0Bond:
    """A bond as the switch of dom0 knows it.

    ``mode`` is the switch's word (``active-backup``, ``balance-slb``, ``balance-tcp``; ``802.3ad`` on a Linux bridge).
    ``members`` and ``enabled`` (those of them that carry traffic) are sorted; ``active`` is "" when no member is.
    ``lacp`` is ``off``, ``configured`` (no partner answers), ``negotiated``, or ``not negotiated`` from an Open
    vSwitch before 2.0, which does not tell the first two apart. ``partners`` is what each NIC of an LACP bond hears.
    A bond of one NIC is an ordinary port for Open vSwitch and is therefore not among the bonds.
    """

    mode: str
    members: tuple[str, ...]
    active: str
    enabled: tuple[str, ...]
    lacp: str
    partners: Mapping[str, Partner] = field(default_factory=dict)


@dataclass(frozen=True)
class Dom0Interface:
    """A network device of dom0. ``addresses`` are CIDR texts without IPv6 link-local ones; ``mac`` is in lower case."""

    mac: str
    mtu: int
    addresses: tuple[str, ...]
    up: bool


@dataclass(frozen=True)
class Dom0:
    """One dom0's network. ``uuid`` is the host's uuid in XAPI (INSTALLATION_UUID), ``bridge_of`` the bridge of each NIC that is in one.

    ``drbd`` has the resources of DRBD (below LINSTOR, XOSTOR) that are not up to date on all hosts, each with what is amiss; None where
    dom0 has no DRBD that answers.
    ``timer`` is what takes a change back unless it is confirmed, ``taken_back`` what the last one did; both are empty where there is none.
    """

    uuid: str
    hostname: str
    backend: str
    ovs_version: str
    bridges: tuple[str, ...]
    bonds: Mapping[str, Dom0Bond]
    interfaces: Mapping[str, Dom0Interface]
    bridge_of: Mapping[str, str] = field(default_factory=dict)
    drbd: Mapping[str, tuple[str, ...]] | None = None
    timer: Mapping[str, Any] = field(default_factory=dict)
    taken_back: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """The same as JSON-like data, for ``ansible_facts.xs_dom0``."""
        facts = asdict(self)
        facts["bridges"] = list(self.bridges)
        for bond in facts["bonds"].values():
            bond.update(members=list(bond["members"]), enabled=list(bond["enabled"]))
        for interface in facts["interfaces"].values():
            interface["addresses"] = list(interface["addresses"])
        if self.drbd is not None:
            facts["drbd"] = {resource: list(states) for resource, states in self.drbd.items()}
        return facts


class UnreadableError(NetworkError):
    """dom0 printed something that is no known format. The message quotes the line and names the command."""

    def __init__(self, command: str, line: str, why: str = "is in no known format") -> None:
        super().__init__(f'The output of "{command}" in dom0 cannot be read: the line "{line.strip()}" {why}.')


@dataclass(frozen=True)
class _Section:
    text: str
    status: int


def parse(output: str) -> Dom0:
    """Read what `PROBE` printed. Raises UnreadableError for an unknown format, NetworkError for a command that failed, and for a start of
    xapi that was awaited before and is not complete.
    """
    sections = _sections(output)
    if START_UP in sections and sections[START_UP].status not in (0, NO_SUCH_COMMAND):
        raise NetworkError("xapi-wait-init-complete says that xapi has not completed its start. Look at /var/log/xensource.log there.")
    inventory = sections.get("inventory")
    uuid = host_uuid(inventory.status, inventory.text) if inventory else ""
    written = _text(sections, "backend", "cat /etc/xensource/network.conf").strip()
    if written not in _BACKENDS:
        raise UnreadableError("cat /etc/xensource/network.conf", written, "names no network backend")
    backend = _BACKENDS[written]
    if backend == "bridge":
        version, inside = "", read_brctl(_text(sections, "brctl", "brctl show"))
        bridges = tuple(inside)
        bonds = {
            name.partition(" ")[2]: read_linux_bond(section.text) for name, section in sections.items() if name.startswith("linux-bond ")
        }
        inside = {
            bridge: [nic for port in ports for nic in (bonds[port].members if port in bonds else (port,))]
            for bridge, ports in inside.items()
        }
    else:
        version = read_ovs_version(_text(sections, "ovs-version", "ovs-vsctl --version"))
        bridges = tuple(_text(sections, "list-br", "ovs-vsctl list-br").split())
        inside = read_ovs_show(_text(sections, "switch", "ovs-vsctl show"))
        listed = read_bond_list(_text(sections, "bond-list", "ovs-appctl bond/list"))
        bonds = {name: _bond_of_the_switch(sections, name) for name in listed if not _went(sections.get(f"bond {name}"))}
    if "ip-addr" in sections:
        interfaces = read_ip_addr(_text(sections, "ip-addr", "ip addr show"))
    else:
        interfaces = read_ifconfig(_text(sections, "ifconfig", "ifconfig -a"))
    standing = read(0, _text(sections, "timer", f"ls {BASE}")) if "timer" in sections else Answer("none")
    armed = standing.state in ("armed", "taking_back")
    return Dom0(
        uuid=uuid,
        hostname=_text(sections, "hostname", "hostname").strip(),
        backend=backend,
        ovs_version=version,
        bridges=tuple(sorted(bridges)),
        bonds=bonds,
        interfaces=interfaces,
        bridge_of={device: bridge for bridge, devices in inside.items() for device in devices},
        drbd=_drbd(sections.get("drbd")),
        timer={"state": standing.state, "until": standing.until, "owner": standing.owner} if armed else {},
        taken_back=standing.taken_back or {},
    )


def _went(section: _Section | None) -> bool:
    """Whether a bond was taken away after it was listed, which a timer in dom0 may just have done."""
    return section is not None and bool(section.status) and section.text.startswith("no such bond")


def _bond_of_the_switch(sections: Mapping[str, _Section], name: str) -> Dom0Bond:
    bond = read_bond_show(_text(sections, f"bond {name}", f"ovs-appctl bond/show {name}"), name)
    said = sections.get(f"lacp {name}")  # a bond without LACP is "no such lacp object"
    return replace(bond, partners=read_lacp_show(said.text)) if said and not said.status and bond.lacp != "off" else bond


def _drbd(section: _Section | None) -> dict[str, tuple[str, ...]] | None:
    # Its tools may be there where nothing uses DRBD; without the kernel's module they end with status 20 (drbd-utils 9).
    return read_drbd(section.text) if section and not section.status else None


def host_uuid(status: int, output: str) -> str:
    """Whose dom0 this is, by what `INVENTORY` answered: the host's uuid in XAPI.

    Raises NetworkError on a machine without the file, UnreadableError for a file without the uuid.
    """
    if status:
        said = _first(output).strip() or "nothing"
        raise NetworkError(
            "The task's connection does not lead to the dom0 of a XenServer or XCP-ng host:"
            f' there, "{INVENTORY}" ended with status {status} and said: {said}'
        )
    return read_inventory(output)


def read_inventory(text: str) -> str:
    """The host's uuid out of /etc/xensource-inventory (lines of ``NAME='value'``)."""
    found = re.search(r"^INSTALLATION_UUID=(['\"]?)([0-9a-fA-F-]{36})\1\s*$", text, re.MULTILINE)
    if not found:
        lines = [line for line in text.splitlines() if "INSTALLATION_UUID" in line] or text.splitlines() or [""]
        raise UnreadableError(INVENTORY, lines[0], "gives no INSTALLATION_UUID")
    return found.group(2).lower()


def read_ovs_version(text: str) -> str:
    """``ovs-vsctl (Open vSwitch) 2.17.7`` -> ``2.17.7``."""
    found = re.search(r"\(Open vSwitch\) (\d+(?:\.\d+)+)", text)
    if not found:
        raise UnreadableError("ovs-vsctl --version", _first(text))
    return found.group(1)


def read_ovs_show(text: str) -> dict[str, list[str]]:
    """The bridges out of ``ovs-vsctl show``, each with the NICs and other interfaces in it, but for its own."""
    command = "ovs-vsctl show"
    if not re.match(r"\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*(\n|$)", text):
        raise UnreadableError(command, _first(text))
    inside: dict[str, list[str]] = {}
    for line in text.splitlines():
        found = re.fullmatch(r'\s+(Bridge|Interface) "?([^"\s]+)"?\s*', line)
        if found and found.group(1) == "Bridge":
            bridge = found.group(2)
            inside[bridge] = []
        elif found and inside and found.group(2) != bridge:
            inside[bridge].append(found.group(2))
    return inside


def read_bond_list(text: str) -> dict[str, tuple[str, ...]]:
    """Bonds and their members out of ``ovs-appctl bond/list``: three columns before Open vSwitch 2.3, four from it on."""
    command = "ovs-appctl bond/list"
    lines = [line for line in text.splitlines() if line.strip()]
    header = re.fullmatch(r"bond\s+type\s+(recircID\s+)?(?:slaves|members)\s*", lines[0] if lines else "")
    if not header:
        raise UnreadableError(command, _first(text))
    row = re.compile(r"(\S+)\s+(\S+)\s+" + (r"-?\d+\s+" if header.group(1) else "") + r"([^\s,]+(?:,\s*[^\s,]+)*)\s*")
    bonds = {}
    for line in lines[1:]:
        found = row.fullmatch(line)
        if not found:
            raise UnreadableError(command, line)
        bonds[found.group(1)] = tuple(sorted(re.split(r",\s*", found.group(3))))
    return bonds


def read_bond_show(text: str, name: str) -> Dom0Bond:
    """One bond out of ``ovs-appctl bond/show NAME``, with slaves or, from Open vSwitch 2.15 on, members."""
    command = f"ovs-appctl bond/show {name}"
    settings: dict[str, str] = {}
    members: list[str] = []
    enabled: list[str] = []
    active = ""
    for line in filter(str.strip, text.splitlines()):
        member = re.fullmatch(r"(?:slave|member) (\S+): (enabled|disabled)\s*", line)
        setting = re.fullmatch(r"([A-Za-z][\w ,()-]*?)\s*: *(.*?)\s*", line)
        if re.fullmatch(r"---- \S+ ----\s*", line):
            continue
        if member:
            members.append(member.group(1))
            if member.group(2) == "enabled":
                enabled.append(member.group(1))
        elif line[0].isspace() and members:
            # Of a member's details (may_enable, delays, hashes, MACs) only this one is a fact for us.
            if re.fullmatch(r"\s+active (?:slave|member)\s*", line):
                active = members[-1]
        elif setting and not members and not line.startswith(("slave ", "member ")):
            settings[setting.group(1)] = setting.group(2)
        else:
            raise UnreadableError(command, line)
    if "bond_mode" not in settings or not members:
        raise UnreadableError(command, _first(text), "does not begin the description of a bond")
    return Dom0Bond(settings["bond_mode"], tuple(sorted(members)), active, tuple(sorted(enabled)), _lacp(settings))


def _lacp(settings: Mapping[str, str]) -> str:
    if "lacp_status" in settings:
        return settings["lacp_status"]
    return "negotiated" if settings.get("lacp_negotiated") == "true" else "not negotiated"


def read_linux_bond(text: str) -> Dom0Bond:
    """One bond out of ``/proc/net/bonding/bondN``."""
    command = "cat /proc/net/bonding"
    first = _first(text)
    if not first.startswith("Ethernet Channel Bonding Driver"):
        raise UnreadableError(command, first)
    mode = active = partner = ""
    link_up: dict[str, bool] = {}
    member = ""
    for line in filter(str.strip, text.splitlines()[1:]):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "Bonding Mode":
            words = re.sub(r" \(fail_over_mac \w+\)$", "", value)
            if words not in _LINUX_MODES:
                raise UnreadableError(command, line, "names an unknown mode")
            mode = _LINUX_MODES[words]
        elif name == "Currently Active Slave":
            active = "" if value == "None" else value
        elif name == "Partner Mac Address" and not partner:
            partner = value
        elif name == "Slave Interface":
            member = value
            link_up[member] = False
        elif name == "MII Status" and member:
            link_up[member] = value == "up"
        elif not colon and not re.fullmatch(r"\s*(802\.3ad info|details .*|\[\d+\] = .*)\s*", line):
            raise UnreadableError(command, line)
    if not mode:
        raise UnreadableError(command, first, "is followed by no mode")
    up = {nic for nic, link in link_up.items() if link}
    if mode != "802.3ad":
        return Dom0Bond(mode, tuple(sorted(link_up)), active, tuple(sorted(up)), "off")
    heard = read_linux_lacp(text)
    enabled = up if heard.active is None else up & heard.active
    lacp = "negotiated" if partner.strip("0:") else "configured"
    return Dom0Bond(mode, tuple(sorted(link_up)), active, tuple(sorted(enabled)), lacp, heard.partners)


def read_drbd(text: str) -> dict[str, tuple[str, ...]]:
    """The resources out of ``drbdsetup status`` (DRBD 9) that are not up to date everywhere, each with what is amiss.

    A host without a disk of its own for a resource (Diskless) takes part in it by the network, which is nothing amiss.
    """
    command = "drbdsetup status"
    waiting: dict[str, tuple[str, ...]] = {}
    resource = peer = ""
    for line in filter(str.strip, text.splitlines()):
        if line.startswith("# No currently configured DRBD"):
            continue
        words = line.split()
        values = dict(word.split(":", 1) for word in words if ":" in word)
        indent = len(line) - len(line.lstrip())
        named = ":" not in words[0]
        if indent == 0 and named and values:
            resource, peer = words[0], ""
        elif resource and indent and named:
            peer = words[0]
        elif not resource or not values:
            raise UnreadableError(command, line)
        waiting[resource] = (*waiting.get(resource, ()), *_amiss(values, peer))
    return {name: states for name, states in waiting.items() if states}


# What is well in `drbdsetup status`; of each key what is to be said of any other value.
_DRBD_WELL: Mapping[str, tuple[tuple[str, ...], str]] = {
    "disk": (("UpToDate", "Diskless"), "its disk is {value}"),
    "quorum": (("yes",), "it has no quorum"),
    "suspended": (("no",), "it is suspended ({value})"),
    "connection": (("Connected",), "the connection to {peer} is {value}"),
    "replication": (("Established", "Off"), "{value} with {peer}{done}"),
    "peer-disk": (("UpToDate", "Diskless"), "the disk of {peer} is {value}"),
}


def _amiss(values: Mapping[str, str], peer: str) -> list[str]:
    done = f" ({values['done']} % done)" if "done" in values else ""
    return [
        said.format(value=values[key], peer=peer, done=done)
        for key, (well, said) in _DRBD_WELL.items()
        if key in values and values[key] not in well
    ]


def read_brctl(text: str) -> dict[str, list[str]]:
    """The bridges out of ``brctl show``, each with its ports, of which the second and further ones stand on lines of their own."""
    command = "brctl show"
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not re.fullmatch(r"bridge name\s+bridge id\s+STP enabled\s+interfaces\s*", lines[0]):
        raise UnreadableError(command, _first(text))
    inside: dict[str, list[str]] = {}
    for line in lines[1:]:
        row = re.fullmatch(r"(\S+)\s+[0-9a-f]{4}\.[0-9a-f]{12}\s+(?:yes|no)(?:\s+(\S+))?\s*", line)
        if row:
            bridge = row.group(1)
            inside[bridge] = [row.group(2)] if row.group(2) else []
        elif inside and re.fullmatch(r"\s+\S+\s*", line):
            inside[bridge].append(line.strip())
        else:
            raise UnreadableError(command, line)
    return inside


def read_ip_addr(text: str) -> dict[str, Dom0Interface]:
    """Devices out of ``ip addr show``, without loopback devices."""
    command = "ip addr show"
    devices: dict[str, Dom0Interface] = {}
    name = mac = ""
    mtu = 0
    addresses: list[str] = []
    up = skipped = False
    for line in [*filter(str.strip, text.splitlines()), ""]:
        header = re.match(r"\d+: ([^\s:@]+)(?:@[^\s:]+)?: <([^>]*)>.*? mtu (\d+)\b", line)
        if name and not skipped and (header or not line):
            devices[name] = Dom0Interface(mac, mtu, tuple(addresses), up)
        if header:
            flags = header.group(2).split(",")
            name, mac, mtu, addresses, up = header.group(1), "", int(header.group(3)), [], "UP" in flags
            skipped = "LOOPBACK" in flags
        elif not line:
            break
        elif not name or not line[0].isspace():
            raise UnreadableError(command, line)
        elif line.split()[0].startswith("link/"):
            mac = _mac(line.split()[1]) if len(line.split()) > 1 else ""
        elif line.split()[0] in ("inet", "inet6"):
            addresses += _address(line, _cidr_of_ip(line, command), command)
        # Other detail lines (lifetimes, altname, …) say nothing that is asked here.
    if not name:
        raise UnreadableError(command, _first(text))
    return devices


def _cidr_of_ip(line: str, command: str) -> str:
    # "inet 10.0.0.1/24 brd …"; a point-to-point link prints "inet 10.0.0.1 peer 10.0.0.2/32 …".
    found = re.match(r"\s+inet6? (\S+?)(?:/(\d+))?(?: peer [^\s/]+(?:/(\d+))?)? ", line + " ")
    if not found:
        raise UnreadableError(command, line)
    prefix = found.group(2) or found.group(3)
    return f"{found.group(1)}/{prefix}" if prefix else found.group(1)


def read_ifconfig(text: str) -> dict[str, Dom0Interface]:
    """Devices out of ``ifconfig -a`` as net-tools 1.60 (CentOS 5, 6) or 2 (CentOS 7) print it, without loopback devices."""
    command = "ifconfig -a"
    devices: dict[str, Dom0Interface] = {}
    blocks = list(_ifconfig_blocks(text, command))
    if not blocks:
        raise UnreadableError(command, _first(text))
    for name, lines in blocks:
        block = " ".join(lines)
        flags = re.search(r"flags=\d+<([^>]*)>|\s((?:[A-Z]+ )*)\s*MTU:", block)
        mtu = re.search(r"\bmtu (\d+)|\bMTU:(\d+)", block)
        if not flags or not mtu:
            raise UnreadableError(command, lines[0], "is followed by no flags and MTU")
        words = re.split(r"[ ,]+", (flags.group(1) or flags.group(2) or "").strip())
        if "LOOPBACK" in words:
            continue
        # An alias (eth0:1) is no device but one more address of one.
        device = name.partition(":")[0]
        mac = re.search(r"(?:\bether|HWaddr) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\b", block)
        addresses = [
            address
            for line in lines
            if re.match(r"\s+inet6? ", line)
            for address in _address(line, _cidr_of_ifconfig(line, command), command)
        ]
        known = devices.get(device)
        devices[device] = Dom0Interface(
            mac=known.mac if known else _mac(mac.group(1)) if mac else "",
            mtu=known.mtu if known else int(mtu.group(1) or mtu.group(2)),
            addresses=(*(known.addresses if known else ()), *addresses),
            up="UP" in words,
        )
    return devices


def _ifconfig_blocks(text: str, command: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in filter(str.strip, text.splitlines()):
        header = re.match(r"(\S+?):? +(?:flags=|Link encap:)", line)
        if header:
            if name:
                yield name, lines
            name, lines = header.group(1), [line]
        elif name and line[0].isspace():
            lines.append(line)
        else:
            raise UnreadableError(command, line)
    if name:
        yield name, lines


def _cidr_of_ifconfig(line: str, command: str) -> str:
    old = re.match(r"\s+inet addr: ?(\S+)(?: .*?Mask:(\S+))?|\s+inet6 addr: ?(\S+)", line)
    new = re.match(r"\s+inet ([\d.]+) +netmask (\S+)|\s+inet6 ([0-9a-f:]+) +prefixlen (\d+)", line)
    if old:
        return old.group(3) or (f"{old.group(1)}/{old.group(2)}" if old.group(2) else old.group(1))
    if new:
        return f"{new.group(3)}/{new.group(4)}" if new.group(3) else f"{new.group(1)}/{new.group(2)}"
    raise UnreadableError(command, line)


def _address(line: str, text: str, command: str) -> list[str]:
    try:
        address = ipaddress.ip_interface(text)
    except ValueError:
        raise UnreadableError(command, line, "holds no address") from None
    # Every device that is up has a link-local one; it says nothing about what XAPI configured.
    return [] if address.version == 6 and address.is_link_local else [address.with_prefixlen]


def _mac(text: str) -> str:
    return text.lower() if re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", text) else ""


def _first(text: str) -> str:
    return next(filter(str.strip, text.splitlines()), "")


def _sections(output: str) -> dict[str, _Section]:
    sections: dict[str, _Section] = {}
    name, lines = "", list[str]()
    for line in output.splitlines():
        if line.startswith(_BEGIN):
            name, lines = line[len(_BEGIN) :].strip(), []
        elif line.startswith(_END) and name:
            sections[name] = _Section("\n".join(lines).rstrip("\n"), int(line[len(_END) :]))
            name = ""
        elif name:
            lines.append(line)
    if name:
        raise NetworkError(f"What dom0 prints about its network ends in the middle of {name}; the connection was cut. Run again.")
    return sections


def _text(sections: Mapping[str, _Section], name: str, command: str) -> str:
    section = sections.get(name)
    if section is None:
        raise NetworkError(f'dom0 did not answer "{command}". Is the connection one to the dom0 of a XenServer or XCP-ng host?')
    if section.status:
        said = _first(section.text).strip() or "nothing"
        raise NetworkError(f'"{command}" failed in dom0 with status {section.status}; it said: {said}')
    return section.text
