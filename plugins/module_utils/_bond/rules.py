# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What XAPI does when it makes or inherits a bond: its rules, as pure functions of the pool.

Sources: xen-api, ocaml/xapi/xapi_bond.ml (Bond.create, what moves), sync_networking.ml (what a member inherits at its start), nm.ml (MTU,
modes), and recordings of xapi 24.19 and 26.17. Nothing here decides whether something *should* be done; that is the plan's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool, by_device, with_changes

MODES = ("balance-slb", "active-backup", "lacp")

# What XAPI adds to an lacp bond when it is not given (recorded); lacp-aggregation-key has no default.
LACP_DEFAULTS: Mapping[str, str] = {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}
LACP_VALUES: Mapping[str, tuple[str, ...] | None] = {
    "hashing_algorithm": ("src_mac", "tcpudp_ports"),
    "lacp-time": ("slow", "fast"),
    "lacp-fallback-ab": ("true", "false"),
    "lacp-aggregation-key": None,  # a number
}
# Sixteen bits in the protocol (IEEE 802.1AX); XAPI takes -1 and 70000 too (recorded), and the switch of dom0 does not.
AGGREGATION_KEYS = range(65536)

# xapi 25.35 began to recognise a NIC on each host by the N of its network's bridge xenbrN (xen-api pull request 6669); before, by
# PIF.device.
POSITION_SINCE = (25, 35)
# XenServer 7.0 (xapi 1.9.81) refuses members with two addresses; before it the second one is lost (xen-api pull request 2596).
TWO_IP_REFUSED_SINCE = (1, 9)

# Keys of a NIC's other_config that have a meaning for its address or its use and that Bond.create leaves behind on the NIC (xapi_bond.ml,
# move_configuration).
CARRIED_KEYS = ("management_purpose", "static-routes", "domain", "defaultroute", "peerdns")
CARRIED_PREFIXES = OF_THE_BOND = ("bond-", "ethtool-")


@dataclass(frozen=True)
class Match:
    """The NICs of one host that stand for the wanted device names of the master (`devices`), in the order of the spec.

    `rule` is how this host's xapi recognises them ("device" or "position"); `nics` what that rule finds (None: missing); `other` what the
    other rule finds.
    """

    host: Host
    devices: tuple[str, ...]
    rule: str
    nics: tuple[Pif | None, ...]
    other: tuple[Pif | None, ...]

    @property
    def found(self) -> tuple[Pif, ...]:
        return tuple(nic for nic in self.nics if nic is not None)

    @property
    def complete(self) -> bool:
        return None not in self.nics


def match(pool: Pool, host: Host, devices: Sequence[str]) -> Match:
    """Which NICs of `host` stand for the master's `devices`, by the rule of the host's xapi and by the other one."""
    named = tuple(pool.nic(host, device) for device in devices)
    placed = tuple(at_position(pool, host, pool.nic(pool.master, device)) for device in devices)
    if host.master:
        return Match(host, tuple(devices), "device", named, named)
    if host.at_least(*POSITION_SINCE):
        return Match(host, tuple(devices), "position", placed, named)
    return Match(host, tuple(devices), "device", named, placed)


def at_position(pool: Pool, host: Host, master_nic: Pif | None) -> Pif | None:
    """The NIC of `host` at the position of the master's NIC; None when there is none or the bridge is not called xenbrN."""
    network = pool.networks.get(master_nic.network) if master_nic else None
    if network is None or network.position is None:
        return None
    for pif in pool.pifs_of(host):
        theirs = pool.networks.get(pif.network)
        if pif.physical and theirs is not None and theirs.position == network.position:
            return pif
    return None


def primary_of(nics: Sequence[Pif]) -> Pif:
    """The NIC that gives the bond its MAC and its address: the management one, else the first with an IP configuration, else the first
    (xapi_bond.ml).
    """
    for nic in nics:
        if nic.management:
            return nic
    for nic in nics:
        if nic.configured:
            return nic
    return nics[0]


