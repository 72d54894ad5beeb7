# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""XAPI's errors become sentences with names that an admin knows."""

from __future__ import annotations

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import SENTENCES, NetworkError, XapiFailure, sentence

NAMES = {"OpaqueRef:a": "eth2 of xs-1", "OpaqueRef:b": "bond0 of xs-1", "1c2e2f4c-6a3b-4f0c-9d43-3f6fb9f3a9b1": "xs-1"}


def test_a_known_code_is_a_sentence_with_names() -> None:
    assert sentence("PIF_ALREADY_BONDED", ["OpaqueRef:a"], names=NAMES) == (
        "eth2 of xs-1 is already part of a bond: destroy that bond first, or leave this NIC out."
    )


def test_a_list_of_references_in_one_argument_is_named_too() -> None:
    assert "eth2 of xs-1; bond0 of xs-1" in sentence("NETWORK_CONTAINS_PIF", ["[ OpaqueRef:a; OpaqueRef:b ]"], names=NAMES)


def test_a_uuid_is_named_too() -> None:
    assert sentence("HOST_OFFLINE", ["1c2e2f4c-6a3b-4f0c-9d43-3f6fb9f3a9b1"], names=NAMES) == "xs-1 is offline, or its xapi is down."


def test_an_unknown_code_is_told_with_its_arguments() -> None:
    assert sentence("SOMETHING_NEW", ["OpaqueRef:a", "7"], names=NAMES) == "XAPI answered SOMETHING_NEW (eth2 of xs-1, 7)."
    assert sentence("SOMETHING_NEW") == "XAPI answered SOMETHING_NEW."


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_is_one_and_bears_fewer_arguments_than_expected(code: str) -> None:
    for params in ([], ["x"], ["x", "y", "z", "w", "v"]):
        text = sentence(code, params)
        assert text[0].isupper() or text[0] in "xa"
        assert text.endswith((".", ")"))
        assert "{" not in text


def test_an_argument_with_braces_stays_as_it_is() -> None:
    assert sentence("INTERNAL_ERROR", ["{0} {nothing}"]).startswith("XAPI failed inside: {0} {nothing}.")


def test_a_failure_tells_the_call_and_keeps_code_and_arguments() -> None:
    failure = XapiFailure("Bond.create", "PIF_ALREADY_BONDED", ["OpaqueRef:a"])
    assert isinstance(failure, NetworkError)
    assert failure.message.endswith("(Bond.create)")
    assert failure.facts == {"error_code": "PIF_ALREADY_BONDED", "error_params": ["OpaqueRef:a"], "method": "Bond.create"}
    assert failure.named(NAMES).message.startswith("eth2 of xs-1 is already")
    assert str(failure) == failure.message


def test_what_open_vswitch_says_under_networkd_becomes_what_an_admin_can_do() -> None:
    """The texts are recorded (half_bond_bridge_left); the third one is empty there."""
    script = (
        "script error [script = /usr/bin/ovs-vsctl, args = --timeout=20 -- --may-exist {}, code = Exit code {}, stdout = ,"
        " stderr = ovs-vsctl: {}]"
    )
    taken = "cannot create a port named eth2 because an interface named eth2 already exists on bridge xapi0\n"
    gone = "Error detected while setting up 'eth4': could not open network device eth4 (No such device).  See the log.\n"
    long = "add-bond xapi0 bond0 eth4 eth2 -- set port bond0 " + "other-config:bond-detect-mode=carrier " * 10
    names = {"OpaqueRef:1": "eth2 of xs-2"}
    first, second, third = (
        sentence("PIF_CONFIGURATION_ERROR", ["OpaqueRef:1", text], names=names)
        for text in (script.format("add-port xenbr2 eth2", 1, taken), script.format(long, 65, gone), "")
    )
    assert first.startswith("eth2 of xs-2 could not be configured: an incomplete bond has left eth2 in the bridge xapi0")
    assert "(ovs-vsctl del-br xapi0) and run again." in first
    assert second == "eth2 of xs-2 could not be configured: dom0 of this host has no device eth4; look at ip link and dmesg there."
    assert third == "eth2 of xs-2 could not be configured: XAPI gives no reason; the log of that host may (/var/log/xensource.log)."
