# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source of ansible-rulebook on a twin: by itself, and in a real ansible-rulebook with the collection's own rulebook."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.integration import playing
from tests.integration.playing import BIN, COLLECTIONS
from tests.integration.test_bond import bond
from xapi_twin.running import RunningTwin

SOURCE = COLLECTIONS / "ansible_collections/xapi/network/extensions/eda/plugins/event_source/xapi.py"
PASSWORD = "the pool's own secret"


def source() -> Any:
    """The file, loaded as ansible-rulebook loads it: by its path."""
    about = importlib.util.spec_from_file_location("event_source_under_test", SOURCE)
    assert about and about.loader
    module = importlib.util.module_from_spec(about)
    about.loader.exec_module(module)
    return module


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=1, password=PASSWORD) as running:
        yield running


class Listener:
    """The source at work in a thread of its own, and what it has told."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.events: list[dict[str, Any]] = []
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._options = options
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Listener:
        self._thread.start()
        self.wait_for("watching")
        return self

    def __exit__(self, *_unused: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the source does not stop"

    def _run(self) -> None:
        async def work() -> None:
            queue: asyncio.Queue[Any] = asyncio.Queue()
            self._task = asyncio.ensure_future(source().main(queue, self._options))
            while not self._task.done():
                got = asyncio.ensure_future(queue.get())
                await asyncio.wait({got, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if got.done():
                    self.events.append(got.result())
                else:
                    got.cancel()
            if not self._task.cancelled():
                self.error = self._task.exception()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(work())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def wait_for(self, kind: str, seconds: float = 20) -> dict[str, Any]:
        def told() -> bool:
            if self.error:
                raise self.error
            return any(event["type"] == kind for event in self.events)

        eventually(told, f"event {kind}", seconds)
        return next(event for event in self.events if event["type"] == kind)


def eventually(seen: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.05)
    return found


def test_a_link_that_is_lost_is_told_as_it_happens(twin: RunningTwin) -> None:
    with Listener(playing.connection(twin)) as listener:
        twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
        event = listener.wait_for("nic_link_lost")
    assert (event["host"]["name"], event["pif"]["device"], event["pool"]["name"]) == ("xs-2", "eth4", "tutorial")
    assert twin.journal.writes() == []


def test_the_example_speaks_of_what_comes_and_asks_for_what_there_is(twin: RunningTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    (rules,) = yaml.safe_load(source().EXAMPLES)
    given, rule = rules["sources"][0]["xapi.network.xapi"], rules["rules"][0]
    assert set(given) <= set(yaml.safe_load(source().DOCUMENTATION)["options"])
    monkeypatch.setenv("XENSERVER_PASSWORD", PASSWORD)
    bond(twin, strategy="direct")
    with Listener({**given, "hostname": playing.connection(twin)["hostname"], "ca_path": str(twin.endpoints["ca"])}) as listener:
        bonds = twin.twin.database.all("Bond")
        eventually(lambda: {record["links_up"] for record in bonds.values()} == {2}, "bond with all its links", 60)
        twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
        event = listener.wait_for("bond_link_lost")
    assert jinja2.Environment().compile_expression(rule["condition"])(event=event) is True
    assert jinja2.Template(rule["action"]["debug"]["msg"]).render(event=event) == "bond0 of xs-2 has 1 links left"


def test_what_happened_while_the_master_restarted_is_told_afterwards(twin: RunningTwin, caplog: pytest.LogCaptureFixture) -> None:
    with Listener(playing.connection(twin)) as listener:
        twin.run(twin.twin.host("xs-1").stop_xapi)
        eventually(lambda: "is down or restarting" in caplog.text or "lost" in caplog.text, "word of the lost connection")
        twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
        twin.run(twin.twin.host("xs-1").start_xapi)
        listener.wait_for("nic_link_lost", 40)
        eventually(lambda: "is back" in caplog.text, "word that it is back")
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(listener.events)


def test_a_wrong_password_ends_it_with_a_sentence_and_is_not_tried_again(twin: RunningTwin) -> None:
    module = source()
    options = {**playing.connection(twin), "password": "wrong secret"}
    with pytest.raises(module.SourceError, match="XAPI does not accept the password of user root") as failed:
        asyncio.run(module.main(asyncio.Queue(), options))
    assert "wrong secret" not in str(failed.value)
    assert twin.journal.count("session.login_with_password") == 1


def test_options_come_from_the_environment_where_the_rulebook_says_nothing() -> None:
    module = source()
    environment = {"XENSERVER_HOST": "xs-1", "XENSERVER_PASSWORD": "x", "XENSERVER_VALIDATE_CERTS": "no", "XENSERVER_TIMEOUT": "5"}
    found = module.connection({"username": "reader"}, environment)
    assert (found.hostname, found.username, found.validate_certs, found.timeout) == ("xs-1", "reader", False, 5.0)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({}, "needs hostname: as its option, or in the environment variable XENSERVER_HOST"),
        ({"hostname": "xs-1"}, "needs password"),
        ({"hostname": "xs-1", "password": "x", "validate_certs": "flase"}, "has to be true or false, and flase is neither"),
        ({"hostname": "xs-1", "password": "x", "host": "xs-1"}, "has no option host"),
        ({"hostname": "xs-1", "password": "x", "timeout": "soon"}, "has to be a number of seconds, and soon is none"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(args: dict[str, Any], sentence: str) -> None:
    module = source()
    with pytest.raises(module.SourceError, match=sentence):
        module.connection(args, {})


def why_no_rulebook() -> str:
    if not (BIN / "ansible-rulebook").exists():
        return "ansible-rulebook is not installed"
    return "" if shutil.which("java") else "ansible-rulebook needs Java (apt-get install openjdk-17-jre-headless)"


class Rulebook:
    """A real ansible-rulebook with the collection's rulebook, and all that it has printed."""

    def __init__(self, folder: Path, twin: RunningTwin) -> None:
        inventory = yaml.safe_load(twin.inventory_path.read_text(encoding="utf-8"))
        inventory["all"]["vars"] = {"storage_bond_network": "NAS", "storage_bond_nics": ["eth2", "eth4"]}
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_", "PYTHONPATH"))}
        self.environment = kept | playing.environment(twin) | {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1",
        }  # fmt: skip
        self.folder, self.log = folder, folder / "rulebook.log"

    def __enter__(self) -> Rulebook:
        command = ["ansible-rulebook", "--rulebook", "xapi.network.storage_bond_drift", "--inventory", "hosts.yml", "-vv"]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        return self

    def __exit__(self, *_unused: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def runs(self) -> list[str]:
        """The status of every playbook that it has run to its end."""
        return re.findall(r"Ansible runner rc: \d+, status: (\w+)", self.log.read_text(encoding="utf-8"))

    def wait_for_runs(self, number: int) -> str:
        return str(eventually(lambda: self.runs()[number - 1 :], f"{number} runs in\n{self.log.read_text()[-3000:]}", 120)[0])


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.skipif(bool(why_no_rulebook()), reason=why_no_rulebook())
def test_a_real_rulebook_checks_the_bonds_when_something_happens_to_them(twin: RunningTwin, tmp_path: Path) -> None:
    with Rulebook(tmp_path, twin) as rulebook:
        assert rulebook.wait_for_runs(1) == "failed", "there is no bond yet"
        assert "there is no network NAS in the pool" in rulebook.log.read_text()

        made = subprocess.run(
            ["ansible-playbook", "-i", "hosts.yml", "xapi.network.storage_bond"],
            cwd=tmp_path, env=rulebook.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        settled = len(rulebook.runs())

        twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
        assert rulebook.wait_for_runs(settled + 1) == "successful", "a bond with one link is as it should be, with a warning"
        assert "xs-2: no link on eth4" in rulebook.log.read_text()
        assert rulebook.runs() == ["failed", "successful"], "the run of the role itself was no reason to check"
    assert PASSWORD not in rulebook.log.read_text()
