# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""xs_agent decides on what it is told: which host, what speaks against it, and what proves that xapi has started again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._run import restart
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, XapiFailure
from ansible_collections.xapi.network.plugins.modules import xs_agent

Records = dict[str, dict[str, dict[str, Any]]]
UUIDS = {"xs-1": "11111111-0000-4000-8000-000000000001", "xs-2": "22222222-0000-4000-8000-000000000002"}


def pool(*, start: str = "100.", enabled: bool = True, live: bool = True, ha: bool = False, tasks: tuple[str, ...] = ()) -> Records:
    """A pool of xs-1 and xs-2; the arguments say what XAPI shows of xs-2."""

    def host(name: str, start: str, enabled: bool) -> dict[str, Any]:
        return {
            "uuid": UUIDS[name],
            "name_label": name,
            "hostname": name,
            "address": f"172.16.0.{name[-1]}",
            "enabled": enabled,
            "metrics": f"m-{name}",
            "other_config": {"agent_start_time": start},
            "software_version": {},
        }

    return {
        "pool": {"p": {"uuid": "p", "name_label": "storage", "master": "h-xs-1", "ha_enabled": ha}},
        "host": {"h-xs-1": host("xs-1", "50.", True), "h-xs-2": host("xs-2", start, enabled)},
        "host_metrics": {"m-xs-1": {"live": True}, "m-xs-2": {"live": live}},
        "task": {name: {"uuid": name, "name_label": name, "status": "pending", "resident_on": "h-xs-2"} for name in tasks},
    }


@dataclass
class FakeSession:
    """The pool as a script: what each read and each change shows."""

    before: Records
    changes: list[Records]
    restart_agent: Exception | None = None
    calls: list[str] = field(default_factory=list)
    trouble: str = ""
    clock: float = 0  # seconds that the host is ahead

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *_unused: object) -> None:
        pass

    def read(self, classes: tuple[str, ...]) -> Records:
        return self.before

    def refresh(self) -> Records:
        return self.before

    def only(self, classes: tuple[str, ...]) -> None:
        pass

    def follow(self, deadline: float) -> Iterator[Records]:
        while self.changes:
            self.before = self.changes.pop(0)
            yield self.before
        time.sleep(max(0.0, min(0.01, deadline - time.monotonic())))

    def call(self, method: str, *args: Any) -> Any:
        if method == "host.get_servertime":
            return f"{datetime.now(timezone.utc) + timedelta(seconds=self.clock):%Y%m%dT%H:%M:%SZ}"
        if method == "host.get_record":
            return self.before["host"][args[0]]
        self.calls.append(method)
        if self.restart_agent:
            raise self.restart_agent
        return ""


@dataclass
class Dom0:
    """xs-2 behind SSH; `replies` overrides what a command answers."""

    uuid: str = UUIDS["xs-2"]
    replies: dict[str, tuple[int, str, str] | Exception] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def __call__(self, command: str, seconds: float = 60) -> tuple[int, str, str]:
        assert seconds > 0
        kind = "inventory" if "xensource-inventory" in command else "restart" if "restart xapi" in command else "complete"
        self.commands.append(kind)
        usual = {
            "inventory": (0, f"INSTALLATION_UUID='{self.uuid}'\n", ""),
            "restart": (0, "systemctl restart xapi\n", ""),
            "complete": (0, "", ""),
        }
        reply = self.replies.get(kind, usual[kind])
        if isinstance(reply, Exception):
            raise reply
        return reply


@dataclass(frozen=True)
class FakeTask(Task):
    pool: Any = None

    def session(self) -> Any:
        return self.pool


STARTED = [pool(enabled=False), pool(enabled=False, start="200."), pool(start="200.")]


def run(
    session: FakeSession, dom0: Callable[[str], tuple[int, str, str]] | None = None, check_mode: bool = False, **options: Any
) -> Mapping[str, Any]:
    asked = {"host": "xs-2", "method": "service", "accept": [], "wait_for": "complete", "wait_timeout": 1, **options}
    session.changes = list(session.changes)
    return xs_agent.work(FakeTask(options=asked, shell=dom0, pool=session, check_mode=check_mode, host="xs-2"))


