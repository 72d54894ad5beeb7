# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool's database: records, relations, and what it tells of changes."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone

import pytest

from xapi_twin.database import LOG, Change, Database
from xapi_twin.datamodel.errors import XapiError
from xapi_twin.datamodel.schema import NULL, Schema


@pytest.fixture
def database() -> Database:
    return Database(Schema.load("26.17.0"), lambda: datetime.now(timezone.utc))


def test_a_new_object_has_all_fields_with_their_defaults(database: Database) -> None:
    ref = database.add("network", name_label="NAS")
    record = database.get("network", ref)
    assert record.keys() == database.schema.fields("network").keys()
    assert (record["MTU"], record["tags"], record["managed"], len(record["uuid"])) == (1500, [], True, 36)


def test_defaults_are_not_shared_between_objects(database: Database) -> None:
    one, other = database.add("network"), database.add("network")
    database.get("network", one)["tags"].append("mine")
    assert database.get("network", other)["tags"] == []


def test_dead_references_and_uuids_are_xapis_errors(database: Database) -> None:
    with pytest.raises(XapiError) as handle:
        database.get("PIF", "OpaqueRef:1")
    assert handle.value.description == ["HANDLE_INVALID", "PIF", "OpaqueRef:1"]
    with pytest.raises(XapiError) as uuid:
        database.by_uuid("PIF", "nope")
    assert uuid.value.description == ["UUID_INVALID", "PIF", "nope"]


def test_the_side_that_lists_many_follows_the_side_that_names_one(database: Database) -> None:
    host, network = database.add("host"), database.add("network")
    first = database.add("PIF", host=host, network=network)
    second = database.add("PIF", host=host, network=network)
    assert database.get("network", network)["PIFs"] == [second, first], "the newest first"
    database.set("PIF", first, network=NULL)
    assert database.get("network", network)["PIFs"] == [second]
    database.remove("PIF", second)
    assert database.get("network", network)["PIFs"] == []
    assert database.get("host", host)["PIFs"] == [first]


def test_a_relation_that_changes_touches_the_other_relations_of_the_row(database: Database) -> None:
    """Recorded: PIF.bond_slave_of is written, and the PIF's host and network get an event as well."""
    host, network = database.add("host"), database.add("network")
    pif, other = database.add("PIF", host=host, network=network), database.add("PIF", host=host)
    bond = database.add("Bond")
    seen: list[Change] = []
    database.observers.append(seen.append)
    database.set("PIF", pif, bond_slave_of=bond)
    assert {(change.cls, change.ref) for change in seen} == {("PIF", pif), ("Bond", bond), ("host", host), ("network", network)}
    assert database.get("host", host)["PIFs"] == [pif, other]
    seen.clear()
    database.set("PIF", pif, disallow_unplug=True)
    assert [(change.cls, change.ref) for change in seen] == [("PIF", pif)]


def test_removing_the_one_side_leaves_no_dead_reference_on_the_other(database: Database) -> None:
    pif, bond = database.add("PIF"), database.add("Bond")
    database.set("PIF", pif, bond_slave_of=bond)
    database.remove("Bond", bond)
    assert database.get("PIF", pif)["bond_slave_of"] == NULL


def test_a_value_that_is_the_same_is_no_change(database: Database) -> None:
    ref = database.add("network", MTU=1500)
    before = database.version()
    database.set("network", ref, MTU=1500)
    assert database.version() == before


def test_what_was_touched_since_a_change_is_known_even_after_very_many_changes(database: Database) -> None:
    old = database.add("network")
    gone = database.add("network")
    since = database.version()
    database.remove("network", gone)
    database.set("network", old, name_label="changed")
    assert set(database.touched(since)) == {("network", old), ("network", gone)}
    for number in range(LOG):
        database.set("network", old, MTU=number)
    assert {("network", old), ("network", gone)} <= set(database.touched(since))


async def test_waiting_for_a_change_ends_with_it(database: Database) -> None:
    waiting = asyncio.ensure_future(database.changed(database.version()))
    await asyncio.sleep(0)
    assert not waiting.done()
    database.add("network")
    await asyncio.wait_for(waiting, 1)
