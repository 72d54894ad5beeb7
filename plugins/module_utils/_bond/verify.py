# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof: what a host is compared with what it should be, in XAPI's records and in dom0. All differences at once, as findings.

Pure functions. The same comparison finds drift before a run (the plan repairs it), ends the wait during one, and is the verdict after it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction, paths_of, vlans_over
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Network, Pif, Pool

# The words of ovs-vswitchd for XAPI's modes; "lacp" is balance-tcp, or balance-slb with hashing_algorithm=src_mac (xen-api, networkd). The
# Linux bonding driver has words of its own (802.3ad).
DOM0_MODES: Mapping[str, tuple[str, ...]] = {
    "active-backup": ("active-backup",),
    "balance-slb": ("balance-slb",),
    "lacp": ("balance-tcp", "balance-slb", "802.3ad"),
}


@dataclass(frozen=True)
class Finding:
    """One difference: a code, the host, a sentence that says what was found and what was expected."""

    code: str
    host: str
    sentence: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def finding(host: Host, code: str, sentence: str) -> Finding:
    """What XAPI's records say of a host."""
    return Finding(code, host.name, f"{host.name}: {sentence}")


def dom0_finding(seen: Seen, code: str, sentence: str) -> Finding:
    """What the dom0 of a host says."""
    return Finding(code, seen.host, f"{seen.host}, dom0: {sentence}")


def compare(pool: Pool, host: Host, network: Network | None, target: Prediction) -> list[Finding]:
    """Everything in which XAPI's records of this host differ from the target."""
    nics = ", ".join(target.nics)
    if network is None:
        return [finding(host, "no_network", f"there is no network {target.network} in the pool.")]
    bond = pool.bond_on(host, network)
    if bond is None:
        others = [pif.device for pif in pool.on_network(host, network)]
        there = f"{network.name} carries {', '.join(others)} there" if others else "nothing of this host is on it"
        return [finding(host, "no_bond", f"no bond of {nics} on {network.name}; {there}.")]
    pif = pool.pifs.get(bond.master)
    if pif is None:
        return [
            finding(host, "no_bond", f"the bond on {network.name} has lost its own PIF; XAPI is still at work or its records are damaged.")
        ]
    members = pool.bond_members(bond)
    found: list[Finding] = []
    have = tuple(member.device for member in members)
    if sorted(have) != sorted(target.nics):
        found.append(finding(host, "nics", f"{pif.device} on {network.name} has {', '.join(have) or 'no NIC'} instead of {nics}."))
    found += _strangers(host, bond, members)
    if bond.mode != target.mode:
        found.append(finding(host, "mode", f"{pif.device} has mode {bond.mode} instead of {target.mode}."))
    for key in sorted(target.properties):
        value = bond.properties.get(key, "unset")
        if value != target.properties[key]:
            found.append(finding(host, "properties", f"{pif.device} has {key} {value} instead of {target.properties[key]}."))
    if not pif.attached:
        found.append(finding(host, "not_attached", f"{pif.device} exists but is not attached: it carries no traffic."))
    if target.mac and pif.mac != target.mac:
        found.append(finding(host, "mac", f"{pif.device} has the MAC {pif.mac} instead of {target.mac}."))
    found += _addresses(host, pif, members, target)
    if pif.mtu != target.mtu and pif.attached:
        found.append(
            finding(
                host,
                "mtu",
                f"{pif.device} has MTU {pif.mtu} instead of {target.mtu}, that of {network.name}; it takes effect at the next plug.",
            )
        )
    if target.disallow_unplug != pif.disallow_unplug:
        found.append(finding(host, "disallow_unplug", f"disallow_unplug is {'set' if pif.disallow_unplug else 'not set'} on {pif.device}."))
    return found + _carried(host, pif, target, "which its NICs were") + _vlans(pool, host, pif, target)


