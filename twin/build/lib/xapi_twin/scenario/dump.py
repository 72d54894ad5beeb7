# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool from its database, as `xe pool-dump-database` writes it, alone or inside a server status report.

The file holds a table for each class, a row for each object, and everything as text: sets and maps as S-expressions, and since
XenServer 6 white space behind a percent sign (xml_spaces.ml). Every schema since 5.55 (XenServer 5.5) has these tables.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from xapi_twin.datamodel.schema import NULL, RELATIONS, Schema, Type
from xapi_twin.scenario import snapshot
from xapi_twin.scenario.model import Record, Records, ScenarioError

LARGEST = 512 << 20  # bytes, unpacked: a pool of 64 hosts and 10,000 VMs has a tenth of that

_PACKED = {b"\xfd7zXZ": lzma.decompress, b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress}
_IN_PLACE_OF = {" ": ".", "\t": "t", "\n": "n", "\r": "r", "%": "%"}
# Fields that the database keeps in a group: the group's part of the name ends with two lines.
_GROUPS = ("name", "memory", "VCPUs", "actions", "PV", "HVM", "API_version", "io")
_BEHIND_PERCENT = {".": " ", "t": "\t", "n": "\n", "r": "\r", "%": "%", "_": "  "}
_ATOM = re.compile(r"'((?:[^'\\]|\\.)*)'|([()])|[ \t\n]+|([^ \t\n()']+)")


def is_dump(data: bytes) -> bool:
    """Whether this could be a database, or an archive with one in it: no YAML begins like that."""
    start = data[:600].lstrip()
    return start.startswith((b"<", b"PK\x03\x04", *_PACKED)) or data[257:262] == b"ustar"


def text_of_dump(data: bytes, source: str) -> str:
    """The dump as the text of a captured pool. Raises ScenarioError."""
    return snapshot.write(*read_dump(data, source))


def read_dump(data: bytes, source: str) -> tuple[Records, Schema, str]:
    """(records with native values, the data model of the pool's version, its network backend). Raises ScenarioError."""
    tables, texts = _tables(_database(data, source), source)
    if not tables.get("pool") or not tables.get("host"):
        raise ScenarioError("this is XML, but not the database of a pool: it has no pool and no host", source)
    (pool, *others) = tables["pool"].values()
    master = tables["host"].get(pool.get("master", ""))
    if others or master is None:
        raise ScenarioError("the database does not say which host is the pool's master", source)
    read = _Values(texts)
    facts = read.map(master.get("software_version", "()"))
    try:
        schema = Schema.load(snapshot.xapi_version(facts))
    except ValueError as error:
        raise ScenarioError(f"the version of the pool cannot be read from the database: {error}", source) from None
    records = {
        cls: {ref: read.record(schema, cls, row) for ref, row in tables.get(cls, {}).items()}
        for cls in snapshot.KEPT
        if cls in schema.classes
    }
    return records, schema, facts.get("network_backend", "openvswitch" if schema.at_least("5.6") else "bridge")


def write_dump(records: Mapping[str, Mapping[str, Mapping[str, Any]]], schema: Schema) -> str:
    """What `xe pool-dump-database` writes of a pool with these records (native values)."""
    tables = []
    for cls in sorted(records):
        fields = schema.fields(cls)
        rows = []
        for ref, record in records[cls].items():
            columns = {"ref": ref, "_ref": ref} | {_column(name): _written(value) for name, value in record.items() if name in fields}
            rows.append(f"<row {' '.join(f'{name}={quoteattr(text)}' for name, text in columns.items())}/>")
        tables.append(f'<table name="{cls}">{"".join(rows)}</table>')
    manifest = '<manifest><pair key="schema_major_vsn" value="5"/></manifest>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<database>{manifest}{"".join(tables)}</database>'


def _column(name: str) -> str:
    group = next((group for group in _GROUPS if name.startswith(f"{group}_")), "")
    return f"{group}__{name[len(group) + 1 :]}" if group else name


def _written(value: Any) -> str:
    """A value as the database has it, white space behind a percent sign."""
    if isinstance(value, Mapping):
        text = f"({' '.join(f'({_quoted(key)} {_quoted(item)})' for key, item in value.items())})"
    elif isinstance(value, (list, tuple)):
        text = f"({' '.join(_quoted(item) for item in value)})"
    else:
        text = _plain(value)
    return re.sub(r"[% \t\n\r]", lambda match: f"%{_IN_PLACE_OF[match.group()]}", text)


def _quoted(value: Any) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", _plain(value)) + "'"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H:%M:%SZ")
    return str(value)