def test_a_restart_is_proved_by_a_new_start_time_and_by_dom0s_own_word() -> None:
    dom0 = Dom0()
    result = run(FakeSession(pool(), STARTED), dom0)
    assert dom0.commands == ["inventory", "restart", "complete"]
    assert result["agent_start_time"] == {"before": "100.", "after": "200."}
    assert (result["changed"], result["command"], result["host"]["name"]) == (True, "systemctl restart xapi", "xs-2")


def test_a_pool_that_only_shows_the_old_start_time_proves_nothing() -> None:
    with pytest.raises(NetworkError, match=r"not proved that xapi of xs-2 restarted.*start time was still the old one"):
        run(FakeSession(pool(), [pool(), pool(enabled=False), pool()]), Dom0())


def test_check_mode_looks_at_everything_and_restarts_nothing() -> None:
    dom0 = Dom0()
    result = run(FakeSession(pool(), []), dom0, check_mode=True)
    assert result["changed"] is True
    assert dom0.commands == ["inventory"]


def test_a_connection_that_leads_to_another_host_is_refused_before_anything_is_done() -> None:
    dom0 = Dom0(uuid=UUIDS["xs-1"])
    with pytest.raises(NetworkError, match=r"leads to xs-1 .* and not to xs-2"):
        run(FakeSession(pool(), []), dom0)
    assert dom0.commands == ["inventory"]


def test_a_connection_to_a_machine_without_xapi_is_refused() -> None:
    said = "cat: /etc/xensource-inventory: No such file or directory"
    with pytest.raises(NetworkError, match="does not lead to the dom0"):
        run(FakeSession(pool(), []), Dom0(replies={"inventory": (1, "", said)}))


def test_a_lost_reply_of_the_restart_command_is_no_failure() -> None:
    dom0 = Dom0(replies={"restart": ConnectionLost("The connection to dom0 at xs-2 failed: closed.")})
    assert run(FakeSession(pool(), STARTED), dom0)["agent_start_time"]["after"] == "200."


def test_a_connection_that_fails_before_the_restart_says_that_nothing_was_done() -> None:
    dom0 = Dom0(replies={"inventory": ConnectionLost("The connection to dom0 at xs-2 failed: No route to host.")})
    with pytest.raises(ConnectionLost, match=r"No route to host. Nothing was changed: xapi of xs-2 was not restarted."):
        run(FakeSession(pool(), STARTED), dom0)


def test_a_restart_command_that_fails_is_quoted() -> None:
    dom0 = Dom0(replies={"restart": (1, "systemctl restart xapi\n", "Job for xapi.service failed.\n")})
    with pytest.raises(NetworkError, match=r'"systemctl restart xapi" ended with status 1 and said: Job for xapi.service failed.'):
        run(FakeSession(pool(), STARTED), dom0)


def test_a_start_that_does_not_complete_is_a_failure() -> None:
    with pytest.raises(NetworkError, match="xapi had started, but its start-up was not complete"):
        run(FakeSession(pool(), STARTED), Dom0(replies={"complete": (1, "", "")}))


def test_where_dom0_has_no_word_for_it_an_enabled_host_is_the_proof() -> None:
    dom0 = Dom0(replies={"complete": (127, "", "not found")})
    assert run(FakeSession(pool(), STARTED), dom0)["enabled"] == {"before": True, "after": True}
    with pytest.raises(NetworkError, match="the host was not enabled yet"):
        run(FakeSession(pool(), STARTED[:2]), Dom0(replies={"complete": (127, "", "not found")}))


def test_a_host_that_was_disabled_before_need_not_be_enabled_after() -> None:
    session = FakeSession(pool(enabled=False), STARTED[:2])
    assert run(session, method="agent")["enabled"] == {"before": False, "after": False}


def test_the_agent_method_needs_no_connection_to_dom0() -> None:
    session = FakeSession(pool(), STARTED)
    assert run(session, method="agent")["command"] == "host.restart_agent"
    assert session.calls == ["host.restart_agent"]


