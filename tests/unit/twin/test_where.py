# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of get_all_records_where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.twin.ground import pool
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Schema
from xapi_twin.xapi.where import compile_where

PIF = Schema.load("26.17.0").classes["PIF"]
NETWORK = Schema.load("26.17.0").classes["network"]
ETH2: dict[str, Any] = {"device": "eth2", "VLAN": -1, "physical": True, "host": "OpaqueRef:a", "other_config": {}, "MAC": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("not true", False),
        ('field "device" = "eth2"', True),
        ('"eth2"=field "device"', True),
        ('field "VLAN" = "-1" and field "physical" = "true"', True),
        ('(field "device" = "eth4" or field "device" = "eth2") and field "host" = "OpaqueRef:a"', True),
        ('field "other_config" = ""', False),
        ('field "other_config" = "()"', True),
        ('field "MAC" = field "MAC"', True),
    ],
)
def test_expressions_hold_or_do_not(text: str, expected: bool) -> None:
    assert compile_where(PIF, text)(ETH2) is expected


def test_not_takes_in_everything_to_its_right() -> None:
    """Recorded: `not (A) and not (B)` is `not (A and not B)`."""
    assert compile_where(PIF, "not (true) and false")(ETH2) is True


def test_and_and_or_bind_alike_from_left_to_right() -> None:
    assert compile_where(PIF, "true or true and false")(ETH2) is False


def test_a_field_has_the_name_that_the_database_gives_it() -> None:
    assert compile_where(NETWORK, 'field "name__label" = "NAS"')({"name_label": "NAS"}) is True
    with pytest.raises(XapiError) as caught:
        compile_where(NETWORK, 'field "name_label" = "NAS"')({"name_label": "NAS"})
    assert caught.value.description == ["INTERNAL_ERROR", "missing field", "name_label", ""]


LEXER, PARSER = 'Failure("lexing: empty token")', "Xapi_database.Db_filter_parse.MenhirBasics.Error"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", PARSER),
        ("field", PARSER),
        ('field "device" == "eth2"', PARSER),
        ("(true", PARSER),
        ("true true", PARSER),
        ("true and and xyzzy", PARSER),
        ("xyzzy", LEXER),
        ("TRUE", LEXER),
        ('field "device" != "eth2"', LEXER),
        ('field "device" = "eth2', LEXER),
        ("field 'device' = 'eth2'", LEXER),
    ],
)
def test_what_is_no_expression_is_refused_in_xapis_words(text: str, why: str) -> None:
    with pytest.raises(XapiError) as caught:
        compile_where(PIF, text)
    assert caught.value.description == ["INVALID_VALUE", text, why]


async def test_messages_that_lack_the_field_are_passed_over() -> None:
    async with pool() as ground:
        message = await ground.call("message.create", "ONE", 3, "Host", ground.twin.host("xs-1").uuid, "a body")
        expected = {'field "name" = "ONE"': [message], 'field "name__label" = "ONE"': [], 'not field "colour" = "x"': []}
        for expression, found in expected.items():
            assert list(await ground.call("message.get_all_records_where", expression)) == found
