# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expressions of get_all_records_where: `field "host" = "OpaqueRef:…" and not (field "VLAN" = "-1")`.

The grammar's surprises are xapi's: `not` takes in everything to its right, `and` and `or` bind alike, from left to right; there are
no quotes inside texts; a field is named as in the database (`name__label`) and compared as the database writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import Class

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
Value = Callable[[Row], str]

_TOKEN = re.compile(r'[ \t\n]*(?:(=|\(|\)|true|false|field|and|or|not)|"([^"]*)"|(\Z))')
_PARSER_ERROR = "Xapi_database.Db_filter_parse.MenhirBasics.Error"

# Fields that the database keeps in a group: of the name, the group's part becomes double underlined.
_GROUPS = ("name", "memory", "VCPUs", "actions", "PV", "HVM", "API_version", "io")


def compile_where(cls: Class, text: str) -> Test:
    """The expression as a test of records. Raises XapiError INVALID_VALUE [text, why]; the test INTERNAL_ERROR for a missing field."""
    return _Parser(cls, text).whole()


class _Parser:
    """Reads one token ahead, as xapi's parser does, so that of two mistakes the same one is found first."""

    def __init__(self, cls: Class, text: str) -> None:
        self._cls = cls
        self._text = text
        self._place = 0
        self._ahead = self._read()

    def whole(self) -> Test:
        test = self._expression()
        self._take("end")
        return test

    def _expression(self) -> Test:
        left = self._operand()
        while self._ahead[0] in ("and", "or"):
            left = self._join(left, self._next()[0])
        return left

    def _join(self, left: Test, word: str) -> Test:
        right = self._operand()
        return (lambda row: left(row) and right(row)) if word == "and" else (lambda row: left(row) or right(row))

    def _operand(self) -> Test:
        kind, _unused = self._ahead
        if kind == "not":
            self._next()
            inside = self._expression()
            return lambda row: not inside(row)
        if kind in ("true", "false"):
            self._next()
            return lambda row: kind == "true"
        if kind == "(":
            self._next()
            test = self._expression()
            self._take(")")
            return test
        left = self._value()
        self._take("=")
        right = self._value()
        return lambda row: left(row) == right(row)

    def _value(self) -> Value:
        if self._ahead[0] == "field":
            self._next()
            return self._field(self._take("text"))
        text = self._take("text")
        return lambda row: text

    def _field(self, name: str) -> Value:
        for field in self._cls.fields.values():
            if database_name(field.name) == name:
                return lambda row: database_text(row[field.name])
        if name in ("_ref", "ref"):
            return lambda row: str(row.get("_ref", ""))

        def missing(_row: Row) -> str:
            raise XapiError("INTERNAL_ERROR", "missing field", name, "")

        return missing

    def _take(self, kind: str) -> str:
        found, text = self._ahead
        if found != kind:
            raise XapiError("INVALID_VALUE", self._text, _PARSER_ERROR)
        if kind != "end":
            self._next()
        return text

    def _next(self) -> tuple[str, str]:
        token = self._ahead
        self._ahead = self._read()
        return token

    def _read(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            raise XapiError("INVALID_VALUE", self._text, 'Failure("lexing: empty token")')
        self._place = match.end()
        if match.group(1) is not None:
            return match.group(1), ""
        return ("text", match.group(2)) if match.group(2) is not None else ("end", "")


def database_name(field: str) -> str:
    """`name_label` is `name__label` in the database, `IP` is `IP`."""
    for group in _GROUPS:
        if field.startswith(f"{group}_"):
            return f"{group}__{field[len(group) + 1 :]}"
    return field


def database_text(value: Any) -> str:
    """A value as the database writes it: an S-expression for sets and maps."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    if isinstance(value, (list, tuple)):
        return f"({' '.join(_atom(database_text(item)) for item in value)})"
    if isinstance(value, dict):
        return f"({' '.join(f'({_atom(str(key))} {_atom(str(item))})' for key, item in value.items())})"
    return str(value)


def _atom(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