@pytest.mark.parametrize(
    "answer",
    [
        ConnectionLost("The connection was closed before the reply."),
        XapiFailure("host.restart_agent", "CANNOT_CONTACT_HOST", ["h-xs-2"]),
        XapiFailure("host.restart_agent", "HANDLE_INVALID", ["task", "OpaqueRef:1"]),
    ],
)
def test_a_restart_of_the_agent_that_worked_may_answer_with_an_error(answer: Exception) -> None:
    assert run(FakeSession(pool(), STARTED, answer), method="agent")["agent_start_time"]["after"] == "200."


def test_an_answer_that_means_no_is_passed_on_at_once() -> None:
    session = FakeSession(pool(), STARTED, XapiFailure("host.restart_agent", "RBAC_PERMISSION_DENIED", ["host.restart_agent", "no"]))
    with pytest.raises(XapiFailure, match="lacks the permission"):
        run(session, method="agent")


def test_without_a_proof_the_error_tells_what_was_odd_about_the_order() -> None:
    session = FakeSession(pool(), [pool()], XapiFailure("host.restart_agent", "CANNOT_CONTACT_HOST", ["h-xs-2"]))
    with pytest.raises(NetworkError, match="XAPI answered CANNOT_CONTACT_HOST to the call"):
        run(session, method="agent")


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ({"ha": True}, "ha_enabled", "may fence a host when the change restarts xapi on it"),
        ({"tasks": ("Async.VM.export",)}, "pending_tasks", "The task Async.VM.export runs on xs-2 and would die with the restart"),
    ],
)
def test_a_risk_stops_the_restart_until_it_is_accepted(state: dict[str, Any], code: str, said: str) -> None:
    dom0 = Dom0()
    with pytest.raises(NetworkError, match=f"xapi of xs-2 was not restarted. .*{said}.*add {code} to accept") as error:
        run(FakeSession(pool(**state), []), dom0)
    assert [problem["code"] for problem in error.value.facts["problems"]] == [code]
    assert "restart" not in dom0.commands
    accepted = run(FakeSession(pool(**state), STARTED), dom0, accept=[code])
    assert accepted["problems"][0]["accepted"] is True


def test_a_task_that_ends_soon_is_waited_for() -> None:
    session = FakeSession(pool(tasks=("SR.scan",)), [pool(tasks=("SR.scan",)), pool(), *STARTED])
    assert run(session, Dom0())["problems"] == []


def test_a_member_that_is_just_starting_is_waited_for_before_its_agent_is_restarted_through_the_master() -> None:
    session = FakeSession(pool(live=False), [pool(live=False), pool(), *STARTED])
    assert run(session, method="agent")["changed"] is True


def test_a_host_that_is_enabled_a_moment_after_its_start_is_complete_was_not_disabled_by_it() -> None:
    warned: list[str] = []
    options = {"host": "xs-2", "method": "service", "accept": [], "wait_for": "complete", "wait_timeout": 5}
    changes = [pool(enabled=False), pool(enabled=False, start="200."), pool(enabled=False, start="200."), pool(start="200.")]
    task = FakeTask(options=options, shell=Dom0(), pool=FakeSession(pool(), changes), host="xs-2", warn=warned.append)
    assert xs_agent.work(task)["enabled"] == {"before": True, "after": True}
    assert warned == []


def test_who_sees_to_the_rest_himself_waits_only_for_a_new_start_time() -> None:
    warned: list[str] = []
    dom0 = Dom0()
    options = {"host": "xs-2", "method": "service", "accept": [], "wait_for": "started", "wait_timeout": 5}
    session = FakeSession(pool(), list(STARTED))
    found = xs_agent.work(FakeTask(options=options, shell=dom0, pool=session, host="xs-2", warn=warned.append))
    assert (found["agent_start_time"]["after"], found["enabled"]["after"]) == ("200.", False)
    assert dom0.commands == ["inventory", "restart"] and warned == []


