# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is handed to a comparison besides the spec, held against the pool: what would be compared with nothing is an error. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import names
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError


def of_this_pool(pool: Pool, expected: Mapping[str, Prediction]) -> None:
    """Raises NetworkError when something was predicted for a host that the pool does not have: it would be compared with nothing."""
    known = {host.uuid for host in pool.hosts}
    strangers = [f"{one.host} ({uuid})" for uuid, one in expected.items() if uuid not in known]
    if strangers:
        raise NetworkError(f"expected: {', '.join(strangers)} is no host of the pool {pool.name or pool.uuid}.")


# What the facts of xs_dom0_facts have at least.
DOM0_FACTS: Mapping[str, type] = {"uuid": str, "bridges": list, "bonds": dict, "interfaces": dict}


def read_dom0(pool: Pool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers handed to a task in `dom0`, by host uuid. Raises NetworkError when one would be compared with nothing."""
    answers = {}
    for name, answer in given.items():
        host = pool.host_called(name)
        if host is None:
            raise NetworkError(
                f"dom0: no host, or more than one, is called {name}. The pool has {names([one.name for one in pool.hosts])}."
            )
        facts = isinstance(answer, dict) and answer.get("uuid") and all(isinstance(answer.get(key), DOM0_FACTS[key]) for key in DOM0_FACTS)
        if not facts and not (isinstance(answer, str) and answer.strip()):
            raise NetworkError(
                f"dom0: what is given for {name} is neither the facts xs_dom0 of xs_dom0_facts, nor a text that says why there are none."
            )
        answers[host.uuid] = answer
    return answers
