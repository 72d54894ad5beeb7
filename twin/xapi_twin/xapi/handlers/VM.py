# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VM: made, started and shut down, as far as its VIFs and the hosts' networks are concerned."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from xapi_twin.database import new_ref
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.context import Context, Handler
from xapi_twin.xapi.network import moves, pif_helpers

VIF_DEVICES = 7


async def create(context: Context, args: Mapping[str, Any]) -> str:
    """A halted VM without disks and VIFs."""
    other_config = {"mac_seed": str(uuid.uuid4()), **args.get("other_config", {})}
    fields = {"domain_type": "hvm" if args.get("HVM_boot_policy") else "pv", "metrics": new_ref(), "domid": -1}
    if args.get("domain_type", "unspecified") != "unspecified":
        fields.pop("domain_type")
    known = pif_helpers.known(context.pool, "VM", {**fields, **args, "other_config": other_config})
    return context.database.add("VM", **known)


async def destroy(context: Context, vm: str) -> None:
    """A halted VM goes, and its VIFs with it."""
    _halted(context, vm)
    for vif in list(context.database.get("VM", vm)["VIFs"]):
        context.database.remove("VIF", vif)
    context.database.remove("VM", vm)


async def start(context: Context, vm: str, start_paused: bool, force: bool) -> None:
    """On the first host that has all its networks."""
    _halted(context, vm)
    hosts = moves.possible_hosts(context.pool, context.database.get("VM", vm))
    if not hosts:
        raise XapiError("NO_HOSTS_AVAILABLE")
    _start(context, vm, hosts[0], start_paused)


async def start_on(context: Context, vm: str, host: str, start_paused: bool, force: bool) -> None:
    _halted(context, vm)
    context.database.get("host", host)
    for vif in context.database.get("VM", vm)["VIFs"]:
        network = context.database.get("VIF", vif)["network"]
        local = [pif for pif in context.database.get("network", network)["PIFs"] if context.database.get("PIF", pif)["host"] == host]
        if any(pif_helpers.is_slave(context.pool, context.database.get("PIF", pif)) for pif in local):
            raise XapiError("HOST_CANNOT_ATTACH_NETWORK", host, network)
        if not local and context.database.get("network", network)["PIFs"]:
            raise XapiError("VM_REQUIRES_NETWORK", vm, network)
    _start(context, vm, host, start_paused)


async def shutdown(context: Context, vm: str) -> None:
    record = context.database.get("VM", vm)
    if record["power_state"] == "Halted":
        raise XapiError("VM_BAD_POWER_STATE", vm, "running", "halted")
    for vif in record["VIFs"]:
        context.database.set("VIF", vif, currently_attached=False)
    context.database.set("VM", vm, power_state="Halted", resident_on=NULL)


async def get_allowed_vif_devices(context: Context, vm: str) -> list[str]:
    """The numbers that no VIF of the VM has yet (xapi_vm_helpers.ml)."""
    taken = {context.database.get("VIF", vif)["device"] for vif in context.database.get("VM", vm)["VIFs"]}
    return [str(number) for number in range(VIF_DEVICES) if str(number) not in taken]


def _set(field: str) -> Handler:
    async def set_(context: Context, vm: str, value: dict[str, str]) -> None:
        context.database.set("VM", vm, **{field: value})

    return set_


def _add(field: str) -> Handler:
    async def add(context: Context, vm: str, key: str, value: str) -> None:
        current = context.database.get("VM", vm)[field]
        if key in current:
            raise XapiError("MAP_DUPLICATE_KEY", "VM", field, vm, key)
        context.database.set("VM", vm, **{field: {**current, key: value}})

    return add


def _remove(field: str) -> Handler:
    async def remove(context: Context, vm: str, key: str) -> None:
        current = context.database.get("VM", vm)[field]
        context.database.set("VM", vm, **{field: {kept: value for kept, value in current.items() if kept != key}})

    return remove


def _halted(context: Context, vm: str) -> None:
    state = context.database.get("VM", vm)["power_state"]
    if state != "Halted":
        raise XapiError("VM_BAD_POWER_STATE", vm, "halted", state.lower())


def _start(context: Context, vm: str, host: str, paused: bool) -> None:
    context.database.set("VM", vm, power_state="Paused" if paused else "Running", resident_on=host)
    for vif in context.database.get("VM", vm)["VIFs"]:
        context.database.set("VIF", vif, currently_attached=True)


CALLS: dict[str, Handler] = {
    "create": create,
    "destroy": destroy,
    "start": start,
    "start_on": start_on,
    "shutdown": shutdown,
    "clean_shutdown": shutdown,
    "hard_shutdown": shutdown,
    "get_allowed_VIF_devices": get_allowed_vif_devices,
    **{f"set_{field}": _set(field) for field in ("other_config", "platform")},
    **{f"add_to_{field}": _add(field) for field in ("other_config", "platform")},
    **{f"remove_from_{field}": _remove(field) for field in ("other_config", "platform")},
}
