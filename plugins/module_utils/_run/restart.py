# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The restart of one host's xapi, by a command in its dom0 or by a call, and the proof that it has started again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as TimeoutOfThread
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem, restart_problems
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._dom0 import answers, start_up
from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._run.beside import beside
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._run.wait import AGAIN_SECONDS, await_none
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

CLOCK_SECONDS = 60

# An init script of CentOS 5 leaves its standard output to the daemon that it starts, and the connection would hang on it.
RESTART = (
    start_up.PATH + "if command -v systemctl >/dev/null 2>&1; then echo systemctl restart xapi; systemctl restart xapi;"
    " else echo service xapi restart; service xapi restart </dev/null >/dev/null 2>&1; fi"
)
# Whose dom0 this is, and when its xapi happens to be starting, its start comes first: a restart in the middle leaves a bond incomplete.
STARTED = (
    f"{answers.INVENTORY} || exit; {start_up.PATH}command -v xapi-wait-init-complete >/dev/null 2>&1 || exit 0;"
    " xapi-wait-init-complete {seconds} >/dev/null 2>&1 || echo '#still starting'"
)
SETTLE_SECONDS = 60
# What the connection itself may need beside the command: its first login, and a dom0 that is busy with the start of xapi.
SPARE_SECONDS = 30
# A host is enabled before its start is complete (recorded); the master may see it a little later.
ENABLED_SECONDS = 60.0

# What host.restart_agent may answer because it worked: the member's agent is gone before its reply is.
WORKED_ALL_THE_SAME = frozenset({"CANNOT_CONTACT_HOST", "HOST_STILL_BOOTING", "TASK_CANCELLED"})


# How long each of these may stay before it stops the module; a start that is under way ends in that time.
PATIENCE = {"host_down": 60.0, "pending_tasks": 20.0}
Shell = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Restart:
    """How the restart was ordered: the command, and what was odd about its reply ("" when nothing was)."""

    command: str
    oddity: str = ""


def pool_of(records: Any) -> model.Pool:
    """The pool that these records are. Raises NetworkError where they are none."""
    try:
        return model.read(records)
    except model.PoolRecordsError as error:
        raise NetworkError(f"{error}") from None


@contextmanager
def asked_whose_dom0(task: Task, shell: Shell | None) -> Iterator[Callable[[], tuple[int, str, str]]]:
    """Asks the dom0 behind the task's connection whose it is, and lets a start of xapi that is under way there come to its end, while
    something else is done: gives a function that waits for the answer and returns it.
    """
    if shell is None:
        yield lambda: (0, "", "")
        return
    seconds = _settle_seconds(task)
    command = answers.INVENTORY if task.check_mode else STARTED.format(seconds=seconds)
    with beside(partial(shell, command, seconds + SPARE_SECONDS)) as asked:
        yield asked.result


def _settle_seconds(task: Task) -> int:
    return min(SETTLE_SECONDS, int(task.options["wait_timeout"]))


def make_sure_it_is(host: model.Host, answer: Callable[[], tuple[int, str, str]], pool: model.Pool, task: Task) -> None:
    """The dom0 behind the task's connection, which gives this answer, is that of the host that is meant, and its xapi is not in the middle
    of a start.
    """
    try:
        status, output, error = answer()
    except ConnectionLost as lost:
        raise ConnectionLost(f"{lost.message} Nothing was changed: xapi of {host.name} was not restarted.") from None
    uuid = answers.host_uuid(status, output or error)
    if uuid != host.uuid:
        other = next((other.name for other in pool.hosts if other.uuid == uuid), "a host that is not in this pool")
        raise NetworkError(
            f"The connection of the task leads to {other} (uuid {uuid}), and not to {host.name} (uuid {host.uuid}),"
            " whose xapi is to be restarted. Nothing was changed. Correct ansible_host in the inventory, or delegate_to."
        )
    if "#still starting" in output:
        task.warn(
            f"xapi of {host.name} was starting and did not complete its start within {_settle_seconds(task)} s; it is restarted all the"
            " same."
        )


