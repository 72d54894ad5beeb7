# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as text: XML-RPC and JSON-RPC, read as xapi reads them, with its complaints about what it cannot read."""

from __future__ import annotations

import json
import xmlrpc.client
from typing import Any
from xml.etree import ElementTree

from xapi_twin.rpc.values import Call, DateTime, Malformed, Wire

#: How many elements an element holds at the most (None: any number). What is not here is no element of a request.
_HOLDS: dict[str, int | None] = {
    "methodCall": 2, "methodName": 0, "params": None, "param": 1, "value": 1, "array": 1, "data": None, "struct": None, "member": 2,
    **dict.fromkeys(("name", "int", "i8", "i4", "boolean", "double", "string", "dateTime.iso8601", "base64", "nil"), 0),
}  # fmt: skip
_ANY_TYPE = "open_tag(int/i8/i4/boolean/double/string/dateTime.iso8601/array/struct/nil)"


def read_xml(body: bytes) -> Call:
    """An XML-RPC request. Raises Malformed with the text of xapi's exception."""
    try:
        call = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise Malformed(f"Xmlm.Error({_xmlm(body, error)})") from None
    _check_frame(call)
    try:
        arguments, method = xmlrpc.client.loads(body)
    except ValueError:
        raise Malformed('Failure("Int64.of_string")') from None
    except (TypeError, IndexError, AttributeError):  # what is in the wrong place for the library
        raise _unexpected("close_tag", "open_tag") from None
    return Call(str(method), tuple(_plain(argument) for argument in arguments), Wire.XML)


def _check_frame(call: ElementTree.Element) -> None:
    """What is around the values, in the order in which xapi reads it (recorded)."""
    _check_tag(call, "methodCall")
    parts = list(call)
    _check_tag(parts[0] if parts else None, "methodName")
    if not parts[0].text:
        # Recorded: an empty method name makes xapi's reader lose its place and complain about what comes next.
        raise _unexpected(f"open_tag({parts[1].tag})" if len(parts) > 1 else "close_tag", "open_tag(methodCall)")
    _check_tag(parts[1] if len(parts) > 1 else None, "params")
    for param in parts[1]:
        _check_tag(param, "param")
        _check_tag(next(iter(param), None), "value")
    for element in call.iter():
        _check_element(element)


def _check_element(element: ElementTree.Element) -> None:
    """What the library would pass over: tags that it does not know, more elements than there may be, text between elements."""
    if element.tag not in _HOLDS:
        raise _unexpected(f"open_tag({element.tag})", _ANY_TYPE)
    most = _HOLDS[element.tag]
    if most is not None and len(element) > most:
        raise _unexpected(f"open_tag({element[most].tag})", f"close_tag({element.tag})")
    for text in (element.text, *(inside.tail for inside in element)) if len(element) else ():
        if text and text.strip():
            raise _unexpected(f"data({text})", "open_tag")


def _check_tag(found: ElementTree.Element | None, tag: str) -> None:
    if found is None:
        raise _unexpected("close_tag", "open_tag")
    if found.tag != tag:
        raise _unexpected(f"open_tag({found.tag})", f"open_tag({tag})")


def _unexpected(got: str, expected: str) -> Malformed:
    return Malformed(f'Xmlrpc.Parse_error("{got}", "{expected}", _)')


def _plain(value: Any) -> Any:
    """A value of the library as one of ours."""
    if isinstance(value, xmlrpc.client.DateTime):
        return DateTime(value.value)
    if isinstance(value, xmlrpc.client.Binary):
        return value.data
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _xmlm(body: bytes, error: ElementTree.ParseError) -> str:
    """The words of xapi's XML reader for what Python's found."""
    line, column = error.position
    where = f"{line}:{column + 1}"
    if not body.strip():
        return f'{where}, "unexpected end of input"'
    if not body.lstrip().startswith(b"<"):
        return '1:1, "expected root element"'
    if error.code == 3 or "no element" in str(error) or "unclosed" in str(error):
        return f'{where}, "unexpected end of input"'
    return f'{where}, "malformed character stream"'


def read_json(body: bytes) -> Call:
    """A JSON-RPC request of version 1.0 (no "jsonrpc") or 2.0. Raises Malformed with the text of xapi's exception."""
    text = body.decode("utf-8", "replace")
    try:
        request = json.loads(text)
    except json.JSONDecodeError as error:
        raise Malformed(f'Yojson__Common.Json_error("{_yojson(text, error)}")') from None
    if not isinstance(request, dict):
        raise Malformed('Jsonrpc.Malformed_method_request("Invalid request body")')
    wire = Wire.JSON1
    if "jsonrpc" in request:
        if request["jsonrpc"] != "2.0":
            raise _malformed("Invalid field 'jsonrpc' in request body")
        wire = Wire.JSON2
    for name in ("method", "params", "id"):
        if name not in request:
            raise _malformed(f"Required field {name} is missing")
    if not isinstance(request["method"], str):
        raise _malformed("Invalid field 'method' in request body")
    if wire is Wire.JSON2 and (not isinstance(request["id"], (int, str)) or isinstance(request["id"], bool)):
        raise _malformed("Invalid field 'id' in request body")
    params = request["params"]
    # By position, or (xapi's own habit for JSON-RPC) everything in one object.
    arguments = tuple(params) if isinstance(params, list) else (params,)
    return Call(request["method"], arguments, wire, request["id"])


def _malformed(text: str) -> Malformed:
    return Malformed(f'Jsonrpc.Malformed_method_request("{text}")')


def _yojson(text: str, error: json.JSONDecodeError) -> str:
    """The words of xapi's JSON reader."""
    line, column = error.lineno, error.colno - 1
    if error.pos >= len(text):
        return f"Line {line}, bytes {max(column - 1, 0)}-{max(column, 1)}:\\nUnexpected end of input"
    if text.startswith("<"):
        # "<" opens a variant in Yojson's own JSON, so its complaint is about what comes next, of which it shows 33 characters.
        found = text[1:34].replace("\n", "\\n")
        return f"Line 1, bytes 1-{min(len(text), 34) + 1}:\\nExpected string or identifier but found '{found}'"
    found = text[error.pos : error.pos + 33].replace("\n", "\\n")
    return f"Line {line}, bytes {max(column - 1, 0)}-{column + len(found)}:\\nInvalid token '{found}'"
