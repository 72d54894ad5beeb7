# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carries out the steps of a plan. Nothing else in the collection writes to a pool.

Each step becomes one or more writes. A write knows by which state it is done, so that it is never repeated: after an error or a lost
connection the pool is read again, and what the pool says counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.steps import Step, destroying
from ansible_collections.xapi.network.plugins.module_utils._bond.under_way import being_made
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, Unreachable, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

# XAPI answers before its records show everything (Bond.create on a member whose connection was lost); this long a write's effect
# may take to show.
SETTLE_SECONDS = 10.0

# What XAPI answers when the member that has the work loses its xapi: the start of that xapi ends the call's task, and the work is done
# after it (recorded).
UNCERTAIN = ("HANDLE_INVALID", "TASK_CANCELLED", "CANNOT_CONTACT_HOST", "HOST_STILL_BOOTING")


@dataclass(frozen=True)
class Write:
    """One call that changes something. `done` says of a pool whether it is done. `task`: the call may outlive its connection and goes as a
    task of XAPI. `arguments` are found in the pool where they name what the write before has made.
    """

    method: str
    arguments: tuple[Any, ...] | Callable[[Pool], tuple[Any, ...]]
    done: Callable[[Pool], bool]
    task: bool = True


@dataclass(frozen=True)
class Applied:
    """What was done. `pool` is the state after the last step; `done` are the steps carried out, in order; `warnings` are sentences."""

    pool: Pool
    done: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def apply(
    session: Session,
    pool: Pool,
    steps: Sequence[Step],
    wait_timeout: float,
    progress: Callable[[str], None],
    note: Callable[[str, str], None] = lambda what, host: None,
) -> Applied:
    """Carries out the steps one after the other; each begins from the state that the one before left. `note` is told when one is done.

    Raises NetworkError for the first step that fails. Its facts say which steps were done before it: `done`, a list of sentences.
    """
    for step in steps:
        if step.action not in WRITES:
            raise NetworkError(
                f"{step.host} gets its bond with a restart of its xapi, which xs_agent does, and in its place the role storage_bond."
                " Nothing was changed. Run the role, or choose strategy: direct."
            )
    done: list[Step] = []
    warnings: list[str] = []
    for step in steps:
        progress(f"{step.host or pool.name or 'pool'}: {step.sentence}")
        try:
            pool, said = _carry_out(session, pool, step, wait_timeout, progress)
        except NetworkError as error:
            taken_back = _incomplete_destroyed(session, pool, step, wait_timeout) if isinstance(error, XapiFailure) else ""
            raise _explained(error, step, done, taken_back) from error
        warnings += said
        done.append(step)
        note(step.action, step.host)
    return Applied(pool, tuple(done), tuple(warnings))


def _incomplete_destroyed(session: Session, before: Pool, step: Step, wait_timeout: float) -> str:
    """Destroys what XAPI made of a new bond before it failed: until then the host is without the address of its NIC.

    Answers what came of it, as a sentence with a blank before it; "" when there was nothing to take back.
    """
    if step.action != "create_bond":
        return ""
    try:
        now = model.read(session.refresh())
        host, network = _host(now, step.arguments), _network(now, step.arguments)
        bond = now.bond_on(host, network)
        if bond is None or bond.ref in before.bonds or not being_made(now, bond):
            return ""
        for one in destroying(now, host, bond):
            now, _said = _carry_out(session, now, one, wait_timeout)
    except NetworkError as error:
        return f" Destroying the incomplete bond that it left failed too: {error.message}"
    nics = [_pif(now, uuid) for uuid in step.arguments["nics"]]
    back = " and ".join(f"{nic.device} has {nic.ip or nic.ip_mode} again" for nic in nics if nic.configured)
    return f" The incomplete bond that it left is destroyed{f', and {back}' if back else ''}."


def _explained(error: NetworkError, step: Step, done: Sequence[Step], taken_back: str = "") -> NetworkError:
    where = f"{step.host}: " if step.host else ""
    before = f" Done before it: {'; '.join(_describe(one) for one in done)}." if done else " Nothing was changed before it."
    facts = {**error.facts, "failed_step": step.to_dict(), "done": [one.to_dict() for one in done]}
    return NetworkError(f"{where}could not {step.sentence}. {error.message}{taken_back}{before}", **facts)


def _describe(step: Step) -> str:
    return f"{step.host}: {step.sentence}" if step.host else step.sentence


