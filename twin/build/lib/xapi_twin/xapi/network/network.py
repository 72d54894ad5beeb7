# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks (ocaml/xapi/xapi_network.ml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapi_twin.datamodel.errors import XapiError
from xapi_twin.xapi.network import pif_helpers
from xapi_twin.xapi.state import XapiState

RESERVED = ("xen", "xapi", "vif", "tap", "eth")


def create(pool: XapiState, args: Mapping[str, Any]) -> str:
    """network.create with a network record. Answers the network."""
    bridges = {network["bridge"] for network in pool.database.all("network").values()}
    bridge = args.get("bridge", "")
    if not bridge:
        bridge = _next_bridge(pool, bridges)
    elif len(bridge) > 15 or bridge.startswith(RESERVED):
        raise XapiError("INVALID_VALUE", "bridge", bridge)
    elif bridge in bridges:
        raise XapiError("BRIDGE_NAME_EXISTS", bridge)
    mtu = args.get("MTU", 1500)
    fields = {
        "name_label": args.get("name_label", ""),
        "name_description": args.get("name_description", ""),
        "MTU": mtu if mtu > 0 else 1500,
        "bridge": bridge,
        "other_config": args.get("other_config", {}),
        "tags": args.get("tags", []),
        "managed": args.get("managed", True),
    }
    return pool.database.add("network", **pif_helpers.known(pool, "network", fields))


def _next_bridge(pool: XapiState, taken: set[str]) -> str:
    """xapiN: the counter lives in the master's xapi and never goes back while that runs."""
    while True:
        name = f"xapi{pool.bridge_counter}"
        pool.bridge_counter += 1
        if name not in taken:
            return name


def destroy(pool: XapiState, ref: str) -> None:
    """network.destroy: refused while something hangs on it; VIFs that are not plugged go with it."""
    record = pool.database.get("network", ref)
    vifs = list(record["VIFs"])
    plugged = [vif for vif in vifs if pool.database.get("VIF", vif)["currently_attached"]]
    if plugged:
        raise XapiError("NETWORK_CONTAINS_VIF", *plugged)
    if record["PIFs"]:
        raise XapiError("NETWORK_CONTAINS_PIF", *record["PIFs"])
    if record["other_config"].get("is_host_internal_management_network") == "true":
        raise XapiError("CANNOT_DESTROY_SYSTEM_NETWORK", ref)
    for vif in vifs:
        pool.database.remove("VIF", vif)
    pool.database.remove("network", ref)
