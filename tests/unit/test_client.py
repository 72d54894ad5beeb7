# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against hosts that misbehave: every call is sent once, ends in time, and says what is known in a sentence."""

from __future__ import annotations

import os
import resource
import socket
import sys
import threading
import time
import traceback
import xmlrpc.client
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi import session as xapi_session
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, Unreachable, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session
from ansible_collections.xapi.network.tests.unit.rogue import NEXT, Drip, Drop, Failure, Goodbye, Raw, Rogue, Silence, batch, event

PASSWORD = "no one may read this"
TASK = "OpaqueRef:task"


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    with Rogue() as found:
        yield found


def session(rogue: Rogue, timeout: float = 5.0, **options: Any) -> Session:
    return Session(Connection(rogue.url, password=PASSWORD, timeout=timeout, **options))


def task(status: str, **fields: Any) -> dict[str, Any]:
    return event("task", TASK, {"status": status, "result": "", "error_info": [], **fields}, "add" if status == "pending" else "mod")


# a call is sent once


def test_a_call_whose_connection_drops_before_the_reply_arrives_once(rogue: Rogue) -> None:
    rogue.answers["Bond.create"] = Drop
    with session(rogue) as found, pytest.raises(ConnectionLost, match="lost before the reply came"):
        found.call("Bond.create", "OpaqueRef:network", [], "", "lacp", {})
    assert rogue.calls("Bond.create") == 1


def test_what_xmlrpc_client_itself_would_do_is_send_it_twice(rogue: Rogue) -> None:
    """The reason for a transport of our own; when this fails, Python has changed."""
    rogue.answers["Bond.create"] = Drop
    with pytest.raises(Exception), xmlrpc.client.ServerProxy(rogue.url) as proxy:  # noqa: B017  # whichever it is
        proxy.Bond.create("OpaqueRef:session")
    assert rogue.calls("Bond.create") == 2


def test_a_call_after_the_server_closed_the_idle_connection_goes_over_a_new_one(rogue: Rogue) -> None:
    rogue.answers |= {"pool.get_all": Goodbye(["OpaqueRef:pool"]), "host.get_all": ["OpaqueRef:host"]}
    with session(rogue) as found:
        assert found.call("pool.get_all") == ["OpaqueRef:pool"]
        time.sleep(0.1)
        assert found.call("host.get_all") == ["OpaqueRef:host"]
    assert rogue.calls("host.get_all") == 1
    assert rogue.connections == 2


def test_all_calls_of_a_session_share_one_connection(rogue: Rogue) -> None:
    rogue.answers["event.from"] = batch(event("pool", "OpaqueRef:pool", {"uuid": "a"}))
    with session(rogue) as found:
        found.read()
    assert [method for method, _arguments in rogue.arrived] == ["session.login_with_password", "event.from", "session.logout"]
    assert rogue.connections == 1


# every call ends in time


def test_a_silent_host_ends_in_an_error_within_the_timeout(rogue: Rogue) -> None:
    rogue.answers["session.login_with_password"] = Silence
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match=r"did not answer within 0.5 s"), session(rogue, timeout=0.5):
        pass
    assert time.monotonic() - began < 1.5


