# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody can mean, option by option: it is refused in a sentence by the options alone, before anything is asked or planned.

The last test prints how many inputs were tried and how many of them got a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import from_task
from ansible_collections.xapi.network.plugins.module_utils._network import plan as network_plan
from ansible_collections.xapi.network.plugins.module_utils._network.plan import NetworkSpec
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import APool, spec, tutorial

# Names: nothing to see, what YAML makes of emptiness, control and direction characters, far too long.
NAMES = [
    " ", "\t", "\n", "[]", "{}", "None", "null", " NAS", "NAS ", "NA\nS", "NA\tS", "NA\x1b[31mS", "NA\x00S", "NA\x07S", "NA\x7fS",
    "NA\x9bS",
    "NA\u202eS", "NA\u200bS", "NA\u2028S", "NA\u2066S", "\ufeffNAS", "N" * 256, "N" * 100_000, "NA\x85S", "NA\ue000S",
    "['NAS']", '["NAS"]', "{'name': 'NAS'}", "[['NAS']]",
]  # fmt: skip
ADDRESSES = [
    "", "0.0.0.0", "127.0.0.1", "127.1.2.3", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "172.16.0.0", "172.16.0.255",
    "172.16.0", "172.16.0.256", "172.16.0.35/24", "fd00::1", "xs-1", "172.16.0.035", "172,16,0,35", "172.16.0.35 ", "1", "[]", "{}", "None",
]  # fmt: skip
MASKS = [
    "", "0.0.0.0", "0", "/0", "255.255.255.255", "32", "/32", "33", "/33", "-1", "255.0.255.0", "255.255.255.1", "0.0.0.255", "255.255.255",
    "255.255.255.256", "mask", "24.0", "2 4", "//24", "ffffff00",
]  # fmt: skip
GATEWAYS = ["10.0.0.1", "172.16.0.35", "172.16.0.0", "172.16.0.255", "0.0.0.0", "none", "127.0.0.1", "224.0.0.1", "172.16.1.1", "x"]
MACS = [
    "x", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01", "02:00:00:00:00", "02:00:00:00:00:00:00",
    "02:00:00:00:00:0g", "020000000001", "02:00:00:00:00:01\n", " ", "03:00:00:00:00:01", "0b:00:00:00:00:01", "[]",
]  # fmt: skip
BRIDGES = [
    "a/b", "..", ".", "a..b", "a\nb", "lo", "ovs-system", "a" * 16, "a" * 100, "xenbr9", "xapi9", "vif1", "tap0", "eth0", " ", "a b", "-a",
    "ü",
    "a;b", "a$b", "a`b", "a'b", 'a"b', "all", "default", "bonding_masters", "\x1b[31m", "a\x00",
]  # fmt: skip
HOSTNAMES = [
    "", " ", "xs-1:0", "xs-1:65536", "xs-1:x", "xs-1:-1", "ftp://xs-1", "root:secret@xs-1", "https://xs-1/path", "xs-1?x", "xs-1#x", "xs 1",
    "xs-1\n", "a" * 64, f"{'a' * 64}.example.com", "xs-1..example.com", "..", ".xs-1", "a." * 130, "https://", "://xs-1", "[::1", "[x]",
    "xs-1\x1b[31m", "xs_\x00", "https://xs-1:443:443",
]  # fmt: skip
SECONDS = [0, -1, -600, float("nan"), float("inf"), float("-inf"), 86401, 10**12]
MTUS = [0, 1, 67, 65536, -1, -1500, 10**9]


def bond(**options: Any) -> None:
    """The options of xs_bond, and where they pass, the plan on the tutorial's pool."""
    from_task({"network": "NAS", "nics": ["eth2", "eth4"], **options})


def network(**options: Any) -> None:
    network_plan.plan(tutorial().pool, NetworkSpec(**{"name": "backup", **options}))


def connection(**options: Any) -> None:
    plain = {
        "hostname": "xs-1", "username": "root", "password": "p", "validate_certs": True, "ca_path": None, "fingerprint": None,
        "timeout": 60,
    }  # fmt: skip
    Connection.from_options({**plain, **options})


