# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journeys through what somebody has done to the pool by hand, or its hardware by itself: VLANs, drift, refusals; and through a twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.acceptance import compare
from tests.acceptance.journeys import Bond, bond_of, pif, vlan
from tests.acceptance.pool import Pool
from tests.acceptance.step import Journey, Shown, Step, typed


def journeys(pool: Pool) -> list[Journey]:
    direct, restart = bond_of(pool, strategy="direct"), bond_of(pool, strategy="restart")
    return [*_vlans(pool), *_drifts(pool, direct), *_refused(pool, direct, restart), *_twins(direct, restart)]


def _vlans(pool: Pool) -> list[Journey]:
    """VLANs that the role puts on the bond; and what becomes of VLANs of one tag on both NICs, in the plan and in XAPI."""
    found = []
    tags = {60: f"{pool.network}-60", 61: f"{pool.network}-61"}
    for strategy in ("direct", "restart"):
        plain = bond_of(pool, strategy=strategy).but(vlans=[{"tag": tag, "network": name} for tag, name in tags.items()])
        bond = replace(plain, wanted=replace(plain.wanted, vlans=tags))
        back = replace(bond.remove, says=f"remove the network {tags[61]}, which was made for VLAN 61")
        steps = (bond.run(end="found", check=True), bond.run(changes=1, also=_switched(bond)), bond.run(changes=0), bond.verify, back)
        found.append(Journey(f"storage_bond_vlans, {strategy}", steps))
    both = vlan(pool, 53, "vlan-create"), vlan(pool, 53, "vlan-create", pool.nics[1])
    direct = bond_of(pool, strategy="direct")
    by_xe = f"xe bond-create network-uuid=$(xe network-create name-label={pool.network}) mode=active-backup pif-uuids=" + ",".join(
        pif(nic, pool.master) for nic in pool.nics
    )
    one = Step(tasks=NOTHING, end="", also=_one_vlan_is_left)
    found.append(Journey("the same tag on both NICs", (*both, replace(direct.refused("vlan_twice"), end="found"), typed(by_xe), one)))
    return found


NOTHING = ({"ansible.builtin.debug": {"msg": "The play is only there to be followed by a look."}},)


def _one_vlan_is_left(pool: Pool, _shown: Shown) -> str:
    """What the plan says that XAPI would do: one of the two is on the bond, and the other is gone without a word."""
    left = [f"{row['device']} on {row['network-name-label']}" for row in compare.listed(pool, "pif-list") if row["VLAN"] == "53"]
    return "" if len(left) == 1 and left[0].startswith("bond") else f"VLAN 53 is {' and '.join(left) or 'nowhere'}"


def _switched(bond: Bond) -> Callable[[Pool, Shown], str]:
    """Each VLAN is a bridge with that tag on the bond's bridge, in Open vSwitch of every dom0."""

    def differs(pool: Pool, _shown: Shown) -> str:
        bridges = {row["name-label"]: row["bridge"] for row in compare.listed(pool, "network-list")}
        for host in pool.hosts:
            for tag, name in bond.wanted.vlans.items():
                its = bridges[name]
                said = pool.dom0(host, f"ovs-vsctl br-to-vlan {its}; ovs-vsctl br-to-parent {its}").split()
                if said != [str(tag), bridges[pool.network]]:
                    return f"{host}: Open vSwitch has {its} as {' on '.join(said)} instead of {tag} on {bridges[pool.network]}"
        return ""

    return differs


def _drifts(pool: Pool, direct: Bond) -> list[Journey]:
    """A property of LACP that somebody changed is found, refused, and repaired; an address that somebody moved to a NIC is completed."""
    its = f"network-name-label={pool.network} host-name-label={pool.member}"
    one = f"$(xe bond-list --minimal master=$(xe pif-list --minimal {its}))"
    lacp = bond_of(pool, strategy="direct", mode="lacp", properties={"lacp-time": "fast"})
    slow = typed(f"xe bond-param-set uuid={one} properties:lacp-time=slow")
    repair = lacp.but(on_drift="repair").run(changes=1)
    seen = lacp.refused("lacp-time", "storage_bond_verify"), lacp.refused("drift_properties")
    nic, bonds = pif(pool.nics[0], pool.member), f"$(xe pif-list --minimal {its})"
    moved = (
        f'ip=$(xe pif-param-get uuid={bonds} param-name=IP) mask=$(xe pif-param-get uuid={bonds} param-name=netmask);'
        f' xe pif-reconfigure-ip uuid={bonds} mode=none; xe pif-reconfigure-ip uuid={nic} mode=static IP="$ip" netmask="$mask"'
    )  # fmt: skip
    on_nic = (direct.run(), typed(moved), direct.refused(pool.nics[0], "storage_bond_verify"), direct.but(on_drift="repair").run(changes=1))
    return [
        Journey("drift: a property", (lacp.run(), slow, *seen, repair, lacp.verify, lacp.remove)),
        Journey("drift: the address on the NIC", (*on_nic, direct.verify, direct.remove)),
    ]


def _refused(pool: Pool, direct: Bond, restart: Bond) -> list[Journey]:
    """What has to be refused before anything is changed."""
    second, member = pool.nics[1], pool.member
    gone, back = Step(power="gone", host=member, nic=second, end=""), Step(power="back", host=member, nic=second, end="")
    lost = [replace(bond.refused("nic_device_missing"), end="") for bond in (direct, restart)]
    unknown = bond_of(pool, (pool.nics[0], "eth77"), strategy="direct")
    forgotten = typed(f"xe pif-forget uuid={pif(second, member)}", end="begins")
    scanned = typed(f"xe pif-scan host-uuid=$(xe host-list --minimal name-label={member})")
    plugged = typed(f"xe pif-plug uuid={pif(second, member)}")
    address = f"mode=static IP=192.0.2.77 netmask=255.255.255.0; xe pif-plug uuid={pif(second, member)}"
    two = typed(f"xe pif-reconfigure-ip uuid={pif(second, member)} {address}", end="begins")
    return [
        Journey("a NIC whose device is gone", (gone, *lost, Step(tasks=NOTHING, also=_no_bond, end=""), back), needs="device"),
        Journey("a NIC that no host has", (replace(unknown.refused("nic_missing"), end="found"),)),
        Journey("a NIC that XAPI forgot", (forgotten, replace(restart.refused("nic_missing"), end="found"), scanned, plugged)),
        Journey("two addresses", (two, *[replace(bond.refused("two_ips"), end="found") for bond in (direct, restart)]), quick=True),
    ]


def _no_bond(pool: Pool, _shown: Shown) -> str:
    """Nothing was changed: no bond and no network of that name in XAPI, and no bond in any dom0."""
    made = [row["uuid"] for row in compare.listed(pool, "bond-list")]
    made += [row["uuid"] for row in compare.listed(pool, "network-list") if row["name-label"] == pool.network]
    return ", ".join([*made, *(f"{name} of {host}" for host in pool.hosts for name in compare.bonds_of(pool, host))])


def _twins(direct: Bond, restart: Bond) -> list[Journey]:
    """The pool is captured, the playbook is played on a twin of it and then on the pool: both end in the same state."""
    return [
        Journey(f"capture, twin, the same playbook, {name}", (bond.run(changes=1, twin=True), bond.verify, bond.remove))
        for name, bond in (("direct", direct), ("restart", restart))
    ]
