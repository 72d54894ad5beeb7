# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as its dom0 sees it: the host, what its tools print, its files and its processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from xapi_twin.datamodel.releases import Formats, Product, product_of
from xapi_twin.shell.files import Files
from xapi_twin.shell.process import KILL, Processes
from xapi_twin.xapi.state import HostState

Command = Callable[[Any], Awaitable[int]]  # of a `Call`; answers the exit status


class Machine:
    """A dom0. `commands` are its own ones by name, `folders` what programs lie where."""

    def __init__(
        self,
        host: HostState,
        formats: Formats,
        commands: Mapping[str, Command],
        folders: Mapping[str, Sequence[str]],
    ) -> None:
        self.host = host
        self.formats = formats
        self.commands = commands
        self.folders = folders
        self.processes = Processes()

    @cached_property
    def product(self) -> Product:
        return product_of(self.host.pool.schema.version)

    @cached_property
    def files(self) -> Files:
        """Made when they are needed: many a host has no client at all."""
        return Files(self.host, self.product, self.folders)

    def lose_power(self) -> None:
        """Nothing runs any more, and what was in memory alone is gone."""
        for process in list(self.processes.running.values()):
            process.end(KILL)
        if "files" in vars(self):
            self.files.lose_memory()

    def take_over(self, old: Machine) -> None:
        """The host was in another pool before: its disk and its processes are the same."""
        self.processes = old.processes
        if "files" in vars(old):
            self.files = Files(self.host, self.product, self.folders, before=old.files)

    def refresh(self) -> None:
        """Bring the files up to the state of the host."""
        self.files.refresh({pid: process.command for pid, process in self.processes.running.items()})


class Host(Protocol):
    """What has a dom0."""

    @property
    def machine(self) -> Machine: ...