# the file


def _database(data: bytes, source: str) -> bytes:
    """The XML, out of whatever it is packed in."""
    try:
        for start, unpack in _PACKED.items():
            if data.startswith(start):
                data = unpack(data)
        if data[257:262] == b"ustar":
            data = _largest_database(_in_tar(data), source)
        elif data.startswith(b"PK\x03\x04"):
            data = _largest_database(_in_zip(data), source)
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise ScenarioError(f"the archive cannot be unpacked: {error}", source) from None
    if len(data) > LARGEST:
        raise ScenarioError(f"the database has {len(data)} bytes: more than any pool's", source)
    return data


def _largest_database(found: Iterator[bytes], source: str) -> bytes:
    """A status report of a pool may hold the database of several hosts; a member's may be older, and not larger."""
    largest = max(found, key=len, default=b"")
    if not largest:
        raise ScenarioError("there is no pool database (xapi-db.xml or state.db) in this archive", source)
    return largest


def _wanted(name: str, size: int) -> bool:
    return size < LARGEST and bool(re.search(r"(xapi-db\.xml|state\.db|dump[^/]*\.xml|pool[^/]*\.xml)$", name))


def _in_tar(data: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and _wanted(member.name, member.size) else None
            if content is not None:
                yield from _if_database(content.read())


def _in_zip(data: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if _wanted(info.filename, info.file_size):
                yield from _if_database(archive.read(info))


def _if_database(content: bytes) -> Iterator[bytes]:
    if b"<database" in content[:600]:
        yield content


def _tables(data: bytes, source: str) -> tuple[dict[str, dict[str, dict[str, str]]], list[str]]:
    """The rows of the wanted tables by reference, fields under the API's names; and all values, by which the encoding is told."""
    if b"<!DOCTYPE" in data[:2000] or b"<!ENTITY" in data[:2000]:
        raise ScenarioError("no database of a pool defines entities: this file is not read", source)
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ScenarioError(f"this is no complete XML: {error}", source) from None
    tables: dict[str, dict[str, dict[str, str]]] = {}
    texts: list[str] = []
    for table in root.iter("table"):
        for row in table if table.get("name") in snapshot.KEPT else ():
            ref = row.get("ref") or row.get("_ref") or ""
            texts.extend(row.attrib.values())
            tables.setdefault(str(table.get("name")), {})[ref] = {name.replace("__", "_"): text for name, text in row.attrib.items()}
    return tables, texts


# values


class _Values:
    """Texts of the database as native values."""

    def __init__(self, texts: list[str]) -> None:
        # Every host has a map (its software_version), which tells whether spaces are protected; if not, a percent sign is a percent sign.
        self._protected = any("'%.'" in text for text in texts)

    def record(self, schema: Schema, cls: str, row: Mapping[str, str]) -> Record:
        """The fields of a row that the class has; the side of a relation that lists many is left to the database."""
        many = set(RELATIONS.values())
        known = schema.fields(cls)
        return {
            name: self.value(known[name].type, text)
            for name, text in row.items()
            if name in known and name in (*snapshot.KEPT[cls], "uuid") and (cls, name) not in many
        }

    def value(self, type_: Type, text: str) -> Any:
        if type_.kind == "int":
            return int(text or 0)
        if type_.kind == "float":
            return float(text or 0)
        if type_.kind == "bool":
            return text == "true"
        if type_.kind == "map":
            return self.map(text)
        if type_.kind == "set":
            return [item for item in self._expression(text) if isinstance(item, str)]
        return text or NULL if type_.kind == "ref" else self._text(text)

    def map(self, text: str) -> dict[str, str]:
        pairs = [item for item in self._expression(text) if isinstance(item, list) and len(item) == 2]
        return {str(key): str(value) for key, value in pairs}

    def _text(self, text: str) -> str:
        if not self._protected:
            return text
        return re.sub(r"%([.tnr%_])", lambda match: _BEHIND_PERCENT[match.group(1)], text)

    def _expression(self, text: str) -> list[Any]:
        """('a' ('b' 'c')) as nested lists."""
        stack: list[list[Any]] = [[]]
        for match in _ATOM.finditer(self._text(text)):
            quoted, bracket, bare = match.groups()
            if bracket == "(":
                stack.append([])
            elif bracket == ")" and len(stack) > 1:
                done = stack.pop()
                stack[-1].append(done)
            elif quoted is not None:
                stack[-1].append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
            elif bare is not None:
                stack[-1].append(bare)
        whole = stack[0][0] if stack[0] else []
        return whole if isinstance(whole, list) else []
