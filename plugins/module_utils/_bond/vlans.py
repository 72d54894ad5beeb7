# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What XAPI does not keep of VLANs: on which NIC one lay before the bond, and which network was made for one. Pure.

XAPI moves the VLANs of all NICs to a new bond, and from there to its primary NIC alone (move_vlan in xapi_bond.ml; recorded). A VLAN that
moves is a new object each time, but a NIC outlives the bond, and so does the network of a VLAN: their other_config says it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.impact import notice
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import vlans_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import VLANS_BACK, BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.steps import MADE_FOR, Step
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool, by_device

# A key of a NIC's other_config for each VLAN that was on it before it came into a bond: this and the tag. The value is the uuid of the
# VLAN's network, of which a host has one PIF at most, so that nobody else's VLAN of that tag is taken for it.
ON_NIC = "xapi.network.vlan-"
# The same for a VLAN that no NIC of the host had, and that a member's xapi puts on the bond because the master has it (Host.sync_vlans in
# xapi_host.ml). It stands at the first of the NICs.
NOT_HERE = f"{ON_NIC}none-"
# The code of the notice about a VLAN that a removal does not bring back as it was.
STAYS = "vlan_not_moved"


@dataclass(frozen=True)
class Noted:
    """A VLAN that XAPI would not leave as it is: it is on `nic`, or (None) no NIC of the host has it. `at`: the NIC that the note is at."""

    tag: int
    network: Network
    nic: Pif | None
    at: Pif
    pif: Pif | None = None

    @property
    def key(self) -> str:
        return f"{ON_NIC if self.nic else NOT_HERE}{self.tag}"


def to_note(pool: Pool, spec: BondSpec, nics: Sequence[Pif], primary: str, inherited: Iterable[Pif] = ()) -> list[Noted]:
    """Those, before these NICs become a bond. `primary`: the device to which XAPI brings all VLANs back, "" where that is not known.
    `inherited`: VLANs of the master that will be on the bond too; those that the task asks for are not what was there or was not.
    """
    asked = {(vlan.tag, vlan.network) for vlan in spec.vlans}
    found = [
        Noted(vlan.vlan, pool.networks[vlan.network], nic, nic, vlan)
        for nic in by_device(nics)
        for vlan in vlans_over(pool, nic)
        if nic.device != primary and vlan.network in pool.networks
    ]
    carried = [(vlan.vlan, pool.networks[vlan.network]) for vlan in inherited if vlan.network in pool.networks]
    first = by_device(nics)[0]
    return found + [Noted(tag, network, None, first) for tag, network in carried if (tag, network.name) not in asked]


def noting(pool: Pool, host: Host, nics: Sequence[Pif], vlans: Iterable[Noted]) -> list[Step]:
    """The steps for it."""
    noted = list(vlans)
    steps = []
    for nic in by_device(nics):
        known = _notes(nic)
        wanted = {one.key: one.network.uuid for one in noted if one.at.ref == nic.ref}
        stale = [key for key, uuid in known.items() if key not in wanted and not _still_in_its_bond(pool, host, nic, uuid)]
        if any(known.get(key) != uuid for key, uuid in wanted.items()):
            said = f"note in other_config of {nic.device} that {_said(wanted, 'is', 'are')}, which XAPI forgets"
            steps.append(Step("note_vlans", host.name, said, {"nic": nic.uuid, "add": wanted, "remove": stale}))
        elif stale:
            steps.append(_forgetting(host, nic, stale))
    return steps


def _still_in_its_bond(pool: Pool, host: Host, nic: Pif, network: str) -> bool:
    pif = _of_network(pool, host, network)
    bond = pool.bonds.get(nic.bond_slave_of)
    return pif is not None and bond is not None and _lies_on(pool, pif) == bond.master


def _forgetting(host: Host, nic: Pif, keys: Sequence[str]) -> Step:
    sentence = f"take the note that {_said(keys, 'was', 'were')} out of other_config of {nic.device}"
    return Step("note_vlans", host.name, sentence, {"nic": nic.uuid, "add": {}, "remove": list(keys)})


