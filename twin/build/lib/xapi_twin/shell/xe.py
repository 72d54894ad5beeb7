# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`xe` in dom0: the commands of the tutorial and those around them, with xe's own layout and errors.

It speaks to the xapi of its own host; a member's xapi hands every command to the master. So `xe` fails while that xapi is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xapi_twin.database import Database
from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.shell.call import Call
from xapi_twin.shell.xe_fields import TABLES, Field, Record, Table

FOLDER = "/usr/bin"

_STANDARD = (
    "server",
    "password",
    "port",
    "username",
    "minimal",
    "force",
    "multiple",
    "all",
    "message-priority",
    "trace",
    "params",
    "progress",
)
_WITH_VALUE = {"-s": "server", "-u": "username", "-p": "port", "-pw": "password", "-pwf": "password-file"}


class Refusal(Exception):
    """xe refuses; the sentence is xe's own."""


@dataclass(frozen=True)
class Request:
    """One command of xe: its parameters by name, and what it may ask."""

    call: Call
    name: str
    parameters: Mapping[str, str]

    @property
    def database(self) -> Database:
        return self.call.host.pool.database

    def need(self, name: str) -> str:
        """A parameter that must be given. Raises Refusal."""
        if name not in self.parameters:
            raise Refusal(f"Required parameter not found: {name}\nFor usage run: 'xe help'")
        return self.parameters[name]

    def get(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)

    def ref(self, cls: str, uuid: str) -> str:
        """The reference of an object by uuid. Raises XapiError UUID_INVALID."""
        return self.database.by_uuid(cls, uuid)

    def map(self, name: str) -> dict[str, str]:
        """The values given as name:key=value."""
        return {key[len(name) + 1 :]: value for key, value in self.parameters.items() if key.startswith(name + ":")}

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Call XAPI as root. Raises XapiError."""
        return await self.call.host.twin.dispatcher.internal(method, *arguments)

    def print_uuid(self, cls: str, ref: str) -> None:
        self.call.out(self.database.get(cls, ref)["uuid"] + "\n")


async def xe(call: Call) -> int:
    words, parameters = _read(call.arguments)
    if not words:
        call.err("Usage: xe <command> [-s server] [-pw passwd] [-p port] [-u user] [-pwf password-file] [command specific arguments]\n")
        return 1
    if words[0] == "help":
        call.out("Commands the twin knows: " + ", ".join(sorted([*_COMMANDS, *(f"{name}-list" for name in TABLES)])) + "\n")
        return 0
    problem = _unreachable(call)
    if problem:
        call.err(problem + "\n")
        return 1
    request = Request(call, words[0], parameters)
    try:
        work = _work(request)
        await work(request)
        return 0
    except Refusal as refusal:
        call.err(f"{refusal}\n")
    except XapiError as error:
        call.err(_worded(error))
    except (ConnectionDropped, asyncio.TimeoutError):
        call.err("Lost connection to the server.\n")
    return 1


def _read(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """(words, parameters): key=value, --key[=value], and the old one-letter options."""
    words: list[str] = []
    parameters: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument in _WITH_VALUE and rest:
            parameters[_WITH_VALUE[argument]] = rest.pop(0)
        elif argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            parameters[name] = value if equals else "true"
        elif "=" in argument and words:
            name, _unused, value = argument.partition("=")
            parameters[name] = value
        else:
            words.append(argument)
    return words, parameters


def _unreachable(call: Call) -> str:
    """Why the host's xapi takes no command, or nothing."""
    host = call.host
    if host.xapi == "emergency":
        return "The host is in emergency mode: it cannot contact the pool master."
    if host.xapi == "stopped":
        return "Error: Connection refused (calling connect )"
    if host.refusal is not None:
        return _worded(host.refusal).rstrip("\n")
    if not host.is_master and host.twin.master_host.xapi != "running":
        return "Lost connection to the server."
    return ""


_SENTENCES = {
    "UUID_INVALID": ("The uuid you supplied was invalid.", ("type", "uuid")),
    "HOST_STILL_BOOTING": ("The host toolstack is still initialising. Please wait.", ()),
    "HANDLE_INVALID": ("You gave an invalid object reference. The object may have recently been deleted.", ("class", "handle")),
}


def _worded(error: XapiError) -> str:
    if error.code in _SENTENCES:
        sentence, names = _SENTENCES[error.code]
        return "\n".join([sentence, *(f"{name}: {value}" for name, value in zip(names, error.params, strict=False))]) + "\n"
    return f"Error code: {error.code}\nError parameters: {', '.join(error.params)}\n"


