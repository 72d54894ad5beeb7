# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role, from a pool without a bond to the state that the tutorial prints, on every generation of xapi."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bonding import bond, changed, dom0, look, sentence, writes
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario

TUTORIALS = ("tutorial-6.2", "tutorial", "tutorial-26")


def pool(name: str, **options: Any) -> RunningTwin:
    return RunningTwin(load_scenario(name), restart_seconds=0, **options)


def by_hand(twin: RunningTwin) -> None:
    """The tutorial, typed: the master's bond by xe, then xapi of the member restarted."""
    network = dom0(twin, "xs-1", "xe network-create name-label=NAS")
    host = dom0(twin, "xs-1", "xe host-list name-label=xs-1 --minimal")
    nics = [dom0(twin, "xs-1", f"xe pif-list host-uuid={host} device={device} --minimal") for device in ("eth2", "eth4")]
    dom0(twin, "xs-1", f"xe bond-create network-uuid={network} pif-uuids={','.join(nics)} mode=active-backup")
    dom0(twin, "xs-2", "service xapi restart && sleep 1 && xapi-wait-init-complete 60")


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_role_ends_where_the_tutorial_typed_by_hand_ends(name: str, tmp_path: Path) -> None:
    with pool(name) as typed, pool(name) as played:
        by_hand(typed)
        done = bond(played, tmp_path)
        assert done.status == 0, done.output
        assert look(played) == look(typed)


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_end_state_is_the_one_that_the_tutorial_prints(name: str, tmp_path: Path) -> None:
    with pool(name) as twin:
        assert bond(twin, tmp_path).status == 0
        hosts = look(twin)["hosts"]
    for host, ip, mac in (("xs-1", "172.16.0.35", "00:26:55:d1:e8:cc"), ("xs-2", "172.16.0.36", "00:26:55:d2:ee:50")):
        pifs = hosts[host]["pifs"]
        assert pifs["bond0"]["network"] == "NAS"
        assert pifs["bond0"]["ip"] == ("Static", ip, "255.255.255.240")
        assert pifs["bond0"]["mac"] == mac
        assert pifs["bond0"]["bonds"] == [("active-backup", ["eth2", "eth4"])]
        assert pifs["eth2"]["ip"] == ("None", "", "")
        assert sorted(hosts[host]["bridges"]) == ["xapi0", "xenbr0", "xenbr1", "xenbr3", "xenbr5"]
        assert hosts[host]["bridges"]["xapi0"] == (mac, [f"{ip}/28"])
        assert hosts[host]["bonds"] == {"bond0": ("active-backup", ["eth2", "eth4"])}


def test_a_second_run_changes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        bond(twin, tmp_path)
        before, calls = writes(twin), len(list(twin.journal))
        again = bond(twin, tmp_path)
        assert again.status == 0 and changed(again) == 0, again.output
        assert writes(twin) == before
        assert [entry.method for entry in list(twin.journal)[calls:]] == ["session.login_with_password", "event.from", "session.logout"]


