# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be called to make one network of a pool as it is wanted. Pure. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._pool import values
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Network, Pool
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

INTERNAL = "is_host_internal_management_network"  # marks the network between a host and its VMs, in other_config
DEFAULT_MTU = 1500


@dataclass(frozen=True)
class NetworkSpec:
    """The options of xs_network. None means: leave as it is. A None in `other_config` takes the key away."""

    name: str | None = None
    uuid: str | None = None
    description: str | None = None
    mtu: int | None = None
    bridge: str | None = None
    other_config: Mapping[str, str | None] | None = None
    tags: tuple[str, ...] | None = None
    purpose: tuple[str, ...] | None = None
    present: bool = True


@dataclass(frozen=True)
class NetworkPlan:
    """`calls` are (method, arguments after the network's reference, which network.create has not). `after` is None when it goes."""

    calls: tuple[tuple[str, tuple[Any, ...]], ...]
    before: Network | None
    after: Network | None
    warnings: tuple[str, ...] = ()


def plan(pool: Pool, spec: NetworkSpec) -> NetworkPlan:
    """Raises NetworkError, before anything is called, when the spec is ambiguous or XAPI would refuse it."""
    network = found(pool, spec)
    if not spec.present:
        if network is None:
            return NetworkPlan((), None, None)
        _check_may_go(pool, network)
        return NetworkPlan((("network.destroy", ()),), network, None)
    _check_values(pool, spec, network)
    if network is None:
        return _creation(spec)
    return _changes(pool, spec, network)


def found(pool: Pool, spec: NetworkSpec) -> Network | None:
    """The network that is meant. Raises NetworkError when a name fits several, or a uuid fits none that is to be changed."""
    if spec.uuid:
        for network in pool.networks.values():
            if network.uuid == spec.uuid:
                return network
        if spec.present:
            raise NetworkError(
                f"The pool {pool.name or pool.uuid} has no network with the uuid {spec.uuid}, and XAPI chooses the uuid of a new one: "
                "correct the uuid, or give a name to create a network."
            )
        return None
    networks = pool.networks_called(spec.name or "")
    if len(networks) > 1:
        raise NetworkError(
            f"{len(networks)} networks of the pool {pool.name or pool.uuid} are called {spec.name}, since XAPI lets names repeat: "
            f"{', '.join(f'{network.uuid} (bridge {network.bridge})' for network in networks)}. Say with uuid which one is meant.",
            uuids=[network.uuid for network in networks],
        )
    return networks[0] if networks else None


def _check_values(pool: Pool, spec: NetworkSpec, network: Network | None) -> None:
    wrong = list(_wrong_values(spec, network))
    if spec.bridge and network is not None and spec.bridge != network.bridge:
        wrong.append(
            f"The network {network.name} has the bridge {network.bridge}, and XAPI cannot change it to {spec.bridge}: "
            "leave bridge out, or remove the network first."
        )
    if spec.bridge and network is None:
        wrong += [
            f"bridge {spec.bridge} is taken by the network {other.name}." for other in pool.networks.values() if other.bridge == spec.bridge
        ]
    if network is not None and network.other_config.get(INTERNAL) == "true":
        wrong.append(f"The network {network.name} ({network.uuid}) belongs to the system, and is left as it is.")
    if wrong:
        raise NetworkError(" ".join(wrong))


def _wrong_values(spec: NetworkSpec, network: Network | None) -> Iterator[str]:
    """What no network can be, value by value."""
    checks: list[Callable[[], object]] = []
    if spec.name is not None:
        checks.append(partial(values.name, "name", spec.name))
    if spec.mtu is not None:
        checks.append(partial(values.mtu, "mtu", spec.mtu))
    if spec.bridge and network is None:
        checks.append(partial(values.bridge, "bridge", spec.bridge))
    checks += [partial(values.name, "tags", tag) for tag in spec.tags or ()]
    checks += [partial(values.name, "other_config", key) for key in spec.other_config or ()]
    for check in checks:
        try:
            check()
        except ValueError as error:
            yield str(error)
    if spec.name == values.INTERNAL_NETWORK:
        yield f"name is {spec.name}, which belongs to xapi and its VMs."


