# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message of the collection is on the page on which a message is found by its exact words."""

from __future__ import annotations

import ast
import re

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.nics import dom0_problems
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import drbd_problems
from ansible_collections.xapi.network.plugins.module_utils._xapi import errors
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError, sentence

from docs import messages
from tests.unit.examples import ROOT
from tests.unit.pools import spec, tutorial
from tests.unit.test_checks import FATAL, RISKY, Case

ALL = messages.collect()
# What is raised with a text that is put together elsewhere: the function, or the name, that holds it. Its sentences are on the page too.
PASSED_ON = re.compile(
    r"\b(str\(error\)|error\b|rejection|not_as_approved|unproven|_why_unreachable|_not_read|_no_login|UnreadableError"
    r"|checked\.error_messages|wrong|value|nothing)"
)


def found(said: str) -> list[str]:
    return [message.text for message in messages.find(ALL, said)]


def test_there_are_messages_of_all_kinds() -> None:
    assert len(ALL) > 250
    assert {message.kind for message in ALL} == {"error", "problem", "finding", "warning", "XAPI"}


def test_no_message_is_nothing_but_gaps() -> None:
    assert [message.text for message in ALL if message.solid < 8] == []


@pytest.mark.parametrize("code", errors.SENTENCES)
def test_an_error_of_xapi_is_found_by_what_is_said_of_it(code: str) -> None:
    said = sentence(code, ["eth2 of xs-1", "two", "three", "four"])
    rows = [message for message in messages.find(ALL, said) if message.code == code]
    assert rows, said


def test_a_problem_of_a_plan_is_found_with_its_code_and_its_remedy() -> None:
    made = tutorial()
    made.address("xs-2", "eth4", "172.16.0.99")
    made.link("xs-1", "eth4")["carrier"] = False
    problems = plan(made.pool, spec()).problems
    assert {problem.code for problem in problems} >= {"two_ips", "no_link"}
    for problem in problems:
        rows = messages.find(ALL, problem.sentence)
        assert problem.code in {row.code for row in rows}, problem.sentence


@pytest.mark.parametrize("case", RISKY + FATAL, ids=str)
def test_whatever_speaks_against_a_plan_is_found_with_its_code(case: Case) -> None:
    made = plan(case.made().pool, spec(**case.spec))
    for said in (*made.problems, *made.notices):
        rows = messages.find(ALL, said.sentence)
        assert said.code in {row.code for row in rows}, said.sentence


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("drbd_behind", drbd_problems("xs-1", [], {"drbd": {"volume": ["its disk is Inconsistent"]}})),
        ("drbd_unknown", drbd_problems("xs-1", ["XOSTOR"], None)),
        ("drbd_unknown", drbd_problems("xs-1", ["XOSTOR"], {})),
        ("nic_device_missing", dom0_problems("xs-1", {"eth4": "xenbr4"}, {"interfaces": {}})),
        ("bridge_left", dom0_problems("xs-1", {"eth4": "xenbr4"}, {"interfaces": {"eth4": {}}, "bridge_of": {"eth4": "xapi7"}})),
    ],
)
def test_what_dom0_has_against_a_plan_is_found_with_its_code(code: str, said: list[Problem]) -> None:
    (problem,) = said
    rows = [row for row in messages.find(ALL, problem.sentence) if row.code == code]
    assert rows, problem.sentence


def test_a_failure_is_found_among_all_of_them_first() -> None:
    options = {"hostname": "xs-1", "username": "root", "password": "", "validate_certs": True, "fingerprint": "", "timeout": 9}
    with pytest.raises(NetworkError) as failed:
        Connection.from_options({**options, "ca_path": "/no/such"})
    assert found(f"fatal: [xs-1]: FAILED! => {failed.value.message}")[0].startswith("ca_path: there is no file …")


@pytest.mark.parametrize(
    "said",
    [
        "127.0.0.1 refuses connections on port 443: its xapi is down or restarting.",
        "The name xs-9 cannot be resolved (Name or service not known).",
        "The certificate of xs-1 cannot be trusted: self-signed certificate. Its SHA-256 fingerprint is AB:CD. "
        "Give the certificate or its authority in ca_path, or pin it with fingerprint.",
        "Another run has begun to change this pool at the same moment. Run again.",
    ],
)
def test_what_a_function_puts_together_is_found_too(said: str) -> None:
    assert found(said)


def test_every_failure_in_the_sources_has_a_text_that_is_on_the_page() -> None:
    """A failure whose text cannot be read from the sources would be missing: it is one that passes a message on."""
    missing = []
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)):
                continue
            if node.exc.func.id in messages.FAILURES and messages.said_by(node.exc) is None:
                source = ast.unparse(node.exc)
                if not PASSED_ON.search(source):
                    missing.append(f"{path.name}: {source}")
    assert missing == []


def test_the_page_shows_every_message_as_it_is() -> None:
    page = messages.page(ALL)
    rows = re.findall(r"^   \* - (.*)$", page, re.MULTILINE)[1:]
    assert [re.sub(r"\\(.)", r"\1", row) for row in rows] == [
        message.text for message in sorted(ALL, key=lambda message: message.text.lstrip("… .:,;").lower())
    ]
