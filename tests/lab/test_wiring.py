# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cables in wrong ports: each is named, before it matters, and a change that it cuts off is taken back by dom0 alone."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._dom0 import lldp

from tests.lab import FOLDER
from tests.lab.agreement import agree
from tests.lab.lab import Lab, Played
from tests.lab.machine import Machine, cable
from tests.lab.pings import STORAGE, answers_soon

NICS = ["eth2", "eth4"]
ONE, OTHER = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
LACP: dict[str, Any] = {"mode": "lacp", "properties": {"lacp-time": "fast"}, "strategy": "direct"}


def words(played: Played) -> str:
    return " ".join(played.output.split())


def test_lacp_with_two_switches_is_taken_back_and_without_a_partner_or_with_the_right_one_is_told(lab: Lab) -> None:
    for device, system in zip(NICS, (ONE, OTHER), strict=True):
        lab.set_port("xs-1", device, "lacp=active", f"other-config:lacp-system-id={system}", "other-config:lacp-time=fast")
    played = lab.bond(hosts=["xs-1"], confirm_timeout=20, **LACP)
    assert played.status != 0
    both = rf"the NICs of bond0 have different LACP partners: eth2 {ONE} \(key \d+\), eth4 {OTHER} \(key \d+\). They do not bundle"
    assert re.search(both, words(played)), played.output
    deadline = time.monotonic() + 60
    while lab.ssh("xs-1", "ls -d /var/lib/xapi.network/timer 2>/dev/null; true"):
        assert time.monotonic() < deadline
        time.sleep(1)
    facts = lab.ask_dom0("xs-1")
    assert facts["bonds"] == {}
    assert facts["interfaces"]["xenbr2"]["addresses"] == ["172.16.0.35/28"]
    both = rf"the NICs of bond0 had different LACP partners: {ONE} \(key \d+\), {OTHER} \(key \d+\)"
    assert re.fullmatch(both, facts["taken_back"]["why"])
    agree(lab)

    # A switch that does not speak LACP, and no timer: it is told, and a comparison can fail on it.
    for device in NICS:
        lab.set_port("xs-1", device, "lacp=off")
    played = lab.bond(hosts=["xs-1"], **LACP)
    assert played.status == 0, played.output
    lab.bond_when("xs-1", lambda bond: bond["lacp"] == "configured")
    wished = {"hosts": ["xs-1"], "mode": "lacp", "properties": LACP["properties"], "degraded": "fail"}
    assert "xs-1: no partner answers the LACP of bond0 on eth2 and eth4." in words(lab.bond("storage_bond_verify", **wished))

    lab.bundle("xs-1", NICS, speaks_lacp=True)
    bond = lab.bond_when("xs-1", lambda bond: bond["lacp"] == "negotiated" and all(one["system"] for one in bond["partners"].values()))
    assert bond["partners"]["eth2"] == bond["partners"]["eth4"]
    played = lab.bond("storage_bond_verify", **wished)
    assert played.status == 0, played.output
    assert answers_soon(lab.hosts["xs-1"], STORAGE["nas"]) == 5


@contextmanager
def speaks_lldp(switch: Machine, *ports: str) -> Iterator[None]:
    """The switch says of itself, on these two ports, who it is: ten times a second instead of twice a minute."""
    chassis = bytes.fromhex("020000000a01")
    about = ((1, b"\x04" + chassis), (2, b"\x05port-7"), (3, b"\x00\x78"), (5, b"switch-a"), (0, b""))
    data = b"".join((kind << 9 | len(value)).to_bytes(2, "big") + value for kind, value in about)
    frame = (bytes.fromhex("0180c200000e") + chassis + b"\x88\xcc" + data).ljust(60, b"\0")
    send = f"""
import socket, time
ports = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW) for _each in range(2)]
for port, device in zip(ports, {ports}):
    port.bind((device, 0))
while True:
    for port in ports:
        port.send(bytes.fromhex("{frame.hex()}"))
    time.sleep(0.1)
"""
    speaking = subprocess.Popen(["nsenter", f"--net=/proc/{switch.pid}/ns/net", "--", sys.executable, "-c", send])
    try:
        yield
    finally:
        speaking.kill()
        speaking.wait()


def test_lldp_is_heard_on_nics_that_are_in_bridges_of_linux_and_the_bridges_do_not_pass_it_on() -> None:
    """What dom0 has with the backend "bridge": each NIC is in a bridge of its own, with the address on the bridge."""
    switch, host = Machine("switch", FOLDER / "switch"), Machine("xs-9", FOLDER / "host")
    try:
        for machine in (switch, host):
            machine.start()
        for device in (*NICS, "eth5"):
            cable(host, device, switch, device)
            bridge = f"xenbr{device[-1]}"
            host.run("ip", "link", "add", bridge, "type", "bridge")
            host.run("ip", "link", "set", device, "master", bridge)
            host.run("ip", "link", "set", bridge, "up")
        with speaks_lldp(switch, *NICS):
            heard = lldp.read(host.run("/bin/sh", "-c", lldp.command([*NICS, "eth5", "eth7"], 4)))
            on_the_bridge = host.run("timeout", "2", "tcpdump", "-i", "xenbr2", "-nn", "ether", "proto", "0x88cc", check=False)
        there = lldp.Neighbour(ONE, "port-7", "switch-a")
        assert heard == {"eth2": there, "eth4": there, "eth5": lldp.Neighbour()}
        assert on_the_bridge.strip() == ""
        assert host.run("/bin/sh", "-c", "ls -d /tmp/xapi.network.* 2>/dev/null; true") == ""
    finally:
        for machine in (host, switch):
            machine.stop()


@contextmanager
def chosen(lab: Lab, host: str, device: str) -> Iterator[None]:
    """Open vSwitch takes into use whichever NIC of a new bond it likes; here it likes this one."""
    over = threading.Event()

    def choose() -> None:
        while not over.wait(0.1):
            for command in ("enable-member", "set-active-member"):
                lab.hosts[host].run("ovs-appctl", f"bond/{command}", "bond0", device, check=False)

    thread = threading.Thread(target=choose)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_second_port_in_the_wrong_vlan_or_segment_is_found_by_the_host_that_has_it(lab: Lab) -> None:
    wished: dict[str, Any] = {"strategy": "direct", "ping_hosts": True, "rollback": True}
    lost = "dom0 of xs-2 does not reach xs-1 (172.16.0.35) on the storage network after the change, and did before."
    with speaks_lldp(lab.switch, "xs-2.eth2", "xs-2.eth4"):
        heard = words(lab.bond("storage_bond", "--check", hosts=["xs-2"], strategy="direct", lldp=True))
    same = "[same_switch] xs-2: eth2 (port port-7) and eth4 (port port-7) are on the same switch, switch-a (02:00:00:00:0a:01)."
    assert same in heard, heard
    lab.set_port("xs-2", "eth4", "tag=99")
    with chosen(lab, "xs-2", "eth4"):
        assert lost in words(played := lab.bond(**wished)), played.output
    lab.move("xs-2", "eth4", "vm")
    with chosen(lab, "xs-2", "eth4"):
        assert lost in words(played := lab.bond(**wished)), played.output
    assert "bond0" in lab.ask_dom0("xs-1")["bonds"] and "bond0" not in lab.ask_dom0("xs-2")["bonds"]

    lab.move("xs-2", "eth4", "storage")
    played = lab.bond(**wished)
    assert played.status == 0 and "does not reach" not in words(played), played.output
    agree(lab)
