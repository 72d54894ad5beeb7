# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool written down and played again: the same file comes back, no secret is in it, and a broken file is an error with its line."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from xapi_twin.capture import real_pool
from xapi_twin.capture.anonymise import anonymised
from xapi_twin.capture.real_pool import CaptureError, Trust, capture
from xapi_twin.datamodel.schema import Schema
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.load import load_scenario, read_scenario, shipped_names
from xapi_twin.scenario.model import Scenario, ScenarioError
from xapi_twin.scenario.snapshot import kept, xapi_version

SECRETS = """\
pool: secretive
other_config: {"xo:clientInfo": "very-secret", "memory-ratio-pv": "0.25"}
hosts:
  - name: xs-1
    other_config: {token: very-secret, multipathing: "true"}
    nics:
      eth0: {ip: 10.0.0.1/24, management: true, mac: 52:54:00:01:00:05}
      eth2: {ip: 10.0.2.1/24, other_config: {management_purpose: Storage, api_password: very-secret}}
storage:
  - name: iSCSI
    type: lvmoiscsi
    config: {target: 10.0.2.9, targetIQN: "iqn.x", chapuser: very-secret, chappassword: very-secret, password_secret: very-secret}
"""


def captured(twin: RunningTwin, **options: Any) -> str:
    endpoints = twin.endpoints
    master = next(host for host in endpoints["hosts"].values() if host["master"])
    trust = Trust(ca_path=endpoints["ca"]) if endpoints["ca"] else Trust()
    return capture(master["xapi"], endpoints["user"], endpoints["password"], trust, **options)


def running(scenario: Scenario | str, **options: Any) -> RunningTwin:
    return RunningTwin(scenario, ssh=False, tls=False, restart_seconds=0, **options)


@pytest.mark.parametrize("name", [name for name in shipped_names() if name != "sixty-four-hosts"])
def test_a_capture_of_a_played_capture_is_the_same_file(name: str) -> None:
    with running(name) as twin:
        first = captured(twin)
    with running(read_scenario(first, f"{name}.yml")) as twin:
        assert captured(twin) == first


def test_a_capture_that_is_played_with_another_xapi_says_that_version_on_every_host() -> None:
    with running("tutorial") as twin:
        text = captured(twin)
    with running(read_scenario(text, "pool.yml", xapi="26.17.0")) as later:
        assert {host["software_version"]["xapi_build"] for host in later.database.all("host").values()} == {"26.17.0"}
        assert {host["software_version"]["network_backend"] for host in later.database.all("host").values()} == {"openvswitch"}


def test_a_played_capture_behaves_as_the_pool_did() -> None:
    with running("three-hosts") as twin:
        text = captured(twin)
    before, after = load_scenario("three-hosts"), read_scenario(text)
    assert after.xapi == before.xapi
    assert after.master == before.master
    assert {ref: dom0.hostname for ref, dom0 in after.dom0.items()} == {ref: dom0.hostname for ref, dom0 in before.dom0.items()}
    assert [nic.mac for nic in after.dom0[after.master].nics] == [nic.mac for nic in before.dom0[before.master].nics]


def test_capturing_reads_once_and_changes_nothing() -> None:
    with running("tutorial") as twin:
        captured(twin)
        assert [entry.method for entry in twin.journal] == ["session.login_with_password", "event.from", "session.logout"]
        assert twin.journal.writes() == []


def test_over_tls_the_certificate_is_verified_by_authority_or_fingerprint() -> None:
    with RunningTwin("tutorial", ssh=False) as twin:
        assert captured(twin).startswith("# A pool as")
        url, user, password = twin.endpoints["hosts"]["xs-1"]["xapi"], twin.endpoints["user"], twin.endpoints["password"]
        with pytest.raises(CaptureError, match=r"the certificate of .* is not trusted"):
            capture(url, user, password)
        with pytest.raises(CaptureError, match=r"has the fingerprint ([0-9a-f]{64}), not the one") as raised:
            capture(url, user, password, Trust(fingerprint="00:11"))
        shown = re.search("[0-9a-f]{64}", str(raised.value))
        assert shown is not None
        assert capture(url, user, password, Trust(fingerprint=shown.group())) == captured(twin)