def addressed(**fields: Any) -> dict[str, Any]:
    return {"addresses": {"xs-1": {"ip": "172.16.0.35", "netmask": "255.255.255.0", **fields}}}


def bad_inputs() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    value: Any
    for value in NAMES:
        yield "network", bond, {"network": value}
        if len(value.split()) == 1 and value == value.strip():  # others are two NICs in one text, which is taken apart
            yield "nics", bond, {"nics": ["eth2", value]}
        yield "hosts", bond, {"hosts": [value]}
        yield "purpose", bond, {"purpose": value}
        yield "vlan network", bond, {"vlans": [{"tag": 5, "network": value}]}
        yield "network name", network, {"name": value}
        yield "network tag", network, {"tags": (value,)}
        yield "network key", network, {"other_config": {value: "x"}}
    yield from bad_addresses()
    yield from bad_connections()
    yield from bad_bonds()
    for value in MTUS:
        yield "mtu", bond, {"mtu": value}
        yield "network mtu", network, {"mtu": value}
    for value in BRIDGES:
        yield "bridge", network, {"bridge": value}
    yield "network name", network, {"name": "Host internal management network"}


def bad_addresses() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    value: Any
    for value in ADDRESSES:
        yield "ip", bond, addressed(ip=value)
    for value in MASKS:
        yield "netmask", bond, addressed(netmask=value)
    for value in GATEWAYS:
        yield "gateway", bond, addressed(gateway=value)
    for value in ("x", "172.16.0.256", ["x"], ["172.16.0.1", "y"], {"a": 1}, "172.16.0.1;172.16.0.2", True):
        yield "dns", bond, addressed(dns=value)
    for key in ("gatewy", "address", "prefix", "IP", "", "mac"):
        yield "unknown key", bond, addressed(**{key: "172.16.0.1"})
    for mode in ("Static", "DHCP", "auto", "x", "[]", True):
        yield "address mode", bond, addressed(mode=mode)
    for mode in ("dhcp", "none"):
        yield "address with mode", bond, addressed(mode=mode)
    for given in (None, "172.16.0.35", ["172.16.0.35"], 5, True, {}, {"ip": "172.16.0.35"}, {"netmask": "24"}):
        yield "addresses", bond, {"addresses": {"xs-1": given}}
    for value in MACS:
        yield "mac", bond, {"mac": value, "hosts": ["xs-1"]}


def bad_connections() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    value: Any
    for value in HOSTNAMES:
        yield "hostname", connection, {"hostname": value}
    for value in SECONDS:
        yield "timeout", connection, {"timeout": value}
    for value in ("x", "AB:CD", "0" * 63, "0" * 65, "sha1:00", "g" * 64, f"{'0' * 64},x"):
        yield "fingerprint", connection, {"fingerprint": value}
    for value in ("/no/such/file", "no-such-file.pem", "\x00", "a" * 5000):
        yield "ca_path", connection, {"ca_path": value}


def bad_bonds() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    value: Any
    for value in ("-1", "65536", "70000", "abc", "", "1.5", "0x10", "1e3", " 1", True):
        yield "aggregation key", bond, {"mode": "lacp", "properties": {"lacp-aggregation-key": value}}
    for properties in ({"lacp-time": "medium"}, {"x": "y"}, {"hashing_algorithm": "x"}, {"lacp-fallback-ab": "x"}, {"": ""}):
        yield "properties", bond, {"mode": "lacp", "properties": properties}
    for mode in ("802.3ad", "LACP", "balance-tcp", "x", "0"):
        yield "mode", bond, {"mode": mode}
    for nics in ([], ["eth2"], ["eth2", "eth2"], ["eth2 eth2"], ["eth2,eth2"], [""], ["eth2", ""]):
        yield "nics", bond, {"nics": nics}
    for tag in (-1, 4095, 65536, 10**9):
        yield "tag", bond, {"vlans": [{"tag": tag, "network": "V"}]}
    for vlans in (
        [{"tag": 5, "network": "V"}, {"tag": 5, "network": "W"}],
        [{"tag": 5, "network": "V"}, {"tag": 6, "network": "V"}],
        [{"tag": 5, "network": "NAS"}],
        [{"tag": 5, "network": "Host internal management network"}],
    ):
        yield "vlans", bond, {"vlans": vlans}
    for risk in ("", "all", "nic_missing", "STORAGE_IN_USE", "storage-in-use", "[]"):
        yield "accept", bond, {"accept": [risk]}
    yield "network", bond, {"network": "Host internal management network"}
    yield "both", bond, {"network": "NAS", "network_uuid": "x"}
    yield "neither", bond, {"network": ""}


