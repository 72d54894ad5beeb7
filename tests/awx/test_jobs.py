# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job templates run as AWX runs them, against a twin: credentials by environment and file only, every answer of a survey a string."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.awx.controller import Record
from tests.awx.jobs import (
    EVENT_SHOWN,
    ROOT,
    Job,
    Launch,
    as_awx_keeps,
    as_awx_writes,
    data,
    failed_update,
    limited,
    one_line,
    playbook,
    shown,
    sliced,
    template_of,
    update_inventory,
    workflows,
)
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import read_scenario

PASSWORD = "not-to-be-seen-4711"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=1, password=PASSWORD) as running:
        yield running


def credential(twin: RunningTwin) -> dict[str, Any]:
    """What a person types into AWX's form."""
    master = next(host for host in twin.endpoints["hosts"].values() if host["master"])
    authority = Path(twin.endpoints["ca"]).read_text(encoding="utf-8")
    return {"host": master["xapi"], "username": twin.endpoints["user"], "password": PASSWORD, "ca_certificate": authority}


def source_file(path: Path, *twins: RunningTwin) -> Path:
    """An inventory source; a twin's dom0 is on a port of its own, which is all that differs from a real pool's."""
    hosts = {name: host["ssh"] for twin in twins for name, host in twin.endpoints["hosts"].items()}
    ports = {name: ssh["port"] for name, ssh in hosts.items()}
    compose = {"ansible_host": "'127.0.0.1'", "ansible_port": f"{ports}[xs_name_label]"}
    content: Record = {"plugin": "xapi.network.xs_pools", "compose": compose, "strict": True}
    if len(twins) > 1:
        content["pools"] = [{"hostname": credential(twin)["host"], "name": twin.endpoints["pool"]} for twin in twins]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def inventory(twin: RunningTwin, folder: Path) -> Record:
    """As AWX has it after an update: what a person sees of a host there is text, and no mark of Ansible."""
    found = as_awx_keeps(update_inventory(source_file(folder / "lab.xs_pools.yml", twin), credential(twin), folder / "update"))
    assert "__ansible_unsafe" not in json.dumps(found)
    return found


def answers(**changes: str) -> dict[str, str]:
    """Every question of the survey answered, with its default unless it is given here."""
    loaded = data()
    questions = [question for about in ("network", "nics", "strategy", "accept", "confirm") for question in loaded[f"awx_survey_{about}"]]
    given = {question["variable"]: str(question["default"]) for question in questions}
    assert set(changes) <= set(given)
    return given | {"storage_bond_network": "NAS"} | changes


def launch(twin: RunningTwin, folder: Path, template: str, hosts: Record, **options: Any) -> Launch:
    key = Path(next(iter(twin.endpoints["hosts"].values()))["ssh"]["key"]).read_text(encoding="utf-8")
    return Launch(folder / template, template, hosts, credential(twin), options.pop("survey", answers()), key, **options)


def bonds(twin: RunningTwin) -> int:
    return len(twin.database.all("Bond"))


def writes(twin: RunningTwin) -> list[str]:
    return [entry.method for entry in twin.journal if entry.writes]


def test_plan_apply_verify_remove_as_a_workflow_runs_them(twin: RunningTwin, tmp_path: Path) -> None:
    hosts = inventory(twin, tmp_path)
    plan = launch(twin, tmp_path, "plan", hosts).run()
    assert plan.status == "successful", plan.output[-4000:]
    assert writes(twin) == []
    assert result(plan, "plan")["check"] is True
    assert result(plan, "plan")["planned"] == ["xs-1", "xs-2"]
    assert any("xs-2" in line and "restart" in line for line in result(plan, "plan")["lines"])

    # AWX gives what a job has left to those after it, whatever their survey asks.
    handed_on: dict[str, Any] = {name: value for name, value in plan.artifacts.items() if name.startswith("storage_bond_plan")}
    other: Any = {**answers(storage_bond_mode="balance-slb"), **handed_on}
    refused = launch(twin, tmp_path / "other", "apply", hosts, survey=other).run()
    assert refused.status == "failed" and "The plan was made with other options" in refused.output and writes(twin) == []

    approved: Any = {**answers(), **handed_on}
    applied = launch(twin, tmp_path, "apply", hosts, survey=approved).run()
    assert handed_on and applied.status == "successful", applied.output[-4000:]
    assert bonds(twin) == 2
    assert result(applied, "apply")["changed"] == ["xs-1", "xs-2"]

    before = len(writes(twin))
    verified = launch(twin, tmp_path, "verify", hosts).run()
    assert verified.status == "successful", verified.output[-4000:]
    assert len(writes(twin)) == before
    assert not verified.changed
    assert result(verified, "verify")["conforms"] is True

    removed = launch(twin, tmp_path, "remove", hosts).run()
    assert removed.status == "successful", removed.output[-4000:]
    assert bonds(twin) == 0
    assert result(removed, "remove")["changed"] == ["xs-1", "xs-2"]
    for job in (plan, applied, verified, removed):
        assert PASSWORD not in job.everything
    _the_guides_notification_runs_after(plan, applied, verified, removed, folder=tmp_path)


