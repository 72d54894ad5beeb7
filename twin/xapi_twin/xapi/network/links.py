# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's xapi measures of its links: PIF_metrics, Bond.links_up, and the message when a bond's links change."""

from __future__ import annotations

import asyncio
from typing import Any

from xapi_twin.dom0.model import BondPort
from xapi_twin.xapi.network import pbd
from xapi_twin.xapi.state import HostState

#: xapi looks at the links every five seconds; the twin looks that long after something has happened to them.
LOOK_SECONDS = 5.0


class Links:
    """The watch over the links of one host; it rests while its xapi is down."""

    def __init__(self, host: HostState) -> None:
        self._host = host
        self._timer: asyncio.TimerHandle | None = None
        self._seen: dict[str, int] = {}  # Bond -> links up, as last reported

    def start(self, quiet: bool = False) -> None:
        """Begin to watch. `quiet`: what is seen now is nothing new (the pool was so before the twin began)."""
        listeners = self._host.backend.when_links_change
        if self._changed not in listeners:
            listeners.append(self._changed)
        if quiet:
            self._look(report=False)
        else:
            self.look_soon()

    def stop(self) -> None:
        """The xapi is gone, and what it remembered."""
        if self._changed in self._host.backend.when_links_change:
            self._host.backend.when_links_change.remove(self._changed)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look_soon(self, pif: str = "") -> None:
        """Something happened to a link."""
        if self._timer is None and self._changed in self._host.backend.when_links_change:
            # Where states in between are held, a link that is away is one of them.
            delay = 0.0 if self._host.pool.between.seconds else LOOK_SECONDS * self._host.pool.scale
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def stamp(self) -> None:
        """A new xapi measures everything again; nothing but PIF_metrics.last_updated shows it (recorded)."""
        database, now = self._host.pool.database, self._host.pool.now()
        for ref in self._host.pifs():
            pif = database.get("PIF", ref)
            metrics = database.find("PIF_metrics", pif["metrics"])
            if metrics is not None and pif["physical"] and "last_updated" in metrics:
                database.set("PIF_metrics", pif["metrics"], last_updated=now)

    async def _changed(self, device: str) -> None:
        self.look_soon()

    def _look(self, report: bool = True) -> None:
        self._timer = None
        database = self._host.pool.database
        for ref in self._host.pifs():
            pif = database.get("PIF", ref)
            if pif["physical"]:
                nic = self._host.dom0.nics.get(pif["device"])
                if nic is not None and not nic.present:
                    continue  # nothing is measured of a device that is gone: what was seen last stays (recorded)
                up = nic is not None and nic.carrier
                self._measure(pif, up, nic.speed if nic and up else 0, nic is not None and up and nic.duplex,
                              nic.pci_bus_path if nic else None)  # fmt: skip
            for bond in pif["bond_master_of"]:
                port = self._host.dom0.bonds.get(pif["device"])
                if port is not None and pif["currently_attached"]:
                    self._look_at_bond(bond, pif, port, report)
        pbd.count_paths(self._host)

    def _look_at_bond(self, ref: str, pif: dict[str, Any], port: BondPort, report: bool) -> None:
        database = self._host.pool.database
        speeds = [self._host.dom0.nics[member.device].speed for member in port.members if member.enabled]
        up, count = len(speeds), len(port.members)
        speed = max(speeds, default=0) if port.mode == "active-backup" else sum(speeds)
        self._measure(pif, up > 0, speed, up > 0, None)
        bond = database.get("Bond", ref)
        if "links_up" in bond:
            database.set("Bond", ref, links_up=up)
        self._seen = {bond: count for bond, count in self._seen.items() if database.find("Bond", bond) is not None}
        before = self._seen.get(ref)
        self._seen[ref] = up
        if report and before != up:
            name = "+".join(sorted(member.device for member in port.members))
            text = f"is: {up}/{count} up" if before is None else f"changed: {up}/{count} up (was {before}/{count})"
            database.add(
                "message",
                name="BOND_STATUS_CHANGED",
                priority=3,
                cls="Host",
                obj_uuid=self._host.uuid,
                body=f"The status of the {name} bond {text}",
                timestamp=self._host.pool.now(),
            )

    def _measure(self, pif: dict[str, Any], carrier: bool, speed: int, duplex: bool, pci: str | None) -> None:
        database = self._host.pool.database
        metrics = database.find("PIF_metrics", pif["metrics"])
        if metrics is None:
            return
        new: dict[str, Any] = {"carrier": carrier, "speed": speed, "duplex": duplex}
        if pci is not None:
            new["pci_bus_path"] = pci
        new = {name: value for name, value in new.items() if name in metrics and metrics[name] != value}
        if new:
            database.set("PIF_metrics", pif["metrics"], **new, last_updated=self._host.pool.now())