def test_check_mode_writes_nothing_and_its_plan_is_what_the_run_then_does(tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        untouched = look(twin)
        checked = bond(twin, tmp_path, "storage_bond", "--check")
        assert checked.status == 0 and writes(twin) == [] and look(twin) == untouched, checked.output
        assert changed(checked) == 1
        planned = [(step["action"], step["host"]) for step in plan_of(checked)]
        done = bond(twin, tmp_path)
        carried_out = []
        for result in done.results:
            if result.task.startswith("xapi.network.storage_bond : Restart xapi") and result.status == "ok":
                carried_out.append(("restart_agent", result.values["host"]["name"]))
            carried_out += [(step["action"], step["host"]) for step in result.values.get("done", [])]
        assert carried_out == planned == [("create_network", ""), ("create_bond", "xs-1"), ("restart_agent", "xs-2")]


def plan_of(played: Any) -> list[dict[str, str]]:
    (plan,) = [result.values["plan"] for result in played.results if "plan" in result.values and "fingerprint" in result.values][:1]
    return plan["steps"]  # type: ignore[no-any-return]


def test_direct_ends_in_the_same_state_as_restart(tmp_path: Path) -> None:
    with pool("three-hosts") as restarted, pool("three-hosts") as direct:
        one = bond(restarted, tmp_path, accept="storage_in_use")
        two = bond(direct, tmp_path, accept="storage_in_use", strategy="direct")
        assert (one.status, two.status) == (0, 0), one.output + two.output
        assert look(restarted) == look(direct)
        assert "Restart xapi" in one.output


@pytest.mark.parametrize(
    "name", ["three-hosts", "eight-hosts", "master-not-first", "member-bond0-taken", "network-pre-existing", "linux-bridge"]
)
def test_pools_of_all_kinds_are_bonded_proved_and_taken_apart_again(name: str, tmp_path: Path) -> None:
    with pool(name) as twin:
        untouched = look(twin)
        done = bond(twin, tmp_path, accept="storage_in_use")
        assert done.status == 0, done.output
        verified = bond(twin, tmp_path, "storage_bond_verify")
        assert verified.status == 0 and changed(verified) == 0, verified.output
        removed = bond(twin, tmp_path, "storage_bond_remove", accept="storage_in_use", remove_network=name != "network-pre-existing")
        assert removed.status == 0, removed.output
        assert look(twin) == untouched


@pytest.mark.parametrize("play", ["storage_bond_verify", "masters.yml"])
def test_a_dom0_that_does_not_answer_is_a_finding_beside_the_others_even_where_old_facts_are_cached(play: str, tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\nfact_caching = jsonfile\nfact_caching_connection = {tmp_path}/facts\n")
    (tmp_path / "masters.yml").write_text(
        "[{hosts: xs_masters, gather_facts: false, roles: [{role: xapi.network.storage_bond, vars: {storage_bond_state: verified}}]}]"
    )
    name = str(tmp_path / play) if play.endswith(".yml") else play
    with pool("tutorial") as twin:
        bond(twin, tmp_path)
        assert bond(twin, tmp_path, name).status == 0
        assert (tmp_path / "facts").is_dir()
        (one, *_others) = dom0(twin, "xs-1", "xe bond-list --minimal").split(",")
        dom0(twin, "xs-1", f"xe bond-set-mode uuid={one} mode=balance-slb")
        silent = twin.inventory_path.read_text().replace(str(twin.endpoints["hosts"]["xs-2"]["ssh"]["port"]), "1")
        (tmp_path / "silent.yml").write_text(silent)
        judged = bond(twin, tmp_path, name, inventory=tmp_path / "silent.yml")
    assert judged.status != 0
    assert "has mode balance-slb instead of active-backup" in str(sentence(judged))
    assert "xs-2, dom0: The connection to dom0 at 127.0.0.1 failed" in str(sentence(judged))


def test_a_member_whose_bond0_is_taken_gets_bond1(tmp_path: Path) -> None:
    with pool("member-bond0-taken") as twin:
        assert bond(twin, tmp_path, accept="storage_in_use").status == 0
        devices = {
            host: [name for name, pif in about["pifs"].items() if pif["network"] == "NAS"] for host, about in look(twin)["hosts"].items()
        }
    assert devices["xs-1"] == ["bond0"]
    assert ["bond1"] in devices.values()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("networks-same-name", ["2 networks are called NAS", "network_uuid"]),
        ("member-nic-missing", ["there is no NIC that stands for eth4", "xe pif-scan"]),
        ("member-two-ips", ["eth2 has", "and eth4 has", "a bond can have one address", "xe pif-reconfigure-ip"]),
    ],
)
def test_what_cannot_go_well_is_refused_before_anything_is_written(name: str, words: list[str], tmp_path: Path) -> None:
    with pool(name) as twin:
        untouched = look(twin)
        refused = bond(twin, tmp_path, accept="storage_in_use")
        assert refused.status == 2
        assert "Nothing was changed" in sentence(refused)
        for word in words:
            assert word in sentence(refused)
        assert writes(twin) == [] and look(twin) == untouched


@pytest.mark.parametrize(
    "arguments",
    [
        ("-e", "storage_bond_targets=xs-2"),
        ("-e", "storage_bond_targets=xs-3,xs-1"),
        ("--limit", "xs_pool_*"),
        ("--limit", "xs-3,xs-1,xs-2"),
        ("-f", "1"),
        (),
    ],
)
def test_one_host_of_the_pool_or_all_of_them_do_the_same(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pool("three-hosts") as twin:
        done = bond(twin, tmp_path, "storage_bond", *arguments, accept="storage_in_use")
        assert done.status == 0, done.output
        assert writes(twin).count("network.create") == 1
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())