@pytest.mark.parametrize(
    ("device", "said"), [("eth2", "172.16.0.44 moves from eth2"), ("eth5", "The steps of a plan made now are the same")]
)
def test_a_pool_that_changed_while_the_approval_was_pending_refuses_and_shows_the_steps_of_both_plans(
    twin: RunningTwin, tmp_path: Path, device: str, said: str
) -> None:
    hosts = inventory(twin, tmp_path)
    plan = launch(twin, tmp_path, "plan", hosts).run()
    (mine,) = [
        ref
        for ref, record in twin.database.all("PIF").items()
        if record["device"] == device and twin.database.get("host", record["host"])["name_label"] == "xs-2"
    ]
    values = {"IP": "172.16.0.44", "netmask": "255.255.255.240", "ip_configuration_mode": "Static"}
    twin.call(lambda: twin.database.set("PIF", mine, **values))
    # AWX hands on all that the jobs before have left.
    survey: Any = {**answers(), **plan.artifacts}
    job = launch(twin, tmp_path, "apply", hosts, survey=survey).run()
    assert job.status == "failed" and writes(twin) == []
    message = result(job, "apply")["message"]
    assert one_line(message) in shown(job) and "xs-2 is not as it was when the plan was made" in message
    assert said in message and "launch the workflow again" in message
    if device == "eth2":
        then, now = (
            next(line for line in message.splitlines() if line.startswith(start)) for start in ("The approved plan", "A plan made now")
        )
        assert "xs-2" in then and "172.16.0.36 moves from eth2" in then and said in now and "xs-1: bond" not in message


def result(job: Job, stage: str) -> dict[str, Any]:
    """What a job has left for the jobs after it, under its stage; under the old key it is that of the last stage."""
    (found,) = job.artifacts[f"storage_bond_result_{stage}"].values()
    assert job.artifacts["storage_bond"] == job.artifacts[f"storage_bond_result_{stage}"]
    assert found["stage"] == stage
    assert found["network"] == "NAS" or "storage_bond_network" in found["message"]  # what was asked for, however it ended
    return dict(found)


def _the_guides_notification_runs_after(*jobs: Job, folder: Path) -> None:
    """notify.yml as the guide prints it, as the next node of a workflow: AWX gives it what all before it have left."""
    guide = (ROOT / "docs" / "docsite" / "rst" / "guide_awx.rst").read_text(encoding="utf-8")
    printed = guide.split(":caption: notify.yml\n", 1)[1].lstrip("\n")
    lines = itertools.takewhile(lambda line: not line or line.startswith("   "), printed.splitlines())
    (folder / "notify.yml").write_text(textwrap.dedent("\n".join(lines)), encoding="utf-8")
    left: dict[str, Any] = {}
    for job in jobs:
        left |= job.artifacts
        (folder / "handed-on.yml").write_text(as_awx_writes(left), encoding="utf-8")
        done = playbook(folder / "notify.yml", "-e", f"@{folder / 'handed-on.yml'}")
        (stage,) = {entry["stage"] for entry in job.artifacts["storage_bond"].values()}
        number = 2 if stage in ("apply", "remove") else 0
        assert done.returncode == 0 and f"{stage} of tutorial: {number} hosts changed." in done.stdout, done.stdout
    assert {f"storage_bond_result_{stage}" for stage in ("plan", "apply", "verify", "remove")} <= set(left)


def test_a_refused_plan_leaves_its_sentences_for_who_looks_at_the_workflow(twin: RunningTwin, tmp_path: Path) -> None:
    plan = launch(twin, tmp_path, "plan", inventory(twin, tmp_path), survey=answers(storage_bond_nics="eth2,eth9")).run()
    assert plan.status == "failed"
    left = result(plan, "plan")
    assert not left["successful"] and "there is no NIC that stands for eth9" in left["message"] and one_line(left["message"]) in shown(plan)
    assert "storage_bond_plan_fingerprint" not in plan.artifacts


