# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of a plan: what has to be written to bring one host from what it is to what it should be, in words and in values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction, carried_config, predict_kept
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool, with_changes

# A key of other_config of a network that was made for a VLAN: "VLAN 50".
MADE_FOR = "xapi.network.made_for"


@dataclass(frozen=True)
class Step:
    """One thing to be done. `action` is what _run/apply.py looks up, `arguments` are uuids, names and values (never references, which a
    write may outdate).
    """

    action: str
    host: str
    sentence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    interrupts: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"action": self.action, "host": self.host, "sentence": self.sentence, "interrupts": self.interrupts}


def network_steps(pool: Pool, spec: BondSpec, network: Network | None, needed: bool) -> list[Step]:
    mtu = target_mtu(pool, spec, network)
    carriers = [
        Step(
            "create_network",
            "",
            f"make the network {name} for VLAN {tag}",
            {"name": name, "mtu": mtu, "other_config": {MADE_FOR: f"VLAN {tag}"}},
        )
        for tag, name in {vlan.tag: vlan.network for vlan in spec.vlans}.items()
        if not pool.networks_called(name)
    ]
    return _bond_network_steps(spec, network, needed, mtu) + carriers


def _bond_network_steps(spec: BondSpec, network: Network | None, needed: bool, mtu: int) -> list[Step]:
    if network is None:
        return (
            [Step("create_network", "", f"make the network {spec.called} with MTU {mtu}", {"name": spec.called, "mtu": mtu})]
            if needed
            else []
        )
    if spec.mtu is not None and network.mtu != spec.mtu:
        return [
            Step(
                "set_mtu",
                "",
                f"set the MTU of the network {network.name} from {network.mtu} to {spec.mtu}",
                {"network": network.uuid, "mtu": spec.mtu},
            )
        ]
    return []


def target_mtu(pool: Pool, spec: BondSpec, network: Network | None) -> int:
    """The MTU of the bond's network: as wanted, else as it is, else the largest of the networks of the master's NICs."""
    if spec.mtu is not None:
        return spec.mtu
    if network is not None:
        return network.mtu
    nics = [pool.nic(pool.master, device) for device in spec.nics]
    return max((pool.networks[nic.network].mtu for nic in nics if nic is not None and nic.network in pool.networks), default=1500)


def after_creation(spec: BondSpec, host: Host, target: Prediction, predicted: Prediction) -> list[Step]:
    """What XAPI does not do by itself once the bond is there."""
    where = {"host": host.uuid, "name": spec.called, "network": spec.network_uuid}
    steps = [
        Step("set_other_config", host.name, f"set {key} of the bond to {value}", {**where, "key": key, "value": value})
        for key, value in sorted(target.other_config.items())
    ]
    if target.ipv6_mode != "None":
        steps.append(_ipv6_step(host, where, target))
    if target.disallow_unplug != predicted.disallow_unplug:
        steps.append(
            Step(
                "set_disallow_unplug",
                host.name,
                f"set disallow_unplug of the bond to {str(target.disallow_unplug).lower()}",
                {**where, "value": target.disallow_unplug},
            )
        )
    if (target.ip_mode, target.ip, target.netmask, target.gateway, target.dns) != (
        predicted.ip_mode,
        predicted.ip,
        predicted.netmask,
        predicted.gateway,
        predicted.dns,
    ):
        steps.append(_ip_step(host, where, target))
    steps += _vlan_steps(spec, host, where, [vlan.tag for vlan in spec.vlans if vlan.tag not in predicted.vlans])
    if predicted.vlans:
        steps.append(
            Step(
                "plug_vlans",
                host.name,
                f"attach VLAN {', '.join(str(tag) for tag in predicted.vlans)} where XAPI left it unplugged",
                {**where, "tags": list(predicted.vlans)},
            )
        )
    return steps


def _ip_step(host: Host, where: Mapping[str, Any], target: Prediction) -> Step:
    arguments = {**where, "mode": target.ip_mode, "ip": target.ip, "netmask": target.netmask, "gateway": target.gateway, "dns": target.dns}
    return Step(
        "reconfigure_ip",
        host.name,
        f"give the bond the address {target.ip or target.ip_mode}",
        arguments,
        "the bond's address is away for a moment",
    )


def _ipv6_step(host: Host, where: Mapping[str, Any], target: Prediction) -> Step:
    arguments = {**where, "mode": target.ipv6_mode, "ipv6": ",".join(target.ipv6), "gateway": target.ipv6_gateway, "dns": target.dns}
    return Step(
        "reconfigure_ipv6",
        host.name,
        f"give the bond the IPv6 configuration {target.ipv6_mode} {', '.join(target.ipv6)}".rstrip(),
        arguments,
    )


