# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of XAPI: a code and its arguments, all of them text."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


class XapiError(Exception):
    """An error that XAPI would answer: `XapiError("HANDLE_INVALID", "PIF", ref)`.

    `description` is what goes on the wire as ErrorDescription: the code, then the arguments as text.
    """

    def __init__(self, code: str, *params: Any) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params = tuple(str(param) for param in params)

    @property
    def description(self) -> list[str]:
        return [self.code, *self.params]

    def __str__(self) -> str:
        return f"{self.code}: [ {'; '.join(self.params)} ]"  # the form of xapi's own log lines


@cache
def error_parameters() -> dict[str, list[str]]:
    """Every error code of xapi with the names of its arguments."""
    text = resources.files(__package__).joinpath("data/errors.json").read_text(encoding="utf-8")
    codes: dict[str, list[str]] = json.loads(text)
    return codes


class ConnectionDropped(Exception):
    """The connection of a call ends without a reply: a fault struck, or the xapi that carried it out died."""