def _carry_out(
    session: Session, pool: Pool, step: Step, wait_timeout: float, progress: Callable[[str], None] = lambda text: None
) -> tuple[Pool, list[str]]:
    warnings = []
    for write in WRITES[step.action](pool, step.arguments):
        if write.done(pool):
            continue
        arguments = write.arguments(pool) if callable(write.arguments) else write.arguments
        try:
            if write.task:
                said = partial(_waiting, session, step, write, wait_timeout, progress)
                session.act(write.method, *arguments, wait_timeout=wait_timeout, waiting=said)
            else:
                session.call(write.method, *arguments)
        except Unreachable:
            raise  # nothing was sent
        except ConnectionLost as lost:
            pool = _resolve_lost_reply(session, write, wait_timeout, lost)
            warnings.append(f"{step.host}: the reply to {write.method} was lost; the pool shows that it was carried out.")
            continue
        except XapiFailure as failure:
            # An error does not mean that it was not done: a call forwarded to a member whose xapi was down may be carried out after its
            # error (recorded).
            current = model.read(session.refresh())
            if not write.done(current) and failure.code in UNCERTAIN:
                current = _wait_for_effect(session, write, time.monotonic() + min(wait_timeout, SETTLE_SECONDS)) or current
            if not write.done(current):
                raise failure.named(names(current)) from failure
            pool = current
            warnings.append(f"{step.host}: {write.method} answered {failure.code}, but the pool shows that it was carried out.")
            continue
        pool = _confirmed(session, write, wait_timeout)
    return pool, warnings


def _waiting(session: Session, step: Step, write: Write, wait_timeout: float, progress: Callable[[str], None], seconds: float) -> None:
    """XAPI itself waits some minutes for a host that is away, before it says so (CANNOT_CONTACT_HOST; seen on a real pool)."""
    try:
        host = model.read(session.refresh()).host_called(step.host)
    except (NetworkError, model.PoolRecordsError):
        host = None
    away = f"; XAPI does not see {host.name} alive, and gives up after some minutes" if host is not None and not host.live else ""
    progress(f"{step.host}: waiting for {write.method}, {seconds:.0f} s of at most {wait_timeout:.0f} s{away}")


def _wait_for_effect(session: Session, write: Write, deadline: float) -> Pool | None:
    """The pool as soon as it shows that the write was carried out; None at the deadline."""
    for records in session.follow(deadline):
        pool = model.read(records)
        if write.done(pool):
            return pool
    return None


def _confirmed(session: Session, write: Write, wait_timeout: float) -> Pool:
    """After XAPI said that it was done. Raises NetworkError when the pool does not show it in time."""
    pool = model.read(session.refresh())
    if write.done(pool):
        return pool
    current = _wait_for_effect(session, write, time.monotonic() + min(wait_timeout, SETTLE_SECONDS))
    if current is None:
        raise NetworkError(f"XAPI says that {write.method} was done, but the pool does not show it. Look at the pool before you run again.")
    return current


def _resolve_lost_reply(session: Session, write: Write, wait_timeout: float, lost: ConnectionLost) -> Pool:
    """After a lost reply: reads the pool until it shows the effect, or until nothing is under way there that could still bring it. Never
    calls again.
    """
    deadline = time.monotonic() + wait_timeout
    patience = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        for records in session.follow(min(deadline, time.monotonic() + 1.0)):
            pool = model.read(records)
            if write.done(pool):
                return pool
            if any(task.name == f"Async.{write.method}" for task in pool.tasks):
                patience = time.monotonic() + SETTLE_SECONDS
        if time.monotonic() > patience and not session.trouble:
            break
    trouble = f" {session.trouble}" if session.trouble else ""
    raise NetworkError(
        f"{lost.message} The pool does not show that {write.method} was carried out.{trouble} Run again when the pool answers: what"
        " is done is not done twice."
    )


def names(pool: Pool) -> dict[str, str]:
    """What an admin calls the objects behind references and uuids: "eth2 of xs-1"."""
    hosts = {host.ref: host.name for host in pool.hosts}
    called: dict[str, str] = {}
    for host in pool.hosts:
        called[host.ref] = called[host.uuid] = host.name
    for network in pool.networks.values():
        called[network.ref] = called[network.uuid] = f"the network {network.name}"
    for pif in pool.pifs.values():
        vlan = f".{pif.vlan}" if pif.vlan >= 0 else ""
        called[pif.ref] = called[pif.uuid] = f"{pif.device}{vlan} of {hosts.get(pif.host, 'an unknown host')}"
    for bond in pool.bonds.values():
        called[bond.ref] = called[bond.uuid] = f"the bond {called.get(bond.master, bond.uuid)}"
    return called


