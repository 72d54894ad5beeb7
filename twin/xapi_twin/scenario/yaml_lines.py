# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML read so that every complaint can name its line.

Values are taken as they are written, never as YAML 1.1 guesses them: there, the MAC 52:54:00:01:00:05 is a number in base
sixty and the version 24.10 is 24.1.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import yaml

from xapi_twin.scenario.model import ScenarioError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Place:
    """A value in a file, and where it stands."""

    node: yaml.Node
    file: str

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def error(self, text: str) -> ScenarioError:
        return ScenarioError(text, self.file, self.line)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_null(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and not self._quoted and self.node.value in _NULLS

    @property
    def _quoted(self) -> bool:
        return bool(getattr(self.node, "style", None))

    def pairs(self, what: str) -> Iterator[tuple[str, Place, Place]]:
        """(key, the key's place, the value's place); a key that comes twice is an error."""
        if self.is_null:
            return
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"{what} must be a mapping (key: value)")
        seen: dict[str, int] = {}
        for key_node, value_node in self.node.value:
            key = Place(key_node, self.file)
            name = key.text("a key")
            if name in seen:
                raise key.error(f"{what}: '{name}' is here twice, first in line {seen[name]}")
            seen[name] = key.line
            yield name, key, Place(value_node, self.file)

    def mapping(self, what: str, allowed: Collection[str]) -> dict[str, Place]:
        """The values by key; a key that is not allowed is an error."""
        found: dict[str, Place] = {}
        for name, key, value in self.pairs(what):
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, 1)
                hint = f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(sorted(allowed))}"
                raise key.error(f"{what} has no key '{name}'{hint}")
            found[name] = value
        return found

    def items(self, what: str) -> list[Place]:
        """The entries of a list; nothing at all is an empty list."""
        if self.is_null:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"{what} must be a list")
        return [Place(node, self.file) for node in self.node.value]

    def text(self, what: str) -> str:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"{what} must be a single value")
        return str(self.node.value)

    def texts(self, what: str) -> tuple[str, ...]:
        return tuple(item.text(f"an entry of {what}") for item in self.items(what))

    def text_map(self, what: str) -> dict[str, str]:
        return {name: value.text(f"{what} {name}") for name, _unused, value in self.pairs(what)}

    def whole(self, what: str, least: int | None = None) -> int:
        text = self.text(what)
        try:
            number = int(text)
        except ValueError:
            raise self.error(f"{what} must be a whole number, not '{text}'") from None
        if least is not None and number < least:
            raise self.error(f"{what} must be at least {least}, not {number}")
        return number

    def number(self, what: str, least: float | None = None) -> float:
        text = self.text(what)
        try:
            value = float(text)
        except ValueError:
            raise self.error(f"{what} must be a number, not '{text}'") from None
        if not math.isfinite(value) or (least is not None and value < least):
            raise self.error(f"{what} must be a number of at least {least}, not '{text}'")
        return value

    def truth(self, what: str) -> bool:
        text = self.text(what)
        if text.lower() not in _TRUTHS:
            raise self.error(f"{what} must be true or false, not '{text}'")
        return _TRUTHS[text.lower()]

    def choice(self, what: str, choices: Collection[str]) -> str:
        text = self.text(what)
        if text not in choices:
            raise self.error(f"{what} must be one of {', '.join(choices)}, not '{text}'")
        return text

    def uuid(self, what: str) -> str:
        text = self.text(what)
        if not _UUID.fullmatch(text):
            raise self.error(f"'{text}' is not a uuid")
        return text

    def plain(self) -> object:
        """The value as YAML types it, for what is handed on unread (fault plans)."""
        if isinstance(self.node, yaml.MappingNode):
            return {name: value.plain() for name, _unused, value in self.pairs("a mapping")}
        if isinstance(self.node, yaml.SequenceNode):
            return [item.plain() for item in self.items("a list")]
        text = self.text("a value")
        if self._quoted:  # quoted: text it is
            return text
        if text in _NULLS:
            return None
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        for convert in (int, float):
            try:
                return convert(text)
            except ValueError:
                continue
        return text


def document(text: str, file: str) -> Place:
    """The one document of a YAML text. Raises ScenarioError for what is not YAML, naming the line."""
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioError(f"this is not YAML: {error.problem or error.context}", file, line) from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"this is not YAML: {error}", file, 1) from None
    finally:
        loader.dispose()
    if node is None:
        raise ScenarioError("the file is empty", file, 1)
    return Place(node, file)
