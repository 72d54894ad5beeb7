# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools that nobody can reach: from a dump of the database, from a status report, from listings that somebody pasted."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.unit.twin.ground import THREE_HOSTS, Pool
from xapi_twin.cli.main import main
from xapi_twin.datamodel.schema import RELATIONS, Schema, Type
from xapi_twin.scenario.dump import is_dump, read_dump
from xapi_twin.scenario.load import load_scenario, read_scenario
from xapi_twin.scenario.model import Scenario, ScenarioError
from xapi_twin.server.http import respond
from xapi_twin.twin.pool import Twin

SECRETS = {"wlb_password": "hunter2", "license_server": "(('key' 'hunter2'))"}

BONDED = THREE_HOSTS.replace(
    "  - name: xs-2",
    """    bonds:
      - {nics: [eth2, eth4], network: NAS, mode: lacp}
    vlans:
      - {nic: eth1, tag: 50, network: V50}
  - name: xs-2""",
).replace("pool: ground", "pool: A 100% pool")
BONDED += """networks:
  - {name: NAS, description: it's for storage}
  - {name: V50}
"""


def text(type_: Type, value: object, protected: bool) -> str:
    """As the database writes it."""

    def plain(item: object) -> str:
        if isinstance(item, bool):
            return "true" if item else "false"
        return str(item)

    def atom(item: object) -> str:
        return "'" + plain(item).replace("\\", "\\\\").replace("'", "\\'") + "'"

    if isinstance(value, dict):
        shown = f"({' '.join(f'({atom(key)} {atom(item)})' for key, item in value.items())})"
    elif isinstance(value, (list, tuple)):
        shown = f"({' '.join(atom(item) for item in value)})"
    else:
        shown = plain(value)
    return shown.replace("%", "%%").replace(" ", "%.") if protected else shown


def dump(scenario: Scenario, protected: bool = True, **more: str) -> bytes:
    """What `xe pool-dump-database` would write of a scenario's pool, with secrets in it."""
    schema = Schema.load(scenario.xapi)
    tables = []
    for cls, records in scenario.records.items():
        rows = []
        for ref, record in records.items():
            fields = {name: text(schema.fields(cls)[name].type, value, protected) for name, value in record.items()}
            fields |= (SECRETS if cls == "pool" else {}) | {"_ref": ref, "ref": ref, **more}
            names = {"name_label": "name__label", "name_description": "name__description"}
            rows.append("<row " + " ".join(f"{names.get(name, name)}={quoteattr(value)}" for name, value in fields.items()) + "/>")
        tables.append(f'<table name="{cls}">{"".join(rows)}</table>')
    manifest = '<manifest><pair key="schema_major_vsn" value="5"/><pair key="pool_token" value="hunter2"/></manifest>'
    return f"<database>{manifest}{''.join(tables)}</database>".encode()


def pool_of(scenario: Scenario) -> dict[str, dict[str, dict[str, object]]]:
    """The records that a dump and a scenario have in common."""
    many = set(RELATIONS.values())
    kept = ("network", "PIF", "Bond", "VLAN")
    return {
        cls: {ref: {name: value for name, value in record.items() if (cls, name) not in many and value} for ref, record in
              scenario.records[cls].items()}
        for cls in kept
    }  # fmt: skip


@pytest.mark.parametrize("protected", [True, False])
def test_a_dump_is_the_pool_that_it_was_made_of(protected: bool, tmp_path: Path) -> None:
    scenario = read_scenario(BONDED)
    file = tmp_path / "dump.xml"
    file.write_bytes(dump(scenario, protected))
    read = load_scenario(file)
    assert (read.pool, read.xapi, read.backend, read.master) == (
        "A 100% pool" if protected else scenario.pool, scenario.xapi, scenario.backend, scenario.master,
    )  # fmt: skip
    ours, theirs = pool_of(scenario), pool_of(read)
    for cls, records in ours.items():
        for ref, record in records.items():
            same = {name: value for name, value in record.items() if name in theirs[cls][ref]}
            assert theirs[cls][ref] == same, (cls, ref)
    assert read.dom0.keys() == scenario.dom0.keys()


