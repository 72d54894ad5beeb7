# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation says is true: its examples are valid, its commands exist, its tables are complete."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import RISKS

from tests.unit import examples
from tests.unit.examples import ROOT, Example
from xapi_twin.cli.main import parser

ALL = list(examples.everything())
YAML = [example for example in ALL if example.language == "yaml"]
CONSOLE = [example for example in ALL if example.language == "console"]
ROLE_OPTIONS = yaml.safe_load((ROOT / "roles/storage_bond/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
# Variables that are no options of the role and that an inventory may set all the same.
CONNECTION = {f"xapi_{name}" for name in ("hostname", "username", "password", "validate_certs", "ca_path", "fingerprint", "timeout")}
RISK = "risk"


def module(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.xapi.network.plugins.modules.{name}")


def playbooks() -> set[str]:
    return {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


def test_there_are_examples() -> None:
    assert len(YAML) > 20
    assert len(CONSOLE) > 15


@pytest.mark.parametrize("example", YAML, ids=str)
def test_yaml_example_is_something_that_ansible_reads(example: Example) -> None:
    for document in example.documents:
        if isinstance(document, list):
            continue
        assert isinstance(document, dict)
        if "collections" in document:
            assert [entry["name"] for entry in document["collections"]] == ["xapi.network"], example
        elif "plugin" in document:
            _check_inventory(document, example)
        elif any(key.startswith(("storage_bond_", "xapi_")) for key in document):
            _check_variables(document, example)
        else:
            assert all(set(group or {}) <= {"hosts", "vars", "children"} for group in document.values()), f"{example}: what is this?"
            for group in document.values():
                _check_variables(group.get("vars", {}), example)


def _check_inventory(document: Mapping[str, Any], example: Example) -> None:
    plugin = importlib.import_module("ansible_collections.xapi.network.plugins.inventory.xs_pools")
    options = yaml.safe_load(plugin.DOCUMENTATION)["options"]
    shared = {"compose", "groups", "keyed_groups", "use_extra_vars", "leading_separator", "cache", "cache_plugin", "cache_timeout",
              "cache_connection", "cache_prefix"}  # fmt: skip
    assert set(document) <= set(options) | shared, example
    for pool in document.get("pools", []):
        assert set(pool) <= set(options["pools"]["suboptions"]), example
    assert not example.name or example.name.endswith("xs_pools.yml"), f"{example}: the plugin does not take a file of this name"


def _check_variables(variables: Mapping[str, Any], example: Example) -> None:
    for name, value in variables.items():
        assert name in ROLE_OPTIONS or name in CONNECTION, f"{example}: {name} is no option of the role"
        choices = ROLE_OPTIONS.get(name, {}).get("choices")
        assert not choices or value in choices, f"{example}: {name} cannot be {value}"


@pytest.mark.parametrize("example", [e for e in YAML if any(examples.plays(d) for d in e.documents)], ids=str)
def test_tasks_have_options_that_their_modules_take(example: Example) -> None:
    for document in example.documents:
        for play in examples.plays(document):
            _check_variables({k: v for k, v in play.get("vars", {}).items() if k.startswith("storage_bond_")}, example)
            for role in play.get("roles", []):
                names = role if isinstance(role, dict) else {}
                _check_variables({k: v for k, v in {**names, **names.get("vars", {})}.items() if k.startswith("storage_bond_")}, example)
            defaults = play.get("module_defaults", {}).get("group/xapi.network.xapi", {})
            for task in examples.tasks(play.get("tasks", [])):
                for name, arguments in task.items():
                    if name.startswith("xapi.network."):
                        _check_arguments(name, {**defaults, **(arguments or {})}, example)


def _check_arguments(name: str, arguments: Mapping[str, Any], example: Example) -> None:
    spec = module(name.removeprefix("xapi.network.")).ARGUMENT_SPEC
    plain = {key: value for key, value in arguments.items() if "{{" not in str(value)}
    templated = {key: {**spec[key], "type": "raw", "choices": None} for key in arguments if key in spec and key not in plain}
    relaxed = {key: {**value, "required": False} for key, value in {**spec, **templated}.items()}
    found = ArgumentSpecValidator(relaxed).validate(dict(arguments))
    assert not found.error_messages, f"{example}: {name}: {found.error_messages}"


@pytest.mark.timeout(300)
def test_every_play_passes_the_syntax_check(tmp_path: Path) -> None:
    names = []
    for number, example in enumerate(YAML):
        found = [play for document in example.documents for play in examples.plays(document)]
        if found:
            (tmp_path / f"{number}.yml").write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
            names.append(f"{number}.yml")
    own = sorted(str(path) for path in (ROOT / "playbooks").glob("storage_bond*.yml"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "build" / "dev")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "--syntax-check", *names, *own]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", CONSOLE, ids=str)
def test_commands_are_commands_that_there_are(example: Example) -> None:
    for command in example.commands:
        words = shlex.split(re.split(r" [>&]", command)[0].replace("…", "x"))
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            del words[0]
        if words[0] == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert words[1] in targets, f"{example}: {command}"
        elif words[0] == "xapi-twin":
            parser().parse_args(words[1:])
        elif words[0] == "ansible-playbook":
            for word in words[1:]:
                if word.startswith("xapi.network."):
                    assert word.removeprefix("xapi.network.") in playbooks(), f"{example}: there is no playbook {word}"
                elif word.startswith(("storage_bond_", "awx_setup_")):
                    known = {*ROLE_OPTIONS, "storage_bond_targets", *_setup_variables()}
                    assert word.partition("=")[0] in known, f"{example}: {word}"
        else:
            others = "ansible-galaxy ansible-rulebook ansible-inventory ansible-builder pip podman read export ssh xe git cd"
            assert words[0] in others.split(), f"{example}: {command}"


def _setup_variables() -> set[str]:
    """What a user can say to awx_setup: its data read it, with a default."""
    return set(re.findall(r"\bawx_setup_\w+", (ROOT / "playbooks" / "vars" / "awx.yml").read_text(encoding="utf-8")))


def codes() -> set[str]:
    """Every code that a problem can have, as the collection's sources write it."""
    found = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in ("add", "problem", "judged"):
                place = 0 if name == "add" else 1
                code = node.args[place] if len(node.args) > place else None
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return found


def test_recovery_guide_lists_every_code_and_marks_the_risks() -> None:
    text = (ROOT / "docs/docsite/rst/guide_recover.rst").read_text(encoding="utf-8").partition("Codes of problems")[2]
    rows = dict(re.findall(r"^   \* - ``(\S+)``\n     - (\S+)", text, re.MULTILINE))
    assert len(codes()) > 20
    assert codes() - set(rows) == set()
    assert {code for code, mark in rows.items() if mark == RISK} == set(RISKS)


def test_guides_are_all_in_the_contents() -> None:
    contents = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text(encoding="utf-8"))
    listed = [name for section in contents["sections"] for name in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst"))
    front = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8")
    assert [name for name in listed if f"   collections/xapi/network/docsite/{name}\n" not in front] == []


def test_the_map_for_developers_names_files_functions_and_tests_that_there_are() -> None:
    text = (ROOT / "docs/docsite/rst/dev_architecture.rst").read_text(encoding="utf-8")
    said = set(re.findall(r"``([^`\s]+)``", text))
    paths = {word for word in said if re.match(r"(plugins|roles|tests|twin|docs|changelogs)/", word)}
    assert len(paths) > 25
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    sources = "".join(path.read_text(encoding="utf-8") for folder in ("plugins", "twin", "tests") for path in (ROOT / folder).rglob("*.py"))
    words = {word for word in said if re.fullmatch(r"[A-Z]{4,}(_[A-Z]+)*|_?[a-z]+(_[a-z]+)+|test_\w+", word)}
    assert {"RISKS", "CALLS", "test_every_risk_has_its_case"} <= words
    assert [word for word in sorted(words) if word not in sources] == []


def test_the_map_for_developers_has_the_rooms_of_the_contracts() -> None:
    text = (ROOT / "docs/docsite/rst/dev_architecture.rst").read_text(encoding="utf-8")
    contracts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for container in ("xapi_twin", "ansible_collections.xapi.network.plugins.module_utils"):
        layers = contracts.partition(f'containers = ["{container}"]')[2].partition("layers = [")[2].partition("]")[0]
        rooms = re.findall(r"\w+", layers)
        assert len(rooms) > 5
        assert [room for room in rooms if not re.search(rf"\b{room}\b", text)] == []
