# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How dom0's tools print its network, old and new: pure functions from `Dom0` to text.

Sources: recordings (Open vSwitch 3.1), the tutorial (Open vSwitch 1.4, net-tools 1.60), field-report.md §2.2.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from xapi_twin.dom0 import wiring
from xapi_twin.dom0.model import BondPort, Dom0

# What the kernel's bonding driver calls the modes; "source load balancing" is XenServer's patch.
_LINUX_MODES = {
    "active-backup": "fault-tolerance (active-backup)",
    "balance-slb": "source load balancing",
    "balance-tcp": "IEEE 802.3ad Dynamic link aggregation",
}
_FLAGS = {"UP": 1, "BROADCAST": 2, "LOOPBACK": 8, "RUNNING": 64, "MASTER": 1024, "SLAVE": 2048, "MULTICAST": 4096}


def version_of(text: str) -> tuple[int, ...]:
    """ "2.17.7" as (2, 17, 7)."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


@dataclass(frozen=True)
class Device:
    """A network device as ifconfig and ip see it."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    up: bool = True
    carrier: bool = True
    kind: str = "ether"  # or loopback
    master: str = ""

    @property
    def flags(self) -> list[str]:
        if self.kind == "loopback":
            return ["UP", "LOOPBACK", "RUNNING"]
        running = ["RUNNING"] if self.up and self.carrier else []
        return [*(["UP"] if self.up else []), "BROADCAST", *running, "MULTICAST"]


def devices(dom0: Dom0) -> list[Device]:
    """lo, the NICs, the bridges' interfaces, and what the switch adds."""
    bridges = dom0.bridges
    ports = {port: bridge.name for bridge in bridges.values() for port in bridge.ports}
    switched = dom0.network_backend == "openvswitch"
    # From 1.9 on Open vSwitch has a device of its own in the kernel, never up.
    own = switched and version_of(dom0.ovs_version) >= (1, 9)
    found = [Device("lo", "00:00:00:00:00:00", 65536, ("127.0.0.1/8",), kind="loopback")]
    bonded = {member.device: bond.name for bond in dom0.bonds.values() for member in bond.members}
    for interface in dom0.interfaces().values():
        master = ""
        if interface.name in dom0.nics or interface.name in dom0.bonds:
            port = bonded.get(interface.name, interface.name)
            if switched:
                master = "ovs-system" if own and port in ports else ""
            else:
                master = port if port in dom0.bonds and port != interface.name else ports.get(port, "")
        found.append(
            Device(interface.name, interface.mac, interface.mtu, interface.addresses, interface.up, interface.carrier, master=master)
        )
    if own:
        after_nics = 1 + sum(nic.present for nic in dom0.nics.values())
        found.insert(after_nics, Device("ovs-system", _made_up(dom0.hostname), 1500, up=False))
    return found


def _made_up(text: str) -> str:
    """A MAC that nobody has, the same for the same text."""
    number = sum(ord(char) * 31**place for place, char in enumerate(text)) % 2**32
    return "da:7e:" + ":".join(f"{number >> shift & 255:02x}" for shift in (24, 16, 8, 0))


# ifconfig


def ifconfig(dom0: Dom0, style: str, names: Sequence[str] = (), everything: bool = False) -> str:
    """`ifconfig [-a] [NAME…]`; style is "old" or "new". Devices come in the order of their names. Raises KeyError for an unknown name."""
    found = {device.name: device for device in devices(dom0)}
    shown = [found[name] for name in names] if names else sorted(found.values(), key=lambda device: device.name)
    block = _ifconfig_old if style == "old" else _ifconfig_new
    return "".join(block(device) + "\n" for device in shown if device.up or everything or names)


