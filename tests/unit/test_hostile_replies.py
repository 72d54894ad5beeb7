# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is broken or hostile: whatever it answers, the task ends in time, in bounded memory, and with one sentence."""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._xapi import connection as xapi_connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session
from ansible_collections.xapi.network.tests.unit.pools import tutorial
from ansible_collections.xapi.network.tests.unit.rogue import Failure, Raw, Rogue, Socket, batch, event

PASSWORD = "correct horse battery"


def read(rogue: Rogue, timeout: float = 2.0) -> model.Pool:
    with Session(Connection(rogue.url, "root", PASSWORD, timeout=timeout)) as session:
        return model.read(session.read())


def answered(answer: Any) -> str:
    """The sentence that event.from's answer leads to."""
    with Rogue({"event.from": answer}) as rogue, pytest.raises(NetworkError) as failed:
        read(rogue)
    return failed.value.message


# records that are not XAPI's


def records(change: Callable[[dict[str, Any]], object]) -> Any:
    """A good full read, spoilt."""
    spoilt = copy.deepcopy(tutorial().records)
    change(spoilt)
    return batch(*(event(kind, ref, record) for kind, found in spoilt.items() for ref, record in found.items()))


def first(kind: str, **fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda found: next(iter(found[kind].values())).update(fields)


def without(kind: str, field: str) -> Callable[[dict[str, Any]], object]:
    return lambda found: next(iter(found[kind].values())).pop(field)


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    **{f"{kind} without {field}": without(kind, field) for kind, field in (
        ("pool", "uuid"), ("pool", "master"), ("host", "uuid"), ("network", "uuid"), ("pif", "uuid"), ("pif", "host"), ("pif", "network"),
        ("pif", "device"),
    )},
    **{f"{kind}.{field} is {value!r}": first(kind, **{field: value}) for kind, field, value in (
        ("pool", "uuid", 5), ("pool", "name_label", []), ("pool", "other_config", "x"), ("pool", "ha_enabled", "maybe"),
        ("host", "name_label", {"a": "b"}), ("host", "address", 5), ("host", "enabled", "true"), ("host", "software_version", []),
        ("host", "other_config", {"agent_start_time": 5}), ("host", "current_operations", []), ("host", "metrics", []),
        ("host_metrics", "live", "yes"), ("network", "MTU", "large"), ("network", "MTU", ""), ("network", "MTU", "9" * 5000),
        ("network", "tags", "x"), ("network", "PIFs", [5]), ("network", "bridge", 5), ("network", "managed", ""),
        ("pif", "MTU", "-"), ("pif", "MTU", []), ("pif", "VLAN", "none"), ("pif", "MAC", 5), ("pif", "IP", ["172.16.0.1"]),
        ("pif", "IPv6", "fd00::1"), ("pif", "properties", [1]), ("pif", "other_config", {"a": 1}), ("pif", "currently_attached", "false"),
        ("pif", "bond_slave_of", []), ("pif", "VLAN_slave_of", "x"), ("pif", "management", 1), ("pif", "capabilities", {}),
        ("pif_metrics", "speed", "fast"), ("pif_metrics", "carrier", "up"),
    )},
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_a_record_that_is_not_xapis_is_named_with_class_and_field(what: str) -> None:
    said = answered(records(SPOILT[what]))
    kind, field = what.replace(" without ", ".").split(" ")[0].split(".")
    assert "XAPI's record of the" in said and f" {field}" in said and kind.split("_")[0] in said.lower(), said


def test_the_host_of_a_pif_is_named() -> None:
    assert "the PIF eth0 of xs-1 has a MTU that is not a whole number" in answered(records(first("pif", MTU="x")))


# replies that are not XAPI's

BATCHES: list[Any] = [
    "", "x", 5, [], {}, True, {"events": []}, {"token": "1"}, {"events": "x", "token": "1"}, {"events": [5], "token": "1"},
    {"events": [{}], "token": "1"}, {"events": [], "token": 5}, {"events": [{"class": "pool"}], "token": "1"},
    {"events": [{"class": "pool", "operation": "add", "ref": 5}], "token": "1"},
    {"events": [{"class": "pool", "operation": "add", "ref": "x", "snapshot": "y"}], "token": "1"},
    Raw(b""), Raw(b"<html>"), Raw(b"<?xml version='1.0'?><methodResponse>"), Raw(b"\x00" * 1000), Raw(b"{}", 500), Raw(b"", 301),
    Raw(b"<methodResponse><params><param><value><i4>x</i4></value></param></params></methodResponse>"),
    Raw(b"<!DOCTYPE a [<!ENTITY x 'y'>]><methodResponse>&x;</methodResponse>"),
    Failure([]), Failure(["X" * 100_000]), Failure(["INTERNAL_ERROR", "\x9b31m\u202egnp.exe" + "y" * 100_000]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_a_reply_that_is_not_xapis_is_one_short_sentence(number: int) -> None:
    said = answered(BATCHES[number])
    assert said[-1] in ".?)" and len(said) < 1000, said
    assert all(one.isprintable() for one in said) and PASSWORD not in said


def dripping(header: bool) -> Socket:
    def write(send: Callable[[bytes], None]) -> None:
        if not header:
            send(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n")
        else:
            send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _count in range(60):
            send(b"x")
            time.sleep(0.1)

    return Socket(write)


@pytest.mark.parametrize("header", [True, False], ids=["in the headers", "in the body"])
def test_a_byte_now_and_then_does_not_hold_us_beyond_the_deadline(header: bool) -> None:
    with Rogue({"event.from": dripping(header)}) as rogue, pytest.raises(NetworkError, match="did not answer within 1 s"):
        begin = time.monotonic()
        read(rogue, timeout=1.0)
    assert time.monotonic() - begin < 3


def endless(chunked: bool, megabytes: int) -> Socket:
    def write(send: Callable[[bytes], None]) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
        piece = b" " * (1 << 20)
        send(head + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % (megabytes << 20)))
        for _count in range(megabytes):
            send((b"%x\r\n" % len(piece) + piece + b"\r\n") if chunked else piece)

    return Socket(write)


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "announced"])
def test_a_reply_without_end_is_cut_at_the_limit(chunked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xapi_connection, "MOST_BYTES", 4 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Rogue({"event.from": endless(chunked, 200)}) as rogue, pytest.raises(NetworkError, match="more than 4 MiB in one reply"):
        read(rogue, timeout=20.0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_headers_without_end_are_refused() -> None:
    def write(send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 200 OK\r\n")
        for number in range(10_000):
            send(b"X-%d: y\r\n" % number)

    assert "lost before the reply came" in answered(Socket(write))


def test_how_many_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    tried: Mapping[str, int] = {"records": len(SPOILT), "replies": len(BATCHES), "bytes": 5}
    with capsys.disabled():
        print(f"\nhostile replies: {sum(tried.values())} tried, each got a sentence")
    assert sum(tried.values()) >= 60
