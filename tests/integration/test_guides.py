# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README and the guides, done as a reader does them: files written, commands typed, in their order, against a twin in the place of the
pool.

Only where things are is put in: the addresses of the twin's XAPI and dom0, and the file with its certificate; and restarts are short.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.playing import assert_nothing_deprecated
from tests.unit import examples
from tests.unit.examples import Example
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LOGIN = "-p {ansible_port} -i {ansible_ssh_private_key_file} {ansible_ssh_common_args}"
pytestmark = pytest.mark.timeout(400)


class Desk:
    """An empty folder in which a reader works, and what the last command said."""

    def __init__(self, folder: Path, twin: RunningTwin) -> None:
        self.folder = folder
        self.output = ""
        self.variables: dict[str, str] = {}
        self._background: list[subprocess.Popen[bytes]] = []
        master = next(host for host in twin.endpoints["hosts"].values() if host["master"])
        certificate = Path(twin.endpoints["ca"]).read_text(encoding="utf-8")
        (folder / "certificates").mkdir()
        (folder / "certificates" / "xs-1.pem").write_text(certificate, encoding="utf-8")
        inventory = yaml.safe_load(twin.inventory_path.read_text(encoding="utf-8"))
        hosts = inventory["all"]["children"]["xs_hosts"]["hosts"]
        self.dom0 = {name: {key: value for key, value in host.items() if key.startswith("ansible_")} for name, host in hosts.items()}
        login = next(self.dom0[name] for name, host in twin.endpoints["hosts"].items() if host["master"])
        self.places = {
            "ssh root@xs-1.example.com": f"ssh {LOGIN.format(**login)} root@127.0.0.1",
            "xs-1.example.com": master["xapi"],
            "hostname: 172.16.0.10": f"hostname: {master['xapi']}",
            "--hostname 172.16.0.10": f"--hostname {master['xapi']}",
            "xapi-twin run pool.yml": "xapi-twin run pool.yml --restart-seconds 1",
            "/etc/xapi/pool.pem": str(folder / "certificates" / "xs-1.pem"),
        }

    def _put(self, text: str) -> str:
        for there, here in self.places.items():
            text = text.replace(there, here)
        return text

    def write(self, example: Example) -> None:
        path = self.folder / example.name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = yaml.safe_load(self._put(example.text))
        if example.name.endswith("xs_pools.yml"):
            names = next(iter(self.dom0.values()))
            by_name = {key: {name: dom0[key] for name, dom0 in self.dom0.items()} for key in names}
            content["compose"] = {key: f"{values}[xs_name_label]" for key, values in by_name.items()}
        elif example.name == "hosts.yml":
            for name, values in content["xs_hosts"]["hosts"].items():
                values.update(self.dom0[name])
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def type(self, command: str, *, status: int = 0) -> str:
        """Runs one command in a shell; one that ends in & goes on."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_"))}
        environment |= {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "dev"),
            "ANSIBLE_NOCOLOR": "1",
            "XENSERVER_PASSWORD": "twin",
            **self.variables,
        }
        if command.endswith("&") or command.startswith("xapi-twin run"):
            words = self._put(command).removesuffix("&").strip()
            with (self.folder / "background.log").open("wb") as log:
                running = subprocess.Popen(["/bin/sh", "-c", f"exec {words}"], cwd=self.folder, env=environment, stdout=log, stderr=log)
            self._background.append(running)
            for written in re.findall(r"--(?:endpoints|inventory) (\S+)", command):
                _wait_for(self.folder / written)
            return ""
        words = self._put(command)
        done = subprocess.run(["/bin/sh", "-c", words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        self.output = done.stdout + done.stderr
        assert_nothing_deprecated(self.output)
        assert done.returncode == status, f"$ {command}\n{self.output[-5000:]}"
        return self.output

    def leave(self) -> None:
        for running in self._background:
            running.terminate()
            running.wait(20)


def _wait_for(path: Path, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.05)


@pytest.fixture
def pool() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=1) as twin:
        yield twin


@pytest.fixture
def desk(pool: RunningTwin, tmp_path: Path) -> Iterator[Desk]:
    it = Desk(tmp_path, pool)
    yield it
    it.leave()


def writes(twin: RunningTwin) -> int:
    return sum(entry.writes for entry in twin.journal)


def bonds(twin: RunningTwin) -> int:
    return len(twin.database.all("Bond"))


def of_collection(example: Example) -> list[str]:
    """The commands that are the collection's, or go to dom0; not those that install something or ask for a password."""
    return [command for command in example.commands if command.startswith(("ansible-playbook", "ansible-inventory", "xapi-twin", "ssh "))]


def guide(name: str) -> list[Example]:
    return examples.of_guide(ROOT / "docs" / "docsite" / "rst" / f"guide_{name}.rst")


