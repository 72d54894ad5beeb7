# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which host of a play does the work for a pool, and which hosts of the pool the play leaves out. Pure.

One host of the play leads for each pool, whatever the strategy, the batches and the order of the inventory are. Before the pool is read, a
host stands for its group of the inventory plugin, or else for the address that it would connect to; that saves the others the reading. Once
it is read, its hosts' uuids decide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

PREFIX = "xs_pool_"


def pool_group(groups: Sequence[str]) -> str:
    """The one group of a pool that a host is in; "" when it is in none or several."""
    found = [name for name in groups if name.startswith(PREFIX)]
    return found[0] if len(found) == 1 else ""


def first_of(batch: Sequence[str], alike: Collection[str], host: str) -> bool:
    """Whether this host is the first of the batch among hosts that stand for the same pool."""
    return next((name for name in batch if name in alike), host) == host


def leads(host: str, batch: Sequence[str], logins: Collection[str]) -> bool:
    """Whether this host, which has read the pool, leads for it: the first of its hosts in the batch does, or whoever read it.

    `logins`: the inventory names of the pool's hosts.
    """
    return host not in logins or first_of(batch, logins, host)


def left_out(play: Collection[str], logins: Mapping[str, str], limited: bool) -> list[str]:
    """The hosts of the pool that a --limit keeps out of the play, by their inventory names, when it names others of them."""
    outside = [name for name in logins.values() if name not in play]
    return outside if limited and len(outside) < len(logins) else []
