# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx_setup.yml with the real modules of awx.awx against a stand-in for AWX's API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awx.controller import Controller, Record, Refused, check_survey, render_injectors, running
from tests.awx.jobs import data

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-the-test"


@pytest.fixture
def controller() -> Iterator[tuple[Controller, str]]:
    with running(TOKEN) as it:
        yield it


IMAGE = "registry.example.com/xapi-network:1.0.0"


def set_up(address: str, collections: Path, image: str = IMAGE) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CONTROLLER_", "TOWER_"))}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'build' / 'dev'}:{collections}",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "CONTROLLER_HOST": address,
        "CONTROLLER_OAUTH_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "xapi.network.awx_setup"]
    command += ["-e", f"awx_setup_image={image}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.timeout(300)
def test_one_run_sets_everything_up_and_a_second_changes_nothing(controller: tuple[Controller, str], awx_awx: Path) -> None:
    awx, address = controller
    first = set_up(address, awx_awx)
    assert first.returncode == 0, first.stdout + first.stderr
    assert set(awx.all("job_templates")) == {f"Storage bond - {name}" for name in ("plan", "rehearse", "apply", "verify", "remove")}
    assert set(awx.all("credential_types")) == {"XenServer or XCP-ng pool"}
    writes = awx.writes
    second = set_up(address, awx_awx)
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.search(r"changed=0\b", second.stdout), second.stdout
    assert awx.writes == writes

    plan, apply = awx.all("job_templates")["Storage bond - plan"], awx.all("job_templates")["Storage bond - apply"]
    assert (plan["job_type"], apply["job_type"]) == ("check", "run")
    assert plan["playbook"] == apply["playbook"]
    for template in awx.all("job_templates").values():
        assert template["allow_simultaneous"] is False
        assert template["survey_enabled"] is True
        assert (ROOT / template["playbook"]).is_file(), f"{template['name']} runs {template['playbook']}, which is not there"
        check_survey(awx.surveys[template["related"]["survey_spec"]])
    _workflow_goes_plan_approval_apply_verify(awx)


def _workflow_goes_plan_approval_apply_verify(awx: Controller) -> None:
    nodes = awx.all("workflow_job_template_nodes")
    numbers = {node["id"]: name for name, node in nodes.items()}
    after = {name: [numbers[number] for number in awx.associations.get(f"{node['url']}success_nodes/", [])] for name, node in nodes.items()}
    assert after == {"plan": ["approve"], "approve": ["apply"], "apply": ["verify"], "verify": []}
    templates = awx.all("job_templates")
    for name in ("plan", "apply", "verify"):
        assert nodes[name]["unified_job_template"] == templates[f"Storage bond - {name}"]["id"]
    (approval,) = awx.records["workflow_approval_templates"].values()
    assert (approval["name"], approval["timeout"]) == ("Storage bond - approve", 86400)
    assert awx.all("workflow_job_templates")["Storage bond"]["allow_simultaneous"] is False


@pytest.mark.timeout(120)
def test_without_an_image_it_says_what_to_give_and_writes_nothing(controller: tuple[Controller, str], awx_awx: Path) -> None:
    awx, address = controller
    writes = awx.writes
    run = set_up(address, awx_awx, image="")
    assert run.returncode != 0
    assert "awx_setup_image" in run.stdout
    assert awx.writes == writes


@pytest.fixture
def credential_type() -> Record:
    (only,) = data()["controller_credential_types"]
    return dict(only)


def test_credential_gives_environment_and_a_file_and_no_extra_variables(credential_type: Record) -> None:
    inputs = {"host": "xs-1.example.com", "username": "root", "password": "secret", "ca_certificate": "-----BEGIN"}
    environment, files = render_injectors(credential_type, inputs)
    assert environment == {
        "XENSERVER_HOST": "xs-1.example.com",
        "XENSERVER_USER": "root",
        "XENSERVER_PASSWORD": "secret",
        "XENSERVER_CA_PATH": next(iter(files)),
        "XENSERVER_FINGERPRINT": "",
        "XENSERVER_VALIDATE_CERTS": "true",
    }
    assert list(files.values()) == ["-----BEGIN"]
    assert set(credential_type["injectors"]) == {"env", "file"}
    assert [field["id"] for field in credential_type["inputs"]["fields"] if field.get("secret")] == ["password"]


def test_credential_without_certificate_names_no_file_and_still_verifies(credential_type: Record) -> None:
    environment, _unused = render_injectors(credential_type, {"username": "root", "password": "secret"})
    assert environment["XENSERVER_CA_PATH"] == ""
    assert environment["XENSERVER_HOST"] == ""
    assert environment["XENSERVER_VALIDATE_CERTS"] == "true"
    assert render_injectors(credential_type, {"password": "secret", "skip_verification": True})[0]["XENSERVER_VALIDATE_CERTS"] == "false"


@pytest.mark.parametrize("broken", [{"type": "choice"}, {"default": "lacp"}, {"variable": "storage_bond_network"}])
def test_stand_in_refuses_a_survey_that_awx_would_refuse(broken: Record) -> None:
    network = {"question_name": "Network", "variable": "storage_bond_network", "type": "text", "required": True, "default": ""}
    mode = network | {"question_name": "Mode", "variable": "storage_bond_mode", "type": "multiplechoice", "choices": ["active-backup"]}
    check_survey({"name": "", "description": "", "spec": [network, mode]})
    with pytest.raises(Refused):
        check_survey({"name": "", "description": "", "spec": [network, mode | broken]})
