# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's commands, and brctl of the Linux bridge backend: what they can be asked, and how a bridge is deleted."""

from __future__ import annotations

from xapi_twin.dom0 import formats
from xapi_twin.dom0.model import Bridge, Dom0
from xapi_twin.shell.call import Call

FOLDER = "/usr/bin"


def _silent(call: Call) -> str:
    """What stands in the way of an answer: the backend is the Linux bridge, and Open vSwitch does not run."""
    if call.host.dom0.network_backend == "openvswitch":
        return ""
    return "unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)"


async def vsctl(call: Call) -> int:
    ignored = ("--timeout", "--bare", "--no-", "-t", "--db", "--if-exists")
    arguments = [argument for argument in call.arguments if not argument.startswith(ignored)]
    dom0 = call.host.dom0
    if "--version" in arguments or "-V" in arguments:
        call.out(formats.ovs_version(dom0, "ovs-vsctl"))
        return 0
    if problem := _silent(call):
        return call.fail(problem)
    while arguments and arguments[0].startswith("-"):
        arguments.pop(0)
    if not arguments:
        return call.fail("missing command name (use --help for help)")
    action, rest = arguments[0], arguments[1:]
    if action == "list-br":
        call.out("".join(f"{name}\n" for name in sorted(dom0.bridges)))
        return 0
    if action == "show":
        call.out(_show(dom0))
        return 0
    if action in ("get", "list", "find"):
        return _table(call, dom0, action, rest)
    if action not in (*_QUESTIONS, "del-br"):
        return call.fail(f"unknown command '{action}'; use --help for help")
    if not rest:
        return call.fail(f"'{action}' command requires at least 1 arguments")
    if action == "del-br" and (rest[0] in dom0.bridges or "--if-exists" in call.arguments):
        await call.host.backend.bring_down(rest[0])
        return 0
    return _question(call, dom0, action, rest[0])


_QUESTIONS = ("list-ports", "list-ifaces", "iface-to-br", "port-to-br", "br-exists", "br-to-parent", "br-to-vlan")


def _question(call: Call, dom0: Dom0, action: str, name: str) -> int:
    bridge = dom0.bridges.get(name)
    if action in ("iface-to-br", "port-to-br"):
        for found in dom0.bridges.values():
            if name in (_interfaces(dom0, found) if action == "iface-to-br" else _ports_of(found)):
                call.out(found.name + "\n")
                return 0
        return call.fail(f"no {'interface' if action == 'iface-to-br' else 'port'} named {name}")
    if action == "br-exists":
        return 0 if bridge else 2
    if bridge is None:
        return call.fail(f"no bridge named {name}")
    if action in ("list-ports", "list-ifaces"):
        names = _ports_of(bridge) if action == "list-ports" else _interfaces(dom0, bridge)
        call.out("".join(f"{port}\n" for port in sorted(names)))
    elif action == "br-to-parent":
        call.out(f"{bridge.parent or bridge.name}\n")
    else:
        call.out(f"{bridge.tag or 0}\n")
    return 0


def _ports_of(bridge: Bridge) -> tuple[str, ...]:
    return (*bridge.ports, *([bridge.held_in] if bridge.held else []))


def _interfaces(dom0: Dom0, bridge: Bridge) -> tuple[str, ...]:
    return tuple(name for port in _ports_of(bridge) for name in _interfaces_of(dom0, bridge, port))


def _interfaces_of(dom0: Dom0, bridge: Bridge, port: str) -> tuple[str, ...]:
    if bridge.held and port == bridge.held_in:
        return bridge.held
    return tuple(member.device for member in dom0.bonds[port].members) if port in dom0.bonds else (port,)


def _show(dom0: Dom0) -> str:
    lines = ["2f3e1f6c-9a52-4a1e-8a6c-3c9a1f1b0d11"]
    for bridge in sorted(dom0.bridges.values(), key=lambda bridge: bridge.name):
        if bridge.parent:
            continue
        lines.append(f"    Bridge {bridge.name}")
        vlans = [vlan for vlan in dom0.bridges.values() if vlan.parent == bridge.name]
        for port, tag in [(bridge.name, None), *((vlan.name, vlan.tag) for vlan in vlans), *((port, None) for port in _ports_of(bridge))]:
            lines.append(f"        Port {port}")
            lines += [f"            tag: {tag}"] if tag is not None else []
            for interface in _interfaces_of(dom0, bridge, port):
                lines.append(f"            Interface {interface}")
                gone = interface in dom0.nics and not dom0.nics[interface].present
                lines += [f'                error: "could not open network device {interface} (No such device)"'] if gone else []
                lines += ["                type: internal"] if port in dom0.bridges else []
    lines.append(f'    ovs_version: "{dom0.ovs_version}"')
    return "\n".join(lines) + "\n"