# What each action writes


def _network(pool: Pool, arguments: Mapping[str, Any]) -> Network:
    found = (
        [one for one in pool.networks.values() if one.uuid == arguments["network"]]
        if arguments.get("network")
        else list(pool.networks_called(arguments["name"]))
    )
    if len(found) != 1:
        raise NetworkError(
            f"There are {len(found)} networks {arguments.get('network') or arguments['name']} now; someone else is changing the pool."
        )
    return found[0]


def _host(pool: Pool, arguments: Mapping[str, Any]) -> Host:
    host = pool.host_called(arguments["host"])
    if host is None:
        raise NetworkError(f"The host {arguments['host']} is not in the pool any more.")
    return host


def _pif(pool: Pool, uuid: str) -> Pif:
    for pif in pool.pifs.values():
        if pif.uuid == uuid:
            return pif
    raise NetworkError(f"The PIF {uuid} is not there any more; someone else is changing the pool.")


def _bond(pool: Pool, arguments: Mapping[str, Any]) -> tuple[Bond, Pif]:
    """The bond of a host on the wanted network, and its own PIF."""
    host, network = _host(pool, arguments), _network(pool, arguments)
    bond = pool.bond_on(host, network)
    if bond is None or bond.master not in pool.pifs:
        raise NetworkError(f"{host.name} has no bond on {network.name} any more; someone else is changing the pool.")
    return bond, pool.pifs[bond.master]


def _current(pool: Pool, ref: str) -> Pif | None:
    return pool.pifs.get(ref)


