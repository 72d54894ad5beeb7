# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every class can do: messages that only read and write fields. Also what is checked of every message before it is carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL, Class, Field, Message, Parameter, Schema, parse_type
from xapi_twin.rpc.values import convert as convert_value
from xapi_twin.xapi.context import Context
from xapi_twin.xapi.where import compile_where

Handler = Callable[..., Awaitable[Any]]

# Messages that are no plain access to a field and yet have no Async form (marked so in xapi's data model).
_SYNCHRONOUS = frozenset({
    "host.get_servertime",
    "host.get_server_localtime",
    "host.get_management_interface",
    "host.is_in_emergency_mode",
    "task.create",
    "task.destroy",
    "task.set_status",
    "task.set_progress",
    "task.set_result",
    "task.set_error_info",
    "task.set_other_config",
    "task.add_to_other_config",
    "task.remove_from_other_config",
})  # fmt: skip

_WHERE = parse_type("string")

# Messages that the documentation hides and that hosts say to each other (datamodel_*.ml): their parameters, when it is not one reference.
_HIDDEN: dict[str, str] = {
    "session.slave_login": "host psecret",
    "session.slave_local_login": "psecret",
    "pool.initial_auth": "",
    "pool.hello": "host_uuid host_address",
    "pool.is_slave": "host",
    "pool.ha_schedule_plan_recomputation": "",
    "pool.enable_binary_storage": "",
    "pool.disable_binary_storage": "",
    "pool.audit_log_append": "line",
    "pool.exchange_certificates_on_join": "uuid certificate",
    "pool.exchange_ca_certificates_on_join": "import export",
    "pool.exchange_trusted_certificates_on_join": "self ca import export",
    "pool.exchange_crls_on_join": "self import export",
    "VM.set_is_default_template": "vm value",
    "VM.pool_migrate_complete": "vm host",
    "VM.atomic_set_resident_on": "vm host",
    "VM.assert_can_migrate_sender": "vm dest live vdi_map vif_map vgpu_map options",
    "VM.update_snapshot_metadata": "vm snapshot_of snapshot_time transportable_snapshot_id",
    "VM.set_NVRAM_EFI_variables": "self value update?",
    "host.is_in_emergency_mode": "",
    "host.ha_xapi_healthcheck": "",
    "host.local_assert_healthy": "",
    "host.signal_networking_change": "",
    "host.update_firewalld_service_status": "",
    "host.set_license_params": "self value",
    "host.preconfigure_ha": "host statefiles metadata_vdi generation",
    "host.request_backup": "host generation force",
    "host.request_config_file_sync": "host hash",
    "host.propose_new_master": "address manual",
    "host.commit_new_master": "address",
    "host.abort_new_master": "address",
    "host.notify": "ty params",
    "host.get_diagnostic_timing_stats": "host counts?",
    "host.tickle_heartbeat": "host stuff",
    "host.install_ca_certificate": "host name cert",
    "host.uninstall_ca_certificate": "host name force?",
    "host.crl_install": "host name crl",
    "host.crl_uninstall": "host name",
    "host.update_pool_secret": "host pool_secret",
    "host.update_master": "host master_address",
    "host.attach_static_vdis": "host vdi_reason_map",
    "host.detach_static_vdis": "host vdis",
    "host.set_localdb_key": "host key value",
    "host.sm_dp_destroy": "host dp allow_leak",
    "host.sync_pif_currently_attached": "host bridges",
    "host.nvidia_vf_setup": "host pf enable",
    "host.allocate_resources_for_vm": "self vm live",
    "host.notify_accept_new_pool_secret": "host old_ps new_ps",
    "host.notify_send_new_pool_secret": "host old_ps new_ps",
    "host.cleanup_pool_secret": "host old_ps new_ps",
    "host.cert_distrib_atom": "host command",
    "network.attach": "network host",
    "network.attach_for_vm": "host vm",
    "network.detach_for_vm": "host vm",
    "SR.set_virtual_allocation": "self value",
    "SR.set_physical_utilisation": "self value",
}
_WITHOUT_SESSION = frozenset({"session.slave_login", "session.slave_local_login", "host.is_in_emergency_mode"})


@cache
def _known(methods: tuple[str, ...]) -> frozenset[str]:
    return frozenset(methods)


@cache
def _alternative_names(methods: tuple[str, ...]) -> dict[str, str]:
    return {method.replace(".", "_", 1): method for method in methods}


def canonical(schema: Schema, method: str) -> str:
    """ "event.from" for "event_from": xapi takes a line for the dot, and in some languages "from" is no name for a method."""
    prefix = "Async." if method.startswith("Async.") else ""
    name = method.removeprefix(prefix)
    return prefix + (name if "." in name else _alternative_names(schema.methods).get(name, name))


