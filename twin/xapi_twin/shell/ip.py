# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig, ip, ping, ethtool, tcpdump: dom0's interfaces as the kernel has them."""

from __future__ import annotations

import asyncio
import ipaddress

from xapi_twin.dom0 import formats, wiring
from xapi_twin.dom0.model import Bridge, Dom0
from xapi_twin.shell.call import Call

FOLDER = "/sbin"


async def ifconfig(call: Call) -> int:
    names = [argument for argument in call.arguments if not argument.startswith("-")]
    style = call.machine.formats.ifconfig
    try:
        call.out(formats.ifconfig(call.host.dom0, style, names[:1], everything="-a" in call.arguments))
    except KeyError:
        call.err(f"{names[0]}: error fetching interface information: Device not found\n")
        return 1
    if len(names) > 1:
        return call.fail("the twin's interfaces are changed through XAPI alone")
    return 0


async def ip(call: Call) -> int:
    options = [argument for argument in call.arguments if argument.startswith("-")]
    words = [argument for argument in call.arguments if not argument.startswith("-")]
    if "-V" in options:
        call.out("ip utility, iproute2-ss170501\n")
        return 0
    kind = next((name for name in ("address", "link", "route") if words and name.startswith(words[0])), "")
    if not kind:
        call.err('Object "' + (words[0] if words else "") + '" is unknown, try "ip help".\n')
        return 1
    rest = words[1:]
    if rest[:1] and rest[0] in ("show", "list", "ls", "sh"):
        rest = rest[1:]
    elif rest[:1] and rest[0] in ("add", "del", "set", "replace", "flush", "delete"):
        call.err("RTNETLINK answers: Operation not permitted (the twin's interfaces are changed through XAPI alone)\n")
        return 2
    if kind == "route":
        return _routes(call)
    only_up = "up" in rest
    rest = [word for word in rest if word not in ("dev", "up")]
    found = list(enumerate(formats.devices(call.host.dom0), 1))
    if rest:
        found = [(number, device) for number, device in found if device.name == rest[0]]
        if not found:
            call.err(f'Device "{rest[0]}" does not exist.\n')
            return 1
    family = "inet6" if "-6" in options else "inet " if "-4" in options else ""
    for number, device in found:
        if only_up and not device.up:
            continue
        _show(
            call,
            kind,
            number,
            device,
            family,
            one_line="-o" in options or "-oneline" in options,
            brief="-br" in options or "-brief" in options,
        )
    return 0


def _show(call: Call, kind: str, number: int, device: formats.Device, family: str, one_line: bool, brief: bool) -> None:
    link = formats.ip_link(device, number, group=call.machine.product.version >= "9")
    addresses = [text for text in formats.ip_addresses(device) if text.startswith(family)]
    if brief:
        state = link[0].split(" state ")[1].split()[0]
        shown = device.mac if kind == "link" else " ".join(text.split()[1] for text in addresses)
        call.out(f"{device.name:<16} {state:<14} {shown}\n")
        return
    if kind == "link":
        call.out("\\".join(link) + "\n" if one_line else "\n".join(link) + "\n")
        return
    if one_line:
        for text in addresses:
            call.out(f"{number}: {device.name}    {text}\\       valid_lft forever preferred_lft forever\n")
        return
    if family and not addresses:
        return
    details = [line for text in addresses for line in (f"    {text}", "       valid_lft forever preferred_lft forever")]
    call.out("\n".join([link[0], *([] if family else link[1:]), *details]) + "\n")


def _routes(call: Call) -> int:
    for bridge in call.host.dom0.bridges.values():
        if bridge.gateway:
            call.out(f"default via {bridge.gateway} dev {bridge.name}\n")
    for bridge in call.host.dom0.bridges.values():
        for address in bridge.addresses:
            interface = ipaddress.ip_interface(address)
            call.out(f"{interface.network} dev {bridge.name} proto kernel scope link src {interface.ip}\n")
    return 0


async def ping(call: Call) -> int:
    """Answers when the address is that of a host of the pool that has power, or of an SR's server, on a network that this host is on, and
    the switch ports between them let the packet through."""
    words: list[str] = []
    count, size, whole, skip = 4, 56, False, False
    for place, argument in enumerate(call.arguments):
        if skip:
            skip = False
        elif argument in ("-c", "-W", "-w", "-i", "-s", "-I", "-M"):
            skip = True
            if argument == "-s" and place + 1 < len(call.arguments) and call.arguments[place + 1].isdigit():
                size = int(call.arguments[place + 1])
            whole = whole or (argument == "-M" and call.arguments[place + 1 : place + 2] == ["do"])
            if argument == "-c" and place + 1 < len(call.arguments) and call.arguments[place + 1].isdigit():
                count = int(call.arguments[place + 1])
        elif not argument.startswith("-"):
            words.append(argument)
    if not words:
        call.err("Usage: ping [-c count] destination\n")
        return 2
    target = _address(call, words[0])
    if target is None:
        return call.fail(f"unknown host {words[0]}", 2)
    answers = _answers(call, target) and _passes(call, target, min(size + 28, _mtu_towards(call, target)))
    call.out(f"PING {words[0]} ({target}) {size}({size + 28}) bytes of data.\n")
    if whole and answers and size + 28 > (mtu := _mtu_towards(call, target)):
        call.out(f"ping: local error: message too long, mtu={mtu}\n")
        answers = False
    for number in range(1, count + 1 if answers else 1):
        call.out(f"64 bytes from {target}: icmp_seq={number} ttl=64 time=0.1 ms\n")
    received, loss = (count, 0) if answers else (0, 100)
    call.out(f"\n--- {words[0]} ping statistics ---\n{count} packets transmitted, {received} received, {loss}% packet loss, time 0ms\n")
    return 0 if answers else 1


