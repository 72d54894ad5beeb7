# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journeys of each module, and of the inventory plugin, by itself: the plan alone, once, and once more, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.acceptance import compare
from tests.acceptance.journeys import bond_of
from tests.acceptance.look import first_difference
from tests.acceptance.pool import Pool
from tests.acceptance.step import Journey, Shown, Step, Task, show


def journeys(pool: Pool) -> list[Journey]:
    return [
        _network(pool),
        _bond(pool),
        _agent(pool),
        _lock(pool),
        _timer(pool),
        Journey("module: xs_pool_info", _twice(Step(tasks=POOL_INFO, also=compare.pool_info))),
        Journey("module: xs_pif_facts", _twice(Step(tasks=_facts_of(pool), also=compare.pif_facts)), quick=True),
        _facts_with_a_bond(pool),
        Journey("module: xs_dom0_facts", _twice(Step(tasks=DOM0_FACTS, on="xs_hosts", also=compare.dom0_facts))),
        _state_of_lacp(pool),
        Journey("inventory: xs_pools", _twice(Step(tasks=_INVENTORY, plugin=True, also=compare.inventory))),
    ]


def _task(module: str, register: str = "", **options: Any) -> Task:
    return {f"xapi.network.{module}": options, **({"register": register} if register else {})}


def _twice(step: Step) -> tuple[Step, ...]:
    """What only reads: in check mode and without, and the pool is as it was."""
    return replace(step, check=True, changes=0, end="found"), replace(step, changes=0, end="found")


def _made(step: Step, end: str) -> tuple[Step, ...]:
    """In check mode it says a change and makes none; then it makes it, and then there is nothing to do."""
    plan = replace(step, check=True, changes=1, end="", also=None)
    return plan, replace(step, changes=1, end=end), replace(step, changes=0, end=end), replace(step, check=True, changes=0, end=end)


POOL_INFO = (_task("xs_pool_info", register="it"), show("pool", "it"))
DOM0_FACTS = (_task("xs_dom0_facts"), show("dom0-{{ inventory_hostname }}", "ansible_facts['xs_dom0']"))
# XAPI has Open vSwitch wait 31 s (bond-updelay) before a NIC of a bond whose link came back carries traffic; until then two looks differ.
ALL_CARRY: Task = {
    "ansible.builtin.raw": "ovs-appctl bond/list | tail -n +2 | cut -f 1 | xargs -n 1 ovs-appctl bond/show", "register": "carry",
    "until": "carry.stdout is not search('(member|slave) .*: disabled')", "retries": 60, "delay": 1, "changed_when": False,
}  # fmt: skip
_INVENTORY = (
    show("groups", "groups"),
    show("hosts", "dict(groups['xs_hosts'] | zip(groups['xs_hosts'] | map('extract', hostvars)))"),
)


def _facts_of(pool: Pool) -> tuple[Task, ...]:
    each = [(_task("xs_pif_facts", host=host), show(f"facts-{host}", "ansible_facts['xs_network']")) for host in pool.hosts]
    return tuple(task for tasks in each for task in tasks)


def _network(pool: Pool) -> Journey:
    """Made, changed in place and removed; `xe network-list` has to have each field."""
    name = f"{pool.network}-net"

    def network(**options: Any) -> Step:
        def in_xe(where: Pool, _shown: Shown) -> str:
            return _network_in_xe(where, name, options)

        return Step(tasks=(_task("xs_network", name=name, **options),), end="", also=in_xe)

    first = network(mtu=9000, description="Acceptance", tags=["one", "two"], purpose=["nbd"], other_config={"automatic": "false"})
    changed = network(mtu=1500, tags=[], purpose=[], other_config={"automatic": None, "folder": "x"})
    gone = network(state="absent")
    return Journey("module: xs_network", (*_made(first, ""), *_made(changed, ""), *_made(gone, "found")))


def _network_in_xe(pool: Pool, name: str, options: Mapping[str, Any]) -> str:
    rows = [row for row in compare.listed(pool, "network-list") if row["name-label"] == name]
    if len(rows) != (options.get("state") != "absent"):
        return f"{len(rows)} networks are called {name}"
    for row in rows:
        config = [f"{key}: {value}" for key, value in options.get("other_config", {}).items() if value is not None]
        has = {"MTU": row["MTU"], "tags": row["tags"], "purpose": row["purpose"], "other-config": row["other-config"]}
        wants = {"MTU": str(options["mtu"]), "tags": ", ".join(options["tags"]), "purpose": ", ".join(options["purpose"])}
        wants["other-config"] = "; ".join(config)
        if difference := first_difference(wants, has, name):
            return difference
    return ""


def _bond(pool: Pool) -> Journey:
    """xs_bond on every host, xs_bond_info on what it made, and away again."""
    wanted = bond_of(pool).wanted
    options: dict[str, Any] = {"network": pool.network, "nics": list(pool.nics)}
    bond = Step(tasks=(_task("xs_bond", **options, strategy="direct"),), wanted=wanted)
    told = Step(tasks=(_task("xs_bond_info", register="it", **options), show("info", "it")), wanted=wanted, also=_conforms)
    away = Step(tasks=(_task("xs_bond", **options, state="absent"),), wanted=wanted)
    plan, *rest = _made(bond, "bonded")
    steps = (replace(plan, end="found"), *rest, replace(told, check=True, changes=0), replace(told, changes=0))
    plan, *rest = _made(away, "")
    no_network = Step(tasks=(_task("xs_network", name=pool.network, state="absent"),), changes=1, end="found")
    return Journey("module: xs_bond and xs_bond_info", (*steps, replace(plan, end="bonded"), *rest, no_network))


