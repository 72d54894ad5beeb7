# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journeys of a bond: what is played, what is typed in dom0 in between, and what has to be true afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.acceptance.look import Wanted
from tests.acceptance.pool import Pool
from tests.acceptance.step import Journey, Step, typed


@dataclass(frozen=True)
class Bond:
    """What a journey wants: variables of the role, and what they make."""

    variables: Mapping[str, Any]
    wanted: Wanted

    def but(self, **variables: Any) -> Bond:
        return replace(self, variables={**self.variables, **variables})

    def run(self, **how: Any) -> Step:
        return Step(variables=self.variables, wanted=self.wanted, **how)

    @property
    def remove(self) -> Step:
        return self.run(playbook="storage_bond_remove", end="found", changes=1)

    @property
    def verify(self) -> Step:
        return self.run(playbook="storage_bond_verify", changes=0)

    def refused(self, word: str, playbook: str = "storage_bond") -> Step:
        return self.run(playbook=playbook, end="", fails=word)

    @property
    def made(self) -> tuple[Step, ...]:
        """The plan alone, then the bond, then the same once more, which changes nothing."""
        return self.run(end="found", check=True), self.run(changes=1), self.run(changes=0)


def journeys(pool: Pool) -> list[Journey]:
    restart, direct = bond_of(pool, strategy="restart"), bond_of(pool, strategy="direct")
    agent = restart.but(agent_method="agent")
    # XAPI leaves them to the NIC when the bond is removed.
    kept = bond_of(pool, strategy="restart", purpose="Storage", disallow_unplug=True)
    lacp = bond_of(pool, strategy="direct", mode="lacp", properties={"lacp-time": "fast"})
    return [
        Journey("direct", (*direct.made, direct.verify, direct.remove), quick=True),
        _killed(restart, f"Restart xapi, from which the bond is inherited, on {pool.member}", quick=True),
        Journey("restart", (*restart.made, restart.verify, restart.remove, replace(restart.remove, changes=0))),
        Journey("agent", (*agent.made, agent.verify, agent.remove)),
        Journey("lacp", (*lacp.made, lacp.remove)),
        Journey("balance-slb", there_and_back(bond_of(pool, strategy="direct", mode="balance-slb"))),
        Journey("MTU 9000", there_and_back(bond_of(pool, strategy="restart", mtu=9000))),
        Journey("purpose and disallow_unplug", (kept.run(changes=1), kept.run(changes=0), kept.verify, replace(kept.remove, end=""))),
        *_keys_and_vlans(pool),
        *_management(pool),
        *_drifts(pool, direct),
        *_networks_by_that_name(pool, direct),
        *_hosts_away(pool, restart, direct),
        _two_at_once(pool, direct),
        _killed(direct, f"Make the change, or wait for the inherited bond, on {pool.member}"),
        _killed(restart, f"Begin with {pool.member}"),
    ]


def moments(pool: Pool) -> list[Journey]:
    """Kills of the control node, one at each task that matters. What comes after the last of them is over too soon to be struck."""
    words = ("Begin with", "Restart xapi, from which the bond is inherited, on", "Make the change, or wait for the inherited bond, on",
             "Look in XAPI and in dom0 at")  # fmt: skip
    some = [f"{word} {host}" for host in pool.hosts for word in words]
    before = ("Plan and check every host", "Ask dom0 of every host", "Show the plan", "Keep other runs away from the pool", "Change a host")
    after = ("Finish with the last host", "Ask dom0 of every host once more", "Verify the whole pool")
    return [_killed(bond_of(pool, strategy="restart"), at) for at in (*before, *some, *after)]


def bond_of(pool: Pool, nics: Sequence[str] = (), **variables: Any) -> Bond:
    nics = tuple(nics) or pool.nics
    more: dict[str, Any] = {"MTU": variables["mtu"]} if "mtu" in variables else {}
    more |= {"disallow_unplug": True} if variables.get("disallow_unplug") else {}
    mode, keys = variables.get("mode", "active-backup"), {"management_purpose": variables["purpose"]} if "purpose" in variables else {}
    wanted = Wanted(pool.network, nics, mode, more, variables.get("properties", {}), keys)
    return Bond({"network": pool.network, "nics": list(nics), **variables}, wanted)


def there_and_back(bond: Bond) -> tuple[Step, ...]:
    return bond.run(changes=1), bond.run(changes=0), bond.verify, bond.remove


def _two_at_once(pool: Pool, bond: Bond) -> Journey:
    both = bond.run(at=f"Begin with {pool.master}", strikes="again", patient=True)
    return Journey("two runs at once", (both, bond.verify, bond.remove))


def _killed(bond: Bond, at: str, later: float = 0.5, quick: bool = False) -> Journey:
    dead = bond.run(end="", at=at, later=later, strikes="kill")
    return Journey(f"killed at: {at}", (dead, bond.run(), bond.run(changes=0), bond.remove), quick=quick)


def pif(device: str, host: str) -> str:
    return f"$(xe pif-list --minimal device={device} VLAN=-1 host-name-label={host})"


def vlan(pool: Pool, tag: int, command: str, nic: str = "") -> Step:
    """A VLAN on the first NIC, or another one; `command`: of xe, for the whole pool or for the master alone."""
    network = f"$(xe network-create name-label={pool.network}-{tag})"
    return typed(f"xe {command} vlan={tag} network-uuid={network} pif-uuid={pif(nic or pool.nics[0], pool.master)}", end="begins")