BAD = list(bad_inputs())


@pytest.mark.parametrize(("what", "use", "options"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_refused_in_a_sentence(what: str, use: Any, options: dict[str, Any]) -> None:
    with pytest.raises(NetworkError) as refused:
        use(**options)
    said = refused.value.message
    assert said.endswith(".") and 15 < len(said) < 1000, said
    assert all(one.isprintable() or one == "\n" for one in said), said
    assert "Traceback" not in said and "secret" not in said


def test_how_many_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    sentences = 0
    for _what, use, options in BAD:
        try:
            use(**options)
        except NetworkError:
            sentences += 1
    with capsys.disabled():
        print(f"\nbad inputs: {len(BAD)} tried, {sentences} got a sentence")
    assert len(BAD) >= 400 and sentences == len(BAD)


# what is wrong only on this pool


def problems(made: APool, **options: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.sentence) for problem in plan(made.pool, spec(**options)).problems]


def test_all_missing_nics_are_named() -> None:
    found = problems(tutorial(), nics=["eth2", "eth8", "eth9"])
    assert any(code == "nic_missing" and "no NIC that stands for eth8 and eth9" in sentence for code, sentence in found)


def test_an_address_of_another_nic_of_the_same_host_is_taken() -> None:
    made = tutorial()
    made.address("xs-1", "eth5", "172.16.0.50")
    given = {"xs-1": {"ip": "172.16.0.50", "netmask": "24"}}
    assert ("address_taken", "xs-1: the address 172.16.0.50 is that of eth5 of xs-1.") in problems(made, addresses=given)


def test_the_address_of_the_bonds_own_nic_is_not_taken() -> None:
    given = {"xs-1": {"ip": "172.16.0.35", "netmask": "255.255.255.0"}}
    assert "address_taken" not in [code for code, _sentence in problems(tutorial(), addresses=given)]


def test_one_host_under_two_names_is_a_problem() -> None:
    made = tutorial()
    given = {"xs-1": {"ip": "172.16.0.50", "netmask": "24"}, made.host("xs-1")["uuid"]: {"ip": "172.16.0.51", "netmask": "24"}}
    assert "host_twice" in [code for code, _sentence in problems(made, addresses=given)]


def test_a_mac_of_another_interface_is_a_problem() -> None:
    made = tutorial()
    theirs = made.nic("xs-2", "eth5")["MAC"]
    assert ("mac_taken", f"xs-1: the MAC {theirs} is that of eth5 of xs-2.") in problems(made, mac=theirs, hosts=["xs-1"])
    own = made.nic("xs-1", "eth4")["MAC"]
    assert "mac_taken" not in [code for code, _sentence in problems(made, mac=own, hosts=["xs-1"])]


def test_the_network_of_the_hosts_own_vms_is_never_used_whatever_its_name() -> None:
    made = tutorial()
    made.network("NAS")["other_config"] = {"is_host_internal_management_network": "true"}
    assert "network_internal" in [code for code, _sentence in problems(made)]


def test_a_prefix_is_a_netmask_and_a_list_of_servers_is_a_text() -> None:
    made = spec(addresses={"xs-1": {"ip": "172.16.0.35", "netmask": "24", "dns": ["172.16.0.1", "172.16.0.2"]}})
    assert (made.addresses["xs-1"].netmask, made.addresses["xs-1"].dns) == ("255.255.255.0", "172.16.0.1,172.16.0.2")


@pytest.mark.parametrize("name", ["[old] NAS", "[NAS]", "{NAS}", "(NAS)", "NAS, old", "2026"])
def test_a_name_with_brackets_is_a_name(name: str) -> None:
    assert spec(network=name).network == name


def test_nics_in_one_text_are_taken_apart() -> None:
    assert spec(nics=["eth2 eth4"]).nics == ("eth2", "eth4")