def in_order(pool: Pool, matched: Match, network: Network | None) -> tuple[Pif, ...]:
    """The NICs in the order for Bond.create, of which the first is the primary when none has an address.

    The order of the spec on the master. On a member the NIC comes first that stands for the one whose MAC the master's bond has, or will
    have: so orders them a member's xapi when it inherits (sync_networking.ml), and a bond made by a call shall be the same.
    """
    donor = mac_donor(pool, matched, network)
    if matched.host.master or donor is None:
        return matched.found
    return (donor, *(nic for nic in matched.found if nic.ref != donor.ref))


def mac_donor(pool: Pool, matched: Match, network: Network | None) -> Pif | None:
    """The NIC that stands for the master's NIC whose MAC the master's bond has. None when that bond has a MAC of its own."""
    ours = dict(zip(matched.devices, matched.nics, strict=True))
    theirs = [pool.nic(pool.master, device) for device in matched.devices]
    bond = pool.bond_on(pool.master, network) if network else None
    if bond is not None and bond.master in pool.pifs:
        mac = pool.pifs[bond.master].mac
        donor = next((nic for nic in theirs if nic is not None and nic.mac == mac), None)
    else:
        there = [nic for nic in theirs if nic is not None]
        donor = primary_of(there) if there else None
    return ours.get(donor.device) if donor is not None else None


def vlans_over(pool: Pool, pif: Pif) -> tuple[Pif, ...]:
    """The VLAN PIFs that lie on this one."""
    return tuple(
        pool.pifs[pool.vlans[ref].untagged] for ref in pif.vlan_slave_of if ref in pool.vlans and pool.vlans[ref].untagged in pool.pifs
    )


def networks_over(pool: Pool, pif: Pif) -> tuple[Network, ...]:
    """The networks that are reached through this PIF: its own, and those of its VLANs."""
    return tuple(pool.networks[one.network] for one in (pif, *vlans_over(pool, pif)) if one.network in pool.networks)


def free_device(pool: Pool, host: Host) -> str:
    """bondN with the smallest N that is free on this host. Numbers differ between hosts; nothing may assume one."""
    taken = {pif.device for pif in pool.pifs_of(host)}
    number = 0
    while f"bond{number}" in taken:
        number += 1
    return f"bond{number}"


def properties_of(mode: str, properties: Mapping[str, str]) -> dict[str, str]:
    """The properties that a bond of this mode will have: XAPI adds defaults for lacp."""
    return {**LACP_DEFAULTS, **properties} if mode == "lacp" else dict(properties)


def wrong_properties(mode: str, properties: Mapping[str, str]) -> list[str]:
    """What XAPI would refuse among the properties, as sentences."""
    wrong = []
    for key, value in sorted(properties.items()):
        if mode != "lacp":
            wrong.append(f"a bond of mode {mode} has no property {key}")
        elif key not in LACP_VALUES:
            wrong.append(f"there is no bond property {key}; lacp knows {', '.join(sorted(LACP_VALUES))}")
        elif key == "lacp-aggregation-key":
            if not value.isdigit() or int(value) not in AGGREGATION_KEYS:
                wrong.append(f"{key} is {value}; it can be {AGGREGATION_KEYS.start} to {AGGREGATION_KEYS.stop - 1}")
        elif value not in (LACP_VALUES[key] or ()):
            wrong.append(f"{key} is {value}; it can be {' or '.join(LACP_VALUES[key] or ())}")
    return wrong


def carried_config(nic: Pif) -> dict[str, str]:
    """The keys of a NIC's other_config that the bond needs and XAPI does not give it."""
    return {key: value for key, value in sorted(nic.other_config.items()) if key in CARRIED_KEYS or key.startswith(CARRIED_PREFIXES)}


