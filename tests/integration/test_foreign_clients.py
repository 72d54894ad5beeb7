# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that nobody here wrote work against the twin unchanged. They are fetched from PyPI and npm into build/clients, once."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import xmlrpc.client
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from xapi_twin.running import RunningTwin

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "build" / "clients"

XEN_API_FOR_NODE = "4.7.6"
ANSIBLE_PACKAGE = "12.3.0"  # brings community.general

NETWORK = {"name_label": "", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []}


@pytest.fixture(params=[True, False], ids=["https", "http"])
def twin(request: pytest.FixtureRequest) -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=0, tls=request.param, ssh=False) as running:
        yield running


@pytest.fixture
def https_twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=0, ssh=False) as running:
        yield running


def url(twin: RunningTwin, host: str = "xs-1") -> str:
    address: str = twin.endpoints["hosts"][host]["xapi"]
    return address


def test_xenapi_from_pypi_reads_writes_and_waits(twin: RunningTwin) -> None:
    session = XenAPI.Session(url(twin), ignore_ssl=True)
    session.xenapi.login_with_password("root", twin.endpoints["password"], "1.0", "a foreign client")
    try:
        network = session.xenapi.network.create({**NETWORK, "name_label": "NAS"})
        master = session.xenapi.pool.get_master(session.xenapi.pool.get_all()[0])
        eth2, eth4 = (
            next(iter(session.xenapi.PIF.get_all_records_where(f'field "host" = "{master}" and field "device" = "{device}"')))
            for device in ("eth2", "eth4")
        )
        batch = session.xenapi.event_from(["bond"], "", 5.0)
        task = session.xenapi.Async.Bond.create(network, [eth2, eth4], "", "active-backup", {})
        seen = session.xenapi.event_from(["bond"], batch["token"], 10.0)
        assert [event["operation"] for event in seen["events"]] == ["add"]
        while session.xenapi.task.get_status(task) == "pending":
            session.xenapi.event_from([f"task/{task}"], "", 1.0)
        bond = session.xenapi.task.get_result(task).removeprefix("<value>").removesuffix("</value>")
        session.xenapi.task.destroy(task)
        assert seen["events"][0]["ref"] == bond
        assert sorted(session.xenapi.Bond.get_slaves(bond)) == sorted([eth2, eth4])
    finally:
        session.xenapi.session.logout()


def test_xenapi_from_pypi_verifies_the_certificate(https_twin: RunningTwin) -> None:
    trusting = ssl.create_default_context(cafile=https_twin.endpoints["ca"])
    proxy: Any = xmlrpc.client.ServerProxy(url(https_twin), context=trusting)
    assert proxy.session.login_with_password("root", https_twin.endpoints["password"], "1.0", "verifier")["Status"] == "Success"
    with pytest.raises(ssl.SSLCertVerificationError):
        XenAPI.Session(url(https_twin)).xenapi.login_with_password("root", https_twin.endpoints["password"], "1.0", "wary")


def test_xenapi_from_pypi_sees_errors_as_failures(twin: RunningTwin) -> None:
    wrong = XenAPI.Session(url(twin), ignore_ssl=True)
    with pytest.raises(XenAPI.Failure) as refused:
        wrong.xenapi.login_with_password("root", "not it", "1.0", "a foreign client")
    assert refused.value.details == ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]
    with pytest.raises(XenAPI.Failure) as slave:
        XenAPI.Session(url(twin, "xs-2"), ignore_ssl=True).xenapi.login_with_password("root", "x", "1.0", "a foreign client")
    assert slave.value.details == ["HOST_IS_SLAVE", "172.16.0.10"]


