# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xapi refuses: the assertions that several calls share (xapi_pif_helpers.ml, xapi_pif.ml, xapi_network.ml)."""

from __future__ import annotations

from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL
from xapi_twin.xapi.state import XapiState

Record = dict[str, Any]


def network_managed(pool: XapiState, network: str) -> None:
    if not pool.database.get("network", network).get("managed", True):
        raise XapiError("NETWORK_UNMANAGED", network)


def managed(pool: XapiState, pif: str) -> None:
    if not pool.database.get("PIF", pif).get("managed", True):
        raise XapiError("PIF_UNMANAGED", pif)


def no_other_local_pifs(pool: XapiState, host: str, network: str) -> None:
    """A host has at most one PIF on a network."""
    for pif in pool.database.get("network", network)["PIFs"]:
        if pool.database.get("PIF", pif)["host"] == host:
            raise XapiError("NETWORK_ALREADY_CONNECTED", host, pif)


def not_in_bond(pool: XapiState, pif: str) -> None:
    record = pool.database.get("PIF", pif)
    if is_slave(pool, record) or record["bond_master_of"]:
        raise XapiError("PIF_ALREADY_BONDED", pif)


def no_vlans(pool: XapiState, pif: str) -> None:
    record = pool.database.get("PIF", pif)
    if record["VLAN_slave_of"] or record["VLAN"] != -1:
        raise XapiError("PIF_VLAN_STILL_EXISTS", pif)


def no_tunnels(pool: XapiState, pif: str) -> None:
    record = pool.database.get("PIF", pif)
    if record.get("tunnel_transport_PIF_of") or record.get("tunnel_access_PIF_of"):
        raise XapiError("PIF_TUNNEL_STILL_EXISTS", pif)


def not_management(pool: XapiState, pif: str) -> None:
    if pool.database.get("PIF", pif)["management"]:
        raise XapiError("PIF_IS_MANAGEMENT_INTERFACE", pif)


def not_slave_management(pool: XapiState, pif: str) -> None:
    """The management interface of a member (not of the master) is not to be taken away."""
    record = pool.database.get("PIF", pif)
    if record["host"] != pool.master and record["currently_attached"]:
        not_management(pool, pif)


def not_protected(pool: XapiState, pif: str) -> None:
    """With HA or a redo log on, an attached PIF is left alone."""
    if pool.database.get("PIF", pif)["currently_attached"]:
        if pool.ha_enabled:
            raise XapiError("HA_IS_ENABLED")
        if pool.record.get("redo_log_enabled", False):
            raise XapiError("REDO_LOG_IS_ENABLED")


def no_clustering(pool: XapiState, pif: str) -> None:
    for ref, record in cluster_hosts(pool).items():
        if record["PIF"] == pif and record["enabled"]:
            raise XapiError("CLUSTERING_ENABLED", ref)


def unplug_allowed(pool: XapiState, pif: str) -> None:
    if pool.database.get("PIF", pif).get("disallow_unplug", False):
        raise XapiError("PIF_DOES_NOT_ALLOW_UNPLUG", pif)


def no_vifs_in_use(pool: XapiState, host: str, network: str) -> None:
    """No running VM of this host has a VIF plugged into the network."""
    for vif in pool.database.get("network", network)["VIFs"]:
        record = pool.database.get("VIF", vif)
        vm = pool.database.find("VM", record["VM"])
        if record["currently_attached"] and vm is not None and vm["resident_on"] == host:
            raise XapiError("VIF_IN_USE", network, vif)


def no_fcoe_in_use(pool: XapiState, pif: str) -> None:
    record = pool.database.get("PIF", pif)
    if "fcoe" not in record.get("capabilities", ()):
        return
    for pbd in pool.database.all("PBD").values():
        sr = pool.database.find("SR", pbd["SR"])
        if sr is not None and pbd["host"] == record["host"] and pbd["currently_attached"] and sr["type"] == "lvmofcoe":
            raise XapiError("PIF_HAS_FCOE_SR_IN_USE", pif, pbd["SR"])


def is_slave(pool: XapiState, pif: Record) -> bool:
    """A dead reference in bond_slave_of does not count."""
    return pif["bond_slave_of"] != NULL and pool.database.find("Bond", pif["bond_slave_of"]) is not None


def cluster_hosts(pool: XapiState) -> dict[str, Record]:
    """Cluster_host records; none before the class came (7.6)."""
    return pool.database.all("Cluster_host") if "Cluster_host" in pool.schema.classes else {}


def known(pool: XapiState, cls: str, fields: Record) -> Record:
    """Those of the fields that the class has in the stated version."""
    has = pool.schema.fields(cls)
    return {name: value for name, value in fields.items() if name in has}
