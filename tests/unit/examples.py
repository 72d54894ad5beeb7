# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the guides, the README and the plugins' documentation, as files and commands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "docsite" / "rst").glob("guide_*.rst"))
MARKDOWN = (ROOT / "README.md", ROOT / "roles" / "storage_bond" / "README.md")
PLUGINS = sorted(path for kind in ("modules", "inventory", "filter") for path in (ROOT / "plugins" / kind).glob("[!_]*.py"))

_RST = re.compile(r"^\.\. code-block:: (?P<language>\w+)\n(?P<options>(?:   :\w+:.*\n)*)\n(?P<text>(?:(?:   .*)?\n)+)", re.MULTILINE)
_FENCE = re.compile(r"(?P<before>[^\n]*(?:\n[^\n]+)*)\n\n```(?P<language>\w*)\n(?P<text>.*?)\n```", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One block. `name`: the file that the reader is to write it to, or "" for a command or an untitled example."""

    where: str
    language: str
    name: str
    text: str

    @property
    def documents(self) -> list[Any]:
        return [document for document in yaml.safe_load_all(self.text) if document is not None]

    @property
    def commands(self) -> list[str]:
        """What is typed, comments taken off; a line that ends in a backslash goes on."""
        lines = self.text.replace("\\\n", " ").splitlines()
        typed = [line.removeprefix("$ ") for line in lines if line.strip()]
        return [re.sub(r"\s+#.*$", "", line) for line in typed]

    def __str__(self) -> str:
        return self.where


def of_guide(path: Path) -> list[Example]:
    text = path.read_text(encoding="utf-8") + "\n"
    found = []
    for match in _RST.finditer(text):
        caption = re.search(r":caption: (\S+)", match["options"])
        body = "\n".join(line[3:] for line in match["text"].rstrip().splitlines()) + "\n"
        line = text[: match.start()].count("\n") + 1
        found.append(Example(f"{path.name}:{line}", match["language"], caption[1] if caption else "", body))
    assert len(found) == text.count(".. code-block::"), f"{path.name}: a block that is not read"
    return found


def of_markdown(path: Path) -> list[Example]:
    """Fenced blocks; a file is one whose name stands in the paragraph before it."""
    text = "\n\n" + path.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        name = re.search(r"`(\S+\.ya?ml)`", match["before"])
        language = match["language"] or ("console" if re.match(r"(make|export|ansible|pip|xapi-twin) ", match["text"]) else "text")
        line = text[: match.start("text")].count("\n") - 1
        found.append(Example(f"{path.name}:{line}", language, name[1] if name and language == "yaml" else "", match["text"] + "\n"))
    assert len(found) == text.count("\n```") // 2, f"{path.name}: a block that is not read"
    return found


def of_plugin(path: Path) -> list[Example]:
    kind = path.parent.name
    plugin = importlib.import_module(f"ansible_collections.xapi.network.plugins.{kind}.{path.stem}")
    return [Example(f"{kind}/{path.name}", "yaml", "", plugin.EXAMPLES)]


def everything() -> Iterator[Example]:
    for guide in GUIDES:
        yield from of_guide(guide)
    for page in MARKDOWN:
        yield from of_markdown(page)
    for plugin in PLUGINS:
        yield from of_plugin(plugin)


def plays(document: Any) -> list[dict[str, Any]]:
    """The plays of a document: its own, and one that its tasks make."""
    if not isinstance(document, list):
        return []
    found = [entry for entry in document if "hosts" in entry]
    loose = [entry for entry in document if "hosts" not in entry and "ansible.builtin.import_playbook" not in entry]
    return found + ([{"name": "Example", "hosts": "localhost", "gather_facts": False, "tasks": loose}] if loose else [])


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task, those in blocks too."""
    for entry in entries:
        for part in ("block", "rescue", "always"):
            yield from tasks(entry.get(part, []))
        if "block" not in entry:
            yield entry
