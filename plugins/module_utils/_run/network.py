# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what the plan of a network needs, and carries it out."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.xapi.network.plugins.module_utils._network.plan import NetworkPlan, NetworkSpec, found, plan
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Network, Pool
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

CLASSES = ("pool", "host", "host_metrics", "network", "pif", "vif")


def read(session: Session, spec: NetworkSpec) -> Pool:
    pool = model.read(session.read(CLASSES))
    if spec.present or (network := found(pool, spec)) is None:
        return pool
    # Only a network that shall go needs the names of VMs, for the message that says why it must not.
    names = {vif.ref: session.call("VM.get_name_label", vif.vm) for vif in pool.vifs.values() if vif.network == network.ref}
    return replace(pool, vifs={ref: replace(vif, vm_name=names.get(ref, "")) for ref, vif in pool.vifs.items()})


def carry_out(session: Session, planned: NetworkPlan, spec: NetworkSpec) -> Network | None:
    """Calls what the plan holds, one after the other, and reads the pool after each: what XAPI says then decides, not the reply."""
    while planned.calls:
        method, arguments = planned.calls[0]
        trouble = "XAPI reported success."
        try:
            session.call(method, *([planned.before.ref] if planned.before else []), *arguments)
        except ConnectionLost as lost:
            trouble = lost.message
        done, planned = planned, plan(model.read(session.refresh()), spec)
        if planned.calls and planned.calls[0] == done.calls[0]:
            raise NetworkError(
                f"{trouble} But {method} has had no effect, as the pool read after it shows. It was not called again: "
                "run the task again to go on."
            )
    return planned.before
