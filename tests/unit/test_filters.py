# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's filters: hosts found in the inventory, plans and pools as lines."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.filter.inventory_hosts import inventory_hosts
from ansible_collections.xapi.network.plugins.filter.one_per_pool import one_per_pool
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.view import hosts_of
from ansible_collections.xapi.network.plugins.plugin_utils._lines import hosts_table, plan_lines, shown
from ansible_collections.xapi.network.tests.unit.pools import spec, tutorial

HOSTS = [{"uuid": "u1", "name": "xs-1", "address": "172.16.0.10", "hostname": "xs-1.example.com"}]


@pytest.mark.parametrize(
    "hostvars, expected",
    [
        ({"a": {"xs_uuid": "u1"}}, {"u1": "a"}),
        ({"a": {"ansible_host": "172.16.0.10"}}, {"u1": "a"}),
        ({"172.16.0.10": {}}, {"u1": "172.16.0.10"}),
        ({"xs-1": {"ansible_host": "10.0.0.1"}}, {"u1": "xs-1"}),
        ({"xs-1.example.com": {}}, {"u1": "xs-1.example.com"}),
        ({"b": {"xs_address": "172.16.0.10", "ansible_host": "10.0.0.1"}}, {"u1": "b"}),
        # a host that says its uuid is not recognised by anything else
        ({"xs-1": {"xs_uuid": "u9"}}, {}),
        # two that could be meant are none
        ({"a": {"ansible_host": "172.16.0.10"}, "b": {"ansible_host": "172.16.0.10"}}, {}),
        ({}, {}),
    ],
)
def test_a_host_of_the_pool_is_found_in_the_inventory(hostvars: dict[str, Any], expected: dict[str, str]) -> None:
    assert inventory_hosts(HOSTS, hostvars) == expected


def test_a_name_that_two_hosts_of_the_pool_have_leads_to_none_of_them() -> None:
    hosts = [{"uuid": uuid, "name_label": "localhost", "address": address} for uuid, address in (("u1", "10.0.0.1"), ("u2", "10.0.0.2"))]
    assert inventory_hosts(hosts, {"localhost": {}, "b": {"ansible_host": "10.0.0.2"}}) == {"u2": "b"}


@pytest.mark.parametrize(
    ("groups", "picked"),
    [
        ({"xs_hosts": ["a1", "a2", "b1", "b2"], "xs_pool_a": ["a1", "a2"], "xs_pool_b": ["b1", "b2"]}, ["a1", "b1"]),
        # the order is that of the inventory, and hosts that do not come into question are passed over
        ({"xs_hosts": ["b2", "a2"], "xs_pool_a": ["a1", "a2"], "xs_pool_b": ["b1", "b2"]}, ["b2", "a2"]),
        # nothing says which pool these are of, so none may be left out
        ({"xs_hosts": ["a1", "a2"]}, ["a1", "a2"]),
        ({"xs_hosts": ["a1", "a2", "b1"], "xs_pool_a": ["a1", "a2"], "xs_pool_all": ["a1", "a2", "b1"]}, ["a1", "a2", "b1"]),
        ({"all": ["a1"]}, ["xs_hosts"]),
    ],
)
def test_one_host_stands_for_its_pool(groups: dict[str, list[str]], picked: list[str]) -> None:
    assert one_per_pool(groups) == picked


def test_a_plan_is_numbered_lines_and_then_notes() -> None:
    made = tutorial()
    made.host("xs-2")["enabled"] = False
    lines = plan_lines(plan(made.pool, spec()).to_dict())
    assert lines[0] == "1. make the network NAS with MTU 1500"
    assert lines[1].startswith(
        "2. xs-1: bond eth2 and eth4 on NAS (active-backup); 172.16.0.35 moves from eth2 (traffic through eth2, eth4 stops"
    )
    assert lines[-1].startswith("Note: xs-2: the host is disabled")


def test_a_long_step_goes_on_below_itself_and_a_table_stays_as_it_is() -> None:
    lines = plan_lines(plan(tutorial().pool, spec()).to_dict())
    assert len(lines[1]) > 100
    assert shown(lines[1]).splitlines() == [
        "2. xs-1: bond eth2 and eth4 on NAS (active-backup); 172.16.0.35 moves from eth2 (traffic",
        "   through eth2, eth4 stops for about a second)",
    ]
    assert " ".join(shown(lines[1]).split()) == lines[1]
    row = "xs-1 (master)  bond0  " + "x" * 100
    assert shown(row) == row


def test_a_plan_without_steps_says_so() -> None:
    assert plan_lines({"steps": [], "notices": []}) == ["Nothing to do: every host has what it should have."]


def test_the_table_has_a_line_for_each_host_the_master_marked() -> None:
    made = tutorial()
    made.network("NAS", bridge="xapi0")
    made.bond("xs-1", "NAS", ["eth2", "eth4"])
    lines = hosts_table(hosts_of(made.pool, spec(), plan(made.pool, spec())), {"xs-1": 1.5})
    assert [line.split() for line in lines] == [
        ["host", "bond", "bridge", "NICs", "mode", "address", "MAC", "links", "seconds"],
        ["xs-1", "(master)", "bond0", "xapi0", "eth2+eth4", "active-backup", "172.16.0.35", "00:26:55:d1:00:02", "2/2", "1.5"],
        ["xs-2", *["-"] * 7],
    ]
    assert len({line.index("bond0") for line in lines[1:2]} | {lines[0].index("bond")}) == 1