def _address(call: Call, name: str) -> ipaddress.IPv4Address | None:
    host = call.host.pool.find_host(name)
    try:
        return ipaddress.IPv4Address(host.record["address"] if host else "127.0.0.1" if name == "localhost" else name)
    except ValueError:
        return None


def _answers(call: Call, target: ipaddress.IPv4Address) -> bool:
    twin = call.host.pool
    mine = [ipaddress.ip_interface(address) for bridge in call.host.dom0.bridges.values() for address in bridge.addresses]
    if target.is_loopback or any(address.ip == target for address in mine):
        return True
    if not any(target in address.network for address in mine):
        return False
    there = {
        str(ipaddress.ip_interface(address).ip)
        for host in twin.hosts.values()
        if host.powered
        for bridge in host.dom0.bridges.values()
        for address in bridge.addresses
    }
    there.update(value for pbd in twin.database.all("PBD").values() for value in pbd["device_config"].values())
    there.update(pif["gateway"] for pif in twin.database.all("PIF").values())
    return str(target) in there


def _bridge_with(dom0: Dom0, target: ipaddress.IPv4Address) -> Bridge | None:
    """The bridge that has this address."""
    bridges = dom0.bridges.values()
    return next((one for one in bridges if any(ipaddress.ip_interface(address).ip == target for address in one.addresses)), None)


def _passes(call: Call, target: ipaddress.IPv4Address, size: int) -> bool:
    """Whether the ports on the way let a packet of this size through. Those of storage servers and gateways are as they should be."""
    dom0 = call.host.dom0
    out = next((one for one in dom0.bridges.values() if any(target in ipaddress.ip_interface(at).network for at in one.addresses)), None)
    if target.is_loopback or out is None or _bridge_with(dom0, target):
        return True
    here, tag = wiring.carrying(dom0, out.name), out.tag or 0
    for host in call.host.pool.hosts.values():
        bridge = _bridge_with(host.dom0, target) if host.powered else None
        if bridge is not None:
            there = wiring.carrying(host.dom0, bridge.name)
            return (bridge.tag or 0) == tag and size <= bridge.mtu and wiring.reach(here, there, tag, size)
    return bool(here) and all(not nic.port.segment for nic in here) and wiring.passes([nic.port for nic in here], tag, size)


def _mtu_towards(call: Call, target: ipaddress.IPv4Address) -> int:
    """Of the bridge behind which the address is; the loopback's otherwise."""
    for bridge in call.host.dom0.bridges.values():
        if any(target in ipaddress.ip_interface(address).network for address in bridge.addresses):
            return bridge.mtu
    return 65536


async def ethtool(call: Call) -> int:
    names = [argument for argument in call.arguments if not argument.startswith("-")]
    nic = call.host.dom0.nics.get(names[0]) if names else None
    if nic is None or not nic.present:
        call.err(f"Settings for {names[0] if names else ''}:\nCannot get device settings: No such device\nNo data available\n")
        return 75
    if "-i" in call.arguments:
        call.out(f"driver: twin\nversion: 1\nbus-info: {nic.pci_bus_path}\n")
        return 0
    speed = f"{nic.speed}Mb/s" if nic.carrier else "Unknown!"
    duplex = ("Full" if nic.duplex else "Half") if nic.carrier else "Unknown!"
    call.out(f"Settings for {nic.device}:\n\tSpeed: {speed}\n\tDuplex: {duplex}\n\tLink detected: {'yes' if nic.carrier else 'no'}\n")
    return 0


async def tcpdump(call: Call) -> int:
    """`tcpdump -i NIC -xx -c 1 ether proto 0x88cc`: the switch's LLDP, as tcpdump 4.99 prints it; waits where it is silent."""
    words = call.arguments
    device = words[words.index("-i") + 1]
    nic = call.host.dom0.nics.get(device)
    if nic is None or not nic.present:
        return call.fail(f"{device}: No such device exists\n(No such device exists)")
    call.err("tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n")
    call.err(f"listening on {device}, link-type EN10MB (Ethernet), snapshot length 1500 bytes\n")
    await call.flush()
    while "0x88cc" not in words or not nic.carrier or nic.port.lldp is None:
        await asyncio.sleep(0.05)
        nic = call.host.dom0.nics[device]
    frame = formats.lldp_frame(*nic.port.lldp)
    call.out(f"02:23:26.056764 LLDP, length {len(frame) - 14}: {nic.port.lldp[2]}\n")
    for place in range(0, len(frame), 16):
        row = frame[place : place + 16].hex()
        call.out(f"\t0x{place:04x}:  {' '.join(row[at : at + 4] for at in range(0, len(row), 4))}\n")
    call.err("1 packet captured\n1 packet received by filter\n0 packets dropped by kernel\n")
    return 0


COMMANDS = {"tcpdump": tcpdump, "ifconfig": ifconfig, "ip": ip, "ping": ping, "ethtool": ethtool}