def _keys_and_vlans(pool: Pool) -> list[Journey]:
    keys = typed(f"xe pif-param-set uuid={pif(pool.nics[0], pool.master)} other-config:ethtool-gso=off", end="begins")
    found = []
    for strategy in ("direct", "restart"):
        bond = bond_of(pool, strategy=strategy)
        found.append(Journey(f"a VLAN on the NIC, {strategy}", (vlan(pool, 50, "pool-vlan-create"), *there_and_back(bond))))
    bond = bond_of(pool, strategy="direct")
    found.append(Journey("a VLAN on the NIC of the master alone", (vlan(pool, 51, "vlan-create"), *there_and_back(bond))))
    for strategy in ("direct", "restart"):
        first, second = vlan(pool, 54, "pool-vlan-create"), vlan(pool, 52, "pool-vlan-create", pool.nics[1])
        back = bond_of(pool, strategy=strategy, accept=["vlans_back"])
        steps = (first, second, bond_of(pool, strategy=strategy).run(changes=1), back.run(changes=0), back.verify, back.remove)
        found.append(Journey(f"a VLAN on the second NIC, {strategy}", steps))
    inherited = bond_of(pool, strategy="restart", accept=["vlans_back"])
    alone = vlan(pool, 55, "vlan-create", pool.nics[1])
    found.append(Journey("a VLAN on the second NIC of the master alone, restart", (alone, *there_and_back(inherited))))
    moved = replace(bond.remove, end="", says=f"was on {pool.nics[1]} before the bond, and XAPI brings it back on {pool.nics[0]}")
    left = (vlan(pool, 52, "pool-vlan-create", pool.nics[1]), bond.run(changes=1), moved)
    found.append(Journey("a VLAN on the second NIC, left where XAPI brings it", left))
    found.append(Journey("an ethtool key on the NIC", (keys, *there_and_back(bond))))
    return found


def _management(pool: Pool) -> list[Journey]:
    found = []
    for strategy in ("direct", "restart"):
        bond = bond_of(pool, pool.management_nics, strategy=strategy, accept=["management"])
        found.append(Journey(f"management, {strategy}", there_and_back(bond), needs="management_nics"))
    return found


def _drifts(pool: Pool, bond: Bond) -> list[Journey]:
    """The bond is made otherwise by hand: it is found, refused, and repaired."""
    one = f"$(xe bond-list --minimal master=$(xe pif-list --minimal network-name-label={pool.network} host-name-label={pool.member}))"
    it = f"$(xe pif-list --minimal network-name-label={pool.network} host-name-label={pool.member})"
    repair = bond.but(on_drift="repair").run(changes=1)
    commands = {
        "another mode": f"xe bond-set-mode uuid={one} mode=balance-slb",
        "other NICs": f"xe bond-destroy uuid={one}; xe bond-create network-uuid=$(xe network-list --minimal name-label={pool.network})"
        f" pif-uuids={pif(pool.nics[0], pool.member)} mode=active-backup",
    }
    found = [
        Journey(
            f"drift: {name}",
            (bond.run(), typed(command), bond.refused(pool.member, "storage_bond_verify"), bond.refused(pool.member), repair, bond.verify,
             bond.remove),
        )
        for name, command in commands.items()
    ]  # fmt: skip
    # What is only not there, or not plugged, is completed without being asked to repair.
    unplugged = f"xe pif-param-set uuid={it} disallow-unplug=false; xe pif-unplug uuid={it}"
    lost = {"no bond": f"xe bond-destroy uuid={one}", "unplugged": unplugged}
    for name, command in lost.items():
        seen = bond.refused(pool.member, "storage_bond_verify")
        found.append(Journey(f"drift: {name}", (bond.run(), typed(command), seen, bond.run(changes=1), bond.verify, bond.remove)))
    return found


def _networks_by_that_name(pool: Pool, bond: Bond) -> list[Journey]:
    there = typed(f"xe network-create name-label={pool.network}")
    twice = typed(f"xe network-create name-label={pool.network}", end="begins")
    return [
        Journey("the network is there", (there, bond.run(changes=1), bond.verify, bond.remove)),
        Journey("two networks of that name", (there, twice, replace(bond.refused(pool.network), end="found"))),
    ]


def _hosts_away(pool: Pool, restart: Bond, direct: Bond) -> list[Journey]:
    member = pool.member
    off, on = Step(power="off", host=member, end=""), Step(power="on", host=member, end="", patient=True)
    stopped, started = typed("service xapi stop", member), typed("service xapi start", member)
    # A line that comes at once; the name of a task comes with its first result, when a quick host is done.
    # networkd may bring up what it had written down last: an earlier bond, of which XAPI knows nothing any more (seen on 25.33.2).
    mended = bond_of(pool, strategy="restart", accept=["bridge_left"])
    falls = restart.run(end="", at=f"{member}: restarting xapi", later=0.5, strikes="off", host=member, fails=member)
    return [
        Journey("xapi stopped on a member", (stopped, direct.refused(member), started, replace(direct.run(), patient=True), direct.remove)),
        Journey("a member is off", (off, restart.refused(member), on, restart.run(), restart.remove), needs="power"),
        Journey("a member goes off in the middle", (falls, on, mended.run(), mended.remove), needs="power"),
    ]
