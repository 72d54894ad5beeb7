# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for: options that cannot be meant are refused before the pool is even looked at."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import SpecError, from_task, read_expected
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import spec

ADDRESS = {"ip": "172.16.0.35", "netmask": "255.255.255.0"}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"network_uuid": "abc", "network": "NAS"}, "either network or network_uuid"),
        ({"network": ""}, "either network or network_uuid"),
        ({"nics": ["eth2"]}, "at least two NICs; nics names eth2"),
        ({"nics": []}, "nics names none"),
        ({"nics": ["eth2", "eth4", "eth2"]}, "nics names eth2 twice"),
        ({"hosts": ["xs-1", "xs-1"]}, "hosts names xs-1 twice"),
        ({"mode": "802.3ad"}, "no bond mode 802.3ad; XAPI knows balance-slb, active-backup, lacp"),
        ({"properties": {"lacp-time": "fast"}}, "active-backup has no property lacp-time"),
        ({"mac": "02:00:00:00:00", "hosts": ["xs-1"]}, "not a MAC address"),
        ({"mac": "02:00:00:00:00:01"}, "name that host in hosts"),
        ({"mtu": 10}, "mtu is 10; it can be 68 to 65535"),
        ({"vlans": [{"tag": 4095, "network": "V"}]}, "tags go from 0 to 4094"),
        ({"vlans": [{"tag": 5, "network": "V"}, {"tag": 5, "network": "W"}]}, "vlans names 5 twice"),
        ({"accept": ["storage_in_use", "strage_in_use"]}, "accept names strage_in_use, and there is no such risk"),
        ({"accept": ["nic_missing"], "state": "absent"}, "accept names nic_missing"),
        ({"addresses": {"xs-1": {"ip": "172.16.0.35"}}}, "xs-1 has no netmask; a static address needs ip and netmask"),
        ({"addresses": {"xs-1": {**ADDRESS, "mode": "fixed"}}}, "static, dhcp or none"),
        ({"addresses": {"xs-1": {**ADDRESS, "gateway": "10.0.0.1"}}}, "The gateway of xs-1 is 10.0.0.1, which is not in 172.16.0.0/24"),
        ({"addresses": {"xs-1": {**ADDRESS, "gateway": "none"}}}, "The gateway of xs-1 is none, which is no IPv4 address"),
        ({"addresses": {"xs-1": ADDRESS, "xs-2": ADDRESS}}, "addresses names 172.16.0.35 twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec(**options)
    assert words in str(refused.value)
    assert str(refused.value).endswith(".")
    with pytest.raises(NetworkError) as failed:
        from_task({"network": "NAS", "nics": ["eth2", "eth4"], **options})
    assert failed.value.message == str(refused.value)


def test_yaml_values_become_xapis_texts() -> None:
    made = spec(mode="lacp", properties={"lacp-fallback-ab": False, "lacp-aggregation-key": 42})
    assert made.properties == {"lacp-fallback-ab": "false", "lacp-aggregation-key": "42"}


def test_a_mac_is_compared_in_lower_case() -> None:
    assert spec(mac="02:00:00:00:00:AB", hosts=["xs-1"]).mac == "02:00:00:00:00:ab"


def test_a_bond_is_removed_without_naming_its_nics() -> None:
    assert spec(state="absent").absent


def test_an_expectation_that_no_plan_has_made_is_refused() -> None:
    with pytest.raises(NetworkError, match="what is given for xs-1 is not the prediction of a plan"):
        read_expected({"expected": {"xs-1": {"expected": {"colour": "red"}}}})
    with pytest.raises(NetworkError, match="Hand over the hosts"):
        read_expected({"expected": {"xs-1": "red"}})
    nothing: Any
    for nothing in ({}, None):
        with pytest.raises(NetworkError, match="what is given for xs-1 is not the prediction of a plan"):
            read_expected({"expected": {"xs-1": nothing}})
    assert read_expected({"expected": {"xs-1": {"bond": "other results are ignored"}}}) == {}