@dataclass(frozen=True)
class Return:
    """What becomes of the VLANs of a bond that is removed. `before` and `after` are steps around its end, `on_primary` and `elsewhere` the
    tags that there will be, `gone` the references of the PIFs that there will not be.
    """

    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    notices: tuple[Problem, ...] = ()
    on_primary: tuple[int, ...] = ()
    elsewhere: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


def returning(pool: Pool, spec: BondSpec, host: Host, network: Network, bond: Bond, primary: Pif) -> Return:
    """That, for a host's bond on this network."""
    nics = pool.bond_members(bond)
    vlans = sorted(vlans_over(pool, pool.pifs[bond.master]), key=lambda vlan: vlan.vlan)
    named = {vlan.ref for vlan in vlans if _goes(pool, spec, network, vlan)}
    new = {vlan.ref for vlan in vlans if vlan.ref not in named and any(_noted_new(pool, nic, vlan) for nic in nics)}
    own = {vlan.ref: nic for vlan in vlans for nic in nics if vlan.ref not in named | new and _noted_on(pool, nic, vlan)}
    away = {ref: nic for ref, nic in own.items() if nic.ref != primary.ref}
    accepted = VLANS_BACK in spec.accept
    gone = [vlan for vlan in vlans if vlan.ref in named or (vlan.ref in new and accepted and not _needed(pool, host, vlan))]
    moved = [vlan for vlan in vlans if vlan.ref in away and accepted and not held(pool, host, vlan)]
    staying = [vlan for vlan in vlans if vlan.ref in {*away, *new} and vlan not in (*moved, *gone)]
    elsewhere: dict[str, tuple[int, ...]] = {}
    for vlan in moved:
        elsewhere[away[vlan.ref].device] = (*elsewhere.get(away[vlan.ref].device, ()), vlan.vlan)
    brought = {True: f"XAPI brings it back on {primary.device}", False: f"XAPI leaves it on {primary.device}"}
    said = [notice(host, STAYS, _why_not(pool, host, vlan, away.get(vlan.ref), brought[vlan.ref in away])) for vlan in staying]
    rest = [vlan for vlan in vlans if vlan not in gone and vlan.ref not in {*away, *new}]
    if rest:
        called = " and ".join(_called(pool, vlan) for vlan in rest)
        # Where there is a note, whoever made the bond has noted all of them.
        also = "" if own or new else ", also what was on another NIC before"
        sentence = f"on {primary.device} there will be {called}{also}; the networks stay."
        said.append(notice(host, "vlan_moves", sentence))
    said += [notice(host, "vlan_network", why) for vlan in vlans if vlan not in gone and (why := _why_it_stays(pool, spec, network, vlan))]
    waiting = {key for vlan in staying for key in (_key(vlan), f"{NOT_HERE}{vlan.vlan}")} if accepted else set()
    return Return(
        before=tuple(_destroying(pool, host, vlan) for vlan in gone),
        after=(*(_moving(pool, host, vlan, away[vlan.ref]) for vlan in moved), *_forgotten(host, nics, waiting)),
        notices=tuple(said),
        on_primary=tuple(vlan.vlan for vlan in vlans if vlan not in gone and vlan not in moved),
        elsewhere=elsewhere,
        gone=frozenset(vlan.ref for vlan in gone),
    )


