# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_confirm: what it makes of dom0's answers, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Nic, Undo
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_confirm

UNDO = Undo("uuid-of-xs-2", "xs-2", (Nic("nic-2", "eth2", "Static", "172.16.0.36"), Nic("nic-4", "eth4"))).to_dict()
TAKEN = "#xapi.network taken_back 1795346655 120 done anna on control (process 4711) | \n"


def run(
    output: str, warnings: list[str] | None = None, sent: list[str] | None = None, check: bool = False, **options: Any
) -> dict[str, Any]:
    def shell(command: str) -> tuple[int, str, str]:
        (sent if sent is not None else []).append(command)
        return 0, output, ""

    given = {"state": "armed", "undo": UNDO, "timeout": 120, "holder": "bob", **options}
    warn = (warnings if warnings is not None else []).append
    return xs_confirm.work(Task(options=given, check_mode=check, warn=warn, shell=shell))


def rejection(output: str, **options: Any) -> str:
    with pytest.raises(NetworkError) as refused:
        run(output, **options)
    return refused.value.message


def test_an_armed_timer_says_until_when() -> None:
    assert run("#xapi.network armed 1795346655\n") == {
        "changed": True, "timer": "armed", "until": 1795346655, "owner": "", "taken_back": {},
    }  # fmt: skip


def test_check_mode_asks_only() -> None:
    sent: list[str] = []
    run("#xapi.network none\n", sent=sent, check=True)
    assert "setsid" not in sent[0]


def test_what_dom0_took_back_is_a_warning_and_a_result() -> None:
    warnings: list[str] = []
    answer = run("#xapi.network armed 1795346655\n" + TAKEN, warnings)
    sentence = "xs-2 took its bond (of anna on control (process 4711)) back by itself at 2026-11-22 11:24:15 UTC, since nobody confirmed it"
    assert answer["taken_back"]["sentence"].startswith(sentence) and warnings == [answer["taken_back"]["sentence"]]


def test_another_runs_timer_refuses_with_its_owner_and_time() -> None:
    said = rejection("#xapi.network busy 1795346655 anna on control (process 4711)\n")
    assert "anna on control (process 4711) armed it" in said and "11:24:15 UTC" in said and "Nothing was changed by this one" in said


@pytest.mark.parametrize(
    ("output", "options", "said"),
    [
        ("#xapi.network other_host 0 uuid-of-xs-1\n", {}, "leads to the host uuid-of-xs-1, and not to xs-2"),
        ("#xapi.network failed /var/lib/xapi.network/timer cannot be made\n", {}, "could not arm the timer: /var/lib/xapi.network/timer"),
        ("#xapi.network taking_back 1795346655 anna\n", {"state": "confirmed"}, "the time to confirm it was over"),
        ("#xapi.network none\n" + TAKEN, {"state": "confirmed"}, "no timer that could be confirmed. xs-2 took its bond"),
        ("#xapi.network none\n", {"state": "confirmed"}, "Nobody has armed one, or the host was restarted"),
        ("", {"timeout": 5}, "give 10 to 3600 seconds"),
        ("", {"undo": {"colour": "red"}}, "undo is not what a plan of xs_bond returned"),
        ("", {"undo": {"host": "x", "name": "x", "nics": [{"colour": "red"}]}}, "undo is not what a plan of xs_bond returned"),
        ("sh: Permission denied\n", {}, "it said: sh: Permission denied"),
    ],
)
def test_what_went_wrong_is_a_sentence(output: str, options: dict[str, Any], said: str) -> None:
    assert said in rejection(output, **options)


def test_a_confirmation_whose_answer_is_lost_is_asked_for_once_more() -> None:
    replies: list[Any] = [ConnectionLost("cut"), (0, "#xapi.network none\n", "")]

    def shell(command: str) -> tuple[int, str, str]:
        reply = replies.pop(0)
        if isinstance(reply, ConnectionLost):
            raise reply
        found: tuple[int, str, str] = reply
        return found

    given = {"state": "confirmed", "undo": UNDO, "timeout": 120, "holder": "bob"}
    assert xs_confirm.work(Task(options=given, shell=shell))["timer"] == "confirmed"
    replies += [ConnectionLost("cut"), (0, "#xapi.network none\n" + TAKEN, "")]
    with pytest.raises(NetworkError, match="xs-2 took its bond"):
        xs_confirm.work(Task(options=given, shell=shell))
