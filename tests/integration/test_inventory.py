# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin xs_pools as users meet it, through ansible-inventory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.playing import connection, environment, plain, run
from xapi_twin.running import RunningTwin

PLUGIN = "xapi.network.xs_pools"


@pytest.fixture(scope="module")
def tutorial() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False) as running:
        yield running


@pytest.fixture(scope="module")
def three() -> Iterator[RunningTwin]:
    """A pool whose hosts are called like the tutorial's."""
    with RunningTwin("three-hosts", ssh=False) as running:
        yield running


def pool(twin: RunningTwin, **changes: Any) -> dict[str, Any]:
    return {**{key: value for key, value in connection(twin).items() if value is not None}, **changes}


def source(folder: Path, content: Any, name: str = "test.xs_pools.yml") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump({"plugin": PLUGIN, **content}, sort_keys=False))
    return path


def ask(folder: Path, path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(
        folder,
        "ansible-inventory",
        "-i",
        str(path),
        "--list",
        *arguments,
        environment={"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", **variables},
    )


def inventory(folder: Path, path: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    answer = ask(folder, path, *arguments, **variables)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = plain(json.loads(answer.stdout))
    return found


def of(found: dict[str, Any], host: str) -> dict[str, Any]:
    variables: dict[str, Any] = found["_meta"]["hostvars"][host]
    return variables


# hosts, groups, variables


def test_a_pool_becomes_hosts_in_groups_with_the_master_first(tutorial: RunningTwin, tmp_path: Path) -> None:
    found = inventory(tmp_path, source(tmp_path, pool(tutorial)))
    assert found["xs_hosts"]["hosts"] == found["xs_pool_tutorial"]["hosts"] == ["xs-1", "xs-2"]
    assert found["xs_masters"]["hosts"] == ["xs-1"]
    assert found["xs_members"]["hosts"] == ["xs-2"]


def test_the_master_is_first_whatever_its_name(tmp_path: Path) -> None:
    with RunningTwin("master-not-first", ssh=False) as twin:
        master = next(name for name, about in twin.endpoints["hosts"].items() if about["master"])
        found = inventory(tmp_path, source(tmp_path, pool(twin)))
    assert found["xs_hosts"]["hosts"][0] == master
    assert found["xs_hosts"]["hosts"] != sorted(found["xs_hosts"]["hosts"])
    assert found["xs_hosts"]["hosts"][1:] == sorted(found["xs_hosts"]["hosts"][1:])


def test_a_host_has_its_address_and_what_xapi_knows_of_it(tutorial: RunningTwin, tmp_path: Path) -> None:
    variables = of(inventory(tmp_path, source(tmp_path, pool(tutorial))), "xs-2")
    pifs = variables.pop("xs_pifs")
    assert variables == {
        "ansible_host": "172.16.0.12",
        "ansible_user": "root",
        "xs_uuid": "9b7f0a52-58a5-4f0e-8f6d-0a9c1d2e7c44",
        "xs_name_label": "xs-2",
        "xs_hostname": "xs-2",
        "xs_address": "172.16.0.12",
        "xs_is_master": False,
        "xs_enabled": True,
        "xs_live": True,
        "xs_product": "XCP-ng",
        "xs_release": "8.3.0",
        "xs_xapi": "24.19.2",
        "xs_backend": "openvswitch",
        "xs_tags": [],
        "xs_pool": "tutorial",
        "xs_pool_uuid": variables["xs_pool_uuid"],
        "xs_pool_name_label": "tutorial",
        "xs_pool_hostname": connection(tutorial)["hostname"],
        "xs_pool_username": "root",
        "xs_pool_ca_path": connection(tutorial)["ca_path"],
        "xs_pool_timeout": 10,
        "xs_pool_master": "xs-1",
        "xs_pool_ha": False,
    }
    assert [pif["device"] for pif in pifs] == ["eth0", "eth1", "eth2", "eth3", "eth4", "eth5"]
    assert (pifs[2]["IP"], pifs[2]["physical"], pifs[2]["network_name_label"]) == (
        "172.16.0.36",
        True,
        "Pool-wide network associated with eth2",
    )


def test_what_the_environment_says_of_the_connection_does_not_go_with_the_hosts(tutorial: RunningTwin, tmp_path: Path) -> None:
    """AWX updates an inventory in another container than its jobs, where the file of the credential lies elsewhere."""
    found = inventory(tmp_path, source(tmp_path, {}), **environment(tutorial))
    variables = of(found, "xs-2")
    assert {name for name in variables if name.startswith("xs_pool_")} == {
        "xs_pool_uuid", "xs_pool_name_label", "xs_pool_hostname", "xs_pool_master", "xs_pool_ha",
    }  # fmt: skip
    assert connection(tutorial)["ca_path"] not in str(found)


def test_every_variable_is_documented(tutorial: RunningTwin, tmp_path: Path) -> None:
    answer = run(tmp_path, "ansible-doc", "-t", "inventory", "--json", PLUGIN)
    notes = str(json.loads(answer.stdout)[PLUGIN]["doc"]["notes"])
    variables = of(inventory(tmp_path, source(tmp_path, pool(tutorial))), "xs-2")
    assert [name for name in [*variables, *variables["xs_pifs"][0]] if f"C({name})" not in notes] == []


def test_a_host_that_is_down_stays_and_is_marked(tmp_path: Path) -> None:
    with RunningTwin("three-hosts", ssh=False) as twin:
        down, host = next((name, about) for name, about in twin.endpoints["hosts"].items() if not about["master"])
        twin.call(lambda: _mark_down(twin, host["uuid"]))
        found = inventory(tmp_path, source(tmp_path, pool(twin) | {"groups": {"xs_down": "not xs_live"}}))
    assert len(found["xs_hosts"]["hosts"]) == 3
    assert (of(found, down)["xs_live"], of(found, down)["xs_enabled"]) == (False, False)
    assert found["xs_down"]["hosts"] == [down]


def _mark_down(twin: RunningTwin, uuid: str) -> None:
    ref = twin.database.by_uuid("host", uuid)
    twin.database.set("host", ref, enabled=False)
    twin.database.set("host_metrics", twin.database.get("host", ref)["metrics"], live=False)


def test_several_pools_are_one_inventory(tutorial: RunningTwin, three: RunningTwin, tmp_path: Path) -> None:
    content = {"hostnames": ["uuid"], "pools": [pool(three), pool(tutorial, name="the lab (2nd floor)")]}
    found = inventory(tmp_path, source(tmp_path, content))
    assert len(found["xs_hosts"]["hosts"]) == 5
    assert len(found["xs_masters"]["hosts"]) == 2
    assert found["xs_hosts"]["hosts"] == found["xs_pool_three_hosts"]["hosts"] + found["xs_pool_the_lab__2nd_floor_"]["hosts"]
    first = found["xs_pool_three_hosts"]["hosts"][0]
    assert of(found, first)["xs_pool_master"] == first


def test_what_a_pool_does_not_name_is_taken_from_beside_the_list(tutorial: RunningTwin, tmp_path: Path) -> None:
    shared = pool(tutorial)
    hostname = shared.pop("hostname")
    assert inventory(tmp_path, source(tmp_path, {**shared, "pools": [{"hostname": hostname}]}))["xs_masters"]["hosts"] == ["xs-1"]


def test_the_environment_is_enough(tutorial: RunningTwin, tmp_path: Path) -> None:
    """A credential of AWX."""
    assert inventory(tmp_path, source(tmp_path, {}), **environment(tutorial))["xs_masters"]["hosts"] == ["xs-1"]


def test_constructed_groups_and_variables(tutorial: RunningTwin, tmp_path: Path) -> None:
    content = {
        **pool(tutorial),
        "compose": {
            "ansible_host": "xs_hostname ~ '.lab.example.com'",
            "storage_ip": "(xs_pifs | selectattr('device', '==', 'eth2') | first).IP",
        },
        "keyed_groups": [{"prefix": "release", "key": "xs_release"}],
        "groups": {"no_link": "xs_pifs | rejectattr('carrier') | length > 0"},
    }
    found = inventory(tmp_path, source(tmp_path, content))
    assert of(found, "xs-1")["ansible_host"] == "xs-1.lab.example.com"
    assert of(found, "xs-2")["storage_ip"] == "172.16.0.36"
    assert found["release_8_3_0"]["hosts"] == ["xs-1", "xs-2"]


def test_hosts_can_be_called_by_their_address(tutorial: RunningTwin, tmp_path: Path) -> None:
    found = inventory(tmp_path, source(tmp_path, {**pool(tutorial), "hostnames": ["address"]}))
    assert found["xs_hosts"]["hosts"] == ["172.16.0.10", "172.16.0.12"]
    assert of(found, "172.16.0.12")["xs_pool_master"] == "172.16.0.10"


def test_text_is_plain_as_awx_keeps_it_but_for_what_would_be_a_template(tmp_path: Path) -> None:
    with RunningTwin("tutorial", ssh=False) as twin:
        names = ["{{ 1 + 1 }}", "#jinja2: variable_start_string:'[['", "Storage"]
        for name, ref in zip(names, list(twin.call(lambda: twin.database.all("network"))), strict=False):
            twin.call(partial(twin.database.set, "network", ref, name_label=name))
        content = {**pool(twin), "compose": {"ansible_port": "'22'", "uuid_again": "xs_uuid"}}
        text = ask(tmp_path, source(tmp_path, content), "--export").stdout
    marked = {found["__ansible_unsafe"] for found in nodes(json.loads(text)) if "__ansible_unsafe" in found}
    assert marked == {names[0], names[1]}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in it."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


def test_a_name_in_xapi_is_never_a_template(tmp_path: Path) -> None:
    with RunningTwin("tutorial", ssh=False) as twin:
        nasty = "{{ lookup('pipe', 'touch " + str(tmp_path / "evil") + "') }}"
        for ref in list(twin.call(lambda: twin.database.all("network"))):
            twin.call(partial(twin.database.set, "network", ref, name_label=nasty))
        content = {**pool(twin), "compose": {"copied": "xs_pifs[0].network_name_label"}}
        found = inventory(tmp_path, source(tmp_path, content))
    assert of(found, "xs-1")["xs_pifs"][0]["network_name_label"] == of(found, "xs-1")["copied"] == nasty
    assert not (tmp_path / "evil").exists()


# credentials


def test_a_password_can_be_a_template(tutorial: RunningTwin, tmp_path: Path) -> None:
    content = pool(tutorial, password="{{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}")
    secret = tutorial.endpoints["password"]
    assert inventory(tmp_path, source(tmp_path, content), LAB_PASSWORD=secret)["xs_masters"]["hosts"] == ["xs-1"]
    assert inventory(tmp_path, source(tmp_path, {"pools": [content]}), LAB_PASSWORD=secret)["xs_masters"]["hosts"] == ["xs-1"]


def test_a_password_can_be_vaulted(tutorial: RunningTwin, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("open sesame\n")
    command = ("ansible-vault", "encrypt_string", "--vault-password-file", str(key), "--name", "password", tutorial.endpoints["password"])
    vaulted = run(tmp_path, *command).stdout.rstrip()
    rest = {name: value for name, value in pool(tutorial).items() if name != "password"}
    beside = f"plugin: {PLUGIN}\n{yaml.safe_dump(rest)}{vaulted}\n"
    inside = f"plugin: {PLUGIN}\npools:\n  - " + f"{yaml.safe_dump(rest)}{vaulted}".replace("\n", "\n    ") + "\n"
    for content in (beside, inside):
        found = inventory(tmp_path, source(tmp_path, content), "--vault-password-file", str(key))
        assert found["xs_masters"]["hosts"] == ["xs-1"]


def test_a_wholly_vaulted_file_works(tutorial: RunningTwin, tmp_path: Path) -> None:
    key, path = tmp_path / "key", source(tmp_path, pool(tutorial))
    key.write_text("open sesame\n")
    run(tmp_path, "ansible-vault", "encrypt", "--vault-password-file", str(key), str(path))
    assert path.read_text().startswith("$ANSIBLE_VAULT")
    assert inventory(tmp_path, path, "--vault-password-file", str(key))["xs_masters"]["hosts"] == ["xs-1"]


# the cache


def cached(folder: Path, twin: RunningTwin, **options: Any) -> Path:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder / "cache"), **options}
    return source(folder, {**pool(twin), **cache})


def test_the_cache_is_read_and_gives_the_same_inventory(tutorial: RunningTwin, tmp_path: Path) -> None:
    path = cached(tmp_path, tutorial)
    first, calls = inventory(tmp_path, path), len(tutorial.journal)
    assert inventory(tmp_path, path) == first
    assert len(tutorial.journal) == calls


def test_the_cache_answers_when_the_pool_does_not(tmp_path: Path) -> None:
    with RunningTwin("tutorial", ssh=False) as twin:
        # The certificate goes with the twin, and a ca_path that is not there is an error by itself.
        (tmp_path / "ca.pem").write_text(Path(twin.endpoints["ca"]).read_text())
        path = cached(tmp_path, twin, ca_path=str(tmp_path / "ca.pem"))
        first = inventory(tmp_path, path)
    again = inventory(tmp_path, path)
    for variables in (*first["_meta"]["hostvars"].values(), *again["_meta"]["hostvars"].values()):
        del variables["xs_pool_ca_path"]
    assert again == first


def test_flushing_the_cache_asks_the_pool(tutorial: RunningTwin, tmp_path: Path) -> None:
    path = cached(tmp_path, tutorial)
    inventory(tmp_path, path)
    calls = len(tutorial.journal)
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": []}]))
    run(tmp_path, "ansible-playbook", "-i", str(path), "--flush-cache", str(playbook))
    assert len(tutorial.journal) == calls + 3


def test_an_old_cache_is_not_read_and_reading_does_not_make_it_younger(tutorial: RunningTwin, tmp_path: Path) -> None:
    path = cached(tmp_path, tutorial, cache_timeout=3600)
    inventory(tmp_path, path)
    (entry,) = (tmp_path / "cache").iterdir()
    before = entry.stat().st_mtime_ns
    inventory(tmp_path, path)
    assert entry.stat().st_mtime_ns == before
    os.utime(entry, (0, 0))
    calls = len(tutorial.journal)
    inventory(tmp_path, path)
    assert len(tutorial.journal) == calls + 3


def test_the_cache_holds_no_password(tmp_path: Path) -> None:
    with RunningTwin("tutorial", ssh=False, password="hunter-Zwei-drei") as twin:
        inventory(tmp_path, cached(tmp_path, twin))
    entries = [path.read_text() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert entries
    assert "xs-1" in entries[0]
    assert all("hunter-Zwei-drei" not in entry for entry in entries)


def test_a_pool_added_to_the_file_is_read_although_the_others_are_cached(tutorial: RunningTwin, three: RunningTwin, tmp_path: Path) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache"), "hostnames": ["uuid"]}
    inventory(tmp_path, source(tmp_path, {"pools": [pool(tutorial)], **cache}))
    calls = len(tutorial.journal)
    assert len(inventory(tmp_path, source(tmp_path, {"pools": [pool(tutorial), pool(three)], **cache}))["xs_hosts"]["hosts"]) == 5
    assert len(tutorial.journal) == calls


def test_without_a_cache_every_run_asks(tutorial: RunningTwin, tmp_path: Path) -> None:
    path = source(tmp_path, pool(tutorial))
    calls = len(tutorial.journal)
    inventory(tmp_path, path)
    inventory(tmp_path, path)
    assert len(tutorial.journal) == calls + 6


# what goes wrong


@pytest.fixture
def dead(tutorial: RunningTwin) -> dict[str, Any]:
    return pool(tutorial, hostname="127.0.0.1:1")


def test_a_pool_that_cannot_be_read_is_a_warning_and_the_others_are_there(
    tutorial: RunningTwin, dead: dict[str, Any], tmp_path: Path
) -> None:
    answer = ask(tmp_path, source(tmp_path, {"pools": [dead, pool(tutorial)]}))
    assert answer.returncode == 0
    found = plain(json.loads(answer.stdout))
    assert found["xs_hosts"]["hosts"] == ["xs-1", "xs-2", "127.0.0.1"]
    said = " ".join(answer.stderr.split())
    assert "The pool at 127.0.0.1:1 could not be read: 127.0.0.1:1 refuses connections on port 1" in said
    assert "refuses connections" in of(found, "127.0.0.1")["xs_unreadable"]


def test_a_play_over_a_pool_that_cannot_be_read_fails_strict_or_not(dead: dict[str, Any], tmp_path: Path) -> None:
    """Ansible goes on without a source that it cannot parse, and a play without hosts ends well."""
    for strict in (True, False):
        path = source(tmp_path, {"strict": strict, **dead})
        for playbook in ("storage_bond", "storage_bond_verify"):
            played = run(
                tmp_path, "ansible-playbook", "-i", str(path), f"xapi.network.{playbook}", "-e",
                "storage_bond_network=NAS storage_bond_nics=eth2,eth4 storage_bond_dom0=false",
                environment={"XENSERVER_PASSWORD": dead["password"]},
            )  # fmt: skip
            assert played.returncode != 0, played.stdout
            assert "refuses connections on port 1" in played.stdout, played.stdout


@pytest.mark.parametrize("where", ["file", "pool", "environment"])
def test_a_mistyped_boolean_never_switches_the_verification_off(tutorial: RunningTwin, tmp_path: Path, where: str) -> None:
    options = pool(tutorial)
    variables = {"XENSERVER_VALIDATE_CERTS": "ture"} if where == "environment" else {}
    given = {**options, "validate_certs": "ture"} if where != "environment" else options
    answer = ask(tmp_path, source(tmp_path, {"pools": [given]} if where == "pool" else given), **variables)
    assert answer.returncode != 0 and "validate_certs" in answer.stderr and "ture" in answer.stderr, answer.stderr


def test_the_certificate_lies_beside_the_inventory_wherever_the_user_stands(tutorial: RunningTwin, tmp_path: Path) -> None:
    options = pool(tutorial)
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "pool.pem").write_text(Path(options["ca_path"]).read_text())
    found = inventory(tmp_path, source(folder, {**options, "ca_path": "pool.pem"}))
    assert of(found, "xs-1")["xs_pool_ca_path"] == str(folder / "pool.pem")


def test_hosts_are_reached_as_root_unless_said_otherwise(tutorial: RunningTwin, tmp_path: Path) -> None:
    path = source(tmp_path, pool(tutorial))
    assert of(inventory(tmp_path, path), "xs-1")["ansible_user"] == "root"
    assert "ansible_user" not in of(inventory(tmp_path, source(tmp_path, pool(tutorial, ssh_user=""))), "xs-1")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "xs_hosts.yml").write_text("ansible_user: storage\n")
    assert of(inventory(tmp_path, path), "xs-1")["ansible_user"] == "storage"


