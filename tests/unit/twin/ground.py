# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small pool to try rules on: three hosts of six NICs, storage on eth2, no ports opened, no time spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from xapi_twin.scenario.load import read_scenario
from xapi_twin.twin.pool import Twin

THREE_HOSTS = """
pool: ground
hosts:
  - name: xs-1
    master: true
    nics:
      eth0: {mac: 00:16:3E:00:01:00, management: true, ip: 172.16.0.10/27, gateway: 172.16.0.1}
      eth1: {mac: 00:16:3E:00:01:01}
      eth2: {mac: 00:16:3E:00:01:02, ip: 172.16.0.35/28}
      eth3: {mac: 00:16:3E:00:01:03}
      eth4: {mac: 00:16:3E:00:01:04}
      eth5: {mac: 00:16:3E:00:01:05}
  - name: xs-2
    nics:
      eth0: {mac: 00:16:3E:00:02:00, management: true, ip: 172.16.0.11/27, gateway: 172.16.0.1}
      eth1: {mac: 00:16:3E:00:02:01}
      eth2: {mac: 00:16:3E:00:02:02, ip: 172.16.0.36/28}
      eth3: {mac: 00:16:3E:00:02:03}
      eth4: {mac: 00:16:3E:00:02:04}
      eth5: {mac: 00:16:3E:00:02:05}
  - name: xs-3
    nics:
      eth0: {mac: 00:16:3E:00:03:00, management: true, ip: 172.16.0.12/27, gateway: 172.16.0.1}
      eth1: {mac: 00:16:3E:00:03:01}
      eth2: {mac: 00:16:3E:00:03:02, ip: 172.16.0.37/28}
      eth3: {mac: 00:16:3E:00:03:03}
      eth4: {mac: 00:16:3E:00:03:04}
      eth5: {mac: 00:16:3E:00:03:05}
"""


class Pool:
    """A twin with shorter words."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.database = twin.database

    async def call(self, method: str, *arguments: Any) -> Any:
        """A call as root, with native values."""
        return await self.twin.dispatcher.internal(method, *arguments)

    def pif(self, host: str, device: str, tag: int = -1) -> str:
        """The PIF of a device, or of a VLAN on it."""
        (found,) = self.database.where("PIF", host=self.twin.host(host).ref, device=device, VLAN=tag)
        return found

    def pif_record(self, host: str, device: str, tag: int = -1) -> dict[str, Any]:
        return self.database.get("PIF", self.pif(host, device, tag))

    def network_of(self, host: str, device: str) -> str:
        network: str = self.pif_record(host, device)["network"]
        return network

    async def network(self, name: str = "NAS", **args: Any) -> str:
        made: str = await self.call("network.create", {"name_label": name, "other_config": {}, **args})
        return made

    async def bond(
        self,
        host: str,
        nics: Sequence[str],
        network: str,
        mode: str = "active-backup",
        properties: Mapping[str, str] | None = None,
        mac: str = "",
    ) -> str:
        pifs = [self.pif(host, nic) for nic in nics]
        made: str = await self.call("Bond.create", network, pifs, mac, mode, properties or {})
        return made

    async def vlan(self, host: str, device: str, tag: int, network: str) -> str:
        made: str = await self.call("VLAN.create", self.pif(host, device), tag, network)
        return made

    def bonds(self, host: str) -> dict[str, list[str]]:
        """Bond devices of a host with the devices of their slaves, sorted."""
        found = {}
        for record in self.database.all("Bond").values():
            master = self.database.get("PIF", record["master"])
            if master["host"] == self.twin.host(host).ref:
                found[master["device"]] = sorted(self.database.get("PIF", slave)["device"] for slave in record["slaves"])
        return found

    def bridges(self, host: str) -> list[str]:
        return sorted(self.twin.host(host).dom0.bridges)

    def addresses(self, host: str) -> dict[str, tuple[str, ...]]:
        """Bridges of dom0 that have an address."""
        return {name: bridge.addresses for name, bridge in self.twin.host(host).dom0.bridges.items() if bridge.addresses}

    def log(self, host: str) -> str:
        return "\n".join(self.twin.host(host).dom0.log)

    async def restart(self, *hosts: str) -> None:
        """`service xapi restart`, until the init-complete cookie is there."""
        for name in hosts:
            await self.twin.host(name).restart_xapi()
            await self.up(name)

    async def up(self, host: str) -> None:
        await asyncio.wait_for(self.twin.host(host).init_complete.wait(), 600)


@asynccontextmanager
async def pool(text: str = THREE_HOSTS, xapi: str = "24.19.2", **options: Any) -> AsyncIterator[Pool]:
    """A pool of this version; restarts take no time unless `restart_seconds` says otherwise."""
    scenario = read_scenario(text, "ground", xapi=xapi, **{"restart_seconds": 0, **options})
    async with await Twin.start(scenario) as twin:
        yield Pool(twin)