def test_awx_shows_the_whole_of_a_long_refusal_and_of_a_long_verdict(twin: RunningTwin, tmp_path: Path) -> None:
    hosts = inventory(twin, tmp_path)
    many = answers(storage_bond_nics=",".join(f"eth{number}" for number in range(120)))
    plan = launch(twin, tmp_path, "plan", hosts, survey=many).run()
    verify = launch(twin, tmp_path, "verify", hosts, survey=many).run()
    for job, stage in ((plan, "plan"), (verify, "verify")):
        message = result(job, stage)["message"]
        assert job.status == "failed" and one_line(message) in shown(job), (message, shown(job))
        assert not any(len(str(event.get("stdout"))) > EVENT_SHOWN for event in job.events if "verbose" in event["event"])


def test_awx_shows_the_whole_of_what_a_run_says_that_stops_in_the_middle(tmp_path: Path) -> None:
    """The end of it is which hosts were not touched, and how to go on."""
    with RunningTwin("sixty-four-hosts", restart_seconds=0, password=PASSWORD) as twin:
        twin.add_fault(when={"method": "Bond.create"}, do="error", code="INTERNAL_ERROR", params=["no such device " * 100], times=0)
        survey: Any = {**answers(storage_bond_strategy="direct", storage_bond_accept="storage_in_use"), "storage_bond_dom0": "false"}
        job = launch(twin, tmp_path, "apply", inventory(twin, tmp_path), survey=survey).run()
    message = result(job, "apply")["message"]
    assert job.status == "failed" and len(message) > EVENT_SHOWN, (len(message), message)
    assert one_line(message) in shown(job), (message, shown(job))


def test_awx_shows_the_whole_of_what_is_wrong_with_an_answer(twin: RunningTwin, tmp_path: Path) -> None:
    survey = answers(storage_bond_mode="lacp or " * 120)
    job = launch(twin, tmp_path, "plan", inventory(twin, tmp_path), survey=survey).run()
    message = result(job, "plan")["message"]
    assert job.status == "failed" and one_line(message) in shown(job), (message, shown(job))


@pytest.mark.parametrize(
    ("stage", "option", "said"), [("plan", "network", "storage_bond_network has come as the number"), ("verify", "dom0", "maybe")]
)
def test_answers_that_cannot_be_meant_leave_a_result_as_every_refusal_does(
    twin: RunningTwin, tmp_path: Path, stage: str, option: str, said: str
) -> None:
    survey: Any = {**answers(), f"storage_bond_{option}": 64 if option == "network" else "maybe"}
    job = launch(twin, tmp_path, stage, inventory(twin, tmp_path), survey=survey).run()
    assert job.status == "failed"
    left = result(job, stage)
    assert not left["successful"] and said in left["message"] and one_line(left["message"]) in shown(job)
    assert list(job.artifacts["storage_bond"]) == ["tutorial"] and writes(twin) == []


def test_a_check_on_a_schedule_finds_a_pulled_cable_where_it_is_to_and_keeps_it_in_any_case(twin: RunningTwin, tmp_path: Path) -> None:
    hosts = inventory(twin, tmp_path)
    assert launch(twin, tmp_path, "apply", hosts).run().status == "successful"
    twin.run(twin.twin.host("xs-2").set_carrier, "eth4", False)
    of_verify = {question["variable"]: str(question["default"]) for question in data()["awx_survey_degraded"]}
    for answered, status in (("warn", "successful"), ("fail", "failed")):
        survey = {**answers(), **of_verify, "storage_bond_degraded": answered}
        job = launch(twin, tmp_path / answered, "verify", hosts, survey=survey).run()
        assert job.status == status, job.output[-4000:]
        assert [one["host"] for one in result(job, "verify")["degraded"]] == ["xs-2"]
        assert "no link on eth4" in job.output


def test_rehearsal_makes_the_bond_on_a_twin_of_the_pool_and_nothing_on_the_pool(twin: RunningTwin, tmp_path: Path) -> None:
    """The pool is a twin itself here; the job knows no more of it than of a real one."""
    job = launch(twin, tmp_path, "rehearse", inventory(twin, tmp_path)).run()
    assert job.status == "successful", job.output[-4000:]
    assert writes(twin) == []
    assert job.artifacts["storage_bond_rehearsal"] == {credential(twin)["host"]: {"successful": True}}
    assert result(job, "rehearse")["successful"] and "tutorial" in job.artifacts["storage_bond_result_rehearse"]
    assert "xapi0" in job.output
    assert PASSWORD not in job.everything


def test_rehearsal_of_what_cannot_be_is_a_failed_job_that_says_why(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "rehearse", inventory(twin, tmp_path), survey=answers(storage_bond_nics="eth2,eth9")).run()
    assert job.status == "failed"
    assert "there is no NIC that stands for eth9" in job.output
    assert "Nothing was changed on the pool" in job.output
    assert writes(twin) == []
    assert "expected to stop at the same place" in result(job, "rehearse")["message"]


