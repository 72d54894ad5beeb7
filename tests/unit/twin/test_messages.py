# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that clients use around the network: VIFs, VMs on their way, the host's own, hidden ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool, pool
from xapi_twin.datamodel.errors import XapiError

WITH_VM = (
    THREE_HOSTS
    + """
vms:
  - {name: web, state: running, host: xs-2, networks: [eth1]}
"""
)


async def refused(ground: Pool, method: str, *arguments: Any) -> list[str]:
    with pytest.raises(XapiError) as caught:
        await ground.call(method, *arguments)
    return caught.value.description


async def test_the_oldest_of_ten_thousand_messages_goes() -> None:
    async with pool(WITH_VM) as ground:
        uuid = ground.twin.master_host.uuid
        first = await ground.call("message.create", "FIRST", 5, "Host", uuid, "")
        for number in range(10_000):
            await ground.call("message.create", str(number), 5, "Host", uuid, "")
        kept = ground.database.all("message")
        assert len(kept) == 10_000 and first not in kept


def the_vm(ground: Pool) -> str:
    (vm,) = [ref for ref, record in ground.database.all("VM").items() if record["name_label"] == "web"]
    return vm


async def test_a_vif_takes_and_loses_addresses_that_it_may_use() -> None:
    async with pool(WITH_VM) as ground:
        (vif,) = ground.database.get("VM", the_vm(ground))["VIFs"]
        await ground.call("VIF.set_locking_mode", vif, "locked")
        await ground.call("VIF.set_ipv4_allowed", vif, ["10.0.0.5"])
        await ground.call("VIF.add_ipv4_allowed", vif, "10.0.0.6")
        await ground.call("VIF.remove_ipv4_allowed", vif, "10.0.0.5")
        await ground.call("VIF.add_ipv6_allowed", vif, "fd00::1")
        record = ground.database.get("VIF", vif)
        assert (record["locking_mode"], record["ipv4_allowed"], record["ipv6_allowed"]) == ("locked", ["10.0.0.6"], ["fd00::1"])
        assert (await refused(ground, "VIF.add_ipv4_allowed", vif, "fd00::1"))[0] == "INVALID_IP_ADDRESS_SPECIFIED"
        await ground.call("VIF.unplug_force", vif)
        assert not ground.database.get("VIF", vif)["currently_attached"]


async def test_the_locking_mode_of_a_network_does_not_change_under_a_plugged_vif() -> None:
    async with pool(WITH_VM) as ground:
        (vif,) = ground.database.get("VM", the_vm(ground))["VIFs"]
        network = ground.database.get("VIF", vif)["network"]
        assert await refused(ground, "network.set_default_locking_mode", network, "disabled") == ["VIF_IN_USE", network, vif]
        await ground.call("VIF.unplug", vif)
        await ground.call("network.set_default_locking_mode", network, "disabled")
        assert ground.database.get("network", network)["default_locking_mode"] == "disabled"


async def test_a_vm_tells_its_free_vif_devices_and_keeps_maps() -> None:
    async with pool(WITH_VM) as ground:
        vm = the_vm(ground)
        assert await ground.call("VM.get_allowed_VIF_devices", vm) == ["1", "2", "3", "4", "5", "6"]
        await ground.call("VM.add_to_other_config", vm, "who", "me")
        assert (await refused(ground, "VM.add_to_other_config", vm, "who", "you"))[0] == "MAP_DUPLICATE_KEY"
        await ground.call("VM.set_platform", vm, {"nx": "true"})
        await ground.call("VM.remove_from_platform", vm, "nx")
        record = ground.database.get("VM", vm)
        assert (record["other_config"]["who"], record["platform"]) == ("me", {})
        assert record["VCPUs_max"] >= 1 and record["memory_static_max"] > 0 and record["other_config"]["mac_seed"]


async def test_dom0_is_a_vm_with_cpus_and_memory_like_any_other() -> None:
    async with pool(WITH_VM) as ground:
        found = [record for record in ground.database.all("VM").values() if record["is_control_domain"]]
        assert len(found) == 3
        assert all(record["VCPUs_max"] >= record["VCPUs_at_startup"] >= 1 for record in found)
        assert all(record["memory_dynamic_min"] == record["memory_dynamic_max"] == record["memory_target"] > 0 for record in found)


async def test_a_host_is_evacuated_when_the_others_can_take_its_vms() -> None:
    async with pool(WITH_VM) as ground:
        host, vm = ground.twin.host("xs-2").ref, the_vm(ground)
        assert await ground.call("host.get_vms_which_prevent_evacuation", host) == {}
        await ground.call("host.evacuate", host)
        assert ground.database.get("VM", vm)["resident_on"] in set(ground.twin.hosts) - {host}
        await ground.call("host.disable", ground.twin.host("xs-3").ref)
        await ground.call("host.disable", host)
        resident = ground.database.get("VM", vm)["resident_on"]
        await ground.call("host.disable", resident)
        assert await ground.call("host.get_vms_which_prevent_evacuation", resident) == {vm: ["NO_HOSTS_AVAILABLE"]}
        assert (await refused(ground, "host.assert_can_evacuate", resident))[0] == "CANNOT_EVACUATE_HOST"


async def test_a_host_takes_a_name_and_tells_of_itself() -> None:
    async with pool(WITH_VM) as ground:
        host = ground.twin.host("xs-2")
        await ground.call("host.set_hostname_live", host.ref, "storage-2")
        assert (host.dom0.hostname, host.record["hostname"]) == ("storage-2", "storage-2")
        assert (await refused(ground, "host.set_hostname_live", host.ref, "no good"))[0] == "HOST_NAME_INVALID"
        assert await refused(ground, "host.call_plugin", host.ref, "updater.py", "check", {}) == ["XENAPI_MISSING_PLUGIN", "updater.py"]
        assert await ground.call("pool.is_slave", host.ref) is True
        assert await ground.call("pool.is_slave", ground.twin.master) is False
        assert (await ground.call("pool.get_license_state", ground.twin.pool.ref))["expiry"] == "never"


async def test_management_can_be_switched_off() -> None:
    async with pool() as ground:
        await ground.call("host.management_disable")
        assert not ground.pif_record("xs-1", "eth0")["management"]
        assert ground.pif_record("xs-2", "eth0")["management"], "only of the host that was asked"


async def test_an_sr_is_scanned_where_it_is_plugged() -> None:
    storage = THREE_HOSTS + "storage: [{name: NFS, type: nfs, config: {server: 10.0.0.9, serverpath: /x}}]\n"
    async with pool(storage) as ground:
        (sr,) = ground.database.where("SR", name_label="NFS")
        await ground.call("SR.scan", sr)
        await ground.call("SR.set_name_label", sr, "renamed")
        for pbd in ground.database.get("SR", sr)["PBDs"]:
            ground.database.set("PBD", pbd, currently_attached=False)
        assert await refused(ground, "SR.scan", sr) == ["SR_HAS_NO_PBDS", sr]


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("pool.hello", ["uuid"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "pool.hello", "2", "1"]),
        ("host.signal_networking_change", ["x"], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "host.signal_networking_change", "0", "1"]),
        ("pool.is_slave", [], ["MESSAGE_PARAMETER_COUNT_MISMATCH", "pool.is_slave", "1", "0"]),
    ],
)
async def test_hidden_messages_count_their_arguments(method: str, arguments: list[str], expected: list[str]) -> None:
    async with pool() as ground:
        session = ground.twin.dispatcher.open_session("a test")
        with pytest.raises(XapiError) as caught:
            await ground.twin.dispatcher.call(ground.twin.master, method, [session, *arguments])
        assert caught.value.description == expected
