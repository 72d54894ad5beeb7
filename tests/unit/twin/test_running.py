# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A twin in a thread of its own, with ports, and its control socket."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
import XenAPI

from xapi_twin.faults import Point
from xapi_twin.running import RunningTwin


def login(twin: RunningTwin, host: str = "xs-1") -> XenAPI.Session:
    session = XenAPI.Session(twin.endpoints["hosts"][host]["xapi"], ignore_ssl=True)
    session.xenapi.login_with_password("root", twin.endpoints["password"], "1.0", "test")
    return session


def ask(twin: RunningTwin, **request: Any) -> dict[str, Any]:
    """One request over the control socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(twin.endpoints["control"])
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(connection.makefile().readline())
        return answer


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", restart_seconds=0, ssh=False) as running:
        yield running


def test_a_client_makes_a_bond_and_a_member_inherits_it(twin: RunningTwin) -> None:
    session = login(twin)
    network = session.xenapi.network.create({"name_label": "NAS", "other_config": {}})
    host = session.xenapi.host.get_by_name_label("xs-1")[0]
    devices = {session.xenapi.PIF.get_device(pif): pif for pif in session.xenapi.host.get_PIFs(host)}
    session.xenapi.Bond.create(network, [devices["eth2"], devices["eth4"]], "", "active-backup", {})

    member = twin.twin.host("xs-2")
    twin.run(member.restart_xapi)
    twin.run(member.init_complete.wait)

    bonds = session.xenapi.Bond.get_all_records().values()
    assert sorted(session.xenapi.PIF.get_IP(bond["master"]) for bond in bonds) == ["172.16.0.35", "172.16.0.36"]
    assert twin.journal.count("Bond.create") == 1


def test_a_member_sends_clients_to_the_master(twin: RunningTwin) -> None:
    with pytest.raises(XenAPI.Failure) as caught:
        login(twin, "xs-2")
    assert caught.value.details == ["HOST_IS_SLAVE", "172.16.0.10"]


def test_a_stopped_xapi_refuses_connections_and_has_the_same_port_afterwards(twin: RunningTwin) -> None:
    member = twin.twin.host("xs-2")
    port = int(twin.endpoints["hosts"]["xs-2"]["xapi"].rpartition(":")[2])
    twin.run(member.stop_xapi)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    twin.run(member.start_xapi)
    twin.run(member.init_complete.wait)
    socket.create_connection(("127.0.0.1", port), 5).close()


def test_the_certificate_that_the_endpoints_name_verifies(twin: RunningTwin) -> None:
    context = ssl.create_default_context(cafile=twin.endpoints["ca"])
    server = xmlrpc.client.ServerProxy(twin.endpoints["hosts"]["xs-1"]["xapi"], context=context)
    answer: Any = server.session.login_with_password("root", twin.endpoints["password"], "1.0", "test")
    assert answer["Status"] == "Success"


def test_a_callback_sees_every_call_before_and_after(twin: RunningTwin) -> None:
    seen: list[Point] = []
    twin.twin.faults.on_point.append(seen.append)
    login(twin)
    assert [(point.name, point.stage) for point in seen] == [
        ("session.login_with_password", "before"),
        ("session.login_with_password", "after"),
    ]


def test_endpoints_are_written_for_programs(twin: RunningTwin) -> None:
    written = json.loads(twin.endpoints_path.read_text(encoding="utf-8"))
    assert written["hosts"]["xs-1"]["master"] is True
    assert written["hosts"]["xs-2"]["address"] == "172.16.0.12"


def test_the_control_socket_restarts_a_host_and_tells_the_state(twin: RunningTwin) -> None:
    assert ask(twin, do="restart", host="xs-2") == {"ok": True, "result": None}
    twin.run(twin.twin.host("xs-2").init_complete.wait)
    state = ask(twin, do="state")["result"]
    shown = state["hosts"]["xs-2"]
    assert (shown["xapi"], shown["powered"], shown["init_complete"]) == ("running", True, True)
    assert len(state["records"]["PIF"]) == 12


def test_the_control_socket_plans_faults_and_shows_the_journal(twin: RunningTwin) -> None:
    assert ask(twin, do="fault", fault={"do": "error", "when": {"method": "pool.get_all"}, "code": "WHATEVER"})["ok"]
    session = login(twin)
    with pytest.raises(XenAPI.Failure) as caught:
        session.xenapi.pool.get_all()
    assert caught.value.details == ["WHATEVER"]
    journal = ask(twin, do="journal")["result"]
    assert [entry["method"] for entry in journal] == ["session.login_with_password", "pool.get_all"]
    assert journal[0]["arguments"][1] == "********"
    assert ask(twin, do="faults")["result"][0]["struck"] == 1


def test_the_control_socket_pulls_cards_cables_and_plugs(twin: RunningTwin) -> None:
    assert ask(twin, do="nic_gone", host="xs-2", device="eth4")["ok"]
    assert twin.twin.host("xs-2").dom0.nics["eth4"].present is False
    assert ask(twin, do="carrier", host="xs-2", device="eth5", up=False)["ok"]
    assert twin.twin.host("xs-2").dom0.nics["eth5"].carrier is False
    assert ask(twin, do="power_off", host="xs-2")["ok"]
    assert twin.twin.host("xs-2").powered is False
    assert ask(twin, do="power_on", host="xs-2")["ok"]
    twin.run(twin.twin.host("xs-2").init_complete.wait)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"do": "dance"}, "'dance' is not a request that a twin knows"),
        ({"do": "restart", "host": "xs-9"}, "no host of this pool is called 'xs-9'"),
        ({"do": "nic_gone", "host": "xs-2", "device": "eth9"}, "xs-2 has no NIC 'eth9'"),
        ({"do": "fault", "fault": {"do": "explode"}}, "'explode' is not an action of a fault"),
    ],
)
def test_the_control_socket_answers_nonsense_with_a_sentence(twin: RunningTwin, request_: dict[str, Any], sentence: str) -> None:
    answer = ask(twin, **request_)
    assert answer["ok"] is False
    assert sentence in answer["error"]


def test_a_twin_that_cannot_start_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    nobody = [{"do": "drop", "when": {"method": "x", "host": "nobody"}}]
    with pytest.raises(ValueError, match="no host of this pool"), RunningTwin("tutorial", ssh=False, faults=nobody):
        pass
    assert threading.active_count() == before
