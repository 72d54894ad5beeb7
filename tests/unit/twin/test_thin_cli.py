# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`xe -s HOST -u root -pw …` from elsewhere: the protocol of its own that it speaks to XAPI's port."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.unit.twin.ground import THREE_HOSTS
from tests.unit.twin.thin_cli import Xe
from xapi_twin import shell
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.dump import read_dump
from xapi_twin.scenario.load import read_scenario


@pytest.fixture(scope="module")
def twin() -> Iterator[RunningTwin]:
    with RunningTwin(read_scenario(THREE_HOSTS), restart_seconds=0) as twin:
        yield twin


@pytest.fixture
def xe(twin: RunningTwin) -> Xe:
    return Xe(twin.endpoints["hosts"]["xs-1"]["xapi"])


def test_it_prints_what_xe_in_dom0_prints(twin: RunningTwin, xe: Xe) -> None:
    assert xe("pif-list", "host-name-label=xs-2", "device=eth2") == 0
    there = twin.run(shell.run, twin.twin.host("xs-1"), "xe pif-list host-name-label=xs-2 device=eth2")
    assert xe.out == there.stdout != ""


def test_a_bond_from_elsewhere(xe: Xe) -> None:
    assert xe("network-create", "name-label=Far away") == 0
    network = xe.out.strip()
    pifs = []
    for device in ("eth3", "eth4"):
        assert xe("pif-list", "host-name-label=xs-1", f"device={device}", "--minimal") == 0
        pifs.append(xe.out.strip())
    assert xe("bond-create", f"network-uuid={network}", f"pif-uuids={','.join(pifs)}", "mode=active-backup") == 0
    bond = xe.out.strip()
    assert xe("bond-param-get", f"uuid={bond}", "param-name=mode") == 0
    assert xe.out == "active-backup\n"
    assert xe("bond-destroy", f"uuid={bond}") == 0


@pytest.mark.parametrize(
    ("user", "password", "said"), [("root", "wrong", "Authentication failed"), ("", "twin", "Username/password must be specified")]
)
def test_the_password_is_checked(xe: Xe, user: str, password: str, said: str) -> None:
    xe.user, xe.password = user, password
    assert (xe("host-list"), xe.out, xe.err) == (1, "", f"{said}\nFor usage run: 'xe help'\n")


def test_help_needs_no_password(xe: Xe) -> None:
    xe.password = "wrong"
    assert xe("help", "bond-create") == 0
    assert xe.out == (
        "command name            : bond-create\n"
        "        reqd params     : network-uuid, pif-uuids\n"
        "        optional params : mac, mode, properties:\n"
        "        description     : Bonds PIFs of a host.\n\n\n"
    )


def test_a_member_names_its_master(twin: RunningTwin) -> None:
    member = Xe(twin.endpoints["hosts"]["xs-2"]["xapi"])
    assert (member("host-list"), "HOST_IS_SLAVE" in member.err, "172.16.0.10" in member.err) == (1, True, True)
    assert (member("host-is-in-emergency-mode"), member.out) == (0, "false\n")  # which it answers for itself


def test_the_session_ends_with_the_command(twin: RunningTwin, xe: Xe) -> None:
    before = len(twin.database.all("session"))
    assert xe("host-list") == 0
    assert len(twin.database.all("session")) == before


def test_a_dump_of_the_database_is_fetched_and_can_be_read(xe: Xe) -> None:
    assert xe("pool-dump-database", "file-name=dump.xml") == 0
    records, _schema, _version = read_dump(xe.files["dump.xml"], "dump.xml")
    assert [record["name_label"] for record in records["host"].values()] == ["xs-1", "xs-2", "xs-3"]


def test_it_asks_before_a_host_loses_its_storage(twin: RunningTwin, xe: Xe) -> None:
    xe.typed = "rather not"
    assert xe("pool-eject", f"host-uuid={twin.twin.host('xs-3').record['uuid']}") == 0
    assert xe.out.endswith("Type 'yes' to continue\nAborted (you typed: 'rather not')\n")
    assert twin.twin.find_host("xs-3") is not None


def test_a_program_of_another_protocol_is_sent_away(xe: Xe) -> None:
    xe.version = 1
    with pytest.raises(EOFError):
        xe("host-list")


def test_a_wait_ends_when_its_program_goes_away(twin: RunningTwin, xe: Xe) -> None:
    before = len(twin.database.all("session"))
    with xe.begin("event-wait", "class=pif", "device=eth77"):
        assert _within(lambda: len(twin.database.all("session")) == before + 1)
    assert _within(lambda: len(twin.database.all("session")) == before)


def test_a_restart_of_xapi_cuts_it_off(twin: RunningTwin, xe: Xe) -> None:
    with xe.begin("event-wait", "class=pif", "device=eth77") as connection:
        twin.run(twin.twin.host("xs-1").restart_xapi)
        assert connection.recv(1) == b""


def _within(condition: object, seconds: float = 10) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
