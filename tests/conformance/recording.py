# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of real pools: reading them, and the scenario that a recording begins with."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xapi_twin.datamodel.releases import Formats
from xapi_twin.datamodel.schema import RELATIONS, Schema
from xapi_twin.rpc.values import convert
from xapi_twin.scenario.model import HostDom0, Nic, Scenario

Record = dict[str, Any]
Records = dict[str, dict[str, Record]]

ARCHIVE = Path(__file__).with_name("traces.tar.xz")
BESIDE = Path(__file__).parents[3] / "shared" / "reference" / "traces"

USER, PASSWORD = "root", "oracle"  # of the pools that were recorded


OPEN_VSWITCH = "3.1.0"  # of the machine on which the recordings were made


@dataclass(frozen=True)
class Recording:
    """One recording. `records` and `dom0` are the state that it begins with, in the wire's words (numbers are texts)."""

    name: str
    version: str
    backend: str
    records: Records
    dom0: dict[str, Any]
    bridge_counter: int
    steps: tuple[Record, ...]

    @property
    def hosts(self) -> dict[str, str]:
        """Name -> reference."""
        return {record["hostname"]: ref for ref, record in self.records["host"].items()}

    @property
    def master(self) -> str:
        (pool,) = self.records["pool"].values()
        master: str = pool["master"]
        return master

    def scenario(self, **changes: Any) -> Scenario:
        """The pool that the recording begins with, for the twin."""
        schema = Schema.load(self.version)
        many = set(RELATIONS.values())
        records = {
            cls: {
                ref: {
                    name: convert(schema, schema.fields(cls)[name].type, value) for name, value in record.items() if (cls, name) not in many
                }
                for ref, record in found.items()
            }
            for cls, found in self.records.items()
        }
        options = {
            "pool": self.name,
            "xapi": self.version,
            "backend": self.backend,
            "user": USER,
            "password": PASSWORD,
            "records": records,
            "dom0": {ref: self._dom0(name) for name, ref in self.hosts.items()},
            "bridge_counter": self.bridge_counter,
            "formats": Formats(ovs=OPEN_VSWITCH),
        }
        return Scenario(**{**options, **changes})

    def _dom0(self, host: str) -> HostDom0:
        """The NICs are the interfaces that are no bridges."""
        shown = self.dom0[host]
        nics = tuple(Nic(name, interface["mac"]) for name, interface in shown["interfaces"].items() if name not in shown["list-br"])
        return HostDom0(nics=nics, hostname=host)


def read(text: str, name: str) -> Recording:
    """A recording from its JSON. Raises ValueError with the file's name when it is none."""
    try:
        data = json.loads(text)
        initial = data["initial"]
        return Recording(
            name=f"{data['scenario']}@{data['xapi']}",
            version=data["xapi"],
            backend=data["network_backend"],
            records=initial["records"],
            dom0=initial["dom0"],
            bridge_counter=int(initial.get("bridge_counter", 0)),
            steps=tuple(data["steps"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a recording: {error!r}") from error


def recordings(folder: Path | None = None) -> Iterator[Recording]:
    """All recordings of a folder; without one those beside the checkout, or else the copies that come with the tests.

    Raises FileNotFoundError when the folder has none.
    """
    if folder is None and not BESIDE.is_dir():
        with tarfile.open(ARCHIVE) as archive:
            for member in sorted(archive.getmembers(), key=lambda item: item.name):
                content = archive.extractfile(member)
                if content is not None and member.name.endswith(".json"):
                    yield read(content.read().decode(), member.name)
        return
    folder = folder or BESIDE
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    if not files or not all(file.is_file() for file in files):
        raise FileNotFoundError(f"there is no recording (*.json) in {folder}")
    for file in files:
        yield read(file.read_text(encoding="utf-8"), file.name)
