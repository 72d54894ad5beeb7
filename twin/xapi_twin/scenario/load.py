# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a scenario and chooses what reads it.

A file is a short description of a pool, a captured one (it says ``capture:``), or a dump of a database.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

from xapi_twin.scenario import dump, reader, snapshot
from xapi_twin.scenario.model import Scenario, ScenarioError
from xapi_twin.scenario.yaml_lines import document


def load_scenario(name_or_path: str | Path, **changes: Any) -> Scenario:
    """A scenario by path, or one that comes with the twin by name ("tutorial").

    Keyword arguments (xapi, restart_seconds, …) replace what the file says. Raises ScenarioError.
    """
    path = Path(name_or_path)
    if path.is_file():
        data = path.read_bytes()
        text = dump.text_of_dump(data, path.name) if dump.is_dump(data) else _decoded(data, str(name_or_path))
        return read_scenario(text, str(name_or_path), **changes)
    name = path.name if path.suffix in (".yml", ".yaml") else f"{path.name}.yml"
    shipped = importlib.resources.files("xapi_twin") / "scenarios" / name
    if path.parent == Path() and shipped.is_file():
        return read_scenario(shipped.read_text(encoding="utf-8"), name, **changes)
    raise ScenarioError(
        f"there is no file {name_or_path}, and no scenario of that name comes with the twin; there are: {', '.join(shipped_names())}"
    )


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError("this is no text in UTF-8; a scenario is YAML, and a dump is XML, as it is or in a tar", source, line) from None


def read_scenario(text: str, source: str = "scenario", **changes: Any) -> Scenario:
    """A scenario from its YAML text; `changes` replace what the text says. Raises ScenarioError, naming the line."""
    place = document(text, source)
    if place.is_mapping and any(name == "capture" for name, _unused, _unused in place.pairs("the scenario")):
        return snapshot.scenario(place, **changes)
    return reader.scenario(place, **changes)


def shipped_names() -> list[str]:
    """The names of the scenarios that come with the twin."""
    folder = importlib.resources.files("xapi_twin") / "scenarios"
    return sorted(entry.name.removesuffix(".yml") for entry in folder.iterdir() if entry.name.endswith(".yml"))
