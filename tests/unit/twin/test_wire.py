# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as xapi reads them, values as it checks them, replies as it writes them. The error texts are recorded."""

from __future__ import annotations

import json
import xmlrpc.client
from datetime import datetime, timezone
from typing import Any

import pytest

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Schema, parse_type
from xapi_twin.rpc.decode import read_json, read_xml
from xapi_twin.rpc.encode import Writer
from xapi_twin.rpc.values import Call, DateTime, Malformed, Wire, convert, quoted

SCHEMA = Schema.load("26.17.0")


def wrong(type_: str, value: Any) -> str:
    with pytest.raises(XapiError) as caught:
        convert(SCHEMA, parse_type(type_), value)
    assert caught.value.code == "INTERNAL_ERROR"
    return caught.value.params[0]


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("int", "1500", 1500),
        ("int", 1500, 1500),
        ("int", "0x5dc", 1500),
        ("int", "-1", -1),
        ("float", 1, 1.0),
        ("float", "1.5", 1.5),
        ("enum ip_configuration_mode", "static", "Static"),
        ("enum bond_mode", "lacp", "lacp"),
        ("(string -> string) map", {"a": "b"}, {"a": "b"}),
        ("datetime", DateTime("20261122T11:11:24Z"), datetime(2026, 11, 22, 11, 11, 24, tzinfo=timezone.utc)),
    ],
)
def test_values_are_taken_as_xapi_takes_them(type_: str, value: Any, expected: Any) -> None:
    assert convert(SCHEMA, parse_type(type_), value) == expected


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("string", 7, "Failure(\"Expected string, got 'I(7)'\")"),
        ("PIF ref", {"a": "b"}, "Failure(\"Expected string, got '{a:S(b)}'\")"),
        ("PIF ref", None, "Failure(\"Expected string, got 'N'\")"),
        ("bool", "true", "Failure(\"Expected bool, got 'S(true)'\")"),
        ("int", "abc", 'Failure("Int64.of_string")'),
        ("int", 1500.0, "Failure(\"Expected int64, got 'F(1500)'\")"),
        ("PIF ref set", "x", "Failure(\"Expecting Rpc.Enum, but found 'S(x)'\")"),
        ("(string -> string) map", [], "Failure(\"Expecting Rpc.Dict, but found '[]'\")"),
        ("enum bond_mode", "LACP", 'Failure("Unmarshalling error in bond-mode")'),
        ("enum ip_configuration_mode", "bogus", 'Failure("Unknown tag/contents")'),
    ],
)
def test_wrong_values_are_refused_in_xapis_words(type_: str, value: Any, text: str) -> None:
    assert wrong(type_, value) == text


def test_values_are_quoted_as_rpclib_prints_them() -> None:
    assert quoted([True, 1.5, "a", {"k": None}]) == "[B(true);F(1.5);S(a);{k:N}]"


def test_an_xml_request_is_read_with_all_its_types() -> None:
    arguments: tuple[Any, ...] = ("s", 7, True, 1.5, ["a", {"k": "v"}], {}, [], "<&> ü")
    call = read_xml(xmlrpc.client.dumps(arguments, "PIF.plug").encode())
    assert call == Call("PIF.plug", arguments, Wire.XML)
    assert read_xml(xmlrpc.client.dumps((None,), "x", allow_none=True).encode()).arguments == (None,)


