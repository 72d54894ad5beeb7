# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses on loopback for the hosts of a pool, so that a client may dial what the pool says: redirects to the master, known hosts.

A pool whose hosts have addresses of another network makes its clients dial those, real machines perhaps.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from xapi_twin.scenario.model import Records, Scenario, ScenarioError

NETWORK = "127.0.7"
FIRST = 10
MOST = 240


def on_loopback(scenario: Scenario, network: str = NETWORK) -> Scenario:
    """The same pool, management of its hosts at 127.0.7.10, .11, … ("127.0.7": other three numbers will do). Raises ScenarioError."""
    try:
        ipaddress.IPv4Address(f"{network}.{FIRST}")
    except ValueError:
        raise ScenarioError(f"'{network}' is not the beginning of an address on loopback, such as 127.0.7") from None
    if not network.startswith("127."):
        raise ScenarioError(f"'{network}' is not on loopback: it has to begin with 127.")
    hosts = scenario.records["host"]
    if len(hosts) > MOST:
        raise ScenarioError(f"a pool of {len(hosts)} hosts has no room in {network}.0/24, which takes {MOST}")
    addresses = {ref: f"{network}.{FIRST + place}" for place, ref in enumerate(hosts)}
    records: Records = {**scenario.records}
    records["host"] = {ref: {**record, "address": addresses[ref]} for ref, record in hosts.items()}
    records["PIF"] = {
        ref: {**record, **_static(addresses[record["host"]])} if record.get("management") else record
        for ref, record in scenario.records["PIF"].items()
    }
    return replace(scenario, records=records)


def elsewhere(scenario: Scenario) -> str:
    """The first address that a client of the pool could be told to dial and that is not on loopback; "" if there is none."""
    addresses = (str(record.get("address", "")) for record in scenario.records["host"].values())
    return next((address for address in addresses if address and not address.startswith("127.")), "")


def _static(address: str) -> dict[str, str]:
    return {"ip_configuration_mode": "Static", "IP": address, "netmask": "255.255.255.0", "gateway": ""}