def refused(folder: Path, content: Any) -> str:
    answer = ask(folder, source(folder, content))
    assert answer.returncode != 0
    return " ".join(answer.stderr.split())


def test_a_pool_that_cannot_be_read_is_an_error_when_strict(tutorial: RunningTwin, dead: dict[str, Any], tmp_path: Path) -> None:
    said = refused(tmp_path, {"strict": True, "pools": [dead, pool(tutorial)]})
    assert "The pool at 127.0.0.1:1 could not be read" in said


def test_a_wrong_password_is_told_without_it(tutorial: RunningTwin, tmp_path: Path) -> None:
    said = refused(tmp_path, {"strict": True, **pool(tutorial, password="wrong-and-secret")})
    assert "does not accept the password of user root" in said
    assert "wrong-and-secret" not in said


def test_two_hosts_of_one_name_are_an_error_that_says_which(tutorial: RunningTwin, three: RunningTwin, tmp_path: Path) -> None:
    said = refused(tmp_path, {"pools": [pool(tutorial), pool(three)]})
    assert "two hosts would be called xs-1: xs-1 (1c2e2f4c-6a3b-4f0c-9d43-3f6fb9f3a9b1) of the pool tutorial and xs-1 (" in said
    assert "Rename one of them in XAPI, or have hosts called by something else with hostnames" in said