def _conforms(pool: Pool, shown: Shown) -> str:
    """What xs_bond_info says of each host, against `xe bond-list`."""
    if not shown["info"]["conforms"]:
        return f"findings: {shown['info']['findings']}"
    bonds = {row["uuid"]: row for row in compare.listed(pool, "bond-list")}
    said = {host["bond"]: host["mode"] for host in shown["info"]["hosts"].values()}
    return first_difference({uuid: row["mode"] for uuid, row in bonds.items()}, said, "bonds")


def _agent(pool: Pool) -> Journey:
    """Both ways; that xapi is another one than before is asked in dom0, where the module's own proof does not come from."""
    steps = []
    for method in ("service", "agent"):
        task = _task("xs_agent", host=pool.member, method=method)
        asked = {"ansible.builtin.raw": "pidof xapi | tr ' ' '\\n' | sort -n | head -n 1", "register": "before", "changed_when": False}
        step = Step(
            tasks=(asked, task, {**asked, "register": "after"}, show("pids", "[before, after] | map(attribute='stdout', default='')")),
            on=pool.member,
        )
        steps += [replace(step, check=True, end="found", changes=1, also=None), replace(step, end="found", changes=1, also=_restarted)]
    return Journey("module: xs_agent", tuple(steps))


def _restarted(_pool: Pool, shown: Shown) -> str:
    before, after = (text.strip() for text in shown["pids"])
    return "" if before and after and before != after else f"xapi was process {before}, and is {after}"


def _lock(pool: Pool) -> Journey:
    """Taken, renewed, seen in the pool's other_config, given back; a plan alone takes nothing."""
    keys = {"ansible.builtin.raw": "xe pool-param-get uuid=$(xe pool-list --minimal) param-name=other-config", "register": "keys",
            "changed_when": False}  # fmt: skip
    take, give = _task("xs_pool_lock", register="held"), _task("xs_pool_lock", register="given", state="released")
    whole = (
        take, keys, show("keys", "keys.stdout | default('')"), show("held", "held"), _task("xs_pool_lock", register="renewed"), give,
        show("changed", "[held.changed, renewed.changed, given.changed]"),
    )  # fmt: skip
    step = Step(tasks=whole, on=pool.master, end="found", changes=1, also=_locked)
    idle = Step(tasks=(_task("xs_pool_lock", state="released"),), changes=0, end="found", also=compare.nobody_holds)
    plan = replace(step, tasks=(take,), check=True, also=compare.nobody_holds)
    return Journey("module: xs_pool_lock", (plan, step, idle, replace(idle, check=True)))


def _locked(pool: Pool, shown: Shown) -> str:
    if "xapi.network.run" not in shown["keys"]:
        return f"while the lock was held, the pool's other_config was {shown['keys'].strip()}"
    return first_difference([True, False, True], shown["changed"], "changed") or compare.nobody_holds(pool, shown)


def _timer(pool: Pool) -> Journey:
    """xs_confirm: armed in dom0 of the master, asked, ended; nothing is taken back, and no process of it is left."""
    plan = _task("xs_bond", "plan", network=pool.network, nics=list(pool.nics), strategy="direct", confirm_timeout=300)
    undo = "{{ plan.undo.values() | selectattr('name', 'equalto', inventory_hostname) | first }}"
    states = [_task("xs_confirm", register=state, state=state, undo=undo, timeout=300) for state in ("armed", "asked", "confirmed")]
    step = Step(tasks=({**plan, "check_mode": True, "changed_when": False}, *states, show("asked", "asked")), on=pool.master, end="found")
    return Journey("module: xs_confirm", (replace(step, also=_no_timer_is_left),))


def _no_timer_is_left(pool: Pool, shown: Shown) -> str:
    left = pool.dom0(pool.master, "ls /var/lib/xapi.network 2>/dev/null || true").split()
    if shown["asked"]["timer"] != "armed":
        return f"asked while it was armed, it said {shown['asked']}"
    return f"in /var/lib/xapi.network of {pool.master} is {', '.join(left)}" if set(left) - {"log"} else ""


def _facts_with_a_bond(pool: Pool) -> Journey:
    """The facts once there are bonds, with a VLAN on them, in each dom0 too."""
    bond = bond_of(pool, strategy="direct").but(vlans=[{"tag": 61, "network": f"{pool.network}-61"}])
    facts = Step(tasks=_facts_of(pool), end="", changes=0, also=compare.pif_facts)
    dom0 = Step(tasks=(ALL_CARRY, *DOM0_FACTS), on="xs_hosts", end="", changes=0, also=compare.dom0_facts)
    inventory = Step(tasks=_INVENTORY, plugin=True, end="", also=compare.inventory)
    return Journey("facts of bonds, row by row", (bond.run(changes=1), facts, dom0, inventory))


def _state_of_lacp(pool: Pool) -> Journey:
    bond = bond_of(pool, strategy="direct", mode="lacp", properties={"lacp-time": "fast"})
    said = Step(tasks=DOM0_FACTS, on="xs_hosts", end="", changes=0, also=compare.lacp)
    return Journey("LACP's state", (bond.run(changes=1), said, bond.remove))