def test_a_value_without_a_type_is_a_string() -> None:
    body = b"<methodCall><methodName>m</methodName><params><param><value>text</value></param><param><value/></param></params></methodCall>"
    assert read_xml(body).arguments == ("text", "")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", 'Xmlm.Error(1:1, "unexpected end of input")'),
        (b"not xml", 'Xmlm.Error(1:1, "expected root element")'),
        (b"<a/>", 'Xmlrpc.Parse_error("open_tag(a)", "open_tag(methodCall)", _)'),
        (b"<methodCall></methodCall>", 'Xmlrpc.Parse_error("close_tag", "open_tag", _)'),
        (b"<methodCall><methodName>x</methodName></methodCall>", 'Xmlrpc.Parse_error("close_tag", "open_tag", _)'),
    ],
)
def test_what_is_no_xml_request_is_named_as_xapi_names_it(body: bytes, text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_xml(body)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("param", "complaint"),
    [
        ("<value><int>1</int><int>2</int></value>", '"open_tag(int)", "close_tag(value)"'),
        ("<value>x<int>1</int></value>", '"data(x)", "open_tag"'),
        ("<value><float>1</float></value>", '"open_tag(float)", "open_tag(int/'),
        ("<int>1</int>", '"open_tag(int)", "open_tag(value)"'),
        ("<value><int>one</int></value>", 'Failure("Int64.of_string")'),
    ],
)
def test_a_value_that_is_none_is_refused_and_never_guessed(param: str, complaint: str) -> None:
    body = f"<methodCall><methodName>m</methodName><params><param>{param}</param></params></methodCall>"
    with pytest.raises(Malformed) as caught:
        read_xml(body.encode())
    assert complaint in str(caught.value)


def test_json_requests_of_both_versions_are_told_apart() -> None:
    assert read_json(b'{"method":"m","params":["s"],"id":1}').wire is Wire.JSON1
    assert read_json(b'{"method":"m","params":["s"],"id":"a","jsonrpc":"2.0"}') == Call("m", ("s",), Wire.JSON2, "a")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", 'Yojson__Common.Json_error("Line 1, bytes 0-1:\\nUnexpected end of input")'),
        (b"[]", 'Jsonrpc.Malformed_method_request("Invalid request body")'),
        (b'{"method":"m"}', 'Jsonrpc.Malformed_method_request("Required field params is missing")'),
        (
            b'{"method":"m","params":[],"id":1,"jsonrpc":"1.0"}',
            "Jsonrpc.Malformed_method_request(\"Invalid field 'jsonrpc' in request body\")",
        ),
        (
            b'{"method":"m","params":[],"id":null,"jsonrpc":"2.0"}',
            "Jsonrpc.Malformed_method_request(\"Invalid field 'id' in request body\")",
        ),
    ],
)
def test_what_is_no_json_request_is_named_as_xapi_names_it(body: bytes, text: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_json(body)
    assert str(caught.value) == text


def test_replies_have_ints_as_text_in_xml_and_as_numbers_in_json() -> None:
    writer = Writer(SCHEMA)
    type_ = parse_type("(string -> int) map")
    assert xmlrpc.client.loads(writer.xml_success(type_, {"MTU": 1500}))[0][0] == {"Status": "Success", "Value": {"MTU": "1500"}}
    call = Call("m", (), Wire.JSON2, 7)
    assert json.loads(writer.json_success(call, type_, {"MTU": 1500})) == {"jsonrpc": "2.0", "result": {"MTU": 1500}, "id": 7}


def test_void_is_an_empty_text_and_errors_are_lists() -> None:
    writer = Writer(SCHEMA)
    assert xmlrpc.client.loads(writer.xml_success(parse_type("void"), None))[0][0] == {"Status": "Success", "Value": ""}
    failure = {"Status": "Failure", "ErrorDescription": ["HANDLE_INVALID", "PIF", "<x>"]}
    assert xmlrpc.client.loads(writer.xml_failure(("HANDLE_INVALID", "PIF", "<x>")))[0][0] == failure
    call = Call("m", (), Wire.JSON2, 1)
    error = {"code": 1, "message": "HANDLE_INVALID", "data": ["PIF", "x"]}
    assert json.loads(writer.json_failure(call, ("HANDLE_INVALID", "PIF", "x"))) == {"jsonrpc": "2.0", "error": error, "id": 1}


def test_text_that_xml_cannot_hold_does_not_break_a_reply() -> None:
    reply = Writer(SCHEMA).xml_success(parse_type("string"), 'a\x00\x08<b> & "c" ü€')
    assert xmlrpc.client.loads(reply)[0][0] == {"Status": "Success", "Value": 'a<b> & "c" ü€'}