def test_two_pools_of_one_name_are_an_error(tutorial: RunningTwin, three: RunningTwin, tmp_path: Path) -> None:
    said = refused(tmp_path, {"hostnames": ["uuid"], "pools": [pool(tutorial), pool(three, name="Tutorial"), pool(three, name="tutorial")]})
    assert "is listed twice" in said
    said = refused(tmp_path, {"hostnames": ["uuid"], "pools": [pool(tutorial), pool(three, name="tutorial")]})
    assert "would both be the group xs_pool_tutorial: give one of them another name" in said


def test_one_pool_under_two_addresses_is_an_error(tutorial: RunningTwin, tmp_path: Path) -> None:
    other = connection(tutorial)["hostname"].replace("127.0.0.1", "localhost")
    assert "are the same pool, tutorial: list it once" in refused(tmp_path, {"pools": [pool(tutorial), pool(tutorial, hostname=other)]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "test.xs_pools.yml: xapi.network.xs_pools has no hostname and no password for XAPI."),
        (
            {},
            "Set XENSERVER_HOST (the master's address) and XENSERVER_PASSWORD in the environment, or hostname and password in the file.",
        ),
        ({"pools": [{"hostname": "xs-1"}]}, "pools[0], the pool at xs-1: xapi.network.xs_pools has no password for XAPI."),
        ({"pools": [{"hostname": "xs-1"}]}, "Set XENSERVER_PASSWORD in the environment, or password in the file. No pool was asked."),
        ({"hostname": "", "password": "x"}, "xapi.network.xs_pools has no hostname for XAPI."),
        ({"pools": [{"hostname": "xs-1", "password": "x", "colour": "blue"}]}, "colour"),
        ({"pools": ["xs-1"]}, "pools[0]"),
        ({"hostname": "xs-1", "password": "x", "timeout": "long"}, "timeout"),
        ({"hostname": "xs-1", "password": "x", "fingerprint": "abc"}, "fingerprint has to be a SHA-256 fingerprint"),
        ({"hostname": "xs-1", "password": "x", "ca_path": "/nowhere"}, "there is no file /nowhere"),
        ({"hostname": "root:secret@xs-1", "password": "x"}, "hostname has to be a name or address"),
        ({"hostname": "xs-1", "password": "{{ nowhere_defined }}"}, "the value of password cannot be had"),
        ({"hostname": "xs-1", "password": "x", "hostnames": ["serial"]}, "hostnames"),
    ],
)
def test_a_mistake_in_the_file_is_an_error_before_any_pool_is_asked(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {},
            "Give the inventory source a credential of the type XenServer or XCP-ng pool (in AWX, at the source, Credential), and sync it",
        ),
        (
            {"XENSERVER_HOST": "", "XENSERVER_PASSWORD": "x"},
            "Fill in Pool master of the source's credential, or say in the file which pools there are (pools, or hostname), and sync it",
        ),
    ],
)
def test_an_inventory_update_of_awx_without_a_credential_says_which_one_it_wants(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    answer = ask(tmp_path, source(tmp_path, {"strict": True}), INVENTORY_UPDATE_ID="17", **environment)
    assert answer.returncode != 0
    assert said in " ".join(answer.stderr.split())


@pytest.mark.parametrize("name", ["production.yml", "xs_pools.json", "xs_pools.yml.bak"])
def test_files_of_other_names_are_left_to_other_plugins(tutorial: RunningTwin, tmp_path: Path, name: str) -> None:
    content = yaml.safe_dump({"plugin": PLUGIN, **pool(tutorial)})
    calls = len(tutorial.journal)
    ask(tmp_path, source(tmp_path, content, name), ANSIBLE_INVENTORY_ENABLED=PLUGIN)
    assert len(tutorial.journal) == calls


@pytest.mark.parametrize("name", ["xs_pools.yaml", "production.xs_pools.yml"])
def test_files_of_its_names_are_read(tutorial: RunningTwin, tmp_path: Path, name: str) -> None:
    content = yaml.safe_dump({"plugin": PLUGIN, **pool(tutorial)})
    assert inventory(tmp_path, source(tmp_path, content, name))["xs_masters"]["hosts"] == ["xs-1"]
