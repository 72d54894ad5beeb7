# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that come to a pool and leave it: what is checked, and what becomes of the records (ocaml/xapi/xapi_pool.ml).

A host that is in no pool is the master of a pool of its own. It brings the records of its NICs; bonds and VLANs it gets from the pool's
master when its xapi starts the next time.
"""

from __future__ import annotations

from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.network import pif_helpers
from xapi_twin.xapi.state import XapiState

Record = dict[str, Any]


def check_join(joiner: XapiState, pool: XapiState, force: bool) -> None:
    """xapi's checks before a join, in its order, as far as the twin knows what they look at. Raises XapiError.

    `force`: the same software is not asked for (pool.join_force).
    """
    if joiner.ha_enabled or pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    for ref, record in pif_helpers.cluster_hosts(joiner).items():
        if record["enabled"]:
            raise XapiError("CLUSTERING_ENABLED", ref)
    if len(joiner.hosts) > 1:
        raise XapiError("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS")
    if any(vm["power_state"] == "Running" and not vm["is_control_domain"] for vm in joiner.database.all("VM").values()):
        raise XapiError("JOINING_HOST_CANNOT_HAVE_RUNNING_VMS")
    _check_software(joiner, pool, force)
    if any(sr["shared"] and not sr.get("is_tools_sr", False) for sr in joiner.database.all("SR").values()):
        raise XapiError("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS")
    _check_network(joiner, pool)


def _check_software(joiner: XapiState, pool: XapiState, force: bool) -> None:
    mine, theirs = joiner.master_host.record["software_version"], pool.master_host.record["software_version"]
    if mine.get("platform_version") != theirs.get("platform_version"):
        raise XapiError("POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION")
    if not force and any(mine.get(key) != theirs.get(key) for key in ("xapi", "xapi_build")):
        raise XapiError("HOSTS_NOT_HOMOGENEOUS", "Software version differs")


def _check_network(joiner: XapiState, pool: XapiState) -> None:
    database = joiner.database
    if database.all("Bond"):
        raise XapiError("POOL_JOINING_HOST_HAS_BONDS")
    if database.all("tunnel"):
        raise XapiError("POOL_JOINING_HOST_HAS_TUNNELS")
    if "network_sriov" in joiner.schema.classes and database.all("network_sriov"):
        raise XapiError("POOL_JOINING_HOST_HAS_NETWORK_SRIOVS")
    for vlan in database.all("VLAN").values():
        if not database.get("PIF", vlan["untagged_PIF"])["management"]:
            raise XapiError("POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS")
    mine, theirs = management_pif(joiner), management_pif(pool)
    if mine["VLAN"] != theirs["VLAN"]:
        raise XapiError("POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", mine["VLAN"], theirs["VLAN"])
    if joiner.network_backend != pool.network_backend:
        raise XapiError("OPERATION_NOT_ALLOWED", "Network backends differ")
    if mine.get("primary_address_type", "IPv4") != theirs.get("primary_address_type", "IPv4"):
        raise XapiError("OPERATION_NOT_ALLOWED", "Primary address type differs")


def management_pif(pool: XapiState) -> Record:
    """The master's management PIF. Raises XapiError HOST_STILL_BOOTING."""
    for ref in pool.master_host.pifs():
        record = pool.database.get("PIF", ref)
        if record["management"]:
            return record
    raise XapiError("HOST_STILL_BOOTING")