def test_rehearsal_without_a_twin_tells_nothing_about_the_real_run(twin: RunningTwin, tmp_path: Path) -> None:
    """The twin does not take what it is told."""
    no_number = {**answers(), "rehearsal_restart_seconds": "soon"}
    job = launch(twin, tmp_path, "rehearse", inventory(twin, tmp_path), survey=no_number).run()
    assert job.status == "failed"
    assert "It tells nothing about the real run." in result(job, "rehearse")["message"]
    assert "same place" not in job.output


def test_rehearsal_of_a_pool_that_cannot_be_read_leaves_a_result_that_says_so(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "rehearse", inventory(twin, tmp_path))
    done = Launch(**{**job.__dict__, "credential": {**credential(twin), "password": "wrong"}}).run()
    assert done.status == "failed" and list(done.artifacts["storage_bond_result_rehearse"]) == ["tutorial"]
    message = result(done, "rehearse")["message"]
    assert "The rehearsal did not take place: " in message and "password" in message and one_line(message) in shown(done)


def test_job_runs_on_an_execution_node(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "apply", inventory(twin, tmp_path), run_in=tmp_path / "node").run_on_execution_node()
    assert job.status == "successful", job.output[-4000:]
    assert bonds(twin) == 2
    assert result(job, "apply")["changed"] == ["xs-1", "xs-2"]
    assert PASSWORD not in job.everything
    tasks = [event["event_data"].get("task_action") for event in job.events if event["event"] == "runner_on_ok"]
    assert "xapi.network.xs_bond" in tasks


def test_verify_of_a_pool_without_the_bond_is_a_failed_job_that_says_what_is_missing(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "verify", inventory(twin, tmp_path)).run()
    assert job.status == "failed"
    assert "xs-2" in job.output
    assert writes(twin) == []


def test_remove_takes_nothing_from_another_pool_than_the_one_that_was_typed(twin: RunningTwin, tmp_path: Path) -> None:
    (question,) = data()["awx_survey_pool"]
    assert question["required"] and question["default"] == "" and "awx_survey_pool" in template_of("remove")["survey_spec"]["spec"]
    hosts = inventory(twin, tmp_path)
    assert launch(twin, tmp_path, "apply", hosts).run().status == "successful"
    before = len(writes(twin))
    job = launch(twin, tmp_path, "remove", hosts, survey={**answers(), question["variable"]: "berlin"}).run()
    assert job.status == "failed" and "This is the pool tutorial, and storage_bond_pool says that berlin is meant." in job.output
    assert len(writes(twin)) == before and bonds(twin) == 2


def test_wrong_password_is_a_sentence_and_not_the_password(twin: RunningTwin, tmp_path: Path) -> None:
    hosts = inventory(twin, tmp_path)
    job = launch(twin, tmp_path, "plan", hosts, arguments="-vvvv")
    wrong = Launch(**{**job.__dict__, "credential": {**credential(twin), "password": "wrong-" + PASSWORD}})
    done = wrong.run()
    assert done.status == "failed"
    assert "does not accept the password" in done.output
    assert PASSWORD not in done.everything


def test_a_job_without_a_credential_says_which_one_it_wants(twin: RunningTwin, tmp_path: Path) -> None:
    """AWX starts a template that has none, and its environment then has no variable of it at all."""
    job = launch(twin, tmp_path, "plan", inventory(twin, tmp_path))
    done = Launch(**{**job.__dict__, "credential": None}).run()
    assert done.status == "failed"
    said = "This job has no password for XAPI. Attach a credential of the type XenServer or XCP-ng pool to the job template"
    assert said in shown(done), done.output[-3000:]
    assert said in next(iter(done.artifacts["storage_bond_result_plan"].values()))["message"]


def test_the_kits_inventory_source_without_a_credential_says_which_one_it_wants(tmp_path: Path) -> None:
    """As it is after the first run of awx_setup: AWX syncs the inventory before a job, and that is where it ends."""
    said = failed_update(ROOT / "playbooks" / "files" / "awx.xs_pools.yml", tmp_path / "update")
    assert (
        "xapi.network.xs_pools has no hostname and no password for XAPI. Give the inventory source a credential of the type XenServer"
        in said
    )


