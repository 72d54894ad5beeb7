# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx_setup.yml with the real modules of awx.awx against a stand-in for AWX's API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.awx.controller import Controller, Record, Refused, check_survey, render_injectors, running
from tests.awx.jobs import data

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-the-test"


IMAGE = "registry.example.com/xapi-network:1.0.0"
URL = "https://github.com/xapi-network/xapi.network.git"
TEMPLATES = ("plan", "rehearse", "apply", "verify", "remove")


@dataclass(frozen=True)
class Site:
    """An AWX, and the kit as a site runs it."""

    awx: Controller
    address: str
    tokens: dict[str, int]
    collections: Path

    def run(self, *arguments: str, token: str = TOKEN, image: str = IMAGE, **variables: Any) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CONTROLLER_", "TOWER_"))}
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'build' / 'dev'}:{self.collections}",
            "ANSIBLE_NOCOLOR": "1",
            "CONTROLLER_HOST": self.address,
            "CONTROLLER_OAUTH_TOKEN": token,
        }
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "xapi.network.awx_setup", *arguments]
        command += ["-e", json.dumps({"awx_setup_image": image, **variables})]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=400)

    def set_up(self, *arguments: str, **variables: Any) -> int:
        """Runs the kit, which has to succeed; gives the number of tasks that changed something."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        recap = re.search(r"changed=(\d+)", done.stdout)
        assert recap, done.stdout
        return int(recap[1])

    def template(self, name: str) -> Record:
        return self.awx.all("job_templates")[f"Storage bond - {name}"]

    def credential(self, name: str, kind: str = "XenServer or XCP-ng pool", organization: int = 1) -> int:
        """What a person makes in AWX."""
        kinds = self.awx.all("credential_types")
        number = kinds[kind]["id"] if kind in kinds else self.awx.create("credential_types", {"name": kind, **MADE_BY_AWX})["id"]
        return int(self.awx.create("credentials", {"name": name, "organization": organization, "credential_type": number})["id"])

    def credentials(self, record: Record) -> list[int]:
        return sorted(self.awx.associations.get(f"{record['url']}credentials/", []))

    def status(self, method: str, path: str, token: str) -> int:
        """What AWX answers to somebody."""
        request = urllib.request.Request(self.address + path, method=method, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code

    def way(self, workflow: str, after: str = "success") -> dict[str, list[str]]:
        """What comes after each node when its job has ended so."""
        number = self.awx.all("workflow_job_templates")[workflow]["id"]
        nodes = [node for node in self.awx.records["workflow_job_template_nodes"].values() if node["workflow_job_template"] == number]
        names = {node["id"]: node["identifier"] for node in nodes}
        paths = {node["identifier"]: f"{node['url']}{after}_nodes/" for node in nodes}
        return {name: [names[one] for one in self.awx.associations.get(path, [])] for name, path in paths.items()}


def variables_of(site: Site, workflow: str) -> Record:
    return dict(yaml.safe_load(site.awx.all("workflow_job_templates")[workflow]["extra_vars"]))


MADE_BY_AWX: Record = {"kind": "cloud", "inputs": {"fields": []}, "injectors": {}}
POOLS = [{"name": "berlin", "credential": "root berlin", "machine_credential": "dom0"}, {"name": "lisbon", "credential": "root lisbon"}]


@pytest.fixture
def site(awx_awx: Path) -> Iterator[Site]:
    with running(TOKEN, {URL: ROOT}) as (controller, address, tokens):
        yield Site(controller, address, tokens, awx_awx)


pytestmark = pytest.mark.timeout(600)


def test_one_run_sets_everything_up_and_a_second_changes_nothing(site: Site) -> None:
    site.set_up("--check")
    assert site.awx.writes == 0 and "job_templates" not in site.awx.records
    assert site.set_up() > 0
    assert set(site.awx.all("job_templates")) == {f"Storage bond - {name}" for name in TEMPLATES}
    assert set(site.awx.all("credential_types")) == {"XenServer or XCP-ng pool"}
    writes = site.awx.writes
    assert site.set_up() == 0
    assert site.set_up("--check") == 0
    assert site.awx.writes == writes

    plan, apply = site.template("plan"), site.template("apply")
    assert (plan["job_type"], apply["job_type"]) == ("check", "run")
    assert plan["playbook"] == apply["playbook"]
    for template in site.awx.all("job_templates").values():
        assert template["allow_simultaneous"] is False
        assert [name for name in ("inventory", "limit", "credential", "job_slice_count") if not template[f"ask_{name}_on_launch"]] == []
        check_survey(site.awx.surveys[template["related"]["survey_spec"]])
    _workflow_goes_plan_rehearsal_approval_apply_verify(site)


def _workflow_goes_plan_rehearsal_approval_apply_verify(site: Site) -> None:
    assert site.way("Storage bond") == {
        "plan": ["rehearse"],
        "rehearse": ["approve"],
        "approve": ["apply"],
        "apply": ["verify"],
        "verify": [],
    }
    # A plan of nothing fails, and then there is nothing to approve.
    assert {name: nodes for name, nodes in site.way("Storage bond", after="failure").items() if nodes} == {"plan": ["verify"]}
    assert variables_of(site, "Storage bond") == {"storage_bond_plan_unchanged": "fail"}
    for node in site.awx.all("workflow_job_template_nodes").values():
        if node["identifier"] != "approve":
            assert node["unified_job_template"] == site.template(node["identifier"])["id"]
    (approval,) = site.awx.records["workflow_approval_templates"].values()
    assert (approval["name"], approval["timeout"]) == ("Storage bond - approve", 86400)
    assert site.awx.all("workflow_job_templates")["Storage bond"]["allow_simultaneous"] is False


def test_without_an_image_it_says_what_to_give_and_writes_nothing(site: Site) -> None:
    run = site.run(image="")
    assert run.returncode != 0
    assert "awx_setup_image" in run.stdout
    assert site.awx.writes == 0


def test_a_wrong_token_is_a_sentence_and_nothing_more(site: Site) -> None:
    run = site.run(token="wrong")
    assert run.returncode != 0
    assert f"{site.address} does not let you in." in run.stdout and "Invalid authentication credentials" in run.stdout
    assert "injectors" not in run.stdout


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("credential_types", "(item=XenServer or XCP-ng pool)"),
        ("job_templates", "(item=Storage bond - plan)"),
        ("survey_spec", "(item=Storage bond - plan)"),
        ("workflow_job_templates", "(item=Storage bond)"),
        ("workflow_job_template_nodes", "(item=Storage bond: plan)"),
    ],
)
def test_an_awx_that_does_not_answer_in_time_is_said_without_all_that_was_sent(site: Site, endpoint: str, where: str) -> None:
    site.awx.overloaded = {endpoint}
    run = site.run()
    (said,) = [line for line in run.stdout.splitlines() if line.startswith("failed: ") and where in line]
    assert run.returncode != 0 and "server error" in said
    sent = ("help_text", "question_name", "Accepted risks", "template.ca_certificate", "Make the bond", "Read the job of the plan")
    assert len(said) < 700 and not any(word in said for word in sent), said


def test_an_organization_or_a_credential_that_is_not_there_is_named_before_anything_is_written(site: Site) -> None:
    run = site.run(awx_setup_organization="Storage")
    assert run.returncode != 0 and "AWX has no organization Storage that you may see." in run.stdout
    run = site.run(awx_setup_credential="pool-1")
    assert run.returncode != 0 and "AWX has no credential pool-1 in the organization Default" in run.stdout
    assert site.awx.writes == 0


def test_a_project_that_cannot_be_brought_in_says_why_and_is_brought_in_by_the_next_run(site: Site) -> None:
    run = site.run(awx_setup_project_url="https://git.example.com/wrong.git")
    assert run.returncode != 0
    said = "AWX cannot bring in the project xapi.network from https://git.example.com/wrong.git, branch 1.0.0: fatal: "
    assert said in run.stdout and "does not appear to be a git repository" in run.stdout
    assert "job_templates" not in site.awx.records
    site.set_up(awx_setup_project_url=URL)
    assert set(site.awx.all("job_templates")) == {f"Storage bond - {name}" for name in TEMPLATES}


def test_what_is_new_on_the_branch_is_brought_in_by_the_next_run(site: Site, tmp_path: Path) -> None:
    """AWX brings a project in by itself when its address or its branch is another, and not when the branch has more than it had."""
    shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks")
    (tmp_path / "playbooks" / "storage_bond_rehearse.yml").rename(tmp_path / "later.yml")
    site.awx.repositories[URL] = tmp_path
    run = site.run()
    assert run.returncode != 0 and "Playbook not found for project." in run.stdout
    (tmp_path / "later.yml").rename(tmp_path / "playbooks" / "storage_bond_rehearse.yml")
    site.set_up()
    assert site.awx.all("projects")["xapi.network"]["scm_revision"] and site.template("rehearse")

    (tmp_path / "playbooks" / "storage_bond.yml").write_text("# mended\n", encoding="utf-8")
    assert site.set_up() == 1
    assert site.set_up() == 0


def test_what_the_kit_was_not_told_stays_as_the_site_has_it(site: Site) -> None:
    site.set_up()
    pool, key, vault = site.credential("pool-1"), site.credential("dom0", "Machine"), site.credential("site", "Vault")
    site.set_up(awx_setup_credential="pool-1", awx_setup_machine_credential="dom0")
    for name in TEMPLATES:
        site.awx.associate(f"{site.template(name)['url']}credentials/", {"id": vault})
    source, project = site.awx.all("inventory_sources")["xs_pools"], site.awx.all("projects")["xapi.network"]
    site.awx.change("inventory_sources", source["id"], {"source_path": "inventory/ours.xs_pools.yml"})
    site.awx.change("projects", project["id"], {"scm_branch": "ours"})
    writes = site.awx.writes
    assert site.set_up() == 0
    assert site.awx.writes == writes
    assert site.credentials(site.template("apply")) == sorted([pool, key, vault])

    other = site.credential("pool-2")
    site.set_up(awx_setup_credential="pool-2")
    assert site.credentials(site.template("apply")) == sorted([other, key, vault])
    source = site.awx.all("inventory_sources")["xs_pools"]
    assert (source["credential"], source["source_path"]) == (other, "inventory/ours.xs_pools.yml")


def test_two_organizations_have_each_their_own(site: Site) -> None:
    second = site.awx.create("organizations", {"name": "Lab"})["id"]
    site.set_up()
    site.credential("pool-1")
    mine = site.credential("pool-1", organization=second)
    site.set_up(awx_setup_organization="Lab", awx_setup_credential="pool-1")
    writes = site.awx.writes
    assert site.set_up() == 0 and site.set_up(awx_setup_organization="Lab", awx_setup_credential="pool-1") == 0
    assert site.awx.writes == writes
    templates = [one for one in site.awx.records["job_templates"].values() if one["name"] == "Storage bond - apply"]
    assert [one["organization"] for one in templates] == [1, second]
    assert [site.credentials(one) for one in templates] == [[], [mine]]
    for one in templates:
        assert site.awx.records["inventories"][one["inventory"]]["organization"] == one["organization"]


def test_each_pool_of_a_list_has_a_workflow_an_inventory_and_a_login_of_its_own(site: Site) -> None:
    site.set_up()
    berlin, lisbon, key = site.credential("root berlin"), site.credential("root lisbon"), site.credential("dom0", "Machine")
    site.set_up(awx_setup_credential="root berlin")  # which AWX lets no node of a workflow have, too
    site.set_up(awx_setup_pools=POOLS)
    assert site.set_up(awx_setup_pools=POOLS) == 0
    for pool, credentials in (("berlin", sorted([berlin, key])), ("lisbon", [lisbon])):
        workflow = site.awx.all("workflow_job_templates")[f"Storage bond of {pool}"]
        inventory = site.awx.all("inventories")[f"XenServer and XCP-ng pools - {pool}"]
        (source,) = [one for one in site.awx.records["inventory_sources"].values() if one["inventory"] == inventory["id"]]
        assert workflow["inventory"] == inventory["id"]
        assert source["credential"] in credentials
        for node in site.awx.records["workflow_job_template_nodes"].values():
            if node["workflow_job_template"] == workflow["id"] and node["identifier"] != "approve":
                assert site.credentials(node) == credentials
    assert site.template("apply")["allow_simultaneous"] is True


def test_the_rehearsal_can_be_left_out_later_too(site: Site) -> None:
    site.set_up()
    site.set_up(awx_setup_rehearse=False)
    assert site.way("Storage bond") == {"plan": ["approve"], "approve": ["apply"], "apply": ["verify"], "verify": []}
    assert site.set_up(awx_setup_rehearse=False) == 0


def test_variables_that_a_site_has_given_to_the_workflow_stay(site: Site) -> None:
    site.set_up()
    workflow = site.awx.all("workflow_job_templates")["Storage bond"]
    site.awx.change("workflow_job_templates", workflow["id"], {"extra_vars": "colour: blue\n"})
    assert site.set_up() == 1
    assert variables_of(site, "Storage bond") == {"colour": "blue", "storage_bond_plan_unchanged": "fail"}
    assert site.set_up() == 0


def test_who_may_approve_can_read_the_plan_and_nobody_goes_round_the_approval(site: Site) -> None:
    teams = {"awx_setup_operators": "Operators", "awx_setup_approvers": ["Approvers"], "awx_setup_auditors": "Auditors"}
    site.set_up(**teams)
    assert site.set_up(**teams) == 0
    workflow = site.awx.all("workflow_job_templates")["Storage bond"]
    jobs = {name: site.awx.create("jobs", {"job_template": site.template(name)["id"]}) for name in TEMPLATES}
    waiting = site.awx.create("workflow_approvals", {"workflow_job_template": workflow["id"]})
    approve, run = ("POST", f"{waiting['url']}approve/"), ("POST", f"{workflow['url']}launch/")
    for team, may in {"Operators": (403, 201), "Approvers": (204, 403), "Auditors": (403, 403)}.items():
        site.tokens[team] = site.awx.join(f"someone of {team}", team)
        assert {site.status("GET", job["url"], team) for job in jobs.values()} == {200}
        assert (site.status(*approve, team), site.status(*run, team)) == may
        assert site.status("POST", f"{site.template('apply')['url']}launch/", team) == 403
    site.tokens["stranger"] = site.awx.join("a stranger", "Auditors")
    site.awx.associations.pop(f"/api/v2/teams/{site.awx.all('teams')['Auditors']['id']}/users/")
    assert site.status("GET", jobs["plan"]["url"], "stranger") == 403


def test_the_roles_that_the_guide_lists_for_configuration_as_code_serve_all_that_the_kit_describes() -> None:
    """infra.aap_configuration: a role reads the variable of its name, but for these three (its dispatch role, defaults/main.yml)."""
    guide = (ROOT / "docs" / "docsite" / "rst" / "guide_awx.rst").read_text(encoding="utf-8")
    printed = guide.split(":caption: controller.yml\n", 1)[1].split("\nExpect", 1)[0]
    ((play,), described) = (yaml.safe_load(textwrap.dedent(printed)), data())
    other = {"teams": "aap_teams", "job_templates": "controller_templates", "workflow_job_templates": "controller_workflows"}
    reads = [other.get(role.removeprefix("controller_"), role) for role in play["tasks"][0]["loop"]]
    assert sorted(reads) == sorted(name for name in described if name.startswith(("controller_", "aap_")))
    assert reads.index("aap_teams") < reads.index("controller_roles") == len(reads) - 1
    assert described["controller_projects"][0]["update_project"], "or a playbook that is new on the branch is not found"


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