def test_a_limit_to_some_hosts_of_a_pool_is_refused_unless_storage_bond_hosts_names_hosts(tmp_path: Path) -> None:
    with pool("three-hosts") as twin:
        refused = bond(twin, tmp_path, "storage_bond", "--limit", "xs-2,xs-3", accept="storage_in_use")
        assert refused.status == 2 and writes(twin) == []
        assert "--limit leaves out xs-1, and the plan is for the whole pool: it changes xs-1, xs-2, xs-3." in sentence(refused)
        done = bond(twin, tmp_path, "storage_bond", "--limit", "xs-2", accept="storage_in_use", hosts="xs-2", strategy="direct")
        assert done.status == 0, done.output
        assert [name for name, host in look(twin)["hosts"].items() if "bond0" in host["pifs"]] == ["xs-2"]


def test_two_hosts_of_one_name_both_get_their_bond_the_master_first(tmp_path: Path) -> None:
    with pool("three-hosts") as twin:
        for name in ("xs-1", "xs-2"):
            twin.run(twin.twin.dispatcher.internal, "host.set_name_label", twin.twin.host(name).ref, "localhost.localdomain")
        done = bond(twin, tmp_path, accept="storage_in_use")
        assert done.status == 0, done.output
        assert len(twin.database.all("Bond")) == 3
        assert writes(twin).count("Async.Bond.create") == 1, "a member was restarted before the master had its bond"
        again = bond(twin, tmp_path, accept="storage_in_use")
        assert again.status == 0 and changed(again) == 0, again.output
        refused = bond(twin, tmp_path, hosts="localhost.localdomain")
        assert all(host["uuid"] in sentence(refused) for host in (twin.endpoints["hosts"][name] for name in ("xs-1", "xs-2")))


# the proof of dom0


