# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user reads when something is wrong: a sentence, in bounded time, with the state that things are in. Going on finishes the job."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

from tests.integration.bonding import bond, changed, dom0, look, pool_without_authority, sentence, writes
from tests.integration.test_bond import a_network, xapi
from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario


def pool(name: str = "three-hosts", seconds: float = 0, **options: Any) -> RunningTwin:
    return RunningTwin(load_scenario(name), restart_seconds=seconds, **options)


ACCEPT: dict[str, Any] = {"accept": ["storage_in_use"]}


def test_a_wrong_password_is_told_without_telling_it(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        refused = bond(twin, tmp_path, password="not-this-one")
        assert "does not accept the password of user root" in sentence(refused)
        shown = refused.output.replace("'not-this-one'", "")
        assert "not-this-one" not in shown


def test_a_certificate_that_nobody_vouches_for_is_refused_with_its_fingerprint(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        refused = bond(twin, tmp_path, inventory=pool_without_authority(twin, tmp_path))
        assert "cannot be trusted" in sentence(refused) and "fingerprint" in sentence(refused)
        assert len(list(twin.journal)) == 0


def test_a_nic_of_a_bond_whose_device_is_gone_is_found_although_xapi_says_that_it_has_a_link(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        twin.run(twin.twin.host("xs-2").nic_gone, "eth4")
        verified = bond(twin, tmp_path, "storage_bond_verify")
        assert "xs-2, dom0: there is no device eth4, which bond0 is made of" in sentence(verified)
        before = len(writes(twin))
        again = bond(twin, tmp_path)
        assert "there is no device eth4" in sentence(again) and "Nothing was changed" in sentence(again)
        assert len(writes(twin)) == before


@pytest.mark.parametrize("strategy", ["direct", "restart"])
def test_a_bridge_that_an_incomplete_bond_has_left_is_deleted_with_consent_before_the_bond_is_made(tmp_path: Path, strategy: str) -> None:
    with pool("tutorial") as twin:
        host = twin.twin.host("xs-2")
        left_a_bridge(twin)
        refused = bond(twin, tmp_path, strategy=strategy)
        assert "Nothing was changed. [bridge_left] xs-2: dom0 has eth2 and eth4 in the bridge xapi" in sentence(refused)
        assert "ovs-vsctl --if-exists del-br xapi" in sentence(refused) and "add bridge_left to storage_bond_accept" in sentence(refused)
        done = bond(twin, tmp_path, strategy=strategy, accept=["bridge_left"])
        assert done.status == 0, done.output
        assert "First, in dom0 of xs-2: delete the bridge xapi" in done.output
        assert not twin.call(lambda: [bridge for bridge in host.dom0.bridges.values() if bridge.held])
        assert bond(twin, tmp_path, "storage_bond_verify").status == 0
        assert changed(bond(twin, tmp_path, accept=["bridge_left"])) == 0


def test_storage_is_not_asked_for_before_the_change_that_brings_a_nic_of_such_a_bridge_back(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        left_a_bridge(twin)
        done = bond(twin, tmp_path, ping="172.16.0.35", accept=["bridge_left"])
        assert done.status == 0, done.output
        said = " ".join(done.output.split())
        assert "xs-2: whether it reaches the storage is asked only after the change, since eth2 and eth4 are not in use before." in said


def test_a_removal_deletes_it_too_and_gives_the_nic_its_address(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        left_a_bridge(twin)
        assert "[bridge_left] xs-2" in sentence(bond(twin, tmp_path, "storage_bond_remove"))
        done = bond(twin, tmp_path, "storage_bond_remove", accept=["bridge_left"])
        assert done.status == 0, done.output
        assert "172.16.0.36/28" in dom0(twin, "xs-2", "ip addr show xenbr2")


def test_where_a_bond_cannot_be_taken_back_for_it_the_bridge_is_deleted_and_the_storage_address_is_back(tmp_path: Path) -> None:
    """A NIC dies while its bond is made: nothing can be plugged before the bridge is gone, and then the NIC that is left can."""
    with pool("tutorial") as twin:
        host = twin.twin.host("xs-2")

        def dies(point: Any) -> None:
            if point.name == "bond.plug" and point.host == host.ref:
                host.dom0.nics["eth4"] = replace(host.dom0.nics["eth4"], present=False)

        twin.call(twin.twin.faults.on_point.append, dies)
        stopped = bond(twin, tmp_path, strategy="direct", rollback="true", accept=["bridge_left"])
        assert "xs-2" in sentence(stopped) and "eth4" in sentence(stopped)
        assert "172.16.0.36/28" in dom0(twin, "xs-2", "ip addr show xenbr2")


def left_a_bridge(twin: RunningTwin) -> None:
    """A NIC's device was gone when xs-2 made a bond; the bond is destroyed, and the device is back."""
    twin.run(twin.twin.host("xs-2").nic_gone, "eth4")
    xapi(twin, a_network("Left"))
    with pytest.raises(NetworkError):
        xapi(twin, ("Bond.create", "network:Left", ["xs-2:eth2", "xs-2:eth4"], "", "active-backup", {}))
    xapi(twin, ("Bond.destroy", "Bond:xs-2"))
    twin.run(twin.twin.host("xs-2").nic_back, "eth4")


def test_a_silent_server_ends_in_a_sentence_within_the_timeout(tmp_path: Path) -> None:
    with pool("tutorial") as twin, socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        refused = bond(twin, tmp_path, hostname=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout="2")
        assert "did not answer within 2 s" in sentence(refused)
        assert time.monotonic() - begun < 20


def test_a_master_that_is_down_is_told(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        twin.run(twin.twin.host("xs-1").power_off)
        refused = bond(twin, tmp_path, timeout="3")
        assert "its xapi is down or restarting" in sentence(refused)


def test_a_member_given_as_hostname_leads_to_its_master_with_a_warning(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        done = bond(twin, tmp_path, hostname=twin.endpoints["hosts"]["xs-2"]["xapi"], timeout="3")
        assert "is a member of its pool" in done.output


def test_a_member_that_never_comes_back_stops_the_pool_and_the_next_run_finishes(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "host.start", "host": "xs-2"}, do="never_return")
        stopped = bond(twin, tmp_path, wait_timeout=4, **ACCEPT)
        said = sentence(stopped)
        assert 'xs-2 failed at "Restart xapi' in said
        assert "Finished: xs-1. Not touched: xs-3." in said
        assert "bond0" not in look(twin)["hosts"]["xs-3"]["pifs"]
        twin.run(twin.twin.host("xs-2").restart_xapi)
        again = bond(twin, tmp_path, **ACCEPT)
        assert again.status == 0, again.output
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())


def test_a_member_whose_start_is_not_complete_in_time_stops_the_pool_although_its_bond_is_there(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "host.start.complete", "host": "xs-2"}, do="slow", seconds=12)
        stopped = bond(twin, tmp_path, wait_timeout=4, **ACCEPT)
        said = sentence(stopped)
        assert 'xs-2 failed at "Look in XAPI and in dom0 at xs-2": xs-2, dom0: xapi-wait-init-complete says that xapi has not' in said
        assert "Finished: xs-1. Not touched: xs-3." in said
        assert "bond0" in look(twin)["hosts"]["xs-2"]["pifs"] and "bond0" not in look(twin)["hosts"]["xs-3"]["pifs"]
        twin.run(twin.twin.host("xs-2").init_complete.wait)
        again = bond(twin, tmp_path, **ACCEPT)
        assert again.status == 0, again.output


def test_the_next_member_is_restarted_only_when_the_start_of_the_one_before_is_complete(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "host.start.complete", "host": "xs-2"}, do="slow", seconds=3)
        stopped: list[bool] = []
        hosts = twin.twin.hosts

        def noted(point: Point) -> None:
            if point.name == "host.stopped" and hosts[point.host].name == "xs-3":
                stopped.append(twin.twin.host("xs-2").init_complete.is_set())

        twin.twin.pool.faults.on_point.append(noted)
        assert bond(twin, tmp_path, **ACCEPT).status == 0
        assert stopped == [True]


def test_a_member_that_has_inherited_the_bond_before_its_restart_is_judged_as_it_is_when_its_xapi_has_come_back(tmp_path: Path) -> None:
    """It was switched on while the run was at the master. XAPI shows its bond from the first moment, and it disabled for some time more."""
    with pool() as twin:
        xs_2, master = twin.twin.host("xs-2"), twin.twin.master

        async def switched_on(point: Point) -> None:
            if point.name == "bond.create.done" and point.host == master and not twin.twin.pool.faults.plan:
                await xs_2.restart_xapi()
                await xs_2.init_complete.wait()
                twin.twin.pool.faults.add({"when": {"moment": "host.start.storage", "host": "xs-2"}, "do": "slow", "seconds": 3})

        twin.twin.pool.faults.on_point.append(switched_on)
        done = bond(twin, tmp_path, **ACCEPT)
        assert done.status == 0, done.output
        assert xs_2.record["enabled"]


def test_later_plays_of_a_site_leave_the_hosts_of_a_failed_pool_alone(tmp_path: Path) -> None:
    hosts: dict[str, Any] = {"hosts": "xs_hosts", "gather_facts": False}
    later = {**hosts, "tasks": [{"name": "Use the storage", "ansible.builtin.debug": {"msg": "used"}}]}
    playbook = tmp_path / "site.yml"
    playbook.write_text(json.dumps([{**hosts, "any_errors_fatal": True, "roles": ["xapi.network.storage_bond"]}, later]))
    with pool() as twin:
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, str(playbook), wait_timeout=3, **ACCEPT)
        assert 'xs-2 failed at "Make the change' in sentence(stopped)
        assert "Use the storage" not in stopped.output
        again = bond(twin, tmp_path, str(playbook), **ACCEPT)
        assert again.status == 0 and again.output.count('"msg": "used"') == 3, again.output


def test_a_member_whose_sync_is_swallowed_fails_at_the_deadline_with_what_was_seen(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "host.sync.bonds", "host": "xs-2"}, do="swallow_bond_sync")
        stopped = bond(twin, tmp_path, wait_timeout=3, **ACCEPT)
        said = sentence(stopped)
        assert (
            "xs-2 did not inherit the bond within" in said and "no bond of eth2, eth4 on NAS" in said and "/var/log/xensource.log" in said
        )
        assert "Finished: xs-1. Not touched: xs-3." in said
        assert bond(twin, tmp_path, **ACCEPT).status == 0


def test_a_call_that_xapi_does_not_answer_for_long_is_said_while_it_is_waited_for(tmp_path: Path) -> None:
    """As of a host that lost its power: XAPI tries for some minutes before it answers CANNOT_CONTACT_HOST (seen on a real pool)."""
    with pool("tutorial") as twin:
        metrics = twin.twin.host("xs-2").record["metrics"]

        def goes_off(point: Any) -> None:
            if point.name == "forward" and point.host == twin.twin.host("xs-2").ref:
                twin.database.set("host_metrics", metrics, live=False)

        twin.call(twin.twin.faults.on_point.append, goes_off)
        twin.add_fault(when={"moment": "forward", "host": "xs-2"}, do="slow", seconds=7)
        stopped = bond(twin, tmp_path, strategy="direct")
        said = " ".join(stopped.output.split())
        assert "xs-2: waiting for Bond.create, 5 s of at most 600 s; XAPI does not see xs-2 alive" in said


def test_half_a_bond_is_seen_and_the_next_run_completes_it(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, **ACCEPT)
        assert "exists but is not attached" in sentence(stopped)
        again = bond(twin, tmp_path, **ACCEPT)
        assert again.status == 0, again.output
        assert look(twin)["hosts"]["xs-2"]["pifs"]["bond0"]["attached"]


def test_a_member_whose_ssh_fails_is_named_before_anything_is_changed(tmp_path: Path) -> None:
    with pool() as twin:
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(twin.inventory_path.read_text().replace(str(twin.endpoints["hosts"]["xs-2"]["ssh"]["port"]), "1"))
        stopped = bond(twin, tmp_path, inventory=inventory, **ACCEPT)
        assert stopped.status != 0
        assert sentence(stopped).startswith("Nothing was changed. xs-2: ") and writes(twin) == []
        assert bond(twin, tmp_path, **ACCEPT).status == 0


def test_a_member_whose_ssh_fails_on_the_way_is_named_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    with pool() as twin:
        twin.add_fault(when={"ssh": "restart xapi", "host": "xs-2"}, do="cut_ssh", stage="before", times=0)
        stopped = bond(twin, tmp_path, wait_timeout=4, **ACCEPT)
        assert stopped.status != 0
        assert "xs-2" in sentence(stopped) and "Finished: xs-1. Not touched: xs-3." in sentence(stopped)
        assert "take back" not in sentence(stopped), "nothing was made on xs-2"
        assert look(twin)["hosts"]["xs-2"]["pifs"]["eth2"]["ip"][1] != ""
        twin.call(twin.twin.faults.clear)
        assert bond(twin, tmp_path, **ACCEPT).status == 0


def test_an_inventory_that_leads_to_another_host_is_found_out_before_the_restart(tmp_path: Path) -> None:
    with pool() as twin:
        ports = {name: str(host["ssh"]["port"]) for name, host in twin.endpoints["hosts"].items()}
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(
            twin.inventory_path.read_text().replace(ports["xs-2"], "X").replace(ports["xs-3"], ports["xs-2"]).replace("X", ports["xs-3"])
        )
        stopped = bond(twin, tmp_path, inventory=inventory, **ACCEPT)
        assert "leads to xs-3" in sentence(stopped) and "Nothing was changed" in sentence(stopped)


def test_a_key_on_the_pool_stops_a_run_before_the_next_host_and_keeps_the_next_run_away(tmp_path: Path) -> None:
    with pool() as twin:

        def ask_to_stop() -> None:
            _until(lambda: len(twin.database.all("Bond")) == 1)
            twin.run(twin.twin.dispatcher.internal, "pool.add_to_other_config", twin.twin.pool.ref, "xapi.network.stop", "yes")

        asking = threading.Thread(target=ask_to_stop)
        asking.start()
        stopped = bond(twin, tmp_path, rollback="pool", **ACCEPT)
        asking.join()
        said = sentence(stopped)
        assert stopped.status == 2 and "other_config of the pool has xapi.network.stop" in said, stopped.output
        assert "Finished: xs-1. Not touched: xs-2, xs-3." in said and "Taken back" not in said
        refused = bond(twin, tmp_path, **ACCEPT)
        assert sentence(refused).startswith("Nothing was changed. other_config of the pool has xapi.network.stop")
        command = sentence(refused).rpartition("on the master: ")[2]
        dom0(twin, "xs-1", command)
        assert bond(twin, tmp_path, **ACCEPT).status == 0


def _until(there: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_rollback_takes_back_the_host_that_failed(tmp_path: Path) -> None:
    with pool() as twin:
        untouched = look(twin)["hosts"]["xs-2"]
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-2"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, rollback=True, **ACCEPT)
        assert "Taken back on xs-2" in sentence(stopped)
        hosts = look(twin)["hosts"]
        assert hosts["xs-2"] == untouched
        assert "bond0" in hosts["xs-1"]["pifs"]


def test_rollback_of_the_pool_takes_back_everything_that_this_run_made(tmp_path: Path) -> None:
    with pool() as twin:
        untouched = look(twin)
        twin.add_fault(when={"moment": "bond.plug", "host": "xs-3"}, do="fail_to_plug")
        stopped = bond(twin, tmp_path, wait_timeout=3, rollback="pool", **ACCEPT)
        assert "Taken back on xs-1, xs-2, xs-3" in sentence(stopped)
        assert look(twin) == untouched


def test_a_second_run_on_the_same_pool_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    mark = {
        "user": "ann",
        "node": "elsewhere.example.com",
        "process": 4711,
        "began": "1",
        "since": "2026-11-22T10:00:00Z",
        "until": "2099-01-01T00:00:00Z",
    }
    with pool("tutorial") as twin:
        dom0(twin, "xs-1", "true")
        twin.run(twin.twin.dispatcher.internal, "pool.add_to_other_config", twin.twin.pool.ref, "xapi.network.run", json.dumps(mark))
        before = writes(twin)
        refused = bond(twin, tmp_path)
        assert "Another run is changing this pool: ann on elsewhere.example.com (process 4711)" in sentence(refused)
        assert "xe pool-param-remove" in sentence(refused)
        assert writes(twin) == before


def test_the_mark_of_a_run_that_has_expired_keeps_nobody_out(tmp_path: Path) -> None:
    mark = {
        "user": "ann",
        "node": "elsewhere.example.com",
        "process": 4711,
        "began": "1",
        "since": "2020-11-22T10:00:00Z",
        "until": "2020-11-22T11:00:00Z",
    }
    with pool("tutorial") as twin:
        twin.run(twin.twin.dispatcher.internal, "pool.add_to_other_config", twin.twin.pool.ref, "xapi.network.run", json.dumps(mark))
        done = bond(twin, tmp_path)
        assert done.status == 0 and changed(done) == 2, done.output
        assert "xapi.network.run" not in twin.twin.pool.record["other_config"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nics": ["eth2"]}, "at least two NICs"),
        ({"nics": ["eth2", "eth2"]}, "names eth2 twice"),
        ({"nics": ["eth2", "eth9"]}, "there is no NIC that stands for eth9"),
        ({"network": ""}, "network"),
        ({"mode": "balance-rr"}, "balance-rr"),
        ({"properties": {"lacp-time": "fast"}}, "has no property lacp-time"),
        ({"hosts": ["xs-9"]}, "is called xs-9"),
        ({"accept": ["storag_in_use"]}, "storag_in_use"),
        ({"mtu": "12"}, "mtu is 12; it can be 68 to 65535"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        refused = bond(twin, tmp_path, **given)
        assert refused.status == 2 and words in refused.output, refused.output
        assert writes(twin) == []


def test_a_bond_that_has_lost_its_address_on_one_host_is_found_by_verify_without_addresses_given(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        assert bond(twin, tmp_path, "storage_bond_verify").status == 0
        xapi(twin, ("PIF.reconfigure_ip", "xs-2:bond0", "None", "", "", "", ""))
        verified = bond(twin, tmp_path, "storage_bond_verify")
        assert "xs-2: bond0 on NAS has no address, and others have one there (xs-1 172.16.0.35)" in sentence(verified)
        plain = bond(twin, tmp_path)
        assert "[address_missing] xs-2: its bond on NAS has no address although others have one there" in sentence(plain)
        address = {"xs-2": {"ip": "172.16.0.36", "netmask": "255.255.255.240"}}
        mended = bond(twin, tmp_path, addresses=address)
        assert mended.status == 0 and "xs-2: give the bond the address 172.16.0.36" in mended.output, mended.output
        assert changed(bond(twin, tmp_path)) == 0
        assert bond(twin, tmp_path, "storage_bond_verify").status == 0
