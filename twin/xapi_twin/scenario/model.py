# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a twin is made from: the records, dom0 and options of one pool.

A scenario comes from a short YAML file (``load``), from a captured pool (``snapshot``), or is built in Python by
tests. Whatever the source, the twin sees only the `Scenario` value below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xapi_twin.datamodel.releases import Formats
from xapi_twin.dom0.model import SwitchPort

Record = dict[str, Any]
Records = dict[str, dict[str, Record]]

#: Seconds from the restart command to the init-complete cookie, as recorded on xapi 26.17 (three runs alike).
RECORDED_RESTART_SECONDS = 12.3

#: When the hosts of a scenario were booted, as host.other_config says it: any past time, renewed at every restart of xapi.
BOOTED = "1732269600."


class ScenarioError(Exception):
    """A scenario that cannot be played; the text names the file, the line and what to put right."""

    def __init__(self, text: str, file: str = "", line: int = 0) -> None:
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + text)
        self.file = file
        self.line = line


@dataclass(frozen=True)
class Nic:
    """A network card as dom0 sees it. `speed` is in Mbit/s. A card that is not `present` has a PIF record but no device. `port`
    is the other end of its cable.
    """

    name: str
    mac: str
    carrier: bool = True
    speed: int = 10000
    duplex: bool = True
    present: bool = True
    pci: str = ""
    port: SwitchPort = field(default=SwitchPort())


@dataclass(frozen=True)
class HostDom0:
    """What a host's dom0 has before any xapi runs: its cards. Bridges follow from the attached PIF records."""

    nics: tuple[Nic, ...] = ()
    hostname: str = ""


@dataclass(frozen=True)
class Scenario:
    """One pool, ready to be played.

    `records` is class -> reference -> fields. Only the fields that the scenario states are there (the database fills in the
    schema's defaults), and of every relation only the "one" side (PIF.network, not network.PIFs).
    `dom0` is host reference -> its cards.
    `bridge_counter` is the first N that the master's xapi tries for a new network's bridge xapiN.
    `restart_seconds` scales the recorded time line of a xapi restart; 0 keeps the order and does not wait.
    `spares` are hosts that are in no pool and may join this one, each as a pool of its own.
    `hold_states`: states in between are held until a client has read them, at the longest so many seconds (see ``between``).
    `link_seconds`: so long is a NIC's link away after a change of its bridge (None: none, and a second when states are held).
    `faults` is handed to the fault plan as it is.
    """

    pool: str
    xapi: str = "24.19.2"
    backend: str = "openvswitch"
    user: str = "root"
    password: str = "twin"
    restart_seconds: float = RECORDED_RESTART_SECONDS
    records: Records = field(default_factory=dict)
    dom0: Mapping[str, HostDom0] = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)
    faults: Sequence[Mapping[str, Any]] = ()
    bridge_counter: int = 0
    ha_fences: bool = False
    spares: Sequence[Scenario] = ()
    hold_states: float = 0.0
    link_seconds: float | None = None
    source: str = ""

    @property
    def version(self) -> str:
        """The xapi version, e.g. "24.19.2"."""
        return self.xapi

    @property
    def slow_links(self) -> float:
        """Seconds until a link is back."""
        if self.link_seconds is not None:
            return self.link_seconds
        return 1.0 if self.hold_states else 0.0

    @property
    def master(self) -> str:
        """The reference of the pool master."""
        (pool,) = self.records["pool"].values()
        master: str = pool["master"]
        return master

    def with_options(self, **changes: Any) -> Scenario:
        """The same pool with other options (password, restart_seconds, faults, …)."""
        return replace(self, **changes)
