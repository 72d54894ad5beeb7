# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at the pool for a wish: one read, and the names of the few VMs whose interfaces are concerned."""

from __future__ import annotations

from ansible_collections.xapi.network.plugins.module_utils._client import Session
from ansible_collections.xapi.network.plugins.module_utils._errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._plan import find_network, wished_hosts
from ansible_collections.xapi.network.plugins.module_utils._pool import Pool, PoolRecordsError, read
from ansible_collections.xapi.network.plugins.module_utils._rules import match
from ansible_collections.xapi.network.plugins.module_utils._wish import Wish


def look(session: Session, wish: Wish) -> Pool:
    """The pool as it is now. Raises NetworkError when XAPI's records are not those of a pool that is up."""
    try:
        pool = read(session.read())
        machines = machines_concerned(pool, wish)
        return read(session.add_machines(sorted(machines))) if machines else pool
    except PoolRecordsError as error:
        raise NetworkError(f"{session.connection}: {error}") from error


def machines_concerned(pool: Pool, wish: Wish) -> set[str]:
    """References of VMs with a live interface on a network that the wish would take from under them. None where the bonds are there
    already.
    """
    network = find_network(pool, wish)
    concerned: set[str] = set()
    for host in wished_hosts(pool, wish)[0]:
        bonded = pool.bond_on(host, network) if network else None
        if wish.absent:
            networks = {network.ref} if network and bonded else set()
        elif bonded is not None:
            continue
        else:
            networks = {nic.network for nic in match(pool, host, wish.nics).found}
        concerned |= {vif.vm for vif in pool.vifs.values() if vif.attached and vif.network in networks and vif.vm}
    return concerned
