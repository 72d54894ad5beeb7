# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a play has shown of a module, against `xe`, `ovs-vsctl`, `ovs-appctl` and `ip` in dom0. Each answers the first difference, or ""."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.acceptance.look import first_difference
from tests.acceptance.pool import Pool
from tests.acceptance.step import Shown

Row = dict[str, str]
NOTHING = ("<not in database>", "<unknown>")
LISTS, MAPS = ("IPv6", "capabilities", "tags", "purpose"), ("properties", "other-config")


def listed(pool: Pool, command: str) -> list[Row]:
    """What `xe …-list params=all` prints, a dictionary for each object, with xe's names of the fields."""
    blocks = re.split(r"\n\s*\n", pool.dom0(pool.master, f"xe {command} params=all"))
    found = [dict(_field(line) for line in block.splitlines() if " ( " in line or " (M" in line or " (S" in line) for block in blocks]
    return [row for row in found if row]


def _field(line: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*(\S+) \([^)]*\)[^:]*: ?(.*)", line)
    if not match:
        raise ValueError(f"xe printed {line!r}")
    return match.group(1), match.group(2).strip()


def _like_xe(name: str, value: Any) -> Any:
    """A value of XAPI as xe prints it; lists and maps, whose order xe does not promise, as sets."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return sorted(f"{key}: {word}" for key, word in value.items())
    if name == "speed":
        return f"{value} Mbit/s"
    return sorted(map(str, value)) if isinstance(value, list) else str(value)


def _printed(name: str, text: str) -> Any:
    if name in LISTS or name in MAPS:
        return sorted(part for part in re.split(r"[;,] ", text) if part)
    return "" if text in NOTHING else text


PIF_FIELDS = {
    **{name: name for name in (
        "uuid", "device", "MAC", "MTU", "VLAN", "physical", "managed", "management", "IP", "netmask", "gateway", "DNS", "IPv6",
        "properties", "capabilities", "carrier", "speed")},
    **{name: name.replace("_", "-") for name in (
        "currently_attached", "disallow_unplug", "primary_address_type", "other_config", "bond_master_of", "bond_slave_of", "vendor_name",
        "pci_bus_path", "network_uuid", "network_name_label", "host_uuid", "host_name_label")},
    "ip_configuration_mode": "IP-configuration-mode", "ipv6_configuration_mode": "IPv6-configuration-mode", "ipv6_gateway": "IPv6-gateway",
}  # fmt: skip
NETWORK_FIELDS = {
    **{name: name for name in ("uuid", "bridge", "MTU", "managed", "tags", "purpose")},
    **{name: name.replace("_", "-") for name in ("name_label", "name_description", "other_config")},
}
HOST_FIELDS = {
    **{name: name for name in ("uuid", "hostname", "address", "enabled")}, "name_label": "name-label", "live": "host-metrics-live",
}  # fmt: skip


def _rows_differ(shown: Sequence[Mapping[str, Any]], xe: Sequence[Row], fields: Mapping[str, str]) -> str:
    """Row by row, by uuid: none is missing, none is too many, and each field that xe has is what xe prints."""
    printed = {row["uuid"]: row for row in xe}
    ours = {row["uuid"]: {name: _like_xe(name, row[name]) for name, theirs in fields.items() if theirs in printed.get(row["uuid"], {})}
            for row in shown}  # fmt: skip
    theirs = {uuid: {name: _printed(field, row[field]) for name, field in fields.items() if field in row} for uuid, row in printed.items()}
    return first_difference(theirs, ours)


def pif_facts(pool: Pool, shown: Shown) -> str:
    """The facts of each host against `xe pif-list`, `xe network-list` and `xe bond-list`, row by row."""
    pifs, networks, bonds = (listed(pool, command) for command in ("pif-list", "network-list", "bond-list"))
    for host in pool.hosts:
        facts = shown[f"facts-{host}"]
        its_pifs = [row for row in pifs if row["host-name-label"] == host]
        masters = {row["uuid"] for row in its_pifs}
        its_bonds = [row for row in bonds if row["master"] in masters]
        duplex = {row["uuid"]: row["duplex"] for row in its_pifs if row["duplex"] in ("full", "half")}
        said = {row["uuid"]: "full" if row["duplex"] else "half" for row in facts["pifs"] if row["uuid"] in duplex}
        difference = (
            _rows_differ(facts["pifs"], its_pifs, PIF_FIELDS)
            or first_difference(duplex, said, "duplex")
            or _rows_differ(facts["networks"], networks, NETWORK_FIELDS)
            or _rows_differ(facts["bonds"], its_bonds, {name: name for name in ("uuid", "master", "mode")})
            or first_difference(
                {row["uuid"]: sorted(row["slaves"].split("; ")) for row in its_bonds},
                {row["uuid"]: sorted(row["slaves"]) for row in facts["bonds"]},
            )
        )
        if difference:
            return f"{host}: {difference}"
    return ""


def pool_info(pool: Pool, shown: Shown) -> str:
    """The pool, its hosts and who is master, against `xe host-list` and `xe pool-list`."""
    hosts, about = listed(pool, "host-list"), shown["pool"]
    (one,) = listed(pool, "pool-list")
    expected = {"pool": one["uuid"], "master": one["master"], "ha": one["ha-enabled"]}
    found = {"pool": about["pool"]["uuid"], "master": about["master"]["uuid"], "ha": str(about["ha"]).lower()}
    return _rows_differ(about["hosts"], hosts, HOST_FIELDS) or first_difference(expected, found)


def inventory(pool: Pool, shown: Shown) -> str:
    """Hosts, groups and PIFs of the inventory plugin, against `xe`."""
    hosts = {row["uuid"]: row["name-label"] for row in listed(pool, "host-list")}
    (one,) = listed(pool, "pool-list")
    groups = {"xs_hosts": sorted(hosts.values()), "xs_masters": [hosts[one["master"]]]}
    groups["xs_members"] = sorted(set(hosts.values()) - {hosts[one["master"]]})
    about = shown["hosts"]
    named = {name: {"uuid": uuid, "address": pool.dom0(pool.master, f"xe host-param-get uuid={uuid} param-name=address").strip()}
             for uuid, name in hosts.items()}  # fmt: skip
    found = {name: {"uuid": host["xs_uuid"], "address": host["ansible_host"]} for name, host in about.items()}
    devices: dict[str, list[str]] = {name: [] for name in hosts.values()}
    for row in listed(pool, "pif-list"):
        devices[row["host-name-label"]].append(f"{row['device']} {row['VLAN']} {row['MAC']}")
    seen = {name: sorted(f"{pif['device']} {pif['VLAN']} {pif['MAC']}" for pif in host["xs_pifs"]) for name, host in about.items()}
    return (
        first_difference(groups, {name: sorted(shown["groups"].get(name, [])) for name in groups})
        or first_difference(named, found)
        or first_difference({name: sorted(rows) for name, rows in devices.items()}, seen)
    )


def dom0_facts(pool: Pool, shown: Shown) -> str:
    """Bridges, addresses, MACs, MTUs and bonds of each dom0, against what `ovs-vsctl`, `ip` and `ovs-appctl` print there."""
    for host in pool.hosts:
        facts = shown[f"dom0-{host}"]
        bridges = sorted(pool.dom0(host, "ovs-vsctl list-br").split())
        addresses = sorted(line.split()[3] for line in pool.dom0(host, "ip -o -4 addr show").splitlines() if line.split()[1] != "lo")
        links = dict(_links(pool.dom0(host, "ip -o link show")))
        ours = {name: {"mac": about["mac"], "mtu": about["mtu"]} for name, about in facts["interfaces"].items()}
        difference = (
            first_difference(bridges, facts["bridges"], "bridges")
            or first_difference(addresses, sorted(text for about in facts["interfaces"].values() for text in about["addresses"]
                                                  if ":" not in text), "addresses")
            or first_difference({name: links[name] for name in ours if name in links}, ours, "interfaces")
            or first_difference(bonds_of(pool, host), {name: _bond(bond) for name, bond in facts["bonds"].items()}, "bonds")
        )  # fmt: skip
        if difference:
            return f"{host}: {difference}"
    return ""


def _links(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for line in text.splitlines():
        words = line.split()
        mac = words[words.index("link/ether") + 1] if "link/ether" in words else ""
        yield words[1].rstrip(":").partition("@")[0], {"mac": mac.lower(), "mtu": int(words[words.index("mtu") + 1])}


def _bond(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: about[name] for name in ("mode", "members", "enabled", "lacp")}


def bonds_of(pool: Pool, host: str) -> dict[str, Any]:
    """Each bond of Open vSwitch in this dom0: mode, NICs, which of them carry traffic and how LACP stands (`bond/show`)."""
    found = {}
    for line in pool.dom0(host, "ovs-appctl bond/list").splitlines()[1:]:
        name = line.split("\t")[0]
        text = pool.dom0(host, f"ovs-appctl bond/show {name}")
        members = dict(re.findall(r"^(?:slave|member) (\S+): (enabled|disabled)", text, re.MULTILINE))
        status = re.search(r"^lacp_status: (\S+)", text, re.MULTILINE)
        mode = re.search(r"^bond_mode: (\S+)", text, re.MULTILINE)
        found[name] = {
            "mode": mode.group(1) if mode else "",
            "members": sorted(members),
            "enabled": sorted(nic for nic, word in members.items() if word == "enabled"),
            "lacp": status.group(1) if status else "",
        }
    return found


def lacp(pool: Pool, shown: Shown) -> str:
    """The bonds as `xs_dom0_facts` has them against `bond/show`, and their LACP against the partners that `lacp/show` names."""
    if difference := dom0_facts(pool, shown):
        return difference
    for host in pool.hosts:
        for name, bond in bonds_of(pool, host).items():
            text = pool.dom0(host, f"ovs-appctl lacp/show {name}")
            (status,) = re.findall(r"^\s*status: (.*)$", text, re.MULTILINE)[:1] or [""]
            partner = set(re.findall(r"partner sys_id: (\S+)", text)) - {"00:00:00:00:00:00"}
            time = re.findall(r"lacp_time: (\S+)", text)
            if ("negotiated" in status.split()) != (bond["lacp"] == "negotiated") or (bond["lacp"] == "negotiated") != bool(partner):
                return f"{host} {name}: bond/show says {bond['lacp']}, lacp/show {status}, partners {sorted(partner)}"
            if time != ["fast"]:
                return f"{host} {name}: lacp_time {time} instead of fast"
    return ""


def nobody_holds(pool: Pool, _shown: Shown) -> str:
    """The pool's lock is given back: no key of it in the pool's other_config."""
    keys = pool.dom0(pool.master, "xe pool-param-get uuid=$(xe pool-list --minimal) param-name=other-config")
    return f"the pool's other_config is {keys.strip()}" if "xapi.network" in keys else ""