def _ifconfig_old(device: Device) -> str:
    loopback = device.kind == "loopback"
    head = f"{device.name:<9} Link encap:" + ("Local Loopback  " if loopback else f"Ethernet  HWaddr {device.mac.upper()}  ")
    lines = [head]
    for address in device.addresses:
        interface = ipaddress.ip_interface(address)
        broadcast = "" if loopback else f"  Bcast:{interface.network.broadcast_address}"
        if interface.version == 4:
            lines.append(f"          inet addr:{interface.ip}{broadcast}  Mask:{interface.netmask}")
        else:
            lines.append(f"          inet6 addr: {interface} Scope:Global")
    mtu = 16436 if loopback else device.mtu
    lines.append(f"          {' '.join(device.flags)}  MTU:{mtu}  Metric:1")
    lines.append("          RX packets:0 errors:0 dropped:0 overruns:0 frame:0")
    lines.append("          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0")
    lines.append(f"          collisions:0 txqueuelen:{0 if loopback else 1000} ")
    lines.append("          RX bytes:0 (0.0 b)  TX bytes:0 (0.0 b)")
    return "\n".join(lines) + "\n"


def _ifconfig_new(device: Device) -> str:
    loopback = device.kind == "loopback"
    number = sum(_FLAGS[flag] for flag in device.flags)
    lines = [f"{device.name}: flags={number}<{','.join(device.flags)}>  mtu {device.mtu}"]
    for address in device.addresses:
        interface = ipaddress.ip_interface(address)
        if interface.version == 4:
            broadcast = "" if loopback else f"  broadcast {interface.network.broadcast_address}"
            lines.append(f"        inet {interface.ip}  netmask {interface.netmask}{broadcast}")
        else:
            lines.append(f"        inet6 {interface.ip}  prefixlen {interface.network.prefixlen}  scopeid 0x0<global>")
    link = "loop  txqueuelen 1000  (Local Loopback)" if loopback else f"ether {device.mac}  txqueuelen 1000  (Ethernet)"
    lines.append(f"        {link}")
    lines.append("        RX packets 0  bytes 0 (0.0 B)")
    lines.append("        RX errors 0  dropped 0  overruns 0  frame 0")
    lines.append("        TX packets 0  bytes 0 (0.0 B)")
    lines.append("        TX errors 0  dropped 0 overruns 0  carrier 0  collisions 0")
    return "\n".join(lines) + "\n"


# ip


def ip_link(device: Device, number: int, group: bool = False) -> list[str]:
    """The lines of `ip link` about a device; `group`: iproute2 names the group, which that of CentOS 7 does not."""
    if device.kind == "loopback":
        flags, queue, state = "LOOPBACK,UP,LOWER_UP", "noqueue", "UNKNOWN"
    elif not device.up:
        flags, queue, state = "BROADCAST,MULTICAST", "noop", "DOWN"
    elif not device.carrier:
        flags, queue, state = "NO-CARRIER,BROADCAST,MULTICAST,UP", "mq", "DOWN"
    else:
        flags = "BROADCAST,MULTICAST,UP,LOWER_UP"
        queue, state = ("noqueue", "UNKNOWN") if device.name.startswith(("xenbr", "xapi")) else ("mq", "UP")
    master = f" master {device.master}" if device.master else ""
    kind, broadcast = ("loopback", "00:00:00:00:00:00") if device.kind == "loopback" else ("ether", "ff:ff:ff:ff:ff:ff")
    tail = f"{master} state {state}{' group default' if group else ''} qlen 1000"
    return [
        f"{number}: {device.name}: <{flags}> mtu {device.mtu} qdisc {queue}{tail}",
        f"    link/{kind} {device.mac} brd {broadcast}",
    ]


def ip_addresses(device: Device) -> list[str]:
    """The addresses of a device, one text each, as `ip addr` words them."""
    texts = []
    for address in device.addresses:
        interface = ipaddress.ip_interface(address)
        scope = "host" if device.kind == "loopback" else "global"
        if interface.version == 4:
            broadcast = "" if device.kind == "loopback" else f" brd {interface.network.broadcast_address}"
            texts.append(f"inet {interface}{broadcast} scope {scope} {device.name}")
        else:
            texts.append(f"inet6 {interface} scope {scope} ")
    return texts