def _vlan_steps(spec: BondSpec, host: Host, where: Mapping[str, Any], tags: Sequence[int]) -> list[Step]:
    names = {vlan.tag: vlan.network for vlan in spec.vlans}
    return [
        Step("create_vlan", host.name, f"put VLAN {tag} ({names[tag]}) on the bond", {**where, "tag": tag, "vlan_network": names[tag]})
        for tag in tags
        if tag in names
    ]


def in_place(
    pool: Pool, spec: BondSpec, host: Host, network: Network, bond: Bond, target: Prediction, findings: Sequence[Finding]
) -> list[Step]:
    """The steps that put right what was found, where XAPI can do it without remaking the bond."""
    pif = pool.pifs[bond.master]
    where = {"host": host.uuid, "name": spec.called, "network": network.uuid}
    codes = {finding.code for finding in findings}
    defaults = predict_kept(pool, host, bond, network, target.mode, {}).properties
    steps = _mode_steps(host, where, pif, bond, target, defaults)
    if "mtu" in codes and pif.mtu != target.mtu:
        sentence = f"unplug and plug {pif.device}, so that it takes the MTU {target.mtu}"
        steps.append(Step("replug", host.name, sentence, dict(where), _replug(pif)))
    elif "not_attached" in codes:
        steps.append(Step("plug", host.name, f"plug {pif.device}", dict(where)))
    if "ip" in codes:
        steps.append(_ip_step(host, where, target))
    steps += _clear_steps(host, pool.bond_members(bond))
    if "ipv6" in codes:
        steps.append(_ipv6_step(host, where, target))
    for key, value in sorted(target.other_config.items()):
        if pif.other_config.get(key) != value:
            sentence = f"set {key} of {pif.device} to {value}"
            steps.append(Step("set_other_config", host.name, sentence, {**where, "key": key, "value": value}))
    steps += _unplug_steps(host, where, pif, pool.bond_members(bond), target)
    there = {pool.vlans[ref].tag for ref in pif.vlan_slave_of if ref in pool.vlans}
    steps += _vlan_steps(spec, host, where, [tag for tag in target.vlans if tag not in there])
    if "vlan_not_attached" in codes:
        sentence = f"attach the VLANs on {pif.device} that are not attached"
        steps.append(Step("plug_vlans", host.name, sentence, {**where, "tags": sorted(there & set(target.vlans))}))
    return steps


def _replug(pif: Pif) -> str:
    return f"traffic through {pif.device} stops for about a second"


def _mode_steps(host: Host, where: Mapping[str, str], pif: Pif, bond: Bond, target: Prediction, defaults: Mapping[str, str]) -> list[Step]:
    """Mode and properties. `defaults`: the properties that XAPI gives to a bond of the target's mode."""
    steps = []
    extra = set(bond.properties) - set(target.properties)
    if extra and bond.mode == target.mode:
        # XAPI cannot unset a property; a mode that does not know it drops it (recorded: lacp_properties).
        sentence = f"set the mode of {pif.device} to active-backup for a moment, which drops {', '.join(sorted(extra))}"
        steps.append(Step("set_mode", host.name, sentence, {**where, "mode": "active-backup"}, _replug(pif)))
    changed = bool(extra) or bond.mode != target.mode
    if changed:
        sentence = f"set the mode of {pif.device} to {target.mode}"
        steps.append(Step("set_mode", host.name, sentence, {**where, "mode": target.mode}, _replug(pif)))
    known = (not changed and bond.properties) or defaults
    for key, value in sorted(target.properties.items()):
        if known.get(key) != value:
            sentence = f"set {key} of {pif.device} to {value}"
            steps.append(Step("set_property", host.name, sentence, {**where, "key": key, "value": value}, _replug(pif)))
    return steps


def _clear_steps(host: Host, members: Sequence[Pif]) -> list[Step]:
    """XAPI accepts an address on a member silently (recorded); nothing uses it, and it would fight with the bond's after a Bond.destroy."""
    return [
        Step("clear_ip", host.name, f"take the address {nic.ip or nic.ip_mode} off {nic.device}, which is in the bond", {"nic": nic.uuid})
        for nic in members
        if nic.configured
    ]


def _unplug_steps(host: Host, where: Mapping[str, str], pif: Pif, members: Sequence[Pif], target: Prediction) -> list[Step]:
    if target.disallow_unplug == pif.disallow_unplug:
        return []
    sentence = f"set disallow_unplug of {pif.device} to {str(target.disallow_unplug).lower()}"
    steps = [Step("set_disallow_unplug", host.name, sentence, {**where, "value": target.disallow_unplug})]
    for nic in members:
        if nic.disallow_unplug and target.disallow_unplug:
            sentence = f"set disallow_unplug of {nic.device} to false, which {pif.device} has now"
            steps.append(Step("allow_nic_unplug", host.name, sentence, {"nic": nic.uuid}))
    return steps