def left_over(pool: Pool, spec: BondSpec, host: Host, nics: Iterable[Pif]) -> tuple[list[Step], list[Problem]]:
    """What a run that died after it had destroyed the bond has not put back, and what it could not. `nics`: those of the bond, as the user
    names them.
    """
    free = [nic for nic in nics if not nic.bond_slave_of]
    steps, waiting, said = [], set(), []
    noted = [(nic, key, uuid) for nic in free for key, uuid in sorted(_notes(nic).items())]
    for nic, key, uuid in noted:
        carried = next((one for one in pool.networks.values() if one.uuid == uuid), None)
        if carried is None or VLANS_BACK not in spec.accept:
            continue
        vlan, own = _of_network(pool, host, uuid), None if key.startswith(NOT_HERE) else nic
        lies_on = _lies_on(pool, vlan) if vlan is not None else ""
        if vlan is not None and lies_on not in {one.ref for one in free}:
            continue  # somebody has put it where no bond would
        if vlan is not None and (held(pool, host, vlan) if own else _needed(pool, host, vlan)):
            if own is None or lies_on != own.ref:
                waiting.add(key)
                said.append(notice(host, STAYS, _why_not(pool, host, vlan, own, f"it is on {vlan.device}")))
        elif own is None:
            steps += [_destroying(pool, host, vlan)] if vlan is not None else []
        elif not _is_back(pool, nic, key, vlan):
            address = _address_of(vlan) if vlan is not None and vlan.configured else _noted_address(nic, key)
            steps.append(_put_back(host, nic, int(_tag(key)), carried, address))
    return [*steps, *_forgotten(host, free, waiting)], said


def _is_back(pool: Pool, nic: Pif, key: str, vlan: Pif | None) -> bool:
    """Whether a VLAN is on its NIC again, or another one of that tag, and has the address that it had on the bond."""
    if vlan is None or _lies_on(pool, vlan) != nic.ref:
        return key in {_key(one) for one in vlans_over(pool, nic)}
    return vlan.configured or _noted_address(nic, key) == NO_ADDRESS


def network_removal(pool: Pool, spec: BondSpec, network: Network | None, gone: frozenset[str]) -> list[Step]:
    """The networks that were made for these VLANs and carry nothing any more. `gone`: PIFs that the steps before take away."""
    steps = []
    for vlan in spec.vlans if spec.absent else ():
        found = pool.networks_called(vlan.network)
        if len(found) == 1 and _made_for(found[0], vlan.tag) and not _used(pool, network, found[0]) and gone.issuperset(found[0].pifs):
            sentence = f"remove the network {vlan.network}, which was made for VLAN {vlan.tag} and which nothing uses any more"
            steps.append(Step("destroy_network", "", sentence, {"network": found[0].uuid}))
    return steps


def _goes(pool: Pool, spec: BondSpec, network: Network, vlan: Pif) -> bool:
    """Whether a VLAN ends with its bond: the task names it, and its network was made for it and is used by nothing else."""
    carried = pool.networks.get(vlan.network)
    named = carried is not None and any(one.tag == vlan.vlan and one.network == carried.name for one in spec.vlans)
    return named and carried is not None and _made_for(carried, vlan.vlan) and not _used(pool, network, carried)


def _why_it_stays(pool: Pool, spec: BondSpec, network: Network, vlan: Pif) -> str:
    """About a network that was made for a VLAN and stays when the bond goes, as a sentence; "" of any other."""
    carried = pool.networks.get(vlan.network)
    if carried is None or not _made_for(carried, vlan.vlan):
        return ""
    if any(one.tag == vlan.vlan and one.network == carried.name for one in spec.vlans):
        return f"the network {carried.name}, which was made for VLAN {vlan.vlan}, stays: {_used(pool, network, carried)}."
    return (
        f"the network {carried.name}, which was made for VLAN {vlan.vlan}, stays with that VLAN; name both in vlans (storage_bond_vlans) to"
        " have them removed."
    )


def _made_for(network: Network, tag: int) -> bool:
    return network.other_config.get(MADE_FOR) == f"VLAN {tag}"


