# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report's files: the data as JSON, and the page that a template makes of them. The page loads nothing and needs no script."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.plugin_utils import _drawing, _report
from jinja2 import Environment, StrictUndefined

COLLECTION = Path(__file__).resolve().parents[2]


def data(run: Mapping[str, Any]) -> dict[str, Any]:
    """The report as data, with the versions of what ran here. `run`: see _report.report."""
    versions = {
        "xapi.network": collection_version(COLLECTION),
        "ansible-core": str(run.get("ansible") or ""),
        "Python": platform.python_version(),
        "XenAPI": _package("XenAPI"),
    }
    return _report.report(run, {name: version for name, version in versions.items() if version})


def page(report: Mapping[str, Any], template: str) -> str:
    """The page. Every value of the report is escaped, unlike in ansible.builtin.template."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rendered = environment.from_string(template).render(
        report=json.loads(json.dumps(report)),
        draw=_drawing.draw,
        concerned=_drawing.concerned,
        key=_drawing.key,
        in_words=_drawing.in_words,
        gathered=_report.gathered,
    )
    return rendered.strip() + "\n"


def ready(folder: Path) -> None:
    """Makes the folder, and makes sure that files can be written there. Raises OSError."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    probe = folder / f".{folder.name}.{id(folder)}"
    probe.touch()
    probe.unlink()


def write(folder: Path, name: str, report: Mapping[str, Any], template: str) -> Path:
    """Writes both files and gives the page's. Raises OSError."""
    ready(folder)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=4, sort_keys=True) + "\n", encoding="utf-8")
    written = folder / f"{name}.html"
    written.write_text(page(report, template), encoding="utf-8")
    return written


def collection_version(folder: Path) -> str:
    """As an installed collection or a checkout says it; "" when neither does."""
    manifest, source = folder / "MANIFEST.json", folder / "galaxy.yml"
    if manifest.exists():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    found = re.search(r"(?m)^version: *(\S+)", source.read_text(encoding="utf-8")) if source.exists() else None
    return found.group(1) if found else ""


def _package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