def test_first_bond(desk: Desk, pool: RunningTwin) -> None:
    seen = []
    for example in guide("first_bond"):
        if example.name:
            desk.write(example)
        for command in of_collection(example):
            before = writes(pool)
            desk.type(command)
            if command.startswith("ssh "):
                continue
            seen.append((command.split()[3].rpartition(".")[2], bonds(pool), writes(pool) > before))
            if "--check" in command:
                assert "172.16.0.36" in desk.output
    assert seen == [
        ("storage_bond", 0, False),
        ("storage_bond", 2, True),
        ("storage_bond", 2, False),
        ("storage_bond_verify", 2, False),
        ("storage_bond", 2, False),
        ("storage_bond_remove", 2, False),
        ("storage_bond_remove", 0, True),
    ]
    assert sorted(path.suffix for path in (desk.folder / "reports").iterdir()) == [".html", ".json"]
    desk.type("ansible-playbook -i pool.xs_pools.yml site.yml")
    assert bonds(pool) == 2
    desk.type("ansible-playbook -i pool.xs_pools.yml xapi.network.storage_bond_remove -e storage_bond_network=Storage")
    desk.type("ansible-playbook -i pool.xs_pools.yml steps.yml")
    assert bonds(pool) == 2


def test_rehearsal(desk: Desk, pool: RunningTwin) -> None:
    for example in guide("first_bond")[:3]:
        if example.name:
            desk.write(example)
    refused = {"nic_gone": "nic_device_missing", "swallow_bond_sync": "did not inherit the bond within 5 s"}
    expected = ""
    for command in [command for example in guide("rehearse") for command in of_collection(example)]:
        fails = bool(expected) and command.startswith("ansible-playbook")
        desk.type(command, status=2 if fails else 0)
        if fails:
            assert expected in desk.output, desk.output
        expected = next((said for fault, said in refused.items() if fault in command), "")
        if "state" in command:
            assert desk.output.count("bond0") >= 4, desk.output
    assert writes(pool) == 0, "the rehearsal wrote on the pool"


def test_certificates(desk: Desk, pool: RunningTwin) -> None:
    kept = (desk.folder / "certificates" / "xs-1.pem").read_text(encoding="utf-8")
    (desk.folder / "certificates" / "xs-1.pem").unlink()
    desk.places["/etc/pki/our-authority.pem"] = pool.endpoints["ca"]
    for example in guide("certificates"):
        if example.name and "5B:1D:…" not in example.text:
            desk.write(example)
        for command in of_collection(example):
            desk.type(command)
    assert (desk.folder / "certificates" / "xs-1.pem").read_text(encoding="utf-8") == kept
    fingerprint = desk.output.partition("=")[2].strip()
    desk.type("ansible-playbook play_authority.yml")
    desk.type("ansible-inventory -i pool.xs_pools.yml --graph")
    assert "xs-2" in desk.output
    (desk.folder / "hosts.yml").write_text(pool.inventory_path.read_text(encoding="utf-8"), encoding="utf-8")
    (desk.folder / "group_vars").mkdir()
    command = "ansible-playbook -i hosts.yml xapi.network.storage_bond -e storage_bond_network=S -e storage_bond_nics=eth2,eth4 --check"
    for shown, status in ((f"{fingerprint}, {'00:' * 31}00", 0), ("00:" * 31 + "00", 2)):
        (desk.folder / "group_vars" / "xs_hosts.yml").write_text(f"xapi_fingerprint: '{shown}'\n", encoding="utf-8")
        desk.type(command, status=status)


def test_many_pools(desk: Desk, pool: RunningTwin) -> None:
    tutorial = (ROOT / "twin/xapi_twin/scenarios/tutorial.yml").read_text(encoding="utf-8")
    text = tutorial.replace("xs-", "xs-1").replace("pool: tutorial", "pool: other")
    text = re.sub(r"uuid: [0-9a-f-]{36},? ?", "", text)
    text = re.sub(r"\n +\n", "\n", text)
    with RunningTwin(read_scenario(text, "other").with_options(restart_seconds=1, password="another")) as second:
        inventory = yaml.safe_load(second.inventory_path.read_text(encoding="utf-8"))
        desk.dom0 |= {
            name: {key: value for key, value in host.items() if key.startswith("ansible_")}
            for name, host in inventory["all"]["children"]["xs_hosts"]["hosts"].items()
        }
        desk.places["xs-11.example.com"] = second.endpoints["hosts"]["xs-11"]["xapi"]
        both = [Path(twin.endpoints["ca"]).read_text(encoding="utf-8") for twin in (pool, second)]
        (desk.folder / "certificates" / "all.pem").write_text("".join(both), encoding="utf-8")
        desk.variables["FRANKFURT_PASSWORD"] = "another"
        for example in guide("many_pools"):
            if example.name and example.name not in ("canary.yml", "bond.yml"):
                desk.write(example)
        graph, run, limited = [command for example in guide("many_pools") for command in of_collection(example)]
        desk.type(graph)
        assert "@xs_pool_frankfurt" in desk.output
        desk.type(run)
        modes = [{bond["mode"] for bond in twin.database.all("Bond").values()} for twin in (pool, second)]
        assert modes == [{"active-backup"}, {"lacp"}]
        before = writes(second)
        desk.type(limited)
        assert (bonds(pool), bonds(second), writes(second)) == (2, 2, before)


def test_readme(desk: Desk, pool: RunningTwin) -> None:
    seen = []
    for example in examples.of_markdown(ROOT / "README.md"):
        if example.name == "hosts.yml":
            desk.write(example)
        for command in of_collection(example):
            if " -i " not in command and not command.startswith("xapi-twin"):
                continue
            desk.type(command)
            seen.append((command.split()[0], bonds(pool)))
    assert [number for program, number in seen if program == "ansible-playbook"][:4] == [0, 2, 2, 0]