def at_rest(task: Task, session: Session, pool: model.Pool, host: model.Host, service: bool) -> tuple[model.Host, model.Pool]:
    """The host, and the pool, when what speaks against the restart is gone, or has had its time: a start that is under way, its tasks."""

    def against(now: model.Pool) -> list[Finding]:
        found = problems(now, now.host(host.ref), task.options["accept"], service)
        return [Finding(one.code, one.host, one.sentence) for one in found if one.blocks and one.code in PATIENCE]

    deadline = time.monotonic() + task.options["wait_timeout"]
    found, _left = await_none(session, pool, against, deadline, task.progress, "waiting", lambda one: PATIENCE[one.code])
    return found.host(host.ref), found


def as_it_is_now(session: Session, host: model.Host) -> model.Host:
    """What the proof compares with: a restart is a difference to what was just before. One call, since event.from waits 50 ms on 26.10."""
    record = session.call("host.get_record", host.ref)
    return replace(host, enabled=bool(record["enabled"]), agent_start_time=record["other_config"].get("agent_start_time", ""))


def facts_of(before: model.Host, after: model.Host, problems: list[Problem]) -> dict[str, Any]:
    """What xs_agent returns of the host, also when it fails."""
    return {
        "host": {"name": before.name, "uuid": before.uuid, "master": before.master},
        "agent_start_time": {"before": before.agent_start_time, "after": after.agent_start_time},
        "enabled": {"before": before.enabled, "after": after.enabled},
        "problems": [asdict(problem) for problem in problems],
    }


def problems(pool: model.Pool, host: model.Host, accept: list[str], service: bool) -> list[Problem]:
    """What speaks against a restart of this host's xapi now."""
    found = restart_problems(pool, [host], accept)
    if service or host.live:
        return found
    sentence = f"XAPI does not see {host.name} alive, so that it cannot pass on the restart."
    return [Problem("host_down", host.name, sentence, "Use method=service, which goes over SSH."), *found]


def clock_skew(session: Session, host: model.Host) -> list[Problem]:
    """A host whose clock is wrong: what its log says cannot be found by the times of this run."""
    try:
        there = lease.server_time(str(session.call("host.get_servertime", host.ref)))
    except (XapiFailure, ValueError):
        return []
    ahead = (there - datetime.now(timezone.utc)).total_seconds()
    if abs(ahead) < CLOCK_SECONDS:
        return []
    where = "ahead of" if ahead > 0 else "behind"
    sentence = f"The clock of {host.name} is {abs(ahead):.0f} s {where} this machine's, and so are the times in its log."
    return [Problem("clock_skew", host.name, sentence, "", fatal=False, accepted=True)]


def by_service(task: Task, shell: Shell, host: model.Host) -> Restart:
    """Orders it in dom0. A reply that is lost is looked up later; raises NetworkError where dom0 says that it failed."""
    task.progress(f"{host.name}: restarting xapi")
    try:
        status, output, error = _with_a_sign_of_life(task, shell, host)
    except ConnectionLost as lost:
        return Restart("systemctl restart xapi or service xapi restart", f"The reply to the restart was lost ({lost.message})")
    command = next(
        (line.strip() for line in output.splitlines() if line.strip().endswith(("restart xapi", "xapi restart"))), "restart xapi"
    )
    if status:
        said = " ".join(line.strip() for line in (error or output).splitlines() if line.strip() and line.strip() != command) or "nothing"
        raise NetworkError(
            f'xapi of {host.name} did not restart: "{command}" ended with status {status} and said: {said}.'
            " It may be down now; look at /var/log/xensource.log of that host."
        )
    return Restart(command)


def _with_a_sign_of_life(task: Task, shell: Shell, host: model.Host) -> tuple[int, str, str]:
    """The answer to the restart. A host that has lost its power gives none, and its connection tells nobody."""
    seconds, begun = task.options["wait_timeout"], time.monotonic()
    with beside(partial(shell, RESTART, seconds)) as asked:
        while True:
            try:
                return asked.result(AGAIN_SECONDS)
            except TimeoutOfThread:
                took = time.monotonic() - begun
                task.progress(f"{host.name}: its dom0 has not answered the restart yet, {took:.0f} s of at most {seconds:.0f} s")


