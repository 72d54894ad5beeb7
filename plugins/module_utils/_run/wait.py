# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for a pool to come to rest. It learns of changes as events, within one deadline, and says now and then what it sees.

A difference counts when it has stayed as it is for its patience: what is still under way, and values that XAPI polls, get their own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond import partners
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import find_network, plan, wanted_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.under_way import (
    OF_A_JUDGEMENT,
    OF_A_PLAN,
    OF_A_STEP,
    PATIENCE,
    under_way,
    young_hosts,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding, compare
from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Pool, PoolRecordsError, read
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

PROGRESS_SECONDS = 5.0
AGAIN_SECONDS = 30.0  # the same is said again

# What a restart of a member's xapi has to bring about, however long that takes; without it nothing else can be judged.
INHERITED = ("no_network", "no_bond", "nics", "bond_slave_of", "not_attached")
# Of what comes right after it (MTU, VLANs, the management interface), 0.3 s were seen; a slow host with many VLANs gets more.
INHERITING_SECONDS = 30.0
# Once the host is up, its xapi makes what it inherits within a second or two (recorded); what is not there by now, its log tells why.
INHERITED_SECONDS = 120.0

# After a change: links that networkd has taken down come back after 2 to 4 s and are seen at the next poll (recorded); storage is plugged
# and the host enabled in a start that has to wait for a server.
POLLED_SECONDS = 60.0
POLLED = ("link", "degraded", "host_disabled", "storage")
# multipathd tries a path that failed again after 5 to 20 s, and an iSCSI session has to be opened again before that.
PATHS_SECONDS = 180.0
PROVING_SECONDS = 10.0
# DRBD has no events that reach this far; a resync of what one second of writes has changed takes seconds.
DOM0_SECONDS = 2.0
# The clock of the pool is asked only where this machine's, which may be wrong by so much, says that a host has just started.
CLOCK_SECONDS = 600.0
# A wait that has nothing else to go by ends after this at the latest.
REST_SECONDS = 120.0

Progress = Callable[[str], None]


def await_inherited(
    session: Session,
    pool: Pool,
    spec: BondSpec,
    expected: Mapping[str, Prediction],
    deadline: float,
    progress: Progress,
    note: Callable[[str, str], None],
) -> Pool:
    """The pool as soon as the wanted members have inherited all that XAPI gives them by itself, or when what is left has had its time.

    `note` is told when a host's bond is seen first, when it is attached, and when the host is at rest.

    Neither an API that answers, nor an enabled host, nor a new start time of its agent proves that (they come up to four seconds before the
    bond; recorded), only the bond itself does: it is there, has its NICs, is attached, and its MTU, its VLANs and the management interface
    have come after it. Raises NetworkError with what was seen last when there is none at the deadline, or two minutes after the host is up.
    """
    inheriting = _Inheriting(spec, expected, note)
    begun = time.monotonic()
    pool, differences = await_none(session, pool, inheriting.missing, deadline, progress, "waiting for the bond", inheriting.patience)
    left = [one for one in differences if one.code in INHERITED]
    if left:
        seen = " ".join(finding.sentence for finding in left)
        raise NetworkError(
            f"{left[0].host} did not inherit the bond within {time.monotonic() - begun:.0f} s. Last seen:"
            f" {seen}{_agent(pool, left[0].host)}{_trouble(session)}"
            f" XAPI tells the reason in the log of {left[0].host} only: grep -E 'resynchronising|sync_networking' /var/log/xensource.log.",
            findings=[finding.to_dict() for finding in left],
        )
    return pool


@dataclass(frozen=True)
class _Inheriting:
    """What the wanted members have not inherited yet, and what of it was seen and noted already."""

    spec: BondSpec
    expected: Mapping[str, Prediction]
    note: Callable[[str, str], None]
    noted: set[tuple[str, str]] = field(default_factory=set)
    starting: set[str] = field(default_factory=set)

    def missing(self, now: Pool) -> list[Finding]:
        network = find_network(now, self.spec)
        left = []
        for host in wanted_hosts(now, self.spec)[0]:
            expected = self.expected.get(host.uuid)
            if expected is None or not expected.inherits:
                continue
            if host.live and (host.enabled or not expected.enabled):
                self.starting.discard(host.name)
            else:
                self.starting.add(host.name)
            # A member inherits VLANs unplugged (recorded): the plan plugs them.
            found = [one for one in compare(now, host, network, expected.by_xapi) if one.code != "vlan_not_attached"]
            self._note(host, {one.code for one in found})
            left += found
        return left

    def _note(self, host: Host, codes: set[str]) -> None:
        """Each once: the bond is there, it is attached, and the host is at rest."""
        seen = (
            ("bond_seen", not codes & {"no_network", "no_bond"}),
            ("bond_attached", not codes & set(INHERITED)),
            ("at_rest", not codes),
        )
        for what, yet in seen:
            if yet and (host.uuid, what) not in self.noted:
                self.noted.add((host.uuid, what))
                self.note(what, host.name)

    def patience(self, one: Finding) -> float:
        if one.code not in INHERITED:
            return INHERITING_SECONDS
        return float("inf") if one.host in self.starting else INHERITED_SECONDS


def await_rest(session: Session, pool: Pool, spec: BondSpec, deadline: float, progress: Progress, codes: Sequence[str] = OF_A_PLAN) -> Pool:
    """The pool as soon as nothing is under way in it that a plan would take for a drift or for a problem, or as it is when that has had
    its time: XAPI may be making the bond right now, for a run that has died or on a member that starts.
    """
    clock: list[float] = []

    def missing(now: Pool) -> list[Finding]:
        the_plan = plan(now, spec)
        if "settling" in codes and not clock and young_hosts(the_plan, time.time(), CLOCK_SECONDS):
            clock.append(_ahead(session, now))
        return under_way(now, the_plan, time.monotonic() + clock[0] if clock else None, codes)

    return await_none(session, pool, missing, deadline, progress, "waiting", lambda one: PATIENCE[one.code])[0]


def _ahead(session: Session, pool: Pool) -> float:
    """The clock of the pool less the monotonic one of this machine."""
    try:
        there = lease.server_time(str(session.call("host.get_servertime", pool.master.ref))).timestamp()
    except (NetworkError, ValueError):
        there = time.time()
    return there - time.monotonic()


def await_proof(
    session: Session, pool: Pool, proof: Callable[[Pool], list[Finding]], deadline: float, progress: Progress
) -> tuple[Pool, list[Finding]]:
    """The pool as soon as `proof` finds nothing, or as it is when what it finds has had its time, and the findings left."""
    return await_none(session, pool, proof, deadline, progress, "waiting", _proving)


def await_findings(
    session: Session,
    pool: Pool,
    spec: BondSpec,
    missing: Callable[[Pool], list[Finding]],
    expected: bool,
    wait_timeout: float,
    progress: Progress,
) -> tuple[Pool, list[Finding]]:
    """The pool as soon as nothing is `missing`, or as it is after `wait_timeout`, and what is missing. With 0, as it is at rest; what was
    `expected` of a change is then awaited for as long as it may take."""
    if wait_timeout:
        deadline = time.monotonic() + wait_timeout
        return await_none(session, pool, missing, deadline, progress, "waiting for conformity", lambda one: float("inf"))
    deadline = time.monotonic() + REST_SECONDS
    pool = await_rest(session, pool, spec, deadline, progress, OF_A_STEP if expected else OF_A_JUDGEMENT)
    return await_proof(session, pool, missing, deadline, progress) if expected else (pool, missing(pool))


@dataclass(frozen=True)
class Patience:
    """What is waited for in dom0: `amiss` says what is not well yet ("": nothing), by the facts of one host."""

    what: str
    amiss: Callable[[Any], str]
    seconds: float


def await_dom0(ask: Callable[[], dict[str, Any]], patiences: Sequence[Patience], progress: Progress) -> dict[str, Any]:
    """What `ask`, a question to dom0 of many hosts, answers as soon as all is well, or when what is not has had its time."""
    begun = time.monotonic()
    said = begun - AGAIN_SECONDS
    while True:
        asked = ask()
        now = time.monotonic()
        waiting = (
            (one, text)
            for one in patiences
            if now - begun + DOM0_SECONDS <= one.seconds
            for text in map(one.amiss, asked["dom0"].values())
            if text
        )
        patience, last = next(waiting, (None, ""))
        if patience is None:
            return asked
        if now - said >= AGAIN_SECONDS:
            said = now
            progress(f"waiting for {patience.what}, {now - begun:.0f} s of at most {patience.seconds:.0f} s; last seen: {last}")
        time.sleep(DOM0_SECONDS)


def _proving(one: Finding) -> float:
    if one.code.startswith("dom0") or one.code == partners.CODE:
        return 0.0  # what dom0 said was asked before, and does not change here
    if one.code == "paths":
        return PATHS_SECONDS
    return POLLED_SECONDS if one.code in POLLED else PROVING_SECONDS


def await_none(
    session: Session,
    pool: Pool,
    missing: Callable[[Pool], list[Finding]],
    deadline: float,
    progress: Progress,
    what: str,
    patience: Callable[[Finding], float],
) -> tuple[Pool, list[Finding]]:
    """Follows the pool until nothing is missing, or until all that is missing has been so for its patience, at most until the deadline."""
    left = missing(pool)
    begun = time.monotonic()
    since = dict.fromkeys(left, begun)
    said, told = begun, ""
    while left:
        end = min(deadline, max(since[one] + patience(one) for one in left))
        if (now := time.monotonic()) >= end:
            break
        if now - said >= (AGAIN_SECONDS if told == left[0].sentence else PROGRESS_SECONDS):
            said, told = now, left[0].sentence
            where = f"{left[0].host}: " if left[0].host else ""
            progress(f"{where}{what}, {now - begun:.0f} s of at most {end - begun:.0f} s; last seen: {session.trouble or told}")
        pool = _next(session, min(end, now + PROGRESS_SECONDS)) or pool
        left = missing(pool)
        now = time.monotonic()
        since = {one: since.get(one, now) for one in left}
    return pool, left


def _next(session: Session, deadline: float) -> Pool | None:
    """The pool at the next change; None when there is none until the deadline. One whose database is not ready yet is passed over."""
    for records in session.follow(deadline):
        try:
            return read(records)
        except PoolRecordsError:
            continue
    return None


def _agent(pool: Pool, name: str) -> str:
    host = pool.host_called(name)
    if host is None:
        return ""
    return f" XAPI has the host as {'enabled' if host.enabled else 'disabled'} and {'alive' if host.live else 'not alive'}."


def _trouble(session: Session) -> str:
    return f" {session.trouble}" if session.trouble else ""