def test_two_clients_wait_at_once(https_twin: RunningTwin) -> None:
    """A client that waits for events holds up nobody."""
    results: list[Any] = []

    def wait() -> None:
        session = XenAPI.Session(url(https_twin), ignore_ssl=True)
        session.xenapi.login_with_password("root", https_twin.endpoints["password"], "1.0", "waiter")
        token = session.xenapi.event_from(["network"], "", 5.0)["token"]
        ready.release()
        results.append(session.xenapi.event_from(["network"], token, 20.0))

    ready = threading.Semaphore(0)
    waiters = [threading.Thread(target=wait) for _unused in range(5)]
    for waiter in waiters:
        waiter.start()
    for _unused in waiters:
        assert ready.acquire(timeout=20)
    session = XenAPI.Session(url(https_twin), ignore_ssl=True)
    session.xenapi.login_with_password("root", https_twin.endpoints["password"], "1.0", "writer")
    ref = session.xenapi.network.create({**NETWORK, "name_label": "x"})
    for waiter in waiters:
        waiter.join(20)
    assert [[event["ref"] for event in result["events"]] for result in results] == [[ref]] * 5


@pytest.fixture(scope="session")
def node_client() -> Path:
    """The folder with npm's xen-api. Skips when there is no node, or no way to npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: the npm package xen-api cannot be tried")
    folder = CLIENTS / "node"
    if not (folder / "node_modules" / "xen-api" / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        command = [npm, "install", "--prefix", str(folder), *quiet, f"xen-api@{XEN_API_FOR_NODE}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm has not installed xen-api {XEN_API_FOR_NODE} within 240 s")
        if done.returncode != 0:
            pytest.skip(f"npm cannot install xen-api {XEN_API_FOR_NODE}: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.mark.timeout(400)
def test_xen_api_from_npm_fetches_watches_and_creates(https_twin: RunningTwin, node_client: Path) -> None:
    """What Xen Orchestra does: log in, fetch all objects of all classes, watch, create a network and see it come and change."""
    script = Path(__file__).parent / "clients" / "watch.mjs"
    done = subprocess.run(
        ["node", str(script), str(node_client), url(https_twin), "root", https_twin.endpoints["password"]],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["counts"]["PIF"] == 12 and told["counts"]["host"] == 2 and told["pool"] == "pool"
    assert (told["mtu"], told["renamed"]) == (9000, "renamed by node")
    networks = https_twin.database.all("network").values()
    assert [network["bridge"] for network in networks if network["name_label"] == "renamed by node"] == [told["bridge"]]
    assert not https_twin.database.all("session"), "it logged out"


@pytest.fixture(scope="session")
def community_general() -> Path:
    """A collections path with community.general, taken out of the PyPI package ansible. Skips when that cannot be had."""
    folder = CLIENTS / "collections"
    if not (folder / "ansible_collections" / "community" / "general" / "MANIFEST.json").is_file():
        wheels = CLIENTS / "wheels"
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command = [*download, "-d", str(wheels), f"ansible=={ANSIBLE_PACKAGE}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        found = sorted(wheels.glob("ansible-*.whl")) if wheels.is_dir() else []
        if done.returncode != 0 or not found:
            pytest.skip(f"pip cannot download ansible {ANSIBLE_PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
        with zipfile.ZipFile(found[-1]) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith("ansible_collections/community/general/")])
        shutil.rmtree(wheels)
    return folder


@pytest.mark.timeout(400)
def test_xenserver_guest_info_says_that_there_is_no_such_vm(twin: RunningTwin, community_general: Path) -> None:
    arguments = f"hostname={url(twin)} username=root password={twin.endpoints['password']} name=nosuch validate_certs=false"
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(community_general),
        "ANSIBLE_STDOUT_CALLBACK": "minimal",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
    }
    ansible = shutil.which("ansible", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert ansible is not None
    done = subprocess.run(
        [ansible, "localhost", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}",
         "-m", "community.general.xenserver_guest_info", "-a", arguments],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode != 0
    assert "VM with name 'nosuch' not found" in done.stdout, done.stdout + done.stderr
    assert [entry.error for entry in twin.journal if entry.error] == []