def recreate(pool: Pool, spec: BondSpec, host: Host, network: Network, bond: Bond, target: Prediction) -> list[Step]:
    """Destroy a bond and create it again of the same NICs, for what XAPI cannot change in place: its MAC."""
    pif = pool.pifs[bond.master]
    nics = pool.bond_members(bond)
    arguments = {
        "host": host.uuid, "name": spec.called, "network": network.uuid, "nics": [nic.uuid for nic in nics],
        "mode": spec.mode, "properties": dict(spec.properties), "mac": spec.mac,
    }  # fmt: skip
    sentence = f"bond {' and '.join(target.nics)} on {network.name} ({spec.mode}) with MAC {spec.mac}"
    return [
        *destroying(pool, host, bond),
        Step("create_bond", host.name, sentence, arguments, f"traffic through {pif.device} stops for some seconds"),
        *after_creation(spec, host, target, replace(target, other_config={}, ipv6_mode="None")),
    ]


def destroying(pool: Pool, host: Host, bond: Bond, without: tuple[str, ...] = ()) -> list[Step]:
    """Destroy a bond, after what only its own PIF has is put on its primary NIC, so that it is never lost.

    `without`: beginnings of keys of other_config that only a bond has a use for.
    """
    pif = pool.pifs.get(bond.master)
    nics = pool.bond_members(bond)
    if pif is None or not nics:
        return [Step("destroy_bond", host.name, f"remove the damaged bond {bond.uuid}", {"host": host.uuid, "bond": bond.uuid})]
    primary = pool.pifs.get(bond.primary, nics[0])
    steps = [
        Step(
            "set_nic_other_config",
            host.name,
            f"set {key} of {primary.device} to {value}, which {pif.device} has",
            {"nic": primary.uuid, "key": key, "value": value},
        )
        for key, value in carried_config(pif).items()
        if primary.other_config.get(key) != value and not key.startswith(without)
    ]
    if pif.ipv6_mode != "None" and (pif.ipv6_mode, pif.ipv6, pif.ipv6_gateway) != (primary.ipv6_mode, primary.ipv6, primary.ipv6_gateway):
        arguments = {"mode": pif.ipv6_mode, "ipv6": ",".join(pif.ipv6), "gateway": pif.ipv6_gateway, "dns": pif.dns}
        sentence = f"give {primary.device} the IPv6 configuration of {pif.device}, {pif.ipv6_mode} {', '.join(pif.ipv6)}".rstrip()
        steps.append(Step("set_nic_ipv6", host.name, sentence, {"nic": primary.uuid, **arguments}))
    if pif.ip_mode == "None" and primary.configured and pif.network in pool.networks:
        # Bond.destroy writes the bond's configuration over the NIC's, and an xapi that died as it made the bond has not moved it yet.
        where = {"host": host.uuid, "name": pool.networks[pif.network].name, "network": pool.networks[pif.network].uuid}
        address = {"mode": primary.ip_mode, "ip": primary.ip, "netmask": primary.netmask, "gateway": primary.gateway, "dns": primary.dns}
        sentence = f"give {pif.device} the address {primary.ip or primary.ip_mode}, which {primary.device} still has and would lose"
        steps.append(Step("reconfigure_ip", host.name, sentence, {**where, **address}))
    going = f"; {pif.ip} goes back to {primary.device}" if pif.ip else ""
    sentence = f"destroy {pif.device} of {' and '.join(nic.device for nic in nics)}{going}"
    interrupts = f"traffic through {pif.device} stops for about a second"
    destroy = Step("destroy_bond", host.name, sentence, {"host": host.uuid, "bond": bond.uuid}, interrupts)
    # XAPI plugs the NICs again only where the bond was plugged (xapi_bond.ml), which an incomplete bond is not.
    return [*steps, destroy, *([] if pif.attached else plugging(host, nics))]


def plugging(host: Host, nics: Sequence[Pif]) -> list[Step]:
    """Plug NICs that a bond has left unplugged."""
    return [
        Step("plug_nic", host.name, f"plug {nic.device}, which an incomplete bond has left unplugged", {"nic": nic.uuid}) for nic in nics
    ]


def kept_config(pool: Pool, bond: Bond, after: Pool) -> Pool:
    """The pool after `destroying`: what that put on the primary NIC is there."""
    pif, primary = pool.pifs.get(bond.master), after.pifs.get(bond.primary)
    if pif is None or primary is None:
        return after
    six = pif if pif.ipv6_mode != "None" else primary
    kept = replace(
        primary,
        other_config={**primary.other_config, **carried_config(pif)},
        ipv6_mode=six.ipv6_mode, ipv6=six.ipv6, ipv6_gateway=six.ipv6_gateway,
    )  # fmt: skip
    return with_changes(after, pifs={**after.pifs, kept.ref: kept}, bonds=after.bonds, vlans=after.vlans, networks=after.networks)
