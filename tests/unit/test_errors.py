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
