# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pool as a spec needs it: one read, and the names of the few VMs whose interfaces are concerned."""

from __future__ import annotations

from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan, wanted_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import match, networks_over
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Host, Network, Pif, Pool, PoolRecordsError, read
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Records, Session


def read_pool(session: Session, spec: BondSpec, planned: bool = False) -> Pool:
    """The pool as it is now. Once a plan was made of the whole pool, the PIFs of the wanted hosts are enough, and those of the master, from
    which members inherit; but whether a VLAN's network is used by somebody else, only the whole pool tells.

    Raises NetworkError when XAPI's records are not those of a pool that is up.
    """

    def concerned(records: Records) -> list[str]:
        pool = read(records)
        return [pool.master.ref, *(host.ref for host in wanted_hosts(pool, spec)[0])]

    try:
        part = planned and spec.hosts and not (spec.absent and spec.vlans)
        pool = read(session.read_of(concerned) if part else session.read())
        machines = machines_concerned(pool, spec)
        return read(session.add_machines(sorted(machines))) if machines else pool
    except PoolRecordsError as error:
        raise NetworkError(f"{session.connection}: {error}") from error


def machines_concerned(pool: Pool, spec: BondSpec) -> set[str]:
    """References of VMs with a live interface on a network that the plan would take from under them. None where it interrupts nothing."""
    the_plan = plan(pool, spec)
    touched = {step.host for step in the_plan.steps if step.interrupts}
    networks = {
        network.ref
        for host in the_plan.hosts
        if host.name in touched
        for pif in _pifs(pool, spec, host, the_plan.network)
        for network in networks_over(pool, pif)
    }
    return {vif.vm for vif in pool.vifs.values() if vif.attached and vif.network in networks and vif.vm}


def _pifs(pool: Pool, spec: BondSpec, host: Host, network: Network | None) -> list[Pif]:
    """The PIFs of this host that a plan may interrupt: the NICs, and the bonds that they or their network are in."""
    nics = match(pool, host, spec.nics).found
    bonds = [pool.bond_on(host, network)] if network else []
    bonds += [pool.bonds.get(nic.bond_slave_of) for nic in nics]
    return [*nics, *(pool.pifs[bond.master] for bond in bonds if bond is not None and bond.master in pool.pifs)]
