# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a plan may take, host by host: what its steps took on real pools, with the proof that follows them. Pure.

Nothing is decided by it. How long a run waits at the most is the option wait_timeout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.steps import Step

# At least and at most, in seconds.
# A restart of xapi until the bond is at rest took 11 to 13 s on hosts without VMs (xapi 25.33.2 and 26.17.0). A minute is what others
# report of busy hosts; it was not measured here.
RESTART = (15, 60)
# A call takes below one second, and 2.3 s with its proof (26.17.0). Real links then need 2 to 4 s, and XAPI looks at links every 5 s.
NEW_BOND = (2, 10)
REPLUG = (1, 5)
OTHER_CALL = (0, 1)
STEPS: Mapping[str, tuple[int, int]] = {
    "restart_agent": RESTART, "create_bond": NEW_BOND, "destroy_bond": NEW_BOND, "replug": REPLUG, "set_mode": REPLUG,
    "set_property": REPLUG,
}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """`hosts`: least and most seconds of each host that the plan changes, in the order in which they come."""

    hosts: Mapping[str, tuple[int, int]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "least": sum(least for least, _most in self.hosts.values()),
            "most": sum(most for _least, most in self.hosts.values()),
            "hosts": {name: {"least": least, "most": most} for name, (least, most) in self.hosts.items()},
        }


def estimate(steps: Iterable[Step]) -> Estimate:
    """Of these steps. What concerns no host (a network that is made) is done in a moment."""
    hosts: dict[str, tuple[int, int]] = {}
    for step in steps:
        if step.host:
            least, most = hosts.get(step.host, (0, 0))
            more = STEPS.get(step.action, OTHER_CALL)
            hosts[step.host] = (least + more[0], most + more[1])
    return Estimate(hosts)
