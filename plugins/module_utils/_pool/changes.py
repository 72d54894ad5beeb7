# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happened to the network of a pool between two reads, as events. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Pif, Pool

Event = dict[str, Any]


def beginning(pool: Pool, lock: str) -> Event:
    """The event that stands for the pool as it was found. `lock`: the key of other_config under which a run holds the pool's lock."""
    return {"type": "watching", "pool": _pool(pool, lock), "hosts": [_host(host) for host in pool.hosts]}


def changes(before: Pool, after: Pool, lock: str) -> list[Event]:
    """The events in a fixed order: hosts, then bonds, then PIFs. Objects are the same when their uuids are.

    A host that left, or a bond that went, is one event, and not one more for each thing that went with it.
    """
    found = [*_of_hosts(before, after), *_of_bonds(before, after), *_of_pifs(before, after)]
    return [{**event, "pool": _pool(after, lock)} for event in found]


def _of_hosts(before: Pool, after: Pool) -> Iterator[Event]:
    old, new = ({host.uuid: host for host in pool.hosts} for pool in (before, after))
    yield from ({"type": "host_joined", "host": _host(host)} for uuid, host in new.items() if uuid not in old)
    yield from ({"type": "host_left", "host": _host(host)} for uuid, host in old.items() if uuid not in new)
    for was, now in ((old[uuid], new[uuid]) for uuid in new if uuid in old):
        if was.enabled != now.enabled:
            yield {"type": "host_enabled" if now.enabled else "host_disabled", "host": _host(now)}
        if was.live != now.live:
            yield {"type": "host_up" if now.live else "host_down", "host": _host(now)}
    if before.master.uuid != after.master.uuid:
        yield {"type": "master_changed", "host": _host(after.master)}


def _of_bonds(before: Pool, after: Pool) -> Iterator[Event]:
    old, new = ({bond.uuid: bond for bond in pool.bonds.values() if bond.master in pool.pifs} for pool in (before, after))
    hosts = {host.uuid for host in after.hosts}
    yield from ({"type": "bond_created", **_bond(after, bond)} for uuid, bond in new.items() if uuid not in old)
    for uuid, bond in old.items():
        about = _bond(before, bond)
        if uuid not in new and about["host"]["uuid"] in hosts:
            yield {"type": "bond_destroyed", **about}
    for was, now in ((old[uuid], new[uuid]) for uuid in new if uuid in old):
        if was.links_up != now.links_up:
            kind = "bond_link_lost" if now.links_up < was.links_up else "bond_link_back"
            yield {"type": kind, **_bond(after, now), "links_up_before": was.links_up}
        if (was.mode, was.properties) != (now.mode, now.properties):
            yield {"type": "bond_changed", **_bond(after, now)}


def _of_pifs(before: Pool, after: Pool) -> Iterator[Event]:
    old = {pif.uuid: pif for pif in before.pifs.values()}
    hosts = {host.ref for host in after.hosts}
    for now in after.pifs.values():
        was = old.get(now.uuid)
        if was is None or now.host not in hosts:
            continue
        about = {"host": _host(after.host(now.host)), "pif": _pif(after, now)}
        if was.carrier != now.carrier and now.physical:
            yield {"type": "nic_link_back" if now.carrier else "nic_link_lost", **about}
        # a NIC that goes into a bond is not attached any more, and that is as it should be
        if was.attached != now.attached and not now.bond_slave_of and not was.bond_slave_of:
            yield {"type": "pif_plugged" if now.attached else "pif_unplugged", **about}


def _pool(pool: Pool, lock: str) -> Event:
    """`locked`: a run of this collection is at work on the pool, and means what it does."""
    return {"uuid": pool.uuid, "name": pool.name, "locked": lock in pool.other_config}


def _host(host: Host) -> Event:
    return {"uuid": host.uuid, "name": host.name, "address": host.address, "master": host.master, "enabled": host.enabled}


def _bond(pool: Pool, bond: Bond) -> Event:
    pif = pool.pifs[bond.master]
    return {
        "host": _host(pool.host(pif.host)),
        "bond": {
            "uuid": bond.uuid,
            "device": pif.device,
            "mode": bond.mode,
            "links_up": bond.links_up,
            "nics": [nic.device for nic in pool.bond_members(bond)],
            "network": _network(pool, pif),
        },
    }


def _pif(pool: Pool, pif: Pif) -> Event:
    inside = pool.bonds.get(pif.bond_slave_of)
    bond = pool.pifs[inside.master].device if inside and inside.master in pool.pifs else ""
    return {"uuid": pif.uuid, "device": pif.device, "vlan": pif.vlan, "ip": pif.ip, "bond": bond, "network": _network(pool, pif)}


def _network(pool: Pool, pif: Pif) -> str:
    network = pool.networks.get(pif.network)
    return network.name if network else ""