@dataclass(frozen=True)
class Prediction:
    """What one host will look like when it is done. Plain values, so that it travels through a playbook and back (`to_dict`, `from_dict`).

    `inherits` says that the bond comes with a restart of the host's xapi, and not by a call. `moves` are sentences. `bridge` is ""
    when XAPI has yet to choose one. `storages` are the uuids of the PBDs attached now, `paths` how many paths multipath has to each of
    their devices. `vlans_on` has the VLANs that a removal puts back on other NICs than the primary. `left_out` has the fields that are
    otherwise as long as only XAPI has done its part, and not the further steps of the plan.
    """

    host: str
    host_uuid: str
    network: str
    network_uuid: str
    bridge: str
    device: str
    nics: tuple[str, ...]
    primary: str
    mode: str
    properties: Mapping[str, str]
    mac: str
    ip_mode: str = "None"
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    dns: str = ""
    ipv6_mode: str = "None"
    ipv6: tuple[str, ...] = ()
    ipv6_gateway: str = ""
    mtu: int = 1500
    management: bool = False
    disallow_unplug: bool = False
    other_config: Mapping[str, str] = field(default_factory=dict)
    bridges_gone: tuple[str, ...] = ()
    vlans: tuple[int, ...] = ()
    vlans_on: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    moves: tuple[str, ...] = ()
    inherits: bool = False
    enabled: bool = True
    storages: tuple[str, ...] = ()
    paths: Mapping[str, int] = field(default_factory=dict)
    without_link: tuple[str, ...] = ()
    left_out: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_xapi(self) -> Prediction:
        """What comes out when XAPI has done its part."""
        return replace(self, left_out={}, **self.left_out)

    def leaving_out(self, by_xapi: Prediction) -> Prediction:
        """The same, knowing what XAPI does of it by itself."""
        pairs = {one.name: (getattr(by_xapi, one.name), getattr(self, one.name)) for one in fields(self) if one.name != "left_out"}
        return replace(self, left_out={name: theirs for name, (theirs, ours) in pairs.items() if theirs != ours})

    def to_dict(self) -> dict[str, Any]:
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Prediction:
        """Raises TypeError for keys that no prediction has, ValueError for a MTU that is no number."""
        prediction = cls(**_typed(values))
        return replace(prediction, left_out=_typed(prediction.left_out))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    if "vlans_on" in plain:
        plain["vlans_on"] = {device: list(tags) for device, tags in plain["vlans_on"].items()}
    return {**plain, "left_out": _plain(plain["left_out"])} if "left_out" in plain else plain


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("nics", "ipv6", "bridges_gone", "vlans", "moves", "storages", "without_link")
    given: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in values.items()}
    if "mtu" in given:
        given["mtu"] = int(given["mtu"])
    if "vlans" in given:
        given["vlans"] = tuple(int(tag) for tag in given["vlans"])
    if "vlans_on" in given:
        given["vlans_on"] = {device: tuple(int(tag) for tag in tags) for device, tags in given["vlans_on"].items()}
    if "paths" in given:
        given["paths"] = {device: int(count) for device, count in given["paths"].items()}
    return given


def predict_new(
    pool: Pool,
    host: Host,
    nics: Sequence[Pif],
    network: Network | None,
    name: str,
    mode: str,
    properties: Mapping[str, str],
    mac: str,
    mtu: int,
    carry: Pif | None = None,
) -> Prediction:
    """The bond that Bond.create makes of these NICs on this host, and what moves with it. `nics` in the order in which they are given to
    XAPI.

    `mac` only where this host is given one: a member does not inherit it. `carry`: the NIC whose IPv6 and other_config we carry over (the
    primary by default).
    """
    primary = primary_of(nics)
    source = carry or primary
    return Prediction(
        host=host.name,
        host_uuid=host.uuid,
        network=name,
        network_uuid=network.uuid if network else "",
        bridge=network.bridge if network else "",
        device=free_device(pool, host),
        nics=tuple(nic.device for nic in by_device(nics)),
        primary=primary.device,
        mode=mode,
        properties=properties_of(mode, properties),
        mac=mac.lower() or primary.mac,
        ip_mode=primary.ip_mode, ip=primary.ip, netmask=primary.netmask, gateway=primary.gateway, dns=primary.dns,
        ipv6_mode=source.ipv6_mode, ipv6=source.ipv6, ipv6_gateway=source.ipv6_gateway,
        mtu=mtu,
        management=any(nic.management for nic in nics),
        disallow_unplug=any(nic.disallow_unplug for nic in nics),
        other_config=carried_config(source),
        bridges_gone=tuple(pool.networks[nic.network].bridge for nic in by_device(nics) if nic.network in pool.networks),
        vlans=tuple(sorted({pool.vlans[ref].tag for nic in nics for ref in nic.vlan_slave_of if ref in pool.vlans})),
        moves=moves(pool, host, nics, name),
        enabled=host.enabled,
        storages=tuple(storage.uuid for storage in pool.storages_of(host) if storage.attached),
        paths=paths_of(pool, host),
        without_link=tuple(nic.device for nic in nics if not nic.carrier),
    )  # fmt: skip


