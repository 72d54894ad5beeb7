# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the twin refuses, it refuses in xapi's words: every code is one of xapi's data model, with as many arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import xapi_twin
from xapi_twin.datamodel.errors import error_parameters

#: Where xapi sends something else than its data model says.
OTHERWISE = {
    "Fault": 1,  # no error of the data model: XML-RPC's own, for a message that has no Async form (recorded)
    "SESSION_AUTHENTICATION_FAILED": 2,  # the model has none, xapi sends the user and a text (recorded)
    "PIF_IS_PHYSICAL": 0,  # xapi_pif.ml and xapi_vlan.ml send none, the model has the PIF
}


def raised() -> Iterator[tuple[str, str, int]]:
    """(where, code, number of arguments) of every XapiError with a code that is written out."""
    folder = Path(xapi_twin.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id != "XapiError":
                continue
            code, *arguments = node.args
            if isinstance(code, ast.Constant) and not any(isinstance(argument, ast.Starred) for argument in arguments):
                yield f"{path.relative_to(folder)}:{node.lineno}", str(code.value), len(arguments)


FOUND = tuple(raised())


def test_the_errors_are_found() -> None:
    assert len({code for _where, code, _count in FOUND}) > 50


@pytest.mark.parametrize(("where", "code", "count"), FOUND, ids=[f"{code}-{where}" for where, code, _unused in FOUND])
def test_every_error_is_one_of_xapi_with_its_number_of_arguments(where: str, code: str, count: int) -> None:
    if code == "INTERNAL_ERROR":
        assert count >= 1  # an exception's own words (exnHelper.ml)
        return
    expected = OTHERWISE.get(code, len(error_parameters().get(code, ())))
    assert code in OTHERWISE or code in error_parameters(), f"{where}: xapi has no error {code}"
    assert count == expected, f"{where}: {code} has {expected} arguments: {error_parameters().get(code)}"