def _carried(host: Host, pif: Pif, target: Prediction, whose: str) -> list[Finding]:
    """What goes along with the address, from the NICs to the bond and back."""
    found = []
    if target.management and not pif.management:
        found.append(("management", f"{pif.device} is not the management interface, {whose}."))
    for key, wanted in sorted(target.other_config.items()):
        value = pif.other_config.get(key, "unset")
        if value != wanted:
            found.append(("other_config", f"other_config:{key} of {pif.device} is {value} instead of {wanted}."))
    return [finding(host, code, sentence) for code, sentence in found]


def _strangers(host: Host, bond: Bond, members: tuple[Pif, ...]) -> list[Finding]:
    return [
        finding(host, "bond_slave_of", f"{member.device} is listed in the bond but says that it belongs to another.")
        for member in members
        if member.bond_slave_of != bond.ref
    ]


def _addresses(host: Host, pif: Pif, members: tuple[Pif, ...], target: Prediction) -> list[Finding]:
    found = []
    if pif.ip_mode != target.ip_mode:
        found.append(("ip", f"{pif.device} has IP configuration {pif.ip_mode} instead of {target.ip_mode} {target.ip}".rstrip() + "."))
    elif target.ip_mode == "Static":
        for what, have, want in (
            ("address", pif.ip, target.ip),
            ("netmask", pif.netmask, target.netmask),
            ("gateway", pif.gateway, target.gateway),
            ("DNS", pif.dns, target.dns),
        ):
            if have != want:
                found.append(("ip", f"{pif.device} has {what} {have or 'none'} instead of {want or 'none'}."))
    elif target.ip_mode == "DHCP" and not pif.ip:
        found.append(("ip", f"{pif.device} has no address from DHCP yet."))
    found += [
        ("ip_on_nic", f"{member.device} still has {member.ip or member.ip_mode} although it is in a bond.")
        for member in members
        if member.configured
    ]
    if target.ipv6_mode != "None" and (pif.ipv6_mode != target.ipv6_mode or (target.ipv6_mode == "Static" and pif.ipv6 != target.ipv6)):
        have6 = f"{pif.ipv6_mode} {', '.join(pif.ipv6)}".strip()
        found.append(
            ("ipv6", f"{pif.device} has IPv6 configuration {have6} instead of {target.ipv6_mode} {', '.join(target.ipv6)}".rstrip() + ".")
        )
    return [finding(host, code, sentence) for code, sentence in found]


def address_missing(pool: Pool, host: Host, network: Network | None) -> list[Finding]:
    """A bond without an address, where those of other hosts on that network have one: it was lost, or never given."""
    bonds = {one.name: pool.bond_on(one, network) for one in pool.hosts} if network else {}
    pifs = {name: pool.pifs[bond.master] for name, bond in bonds.items() if bond is not None and bond.master in pool.pifs}
    own = pifs.pop(host.name, None)
    others = [f"{name} {pif.ip or pif.ip_mode}" for name, pif in pifs.items() if pif.ip_mode != "None"]
    if own is None or network is None or own.ip_mode != "None" or not others:
        return []
    sentence = (
        f"{own.device} on {network.name} has no address, and others have one there ({', '.join(others[:3])}). Give it one in addresses"
        " (storage_bond_addresses), or say there that it has none (mode: none)."
    )
    return [finding(host, "ip", sentence)]


def _vlans(pool: Pool, host: Host, pif: Pif, target: Prediction) -> list[Finding]:
    tagged = {pool.vlans[ref].tag: pool.pifs.get(pool.vlans[ref].untagged) for ref in pif.vlan_slave_of if ref in pool.vlans}
    found = []
    for tag in target.vlans:
        vlan = tagged.get(tag)
        if vlan is None:
            found.append(finding(host, "vlan", f"VLAN {tag} is not on {pif.device}."))
        elif not vlan.attached:
            # A member inherits VLANs unplugged (recorded).
            found.append(finding(host, "vlan_not_attached", f"VLAN {tag} is on {pif.device} but not attached."))
    return found


