# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job of AWX leaves for the jobs after it: one entry of the same shape for each pool, whatever the job did. Pure.

AWX gives the artifacts of a job to those after it as extra variables, and of two with the same key the later one wins
(awx/main/models/workflow.py, get_job_kwargs). So each stage has a key of its own, which is no option of the role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import by_cause
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import links_missing
from ansible_collections.xapi.network.plugins.plugin_utils._record import Run

STAGES = {"present": "apply", "absent": "remove", "verified": "verify"}
# What the last stage left, whichever that was; as it was before each had its key.
LAST = "storage_bond"
NOT_STARTED = (
    "The rehearsal did not take place: no twin of the pool could be started, as the output above says. It tells nothing about the real run."
    " Nothing was changed on the pool."
)


def stage(state: str, check: bool) -> str:
    return "plan" if check and state != "verified" else STAGES[state]


def artifacts(stage: str, pool: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {f"storage_bond_result_{stage}": {pool: dict(entry)}, LAST: {pool: dict(entry)}}


def of_run(run: Run, refusal: str, told: Sequence[str], plan: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """`refusal`: why it did not begin; `told`: what it said; `plan`: of xs_bond or xs_bond_info; `now`: its hosts, as they are."""
    wrong = refusal or (run.message if run.failure else "") or "\n".join(by_cause(run.findings))
    done = not wrong and run.stage == "over"
    return {
        **_entry(stage(run.state, run.check), done, wrong or "\n".join(told)),
        "network": run.network,
        "state": run.state,
        "check": run.check,
        "conforms": done and not (run.check and run.work),
        "changed": [host.name for host in run.done if not host.undone],
        "planned": [host.name for host in run.work],
        "seconds": {host.name: host.seconds for host in run.done},
        "findings": list(run.findings),
        "degraded": [finding.to_dict() for finding in links_missing(now)],
        "problems": list(plan.get("problems") or []),
        "lines": list(told),
    }


def of_rejection(state: str, check: bool, network: str, message: str) -> dict[str, Any]:
    """Of a job whose options cannot be meant, which has not come to any pool."""
    return {**_entry(stage(state, check), False, message), "network": network, "state": state, "check": check}


def of_rehearsal(result: Mapping[str, Any]) -> dict[str, Any]:
    """`result`: of the command that played it, with `started` (whether there was a twin), `address` of the pool, `network` (a name) and
    `unread` (why the pool could not be read).
    """
    done, where = int(result["rc"]) == 0, result["address"]
    # From a template, ansible-core up to 2.18 gives text.
    started = str(result["started"]).lower() == "true"
    failed = (
        f"The rehearsal of the pool at {where} failed, as shown above. Nothing was changed on the pool. For the same options the real run"
        " is expected to stop at the same place."
    )
    passed = f"The bond was made and verified on a twin of the pool at {where}. Nothing was changed on the pool."
    not_done = failed if started else NOT_STARTED
    if unread := " ".join(str(result.get("unread") or "").split()):
        not_done = f"The rehearsal did not take place: {unread.rstrip('.')}. Nothing was changed on the pool."
    return {**_entry("rehearse", done, passed if done else not_done), "network": str(result.get("network") or "")}


def _entry(stage: str, successful: bool, message: str) -> dict[str, Any]:
    """Every key that an entry has, of a stage that has nothing to say about most of them."""
    return {
        "stage": stage, "successful": successful, "message": message, "network": "", "state": "present", "check": stage == "rehearse",
        "conforms": False, "changed": [], "planned": [], "seconds": {}, "findings": [], "degraded": [], "problems": [], "lines": [],
    }  # fmt: skip
