# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin whose ports are open on 127.0.0.1: HTTP and SSH of each host, and the control socket."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from xapi_twin.scenario.model import Scenario
from xapi_twin.server.control import Control
from xapi_twin.server.http import ANYWHERE, Listen, Server
from xapi_twin.server.ssh import SshServer
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import MakeBackend, Twin


class Serving:
    """A twin with open ports. Start one with ``await Serving.start(scenario)`` or ``async with``.

    `folder` holds the certificate, the SSH key and the control socket. `ssh` is None for a twin without SSH.
    """

    def __init__(self, twin: Twin, folder: Path, *, tls: bool = True, ssh: bool = True, ports: Sequence[int] = ()) -> None:
        self.twin = twin
        self._ports = ports
        self.folder = folder
        self.server = Server(tls=tls)
        self.ssh = SshServer() if ssh else None
        self.control = Control(twin, folder / "control", lambda: self.endpoints)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    async def start(
        cls,
        scenario: Scenario,
        *,
        tls: bool = True,
        ssh: bool = True,
        workdir: Path | None = None,
        make_backend: MakeBackend | None = None,
        ports: Sequence[int] = (),
    ) -> Serving:
        """Make the pool of a scenario and open its ports.

        `workdir`: the folder of its files (default: a temporary directory that goes with the ports). `ports`: XAPI's, SSH's and HTTP's,
        each host at the address that it names, which has to be on loopback (see scenario/loopback.py; default: all at 127.0.0.1, with any
        ports). Raises FaultPlanError for a fault plan that cannot be, OSError for a port or a file that cannot be.
        """
        twin = await Twin.start(scenario, make_backend=make_backend)
        temporary = None if workdir is not None else tempfile.TemporaryDirectory(prefix="xapi-twin-")
        serving = cls(twin, workdir or Path(temporary.name if temporary else ""), tls=tls, ssh=ssh, ports=ports)
        serving._temporary = temporary
        try:
            await serving._open()
        except BaseException:
            await serving.stop()
            raise
        return serving

    async def stop(self) -> None:
        """Close the ports and stop the twin."""
        await self.control.stop()
        self.twin.dispatcher.abandon()
        if self.ssh is not None:
            await self.ssh.stop()
        await self.server.stop()
        await self.twin.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def __aenter__(self) -> Serving:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def endpoints(self) -> dict[str, Any]:
        """Where everything is, for people and programs: what `xapi-twin run --endpoints FILE` writes."""
        twin = self.twin
        hosts = {host.name: self._endpoint(host) for host in twin.hosts.values()}
        spares = {spare.master_host.name: self._endpoint(spare.master_host) for spare in twin.spares}
        return {
            "pool": twin.pool.record["name_label"] or twin.scenario.pool,
            "hosts": hosts,
            "user": twin.scenario.user,
            "password": twin.scenario.password,
            "ca": str(self.server.certificate) if self.server.certificate else "",
            "control": str(self.control.path),
            **({"spares": spares} if spares else {}),
        }

    def _endpoint(self, host: Host) -> dict[str, Any]:
        shown = {"master": host.is_master, "uuid": host.uuid, "xapi": self.server.urls[host.ref], "address": host.record["address"]}
        return shown if self.ssh is None else {**shown, "ssh": self.ssh.endpoint(host)}

    async def _open(self) -> None:
        self.folder.mkdir(exist_ok=True)
        listen = ANYWHERE
        if self._ports:
            addresses = {ref: str(host.record["address"]) for ref, host in ((host.ref, host) for host in self.twin.all_hosts())}
            listen = Listen(addresses, *self._ports)
        await self.server.start(self.twin, self.folder, listen)
        if self.ssh is not None:
            await self.ssh.start(self.twin, self.folder, listen.addresses, listen.ssh)
        for host in self.twin.all_hosts():
            host.xapi_ports.append(self.server)
            if self.ssh is not None:
                host.dom0_ports.append(self.ssh)
        await self.control.start()