# Open vSwitch


def bond_list(dom0: Dom0) -> str:
    """`ovs-appctl bond/list`: recircID came with Open vSwitch 2.3, "members" with 2.15."""
    version = version_of(dom0.ovs_version)
    word = "members" if version >= (2, 15) else "slaves"
    rows = [["bond", "type", "recircID", word]]
    rows += [[bond.name, bond.mode, str(bond.recirculation), _members(bond)] for bond in dom0.bonds.values()]
    if version < (2, 3):
        rows = [[name, mode, members] for name, mode, _unused, members in rows]
    return "".join("\t".join(row) + "\n" for row in rows)


def _members(bond: BondPort) -> str:
    return ", ".join(member.device for member in bond.members)


def bond_show(bond: BondPort, dom0: Dom0, now: float) -> str:
    """`ovs-appctl bond/show NAME`. `now` is the loop's time."""
    version = version_of(dom0.ovs_version)
    word = "member" if version >= (2, 15) else "slave"
    indent = "  " if version >= (2, 13) else "\t"
    lines = [f"---- {bond.name} ----"] if version >= (1, 9) else []
    lines.append(f"bond_mode: {bond.mode}")
    if version >= (2, 3):
        lines.append("bond may use recirculation: no, Recirc-ID : -1")
    if version < (2, 0) and bond.mode != "active-backup":
        lines.append(f"bond-hash-algorithm: {bond.mode}")
    lines.append("bond-hash-basis: 0")
    if version >= (2, 14):
        lines.append("lb_output action: disabled, bond-id: -1")
    if version >= (3, 1) and bond.mode == "balance-slb":
        lines.append("all members active: false")
    lines += [f"updelay: {bond.timers.get('updelay', 31000)} ms", f"downdelay: {bond.timers.get('downdelay', 200)} ms"]
    answered = bond.lacp != "off" and wiring.negotiated(bond, dom0)
    if (bond.lacp == "off" or answered) and bond.mode != "active-backup":
        lines.append(f"next rebalance: {bond.timers.get('rebalance-interval', 1800000)} ms")
    if version < (2, 0):
        lines.append(f"lacp_negotiated: {str(answered).lower()}")
    else:
        lines.append(f"lacp_status: {'off' if bond.lacp == 'off' else 'negotiated' if answered else 'configured'}")
    if version >= (2, 4):
        lines.append(f"lacp_fallback_ab: {str(bond.fallback_ab).lower()}")
    if version >= (2, 15):
        lines.append("active-backup primary: <none>")
    if version >= (2, 4):
        active = f"{_mac(dom0, bond.active)}({bond.active})" if bond.active else "00:00:00:00:00:00(none)"
        lines.append(f"active {word} mac: {active}")
    lines.append("")
    for member in sorted(bond.members, key=lambda member: member.device):
        lines.append(f"{word} {member.device}: {'enabled' if member.enabled else 'disabled'}")
        if member.device == bond.active:
            lines.append(f"{indent}active {word}")
        if member.enables_at is not None and not member.enabled:
            lines.append(f"{indent}updelay expires in {max(int((member.enables_at - now) * 1000), 0)} ms")
        lines += [f"{indent}may_enable: {str(member.may_enable).lower()}", ""]
    return "\n".join(lines) + "\n"