def test_a_host_that_accepts_and_says_nothing_not_even_in_tls_ends_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(NetworkError, match=r"within 0.5 s"), Session(Connection(f"127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)):
            pass
        assert time.monotonic() - began < 1.5


def test_a_host_that_sends_a_byte_now_and_then_ends_within_the_timeout(rogue: Rogue) -> None:
    rogue.answers["pool.get_all"] = Drip(0.05)
    began = time.monotonic()
    with session(rogue, timeout=0.5) as found, pytest.raises(ConnectionLost, match=r"did not answer within 0.5 s"):
        found.call("pool.get_all")
    assert time.monotonic() - began < 3.0


def test_a_session_at_a_host_that_fell_silent_ends_soon_all_the_same(rogue: Rogue) -> None:
    rogue.answers.update({"pool.get_all": Silence, "session.logout": Silence})
    began = time.monotonic()
    with pytest.raises(ConnectionLost), session(rogue, timeout=0.4) as found:
        found.call("pool.get_all")
    assert time.monotonic() - began < 2.5


# sentences


def test_a_refused_connection_says_that_xapi_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    asked = Session(Connection(f"http://127.0.0.1:{port}"))
    with pytest.raises(Unreachable, match=rf"127.0.0.1:{port} refuses connections on port {port}: its xapi is down or restarting"), asked:
        pass


def test_a_name_that_does_not_resolve_is_named() -> None:
    with pytest.raises(Unreachable, match=r"The name no-such-host.invalid cannot be resolved"), Session(Connection("no-such-host.invalid")):
        pass


def test_https_to_a_port_that_speaks_http_asks_for_the_port(rogue: Rogue) -> None:
    asked = Session(Connection(f"https://127.0.0.1:{rogue.port}", timeout=5))
    with pytest.raises(Unreachable, match=rf"is port {rogue.port} the port of xapi"), asked:
        pass


@pytest.mark.parametrize("body", [b"<html>XO Lite</html>", b"", b"\x00\xff", b"<methodResponse><params></params></methodResponse>"])
def test_an_answer_that_is_not_xapi_says_so(rogue: Rogue, body: bytes) -> None:
    rogue.answers["session.login_with_password"] = Raw(body)
    with pytest.raises(ConnectionLost, match=r"not XAPI|not a reply of XAPI"), session(rogue):
        pass


def test_an_http_error_is_told_with_its_number(rogue: Rogue) -> None:
    rogue.answers["session.login_with_password"] = Raw(b"<h1>no</h1>", status=503)
    with pytest.raises(ConnectionLost, match="answered HTTP 503"), session(rogue):
        pass


def test_a_reply_that_breaks_off_is_a_lost_connection(rogue: Rogue) -> None:
    rogue.answers["pool.get_all"] = Raw(b"<methodResponse>", content_length=4000)
    with session(rogue) as found, pytest.raises(ConnectionLost, match="lost before the reply came"):
        found.call("pool.get_all")


def test_a_wrong_password_is_told_without_the_password(rogue: Rogue) -> None:
    rogue.answers["session.login_with_password"] = Failure(["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"])
    with pytest.raises(XapiFailure, match="does not accept the password of user root") as caught, session(rogue):
        pass
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert rogue.calls("session.logout") == 0


def test_a_host_that_is_starting_is_told_to_be(rogue: Rogue) -> None:
    rogue.answers["session.login_with_password"] = Failure(["HOST_STILL_BOOTING"])
    with pytest.raises(XapiFailure, match="still starting: try again in a minute"), session(rogue):
        pass


def test_a_session_that_ends_midway_is_told_and_not_opened_again(rogue: Rogue) -> None:
    rogue.answers["pool.get_all"] = Failure(["SESSION_INVALID", "OpaqueRef:session"])
    with session(rogue) as found, pytest.raises(XapiFailure, match="no longer valid"):
        found.call("pool.get_all")
    assert rogue.calls("session.login_with_password") == rogue.calls("pool.get_all") == 1


def test_a_missing_xenapi_names_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xapi_session, "XenAPI", None)
    with pytest.raises(NetworkError, match="XenAPI is missing for the interpreter") as caught:
        Session(Connection("xs-1"))
    assert sys.executable in caught.value.message


def test_an_argument_that_cannot_be_sent_is_an_error_before_anything_is_sent(rogue: Rogue) -> None:
    with session(rogue) as found, pytest.raises(NetworkError, match="was not called"):
        found.call("network.create", {"MTU": 2**40})
    assert rogue.calls("network.create") == 0


# sessions


def test_a_session_is_logged_out_when_the_work_is_done(rogue: Rogue) -> None:
    with session(rogue):
        pass
    assert rogue.arrived[-1] == ("session.logout", ("OpaqueRef:session",))


def test_a_session_is_logged_out_when_the_work_fails(rogue: Rogue) -> None:
    with pytest.raises(ZeroDivisionError), session(rogue):
        raise ZeroDivisionError
    assert rogue.calls("session.logout") == 1


@pytest.mark.parametrize("trouble", [Drop, Failure(["SESSION_INVALID", "x"]), Raw(b"no", status=500)])
def test_a_failed_logout_hides_nothing(rogue: Rogue, trouble: Any) -> None:
    rogue.answers["session.logout"] = trouble
    with pytest.raises(ZeroDivisionError), session(rogue):
        raise ZeroDivisionError
    with session(rogue):
        pass
    assert rogue.calls("session.logout") == 2


def test_the_login_names_its_originator(rogue: Rogue) -> None:
    with session(rogue):
        pass
    assert rogue.arrived[0] == ("session.login_with_password", ("root", PASSWORD, "1.0", "xapi.network"))


def test_a_xapi_that_knows_no_originator_gets_none(rogue: Rogue) -> None:
    """XenServer 6.0 and 6.1."""
    mismatch = Failure(["MESSAGE_PARAMETER_COUNT_MISMATCH", "session.login_with_password", "3", "4"])
    rogue.answers["session.login_with_password"] = [NEXT, mismatch, "OpaqueRef:session"]
    with session(rogue):
        pass
    assert [len(arguments) for method, arguments in rogue.arrived if method == "session.login_with_password"] == [4, 3]


def test_http_works_when_it_is_written_out_and_brings_a_warning(rogue: Rogue) -> None:
    warned: list[str] = []
    with Session(Connection(rogue.url), warn=warned.append):
        pass
    assert len(warned) == 1
    assert "in clear text" in warned[0]


def test_a_member_is_followed_to_its_master_once_with_a_warning(rogue: Rogue) -> None:
    with Rogue({"session.login_with_password": Failure(["HOST_IS_SLAVE", f"127.0.0.1:{rogue.port}"])}) as member:
        with session(member) as found:
            assert str(found.connection) == f"127.0.0.1:{rogue.port}"
        assert "is a member of its pool: the master" in found.warnings[-1]
        assert [method for method, _arguments in member.arrived] == ["session.login_with_password"]
    assert [method for method, _arguments in rogue.arrived] == ["session.login_with_password", "session.logout"]


def test_two_members_that_call_each_other_the_master_are_not_followed_in_a_circle(rogue: Rogue) -> None:
    slave = Failure(["HOST_IS_SLAVE", f"127.0.0.1:{rogue.port}"])
    rogue.answers["session.login_with_password"] = slave
    refused = pytest.raises(XapiFailure, match="member of a pool whose master is")
    with refused, Rogue({"session.login_with_password": slave}) as member:
        session(member).__enter__()
    assert rogue.calls("session.login_with_password") == 1


# reading


def test_one_read_is_one_call_and_gives_records_by_class_and_reference(rogue: Rogue) -> None:
    rogue.answers["event.from"] = batch(
        event("pool", "OpaqueRef:pool", {"uuid": "a", "master": "OpaqueRef:host"}),
        event("pif", "OpaqueRef:pif", {"MTU": "1500", "created": xmlrpc.client.DateTime("20261122T10:09:02Z")}),
    )
    with session(rogue) as found:
        records = found.read(("pool", "pif", "bond"))
    assert records == {
        "pool": {"OpaqueRef:pool": {"uuid": "a", "master": "OpaqueRef:host"}},
        "pif": {"OpaqueRef:pif": {"MTU": "1500", "created": "20261122T10:09:02Z"}},
        "bond": {},
    }
    assert rogue.arrived[1][1][:3] == ("OpaqueRef:session", ["pool", "pif", "bond"], "")


def test_following_gives_the_state_anew_at_each_change_and_leaves_the_old_one_alone(rogue: Rogue) -> None:
    rogue.answers["event.from"] = [
        NEXT,
        batch(event("bond", "OpaqueRef:b", {"mode": "lacp"}), token="1"),
        batch(event("bond", "OpaqueRef:b", {"mode": "balance-slb"}, "mod"), token="2"),
        batch(event("bond", "OpaqueRef:b", None, "del"), event("pif", "OpaqueRef:p", {"uuid": "p"}), token="3"),
        batch(token="4"),
    ]
    with session(rogue) as found:
        states = [found.read(("bond", "pif"))]
        for state in found.follow(time.monotonic() + 5):
            states.append(state)
            if len(states) == 3:
                break
    assert [state["bond"] for state in states] == [{"OpaqueRef:b": {"mode": "lacp"}}, {"OpaqueRef:b": {"mode": "balance-slb"}}, {}]
    assert [list(state["pif"]) for state in states] == [[], [], ["OpaqueRef:p"]]
    tokens = [arguments[2] for method, arguments in rogue.arrived if method == "event.from"]
    assert tokens == ["", "1", "2"]


def test_following_asks_the_host_to_wait_and_never_longer_than_half_the_timeout_or_the_deadline(rogue: Rogue) -> None:
    rogue.answers["event.from"] = batch()
    with session(rogue, timeout=8.0) as found:
        found.read(("bond",))
        next(found.follow(time.monotonic() + 60))
        next(found.follow(time.monotonic() + 1))
    waits = [arguments[3] for method, arguments in rogue.arrived if method == "event.from"]
    assert waits[:2] == [4.0, 4.0]
    assert 0 < waits[2] <= 1.0


def test_following_ends_at_the_deadline(rogue: Rogue) -> None:
    def quiet(session: str, classes: list[str], token: str, wait: float) -> dict[str, Any]:
        time.sleep(wait if token else 0)
        return batch(token="t")

    rogue.answers["event.from"] = quiet
    began = time.monotonic()
    with session(rogue) as found:
        found.read()
        states = list(found.follow(time.monotonic() + 0.5))
    assert 0.5 <= time.monotonic() - began < 1.5
    assert 1 <= len(states) < 5  # no busy loop


def test_following_survives_a_master_that_restarts(rogue: Rogue) -> None:
    """Its connections drop, its port answers that it is starting, the old session is gone; then it is back with another state."""
    rogue.answers["event.from"] = [
        NEXT,
        batch(event("bond", "OpaqueRef:b", {"mode": "lacp"}), token="1"),
        Drop(),
        Failure(["SESSION_INVALID", "OpaqueRef:session"]),
        batch(event("bond", "OpaqueRef:c", {"mode": "lacp"}), token="9"),
    ]
    rogue.answers["session.login_with_password"] = [NEXT, "OpaqueRef:1", Failure(["HOST_STILL_BOOTING"]), Drop(), "OpaqueRef:2"]
    with session(rogue) as found:
        found.read(("bond",))
        state = next(found.follow(time.monotonic() + 10))
        assert found.trouble == ""
    assert list(state["bond"]) == ["OpaqueRef:c"]
    assert rogue.arrived[-1] == ("session.logout", ("OpaqueRef:2",))


def test_following_a_master_that_never_comes_back_ends_at_the_deadline_and_leaves_the_reason(rogue: Rogue) -> None:
    rogue.answers["event.from"] = [NEXT, batch(token="1"), Drop()]
    with session(rogue) as found:
        found.read(("bond",))
        assert list(found.follow(time.monotonic() + 0.6)) == []
        assert "lost before the reply came" in found.trouble
    assert rogue.calls("event.from") < 8  # no busy loop


def test_following_gives_up_when_the_password_is_no_longer_accepted(rogue: Rogue) -> None:
    rogue.answers["event.from"] = [NEXT, batch(token="1"), Failure(["SESSION_INVALID", "x"])]
    rogue.answers["session.login_with_password"] = [NEXT, "OpaqueRef:1", Failure(["SESSION_AUTHENTICATION_FAILED", "root", "no"])]
    with session(rogue) as found:
        found.read(("bond",))
        with pytest.raises(XapiFailure, match="does not accept the password"):
            list(found.follow(time.monotonic() + 10))


# work that is done as a task


def test_a_task_is_awaited_and_destroyed_and_its_result_returned(rogue: Rogue) -> None:
    rogue.answers |= {
        "Async.Bond.create": TASK,
        "task.destroy": "",
        "event.from": [NEXT, batch(task("pending")), batch(), batch(task("success", result="<value>OpaqueRef:bond</value>"))],
    }
    with session(rogue) as found:
        assert found.act("Bond.create", "OpaqueRef:network", [], "", "lacp", {}, wait_timeout=10) == "OpaqueRef:bond"
    assert rogue.calls("Async.Bond.create") == rogue.calls("task.destroy") == 1
    assert [arguments[1] for method, arguments in rogue.arrived if method == "event.from"] == [[f"task/{TASK}"]] * 3


def test_a_void_result_is_empty(rogue: Rogue) -> None:
    rogue.answers |= {"Async.Bond.destroy": TASK, "task.destroy": "", "event.from": batch(task("success", result="<value></value>"))}
    with session(rogue) as found:
        assert found.act("Bond.destroy", "OpaqueRef:bond", wait_timeout=10) == ""


def test_the_error_of_a_task_is_xapis_error_and_the_task_is_destroyed(rogue: Rogue) -> None:
    rogue.answers |= {
        "Async.Bond.create": TASK,
        "task.destroy": "",
        "event.from": batch(task("failure", error_info=["PIF_ALREADY_BONDED", "OpaqueRef:pif"])),
    }
    with session(rogue) as found, pytest.raises(XapiFailure) as caught:
        found.act("Bond.create", wait_timeout=10)
    assert (caught.value.code, caught.value.params, caught.value.method) == ("PIF_ALREADY_BONDED", ("OpaqueRef:pif",), "Bond.create")
    assert "eth2 of xs-1 is already part of a bond" in caught.value.named({"OpaqueRef:pif": "eth2 of xs-1"}).message
    assert rogue.calls("task.destroy") == 1


def test_a_connection_lost_while_a_task_runs_is_made_again_and_the_call_is_not(rogue: Rogue) -> None:
    rogue.answers |= {
        "Async.Bond.create": TASK,
        "task.destroy": "",
        "event.from": [NEXT, batch(task("pending")), Drop(), batch(task("success", result="<value>OpaqueRef:bond</value>"))],
    }
    with session(rogue) as found:
        assert found.act("Bond.create", wait_timeout=10) == "OpaqueRef:bond"
    assert rogue.calls("Async.Bond.create") == 1


def test_a_task_that_a_restart_of_the_master_swallowed_is_a_lost_connection(rogue: Rogue) -> None:
    rogue.answers |= {
        "Async.Bond.create": TASK,
        "event.from": [NEXT, batch(task("pending")), Failure(["SESSION_INVALID", "OpaqueRef:session"]), batch()],
    }
    with session(rogue) as found, pytest.raises(ConnectionLost, match=r"not known what became of Bond.create"):
        found.act("Bond.create", wait_timeout=10)
    assert rogue.calls("Async.Bond.create") == 1


def test_a_task_that_does_not_end_in_time_is_left_alone_and_named(rogue: Rogue) -> None:
    rogue.answers |= {"Async.Bond.create": TASK, "event.from": batch(task("pending"))}

    def slowly(session: str, classes: list[str], token: str, wait: float) -> dict[str, Any]:
        time.sleep(min(wait, 0.1))
        return batch(task("pending"))

    rogue.answers["event.from"] = slowly
    with session(rogue) as found, pytest.raises(NetworkError, match=r"still under way after 0 s \(task OpaqueRef:task\)"):
        found.act("Bond.create", wait_timeout=0.3)
    assert rogue.calls("task.destroy") == rogue.calls("task.cancel") == 0


def test_a_task_that_takes_long_is_told_now_and_then(rogue: Rogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xapi_session, "SAID_FIRST", 0.1)
    monkeypatch.setattr(xapi_session, "SAID_AGAIN", 0.2)

    def slowly(session: str, classes: list[str], token: str, wait: float) -> dict[str, Any]:
        time.sleep(min(wait, 0.05))
        return batch(task("pending"))

    rogue.answers |= {"Async.Bond.create": TASK, "event.from": slowly}
    told: list[float] = []
    with session(rogue) as found, pytest.raises(NetworkError, match="still under way"):
        found.act("Bond.create", wait_timeout=0.8, waiting=told.append)
    assert 2 <= len(told) <= 4 and told == sorted(told) and told[0] >= 0.1


def test_a_lost_reply_to_the_start_of_a_task_is_a_lost_connection_and_sent_once(rogue: Rogue) -> None:
    rogue.answers["Async.Bond.create"] = Drop
    with session(rogue) as found, pytest.raises(ConnectionLost):
        found.act("Bond.create", wait_timeout=10)
    assert rogue.calls("Async.Bond.create") == 1


# where and how to connect


@pytest.mark.parametrize(
    ("hostname", "address", "encrypted"),
    [
        ("xs-1", ("xs-1", 443), True),
        ("xs-1:8443", ("xs-1", 8443), True),
        ("https://xs-1.example.com/", ("xs-1.example.com", 443), True),
        ("http://172.16.0.10", ("172.16.0.10", 80), False),
        ("HTTP://172.16.0.10:8080", ("172.16.0.10", 8080), False),
        ("[fe80::1]:8443", ("fe80::1", 8443), True),
        ("https://[fe80::1]", ("fe80::1", 443), True),
        ("fe80::1", ("fe80::1", 443), True),
    ],
)
def test_hostname_may_carry_a_scheme_and_a_port(hostname: str, address: tuple[str, int], encrypted: bool) -> None:
    connection = Connection(hostname)
    assert (connection.address, connection.encrypted) == (address, encrypted)


@pytest.mark.parametrize(
    "hostname", ["", "ftp://xs-1", "root:secret@xs-1", "https://root:secret@xs-1", "xs-1/path", "xs 1", "xs-1:port", "https://"]
)
def test_a_hostname_that_is_something_else_is_refused_without_being_repeated(hostname: str) -> None:
    with pytest.raises(NetworkError, match="hostname has to be") as caught:
        assert Connection(hostname).address
    assert "secret" not in "".join(traceback.format_exception(caught.value)).replace("Connection(hostname)", "")


@pytest.mark.parametrize(
    ("hostname", "told", "master"),
    [
        ("xs-2", "172.16.0.10", ("172.16.0.10", 443)),
        ("https://xs-2:8443", "172.16.0.10", ("172.16.0.10", 8443)),
        ("http://xs-2", "172.16.0.10", ("172.16.0.10", 80)),
        ("xs-2:8443", "127.0.0.1:9443", ("127.0.0.1", 9443)),
        ("xs-2", "fd00::10", ("fd00::10", 443)),
    ],
)
def test_the_master_is_reached_the_way_the_member_was(hostname: str, told: str, master: tuple[str, int]) -> None:
    connection = Connection(hostname)
    assert connection.at(told).address == master
    assert connection.at(told).encrypted == connection.encrypted


DIGITS = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text",
    [
        DIGITS,
        DIGITS.upper(),
        ":".join(DIGITS[at : at + 2] for at in range(0, 64, 2)),
        f"SHA256:{DIGITS}",
        "sha256 Fingerprint=" + ":".join(DIGITS[at : at + 2] for at in range(0, 64, 2)).upper(),
        f"SHA256={DIGITS}",
    ],
)
def test_fingerprints_come_with_and_without_colons(text: str) -> None:
    assert Connection("xs-1", fingerprint=text).fingerprints == (DIGITS,)