def by_agent(session: Session, host: model.Host) -> Restart:
    """Orders it through XAPI. Raises XapiFailure for an error that does not come from the restart itself."""
    command = "host.restart_agent"
    try:
        session.call(command, host.ref)
    except ConnectionLost as lost:
        return Restart(command, f"The reply to the call was lost ({lost.message})")
    except XapiFailure as failure:
        # A dead task is that of the forwarded call (recorded); anything else named there means that nothing was done.
        if failure.code not in WORKED_ALL_THE_SAME and (failure.code, *failure.params[:1]) != ("HANDLE_INVALID", "task"):
            raise failure.named({host.ref: host.name}) from None
        return Restart(command, f"XAPI answered {failure.code} to the call")
    return Restart(command)


def started_again(
    task: Task, shell: Shell | None, session: Session, before: model.Host, restart: Restart, deadline: float, facts: dict[str, Any]
) -> model.Host:
    """The host when it is proved that its xapi has started again; where the task waits for no more, that is its new start time."""
    now, seen = before, "xapi had not started again; its start time was still the old one"
    enabled, started = before.enabled, False
    for now in _as_it_changes(session, before, deadline):
        if now.enabled is not enabled:
            enabled = now.enabled
            task.note("host_enabled" if enabled else "host_disabled", before.name)
        if now.agent_start_time in ("", before.agent_start_time):
            continue
        if not started:
            started = True
            task.note("agent_started", before.name)
        if task.options["wait_for"] == "started":
            return now
        if shell is not None:
            complete = _complete(task, shell, before, deadline)
            if complete:
                task.note("startup_complete", before.name)
                return _enabled(task, session, before, deadline)
            if complete is False:
                seen = "xapi had started, but its start-up was not complete"
                break
            shell = None  # dom0 cannot tell
        seen = "xapi had started, but the host was not enabled yet"
        if now.enabled or not before.enabled:
            return now
        task.progress(f"{before.name}: xapi has started, waiting until the host is enabled")
    trouble = f" {session.trouble}" if session.trouble else ""
    raise NetworkError(
        f"It is not proved that xapi of {before.name} restarted within {task.options['wait_timeout']} s: when last seen, {seen}.{trouble}"
        f"{f' {restart.oddity}.' if restart.oddity else ''} Look at /var/log/xensource.log of that host.",
        **{**facts, **facts_of(before, now, []), "problems": facts["problems"], "command": restart.command},
    )


def _enabled(task: Task, session: Session, before: model.Host, deadline: float) -> model.Host:
    """The host when it is enabled as it was before, or as it is when that has had its time."""

    def disabled(now: model.Pool) -> list[Finding]:
        host = now.host(before.ref)
        return [Finding("disabled", host.name, f"{host.name} is not enabled yet.")] if before.enabled and not host.enabled else []

    pool = pool_of(session.refresh())
    return await_none(session, pool, disabled, deadline, task.progress, "waiting", lambda one: ENABLED_SECONDS)[0].host(before.ref)


def _as_it_changes(session: Session, before: model.Host, deadline: float) -> Iterator[model.Host]:
    """The host each time something has changed, until the deadline. A pool whose database is not ready yet is passed over."""
    for records in session.follow(deadline):
        try:
            yield model.read(records).host(before.ref)
        except (model.PoolRecordsError, KeyError):
            continue


def _complete(task: Task, shell: Shell, host: model.Host, deadline: float) -> bool | None:
    """Waits in dom0 until xapi says that its start is complete; None where that cannot be asked."""
    task.progress(f"{host.name}: xapi has started, waiting until its start-up is complete")
    seconds = max(1, math.ceil(deadline - time.monotonic()))
    try:
        status, _output, _error = shell(start_up.complete(seconds), seconds + SPARE_SECONDS)
    except ConnectionLost:
        return None
    return None if status == start_up.NO_SUCH_COMMAND else status == 0
