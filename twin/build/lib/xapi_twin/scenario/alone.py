# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without a pool, which is the master of a pool of its own: as installed, or after it has left one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xapi_twin.scenario.description import Address, HostOf, NicOf, PoolOf
from xapi_twin.scenario.model import HostDom0, Nic, Record, Scenario
from xapi_twin.scenario.records import records_of
from xapi_twin.scenario.yaml_lines import Place, document


def as_pool(pool: PoolOf, host: HostOf) -> PoolOf:
    """A pool of this host alone: no name, no storage, no networks but those of its NICs."""
    return PoolOf(name=f"{host.name} alone", xapi=pool.xapi, backend=pool.backend, hosts=(replace(host, master=True),), place=pool.place)


def after_leaving(scenario: Scenario, record: Record, management: Record, nics: Sequence[Nic]) -> Scenario:
    """The pool of a host that has left the scenario's pool: the address of its management interface is on its first NIC there."""
    place = document("{}", "ejected")
    name = str(record["name_label"])
    device = str(management["device"]) if management["device"] in {nic.name for nic in nics} else nics[0].name
    described = tuple(_nic(nic, place, management if nic.name == device else None, number) for number, nic in enumerate(nics))
    host = HostOf(name=name, hostname=str(record["hostname"]), nics=described, place=place, uuid=str(record["uuid"]), master=True)
    pool = PoolOf(name=f"{name} alone", xapi=scenario.xapi, backend=scenario.backend, hosts=(host,), place=place)
    records, dom0 = records_of(pool)
    (ref,) = dom0
    return replace(scenario, pool="", records=records, dom0={ref: HostDom0(tuple(nics), host.hostname)}, faults=(), spares=())


def _nic(nic: Nic, place: Place, management: Record | None, number: int) -> NicOf:
    address = Address()
    if management is not None:
        address = Address(
            str(management["ip_configuration_mode"]), str(management["IP"]), str(management["netmask"]), str(management["gateway"]),
            str(management["DNS"]),
        )  # fmt: skip
    position = int(nic.name[3:]) if nic.name[:3] == "eth" and nic.name[3:].isdigit() else number
    return NicOf(
        device=nic.name, position=position, mac=nic.mac, place=place, address=address, management=management is not None,
        carrier=nic.carrier, speed=nic.speed, duplex=nic.duplex, pci=nic.pci,
    )  # fmt: skip
