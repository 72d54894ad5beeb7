# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios: short YAML in, XAPI's records out, and every mistake named by its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from xapi_twin.datamodel.schema import NULL
from xapi_twin.dom0.model import SwitchPort
from xapi_twin.scenario.load import load_scenario, read_scenario, shipped_names
from xapi_twin.scenario.model import ScenarioError

SMALL = """\
pool: small
hosts:
  - name: xs-1
    nics:
      eth0: {ip: 10.0.0.1/24, gateway: 10.0.0.254, management: true}
      eth1: {}
      eth2: {ip: 10.0.2.1/24}
"""


def records(text: str, cls: str, **options: Any) -> list[dict[str, Any]]:
    return list(read_scenario(text, **options).records[cls].values())


def pif(text: str, device: str, **options: Any) -> dict[str, Any]:
    return next(record for record in records(text, "PIF", **options) if record["device"] == device)


def error(text: str) -> str:
    with pytest.raises(ScenarioError) as raised:
        read_scenario(text, "pool.yml")
    return str(raised.value)


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_is_sound(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.pool == name
    assert scenario.master in scenario.records["host"]


def test_the_tutorials_pool_is_the_one_that_the_tutorial_prints() -> None:
    scenario = load_scenario("tutorial")
    hosts = {ref: host["name_label"] for ref, host in scenario.records["host"].items()}
    pifs = {(hosts[record["host"]], record["device"]): record for record in scenario.records["PIF"].values()}
    assert len(pifs) == 12
    assert pifs["xs-1", "eth2"]["uuid"] == "767aac49-ba37-3be7-5bad-87ae26d97e02"
    assert pifs["xs-1", "eth2"]["MAC"] == "00:26:55:d1:e8:cc"
    assert (pifs["xs-2", "eth2"]["IP"], pifs["xs-2", "eth2"]["netmask"]) == ("172.16.0.36", "255.255.255.240")
    assert hosts[scenario.master] == "xs-1"


def test_a_nic_is_on_the_network_with_the_bridge_of_its_position() -> None:
    networks = read_scenario(SMALL).records["network"]
    found = networks[pif(SMALL, "eth2")["network"]]
    assert found["bridge"] == "xenbr2"
    assert found["name_label"] == "Pool-wide network associated with eth2"


def test_from_xapi_26_the_networks_of_the_nics_are_numbered() -> None:
    assert "Pool-wide network 2" in [record["name_label"] for record in records(SMALL, "network", xapi="26.17.0")]


@pytest.mark.parametrize(("xapi", "style", "ovs"), [("6.2.0", "old", "1.4.6"), ("8.2", "new", "2.5.3"), ("24.19.2", "new", "2.17.7")])
def test_the_version_decides_on_the_words_of_the_tools(xapi: str, style: str, ovs: str) -> None:
    formats = read_scenario(SMALL, xapi=xapi).formats
    assert (formats.ifconfig, formats.ovs) == (style, ovs)


def test_fields_that_a_version_does_not_know_are_not_in_its_records() -> None:
    assert "managed" not in pif(SMALL, "eth0", xapi="6.2.0")
    assert pif(SMALL, "eth0")["managed"] is True


def test_the_same_file_makes_the_same_pool_every_time() -> None:
    first, second = (read_scenario(SMALL).records["PIF"] for _unused in range(2))
    assert first == second


def test_a_pattern_makes_many_hosts_of_one_entry() -> None:
    text = """\
pool: many
hosts:
  - name: "xs-{n:02d}"
    count: 3
    nics:
      eth0: {ip: "10.0.0.{n+10}/24", management: true}
      eth{1..3}: {mac: "02:00:00:00:{n:02x}:{i:02x}"}
"""
    assert [host["name_label"] for host in records(text, "host")] == ["xs-01", "xs-02", "xs-03"]
    assert [host["address"] for host in records(text, "host")] == ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
    assert "02:00:00:00:02:03" in [record["MAC"] for record in records(text, "PIF")]
    assert len(records(text, "PIF")) == 12


def test_a_bond_that_is_there_has_the_address_of_its_nic_and_its_members_are_down() -> None:
    text = SMALL + "    bonds:\n      - {nics: [eth1, eth2], network: NAS, mode: lacp}\nnetworks:\n  - {name: NAS}\n"
    bond = pif(text, "bond0")
    assert (bond["IP"], bond["MAC"], bond["physical"]) == ("10.0.2.1", pif(text, "eth2")["MAC"], False)
    assert pif(text, "eth2")["IP"] == ""
    assert [pif(text, nic)["currently_attached"] for nic in ("eth1", "eth2")] == [False, False]
    (made,) = records(text, "Bond")
    assert made["properties"] == {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}
    assert NULL not in [pif(text, nic)["bond_slave_of"] for nic in ("eth1", "eth2")]


def test_numbers_are_not_guessed_a_mac_of_digits_stays_a_mac() -> None:
    text = SMALL.replace("eth1: {}", "eth1: {mac: 52:54:00:01:00:05}").replace("pool: small", "pool: small\nxapi: 24.10")
    assert pif(text, "eth1")["MAC"] == "52:54:00:01:00:05"
    assert read_scenario(text).xapi == "24.10"


def test_options_of_the_caller_replace_those_of_the_file() -> None:
    scenario = read_scenario(SMALL, xapi="26.17.0", restart_seconds=0, password="secret")
    assert (scenario.xapi, scenario.restart_seconds, scenario.password) == ("26.17.0", 0, "secret")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pasword: x\n" + SMALL, "pool.yml:1: the scenario has no key 'pasword'; did you mean 'password'?"),
        (SMALL.replace("eth1: {}", "eth1: {speeed: 1}"), "pool.yml:6: NIC xs-1 eth1 has no key 'speeed'; did you mean 'speed'?"),
        (SMALL.replace("eth1: {}", "eth0: {}"), "pool.yml:6: nics of xs-1: 'eth0' is here twice, first in line 5"),
        (SMALL.replace("eth1: {}", "eth{0..1}: {}"), "pool.yml:6: xs-1: NIC 'eth0' is here twice"),
        (SMALL + SMALL[SMALL.index("  - name") :], "pool.yml:8: host 'xs-1' is here twice, first in line 3"),
        (SMALL.replace("10.0.2.1/24", "10.0.2.255/24"), "pool.yml:7: xs-1 eth2: 10.0.2.255 is outside its netmask 255.255.255.0"),
        (SMALL.replace("10.0.2.1/24", "10.0.2.1"), "pool.yml:7: xs-1 eth2: '10.0.2.1' needs its prefix"),
        (SMALL.replace("10.0.2.1/24", "10.0.2.300/24"), "pool.yml:7: xs-1 eth2: '10.0.2.300/24' is not an IPv4 address"),
        (SMALL.replace("10.0.0.254", "10.0.1.254"), "pool.yml:5: xs-1 eth0: gateway 10.0.1.254 is outside 10.0.0.0/24"),
        (SMALL.replace("10.0.2.1/24", "10.0.0.1/24"), "pool.yml:7: xs-1 eth2 has the IP 10.0.0.1 of xs-1 eth0"),
        (SMALL.replace("eth1: {}", "eth1: {mac: 52-54}"), "pool.yml:6: xs-1 eth1: '52-54' is not a MAC address"),
        (SMALL.replace("eth1: {}", 'eth1: {mac: "52:54:00:01:00:00"}'), "pool.yml:6: xs-1 eth1 has the MAC 52:54:00:01:00:00 of xs-1 eth0"),
        (SMALL.replace("eth1: {}", "eth1: {port: {lag: 1}}"), "pool.yml:6: the switch port of xs-1 eth1 has no key 'lag'"),
        (SMALL.replace("eth1: {}", "eth1: {port: {mtu: 10}}"), "pool.yml:6: mtu must be at least 68, not 10"),
        (
            SMALL.replace("eth1: {}", "eth1: {port: {blocked: [4095]}}"),
            "pool.yml:6: the switch port of xs-1 eth1: the tag must be 0 to 4094",
        ),
        (SMALL.replace("eth1: {}", "eth1: {port: {lacp: {key: 1}}}"), "pool.yml:6: lacp of the switch port of xs-1 eth1 needs 'system'"),
        (
            SMALL.replace("eth1: {}", "eth1: {port: {lacp: {system: me, key: 1}}}"),
            "pool.yml:6: system of the switch port of xs-1 eth1: 'me' is not a MAC address",
        ),
        (
            SMALL.replace("eth1: {}", "eth1: {port: {lldp: {chassis: 02:00:00:00:0a:01}}}"),
            "pool.yml:6: lldp of the switch port of xs-1 eth1 needs 'port'",
        ),
        (SMALL.replace(", management: true", ""), "pool.yml:5: xs-1: one NIC must be 'management: true', found none"),
        (SMALL + "xapi: latest\n", "pool.yml:8: 'latest' is not a version"),
        (SMALL + "backend: ovs\n", "pool.yml:8: backend must be one of openvswitch, bridge, not 'ovs'"),
        (SMALL + "restart_seconds: fast\n", "pool.yml:8: restart_seconds must be a number, not 'fast'"),
        (SMALL + "vms:\n  - {name: db, state: running}\n", "pool.yml:9: VM 'db' is running: say on which 'host'"),
        (SMALL + "vms:\n  - {name: db, host: xs-7}\n", "pool.yml:9: there is no host 'xs-7'; there are xs-1"),
        (SMALL + "vms:\n  - {name: db, networks: [LAN]}\n", "pool.yml:9: there is no network 'LAN'"),
        (SMALL + "networks:\n  - {name: A, bridge: xenbr9}\n  - {name: B, bridge: xenbr9}\n", "pool.yml:10: two networks have the bridge"),
        (SMALL + "faults:\n  - {when: {method: Bond.create}, do: explode}\n", "pool.yml:9: 'explode' is not an action of a fault"),
        (SMALL + "faults:\n  - {when: {ssh: x, host: xs-9}, do: cut_ssh}\n", "pool.yml:9: there is no host 'xs-9'"),
        ("pool: x\nhosts: [\n", "pool.yml:3: this is not YAML"),
        ("", "pool.yml:1: the file is empty"),
        ("pool: x\n", "pool.yml:1: the scenario has no 'hosts'"),
    ],
)
def test_a_mistake_is_named_by_its_line(text: str, complaint: str) -> None:
    assert error(text).startswith(complaint)