def packed(kind: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    if kind == "xz":
        return lzma.compress(data)
    if kind == "gz":
        return gzip.compress(data)
    if kind == "bz2":
        return bz2.compress(data)
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("bug-report/xapi-db.xml", data)
            archive.writestr("bug-report/other.xml", b"<x/>")
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (("bug-report/inventory", b"x"), ("bug-report/xapi-db.xml", data), ("bug-report/old/state.db", data[:-200])):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return bz2.compress(buffer.getvalue()) if kind == "tar.bz2" else buffer.getvalue()


@pytest.mark.parametrize("kind", ["xz", "gz", "bz2", "tar", "tar.bz2", "zip"])
def test_a_dump_may_be_packed_or_lie_in_a_status_report(kind: str) -> None:
    data = packed(kind, dump(read_scenario(BONDED)))
    assert is_dump(data)
    records, schema, backend = read_dump(data, kind)
    assert (len(records["host"]), schema.version, backend) == (3, "24.19.2", "openvswitch")


def test_no_secret_of_a_dump_gets_into_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dump.xml"
    file.write_bytes(dump(read_scenario(BONDED)))
    assert main(["capture", "--from-dump", str(file)]) == 0
    captured = capsys.readouterr().out
    assert "hunter2" not in captured
    assert read_scenario(captured).records["PIF"]
    assert main(["capture", "--from-dump", str(file), "--anonymise"]) == 0
    assert "00:16:3E" not in capsys.readouterr().out.upper()


async def test_a_twin_hands_out_a_dump_from_which_the_same_pool_is_played() -> None:
    async with await Twin.start(read_scenario(BONDED, restart_seconds=0)) as twin:
        session = twin.dispatcher.open_session("a test")
        reply = await respond(twin.master_host, "GET", f"/pool/xmldbdump?session_id={session}", b"")
        assert (reply.status, reply.content_type) == (200, "text/xml")
        again, _schema, _backend = read_dump(reply.body.encode(), "twin")
        for cls in ("network", "PIF", "Bond", "VLAN"):
            for ref, record in again[cls].items():
                assert record == {name: twin.database.get(cls, ref)[name] for name in record}, cls


async def test_a_dump_is_played_at_once(tmp_path: Path) -> None:
    file = tmp_path / "dump.xml"
    file.write_bytes(dump(read_scenario(BONDED)))
    async with await Twin.start(load_scenario(file, restart_seconds=0)) as twin:
        ground = Pool(twin)
        assert ground.bonds("xs-1") == {"bond0": ["eth2", "eth4"]}
        await ground.restart("xs-2")
        assert ground.bonds("xs-2") == {"bond0": ["eth2", "eth4"]}


def test_a_bond_of_a_schema_without_primary_slave_gets_it_from_the_upgrade(tmp_path: Path) -> None:
    scenario = read_scenario(BONDED)
    for host in scenario.records["host"].values():
        host["software_version"] = {"product_version": "5.6.900", "xapi": "1.3", "network_backend": "openvswitch"}
    (bond,) = scenario.records["Bond"].values()
    primary = bond.pop("primary_slave")
    data = dump(scenario, protected=False)
    file = tmp_path / "dump.xml"
    file.write_bytes(data)
    (old,) = load_scenario(file).records["Bond"].values()
    assert "primary_slave" not in old
    (new,) = load_scenario(file, xapi="8.2").records["Bond"].values()
    assert new["primary_slave"] == primary


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<database><manifest/></database>", "it has no pool and no host"),
        (b"<database><table", "this is no complete XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><database/>', "defines entities"),
        (gzip.compress(b"x" * 100, mtime=0)[:20], "cannot be unpacked"),
        (packed("zip", b"<html/>"), "there is no pool database"),
    ],
)
def test_what_is_no_dump_is_told(data: bytes, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        read_dump(data, "file")


# listings

LISTED = """[root@xs-1 ~]# xe pool-list params=all
uuid ( RO)                : p1
          name-label ( RW): lab
              master ( RO): h1
          ha-enabled ( RO): false

[root@xs-1 ~]# xe host-list params=all
uuid ( RO)                : h1
          name-label ( RW): xs-1
            hostname ( RO): xs-1
             address ( RO): 10.0.0.1
             enabled ( RO): true
    software-version (MRO): product_version: 8.2.1; product_brand: XCP-ng; xapi: 1.20; network_backend: openvswitch; linux: 4.19.0+1
        other-config (MRW): iscsi_iqn: iqn.2020-01.com.example:xs-1; multipathing: false
   host-metrics-live ( RO): true

uuid ( RO)          : n0
    name-label ( RW): Management
        bridge ( RO): xenbr0
           MTU ( RW): 1500
uuid ( RO)          : n1
    name-label ( RW): NAS
        bridge ( RO): xapi0
           MTU ( RW): 9000
          tags (SRW): storage, fast
uuid ( RO)          : n2
    name-label ( RW): V50
        bridge ( RO): xapi1
           MTU ( RW): 1500
"""
PIF = """
uuid ( RO)                      : {uuid}
                    device ( RO): {device}
                       MAC ( RO): 00:16:3e:00:00:0{number}
                  physical ( RO): {physical}
        currently-attached ( RO): true
                       MTU ( RO): 1500
                      VLAN ( RO): {vlan}
             bond-slave-of ( RO): {slave}
                management ( RO): {management}
              network-uuid ( RO): {network}
                 host-uuid ( RO): h1
           host-name-label ( RO): xs-1
     IP-configuration-mode ( RO): Static
                        IP ( RO): 10.0.{number}.1
                   netmask ( RO): 255.255.255.0
                   carrier ( RO): true
                     speed ( RO): 10000 Mbit/s
                    duplex ( RO): full
"""


def pif(uuid: str, device: str, number: int, network: str, slave: str = "<not in database>", vlan: int = -1) -> str:
    return PIF.format(
        uuid=uuid, device=device, number=number, network=network, slave=slave, vlan=vlan,
        physical=str(device.startswith("eth") and vlan < 0).lower(), management=str(number == 0).lower(),
    )  # fmt: skip


def listing(*without: str) -> str:
    parts = {
        "listed": LISTED,
        "pifs": pif("p0", "eth0", 0, "n0") + pif("p1", "eth1", 1, "n1", "b0") + pif("p2", "bond0", 1, "n1"),
        "tagged": pif("p3", "bond0", 3, "n2", vlan=50),
        "bond": "uuid ( RO) : b0\n  master ( RO): p2\n  slaves (SRO): p1\n  mode ( RO): lacp\n  properties (MRO): lacp-time: fast\n",
        "vlan": "uuid ( RO) : v0\n  tagged-PIF ( RO): p2\n  untagged-PIF ( RO): p3\n  tag ( RO): 50\n",
    }
    return "".join(part for name, part in parts.items() if name not in without)


def test_pasted_listings_are_a_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pasted.txt"
    file.write_text(listing())
    assert main(["capture", "--from-xe", str(file)]) == 0
    read = read_scenario(capsys.readouterr().out)
    assert (read.pool, read.xapi) == ("lab", "8.2.1")
    (bond,) = read.records["Bond"].values()
    assert (bond["mode"], bond["properties"], bond["primary_slave"]) == ("lacp", {"lacp-time": "fast"}, "OpaqueRef:p1")
    assert read.records["PIF"]["OpaqueRef:p3"]["VLAN_master_of"] == "OpaqueRef:v0"
    assert read.records["PIF"]["OpaqueRef:p1"]["bond_slave_of"] == "OpaqueRef:b0"
    assert read.records["network"]["OpaqueRef:n1"]["tags"] == ["storage", "fast"]
    (host,) = read.records["host"].values()
    assert host["other_config"]["iscsi_iqn"] == "iqn.2020-01.com.example:xs-1"
    (dom0,) = read.dom0.values()
    assert [(nic.name, nic.carrier, nic.speed) for nic in dom0.nics] == [("eth0", True, 10000), ("eth1", True, 10000)]


@pytest.mark.parametrize(
    ("without", "says"),
    [
        (["listed"], "without the output of: xe pool-list params=all, xe host-list params=all, xe network-list params=all"),
        (["bond"], "the PIF xs-1 eth1 names the Bond b0, which is not listed: add xe bond-list params=all"),
        (["vlan"], "the PIF xs-1 bond0 is of VLAN 50, which is not listed: add xe vlan-list params=all"),
    ],
)
def test_what_is_missing_in_listings_is_named_with_its_command(
    without: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pasted.txt"
    file.write_text(listing(*without))
    assert main(["capture", "--from-xe", str(file)]) == 2
    assert says in capsys.readouterr().err