def compare_after(pool: Pool, host: Host, network: Network | None, target: Prediction) -> list[Finding]:
    """What must have stayed as it was, and what came out otherwise than predicted: compare this after a change only."""
    found: list[Finding] = []
    bond = pool.bond_on(host, network) if network else None
    if bond is not None:
        members = pool.bond_members(bond)
        primary = pool.pifs.get(bond.primary)
        if target.primary and primary is not None and primary.device != target.primary:
            found.append(finding(host, "primary", f"{primary.device} became the bond's primary NIC; {target.primary} was predicted."))
        found += [
            finding(host, "link", f"{member.device} had a link and has none now; the bond runs on what is left.")
            for member in members
            if not member.carrier and member.device not in target.without_link
        ]
    if target.enabled and not host.enabled:
        found.append(finding(host, "host_disabled", "the host was enabled before and is disabled now."))
    attached = {storage.uuid: storage.attached for storage in pool.storages_of(host)}
    names = {storage.uuid: storage.sr_name for storage in pool.storages_of(host)}
    for uuid in target.storages:
        if not attached.get(uuid, False):
            found.append(finding(host, "storage", f"storage {names.get(uuid, uuid)} was attached before and is not now."))
    return found + _paths(pool, host, target)


def _paths(pool: Pool, host: Host, target: Prediction) -> list[Finding]:
    have = paths_of(pool, host)
    return [
        finding(host, "paths", f"multipath had {count} paths to {device} before and has {have[device]} now.")
        for device, count in sorted(target.paths.items())
        if have.get(device, count) < count
    ]


def compare_absent(pool: Pool, host: Host, network: Network | None, target: Prediction | None) -> list[Finding]:
    """What is left of a bond that should be gone. `target`, when there is one, says which NIC gets the address back."""
    found = []
    if network is not None:
        for pif in pool.on_network(host, network):
            found.append(finding(host, "bond_left", f"{pif.device} is still on {network.name}."))
    if target is None:
        return found
    for device in target.nics:
        nic = pool.nic(host, device)
        if nic is None:
            found.append(finding(host, "nics", f"{device} is gone."))
        elif nic.bond_slave_of:
            found.append(finding(host, "bond_slave_of", f"{device} is still in a bond."))
        elif not nic.attached:
            found.append(finding(host, "not_attached", f"{device} is not attached."))
    primary = pool.nic(host, target.primary)
    if primary is None:
        return found
    had = (target.ip_mode, target.ip, target.netmask, target.gateway, target.dns)
    has = (primary.ip_mode, primary.ip, primary.netmask, primary.gateway, primary.dns)
    if (target.ip_mode == "Static" and has != had) or primary.ip_mode != target.ip_mode:
        found.append(finding(host, "ip", f"{primary.device} has {_said(has)} instead of {_said(had)}, which the bond had."))
    if target.ipv6_mode != "None" and (primary.ipv6_mode, primary.ipv6) != (target.ipv6_mode, target.ipv6):
        six = " ".join((target.ipv6_mode, *target.ipv6))
        found.append(finding(host, "ipv6", f"{primary.device} has not the IPv6 configuration {six}, which the bond had."))
    if target.disallow_unplug and not primary.disallow_unplug:
        found.append(finding(host, "disallow_unplug", f"disallow_unplug is not set on {primary.device}."))
    found += _carried(host, primary, target, "which the bond was")
    back = {vlan.vlan for vlan in vlans_over(pool, primary)}
    found += [finding(host, "vlan", f"VLAN {tag} is not on {primary.device}.") for tag in target.vlans if tag not in back]
    for device, tags in target.vlans_on.items():
        nic = pool.nic(host, device)
        there = {vlan.vlan for vlan in vlans_over(pool, nic) if vlan.attached} if nic else set()
        found += [
            finding(host, "vlan", f"VLAN {tag} is not on {device}, where it was before the bond.") for tag in tags if tag not in there
        ]
    return found


def _said(configuration: tuple[str, ...]) -> str:
    mode, *values = configuration
    return " ".join(value for value in values if value) or mode