def seen_by_dom0(twin: RunningTwin, host: str, mode: str) -> None:
    """Open vSwitch of this host runs its bond in another mode, and XAPI does not know."""
    bonds = twin.twin.host(host).dom0.bonds
    twin.call(bonds.update, {name: replace(bond, mode=mode) for name, bond in bonds.items()})


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_host_with_nothing_to_do_is_proved_in_dom0_in_every_run(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pool("tutorial") as twin:
        assert bond(twin, tmp_path).status == 0
        seen_by_dom0(twin, "xs-1", "balance-slb")
        for _run in (1, 2):
            again = bond(twin, tmp_path, "storage_bond", *arguments)
            assert again.status == 2, again.output
            assert sentence(again) == "Nothing was changed. xs-1, dom0: bond0 runs as balance-slb instead of active-backup."
        without = bond(twin, tmp_path, "storage_bond", *arguments, dom0=False)
        assert without.status == 0 and "Not proved in dom0: storage_bond_dom0 is false." in without.output, without.output


def test_a_host_that_failed_its_proof_is_not_passed_over_by_the_next_run(tmp_path: Path) -> None:
    with pool("three-hosts") as twin:
        assert bond(twin, tmp_path, accept="storage_in_use", hosts=["xs-1"]).status == 0
        seen_by_dom0(twin, "xs-1", "balance-slb")
        before = len(writes(twin))
        again = bond(twin, tmp_path, accept="storage_in_use")
        assert again.status == 2 and "xs-1, dom0: bond0 runs as balance-slb" in sentence(again)
        assert writes(twin)[before:] == [], "xs-2 was begun"


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_dom0_of_every_host_is_tried_before_anything_is_changed_and_all_that_do_not_answer_are_told(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with pool("three-hosts") as twin:
        assert twin.serving.ssh is not None
        for name in ("xs-2", "xs-3"):
            twin.run(twin.serving.ssh.refuse, twin.twin.host(name).ref)
        refused = bond(twin, tmp_path, "storage_bond", *arguments, accept="storage_in_use")
        assert refused.status == 2 and writes(twin) == [], refused.output
        lines = sentence(refused).splitlines()
        assert lines[0] == "Nothing was changed, for these reasons:"
        assert [line.split(":")[0] for line in lines[1:]] == ["- xs-2", "- xs-3"]
        assert all("refused" in line for line in lines[1:])


@pytest.mark.parametrize(
    "manner",
    [{"serial": 1}, {"serial": 2}, {"strategy": "free"}, {"strategy": "host_pinned"}, {"hosts": "localhost", "connection": "local"}],
)
def test_any_batches_any_strategy_and_localhost_do_the_same(manner: dict[str, Any], tmp_path: Path) -> None:
    playbook = tmp_path / "site.yml"
    play = {"hosts": "xs_hosts", "gather_facts": False, **manner, "roles": ["xapi.network.storage_bond"]}
    playbook.write_text(json.dumps([play]))
    with pool("three-hosts") as twin:
        more: dict[str, Any] = connection_of(twin) if manner.get("hosts") == "localhost" else {}
        done = bond(twin, tmp_path, str(playbook), accept="storage_in_use", **more)
        assert done.status == 0, done.output
        assert writes(twin).count("network.create") == 1 and writes(twin).count("Async.Bond.create") == 1
        assert all("bond0" in host["pifs"] for host in look(twin)["hosts"].values())


@pytest.mark.parametrize("strategy", ["linear", "host_pinned"])
def test_two_hosts_that_only_learn_from_the_pool_that_it_is_one_leave_it_to_the_first(strategy: str, tmp_path: Path) -> None:
    playbook, inventory = tmp_path / "site.yml", tmp_path / "hosts.yml"
    play = {"hosts": "xs_hosts", "gather_facts": False, "strategy": strategy, "roles": ["xapi.network.storage_bond"]}
    playbook.write_text(json.dumps([play]))
    with pool("three-hosts") as twin:
        inventory.write_text(twin.inventory_path.read_text().replace("xs_pool_", "one_of_"))  # no group tells that it is one
        slashes = "https://127.0.0.1:{{ xapi_hostname.split(':')[2] }}{{ '/' * ['xs-1', 'xs-2', 'xs-3'].index(inventory_hostname) }}"
        for state in ("present", "verified"):
            done = bond(twin, tmp_path, str(playbook), inventory=inventory, accept="storage_in_use", hostname=slashes, state=state)
            assert done.status == 0, done.output
        assert writes(twin).count("network.create") == 1


@pytest.mark.parametrize("where", ["play", "role"])
def test_a_tag_on_the_role_or_its_play_reaches_every_task(where: str, tmp_path: Path) -> None:
    tags = {"tags": ["storage"]}
    role = {"role": "xapi.network.storage_bond", **(tags if where == "role" else {})}
    play = {"hosts": "xs_hosts", "gather_facts": False, **(tags if where == "play" else {}), "roles": [role]}
    playbook = tmp_path / "site.yml"
    playbook.write_text(json.dumps([play]))
    with pool("tutorial") as twin:
        done = bond(twin, tmp_path, str(playbook), "--tags", "storage", accept="storage_in_use")
        assert done.status == 0 and all("bond0" in host["pifs"] for host in look(twin)["hosts"].values()), done.output


def connection_of(twin: RunningTwin) -> dict[str, Any]:
    (master,) = [host["xapi"] for host in twin.endpoints["hosts"].values() if host["master"]]
    return {"hostname": master, "username": twin.endpoints["user"], "password": twin.endpoints["password"], "ca_path": twin.endpoints["ca"]}


def test_options_as_a_survey_sends_them(tmp_path: Path) -> None:
    with pool("three-hosts") as twin:
        texts: dict[str, Any] = dict.fromkeys(("hosts", "mtu", "properties", "vlans", "addresses", "validate_certs"), "")
        texts |= {"nics": "eth2\neth4", "accept": "storage_in_use, vifs_in_use", "purpose": "Storage", "disallow_unplug": "true"}
        texts |= {"wait_timeout": "60", "dom0": "true"}
        done = bond(twin, tmp_path, **texts)
        assert done.status == 0, done.output
        for host in look(twin)["hosts"].values():
            assert host["pifs"]["bond0"]["other_config"]["management_purpose"] == "Storage"
            assert host["pifs"]["bond0"]["disallow_unplug"] is True
        assert changed(bond(twin, tmp_path, **texts)) == 0
