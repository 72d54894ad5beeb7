# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands on hosts, the pool and what is around them, and event-wait. What they need, take and print is xe's (see network.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.scenario.dump import write_dump
from xapi_twin.xe.fields import TABLES
from xapi_twin.xe.records import rows, select
from xapi_twin.xe.request import Command, Failed, Refusal, Request, on_object

_FUSE = "10. seconds..."  # xapi waits so long before it starts again


def _selected(request: Request, *ignored: str) -> list[str]:
    """The hosts that host= (a name or a uuid) or the fields given as filters leave. Raises Refusal."""
    filters = request.rest(*ignored)
    name = filters.pop("host", None)
    found = [
        ref
        for ref, record in select(request.database, TABLES["host"], filters)
        if name is None or name in (record["uuid"], record["hostname"], record["name_label"])
    ]
    if not found:
        raise Refusal("No matching hosts found")
    return found


def _on_hosts(work: Callable[[Request, str], Awaitable[None]], about: str, takes: tuple[str, ...] = (), several: bool = True) -> Command:
    """A command on the hosts that are selected; on several only with --multiple."""

    async def on_each(request: Request) -> None:
        hosts = _selected(request, *takes)
        if len(hosts) > 1 and not (several and request.flag("multiple")):
            what = "--multiple required to complete the operation" if several else "Operation can only be performed on one host at a time"
            raise Refusal(f"Multiple matching hosts found. {what}")
        for host in hosts:
            await work(request, host)

    return Command(on_each, (), (*takes, "<host-selectors>"), about)


async def _host_message(message: str, request: Request, host: str) -> None:
    await request.ask(f"host.{message}", host)


async def _disable(request: Request, host: str) -> None:
    known = len(request.schema.classes["host"].messages["disable"].parameters) > 1
    await request.ask("host.disable", host, *([request.flag("auto-enable", True)] if known else []))


async def _enable(request: Request, host: str) -> None:
    await request.ask("host.remove_from_other_config", host, "MAINTENANCE_MODE")
    await request.ask("host.enable", host)


async def _evacuate(request: Request, host: str) -> None:
    network = [request.ref("network", "network-uuid")] if "network-uuid" in request.parameters else []
    await request.ask("host.evacuate", host, *network)


async def _server_certificate(request: Request, host: str) -> None:
    request.say(await request.ask("host.get_server_certificate", host))


async def _prevent_evacuation(request: Request) -> None:
    prevented = await request.ask("host.get_vms_which_prevent_evacuation", request.ref("host"))
    shown = [field for field in TABLES["vm"].fields if field.name in ("uuid", "name-label")]
    for vm, error in prevented.items():
        row = rows(request.database, request.database.get("VM", vm), shown)
        request.show([[*row, ("reason ( RO)", ",".join(error))]])


async def _management_reconfigure(request: Request) -> None:
    await request.ask("host.management_reconfigure", request.ref("PIF", "pif-uuid"))


async def _management_disable(request: Request) -> None:
    await request.ask("host.management_disable")


async def _is_in_emergency_mode(request: Request) -> None:
    request.say("true" if await request.ask("host.is_in_emergency_mode") else "false")


async def _set_hostname_live(request: Request) -> None:
    await request.ask("host.set_hostname_live", request.ref("host", "host-uuid"), request.get("host-name"))


async def _syslog_reconfigure(request: Request) -> None:
    await request.ask("host.syslog_reconfigure", request.ref("host", "host-uuid"))


async def _call_plugin(request: Request) -> None:
    host = request.ref("host", "host-uuid")
    request.say(await request.ask("host.call_plugin", host, request.get("plugin"), request.get("fn"), request.map("args")))


async def _pool_join(request: Request) -> None:
    message = "pool.join_force" if request.flag("force") else "pool.join"
    values = [request.get(f"master-{name}") for name in ("address", "username", "password")]
    try:
        await request.ask(message, *values)
    except XapiError as error:
        if error.code not in ("JOINING_HOST_CONNECTION_FAILED", "POOL_JOINING_HOST_CONNECTION_FAILED"):
            raise
        request.say(
            "Host cannot contact destination host: connection refused.",
            "Check destination host has services running and accessible from this host.",
        )
        return
    request.say(f"Host agent will restart and attempt to join pool in {_FUSE}")


async def _pool_eject(request: Request) -> None:
    host = request.ref("host", "host-uuid")
    if not request.flag("force"):
        request.terminal.out("WARNING: Ejecting a host from the pool will reinitialise that host's local SRs.")
        request.terminal.out("WARNING: Any data contained within local SRs will be lost.")
        request.terminal.out("Type 'yes' to continue")
        typed = await request.terminal.line()
        if typed.strip().lower() != "yes":
            request.terminal.out(f"Aborted (you typed: '{typed}')")
            return
    await request.ask("pool.eject", host)
    request.say(f"Specified host will attempt to restart as a master of a new pool in {_FUSE}")


async def _designate_new_master(request: Request) -> None:
    await request.ask("pool.designate_new_master", request.ref("host", "host-uuid"))


async def _pool_management_reconfigure(request: Request) -> None:
    await request.ask("pool.management_reconfigure", request.ref("network", "network-uuid"))


async def _recover_slaves(request: Request) -> None:
    request.say_uuid("host", *await request.ask("pool.recover_slaves"))


async def _pool_message(message: str, request: Request) -> None:
    await request.ask(f"pool.{message}")