@dataclass(frozen=True)
class Seen:
    """What XAPI has of a host's bond, as far as dom0 has it too. `bridge` and `mac` are "" where XAPI has no bond."""

    host: str
    uuid: str
    device: str = ""
    bridge: str = ""
    mac: str = ""


def seen_in_xapi(pool: Pool, host: Host, network: Network | None) -> Seen:
    """That, from XAPI's records."""
    bond = pool.bond_on(host, network) if network else None
    pif = pool.pifs.get(bond.master) if bond else None
    bridge = network.bridge if network else ""
    return Seen(host.name, host.uuid, pif.device, bridge, pif.mac) if pif else Seen(host.name, host.uuid, bridge=bridge)


def dom0_findings(seen: Seen, target: Prediction | None, absent: bool, answer: Any) -> list[Finding]:
    """What dom0's answer says about the bond: the facts of xs_dom0_facts, or a text that says why there are none."""
    if isinstance(answer, str):
        return [Finding("dom0_silent", seen.host, f"{seen.host}, dom0: {answer}")]
    if answer.get("uuid") != seen.uuid:
        there = " ".join(str(answer[key]) for key in ("hostname", "uuid") if answer.get(key))
        sentence = (
            f"{seen.host}, dom0: the SSH connection leads to the host {there}, not to {seen.uuid}. Correct ansible_host of {seen.host}."
        )
        return [Finding("dom0_other_host", seen.host, sentence)]
    if target is None:
        return []
    return compare_dom0_absent(seen, target, answer) if absent else compare_dom0(seen, target, answer)


def compare_dom0(seen: Seen, target: Prediction, dom0: Mapping[str, Any]) -> list[Finding]:
    """What dom0 itself says about the bond. `dom0`: the facts of xs_dom0_facts."""
    bridge, device = seen.bridge or target.bridge, seen.device or target.device
    bridges, bonds, interfaces = dom0["bridges"], dom0["bonds"], dom0["interfaces"]
    found = []
    if bridge and bridge not in bridges:
        found.append(dom0_finding(seen, "dom0_bridge", f"there is no bridge {bridge}; there are {', '.join(sorted(bridges)) or 'none'}."))
    for gone in target.bridges_gone:
        if gone in bridges:
            found.append(dom0_finding(seen, "dom0_bridge", f"the bridge {gone} of a bonded NIC is still there."))
    switched = bonds.get(device)
    if switched is None:
        found.append(dom0_finding(seen, "dom0_bond", f"the switch knows no bond {device}; it knows {', '.join(sorted(bonds)) or 'none'}."))
    else:
        if sorted(switched.get("members") or []) != sorted(target.nics):
            found.append(
                dom0_finding(
                    seen,
                    "dom0_members",
                    f"{device} has {', '.join(sorted(switched.get('members') or [])) or 'no NIC'} instead of {', '.join(target.nics)}.",
                )
            )
        if switched.get("mode") and switched["mode"] not in DOM0_MODES[target.mode]:
            found.append(dom0_finding(seen, "dom0_mode", f"{device} runs as {switched['mode']} instead of {DOM0_MODES[target.mode][0]}."))
    lost = [nic for nic in target.nics if nic not in interfaces]
    if lost:  # XAPI keeps the PIF, and the bond goes on with what is left
        sentence = f"there is no device {' and no '.join(lost)}, which {device} is made of; {device} has nothing to fail over to."
        found.append(dom0_finding(seen, "dom0_nic", sentence))
    interface = interfaces.get(bridge)
    if interface is None:
        if bridge in bridges:
            found.append(dom0_finding(seen, "dom0_interface", f"the bridge {bridge} has no interface."))
        return found
    mac = seen.mac or target.mac
    if mac and str(interface.get("mac", "")).lower() != mac:
        found.append(dom0_finding(seen, "dom0_mac", f"{bridge} has the MAC {interface.get('mac')} instead of {mac}."))
    if int(interface.get("mtu") or target.mtu) != target.mtu:
        found.append(dom0_finding(seen, "dom0_mtu", f"{bridge} has MTU {interface.get('mtu')} instead of {target.mtu}."))
    if target.ip_mode == "Static" and not _has_address(interface, target.ip, target.netmask):
        found.append(
            dom0_finding(
                seen, "dom0_ip", f"{bridge} has {', '.join(interface.get('addresses') or []) or 'no address'} instead of {target.ip}."
            )
        )
    if target.ip_mode == "DHCP" and not interface.get("addresses"):
        found.append(dom0_finding(seen, "dom0_ip", f"{bridge} has no address from DHCP."))
    return found


