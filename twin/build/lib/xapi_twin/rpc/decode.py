# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as text: XML-RPC and JSON-RPC, read as xapi reads them, with its complaints about what it cannot read."""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.parsers import expat

from xapi_twin.rpc.values import Call, DateTime, Malformed, Wire


def read_xml(body: bytes) -> Call:
    """An XML-RPC request. Raises Malformed with the text of xapi's exception."""
    tokens = _Tokens(body)
    arguments: list[Any] = []
    with tokens.element("methodCall"):
        tokens.open("methodName")
        method = tokens.data()
        if method == "":
            # Recorded: an empty method name makes xapi's reader lose its place and complain about what comes next.
            raise tokens.error(tokens.found(), "open_tag(methodCall)")
        tokens.close("methodName")
        with tokens.element("params"):
            while tokens.more():
                with tokens.element("param"):
                    arguments.append(tokens.value())
    return Call(method, tuple(arguments), Wire.XML)


class _Tokens:
    """The opening tags, closing tags and texts of a document, read one after the other."""

    def __init__(self, body: bytes) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, _unused: self._tokens.append(("open", tag))
        parser.EndElementHandler = lambda tag: self._tokens.append(("close", tag))
        parser.CharacterDataHandler = lambda text: self._tokens.append(("data", text))
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            raise Malformed(f"Xmlm.Error({_xmlm(body, error)})") from None

    def open(self, tag: str) -> None:
        found = self._open()
        if found != tag:
            raise self.error(f"open_tag({found})", f"open_tag({tag})")

    def close(self, tag: str) -> None:
        self._skip()
        kind, text = self._next()
        if kind != "close":
            raise self.error(f"open_tag({text})" if kind == "open" else f"data({text})", f"close_tag({tag})")

    def element(self, tag: str) -> _Element:
        return _Element(self, tag)

    def more(self) -> bool:
        """Whether the element that is open has another one in it."""
        self._skip()
        return self._tokens[self._place][0] != "close"

    def data(self) -> str:
        """The text of the element that is open; the closing tag of an element that has none is left to be read."""
        kind, text = self._tokens[self._place]
        if kind == "open":
            raise self.error(f"open_tag({text})", "data")
        if kind == "close":
            return ""
        self._place += 1
        return text

    def found(self) -> str:
        """What comes after the closing tag that is next."""
        self.close("")
        self._skip()
        kind, text = self._tokens[self._place]
        return f"open_tag({text})" if kind == "open" else "close_tag"

    def value(self) -> Any:
        with self.element("value"):
            kind, text = self._tokens[self._place]
            if kind == "close":
                return ""
            if kind == "data":
                if text.strip() or self._tokens[self._place + 1][0] != "open":
                    self._place += 1
                    return text
                self._place += 1
            tag = self._open()
            if self._tokens[self._place][0] == "close":
                empty: dict[str, Any] = {"string": "", "array": [], "struct": {}, "nil": None, "value": ""}
                if tag not in empty:
                    raise self.error(f"empty_{tag}", tag)
                result: Any = empty[tag]
            else:
                result = self._typed(tag)
            self.close(tag)
            return result

    def _typed(self, tag: str) -> Any:
        if tag == "array":
            with self.element("data"):
                items = []
                while self.more():
                    items.append(self.value())
                return items
        if tag == "struct":
            members = {}
            while self.more():
                with self.element("member"):
                    self.open("name")
                    name = self.data()
                    self.close("name")
                    members[name] = self.value()
            return members
        if tag in ("int", "i8", "i4"):
            text = self.data().strip()
            try:
                return int(text)
            except ValueError:
                raise Malformed('Failure("Int64.of_string")') from None
        if tag == "double":
            try:
                return float(self.data())
            except ValueError:
                raise Malformed('Failure("float_of_string")') from None
        if tag == "boolean":
            return self.data() == "1"
        if tag == "string":
            return self.data()
        if tag == "dateTime.iso8601":
            return DateTime(self.data())
        if tag == "base64":
            return base64.b64decode(self.data())
        if tag == "nil":
            return None
        raise self.error(f"open_tag({tag})", "open_tag(int/i8/i4/boolean/double/string/dateTime.iso8601/array/struct/nil)")

    def _open(self) -> str:
        self._skip()
        kind, text = self._next()
        if kind != "open":
            raise self.error("close_tag" if kind == "close" else f"data({text})", "open_tag")
        return text

    def _skip(self) -> None:
        while self._tokens[self._place][0] == "data" and not self._tokens[self._place][1].strip():
            self._place += 1

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def error(self, got: str, expected: str) -> Malformed:
        return Malformed(f'Xmlrpc.Parse_error("{got}", "{expected}", _)')


class _Element:
    """`with tokens.element("param"):` reads the opening tag, and the closing one at the end."""

    def __init__(self, tokens: _Tokens, tag: str) -> None:
        self._tokens = tokens
        self._tag = tag

    def __enter__(self) -> None:
        self._tokens.open(self._tag)

    def __exit__(self, kind: object, *_unused: object) -> None:
        if kind is None:
            self._tokens.close(self._tag)


def _xmlm(body: bytes, error: expat.ExpatError) -> str:
    """The words of xapi's XML reader for what expat found."""
    where = f"{error.lineno}:{error.offset + 1}"
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