async def _dump_database(request: Request) -> None:
    """The program fetches it from xapi, with the session that asks."""
    session = request.session or request.host.pool.calls.open_session("cli")
    database, schema = request.database, request.schema

    def text() -> str:
        return write_dump({cls: database.all(cls) for cls in schema.classes}, schema)

    try:
        kept = await request.terminal.fetch(request.get("file-name"), f"/pool/xmldbdump?session_id={session}", text)
    finally:
        if not request.session:
            database.remove("session", session)
    if not kept:
        raise Failed


async def _message_create(request: Request) -> None:
    kinds = {"vm-uuid": "VM", "pool-uuid": "Pool", "sr-uuid": "SR", "host-uuid": "Host"}
    given = next((name for name in kinds if name in request.parameters), None)
    if given is None:
        raise Refusal("Need one of: vm-uuid, host-uuid, sr-uuid or pool-uuid")
    values = (request.get("name"), request.number("priority", 0), kinds[given], request.get(given), request.get("body"))
    await request.ask("message.create", *values)


async def _event_wait(request: Request) -> None:
    """Until an object of the class has the values that are given; KEY=/=VALUE: until one has another. Raises Refusal."""
    table = TABLES.get(request.get("class"))
    if table is None:
        raise Refusal(f"Cli listening for class '{request.get('class')}' not currently implemented")
    wanted = request.rest("class")
    fields = {name: table.find(name) for name in wanted}

    def satisfied() -> bool:
        records = request.database.all(table.cls).values()
        missing = next((name for name, field in fields.items() if field is None), None)
        if records and missing is not None:
            raise Refusal(f"key missing: {missing}")
        shown = [{name: field.get(request.database, record) for name, field in fields.items() if field} for record in records]
        return any(all(_is(found[name], value) for name, value in wanted.items()) for found in shown)

    version = request.database.version()
    while not satisfied():
        await request.database.changed(version)
        version = request.database.version()


def _is(found: str, wanted: str) -> bool:
    return found != wanted[2:] if wanted.startswith("/=") else found == wanted


COMMANDS: Mapping[str, Command] = {
    "host-enable": _on_hosts(_enable, "Lets VMs start on a host again."),
    "host-disable": _on_hosts(_disable, "Lets no VM start on a host.", ("auto-enable",)),
    "host-evacuate": _on_hosts(_evacuate, "Moves all running VMs to other hosts.", ("network-uuid", "batch-size"), several=False),
    "host-reboot": _on_hosts(partial(_host_message, "reboot"), "Reboots a host that is disabled."),
    "host-shutdown": _on_hosts(partial(_host_message, "shutdown"), "Switches off a host that is disabled."),
    "host-get-server-certificate": _on_hosts(_server_certificate, "Prints the certificate of a host.", several=False),
    "host-get-vms-which-prevent-evacuation": Command(
        _prevent_evacuation, ("uuid",), about="Lists the VMs that cannot leave a host, and why."
    ),
    "host-management-reconfigure": Command(
        _management_reconfigure, ("pif-uuid",), about="Makes a PIF the management interface of its host."
    ),
    "host-management-disable": Command(_management_disable, about="Takes this host's management interface away.", here=True),
    "host-is-in-emergency-mode": Command(_is_in_emergency_mode, about="Says whether this host has lost its master.", here=True),
    "host-set-hostname-live": Command(_set_hostname_live, ("host-uuid", "host-name"), about="Gives a host another hostname."),
    "host-syslog-reconfigure": Command(_syslog_reconfigure, ("host-uuid",), about="Sends a host's log where its record says."),
    "host-call-plugin": Command(_call_plugin, ("host-uuid", "plugin", "fn"), ("args:",), "Calls a function of a plugin in dom0."),
    "pool-join": Command(
        _pool_join, ("master-address", "master-username", "master-password"), ("force",), "Makes this host a member of a pool."
    ),
    "pool-eject": Command(_pool_eject, ("host-uuid",), ("force",), "Takes a host out of the pool. Its local storage is wiped."),
    "pool-designate-new-master": Command(_designate_new_master, ("host-uuid",), about="Makes another host the master."),
    "pool-management-reconfigure": Command(
        _pool_management_reconfigure, ("network-uuid",), about="Moves the management interface of all hosts to a network."
    ),
    "pool-recover-slaves": Command(_recover_slaves, about="Tells members in emergency mode where the master is."),
    "pool-ha-disable": Command(partial(_pool_message, "disable_ha"), about="Switches high availability off."),
    "pool-sync-database": Command(partial(_pool_message, "sync_database"), about="Sends the database to all hosts."),
    "pool-dump-database": Command(_dump_database, ("file-name",), about="Writes the database to a file."),
    "pbd-plug": on_object("PBD", "plug", "Connects a host to a storage repository."),
    "pbd-unplug": on_object("PBD", "unplug", "Disconnects a host from a storage repository."),
    "sr-scan": on_object("SR", "scan", "Looks for what lies in a storage repository."),
    "task-cancel": on_object("task", "cancel", "Asks a task to end."),
    "message-create": Command(
        _message_create, ("name", "priority", "body"), ("vm-uuid", "host-uuid", "sr-uuid", "pool-uuid"), "Makes a message."
    ),
    "event-wait": Command(_event_wait, ("class",), about="Waits until an object has the values given."),
}
