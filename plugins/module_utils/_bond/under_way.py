# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What in a pool is still under way, so that it is neither a drift nor a reason to refuse: it is waited for. Pure.

Sources: recordings of xapi 25.33 and 26.17 (between_bond_create, between_inherit, between_management, service_restart_timeline).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, incomplete
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Bond, Host, Pool

# A member makes what it inherits within some four seconds of the moment at which its xapi writes its start time (recorded).
YOUNG_SECONDS = 15.0

# How long each of these may stay as it is before it counts as what it looks like. XAPI makes a bond in less than a second (recorded);
# carrier is polled every 5 s, and a link needs up to 4 s to come back.
PATIENCE: Mapping[str, float] = {
    "being_made": 10.0,
    "starting": 60.0,
    "settling": 3.0,
    "disabled": 6.0,
    "network_task": 60.0,
    "pending_tasks": 20.0,
    "no_link": 15.0,
}


# What matters to whom: to a step of a plan that was made before, to a judgement, and to a plan.
OF_A_STEP = ("being_made",)
OF_A_JUDGEMENT = ("being_made", "starting", "settling", "disabled")
OF_A_PLAN = tuple(PATIENCE)


def being_made(pool: Pool, bond: Bond) -> bool:
    """XAPI makes the records of a bond first and plugs it then, after which its MTU comes and what moves to it (recorded).

    An incomplete bond that was left behind looks the same; it stays so.
    """
    own = pool.pifs.get(bond.master)
    return own is None or own.mtu < 0 or incomplete(pool, bond)


def under_way(pool: Pool, the_plan: Plan, now: float | None, codes: Sequence[str] = OF_A_PLAN) -> list[Finding]:
    """What is to be waited for before anybody plans, or judges, the hosts of this plan.

    `now`: the time in the pool, in seconds since 1970; None when it is not known. `codes`: what matters.
    """
    found = [one for host in the_plan.hosts if (one := _bond_of(pool, the_plan, host)) is not None]
    concerned = _concerned(the_plan)
    found += [one for host in the_plan.hosts if host.name in concerned and (one := _start(host, now)) is not None]
    found += [
        Finding("network_task", "", f"{task.name} is under way (task {task.uuid}).")
        for task in pool.tasks
        if concerned and task.changes_network
    ]
    found += [Finding(one.code, one.host, one.sentence) for one in the_plan.blocking if one.code in ("pending_tasks", "no_link")]
    return [one for one in found if one.code in codes]


def young_hosts(the_plan: Plan, now: float, within: float) -> list[Host]:
    """The hosts of this plan to which something is to be done, and whose xapi has started in this time, by the clock that says `now`."""
    return [host for host in the_plan.hosts if host.name in _concerned(the_plan) and _is_young(host, now, within)]


def _concerned(the_plan: Plan) -> set[str]:
    return {one.host for one in the_plan.steps} | {one.host for one in the_plan.blocking}


def _bond_of(pool: Pool, the_plan: Plan, host: Host) -> Finding | None:
    bond = pool.bond_on(host, the_plan.network) if the_plan.network else None
    if bond is None or not being_made(pool, bond):
        return None
    return Finding("being_made", host.name, f"{host.name}: the bond is being made, or an incomplete bond was left behind.")


def _start(host: Host, now: float | None) -> Finding | None:
    """A host whose xapi is starting, or has just started and may be about to make what it inherits."""
    if not host.live:
        return Finding("starting", host.name, f"{host.name}: XAPI does not see the host alive; its xapi may be starting.")
    young = now is not None and _is_young(host, now, YOUNG_SECONDS if host.enabled else PATIENCE["starting"])
    if young and not host.enabled:
        return Finding("starting", host.name, f"{host.name}: xapi is starting; the host is not enabled yet.")
    if not host.enabled:
        # A host that comes up is alive first, and half a second later says when its xapi has started (recorded).
        return Finding("disabled", host.name, f"{host.name}: the host is disabled; its xapi may be starting.")
    if not young:
        return None
    return Finding("settling", host.name, f"{host.name}: xapi has just started and may still be at work on its network.")


def _is_young(host: Host, now: float, within: float) -> bool:
    try:
        return abs(now - float(host.agent_start_time)) < within
    except ValueError:
        return False