def admit(joiner: XapiState, pool: XapiState) -> str:
    """Records of the joining host in the pool: itself, its NICs, a VLAN that management is on. Answers its new reference.

    Its networks become those of the pool with the same bridges; one that the pool does not have is new there.
    """
    old = joiner.master_host.record
    metrics = pool.database.add("host_metrics", live=False)
    left = ("PIFs", "PBDs", "resident_VMs", "metrics", "enabled", "control_domain")
    fields = {name: value for name, value in old.items() if name not in left}
    host = pool.database.add("host", **{**pif_helpers.known(pool, "host", fields), "metrics": metrics, "enabled": False})
    brought: dict[str, str] = {}
    for ref in joiner.master_host.pifs():
        record = joiner.database.get("PIF", ref)
        if record["physical"]:
            brought[ref] = _bring_pif(joiner, pool, record, host, _network_of(joiner, pool, record["network"]))
    mine = management_pif(joiner)
    if mine["VLAN_master_of"] != NULL:
        _bring_vlan(joiner, pool, mine, host, brought)
    return host


def _network_of(joiner: XapiState, pool: XapiState, ref: str) -> str:
    record = joiner.database.get("network", ref)
    same = pool.database.where("network", bridge=record["bridge"])
    if same:
        return same[0]
    names = ("name_label", "name_description", "MTU", "other_config", "bridge", "managed", "purpose")
    return pool.database.add("network", **{name: record[name] for name in names if name in record})


def _bring_pif(joiner: XapiState, pool: XapiState, record: Record, host: str, network_ref: str) -> str:
    left = ("host", "network", "metrics", "currently_attached", "VLAN_master_of", "VLAN_slave_of", "bond_master_of")
    fields = {name: value for name, value in record.items() if name not in left and not name.endswith("_PIF_of")}
    measured = joiner.database.find("PIF_metrics", record["metrics"]) or {}
    metrics = pool.database.add("PIF_metrics", **{name: value for name, value in measured.items() if name != "uuid"})
    known = pif_helpers.known(pool, "PIF", fields)
    return pool.database.add("PIF", host=host, network=network_ref, **{**known, "metrics": metrics, "currently_attached": False})


def _bring_vlan(joiner: XapiState, pool: XapiState, mine: Record, host: str, brought: dict[str, str]) -> None:
    """Management is on a VLAN, and so on the pool's: the PIF goes to the network of the master's management."""
    vlan = joiner.database.get("VLAN", mine["VLAN_master_of"])
    untagged = _bring_pif(joiner, pool, mine, host, management_pif(pool)["network"])
    made = pool.database.add("VLAN", tagged_PIF=brought[vlan["tagged_PIF"]], untagged_PIF=untagged, tag=vlan["tag"])
    pool.database.set("PIF", untagged, VLAN_master_of=made)


def check_eject(pool: XapiState, host: str) -> None:
    """Raises XapiError."""
    if pool.ha_enabled:
        raise XapiError("HA_IS_ENABLED")
    if host == pool.master:
        raise XapiError("INTERNAL_ERROR", "Xapi_pool.Cannot_eject_master")
    for vm in pool.database.get("host", host)["resident_VMs"]:
        if not pool.database.get("VM", vm)["is_control_domain"]:
            raise XapiError("OPERATION_NOT_ALLOWED", "VM resident on host")


def remove(pool: XapiState, host: str) -> None:
    """All records that are of this host alone go."""
    database = pool.database
    record = database.get("host", host)
    for vm in list(record["resident_VMs"]):
        database.remove("VM", vm)
    for pbd in list(record["PBDs"]):
        database.remove("PBD", pbd)
    for ref in list(record["PIFs"]):
        pif = database.get("PIF", ref)
        for cls, owned in (("VLAN", pif["VLAN_master_of"]), *(("Bond", bond) for bond in pif["bond_master_of"])):
            if owned != NULL and database.find(cls, owned) is not None:
                database.remove(cls, owned)
        for tunnel in list(pif.get("tunnel_access_PIF_of", ())):
            database.remove("tunnel", tunnel)
        if database.find("PIF_metrics", pif["metrics"]) is not None and (pif["physical"] or pif["device"].startswith("bond")):
            database.remove("PIF_metrics", pif["metrics"])
        database.remove("PIF", ref)
    database.remove("host_metrics", record["metrics"])
    database.remove("host", host)