def _used(pool: Pool, bonds: Network | None, carried: Network) -> str:
    """What uses the network of a VLAN but the bonds on `bonds`, in words; "" when nothing does."""
    machines = sorted({pool.vifs[ref].vm_name or "a VM" for ref in carried.vifs if ref in pool.vifs})
    if carried.vifs:
        return f"{', '.join(machines) or 'a VM'} has an interface there"
    for pif in (pool.pifs[ref] for ref in carried.pifs if ref in pool.pifs):
        below = pool.pifs.get(_lies_on(pool, pif))
        where = f"VLAN {pif.vlan} of {pif.device} of {pool.host(pif.host).name}"
        if below is None or not below.bond_master_of or bonds is None or below.network != bonds.ref:
            return f"{where} is on it too"
        if pif.configured or pif.management or pif.ipv6_mode != "None":
            return f"{where} has {pif.ip or 'an address'}"
    return ""


def _noted_on(pool: Pool, nic: Pif, vlan: Pif) -> bool:
    carried = pool.networks.get(vlan.network)
    return carried is not None and _notes(nic).get(_key(vlan)) == carried.uuid


def _noted_new(pool: Pool, nic: Pif, vlan: Pif) -> bool:
    carried = pool.networks.get(vlan.network)
    return carried is not None and _notes(nic).get(f"{NOT_HERE}{vlan.vlan}") == carried.uuid


def _needed(pool: Pool, host: Host, vlan: Pif) -> str:
    """Why a VLAN that has come with the bond cannot go with it, in words; "" when it can."""
    if vlan.configured:
        return f"it has {vlan.ip or 'an address'}"
    carried = pool.networks.get(vlan.network)
    vifs = [pool.vifs[ref] for ref in (carried.vifs if carried else ()) if ref in pool.vifs]
    # One that runs nowhere may have been made for this host, and could not start on it any more.
    here = sorted({vif.vm_name or "a VM" for vif in vifs if vif.host in ("", host.ref)})
    return held(pool, host, vlan) or (f"{', '.join(here)} has an interface on its network" if here else "")


def held(pool: Pool, host: Host, vlan: Pif) -> str:
    """Why a VLAN cannot be made anew on another NIC, in words; "" when it can."""
    if vlan.management:
        return "it is the management interface"
    if vlan.disallow_unplug:
        return "disallow_unplug is set on it"
    if vlan.ipv6_mode != "None":
        return "it has an IPv6 configuration"
    # VLAN.destroy takes the bridge away below them, and only xapi's own move of a VLAN connects them to the new one (move_vlan).
    carried = pool.networks.get(vlan.network)
    running = [pool.vifs[ref] for ref in (carried.vifs if carried else ()) if ref in pool.vifs and pool.vifs[ref].attached]
    here = sorted({vif.vm_name or "a running VM" for vif in running if vif.host in ("", host.ref)})
    return f"{', '.join(here)} is connected through it" if here else ""


def _why_not(pool: Pool, host: Host, vlan: Pif, nic: Pif | None, now: str) -> str:
    """About a VLAN that will not be where it was, `nic`, or is there although no NIC had it (None). `now`: where it comes to, in words."""
    was = f"was on {nic.device} before the bond" if nic else f"was not on {host.name} before the bond, which has it from the master"
    why = held(pool, host, vlan) if nic else _needed(pool, host, vlan)
    then = f"{_called(pool, vlan)} {was}, and {now}"
    if why:
        return f"{then}, where it stays: {why}."
    there = f"put back on {nic.device}; its traffic stops again for that" if nic else "taken away"
    return f"{then}. Add {VLANS_BACK} to accept (storage_bond_accept) to have it {there}."


def _moving(pool: Pool, host: Host, vlan: Pif, nic: Pif) -> Step:
    # An incomplete bond has inherited a VLAN that is still on its NIC, with the address (sync_vlans in xapi_host.ml).
    still = next((one for one in vlans_over(pool, nic) if one.network == vlan.network), vlan)
    return _put_back(host, nic, vlan.vlan, pool.networks[vlan.network], _address_of(still))


Address = tuple[str, str, str, str, str]  # mode, address, netmask, gateway and DNS
NO_ADDRESS: Address = ("None", "", "", "", "")