def test_no_secret_and_no_licence_gets_into_the_file() -> None:
    with running(read_scenario(SECRETS)) as twin:
        text = captured(twin)
    assert "very-secret" not in text
    assert not re.search("licen[cs]e_|edition", text)
    device_config = next(iter(yaml.safe_load(text)["records"]["PBD"].values()))["device_config"]
    assert device_config == {"target": "10.0.2.9", "targetIQN": "iqn.x"}
    assert "management_purpose: Storage" in text


def test_what_is_measured_of_a_bond_is_left_out_and_of_a_card_is_kept() -> None:
    with running("member-bond0-taken") as twin:
        records = yaml.safe_load(captured(twin))["records"]
    measured = {pif["device"]: len(records["PIF_metrics"][pif["metrics"]]) > 1 for pif in records["PIF"].values()}
    assert measured == {f"eth{number}": True for number in range(6)} | {"bond0": False}


def test_a_mac_of_digits_survives() -> None:
    with running(read_scenario(SECRETS)) as twin:
        assert "52:54:00:01:00:05" in [nic.mac for nic in next(iter(read_scenario(captured(twin)).dom0.values())).nics]


def test_anonymised_names_and_addresses_are_gone_and_relations_stay() -> None:
    with running("vlans-and-vms") as twin:
        text = captured(twin, anonymise=True)
    for trace in ("xs-1", "172.16", "00:16:3e", "web", "Tenants", "Database", "iqn"):
        assert trace not in text
    scenario = read_scenario(text)
    records = scenario.records
    hosts = {host["name_label"]: host["address"] for host in records["host"].values()}
    assert hosts == {"host-1": "10.0.0.10", "host-2": "10.0.0.11", "host-3": "10.0.0.12"}
    storage = [record["IP"] for record in records["PIF"].values() if record["device"] == "eth2" and "IP" in record]
    assert sorted(storage) == ["10.0.0.35", "10.0.0.36", "10.0.0.37"]
    assert "Pool-wide network associated with eth2" in [network["name_label"] for network in records["network"].values()]


def test_anonymising_keeps_networks_together_and_masks_as_they_are() -> None:
    records = {
        "PIF": {
            "a": {"device": "eth0", "MAC": "1", "IP": "192.168.1.7", "netmask": "255.255.255.0", "gateway": "192.168.1.1"},
            "b": {"device": "eth1", "MAC": "1", "IP": "10.9.1.7", "netmask": "255.255.0.0"},
        }
    }
    first, second = anonymised(records)["PIF"].values()
    assert (first["IP"], first["gateway"], first["netmask"]) == ("10.0.1.7", "10.0.1.1", "255.255.255.0")
    assert second["IP"] == "10.1.1.7"
    assert first["MAC"] == second["MAC"] == "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("facts", "version"),
    [
        ({"product_version": "6.2.0", "xapi": "1.3"}, "6.2.0"),
        ({"product_version": "8.2.1", "xapi": "1.20"}, "8.2.1"),
        ({"product_version": "8.3.0", "xapi": "24.19", "xapi_build": "24.19.2-1.xcpng8.3"}, "24.19.2"),
        ({"product_version": "8.4.0", "xapi": "24.39", "xapi_build": "24.39.1"}, "24.39.1"),
        ({"product_version": "9.0.0", "xapi": "26.17", "xapi_build": "26.17.0"}, "26.17.0"),
    ],
)
def test_the_version_is_what_the_hosts_say(facts: dict[str, str], version: str) -> None:
    assert xapi_version(facts) == version


def test_only_what_is_named_is_kept() -> None:
    record = {"uuid": "u", "name_label": "h", "license_params": {"a": "b"}, "external_auth_configuration": {"pass": "x"}, "enabled": True}
    assert kept("host", record, Schema.load("26.17.0")) == {"uuid": "u", "name_label": "h", "enabled": True}


# what cannot be captured