def _table(call: Call, dom0: Dom0, action: str, rest: list[str]) -> int:
    """`get|list TABLE RECORD [COLUMN…]` for the columns that a look at a bond needs."""
    if not rest or (action == "get" and len(rest) < 3):
        return call.fail(f"'{action}' command requires at least {2 if action == 'get' else 1} arguments")
    kind, name, columns = rest[0].lower(), rest[1] if len(rest) > 1 else "", rest[2:]
    rows = {"port": _ports(dom0), "interface": _interface_rows(dom0), "bridge": _bridges(dom0)}.get(kind)
    if rows is None:
        return call.fail(f'unknown table "{rest[0]}"')
    if action == "get":
        if name not in rows:
            return call.fail(f'no row "{name}" in table {rest[0]}')
        for column in columns:
            column = column.partition(":")[0]
            if column not in rows[name]:
                return call.fail(f'{rest[0]} does not contain a column whose name matches "{column}"')
            call.out(rows[name][column] + "\n")
        return 0
    for row in [rows[name]] if action == "list" and name in rows else rows.values():
        call.out("".join(f"{column:<20}: {value}\n" for column, value in row.items()) + "\n")
    return 0


def _ports(dom0: Dom0) -> dict[str, dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for bridge in dom0.bridges.values():
        rows[bridge.name] = {"name": bridge.name, "bond_mode": "[]", "lacp": "[]", "tag": str(bridge.tag) if bridge.tag else "[]"}
        for port in bridge.ports:
            bond = dom0.bonds.get(port)
            rows[port] = {
                "name": port,
                "bond_mode": bond.mode if bond else "[]",
                "lacp": bond.lacp if bond else "[]",
                "bond_updelay": str(bond.timers.get("updelay", 0)) if bond else "0",
                "bond_downdelay": str(bond.timers.get("downdelay", 0)) if bond else "0",
                "tag": "[]",
            }
    return rows


def _interface_rows(dom0: Dom0) -> dict[str, dict[str, str]]:
    return {
        interface.name: {
            "name": interface.name,
            "mac_in_use": f'"{interface.mac}"',
            "mtu": str(interface.mtu),
            "link_state": "up" if interface.carrier else "down",
            "admin_state": "up" if interface.up else "down",
            "type": "internal" if interface.name in dom0.bridges else '""',
        }
        for interface in dom0.interfaces().values()
    }


def _bridges(dom0: Dom0) -> dict[str, dict[str, str]]:
    return {
        bridge.name: {"name": bridge.name, "datapath_id": f'"0000{bridge.mac.replace(":", "")}"', "fail_mode": "standalone"}
        for bridge in dom0.bridges.values()
    }


async def appctl(call: Call) -> int:
    dom0 = call.host.dom0
    arguments = list(call.arguments)
    if "--version" in arguments:
        call.out(formats.ovs_version(dom0, "ovs-appctl"))
        return 0
    if _silent(call):
        return call.fail('cannot read pidfile "/var/run/openvswitch/ovs-vswitchd.pid" (No such file or directory)')
    while arguments and arguments[0].startswith("-"):
        flag = arguments.pop(0)
        if flag in ("-t", "-T") and arguments:
            arguments.pop(0)
    if not arguments:
        return call.fail("at least one non-option argument is required (use --help for help)")
    action, names = arguments[0], arguments[1:]
    if action == "bond/list":
        call.out(formats.bond_list(dom0))
        return 0
    if action == "bond/show":
        if not names and formats.version_of(dom0.ovs_version) < (1, 9):
            call.err('"bond/show" command requires at least 1 arguments\n')
            return call.fail("ovs-vswitchd: server returned an error", 2)
        missing = [name for name in names if name not in dom0.bonds]
        if missing:
            call.err("no such bond\n")
            return call.fail("ovs-vswitchd: server returned an error", 2)
        for name in names or list(dom0.bonds):
            call.out(formats.bond_show(dom0.bonds[name], dom0, call.host.pool.clock()))
        return 0
    if action == "lacp/show":
        return _lacp_show(call, names)
    if action == "version":
        call.out(formats.ovs_version(dom0, "ovs-vswitchd"))
        return 0
    call.err(f'"{action}" is not a valid command (use "list-commands" to see a list of valid commands)\n')
    return call.fail("ovs-vswitchd: server returned an error", 2)


def _lacp_show(call: Call, names: list[str]) -> int:
    dom0 = call.host.dom0
    speaking = {bond.name: bond for bond in dom0.bonds.values() if bond.lacp != "off"}
    if names and names[0] not in speaking:
        call.err("no such lacp object\n")
        return call.fail("ovs-vswitchd: server returned an error", 2)
    for name in names[:1] or speaking:
        call.out(formats.lacp_show(speaking[name], dom0))
    return 0


async def brctl(call: Call) -> int:
    dom0 = call.host.dom0
    if call.arguments[:1] != ["show"]:
        call.err("Usage: brctl [commands]\n")
        return 1
    if dom0.network_backend != "bridge":
        call.out("bridge name\tbridge id\t\tSTP enabled\tinterfaces\n")
        return 0
    call.out(formats.brctl_show(dom0))
    return 0


COMMANDS = {"ovs-vsctl": vsctl, "ovs-appctl": appctl, "brctl": brctl}