def test_several_fingerprints_are_separated_by_commas() -> None:
    assert Connection("xs-1", fingerprint=f"{DIGITS}, {'f' * 64}").fingerprints == (DIGITS, "f" * 64)


def test_a_fingerprint_of_another_length_is_refused() -> None:
    with pytest.raises(NetworkError, match="SHA-256 fingerprint"):
        assert Connection("xs-1", fingerprint="ab:cd").fingerprints


def test_a_ca_file_that_is_not_there_is_named() -> None:
    options = {"hostname": "xs-1", "username": "root", "password": "", "validate_certs": True, "fingerprint": None, "timeout": 60}
    with pytest.raises(NetworkError, match=r"there is no file /nowhere/ca.pem"):
        Connection.from_options({**options, "ca_path": "/nowhere/ca.pem"})


def test_the_password_is_in_no_representation() -> None:
    connection = Connection("http://xs-1", password=PASSWORD)
    assert PASSWORD not in f"{connection!r} {connection}"


def test_two_sessions_in_threads_do_not_disturb_each_other(rogue: Rogue) -> None:
    def slowly(session: str) -> list[str]:
        time.sleep(0.05)
        return ["OpaqueRef:pool"]

    rogue.answers["pool.get_all"] = slowly
    results: list[Any] = []

    def work() -> None:
        with session(rogue) as found:
            results.append(found.call("pool.get_all"))

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [["OpaqueRef:pool"]] * 4


def test_a_kept_connection_is_used_again_whatever_the_number_of_its_descriptor(rogue: Rogue) -> None:
    """Ansible with many forks has descriptors beyond 1023, which select(2) refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _number in range(1100)]
    rogue.answers["pool.get_all"] = ["OpaqueRef:pool"]
    try:
        with session(rogue) as found:
            assert found.call("pool.get_all") == found.call("pool.get_all")
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