def message(schema: Schema, method: str) -> Message:
    """The message of a method name. Raises XapiError MESSAGE_METHOD_UNKNOWN.

    Of classes that the twin does not model (VBD, VDI, …) xapi's list of methods tells which messages exist; they have no objects here.
    """
    cls, _unused, name = method.partition(".")
    known = schema.classes.get(cls)
    found = known.messages.get(name) if known is not None else None
    if found is not None:
        return found
    if method not in _known(schema.methods):
        raise XapiError("MESSAGE_METHOD_UNKNOWN", method)
    return _by_name(cls, name)


def _by_name(cls: str, name: str) -> Message:
    """A message that the tables do not describe: its shape follows from its name."""
    record, records = parse_type(f"{cls} record"), parse_type(f"({cls} ref -> {cls} record) map")
    if name in ("get_all_records_where", "get_all_where"):
        result = records if name.endswith("records_where") else parse_type(f"{cls} ref set")
        return Message(cls, name, True, (Parameter("expr", _WHERE, True),), result)
    if name == "get_all_records":
        return Message(cls, name, True, (), records)
    if name == "get_all":
        return Message(cls, name, True, (), parse_type(f"{cls} ref set"))
    if name == "get_by_uuid":
        return Message(cls, name, True, (Parameter("uuid", _WHERE, True),), parse_type(f"{cls} ref"))
    if name == "get_by_name_label":
        return Message(cls, name, True, (Parameter("label", _WHERE, True),), parse_type(f"{cls} ref set"))
    result = record if name == "get_record" else parse_type("other")
    if f"{cls}.{name}" in _HIDDEN:
        words, any_type = _HIDDEN[f"{cls}.{name}"].split(), parse_type("other")
        parameters = tuple(Parameter(word.rstrip("?"), any_type, not word.endswith("?")) for word in words)
        return Message(cls, name, f"{cls}.{name}" not in _WITHOUT_SESSION, parameters, result)
    return Message(cls, name, True, (Parameter("self", parse_type(f"{cls} ref"), True),), result)


