# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool whose hosts have addresses of their own on loopback, and may be dialled there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import xmlrpc.client
from typing import Any

import pytest

from xapi_twin.cli.main import main
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario
from xapi_twin.scenario.loopback import elsewhere, on_loopback
from xapi_twin.scenario.model import ScenarioError

NETWORK = "127.0.83"


def free_ports() -> list[int]:
    """Three that nobody has on these addresses."""
    held = [socket.create_server((f"{NETWORK}.{last}", 0)) for last in (10, 10, 10)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def test_records_name_the_addresses_and_nothing_else_changes() -> None:
    before = load_scenario("tutorial")
    after = on_loopback(before, NETWORK)
    assert [host["address"] for host in after.records["host"].values()] == [f"{NETWORK}.10", f"{NETWORK}.11"]
    managing = [pif["IP"] for pif in after.records["PIF"].values() if pif["management"]]
    assert sorted(managing) == [f"{NETWORK}.10", f"{NETWORK}.11"]
    assert after.records["Bond"] == before.records["Bond"] if "Bond" in before.records else True
    assert elsewhere(before) == "172.16.0.10" and elsewhere(after) == ""


@pytest.mark.parametrize("wrong", ["10.0.0", "127.0.7.1", "loop"])
def test_only_loopback_will_do(wrong: str) -> None:
    with pytest.raises(ScenarioError):
        on_loopback(load_scenario("tutorial"), wrong)


def test_a_redirect_to_the_master_leads_to_it() -> None:
    ports = free_ports()
    with RunningTwin(on_loopback(load_scenario("tutorial"), NETWORK), restart_seconds=0, ports=ports) as twin:
        hosts = twin.endpoints["hosts"]
        assert hosts["xs-2"]["xapi"] == f"https://{NETWORK}.11:{ports[0]}"
        trusting = ssl.create_default_context(cafile=twin.endpoints["ca"])
        member = xmlrpc.client.ServerProxy(hosts["xs-2"]["xapi"], context=trusting)
        reply: Any = member.session.login_with_password("root", "twin")
        assert reply["ErrorDescription"] == ["HOST_IS_SLAVE", f"{NETWORK}.10"]
        master = xmlrpc.client.ServerProxy(f"https://{reply['ErrorDescription'][1]}:{ports[0]}", context=trusting)
        plain = xmlrpc.client.ServerProxy(f"http://{NETWORK}.10:{ports[2]}")
        answers: list[Any] = [way.session.login_with_password("root", "twin") for way in (master, plain)]
        assert [answer["Status"] for answer in answers] == ["Success", "Success"]
        shown = hosts["xs-2"]["ssh"]
        assert (shown["host"], shown["port"]) == (f"{NETWORK}.11", ports[1])
        known = f"UserKnownHostsFile={shown['known_hosts']}"
        command = ["ssh", "-F", "/dev/null", "-p", str(shown["port"]), "-i", shown["key"], "-o", known]
        said = subprocess.run([*command, f"root@{shown['host']}", "hostname"], capture_output=True, text=True, timeout=60, check=True)
        assert said.stdout == "xs-2\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--ports", "8443,8022,8080"], "give --loopback-addresses as well"),
        (["--loopback-addresses", "--ports", "1,2"], "takes three different numbers"),
        (["--loopback-addresses", "10.0.0"], "not on loopback"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "tutorial", *arguments]) in (1, 2)
    assert says in capsys.readouterr().err
