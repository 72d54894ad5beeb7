# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for a pool to look as it should. It learns of changes as events, within one deadline, and says now and then what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import find_network, incomplete, survey, wanted_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding, compare
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool, read
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

PROGRESS_SECONDS = 5.0
# Within this time XAPI makes a bond of half a bond, or it is not at it any more.
MAKING_SECONDS = 10.0

# What a restart of a member's xapi has to bring about. The rest (purpose, VLANs to be plugged, an address that the spec changes) is done by
# the plan after it.
INHERITED = ("no_network", "no_bond", "nics", "bond_slave_of", "not_attached")


def await_inherited(
    session: Session,
    pool: Pool,
    spec: BondSpec,
    expected: Mapping[str, Prediction],
    deadline: float,
    progress: Callable[[str], None],
    note: Callable[[str, str], None],
) -> Pool:
    """The pool as soon as the wanted members have inherited their bonds.

    `note` is told when a host's bond is seen first, and when it is attached.

    Neither an API that answers, nor an enabled host, nor a new start time of its agent proves that (they come up to four seconds before the
    bond; recorded), only the bond itself does: it is there, has its NICs, and is attached. Raises NetworkError at the deadline, with what
    was seen last.
    """

    noted: set[tuple[str, str]] = set()

    def missing(now: Pool) -> list[Finding]:
        network = find_network(now, spec)
        left = []
        for host in wanted_hosts(now, spec)[0]:
            if host.uuid not in expected or not expected[host.uuid].inherits:
                continue
            found = [one for one in compare(now, host, network, expected[host.uuid]) if one.code in INHERITED]
            codes = {one.code for one in found}
            for what, yet in (("bond_seen", not codes & {"no_network", "no_bond"}), ("bond_attached", not codes)):
                if yet and (host.uuid, what) not in noted:
                    noted.add((host.uuid, what))
                    note(what, host.name)
            left += found
        return left

    begun = time.monotonic()
    pool, left = _await(session, pool, missing, deadline, progress, "waiting for the bond")
    if left:
        seen = " ".join(finding.sentence for finding in left)
        raise NetworkError(
            f"{left[0].host} did not inherit the bond within {time.monotonic() - begun:.0f} s. Last seen:"
            f" {seen}{_agent(pool, left[0].host)}{_trouble(session)}"
            f" XAPI tells the reason in the log of {left[0].host} only: grep -E 'resynchronising|sync_networking' /var/log/xensource.log.",
            findings=[finding.to_dict() for finding in left],
        )
    return pool


def await_whole(session: Session, pool: Pool, spec: BondSpec, deadline: float, progress: Callable[[str], None]) -> Pool:
    """The pool as soon as no wanted host has half a bond, or as it is when such a bond has had its time.

    XAPI may be making it right now, for a run that has died or on a member that starts.
    """

    def halves(now: Pool) -> list[Finding]:
        network = find_network(now, spec)
        bonds = [(host, now.bond_on(host, network)) for host in wanted_hosts(now, spec)[0]] if network else []
        return [
            Finding("not_attached", host.name, f"{host.name}: the bond is not attached, and its NICs still have what moves to it.")
            for host, bond in bonds
            if bond is not None and incomplete(now, bond)
        ]

    return _await(session, pool, halves, min(deadline, time.monotonic() + MAKING_SECONDS), progress, "waiting for half a bond")[0]


def await_findings(
    session: Session,
    pool: Pool,
    spec: BondSpec,
    expected: Mapping[str, Prediction],
    dom0: Mapping[str, Any],
    deadline: float,
    progress: Callable[[str], None],
) -> tuple[Pool, list[Finding]]:
    """The pool as soon as there are no findings left, or as it is at the deadline, and the findings left."""
    return _await(
        session, pool, lambda now: survey(now, spec, find_network(now, spec), expected, dom0), deadline, progress, "waiting for conformity"
    )


def _await(
    session: Session, pool: Pool, missing: Callable[[Pool], list[Finding]], deadline: float, progress: Callable[[str], None], what: str
) -> tuple[Pool, list[Finding]]:
    left = missing(pool)
    begun = said = time.monotonic()
    while left and time.monotonic() < deadline:
        for records in session.follow(min(deadline, said + PROGRESS_SECONDS)):
            pool = read(records)
            left = missing(pool)
            if not left:
                return pool, left
        said = time.monotonic()
        if left and said < deadline:
            seen = session.trouble or left[0].sentence
            progress(f"{left[0].host}: {what}, {said - begun:.0f} s; last seen: {seen}")
    return pool, left


def _agent(pool: Pool, name: str) -> str:
    host = pool.host_called(name)
    if host is None:
        return ""
    return f" The host is {'enabled' if host.enabled else 'disabled'} and {'alive' if host.live else 'not alive'} in XAPI's eyes."


def _trouble(session: Session) -> str:
    return f" {session.trouble}" if session.trouble else ""