def lacp_show(bond: BondPort, dom0: Dom0) -> str:
    """`ovs-appctl lacp/show NAME`, as Open vSwitch 3.1 and 4.0 print it; before 2.13 with tabs, before 2.15 with slaves."""
    version = version_of(dom0.ovs_version)
    word, indent = "member" if version >= (2, 15) else "slave", "  " if version >= (2, 13) else "\t"
    system = dom0.bridges[bond.bridge].mac if bond.bridge in dom0.bridges else _mac(dom0, bond.members[0].device)
    key = bond.aggregation_key or "1"
    lines = [
        f"---- {bond.name} ----",
        f"{indent}status: active{' negotiated' if wiring.negotiated(bond, dom0) else ''}",
        f"{indent}sys_id: {system}",
        f"{indent}sys_priority: 65534",
        f"{indent}aggregation key: {key}",
        f"{indent}lacp_time: {bond.lacp_time}",
    ]
    inside = wiring.bundle(bond, dom0)
    for number, member in enumerate(sorted(bond.members, key=lambda member: member.device), 1):
        heard, attached = wiring.partner(dom0, member.device), member.device in inside
        own = f"{number}\n{indent}{{}}port_priority: 65535"
        state = "activity" + (" timeout" if bond.lacp_time == "fast" else "") + " aggregation"
        working = " synchronized collecting distributing" if attached else ""
        theirs, their_key = heard or ("00:00:00:00:00:00", 0)
        lines += [
            "",
            f"{word}: {member.device}: {'current' if heard else 'defaulted'} {'attached' if attached else 'detached'}",
            f"{indent}port_id: {own.format('')}",
            f"{indent}may_enable: {str(member.may_enable).lower()}",
            "",
            f"{indent}actor sys_id: {system}",
            f"{indent}actor sys_priority: 65534",
            f"{indent}actor port_id: {own.format('actor ')}",
            f"{indent}actor key: {key}",
            f"{indent}actor state: {state}{working}{'' if heard else ' defaulted'}",
            "",
            f"{indent}partner sys_id: {theirs}",
            f"{indent}partner sys_priority: {32768 if heard else 0}",
            f"{indent}partner port_id: {number if heard else 0}",
            f"{indent}partner port_priority: {32768 if heard else 0}",
            f"{indent}partner key: {their_key}",
            f"{indent}partner state:{' ' + state + working if heard else ''}",
        ]
    return "\n".join(lines) + "\n"


def _mac(dom0: Dom0, device: str) -> str:
    return dom0.nics[device].mac if device in dom0.nics else "00:00:00:00:00:00"


def ovs_version(dom0: Dom0, command: str) -> str:
    """`ovs-vsctl --version` and those of its kin."""
    if version_of(dom0.ovs_version) < (2, 0):
        return f"{command} (Open vSwitch) {dom0.ovs_version}\nCompiled Jun 19 2013 05:34:22\nOpenFlow versions 0x1:0x1\n"
    schema = "DB Schema 8.3.0\n" if command == "ovs-vsctl" else ""
    return f"{command} (Open vSwitch) {dom0.ovs_version}\n{schema}"


# Linux bridge


def brctl_show(dom0: Dom0) -> str:
    """`brctl show`: a bridge's further ports stand on lines of their own."""
    lines = ["bridge name\tbridge id\t\tSTP enabled\tinterfaces"]
    for bridge in dom0.bridges.values():
        ports = bridge.ports or ("",)
        lines.append(f"{bridge.name}\t\t8000.{bridge.mac.replace(':', '')}\tno\t\t{ports[0]}")
        lines += [f"\t\t\t\t\t\t\t{port}" for port in ports[1:]]
    return "\n".join(lines) + "\n"


def bond_proc(bond: BondPort, dom0: Dom0) -> str:
    """/proc/net/bonding/NAME of the kernel's bonding driver."""
    up = any(member.enabled for member in bond.members)
    lacp = bond.lacp != "off"
    lines = [
        "Ethernet Channel Bonding Driver: v3.7.1 (April 27, 2011)",
        "",
        f"Bonding Mode: {_LINUX_MODES.get(bond.mode, bond.mode)}",
        *(["Transmit Hash Policy: layer3+4 (1)"] if lacp else ["Primary Slave: None", f"Currently Active Slave: {bond.active or 'None'}"]),
        f"MII Status: {'up' if up else 'down'}",
        f"MII Polling Interval (ms): {bond.timers.get('miimon', 100)}",
        f"Up Delay (ms): {bond.timers.get('updelay', 31000)}",
        f"Down Delay (ms): {bond.timers.get('downdelay', 200)}",
    ]
    if lacp:
        lines += _aggregator(bond, dom0)
    for number, member in enumerate(bond.members, 1):
        nic = dom0.nics[member.device]
        lines += [
            "",
            f"Slave Interface: {member.device}",
            f"MII Status: {'up' if member.enabled else 'down'}",
            f"Speed: {nic.speed} Mbps",
            f"Duplex: {'full' if nic.duplex else 'half'}",
            "Link Failure Count: 0",
            f"Permanent HW addr: {nic.mac}",
            "Slave queue ID: 0",
            *(_lacp_of_member(bond, dom0, number) if lacp else []),
        ]
    return "\n".join(lines) + "\n"


