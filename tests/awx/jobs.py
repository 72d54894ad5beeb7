# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: ansible-runner in a private data directory, with nothing of the user's around.

Facts: awx/main/tasks/jobs.py. The inventory is a script that prints JSON; what the survey said and AWX's own variables are extra variables
in a file; a credential is environment and files; the machine credential is an SSH key in an agent and a user on the command line.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

from tests.awx.controller import Record, render_injectors

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# Where the execution environment has its collections; everything else that a job's environment has in AWX and that matters here.
SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "dev"),
    "ANSIBLE_FORCE_COLOR": "True",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "AWX_HOST": "https://awx.example.com",
    "JOB_ID": "42",
}
EVENT_SHOWN = 1024  # EVENT_STDOUT_MAX_BYTES_DISPLAY in awx/settings/defaults.py
OF_AWX = {"awx_job_id": 42, "awx_job_launch_type": "manual", "awx_project_revision": "0" * 40, "awx_user_name": "admin"}


class _Loader(yaml.SafeLoader):
    """YAML with Ansible's !unsafe, which keeps a template from Ansible."""


_Loader.add_constructor("!unsafe", lambda loader, node: str(node.value))


def data() -> Record:
    """playbooks/vars/awx.yml."""
    loaded: Record = yaml.load((ROOT / "playbooks" / "vars" / "awx.yml").read_text(encoding="utf-8"), Loader=_Loader)
    return loaded


@dataclass(frozen=True)
class Job:
    status: str  # successful, failed
    output: str
    events: Sequence[Record]

    @property
    def artifacts(self) -> Record:
        """What set_stats left, as AWX keeps it."""
        found = [event["event_data"].get("artifact_data", {}) for event in self.events if event["event"] == "playbook_on_stats"]
        return dict(found[-1]) if found else {}

    @property
    def changed(self) -> set[str]:
        stats = next(event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        return {host for host, number in stats["changed"].items() if number}

    @property
    def everything(self) -> str:
        return self.output + json.dumps(self.events)


@dataclass(frozen=True)
class Launch:
    """One job: a template, what the survey was answered, and where it runs. `inventory` is what an inventory update brought."""

    folder: Path
    template: str
    inventory: Record
    credential: Mapping[str, Any] | None  # a template without one can be launched
    survey: Mapping[str, str]
    ssh_key: str
    limit: str = ""
    arguments: str = ""
    run_in: Path | None = None  # where an execution node unpacks the job
    environment: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> list[str]:
        """Writes the private data directory; gives the arguments of ansible-runner that AWX gives."""
        template = template_of(self.template)
        for name in ("project", "inventory", "env"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "project" / "playbooks").symlink_to(ROOT / "playbooks")
        hosts = self.folder / "inventory" / "hosts"
        hosts.write_text(f"#!{sys.executable}\nprint({json.dumps(self.inventory)!r})\n", encoding="utf-8")
        hosts.chmod(0o700)
        (type_of_credential,) = data()["controller_credential_types"]
        place = self.run_in or self.folder
        environment, files = (
            render_injectors(type_of_credential, dict(self.credential), folder=str(place / "env")) if self.credential else ({}, {})
        )
        for path, text in files.items():
            (self.folder / "env" / Path(path).name).write_text(text, encoding="utf-8")
        values = {**SETTINGS, **self.environment, **environment}
        (self.folder / "env" / "envvars").write_text(json.dumps(values), encoding="utf-8")
        (self.folder / "env" / "extravars").write_text(as_awx_writes({**OF_AWX, **self.survey}), encoding="utf-8")
        (self.folder / "env" / "ssh_key").write_text(self.ssh_key, encoding="utf-8")
        (self.folder / "env" / "settings").write_text(json.dumps({"suppress_env_files": True}), encoding="utf-8")
        words = ["-u root", "--check" if template["job_type"] == "check" else "", "--diff" if template["diff_mode"] else "", self.arguments]
        (self.folder / "env" / "cmdline").write_text(" ".join(filter(None, words)), encoding="utf-8")
        return ["-p", str(template["playbook"]), *(["--limit", self.limit] if self.limit else [])]

    def run(self) -> Job:
        """In one place, as on a control node."""
        words = self.prepare()
        done = _runner("run", str(self.folder), "--ident", "job", *words)
        return _read(self.folder, done)

    def run_on_execution_node(self) -> Job:
        """Packed up, run elsewhere, and its results brought back, as receptor does it."""
        words = self.prepare()
        packed = _runner("transmit", str(self.folder), "--ident", "job", *words)
        assert self.run_in is not None
        self.run_in.mkdir()
        worked = _runner("worker", "--private-data-dir", str(self.run_in), given=packed.stdout)
        back = self.folder.parent / f"{self.folder.name}-back"
        back.mkdir()
        done = _runner("process", str(back), "--ident", "job", given=worked.stdout)
        return _read(back, done)


class _Dumper(yaml.SafeDumper):
    """AWX's way to write extra variables: YAML in which every text, keys too, has the tag !unsafe (awx/main/utils/safe_yaml.py)."""

    def represent_data(self, data: Any) -> yaml.Node:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def as_awx_writes(variables: Mapping[str, Any]) -> str:
    """The file of extra variables. From ansible-core 2.19 on, a text with that tag is read as if it had neither tag nor quotes."""
    return "".join(yaml.dump({key: value}, Dumper=_Dumper, default_flow_style=False) for key, value in variables.items())


def template_of(name: str) -> Record:
    (template,) = [template for template in data()["controller_templates"] if template["name"] == f"Storage bond - {name}"]
    return dict(template)


def workflows() -> list[Record]:
    """The workflows of the kit as its templates render them, with nothing said to it."""
    variables = data()
    text = "{% set awx_pools = [] %}{% set awx_rehearse = true %}{% set awx_organization = 'Default' %}" + variables["awx_workflows"]
    templates = Environment()
    templates.filters["to_json"] = json.dumps
    made: list[Record] = yaml.safe_load(templates.from_string(text).render(awx_inventory=variables["awx_inventory"]))
    return made


def update_inventory(source: Path, credential: Mapping[str, Any], folder: Path) -> Record:
    """An inventory update: ansible-inventory with the source and the credential's environment."""
    done = _update(source, credential, folder)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout))