Work = Callable[[Request], Awaitable[None]]


def _work(request: Request) -> Work:
    """What carries out a command. Raises Refusal for one that is not known."""
    if request.name in _COMMANDS:
        return _COMMANDS[request.name]
    for name in sorted(TABLES, key=len, reverse=True):
        if request.name.startswith(name + "-"):
            action = request.name[len(name) + 1 :]
            if action in _GENERAL:
                table = TABLES[name]
                general = _GENERAL[action]
                return lambda request: general(request, table)
    raise Refusal(f"Unknown command: {request.name}\nFor usage run: 'xe help'")


# the commands that every class has


async def _list(request: Request, table: Table) -> None:
    parameters, database = request.parameters, request.database
    # Newest first: in the tutorial's listings what was made later is printed before what was there.
    records = [record for record in reversed(list(database.all(table.cls).values())) if table.only(record)]
    for name, value in parameters.items():
        if name not in _STANDARD and not name.startswith("database:"):
            records = _filtered(database, table, records, name, value)
    wanted = parameters.get("params", "")
    names = [field.name for field in table.fields] if wanted == "all" else wanted.split(",") if wanted else list(table.shown)
    fields = [field for field in table.fields if field.name in names]
    _print(request, [_rows(database, record, fields) for record in records])


def _rows(database: Database, record: Record, fields: list[Field]) -> list[tuple[str, str]]:
    return [(field.label, field.get(database, record)) for field in fields]


def _filtered(database: Database, table: Table, records: list[Record], name: str, value: str) -> list[Record]:
    """Records with that value of a field, or with that key of a map (other-config:key=value) or member of a set."""
    if not records:
        return []
    field = table.find(name)
    if field is not None:
        if field.case_insensitive:
            return [record for record in records if field.get(database, record).lower() == value.lower()]
        return [record for record in records if field.get(database, record) == value]
    base, colon, key = name.partition(":")
    field = table.find(base)
    if not colon or field is None:
        raise Refusal(f"Unknown field '{name}'")
    if field.mark.startswith("M"):
        return [record for record in records if record.get(field.api, {}).get(key) == value]
    if field.mark.startswith("S") and key == "contains":
        return [record for record in records if value in field.get(database, record).split("; ")]
    raise Refusal(f"Field '{base}' is not a set or map")


def _print(request: Request, records: list[list[tuple[str, str]]]) -> None:
    """Two blank lines after each record; names are padded to the longest. With --minimal the first field alone, joined by commas."""
    if "minimal" in request.parameters:
        values = [rows[0][1].replace("\\", "\\\\").replace(",", "\\,") for rows in records if rows]
        request.call.out(",".join(values) + "\n")
        return
    for rows in records:
        width = 4 + max((len(label) for label, _unused in rows), default=0)
        lines = [f"{label.rjust(width) if number else label.ljust(width)}: {value}" for number, (label, value) in enumerate(rows)]
        request.call.out("\n".join(lines) + "\n\n\n")


def _record(request: Request, table: Table) -> tuple[str, Record]:
    ref = request.ref(table.cls, request.need("uuid"))
    return ref, request.database.get(table.cls, ref)


async def _param_list(request: Request, table: Table) -> None:
    _unused, record = _record(request, table)
    _print(request, [_rows(request.database, record, list(table.fields))])


async def _param_get(request: Request, table: Table) -> None:
    _unused, record = _record(request, table)
    field = _field(table, request.need("param-name"))
    key = request.get("param-key")
    if key and field.mark.startswith("M"):
        if key not in record.get(field.api, {}):
            raise Refusal(f"Error: Key {key} not found in map")
        request.call.out(record[field.api][key] + "\n")
        return
    request.call.out(field.get(request.database, record) + "\n")


def _field(table: Table, name: str) -> Field:
    field = table.find(name)
    if field is None:
        raise Refusal(f"Error: Unknown field '{name}'")
    return field