_NOBODY = ("00:00:00:00:00:00", 1)


def _aggregator_of(bond: BondPort, dom0: Dom0, device: str) -> int:
    """The driver counts aggregators by their first port; a NIC without a partner is alone in its own."""
    devices = [member.device for member in bond.members]
    heard = wiring.partner(dom0, device)
    alike = [one for one in devices if heard is not None and wiring.partner(dom0, one) == heard]
    return devices.index((alike or [device])[0]) + 1


def _aggregator(bond: BondPort, dom0: Dom0) -> list[str]:
    """What /proc/net/bonding says of LACP for the bond (driver 3.7.1)."""
    inside = wiring.bundle(bond, dom0) or (bond.members[0].device,)
    system, key = wiring.partner(dom0, inside[0]) or _NOBODY
    return [
        "",
        "802.3ad info",
        f"LACP rate: {bond.lacp_time}",
        "Min links: 0",
        "Aggregator selection policy (ad_select): stable",
        "System priority: 65535",
        f"System MAC address: {_mac(dom0, bond.members[0].device)}",
        "Active Aggregator Info:",
        f"\tAggregator ID: {_aggregator_of(bond, dom0, inside[0])}",
        f"\tNumber of ports: {len(inside)}",
        "\tActor Key: 13",
        f"\tPartner Key: {key}",
        f"\tPartner Mac Address: {system}",
    ]


def _lacp_of_member(bond: BondPort, dom0: Dom0, number: int) -> list[str]:
    device = bond.members[number - 1].device
    heard = wiring.partner(dom0, device)
    system, key = heard or _NOBODY
    attached = device in wiring.bundle(bond, dom0)
    return [
        f"Aggregator ID: {_aggregator_of(bond, dom0, device)}",
        "Actor Churn State: none",
        f"Partner Churn State: {'none' if heard else 'churned'}",
        "Actor Churned Count: 0",
        f"Partner Churned Count: {0 if heard else 1}",
        "details actor lacp pdu:",
        "    system priority: 65535",
        f"    system mac address: {_mac(dom0, bond.members[0].device)}",
        "    port key: 13",
        "    port priority: 255",
        f"    port number: {number}",
        f"    port state: {61 if heard and attached else 69}",
        "details partner lacp pdu:",
        f"    system priority: {32768 if heard else 65535}",
        f"    system mac address: {system}",
        f"    oper key: {key}",
        "    port priority: 255",
        f"    port number: {number if heard else 1}",
        f"    port state: {61 if heard and attached else 1}",
    ]


# LLDP


def lldp_frame(chassis: str, port: str, name: str) -> bytes:
    """What a switch sends every 30 s (IEEE 802.1AB): chassis id (a MAC), port id (a name), time to live, system name."""
    mac = bytes.fromhex(chassis.replace(":", ""))
    parts = ((1, b"\x04" + mac), (2, b"\x05" + port.encode()), (3, b"\x00\x78"), (5, name.encode()), (0, b""))
    data = b"".join((kind << 9 | len(value)).to_bytes(2, "big") + value for kind, value in parts)
    return (bytes.fromhex("0180c200000e") + mac + b"\x88\xcc" + data).ljust(60, b"\0")
