# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role stays readable: few variables of its own, no expression that is a program, and Python that does not know its variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "storage_bond"
# Of the playbooks, that of the rehearsal has a long way from the options of the role to a twin.
PLAYBOOKS = sorted(
    {*ROOT.glob("playbooks/storage_bond*.yml"), *ROOT.glob("playbooks/parts/*.yml")} - {ROOT / "playbooks/storage_bond_rehearse.yml"}
)
OF_THE_ROLE = sorted(path for path in ROLE.rglob("*.yml") if path.parent.name != "meta")


def test_the_role_has_at_most_15_variables_of_its_own() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROLE.rglob("*.yml"))
    found = sorted(set(re.findall(r"storage_bond__\w+", text)))
    assert len(found) <= 15, found


def test_no_plugin_and_no_playbook_knows_a_variable_of_the_role() -> None:
    files = [path for folder in ("plugins", "playbooks") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yml")]
    assert [str(path) for path in files if "storage_bond__" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("path", [*OF_THE_ROLE, *PLAYBOOKS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_expression_is_longer_than_100_characters(path: Path) -> None:
    expressions = [" ".join(found.split()) for found in re.findall(r"\{\{(.*?)\}\}", path.read_text(encoding="utf-8"), re.DOTALL)]
    assert [one for one in expressions if len(one) > 100] == []


def test_module_defaults_stand_before_any_task_has_registered_something() -> None:
    """ansible-core up to 2.18 takes a variable that is not there yet for an error in the first task, whatever module that runs."""
    (block,) = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    for expression in re.findall(r"\{\{(.*?)\}\}", str(block["module_defaults"])):
        for name in re.findall(r"storage_bond_(?:run|_\w+)(?:\.\w+)*", expression):
            assert f"{name} | default(" in expression


def test_the_role_sets_no_facts_and_keeps_no_book() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROLE.rglob("tasks/*.yml"))
    assert "set_fact" not in text and "hostvars" not in text


def test_three_filters_are_for_users() -> None:
    assert len(list((ROOT / "plugins" / "filter").glob("*.py"))) <= 3


def test_the_play_that_sums_up_stands_once() -> None:
    summing = [path for path in PLAYBOOKS if "event: sum_up" in path.read_text(encoding="utf-8")]
    assert [path.name for path in summing] == ["sum_up.yml"]


def test_no_description_of_an_option_is_a_template() -> None:
    """Ansible resolves the argument specs as the run begins, descriptions too: a variable that is not there would end every run."""
    assert "{{" not in (ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8")


def test_the_readme_of_the_role_names_every_option() -> None:
    options = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    said = (ROLE / "README.md").read_text(encoding="utf-8")
    assert [one for one in options if f"`{one}`" not in said and f"`_{one.removeprefix('storage_bond_')}`" not in said] == []


def test_the_timer_is_armed_before_the_first_thing_that_it_takes_back() -> None:
    """A control node that dies in between leaves a host as it was."""
    tasks = yaml.safe_load((ROLE / "tasks" / "before.yml").read_text(encoding="utf-8"))
    armed = next(number for number, task in enumerate(tasks) if task.get("ansible.builtin.include_tasks") == "armed.yml")
    assert armed < next(number for number, task in enumerate(tasks) if "xapi.network.xs_bond" in task)
