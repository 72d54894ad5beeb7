# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Storage that the hosts of the pool keep for each other: LINSTOR (XOSTOR), whose DRBD runs over the pool's own network. Pure.

With two copies of three behind, the third host's change costs quorum, and the VMs stand still or fall to read-only. XAPI knows nothing of
it; dom0 does (drbdsetup status).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding
from ansible_collections.xapi.network.plugins.module_utils._pool.model import WITHOUT_ADDRESS, Host, Pool

SHOWN = 3  # resources that are named; an SR has one for each disk


def replicated_storage(pool: Pool, host: Host) -> list[str]:
    """Names of the storage that this host has attached and keeps for others."""
    return sorted({one.sr_name or one.sr_uuid for one in pool.storages_of(host) if one.attached and one.sr_type in WITHOUT_ADDRESS})


def waiting(answer: Any) -> str:
    """What DRBD is not done with, by the facts of xs_dom0_facts, as the end of a sentence; "" when nothing is, or dom0 does not say."""
    behind = answer.get("drbd") if isinstance(answer, Mapping) else None
    alike: dict[str, list[str]] = defaultdict(list)
    for resource, states in sorted((behind or {}).items()):
        alike[", ".join(states)].append(resource)
    return "; ".join(f"{_named(resources)}: {states}" for states, resources in alike.items())


def drbd_findings(host: str, storage: list[str], answer: Any) -> list[Finding]:
    """As the proof of a host says it. `storage`: of `replicated_storage`."""
    behind = waiting(answer)
    if behind:
        return [Finding("dom0_drbd", host, f"{host}, dom0: DRBD is not up to date on all hosts: {behind}.")]
    if storage and isinstance(answer, Mapping) and answer.get("drbd") is None:
        sentence = f"{host}, dom0: no drbdsetup says whether DRBD, on which {', '.join(storage)} lies, is up to date."
        return [Finding("dom0_drbd", host, sentence)]
    return []


def drbd_problems(host: str, storage: list[str], answer: Any) -> list[Problem]:
    """What speaks against a change of any host of the pool. `storage`: of `replicated_storage`; `answer`: None where dom0 was not asked."""
    behind = waiting(answer)
    if behind:
        sentence = f"{host}: DRBD is not up to date on all hosts: {behind}. The change of a host now could cost the quorum."
        return [Problem("drbd_behind", host, sentence, "Wait until drbdsetup status in dom0 says UpToDate everywhere, then run again.")]
    if not storage or (isinstance(answer, Mapping) and answer.get("drbd") is not None) or isinstance(answer, str):
        return []  # a dom0 that is silent is another problem
    names = ", ".join(storage)
    if answer is None:
        sentence = f"{host}: {names} is on LINSTOR, and whether DRBD is up to date is known to dom0 alone, which is not asked."
        return [Problem("drbd_unknown", host, sentence, "Have dom0 asked: storage_bond_dom0: true.")]
    sentence = f"{host}: {names} is on LINSTOR, and dom0 has no drbdsetup that could say whether DRBD is up to date."
    return [Problem("drbd_unknown", host, sentence, "Without it, no host after the first would be safe to change. Do it by hand.")]


def _named(resources: list[str]) -> str:
    more = len(resources) - SHOWN
    return ", ".join(resources[:SHOWN]) + (f" and {more} more" if more > 0 else "")
