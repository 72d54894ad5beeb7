# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies as text: native values written straight as XML-RPC or JSON-RPC, by the schema's types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from xapi_twin.datamodel.schema import Schema, Type
from xapi_twin.rpc.values import Call, Event, EventBatch, Wire, stamp

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPECIAL = re.compile(r'[<>&"\x00-\x08\x0b\x0c\x0e-\x1f]')


def _xml_text(text: str) -> str:
    if _SPECIAL.search(text) is None:
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return _FORBIDDEN.sub("", text)


def _float_text(value: float) -> str:
    return f"{value:.16g}"


def _json_float(value: float) -> str:
    text = _float_text(value)
    return text if any(mark in text for mark in ".en") else f"{text}.0"


Write = Callable[[Any], str]


class Writer:
    """Writes native values of one schema as XML-RPC and JSON-RPC text. Texts of records are kept while the record does not change."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._xml: dict[Type, Write] = {}
        self._json: dict[Type, Write] = {}
        self._kept: dict[tuple[Wire, str, str], tuple[int, str]] = {}

    def xml(self, type_: Type, value: Any) -> str:
        """A value with its <value> tags."""
        if isinstance(value, EventBatch):
            return self._batch_xml(value)
        if isinstance(value, tuple) and value and isinstance(value[0], Event):
            return f"<value><array><data>{''.join(map(self._event_xml, value))}</data></array></value>"
        return self._xml_writer(type_)(value)

    def json(self, type_: Type, value: Any) -> str:
        if isinstance(value, EventBatch):
            return self._batch_json(value)
        if isinstance(value, tuple) and value and isinstance(value[0], Event):
            return f"[{','.join(map(self._event_json, value))}]"
        return self._json_writer(type_)(value)

    def xml_success(self, type_: Type, value: Any) -> str:
        return _XML_REPLY.format(
            f"<member><name>Status</name><value>Success</value></member><member><name>Value</name>{self.xml(type_, value)}</member>"
        )

    def xml_failure(self, description: tuple[str, ...]) -> str:
        items = "".join(f"<value>{_xml_text(item)}</value>" for item in description)
        return _XML_REPLY.format(
            "<member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name>"
            f"<value><array><data>{items}</data></array></value></member>"
        )

    def xml_bare(self, type_: Type, value: Any) -> str:
        """The reply of system.listMethods, which alone has no Status."""
        return f'<?xml version="1.0"?><methodResponse><params><param>{self.xml(type_, value)}</param></params></methodResponse>'

    def json_success(self, call: Call, type_: Type, value: Any) -> str:
        text, id_ = self.json(type_, value), json.dumps(call.id, ensure_ascii=False)
        if call.wire is Wire.JSON2:
            return f'{{"jsonrpc":"2.0","result":{text},"id":{id_}}}'
        return f'{{"result":{text},"error":null,"id":{id_}}}'

    def json_failure(self, call: Call, description: tuple[str, ...]) -> str:
        id_ = json.dumps(call.id, ensure_ascii=False)
        if call.wire is Wire.JSON2:
            message, data = _json_text(description[0]), _json_list(description[1:])
            return f'{{"jsonrpc":"2.0","error":{{"code":1,"message":{message},"data":{data}}},"id":{id_}}}'
        return f'{{"result":null,"error":{_json_list(description)},"id":{id_}}}'

    # inside

    def _xml_writer(self, type_: Type) -> Write:
        writer = self._xml.get(type_)
        if writer is None:
            writer = self._xml[type_] = self._make_xml(type_)
        return writer

    def _make_xml(self, type_: Type) -> Write:
        kind = type_.kind
        if kind == "int":
            return lambda value: f"<value>{value}</value>"
        if kind == "bool":
            return lambda value: "<value><boolean>1</boolean></value>" if value else "<value><boolean>0</boolean></value>"
        if kind == "float":
            return lambda value: f"<value><double>{_float_text(value)}</double></value>"
        if kind == "datetime":
            return lambda value: f"<value><dateTime.iso8601>{stamp(value)}</dateTime.iso8601></value>"
        if kind == "set":
            item = self._xml_writer(type_.item or Type("string"))
            return lambda value: f"<value><array><data>{''.join(map(item, value))}</data></array></value>"
        if kind == "map":
            values = self._xml_writer(type_.item or Type("string"))
            return lambda value: (
                "<value><struct>"
                + "".join(f"<member><name>{_xml_text(str(key))}</name>{values(element)}</member>" for key, element in value.items())
                + "</struct></value>"
            )
        if kind == "record" and type_.name in self._schema.classes:
            rows = [
                (name, f"<member><name>{name}</name>", self._xml_writer(field.type))
                for name, field in self._schema.classes[type_.name].fields.items()
            ]
            return lambda value: (
                "<value><struct>"
                + "".join(f"{head}{write(value[name])}</member>" for name, head, write in rows if name in value)
                + "</struct></value>"
            )
        if kind == "void":
            return lambda value: "<value></value>"
        if kind in ("string", "ref", "enum"):
            return lambda value: f"<value>{_xml_text(value)}</value>"
        return self._any_xml

    def _any_xml(self, value: Any) -> str:
        """A value of a type that the schema does not know: by what it is."""
        if isinstance(value, bool):
            return self._xml_writer(Type("bool"))(value)
        if isinstance(value, float):
            return self._xml_writer(Type("float"))(value)
        if isinstance(value, (list, tuple)):
            return f"<value><array><data>{''.join(map(self._any_xml, value))}</data></array></value>"
        if isinstance(value, Mapping):
            members = "".join(f"<member><name>{_xml_text(str(key))}</name>{self._any_xml(item)}</member>" for key, item in value.items())
            return f"<value><struct>{members}</struct></value>"
        return f"<value>{_xml_text('' if value is None else str(value))}</value>"

    def _json_writer(self, type_: Type) -> Write:
        writer = self._json.get(type_)
        if writer is None:
            writer = self._json[type_] = self._make_json(type_)
        return writer

    def _make_json(self, type_: Type) -> Write:
        kind = type_.kind
        if kind == "int":
            return str
        if kind == "bool":
            return lambda value: "true" if value else "false"
        if kind == "float":
            return _json_float
        if kind == "datetime":
            return lambda value: f'"{stamp(value)}"'
        if kind == "set":
            item = self._json_writer(type_.item or Type("string"))
            return lambda value: f"[{','.join(map(item, value))}]"
        if kind == "map":
            values = self._json_writer(type_.item or Type("string"))
            return lambda value: "{" + ",".join(f"{_json_text(str(key))}:{values(element)}" for key, element in value.items()) + "}"
        if kind == "record" and type_.name in self._schema.classes:
            rows = [(name, f'"{name}":', self._json_writer(field.type)) for name, field in self._schema.classes[type_.name].fields.items()]
            return lambda value: "{" + ",".join(f"{head}{write(value[name])}" for name, head, write in rows if name in value) + "}"
        if kind == "void":
            return lambda value: '""'
        if kind in ("string", "ref", "enum"):
            return _json_text
        return lambda value: '""' if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)

    def _snapshot(self, event: Event, wire: Wire) -> str:
        """The text of a record, made once for each state of it: a full read of a large pool is mostly these."""
        key = (wire, event.cls, event.ref)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == event.modified:
            return kept[1]
        type_ = Type("record", event.cls)
        text = self._xml_writer(type_)(event.snapshot) if wire is Wire.XML else self._json_writer(type_)(event.snapshot)
        if event.operation == "del":
            self._kept.pop(key, None)
        else:
            self._kept[key] = (event.modified, text)
        return text

    def _event_xml(self, event: Event) -> str:
        snapshot = "" if event.snapshot is None else f"<member><name>snapshot</name>{self._snapshot(event, Wire.XML)}</member>"
        return (
            f"<value><struct><member><name>id</name><value>{event.id}</value></member>"
            f"<member><name>timestamp</name><value>{event.timestamp}</value></member>"
            f"<member><name>class</name><value>{event.cls.lower()}</value></member>"
            f"<member><name>operation</name><value>{event.operation}</value></member>"
            f"<member><name>ref</name><value>{_xml_text(event.ref)}</value></member>{snapshot}</struct></value>"
        )

    def _event_json(self, event: Event) -> str:
        snapshot = "" if event.snapshot is None else f',"snapshot":{self._snapshot(event, Wire.JSON2)}'
        return (
            f'{{"id":"{event.id}","timestamp":"{event.timestamp}","class":"{event.cls.lower()}",'
            f'"operation":"{event.operation}","ref":{_json_text(event.ref)}{snapshot}}}'
        )

    def _batch_xml(self, batch: EventBatch) -> str:
        counts = "".join(
            f"<member><name>{name}</name><value><i4>{count}</i4></value></member>" for name, count in batch.valid_ref_counts.items()
        )
        events = "".join(map(self._event_xml, batch.events))
        return (
            f"<value><struct><member><name>events</name><value><array><data>{events}</data></array></value></member>"
            f"<member><name>valid_ref_counts</name><value><struct>{counts}</struct></value></member>"
            f"<member><name>token</name><value>{batch.token}</value></member></struct></value>"
        )

    def _batch_json(self, batch: EventBatch) -> str:
        counts = ",".join(f'"{name}":{count}' for name, count in batch.valid_ref_counts.items())
        events = ",".join(map(self._event_json, batch.events))
        return f'{{"events":[{events}],"valid_ref_counts":{{{counts}}},"token":"{batch.token}"}}'


_XML_REPLY = '<?xml version="1.0"?><methodResponse><params><param><value><struct>{}</struct></value></param></params></methodResponse>'


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json_list(items: tuple[str, ...]) -> str:
    return f"[{','.join(map(_json_text, items))}]"