def test_verify_of_a_pool_that_cannot_be_read_leaves_a_result_that_says_so(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "verify", inventory(twin, tmp_path))
    wrong = Launch(**{**job.__dict__, "credential": {**credential(twin), "password": "wrong-" + PASSWORD}})
    done = wrong.run()
    (found,) = done.artifacts["storage_bond_result_verify"].values()
    assert done.status == "failed" and not found["successful"] and not found["conforms"]
    assert "does not accept the password" in found["message"]
    assert list(done.artifacts["storage_bond"]) == ["tutorial"], "by its name in the inventory, as when it can be read"


def test_a_plan_that_has_nothing_to_do_ends_the_job_in_the_workflow_and_there_alone(twin: RunningTwin, tmp_path: Path) -> None:
    """The workflow's own variables reach each of its jobs, whatever their survey asks."""
    hosts = inventory(twin, tmp_path)
    (workflow,) = [one for one in workflows() if one["name"] == "Storage bond"]
    in_workflow: Any = {**answers(storage_bond_accept="storage_in_use"), **workflow["extra_vars"]}
    planned = launch(twin, tmp_path / "first", "plan", hosts, survey=in_workflow).run()
    assert planned.status == "successful", planned.output[-4000:]
    applied = launch(twin, tmp_path, "apply", hosts, survey=in_workflow).run()
    assert applied.status == "successful", applied.output[-4000:]
    again = launch(twin, tmp_path / "again", "plan", hosts, survey=in_workflow).run()
    assert again.status == "failed" and "Nothing to do on tutorial: every host is already as it should be." in again.output
    (found,) = again.artifacts["storage_bond_result_plan"].values()
    assert found["successful"] and found["conforms"] and found["planned"] == []
    assert launch(twin, tmp_path / "verified", "verify", hosts, survey=in_workflow).run().status == "successful"
    alone = launch(twin, tmp_path / "alone", "plan", hosts).run()
    assert alone.status == "successful", alone.output[-4000:]


def test_nothing_of_the_credential_is_shown_at_the_highest_verbosity(twin: RunningTwin, tmp_path: Path) -> None:
    job = launch(twin, tmp_path, "apply", inventory(twin, tmp_path), arguments="-vvvv").run()
    assert job.status == "successful", job.output[-4000:]
    assert PASSWORD not in job.everything


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[dict[str, RunningTwin]]:
    """Two pools whose hosts have names of their own."""
    text = resources.files("xapi_twin").joinpath("scenarios", "three-hosts.yml").read_text(encoding="utf-8")
    texts = {pool: text.replace("xs-", f"{pool}-").replace("three-hosts", pool) for pool in ("berlin", "lisbon")}
    with ExitStack() as stack:
        yield {
            pool: stack.enter_context(RunningTwin(read_scenario(text, restart_seconds=0, password=PASSWORD)))
            for pool, text in texts.items()
        }


def test_slices_do_each_their_own_pools(pools: dict[str, RunningTwin], tmp_path: Path) -> None:
    """One host per pool is enough for the whole pool, so the masters alone are sliced; then no pool is in two slices. Members are not in
    the inventory of such a job, so it goes through XAPI alone."""
    authority = "".join(Path(twin.endpoints["ca"]).read_text(encoding="utf-8") for twin in pools.values())
    both = credential(pools["berlin"]) | {"host": "", "ca_certificate": authority}
    hosts = as_awx_keeps(update_inventory(source_file(tmp_path / "lab.xs_pools.yml", *pools.values()), both, tmp_path / "update"))
    masters = limited(hosts, "xs_masters")
    assert sorted(masters["_meta"]["hostvars"]) == ["berlin-1", "lisbon-1"]
    through_xapi = answers(storage_bond_strategy="direct", storage_bond_accept="storage_in_use") | {"storage_bond_dom0": "false"}
    for number, pool in enumerate(("berlin", "lisbon"), start=1):
        job = launch(pools[pool], tmp_path, "apply", sliced(masters, number, 2), survey=through_xapi)
        done = Launch(**{**job.__dict__, "folder": tmp_path / f"slice-{number}", "credential": both}).run()
        assert done.status == "successful", done.output[-4000:]
        assert list(done.artifacts["storage_bond"]) == [pool]
        assert done.artifacts["storage_bond"][pool]["changed"] == [f"{pool}-{host}" for host in (1, 2, 3)]
    assert [bonds(twin) for twin in pools.values()] == [3, 3]


def test_a_slice_is_every_nth_host() -> None:
    hosts = {"_meta": {"hostvars": {name: {} for name in ("d", "a", "c", "b")}}, "xs_masters": {"hosts": ["a", "b", "c", "d"]}}
    assert sliced(hosts, 1, 2)["xs_masters"]["hosts"] == ["a", "c"]
    assert sliced(hosts, 2, 2)["xs_masters"]["hosts"] == ["b", "d"]