def _address_of(vlan: Pif) -> Address:
    return vlan.ip_mode, vlan.ip, vlan.netmask, vlan.gateway, vlan.dns


def _noted_address(nic: Pif, key: str) -> Address:
    """The address that a VLAN had when a removal began to move it, from the note; none where that had not begun."""
    words = ["" if word == "-" else word for word in nic.other_config.get(key, "").split()[1:]]
    return (words[0], words[1], words[2], words[3], words[4]) if len(words) == len(NO_ADDRESS) else NO_ADDRESS


def _put_back(host: Host, nic: Pif, tag: int, carried: Network, address: Address) -> Step:
    """`note` is what the note becomes before the VLAN ends: its address, which is nowhere else while it is being made anew."""
    arguments: dict[str, Any] = {"host": host.uuid, "network": carried.uuid, "nic": nic.uuid, "tag": tag}
    arguments |= dict(zip(("mode", "ip", "netmask", "gateway", "dns"), address, strict=True))
    if address != NO_ADDRESS:
        arguments["note"] = {"key": f"{ON_NIC}{tag}", "value": " ".join([carried.uuid, *(word or "-" for word in address)])}
    sentence = f"put VLAN {tag} ({carried.name}) back on {nic.device}, where it was before the bond"
    return Step("move_vlan", host.name, sentence, arguments, f"traffic of VLAN {tag} stops for about a second")


def _destroying(pool: Pool, host: Host, vlan: Pif) -> Step:
    uuid = pool.vlans[vlan.vlan_master_of].uuid
    return Step("destroy_vlan", host.name, f"take {_called(pool, vlan)} off {vlan.device}", {"vlan": uuid})


def _forgotten(host: Host, nics: Iterable[Pif], waiting: Collection[str]) -> list[Step]:
    """The notes taken off these NICs, but for those of VLANs that are to be put back as soon as nothing holds them."""
    noted = [(nic, [key for key in sorted(_notes(nic)) if key not in waiting]) for nic in nics]
    return [_forgetting(host, nic, keys) for nic, keys in noted if keys]


def _notes(nic: Pif) -> dict[str, str]:
    """Key to uuid of the network. Behind that uuid there may be an address."""
    notes = {key: value.split() for key, value in nic.other_config.items() if key.startswith(ON_NIC) and _tag(key).isdecimal()}
    return {key: words[0] for key, words in notes.items() if words}


def _tag(key: str) -> str:
    return key.removeprefix(NOT_HERE).removeprefix(ON_NIC)


def _of_network(pool: Pool, host: Host, uuid: str) -> Pif | None:
    """The VLAN of a host on the network with this uuid."""
    networks = {ref for ref, network in pool.networks.items() if network.uuid == uuid}
    return next((pif for pif in pool.pifs_of(host) if pif.vlan >= 0 and pif.network in networks), None)


def _lies_on(pool: Pool, vlan: Pif) -> str:
    return pool.vlans[vlan.vlan_master_of].tagged if vlan.vlan_master_of in pool.vlans else ""


def _called(pool: Pool, vlan: Pif) -> str:
    carried = pool.networks.get(vlan.network)
    return f"VLAN {vlan.vlan} ({carried.name if carried else 'no network'})"


def _key(vlan: Pif) -> str:
    return f"{ON_NIC}{vlan.vlan}"


def _said(keys: Iterable[str], one: str, more: str) -> str:
    """What notes say: "VLAN 50 and VLAN 51 are on it". `one`, `more`: the verb for one VLAN and for more."""
    on, new = (sorted(int(_tag(key)) for key in keys if key.startswith(NOT_HERE) is other) for other in (False, True))
    said = [
        f"{' and '.join(f'VLAN {tag}' for tag in tags)} {one if len(tags) == 1 else more} {where}"
        for tags, where in ((on, "on it"), (new, "not on this host"))
        if tags
    ]
    return " and ".join(said)