def _create_network(_pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    record = {"name_label": arguments["name"], "name_description": "", "MTU": str(arguments["mtu"]), "tags": []}
    record["other_config"] = dict(arguments.get("other_config", {}))
    return [Write("network.create", (record,), lambda now: bool(now.networks_called(arguments["name"])), task=False)]


def _set_mtu(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    ref = _network(pool, arguments).ref
    return [Write("network.set_MTU", (ref, str(arguments["mtu"])), lambda now: now.networks[ref].mtu == arguments["mtu"], task=False)]


def _create_bond(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    host, network = _host(pool, arguments), _network(pool, arguments)
    nics = [_pif(pool, uuid) for uuid in arguments["nics"]]
    wanted = frozenset(nic.ref for nic in nics)

    def done(now: Pool) -> bool:
        bond = now.bond_on(host, network)
        attached = bond is not None and bond.members == wanted and bond.master in now.pifs and now.pifs[bond.master].attached
        return bond is not None and attached and not being_made(now, bond)

    call: tuple[Any, ...] = (network.ref, [nic.ref for nic in nics], arguments["mac"], arguments["mode"])
    if host.at_least(0, 6, 1):  # Bond.properties came with XenServer 6.1
        call = (*call, dict(arguments["properties"]))
    return [Write("Bond.create", call, done)]


def _destroy_bond(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    for bond in pool.bonds.values():
        if bond.uuid == arguments["bond"]:
            return [Write("Bond.destroy", (bond.ref,), _gone(bond.ref))]
    return []  # it is gone already


def _gone(bond: str) -> Callable[[Pool], bool]:
    return lambda now: bond not in now.bonds


def _set_mode(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    bond, _pif_of_bond = _bond(pool, arguments)
    return [
        Write(
            "Bond.set_mode",
            (bond.ref, arguments["mode"]),
            lambda now: bond.ref in now.bonds and now.bonds[bond.ref].mode == arguments["mode"],
        )
    ]


def _set_property(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    bond, _pif_of_bond = _bond(pool, arguments)
    key, value = arguments["key"], arguments["value"]
    return [
        Write(
            "Bond.set_property",
            (bond.ref, key, value),
            lambda now: bond.ref in now.bonds and now.bonds[bond.ref].properties.get(key) == value,
        )
    ]


def _plug(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_plugged(_bond(pool, arguments)[1].ref)]


def _plug_nic(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_plugged(_pif(pool, arguments["nic"]).ref)]


def _plugged(ref: str) -> Write:
    return Write("PIF.plug", (ref,), lambda now: (pif := _current(now, ref)) is not None and pif.attached)


def _replug(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    _bond_itself, pif = _bond(pool, arguments)
    # The unplug of a PIF with disallow_unplug is refused, so it is lifted for the moment between.
    lift = [_unplug_allowed(pif, True)] if pif.disallow_unplug else []
    restore = [_unplug_allowed(pif, False)] if pif.disallow_unplug else []
    unplug = Write("PIF.unplug", (pif.ref,), lambda now: (again := _current(now, pif.ref)) is not None and not again.attached)
    return [*lift, unplug, _plugged(pif.ref), *restore]


def _unplug_allowed(pif: Pif, allowed: bool) -> Write:
    return Write(
        "PIF.set_disallow_unplug",
        (pif.ref, not allowed),
        lambda now: (again := _current(now, pif.ref)) is not None and again.disallow_unplug is not allowed,
        task=False,
    )


def _plug_vlans(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    _bond_itself, pif = _bond(pool, arguments)
    vlans = [pool.vlans[ref] for ref in pif.vlan_slave_of if ref in pool.vlans]
    return [_plugged(vlan.untagged) for vlan in sorted(vlans, key=lambda vlan: vlan.tag) if vlan.tag in arguments["tags"]]


def _set_other_config(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return _other_config(_bond(pool, arguments)[1], arguments["key"], arguments["value"])


def _set_nic_other_config(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return _other_config(_pif(pool, arguments["nic"]), arguments["key"], arguments["value"])


def _other_config(pif: Pif, key: str, value: str) -> list[Write]:
    """A new key is added, which disturbs no other; a changed one goes with the whole map, since between a removal and an addition it could
    be lost.
    """

    def done(now: Pool) -> bool:
        again = _current(now, pif.ref)
        return again is not None and again.other_config.get(key) == value

    if key not in pif.other_config:
        return [Write("PIF.add_to_other_config", (pif.ref, key, value), done, task=False)]
    return [Write("PIF.set_other_config", (pif.ref, {**pif.other_config, key: value}), done, task=False)]


def _note_vlans(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    """Keys of a NIC that are added one by one, since nobody else writes them: other keys are not disturbed."""
    nic = _pif(pool, arguments["nic"])

    def is_now(key: str, value: str | None) -> Callable[[Pool], bool]:
        return lambda now: (again := _current(now, nic.ref)) is not None and again.other_config.get(key) == value

    other = [key for key, value in arguments["add"].items() if nic.other_config.get(key, value) != value]
    removed = [
        Write("PIF.remove_from_other_config", (nic.ref, key), is_now(key, None), task=False) for key in (*arguments["remove"], *other)
    ]
    added = [
        Write("PIF.add_to_other_config", (nic.ref, key, value), is_now(key, value), task=False) for key, value in arguments["add"].items()
    ]
    return [*removed, *added]


def _set_disallow_unplug(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_unplug_allowed(_bond(pool, arguments)[1], not arguments["value"])]


def _allow_nic_unplug(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_unplug_allowed(_pif(pool, arguments["nic"]), True)]


def _reconfigure_ip(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    _bond_itself, pif = _bond(pool, arguments)
    return [_address(pif.ref, arguments["mode"], arguments["ip"], arguments["netmask"], arguments["gateway"], arguments["dns"])]


def _clear_ip(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_address(_pif(pool, arguments["nic"]).ref, "None", "", "", "", "")]


def _address(ref: str, mode: str, ip: str, netmask: str, gateway: str, dns: str) -> Write:
    def done(now: Pool) -> bool:
        pif = _current(now, ref)
        return (
            pif is not None
            and pif.ip_mode == mode
            and (mode == "DHCP" or (pif.ip, pif.netmask, pif.gateway, pif.dns) == (ip, netmask, gateway, dns))
        )

    return Write("PIF.reconfigure_ip", (ref, mode, ip, netmask, gateway, dns), done)


def _reconfigure_ipv6(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_ipv6(_bond(pool, arguments)[1], arguments)]


def _set_nic_ipv6(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_ipv6(_pif(pool, arguments["nic"]), arguments)]


def _ipv6(pif: Pif, arguments: Mapping[str, Any]) -> Write:
    def done(now: Pool) -> bool:
        again = _current(now, pif.ref)
        return (
            again is not None
            and again.ipv6_mode == arguments["mode"]
            and (arguments["mode"] != "Static" or ",".join(again.ipv6) == arguments["ipv6"])
        )

    return Write("PIF.reconfigure_ipv6", (pif.ref, arguments["mode"], arguments["ipv6"], arguments["gateway"], arguments["dns"]), done)


def _create_vlan(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    _bond_itself, pif = _bond(pool, arguments)
    carrier = _network(pool, {"name": arguments["vlan_network"]})

    def made(now: Pool) -> Pif | None:
        again = _current(now, pif.ref)
        tagged = vlans_over(now, again) if again is not None else ()
        return next((vlan for vlan in tagged if vlan.vlan == arguments["tag"]), None)

    # A member whose xapi happens to start has inherited it meanwhile, unplugged (recorded); one that is made by a call is plugged.
    return [
        Write("VLAN.create", (pif.ref, str(arguments["tag"]), carrier.ref), lambda now: made(now) is not None),
        Write(
            "PIF.plug",
            lambda now: (vlan.ref if (vlan := made(now)) else "",),
            lambda now: (vlan := made(now)) is not None and vlan.attached,
        ),
    ]


def _destroy_vlan(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    return [_vlan_gone(vlan.ref) for vlan in pool.vlans.values() if vlan.uuid == arguments["vlan"]]


def _vlan_gone(ref: str) -> Write:
    return Write("VLAN.destroy", (ref,), lambda now: ref not in now.vlans)


def _move_vlan(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    """XAPI has no call that moves a VLAN to another NIC: it ends on the one and is made on the other, with the address that it had, which
    stands at that NIC meanwhile.
    """
    host, carrier, nic = _host(pool, arguments), _network(pool, arguments), _pif(pool, arguments["nic"])
    tag, address = arguments["tag"], tuple(arguments[key] for key in ("mode", "ip", "netmask", "gateway", "dns"))

    def made(now: Pool) -> Pif | None:
        return next((vlan for vlan in vlans_over(now, now.pifs[nic.ref]) if (vlan.vlan, vlan.network) == (tag, carrier.ref)), None)

    def addressed(now: Pool) -> bool:
        vlan = made(now)
        return vlan is not None and _address(vlan.ref, *address).done(now)

    # Where both are there, after an incomplete bond, they share a bridge, which goes with either: then both are made anew.
    there = [vlan for vlan in pool.on_network(host, carrier) if vlan.vlan == tag and vlan.vlan_master_of]
    ended = there if there != [made(pool)] else []
    note = arguments.get("note")
    return [
        *(_other_config(nic, note["key"], note["value"]) if note else []),
        *(_vlan_gone(vlan.vlan_master_of) for vlan in ended),
        Write("VLAN.create", (nic.ref, str(tag), carrier.ref), lambda now: made(now) is not None),
        Write(
            "PIF.plug",
            lambda now: (vlan.ref if (vlan := made(now)) else "",),
            lambda now: (vlan := made(now)) is not None and vlan.attached,
        ),
        Write("PIF.reconfigure_ip", lambda now: (vlan.ref if (vlan := made(now)) else "", *address), addressed),
    ]


def _destroy_network(pool: Pool, arguments: Mapping[str, Any]) -> list[Write]:
    found = [network.ref for network in pool.networks.values() if network.uuid == arguments["network"]]
    return [Write("network.destroy", (ref,), lambda now: not set(found) & set(now.networks), task=False) for ref in found]


WRITES: Mapping[str, Callable[[Pool, Mapping[str, Any]], list[Write]]] = {
    "create_network": _create_network,
    "set_mtu": _set_mtu,
    "create_bond": _create_bond,
    "destroy_bond": _destroy_bond,
    "set_mode": _set_mode,
    "set_property": _set_property,
    "plug": _plug,
    "plug_nic": _plug_nic,
    "replug": _replug,
    "plug_vlans": _plug_vlans,
    "set_other_config": _set_other_config,
    "set_nic_other_config": _set_nic_other_config,
    "set_disallow_unplug": _set_disallow_unplug,
    "allow_nic_unplug": _allow_nic_unplug,
    "reconfigure_ip": _reconfigure_ip,
    "clear_ip": _clear_ip,
    "reconfigure_ipv6": _reconfigure_ipv6,
    "set_nic_ipv6": _set_nic_ipv6,
    "create_vlan": _create_vlan,
    "note_vlans": _note_vlans,
    "destroy_vlan": _destroy_vlan,
    "move_vlan": _move_vlan,
    "destroy_network": _destroy_network,
}
