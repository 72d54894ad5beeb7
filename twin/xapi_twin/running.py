# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin for synchronous code: it runs in a thread of its own, with its own event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from xapi_twin.database import Database
from xapi_twin.faults import OnPoint
from xapi_twin.scenario.load import load_scenario
from xapi_twin.scenario.model import Scenario
from xapi_twin.serving.inventory import inventory
from xapi_twin.serving.ports import Serving
from xapi_twin.twin.pool import MakeBackend, Twin
from xapi_twin.xapi.journal import Journal

T = TypeVar("T")


class RunningTwin:
    """`with RunningTwin(load_scenario("tutorial"), restart_seconds=0) as twin:` a pool runs in the body of the with.

    Options: `tls`, `ssh`, `workdir`, `make_backend`, `ports` as for `Serving.start`; `on_point`: called in the twin's loop at every API
    call and SSH command, before and after, and at every named moment (see `faults.Point`); all others replace options of the scenario.
    """

    def __init__(
        self,
        scenario: Scenario | str,
        *,
        tls: bool = True,
        ssh: bool = True,
        workdir: Path | None = None,
        on_point: OnPoint | None = None,
        make_backend: MakeBackend | None = None,
        ports: Sequence[int] = (),
        **changes: Any,
    ) -> None:
        self.scenario = load_scenario(scenario, **changes) if isinstance(scenario, str) else scenario.with_options(**changes)
        self._options: dict[str, Any] = {"tls": tls, "ssh": ssh, "workdir": workdir, "make_backend": make_backend, "ports": ports}
        self._on_point = on_point
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="xapi-twin", daemon=True)
        self._serving: Serving | None = None

    @property
    def twin(self) -> Twin:
        """The twin itself; touch it only through `run`."""
        return self.serving.twin

    @property
    def serving(self) -> Serving:
        """The twin's ports; touch them only through `run`."""
        assert self._serving is not None, "the twin runs only inside its with block"
        return self._serving

    @property
    def endpoints(self) -> dict[str, Any]:
        """Ports, user and password, as `xapi-twin run --endpoints` writes them."""
        return self.serving.endpoints

    @property
    def endpoints_path(self) -> Path:
        """A file with the endpoints."""
        path = self.serving.folder / "endpoints.json"
        path.write_text(json.dumps(self.endpoints, indent=1), encoding="utf-8")
        return path

    @property
    def inventory_path(self) -> Path:
        """A file with an Ansible inventory of the hosts."""
        path = self.serving.folder / "inventory.yml"
        path.write_text(inventory(self.endpoints), encoding="utf-8")
        return path

    @property
    def database(self) -> Database:
        """Read only."""
        return self.twin.database

    @property
    def journal(self) -> Journal:
        return self.twin.journal

    def state(self) -> dict[str, Any]:
        """The pool as plain data."""
        return self.call(self.twin.state)

    def run(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run a coroutine function in the twin's loop and answer its result: `twin.run(twin.twin.host("xs-2").restart_xapi)`."""

        async def work() -> T:
            return await function(*arguments)

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run an ordinary function in the twin's loop and answer its result."""

        async def work() -> T:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    def add_fault(self, **entry: Any) -> None:
        """Plan a fault: `twin.add_fault(when={"method": "Bond.create"}, do="drop", stage="after")`."""
        self.call(self.twin.faults.add, entry)

    def __enter__(self) -> RunningTwin:
        self._thread.start()
        try:
            self._serving = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self.serving.stop(), self._loop).result()
        finally:
            self._end()

    async def _start(self) -> Serving:
        serving = await Serving.start(self.scenario, **self._options)
        if self._on_point is not None:
            serving.twin.faults.on_point.append(self._on_point)
        return serving

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