def test_a_wrong_password_a_closed_port_and_a_silent_one() -> None:
    with running("tutorial") as twin:
        url = twin.endpoints["hosts"]["xs-1"]["xapi"]
        with pytest.raises(CaptureError, match="refuses the password of root"):
            capture(url, "root", "wrong")
    with pytest.raises(CaptureError, match="cannot be reached"):
        capture(url, "root", "twin")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(CaptureError, match=r"did not answer within 0.2 seconds"):
        capture(f"http://127.0.0.1:{silent.getsockname()[1]}", "root", "twin", timeout=0.2)
    with pytest.raises(CaptureError, match="'ftp://x' is no host"):
        capture("ftp://x", "root", "twin")


REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


@pytest.mark.parametrize(
    ("head", "piece", "pause", "complaint"),
    [
        (b"Content-Length: 1000000000000\r\n\r\n", b"x" * 65536, 0.0, "sent more than 4 MiB in one reply, which no pool needs"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 0.0, "sent more than 4 MiB in one reply"),
        (b"Content-Length: 1000\r\n\r\n", b"x", 0.1, "did not answer within 0.5 seconds"),
        (b"X-Slow: ", b"x", 0.1, "did not answer within 0.5 seconds"),
        (b"X-Slow: 1\r\n", b"X: y\r\n", 0.1, "did not answer within 0.5 seconds"),
    ],
)
def test_a_reply_without_an_end(head: bytes, piece: bytes, pause: float, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_pool, "MOST_BYTES", 4 * 1024 * 1024)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _peer = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(REPLY + head)
                while True:
                    connection.sendall(piece)
                    time.sleep(pause)

        with ThreadPoolExecutor(1) as hostile:
            hostile.submit(answer)
            with pytest.raises(CaptureError, match=complaint):
                capture(f"http://127.0.0.1:{server.getsockname()[1]}", "root", "twin", timeout=0.5)


# broken files


@pytest.fixture(scope="module")
def file() -> str:
    with running("tutorial") as twin:
        return captured(twin)


def broken(text: str) -> str:
    with pytest.raises(ScenarioError) as raised:
        read_scenario(text, "pool.yml")
    return str(raised.value)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_truncated_capture_names_the_line(file: str) -> None:
    half = file[: file.index("  PIF:")]
    assert broken(half) == f"pool.yml:{line_of(half, 'records:') + 1}: the capture has no PIF: it is not complete"
    torn = file[: file.index("  PIF:") + 300]
    assert re.match(r"pool\.yml:\d+: ", broken(torn))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("      device: eth3\n", "      devise: eth3\n", r"PIF OpaqueRef:\S+ has no key 'devise'; did you mean 'device'\?"),
        ("      physical: true\n", "      physical: maybe\n", r"PIF.physical must be true or false, not 'maybe'"),
        ("      VLAN: -1\n", "      VLAN: none\n", r"PIF.VLAN must be a whole number, not 'none'"),
        ("capture: 1\n", "capture: 2\n", r"this twin reads captures of version 1, not 2"),
        ("xapi: ", "xapi: new-", r"'new-24.19.2' is not a version"),
        ("  network:\n", "  networks:\n", r"records has no key 'networks'; did you mean 'network'\?"),
    ],
)
def test_what_is_wrong_in_a_capture_is_named_by_its_line(file: str, old: str, new: str, complaint: str) -> None:
    assert old in file
    text = file.replace(old, new, 1)
    assert re.match(rf"pool\.yml:{line_of(text, new.strip())}: {complaint}", broken(text)), broken(text)


def test_a_reference_to_nothing_is_named_by_its_line(file: str) -> None:
    match = re.search(r"      network: (OpaqueRef:\S+)\n", file)
    assert match is not None
    text = file.replace(match.group(), "      network: OpaqueRef:lost\n", 1)
    assert re.match(
        rf"pool\.yml:{line_of(text, 'OpaqueRef:lost')}: PIF \S+: its network OpaqueRef:lost is not in the capture", broken(text)
    )


def test_a_capture_takes_options_of_the_twin(file: str, tmp_path: Path) -> None:
    path = tmp_path / "pool.yml"
    path.write_text(file + "password: rehearsal\nrestart_seconds: 3\n", encoding="utf-8")
    scenario = load_scenario(path)
    assert (scenario.password, scenario.restart_seconds) == ("rehearsal", 3.0)