def _check_may_go(pool: Pool, network: Network) -> None:
    users = [f"{pif.device} of {pool.host(pif.host).name}" for pif in pool.pifs.values() if pif.network == network.ref]
    # XAPI itself refuses only plugged VIFs, and deletes the others together with the network.
    machines = [f"VIF {vif.device} of {vif.vm_name or 'a VM'}" for vif in pool.vifs.values() if vif.network == network.ref]
    if users or machines:
        raise NetworkError(
            f"The network {network.name} ({network.uuid}) is in use and was left alone: {', '.join(sorted(users) + sorted(machines))}. "
            "Take the bond or VLAN off these hosts and move the VMs to another network first.",
            pifs=sorted(users),
            vifs=sorted(machines),
        )
    if network.other_config.get(INTERNAL) == "true":
        raise NetworkError(f"The network {network.name} ({network.uuid}) belongs to the system: XAPI does not let it go.")


def _creation(spec: NetworkSpec) -> NetworkPlan:
    other_config = {key: value for key, value in (spec.other_config or {}).items() if value is not None}
    after = Network(
        ref="",
        uuid="",
        name=spec.name or "",
        description=spec.description or "",
        bridge=spec.bridge or "",
        mtu=DEFAULT_MTU if spec.mtu is None else spec.mtu,
        managed=True,
        other_config=other_config,
        tags=spec.tags or (),
        purpose=spec.purpose or (),
        pifs=(),
        vifs=(),
    )
    record = {
        "name_label": after.name,
        "name_description": after.description,
        "MTU": str(after.mtu),
        "other_config": other_config,  # XAPI insists on it
        "tags": list(after.tags),
        **({"bridge": spec.bridge} if spec.bridge else {}),
    }
    purposes = [("network.add_purpose", (purpose,)) for purpose in after.purpose]
    return NetworkPlan((("network.create", (record,)), *purposes), None, after)


def _changes(pool: Pool, spec: NetworkSpec, network: Network) -> NetworkPlan:
    calls: list[tuple[str, tuple[Any, ...]]] = []
    warnings = []
    name = network.name if spec.name is None else spec.name
    description = network.description if spec.description is None else spec.description
    mtu = network.mtu if spec.mtu is None else spec.mtu
    if name != network.name:
        calls.append(("network.set_name_label", (name,)))
    if description != network.description:
        calls.append(("network.set_name_description", (description,)))
    if mtu != network.mtu:
        calls.append(("network.set_MTU", (str(mtu),)))
        plugged = sorted(
            f"{pif.device} of {pool.host(pif.host).name}" for pif in pool.pifs.values() if pif.network == network.ref and pif.attached
        )
        if plugged:
            warnings.append(f"The new MTU {mtu} of {name} takes effect when its PIFs are plugged again: {', '.join(plugged)}.")
    other_config = dict(network.other_config)
    for key, value in (spec.other_config or {}).items():
        if value == other_config.get(key):
            continue
        if key in other_config:
            calls.append(("network.remove_from_other_config", (key,)))
            del other_config[key]
        if value is not None:
            calls.append(("network.add_to_other_config", (key, value)))
            other_config[key] = value
    tags = network.tags if spec.tags is None else spec.tags
    if set(tags) != set(network.tags):
        calls.append(("network.set_tags", (list(tags),)))
    purpose = network.purpose if spec.purpose is None else spec.purpose
    calls += [("network.remove_purpose", (old,)) for old in network.purpose if old not in purpose]
    calls += [("network.add_purpose", (new,)) for new in purpose if new not in network.purpose]
    after = Network(
        ref=network.ref,
        uuid=network.uuid,
        name=name,
        description=description,
        bridge=network.bridge,
        mtu=mtu,
        managed=network.managed,
        other_config=other_config,
        tags=tags,
        purpose=purpose,
        pifs=network.pifs,
        vifs=network.vifs,
    )
    return NetworkPlan(tuple(calls), network, after, tuple(warnings))