def test_while_dom0_does_not_answer_the_restart_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "AGAIN_SECONDS", 0.05)
    said: list[str] = []
    dom0 = Dom0()

    def slow(command: str, seconds: float = 60) -> tuple[int, str, str]:
        if "restart xapi" in command:
            time.sleep(0.12)
        return dom0(command, seconds)

    options = {"host": "xs-2", "method": "service", "accept": [], "wait_for": "complete", "wait_timeout": 5}
    xs_agent.work(FakeTask(options=options, shell=slow, pool=FakeSession(pool(), list(STARTED)), host="xs-2", progress=said.append))
    assert said[:3] == ["xs-2: restarting xapi", *2 * ["xs-2: its dom0 has not answered the restart yet, 0 s of at most 5 s"]]


def test_what_was_read_of_the_pool_while_dom0_waited_for_a_start_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xs_agent, "FRESH_SECONDS", 0.0)
    session = FakeSession(pool(), [])
    monkeypatch.setattr(session, "refresh", lambda: pool(tasks=("SR.scan",)))
    with pytest.raises(NetworkError, match=r"xapi of xs-2 was not restarted\. .*SR\.scan"):
        run(session, Dom0())


def test_a_member_that_xapi_does_not_see_can_only_be_restarted_over_ssh() -> None:
    with pytest.raises(NetworkError, match=r"does not see xs-2 alive.*Use method=service"):
        run(FakeSession(pool(live=False), []), method="agent")
    assert run(FakeSession(pool(live=False), STARTED), Dom0())["changed"] is True


@pytest.mark.parametrize("name", ["xs-2", UUIDS["xs-2"], "172.16.0.2"])
def test_a_host_is_meant_by_name_uuid_or_address(name: str) -> None:
    assert run(FakeSession(pool(), STARTED), Dom0(), host=name)["host"]["uuid"] == UUIDS["xs-2"]


def test_an_unknown_host_is_answered_with_those_there_are() -> None:
    with pytest.raises(NetworkError, match=r"The pool storage has no host xs-9. It has xs-1 \(.*\), xs-2 \(.*\): name one"):
        run(FakeSession(pool(), STARTED), Dom0(), host="xs-9")


def test_two_hosts_of_one_name_are_listed_with_their_uuids() -> None:
    twice = pool()
    twice["host"]["h-xs-1"]["name_label"] = "xs-2"
    with pytest.raises(NetworkError, match="2 hosts of the pool storage answer to xs-2: ") as refused:
        run(FakeSession(twice, STARTED), Dom0())
    assert all(UUIDS[name] in refused.value.message for name in ("xs-1", "xs-2"))


def test_a_module_process_has_no_way_into_dom0() -> None:
    with pytest.raises(NetworkError, match="cannot run as a module process"):
        run(FakeSession(pool(), STARTED), None)


@pytest.mark.parametrize(("clock", "said"), [(0, ""), (-30, ""), (95, "9[45] s ahead of"), (-7200, "720[01] s behind")])
def test_a_clock_that_is_wrong_is_a_warning_since_the_hosts_log_is_read_by_time(clock: float, said: str) -> None:
    session = FakeSession(pool(), STARTED, clock=clock)
    found = [problem["sentence"] for problem in run(session, Dom0())["problems"]]
    assert len(found) == bool(said)
    assert all(re.search(f"The clock of xs-2 is {said} this machine's", sentence) for sentence in found)


def test_a_start_under_way_comes_first_and_is_waited_for_only_so_long() -> None:
    warned: list[str] = []
    dom0 = Dom0(replies={"inventory": (0, f"INSTALLATION_UUID='{UUIDS['xs-2']}'\n#still starting\n", "")})
    options = {"host": "xs-2", "method": "service", "accept": [], "wait_for": "complete", "wait_timeout": 5}
    xs_agent.work(FakeTask(options=options, shell=dom0, pool=FakeSession(pool(), list(STARTED)), host="xs-2", warn=warned.append))
    assert "xapi of xs-2 was starting and did not complete its start within 5 s; it is restarted all the same." in warned
    assert dom0.commands == ["inventory", "restart", "complete"]