def compare_dom0_absent(seen: Seen, target: Prediction, dom0: Mapping[str, Any]) -> list[Finding]:
    """What dom0 still has of a bond that should be gone, and what it lacks of the NICs that were in it."""
    bridges, bonds, interfaces = dom0["bridges"], dom0["bonds"], dom0["interfaces"]
    found = []
    if target.bridge and target.bridge in bridges:
        found.append(dom0_finding(seen, "dom0_bridge", f"the bridge {target.bridge} of the bond is still there."))
    for name, bond in sorted(bonds.items()):
        left = sorted(set(target.nics) & set(bond.get("members") or []))
        if left:
            found.append(dom0_finding(seen, "dom0_bond", f"{name} still has {', '.join(left)}."))
    for bridge in target.bridges_gone:
        if bridge not in bridges:
            found.append(dom0_finding(seen, "dom0_bridge", f"the bridge {bridge} has not come back."))
    if target.ip_mode == "Static" and not any(
        _has_address(interfaces.get(bridge) or {}, target.ip, target.netmask) for bridge in target.bridges_gone
    ):
        found.append(dom0_finding(seen, "dom0_ip", f"{target.ip} is on none of {', '.join(target.bridges_gone)}."))
    return found


def _has_address(interface: Mapping[str, Any], ip: str, netmask: str) -> bool:
    for text in interface.get("addresses") or []:
        try:
            address = ipaddress.ip_interface(text)
        except ValueError:
            continue
        if str(address.ip) == ip and (not netmask or str(address.netmask) == netmask):
            return True
    return False


def present_state(pool: Pool, host: Host, network: Network | None) -> dict[str, Any]:
    """What a user wants to see of one host's bond: values for the result's `hosts` and the diff. Empty texts where there is no bond."""
    bond = pool.bond_on(host, network) if network else None
    pif = pool.pifs.get(bond.master) if bond else None
    if bond is None or pif is None:
        return {
            "bond": "",
            "device": "",
            "nics": [],
            "mode": "",
            "properties": {},
            "ip": "",
            "mac": "",
            "mtu": 0,
            "bridge": "",
            "attached": False,
            "linked": [],
            "links_up": 0,
        }
    return {
        "bond": bond.uuid,
        "device": pif.device,
        "nics": [nic.device for nic in pool.bond_members(bond)],
        "mode": bond.mode,
        "properties": dict(bond.properties),
        "ip": pif.ip,
        "mac": pif.mac,
        "mtu": pif.mtu,
        "bridge": network.bridge if network else "",
        "attached": pif.attached,
        "linked": [nic.device for nic in pool.bond_members(bond) if nic.carrier],
        "links_up": bond.links_up,
    }


def links_missing(states: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Each host whose bond has NICs without a link, from what `present_state` says by host name.

    Such a bond is as it should be, and has less or nothing left to fail over to: whether that is a difference is for the user to say.
    """
    found = []
    for host, state in states.items():
        down = " and ".join(nic for nic in state["nics"] if nic not in state["linked"])
        rest = f"runs on {' and '.join(state['linked'])} alone" if state["linked"] else "carries nothing"
        if down:
            sentence = f"{host}: no link on {down}, so that {state['device']} {rest}. Check cables and switch ports."
            found.append(Finding("degraded", host, sentence))
    return found
