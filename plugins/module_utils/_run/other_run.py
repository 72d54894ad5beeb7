# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether another run is changing the pool at this moment, for a plan that tells its reader."""

from __future__ import annotations

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._lock import lease
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool
from ansible_collections.xapi.network.plugins.module_utils._run import this_run
from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session


def with_other_run(task: Task, session: Session, pool: Pool, plan: dict[str, Any]) -> dict[str, Any]:
    """The plan, as a user gets it, with a notice when another run holds the pool's lock by the clock of the master."""
    there = lease.held(pool.other_config)
    if there is None or not task.check_mode:
        return plan
    now = lease.server_time(str(session.call("host.get_servertime", pool.master.ref)))
    if not there.blocks(this_run.this_run(in_process=task.shell is not None), now, this_run.alive):
        return plan
    notice = (
        f"Another run is changing this pool: {there.holder}, since {there.since:%Y-%m-%d %H:%M:%S} UTC. This plan may be out of"
        f" date when it has ended, and a change is refused until then, or until its lock expires at {there.until:%H:%M:%S} UTC."
    )
    return {**plan, "notices": [*plan["notices"], notice]}