BOOT_DISK = "the disk that the host boots from"


def paths_of(pool: Pool, host: Host) -> dict[str, int]:
    """How many paths multipath has to each device of the storage that this host has attached, and to the disk that it boots from."""
    boot = {BOOT_DISK: host.boot_paths[0]} if host.boot_paths else {}
    attached = [storage for storage in pool.storages_of(host) if storage.attached]
    return boot | {device: now for storage in attached for device, (now, _most) in storage.paths.items()}


def moves(pool: Pool, host: Host, nics: Sequence[Pif], network: str) -> tuple[str, ...]:
    """What moves from these NICs to the bond, as sentences."""
    said = []
    for nic in nics:
        bridge = pool.networks.get(nic.network)
        tags = sorted(pool.vlans[ref].tag for ref in nic.vlan_slave_of if ref in pool.vlans)
        said += [f"VLAN {tag} moves from {nic.device} to the bond, as a new PIF" for tag in tags]
        said += [f"a tunnel moves from {nic.device} to the bond" for _unused in nic.tunnel_transport_of]
        if nic.disallow_unplug:
            said.append(f"disallow_unplug moves from {nic.device} to the bond")
        if nic.management:
            said.append(f"the management interface moves from {nic.device} to the bond")
        for ref in bridge.vifs if bridge else ():
            vif = pool.vifs.get(ref)
            if vif is not None and (not vif.host or vif.host == host.ref):
                said.append(f"VIF {vif.device} of {vif.vm_name or 'a VM'} moves from {bridge.name if bridge else nic.device} to {network}")
    return tuple(said)


def after_destroy(pool: Pool, bond: Bond) -> Pool:
    """The pool as it will be when this bond is destroyed: what goes back, goes to its primary NIC (xapi_bond.ml; recorded).

    Left behind are the other_config and the IPv6 configuration of the bond: they go with its PIF. VLANs that move become new objects; here
    they keep their references. One whose tag the primary NIC carries already, which an xapi that died between making the new one and
    destroying the old one has left there, ends in that (move_vlan in xapi_bond.ml).
    """
    own = pool.pifs.get(bond.master)
    members = pool.bond_members(bond)
    if own is None or not members:
        return pool
    primary = pool.pifs.get(bond.primary, members[0])
    plugged = own.attached or own.management  # the NICs of an incomplete bond, which is not attached, are not plugged (recorded)
    free = {
        nic.ref: replace(nic, bond_slave_of="", attached=nic.attached or plugged, ip_mode="None", ip="", netmask="", gateway="", dns="")
        for nic in members
    }
    addressed = primary if own.ip_mode == "None" else own
    there = {pool.vlans[ref].tag for ref in primary.vlan_slave_of if ref in pool.vlans}
    merged = {ref: pool.vlans[ref].untagged for ref in own.vlan_slave_of if ref in pool.vlans and pool.vlans[ref].tag in there}
    gone = {own.ref, *merged.values()}
    free[primary.ref] = replace(
        free[primary.ref],
        ip_mode=addressed.ip_mode, ip=addressed.ip, netmask=addressed.netmask, gateway=addressed.gateway, dns=addressed.dns,
        management=own.management,
        disallow_unplug=own.disallow_unplug or primary.disallow_unplug,  # an incomplete bond has left these where they were
        vlan_slave_of=(*primary.vlan_slave_of, *(ref for ref in own.vlan_slave_of if ref not in merged)),
        tunnel_transport_of=(*primary.tunnel_transport_of, *own.tunnel_transport_of),
    )  # fmt: skip
    old, new = pool.networks.get(own.network), pool.networks.get(primary.network)
    networks = dict(pool.networks)
    if old is not None and new is not None:
        # Only VMs of this host move; the others' interfaces stay where their own host has them.
        mine = tuple(ref for ref in old.vifs if ref in pool.vifs and pool.vifs[ref].host == own.host)
        networks[old.ref] = replace(
            old, pifs=tuple(ref for ref in old.pifs if ref != own.ref), vifs=tuple(ref for ref in old.vifs if ref not in mine)
        )
        networks[new.ref] = replace(new, vifs=(*new.vifs, *mine))
    return with_changes(
        pool,
        pifs={**{ref: pif for ref, pif in pool.pifs.items() if ref not in gone}, **free},
        bonds={ref: other for ref, other in pool.bonds.items() if ref != bond.ref},
        vlans={
            ref: replace(vlan, tagged=primary.ref) if vlan.tagged == own.ref else vlan
            for ref, vlan in pool.vlans.items()
            if ref not in merged
        },
        networks=networks,
    )


