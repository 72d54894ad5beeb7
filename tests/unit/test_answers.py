# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the role as YAML, as text, and as AWX hands over the answers to a survey."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.xapi.network.plugins.plugin_utils._answers import OPTIONS, AnswerError, answer

ROLE = Path(__file__).resolve().parents[2] / "roles" / "storage_bond"
DEFAULTS = {
    "state": "present",
    "nics": [],
    "hosts": [],
    "mode": "active-backup",
    "properties": {},
    "vlans": [],
    "addresses": {},
    "strategy": "restart",
    "agent_method": "service",
    "on_drift": "fail",
    "degraded": "warn",
    "accept": [],
    "wait_timeout": 600,
    "confirm_timeout": 0,
    "dom0": True,
    "ping": [],
    "ping_hosts": False,
    "lldp": False,
    "remove_network": True,
}


@pytest.mark.parametrize("nothing", [None, "", "  "])
@pytest.mark.parametrize("option", OPTIONS)
def test_a_question_that_was_not_answered_is_an_option_that_was_not_given(option: str, nothing: Any) -> None:
    """ansible-core up to 2.18 reads AWX's empty answer as "", later ones as null."""
    assert answer(nothing, option) == DEFAULTS.get(option, "")


def test_every_option_of_the_role_is_read_here() -> None:
    specs = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    assert {f"storage_bond_{name}" for name in OPTIONS} == set(specs["argument_specs"]["main"]["options"])


def test_a_default_cannot_be_spoiled_by_its_first_reader() -> None:
    answer(None, "nics").append("eth9")
    assert answer(None, "nics") == []


@pytest.mark.parametrize(
    ("option", "value", "meant"),
    [
        ("network", "0100", "0100"),
        ("network", " NAS 2 ", "NAS 2"),
        ("network", "'0100'", "0100"),
        ("network", '"yes"', "yes"),
        ("network", "'", "'"),
        ("network", "''", "''"),
        ("password", " s3cret' ", " s3cret' "),
        ("nics", "eth2, eth4\neth6", ["eth2", "eth4", "eth6"]),
        ("nics", ["eth2", "eth4"], ["eth2", "eth4"]),
        ("hosts", ("xs-1",), ["xs-1"]),
        ("accept", "'mtu no_link'", ["mtu", "no_link"]),
        ("mtu", "9000", 9000),
        ("mtu", 9000.0, 9000),
        ("dom0", "No", False),
        ("dom0", 1, True),
        ("rollback", "pool", "pool"),
        ("rollback", True, "host"),
        ("rollback", "yes", "host"),
        ("rollback", False, ""),
        ("properties", "{lacp-time: fast}", {"lacp-time": "fast"}),
        ("properties", {"lacp-time": "fast"}, {"lacp-time": "fast"}),
        ("vlans", '[{"tag": 30, "network": "Backup"}]', [{"tag": 30, "network": "Backup"}]),
        ("mode", "lacp", "lacp"),
    ],
)
def test_what_is_meant(option: str, value: Any, meant: Any) -> None:
    assert answer(value, option) == meant


@pytest.mark.parametrize("value", [64, True, 1.1, date(2026, 1, 1)])
@pytest.mark.parametrize("option", ["network", "hosts", "nics", "purpose"])
def test_a_name_that_yaml_has_read_as_something_else_is_refused(option: str, value: Any) -> None:
    """0100 comes as 64, yes as True, 1.10 as 1.1. A network of another name would be made, or another host be meant."""
    with pytest.raises(AnswerError, match=rf"^storage_bond_{option} has come as the \w+ \w.*Put it in quotes: '0100' in the survey"):
        answer(value if option == "network" else [value] if option == "nics" else value, option)


def test_a_secret_is_not_shown_when_it_is_refused() -> None:
    with pytest.raises(AnswerError) as refused:
        answer(12345, "password")
    assert "12345" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("mode", "bonding", "storage_bond_mode is bonding; it can be balance-slb, active-backup or lacp."),
        ("dom0", "maybe", "storage_bond_dom0 is maybe; it can be true or false."),
        ("mtu", "jumbo", "storage_bond_mtu is jumbo; it is a whole number."),
        ("mtu", True, "storage_bond_mtu is True; it is a whole number."),
        ("mtu", 1500.5, "storage_bond_mtu is 1500.5; it is a whole number."),
        ("rollback", "all", "storage_bond_rollback is all; it can be true or false."),
        ("properties", "fast", "storage_bond_properties is fast; it is a dictionary"),
        ("properties", "{", "storage_bond_properties is not YAML"),
        ("vlans", "30", "storage_bond_vlans is 30; it is a list"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(option: str, value: Any, said: str) -> None:
    with pytest.raises(AnswerError) as refused:
        answer(value, option)
    assert str(refused.value).startswith(said)