def test_two_networks_of_a_name_cannot_be_meant_by_that_name() -> None:
    text = SMALL + "networks:\n  - {name: NAS}\n  - {name: NAS}\nvms:\n  - {name: db, networks: [NAS]}\n"
    assert "there are 2 networks called 'NAS'" in error(text)


def test_the_switch_port_of_a_nic_is_what_its_entry_says() -> None:
    scenario = load_scenario("switches")
    by_host = [{nic.name: nic.port for nic in dom0.nics} for dom0 in scenario.dom0.values()]
    stack = ("02:00:00:00:0a:00", 11)
    assert by_host[1]["eth0"] == SwitchPort()
    assert by_host[1]["eth2"] == SwitchPort(lacp=stack, lldp=("02:00:00:00:0a:01", "Gi1/0/2", "switch-a"))
    assert by_host[1]["eth4"] == SwitchPort(lacp=stack, lldp=("02:00:00:00:0a:02", "Gi2/0/2", "switch-b"))
    assert by_host[2]["eth2"].lldp == ("02:00:00:00:0a:01", "Gi1/0/3", "switch-a")
    assert by_host[2]["eth4"] == SwitchPort(
        mtu=1500, blocked=(50,), lacp=("02:00:00:00:0c:00", 11), lldp=("02:00:00:00:0c:01", "Te1/1", "switch-c")
    )
    assert read_scenario(SMALL.replace("eth1: {}", "eth1: {port: {segment: office}}")).dom0


def test_an_unknown_scenario_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ScenarioError, match=r"no scenario of that name.*tutorial-6.2"):
        load_scenario("tutorail")


def test_the_scenario_of_the_readme_is_sound() -> None:
    text = (Path(__file__).parents[3] / "twin" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert [host["name_label"] for host in records(example, "host")] == [f"xs-{number}" for number in range(1, 9)]


def test_a_nic_with_an_mtu_of_its_own_overrules_its_network() -> None:
    text = SMALL.replace("eth1: {}", "eth1: {mtu: 9000}")
    assert (pif(text, "eth1")["MTU"], pif(text, "eth1")["other_config"]) == (9000, {"mtu": "9000"})
    assert (pif(text, "eth2")["MTU"], pif(text, "eth2")["other_config"]) == (1500, {})
    assert {network["MTU"] for network in records(text, "network")} == {1500}