def predict_inherited(pool: Pool, matched: Match, network: Network | None, made: Prediction) -> Prediction:
    """What comes out otherwise when the bond is not made by a call (`made`) but inherited at the start of a member's xapi."""
    tags = {vlan.vlan for vlan in inherited_vlans(pool, matched, network)}
    made = replace(made, inherits=True, vlans=tuple(sorted({*made.vlans, *tags})))
    if mac_donor(pool, matched, network) is None and not any(nic.configured or nic.management for nic in matched.found):
        # The master's bond has a MAC of its own: then the order of the NICs, which decides here, is that of the member's database.
        return replace(made, mac="", primary="")
    return made


def inherited_vlans(pool: Pool, matched: Match, network: Network | None) -> tuple[Pif, ...]:
    """The master's VLANs that a start of the member's xapi puts on its bond too: those that the master's bond carries, or will carry."""
    host = matched.host
    bond = pool.bond_on(pool.master, network) if network else None
    theirs = [pool.pifs.get(bond.master)] if bond else [pool.nic(pool.master, device) for device in matched.devices]
    there = {
        pool.pifs[vlan.untagged].network
        for vlan in pool.vlans.values()
        if vlan.untagged in pool.pifs and pool.pifs[vlan.untagged].host == host.ref
    }
    return tuple(vlan for carrier in theirs if carrier for vlan in vlans_over(pool, carrier) if vlan.network not in there)


def predict_kept(pool: Pool, host: Host, bond: Bond, network: Network, mode: str, properties: Mapping[str, str]) -> Prediction:
    """The host as it is, with mode and properties as they should be: its bond has the right NICs and stays."""
    pif = pool.pifs[bond.master]
    nics = pool.bond_members(bond)
    primary = pool.pifs.get(bond.primary)
    # What an interrupted run has not carried over yet lies on the primary NIC still.
    left = carried_config(primary) if primary else {}
    ipv6_left = primary is not None and pif.ipv6_mode == "None" and primary.ipv6_mode != "None"
    source = primary if primary is not None and ipv6_left else pif
    # An address on a member belongs on the bond when that has none (PIF.reconfigure_ip on a member is accepted silently, and does nothing;
    # recorded).
    holder = pif if pif.configured else next((nic for nic in nics if nic.configured), pif)
    return Prediction(
        host=host.name,
        host_uuid=host.uuid,
        network=network.name,
        network_uuid=network.uuid,
        bridge=network.bridge,
        device=pif.device,
        nics=tuple(nic.device for nic in nics),
        primary=primary.device if primary else "",
        mode=mode,
        properties=properties_of(mode, properties),
        mac=pif.mac,
        ip_mode=holder.ip_mode,
        ip=holder.ip,
        netmask=holder.netmask,
        gateway=holder.gateway,
        dns=holder.dns,
        ipv6_mode=source.ipv6_mode,
        ipv6=source.ipv6,
        ipv6_gateway=source.ipv6_gateway,
        mtu=network.mtu,
        management=pif.management,
        disallow_unplug=pif.disallow_unplug,
        other_config={**left, **carried_config(pif)},
        bridges_gone=tuple(pool.networks[nic.network].bridge for nic in nics if nic.network in pool.networks),
        vlans=tuple(sorted(pool.vlans[ref].tag for ref in pif.vlan_slave_of if ref in pool.vlans)),
        enabled=host.enabled,
        storages=tuple(storage.uuid for storage in pool.storages_of(host) if storage.attached),
        paths=paths_of(pool, host),
        without_link=tuple(nic.device for nic in nics if not nic.carrier),
    )