def failed_update(source: Path, folder: Path) -> str:
    """What the update of a source without a credential says. A job that needs it is then not started at all ("Previous Task Failed")."""
    done = _update(source, None, folder)
    assert done.returncode != 0, done.stdout[-4000:]
    return " ".join(done.stderr.split())


def _update(source: Path, credential: Mapping[str, Any] | None, folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    (type_of_credential,) = data()["controller_credential_types"]
    environment, files = render_injectors(type_of_credential, dict(credential), folder=str(folder)) if credential else ({}, {})
    for path, text in files.items():
        Path(path).write_text(text, encoding="utf-8")
    command = [BIN / "ansible-inventory", "-i", source, "--list", "--export"]
    # An update is no job, and has a number of its own (awx/main/tasks/jobs.py, RunInventoryUpdate.build_env).
    around = _around() | {name: value for name, value in SETTINGS.items() if name != "JOB_ID"} | {"INVENTORY_UPDATE_ID": "17"} | environment
    return subprocess.run([str(word) for word in command], env=around, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def as_awx_keeps(inventory: Record) -> Record:
    """What AWX's inventory script prints after an import: variables in _meta, groups with hosts."""
    return {"all": {"children": sorted(name for name in inventory if name not in ("_meta", "all"))}, **inventory}


def limited(inventory: Record, group: str) -> Record:
    """What a constructed inventory with a limit holds: the hosts of one group."""
    return _only(inventory, set(inventory[group]["hosts"]))


def sliced(inventory: Record, number: int, count: int) -> Record:
    """The part of an inventory that slice `number` of `count` gets: every count-th host, by name (awx/main/models/inventory.py)."""
    return _only(inventory, set(sorted(inventory["_meta"]["hostvars"])[number - 1 :: count]))


def _only(inventory: Record, hosts: set[str]) -> Record:
    cut: Record = {"_meta": {"hostvars": {host: values for host, values in inventory["_meta"]["hostvars"].items() if host in hosts}}}
    for name, group in inventory.items():
        if name != "_meta":
            cut[name] = {key: [host for host in value if host in hosts] if key == "hosts" else value for key, value in group.items()}
    return cut


def _around() -> dict[str, str]:
    """The environment of an execution environment: a path and a home, nothing of Ansible's or of XAPI's."""
    return {"PATH": f"{BIN}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(ROOT / "build" / "ansible-test"), "LANG": "C.UTF-8"}


def playbook(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A playbook of a site, without hosts."""
    command = [str(BIN / "ansible-playbook"), "-i", "localhost,", str(path), *arguments]
    return subprocess.run(command, env=_around(), capture_output=True, text=True, timeout=60, check=False)


def shown(job: Job) -> str:
    """The output as a person reads it in AWX, in one line: of an event it has no more than so many characters
    (awx/api/serializers.py, JobEventSerializer.to_representation), but for those of a whole play.
    """
    cut = [
        text if event["event"].startswith("playbook_on") or len(text) <= EVENT_SHOWN else text[: EVENT_SHOWN - 1] + "…"
        for event in job.events
        for text in [str(event.get("stdout") or "")]
    ]
    return one_line(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(cut)).replace("\\n", "\n"))


def one_line(text: str) -> str:
    return " ".join(text.split())


def _runner(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [str(BIN / "ansible-runner"), *arguments]
    return subprocess.run(command, env=_around(), input=given, capture_output=True, timeout=150, check=False)


def _read(folder: Path, done: subprocess.CompletedProcess[bytes]) -> Job:
    place = folder / "artifacts" / "job"
    assert (place / "status").exists(), (done.stdout + done.stderr).decode(errors="replace")
    events = [json.loads(path.read_text(encoding="utf-8")) for path in (place / "job_events").glob("*.json") if "partial" not in path.name]
    output = (place / "stdout").read_text(encoding="utf-8") if (place / "stdout").exists() else done.stdout.decode(errors="replace")
    return Job((place / "status").read_text(encoding="utf-8"), output, sorted(events, key=lambda event: int(event["counter"])))
