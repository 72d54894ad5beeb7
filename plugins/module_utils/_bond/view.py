# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user gets back: plan, hosts, problems and findings as plain values, and the sentences of a rejection. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import grouped
from ansible_collections.xapi.network.plugins.module_utils._bond.nics import bridges_in_use, bridges_of_nics
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan, find_network
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import replicated_storage
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.steps import Step
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding, present_state
from ansible_collections.xapi.network.plugins.module_utils._lock.lease import KEY, STOP
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool

SHOWN = ("device", "nics", "mode", "properties", "ip", "mac", "mtu")


def hosts_of(pool: Pool, spec: BondSpec, plan: Plan) -> dict[str, dict[str, Any]]:
    """By host name: the bond as it is now, the action of the plan, and what the plan predicts (`expected`)."""
    network = find_network(pool, spec)
    hosts = {}
    for host in plan.hosts:
        prediction = plan.prediction(host)
        hosts[host.name] = {
            "uuid": host.uuid,
            "address": host.address,
            "master": host.master,
            **present_state(pool, host, network),
            "action": plan.actions.get(host.name, "none"),
            "steps": [step.action for step in plan.steps if step.host == host.name],
            "expected": prediction.to_dict() if prediction else {},
            "nic_bridges": bridges_of_nics(pool, host, prediction.nics if prediction else spec.nics),
            "bridges": bridges_in_use(pool, host),
            "replicated": replicated_storage(pool, host),
        }
    return hosts


def network_of(pool: Pool, spec: BondSpec) -> dict[str, Any]:
    """The bond's network; uuid and bridge are "" while it has to be made."""
    network = find_network(pool, spec)
    if network is None:
        return {"name": spec.network, "uuid": spec.network_uuid, "bridge": "", "mtu": spec.mtu or 0}
    return {"name": network.name, "uuid": network.uuid, "bridge": network.bridge, "mtu": network.mtu}


def pool_of(pool: Pool) -> dict[str, Any]:
    """The pool and all its hosts, the master first, whichever of them the spec concerns."""
    return {
        "uuid": pool.uuid,
        "name": pool.name,
        "locked": KEY in pool.other_config,
        "marked": KEY in pool.other_config,  # what `locked` was called in 1.0.0
        "stop": STOP in pool.other_config,
        "hosts": [{"name": host.name, "uuid": host.uuid, "address": host.address, "hostname": host.hostname} for host in pool.hosts],
    }


def result(pool: Pool, spec: BondSpec, plan: Plan, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """What every xs_bond task returns. `pool` is the state to be shown, which is newer than the plan when the plan was carried out."""
    return {
        "changed": bool(plan.steps),
        "pool": pool_of(pool),
        "network": network_of(pool, spec),
        "hosts": hosts_of(pool, spec, plan),
        "plan": plan.to_dict(),
        "problems": [problem.to_dict() for problem in plan.problems],
        "findings": [finding.to_dict() for finding in findings],
    }


def difference(before: Pool, spec: BondSpec, plan: Plan) -> dict[str, Any]:
    """For --diff: each host's bond before, and as predicted. Hosts that stay as they are are left out."""
    network = find_network(before, spec)
    was: dict[str, Any] = {}
    will: dict[str, Any] = {}
    for host in plan.hosts:
        prediction = plan.prediction(host)
        if not any(step.host == host.name for step in plan.steps):
            continue
        state = present_state(before, host, network)
        was[host.name] = {key: state[key] for key in SHOWN} if state["bond"] else {}
        if spec.absent or prediction is None:
            will[host.name] = {}
        else:
            expected = prediction.to_dict()
            will[host.name] = {key: expected[key] for key in SHOWN}
    return {"before": was, "after": will, "before_header": f"bonds on {spec.called}", "after_header": f"bonds on {spec.called}"}


def rejection(plan: Plan, differences: Sequence[str] = ()) -> str:
    """Why nothing was written: in what the pool is not as approved, and every problem that stops, by cause."""
    lines = [*differences, *grouped(plan.blocking)]
    if len(lines) == 1:
        return f"Nothing was changed. {lines[0]}"
    return "Nothing was changed, for these reasons:\n" + "\n".join(f"- {line}" for line in lines)


def not_as_approved(differences: Sequence[str]) -> str:
    """Why a saved plan was not carried out."""
    said = differences[0] if len(differences) == 1 else "\n" + "\n".join(f"- {sentence}" for sentence in differences)
    return (
        f"Nothing was changed, since this is not what the plan was made for: {said}{chr(10) if len(differences) > 1 else ' '}"
        "Make a new plan, have it approved, and carry out that one."
    )


def unproven(findings: Iterable[Finding], done: Sequence[Step]) -> str:
    """What came out otherwise than it should after the steps were carried out."""
    found = list(findings)
    host = found[0].host
    said = "\n".join(f"- {finding.sentence}" for finding in found) if len(found) > 1 else found[0].sentence
    steps = f" Done so far: {'; '.join(f'{step.host}: {step.sentence}' if step.host else step.sentence for step in done)}." if done else ""
    return (
        f"{host} does not look as it should:{chr(10) if len(found) > 1 else ' '}{said}{chr(10) if len(found) > 1 else ''}{steps}".rstrip()
    )