def check_count(message: Message, method: str, arguments: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """The session and the other arguments. Raises XapiError MESSAGE_PARAMETER_COUNT_MISMATCH [method, expected, given].

    A message with an optional argument takes any number of arguments beyond, and ignores them (gen_server.ml: "default_args").
    """
    given = len(arguments) - message.session
    needed = sum(parameter.required for parameter in message.parameters)
    if given < needed or (given > needed and needed == len(message.parameters)):
        raise XapiError("MESSAGE_PARAMETER_COUNT_MISMATCH", method, needed, given)
    if message.session:
        return arguments[0], arguments[1:]
    return "", arguments


def convert(schema: Schema, message: Message, session: Any, arguments: Sequence[Any]) -> tuple[str, list[Any]]:
    """The session and the arguments as native values: all are read before the session is looked at. Raises XapiError INTERNAL_ERROR."""
    ref = convert_value(schema, parse_type("session ref"), session) if message.session else ""
    values = []
    for parameter, value in zip(message.parameters, arguments, strict=False):
        if parameter.type.kind == "record" and message.name == "create":
            values.append(_constructor(schema, schema.classes[parameter.type.name], value))
        else:
            values.append(convert_value(schema, parameter.type, value))
    return ref, values


def _constructor(schema: Schema, cls: Class, value: Any) -> dict[str, Any]:
    """The fields of an object to be made; those that only xapi may set are not even looked at."""
    if not isinstance(value, dict):
        raise XapiError("INTERNAL_ERROR", 'Failure("bad __structure")')
    fields = {}
    for field in cls.fields.values():
        if not field.constructor:
            continue
        if field.name in value:
            fields[field.name] = convert_value(schema, field.type, value[field.name])
        elif field.required:
            raise XapiError("INTERNAL_ERROR", f'Server_helpers.Dispatcher_FieldNotFound("{field.name}")')
        else:
            fields[field.name] = field.default
    return fields


def is_custom(message: Message, schema: Schema) -> bool:
    """Whether xapi has code of its own for a message: only those have an Async form and a task."""
    if message.cls in ("session", "event") or f"{message.cls}.{message.name}" in _SYNCHRONOUS:
        return False
    if message.name in _OBJECTS:
        return False
    cls = schema.classes.get(message.cls)
    return cls is None or _field_access(cls, message.name) is None


def _field_access(cls: Class, name: str) -> tuple[str, Field] | None:
    """What a message does with which field: ("get", field), ("set", …), ("add", …), ("remove", …); None when it is none of these."""
    for verb, prefix in (("get", "get_"), ("add", "add_to_"), ("remove", "remove_from_"), ("set", "set_")):
        field = cls.fields.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if field is None or (verb != "get" and not field.writable):
            continue
        if verb in ("add", "remove") and field.type.kind != "map":
            continue
        return verb, field
    for verb, prefix in (("add element", "add_"), ("remove element", "remove_")):
        field = cls.fields.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if field is not None and field.writable and field.type.kind == "set":
            return verb, field
    return None


def handler(schema: Schema, message: Message) -> Handler:
    """What carries out a message that has no code of its own. A message that is known and not modelled answers NOT_IMPLEMENTED."""
    cls, name = message.cls, message.name
    modelled = schema.classes.get(cls)
    objects = _OBJECTS.get(name)
    if objects is not None:
        return objects(cls, modelled)
    access = _field_access(modelled, name) if modelled is not None else None
    if access is not None:
        verb, field = access
        return _FIELDS[verb](cls, field)
    return _not_implemented(cls, name, modelled is not None)


# ---------------------------------------------------------------- objects


def _get_all(cls: str, modelled: Class | None) -> Handler:
    async def get_all(context: Context) -> list[str]:
        return list(context.database.all(cls)) if modelled else []

    return get_all


def _get_all_records(cls: str, modelled: Class | None) -> Handler:
    async def get_all_records(context: Context) -> dict[str, dict[str, Any]]:
        return dict(context.database.all(cls)) if modelled else {}

    return get_all_records


def _get_all_records_where(cls: str, modelled: Class | None) -> Handler:
    async def get_all_records_where(context: Context, expr: str) -> dict[str, dict[str, Any]]:
        if modelled is None:
            return {}
        test = compile_where(modelled, expr)
        return {ref: record for ref, record in context.database.all(cls).items() if test({**record, "_ref": ref})}

    return get_all_records_where


def _get_all_where(cls: str, modelled: Class | None) -> Handler:
    records = _get_all_records_where(cls, modelled)

    async def get_all_where(context: Context, expr: str) -> list[str]:
        return list(await records(context, expr))

    return get_all_where


def _get_record(cls: str, modelled: Class | None) -> Handler:
    async def get_record(context: Context, ref: str) -> dict[str, Any]:
        if modelled is None:
            raise XapiError("HANDLE_INVALID", cls, ref)
        return context.database.get(cls, ref)

    return get_record


def _get_by_uuid(cls: str, modelled: Class | None) -> Handler:
    async def get_by_uuid(context: Context, uuid: str) -> str:
        if modelled is None:
            raise XapiError("UUID_INVALID", cls, uuid)
        return context.database.by_uuid(cls, uuid)

    return get_by_uuid


def _get_by_name_label(cls: str, modelled: Class | None) -> Handler:
    async def get_by_name_label(context: Context, label: str) -> list[str]:
        return context.database.where(cls, name_label=label) if modelled else []

    return get_by_name_label


_OBJECTS: dict[str, Callable[[str, Class | None], Handler]] = {
    "get_all": _get_all,
    "get_all_records": _get_all_records,
    "get_all_records_where": _get_all_records_where,
    "get_all_where": _get_all_where,
    "get_record": _get_record,
    "get_by_uuid": _get_by_uuid,
    "get_by_name_label": _get_by_name_label,
}


# ---------------------------------------------------------------- fields


def _get(cls: str, field: Field) -> Handler:
    async def get(context: Context, ref: str) -> Any:
        return context.database.get(cls, ref)[field.name]

    return get


def _set(cls: str, field: Field) -> Handler:
    async def set_(context: Context, ref: str, value: Any) -> None:
        context.database.set(cls, ref, **{field.name: _unique(value) if field.type.kind == "set" else value})

    return set_


def _add(cls: str, field: Field) -> Handler:
    async def add(context: Context, ref: str, key: str, value: Any) -> None:
        current = context.database.get(cls, ref)[field.name]
        if key in current:
            raise XapiError("MAP_DUPLICATE_KEY", cls, field.name, ref, key)
        context.database.set(cls, ref, **{field.name: {**current, key: value}})

    return add


def _remove(cls: str, field: Field) -> Handler:
    async def remove(context: Context, ref: str, key: str) -> None:
        current = context.database.get(cls, ref)[field.name]
        context.database.set(cls, ref, **{field.name: {kept: value for kept, value in current.items() if kept != key}})

    return remove


def _add_element(cls: str, field: Field) -> Handler:
    async def add(context: Context, ref: str, value: Any) -> None:
        current = context.database.get(cls, ref)[field.name]
        if value not in current:
            context.database.set(cls, ref, **{field.name: [*current, value]})

    return add


def _remove_element(cls: str, field: Field) -> Handler:
    async def remove(context: Context, ref: str, value: Any) -> None:
        current = context.database.get(cls, ref)[field.name]
        context.database.set(cls, ref, **{field.name: [kept for kept in current if kept != value]})

    return remove


_FIELDS: dict[str, Callable[[str, Field], Handler]] = {
    "get": _get,
    "set": _set,
    "add": _add,
    "remove": _remove,
    "add element": _add_element,
    "remove element": _remove_element,
}


def _unique(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _not_implemented(cls: str, name: str, modelled: bool) -> Handler:
    async def not_implemented(_context: Context, *arguments: Any) -> Any:
        if not modelled and arguments and isinstance(arguments[0], str):
            raise XapiError("HANDLE_INVALID", cls, arguments[0] or NULL)  # there is no object of such a class
        raise XapiError("NOT_IMPLEMENTED", f"{cls}.{name}")

    return not_implemented