async def _param_set(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    for name, value in request.parameters.items():
        if name == "uuid" or name in _STANDARD:
            continue
        base, colon, key = name.partition(":")
        field = _field(table, base)
        if colon:
            if table.cls in ("Bond", "PIF") and base == "properties":
                await request.ask(f"{table.cls}.set_property", ref, key, value)
                continue
            if field.mark != "MRW":
                raise Refusal(f"Error: Map field '{base}' is read-only.")
            if key in record[field.api]:
                await request.ask(f"{table.cls}.remove_from_{field.api}", ref, key)
            await request.ask(f"{table.cls}.add_to_{field.api}", ref, key, value)
            continue
        if field.mark != "RW":
            raise Refusal(f"Error: Field '{name}' is read-only.")
        await request.ask(f"{table.cls}.set_{field.api}", ref, _typed(request, table, field, value))


def _typed(request: Request, table: Table, field: Field, value: str) -> Any:
    """A parameter as the type that XAPI's field has. Raises Refusal."""
    type_ = request.call.host.twin.schema.fields(table.cls)[field.api].type
    if type_.kind == "bool":
        if value.lower() not in ("true", "false", "t", "f", "1", "0"):
            raise Refusal(f"Error: Failed to parse parameter '{field.name}': expecting 'true' or 'false'")
        return value.lower() in ("true", "t", "1")
    if type_.kind == "int":
        try:
            return int(value)
        except ValueError:
            raise Refusal(f"Error: Parameter {field.name} must be an integer") from None
    if type_.kind == "ref":
        return request.ref(type_.name, value)
    return value


async def _param_add(request: Request, table: Table) -> None:
    ref, _unused = _record(request, table)
    field = _field(table, request.need("param-name"))
    if field.mark == "SRW":
        await request.ask(f"{table.cls}.add_{field.api}", ref, request.need("param-key"))
    elif field.mark == "MRW":
        for name, value in request.parameters.items():
            if name not in ("uuid", "param-name", "param-key", *_STANDARD):
                await request.ask(f"{table.cls}.add_to_{field.api}", ref, name, value)
    else:
        raise Refusal("Error: Can only add to parameters of type Set or Map")


async def _param_remove(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    field, key = _field(table, request.need("param-name")), request.need("param-key")
    if field.mark not in ("SRW", "MRW"):
        raise Refusal("Error: Can only remove from parameters of type Set or Map")
    if key not in record[field.api]:
        raise Refusal(f"Error: Key {key} is not in {'the set' if field.mark == 'SRW' else 'map'}")
    await request.ask(f"{table.cls}.remove_{'from_' if field.mark == 'MRW' else ''}{field.api}", ref, key)


async def _param_clear(request: Request, table: Table) -> None:
    ref, record = _record(request, table)
    field = _field(table, request.need("param-name"))
    if field.mark not in ("SRW", "MRW"):
        raise Refusal("Error: Can only clear RW parameters")
    for key in list(record[field.api]):
        await request.ask(f"{table.cls}.remove_{'from_' if field.mark == 'MRW' else ''}{field.api}", ref, key)


_GENERAL: Mapping[str, Callable[[Request, Table], Awaitable[None]]] = {
    "list": _list,
    "param-list": _param_list,
    "param-get": _param_get,
    "param-set": _param_set,
    "param-add": _param_add,
    "param-remove": _param_remove,
    "param-clear": _param_clear,
}


# the commands of their own


async def _network_create(request: Request) -> None:
    record: dict[str, Any] = {
        "name_label": request.need("name-label"),
        "name_description": request.get("name-description"),
        "other_config": request.map("other-config"),
        "tags": [],
        "MTU": _integer(request, "MTU", 1500),
    }
    known = request.call.host.twin.schema.fields("network")
    if "bridge" in known:
        record.update(bridge=request.get("bridge"), managed=request.get("managed", "true") == "true")
    request.print_uuid("network", await request.ask("network.create", record))


def _integer(request: Request, name: str, default: int) -> int:
    try:
        return int(request.get(name, str(default)))
    except ValueError:
        raise Refusal(f"Error: Failed to parse parameter '{name}': expecting an integer") from None


async def _network_destroy(request: Request) -> None:
    await request.ask("network.destroy", request.ref("network", request.need("uuid")))


async def _bond_create(request: Request) -> None:
    network = request.ref("network", request.need("network-uuid"))
    members = [request.ref("PIF", uuid) for uuid in request.need("pif-uuids").split(",")]
    arguments: list[Any] = [network, members, request.get("mac")]
    parameters = request.call.host.twin.schema.classes["Bond"].messages["create"].parameters
    if len(parameters) >= 4:
        arguments.append(_mode(request.get("mode", "balance-slb")))
    if len(parameters) >= 5:
        arguments.append(request.map("properties"))
    request.print_uuid("Bond", await request.ask("Bond.create", *arguments))


def _mode(text: str) -> str:
    if text not in ("balance-slb", "active-backup", "lacp"):
        raise Refusal("Error: Invalid bond mode. Got " + text)
    return text


async def _bond_set_mode(request: Request) -> None:
    await request.ask("Bond.set_mode", request.ref("Bond", request.need("uuid")), _mode(request.need("mode")))


async def _pif_reconfigure_ip(request: Request) -> None:
    modes = {"none": "None", "dhcp": "DHCP", "static": "Static"}
    mode = request.need("mode").lower()
    if mode not in modes:
        raise Refusal("Failed to parse parameter 'mode': expecting 'none', 'dhcp' or 'static'")
    pif = request.ref("PIF", request.need("uuid"))
    values = (request.get("IP"), request.get("netmask"), request.get("gateway"), request.get("DNS"))
    await request.ask("PIF.reconfigure_ip", pif, modes[mode], *values)


async def _vlan_create(request: Request) -> None:
    pif, network = request.ref("PIF", request.need("pif-uuid")), request.ref("network", request.need("network-uuid"))
    vlan = await request.ask("VLAN.create", pif, _integer(request, "vlan", -1), network)
    request.print_uuid("PIF", request.database.get("VLAN", vlan)["untagged_PIF"])


async def _tunnel_create(request: Request) -> None:
    pif, network = request.ref("PIF", request.need("pif-uuid")), request.ref("network", request.need("network-uuid"))
    arguments: list[Any] = [pif, network]
    if len(request.call.host.twin.schema.classes["tunnel"].messages["create"].parameters) >= 3:
        arguments.append(request.get("protocol", "gre"))
    request.print_uuid("tunnel", await request.ask("tunnel.create", *arguments))


def _host(request: Request) -> str:
    """The host named by uuid=, host-uuid= or host= (name or uuid). Raises Refusal."""
    uuid = request.get("uuid") or request.get("host-uuid")
    if uuid:
        return request.ref("host", uuid)
    name = request.need("host")
    for ref, record in request.database.all("host").items():
        if name in (record["name_label"], record["uuid"]):
            return ref
    raise Refusal(f"Error: Host {name} not found")


async def _pif_introduce(request: Request) -> None:
    arguments: list[Any] = [request.ref("host", request.need("host-uuid")), request.get("mac"), request.need("device")]
    if len(request.call.host.twin.schema.classes["PIF"].messages["introduce"].parameters) >= 4:
        arguments.append(request.get("managed", "true") == "true")
    request.print_uuid("PIF", await request.ask("PIF.introduce", *arguments))


async def _pool_dump(request: Request) -> None:
    raise Refusal("Error: the twin's database is not kept in a file; 'xapi-twin capture' writes one that can be played again")


def _on_object(cls: str, message: str, *extra: Any) -> Work:
    """A command that is one message to the object of uuid=."""

    async def work(request: Request) -> None:
        await request.ask(f"{cls}.{message}", request.ref(cls, request.need("uuid")), *extra)

    return work


def _on_host(message: str) -> Work:
    async def work(request: Request) -> None:
        await request.ask(f"host.{message}", _host(request))

    return work


async def _pif_scan(request: Request) -> None:
    await request.ask("PIF.scan", request.ref("host", request.need("host-uuid")))


async def _host_is_in_emergency_mode(request: Request) -> None:
    request.call.out("false\n")


async def _host_management_reconfigure(request: Request) -> None:
    await request.ask("host.management_reconfigure", request.ref("PIF", request.need("pif-uuid")))


async def _pool_ha_disable(request: Request) -> None:
    await request.ask("pool.disable_ha")


_COMMANDS: Mapping[str, Work] = {
    "network-create": _network_create,
    "network-destroy": _network_destroy,
    "bond-create": _bond_create,
    "bond-destroy": _on_object("Bond", "destroy"),
    "bond-set-mode": _bond_set_mode,
    "pif-reconfigure-ip": _pif_reconfigure_ip,
    "pif-plug": _on_object("PIF", "plug"),
    "pif-unplug": _on_object("PIF", "unplug"),
    "pif-forget": _on_object("PIF", "forget"),
    "pif-scan": _pif_scan,
    "pif-introduce": _pif_introduce,
    "vlan-create": _vlan_create,
    "vlan-destroy": _on_object("VLAN", "destroy"),
    "tunnel-create": _tunnel_create,
    "tunnel-destroy": _on_object("tunnel", "destroy"),
    "pbd-plug": _on_object("PBD", "plug"),
    "pbd-unplug": _on_object("PBD", "unplug"),
    "task-cancel": _on_object("task", "cancel"),
    "host-enable": _on_host("enable"),
    "host-disable": _on_host("disable"),
    "host-restart-agent": _on_host("restart_agent"),
    "host-management-reconfigure": _host_management_reconfigure,
    "host-is-in-emergency-mode": _host_is_in_emergency_mode,
    "pool-ha-disable": _pool_ha_disable,
    "pool-dump-database": _pool_dump,
}

COMMANDS = {"xe": xe}
