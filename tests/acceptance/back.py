# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a pool's network back as it was, with xe in dom0 of the master: the same whatever a journey has left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.acceptance.pool import Pool

PIF_CLASSES = ("host", "PIF", "network", "Bond", "VLAN")


def put_back(pool: Pool, before: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Types every command that is needed, and answers them with what went wrong. `before`: the records of `PIF_CLASSES`, by class."""
    typed = []
    for part in (_tagged, _bonds, _fields, _networks):
        for command in part(pool.records(*PIF_CLASSES), before):
            try:
                pool.dom0(pool.master, command)
                typed.append(command)
            except OSError as error:
                typed.append(str(error))
    return typed


def _new(now: Mapping[str, Any], before: Mapping[str, Any], kind: str) -> list[str]:
    known = {record["uuid"] for record in before[kind].values()}
    return [record["uuid"] for record in now[kind].values() if record["uuid"] not in known]


def _tagged(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    names = {network["uuid"] for network in before["network"].values()}
    for vlan in now["VLAN"].values():
        pif = now["PIF"][vlan["untagged_PIF"]]
        if now["network"][pif["network"]]["uuid"] not in names:
            yield f"xe vlan-destroy uuid={vlan['uuid']}"


def _bonds(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"xe bond-destroy uuid={uuid}" for uuid in _new(now, before, "Bond"))


def _fields(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    """Only of what is not bonded any more: the NICs with the addresses that they had."""
    there = {pif["uuid"]: pif for pif in now["PIF"].values()}
    for pif in before["PIF"].values():
        is_now, uuid = there.get(pif["uuid"]), pif["uuid"]
        if is_now is None:
            continue
        address = ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS")
        if [is_now[key] for key in address] != [pif[key] for key in address]:
            given = " ".join(f"{key}={pif[key]}" for key in address[1:] if pif[key])
            yield f"xe pif-reconfigure-ip uuid={uuid} mode={pif['ip_configuration_mode'].lower()} {given if given else ''}"
        for key in {*is_now["other_config"], *pif["other_config"]}:
            if key not in pif["other_config"]:
                yield f"xe pif-param-remove uuid={uuid} param-name=other-config param-key={key}"
            elif is_now["other_config"].get(key) != pif["other_config"][key]:
                yield f"xe pif-param-set uuid={uuid} other-config:{key}='{pif['other_config'][key]}'"
        if is_now["disallow_unplug"] != pif["disallow_unplug"]:
            yield f"xe pif-param-set uuid={uuid} disallow-unplug={str(pif['disallow_unplug']).lower()}"
        if is_now["currently_attached"] != pif["currently_attached"]:
            yield f"xe pif-{'plug' if pif['currently_attached'] else 'unplug'} uuid={uuid}"


def _networks(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"xe network-destroy uuid={uuid}" for uuid in _new(now, before, "network"))
