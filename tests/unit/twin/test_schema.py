# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data model by version."""

from __future__ import annotations

import pytest

from xapi_twin.datamodel.schema import NULL, Schema, Type, parse_default, parse_type, release


@pytest.mark.parametrize(
    ("version", "at_least", "expected"),
    [
        ("6.2", "7.0", False),
        ("7.0", "7.0", True),
        ("7.6", "1.110", True),
        ("8.2.1", "7.0", True),
        ("1.249.41", "8.2", True),
        ("24.19.2", "25.35", False),
        ("25.35.0", "25.35", True),
        ("26.17.0", "25.35", True),
    ],
)
def test_versions_of_xapi_and_of_the_product_are_on_one_scale(version: str, at_least: str, expected: bool) -> None:
    assert Schema.load(version).at_least(at_least) is expected


def test_a_text_that_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'latest' is not a version"):
        release("latest")


@pytest.mark.parametrize(
    ("cls", "name", "since", "before"),
    [
        ("Bond", "properties", "6.1", "6.0"),
        ("Bond", "auto_update_mac", "8.2", "7.0"),
        ("network", "managed", "7.2", "7.1"),
        ("host", "ssh_enabled", "25.21", "25.20"),
        ("VIF", "trunks", "26.17", "26.2"),
    ],
)
def test_a_field_is_there_from_its_version_on(cls: str, name: str, since: str, before: str) -> None:
    assert name in Schema.load(since).fields(cls)
    assert name not in Schema.load(before).fields(cls)


def test_the_list_of_methods_grows_with_the_version() -> None:
    old, new = Schema.load("24.19.2").methods, Schema.load("26.17.0").methods
    assert "Host_driver.select" not in old and "Host_driver.select" in new
    assert "PIF.plug" in old and "host.enable_ssh" not in old
    assert [method for method in new if method in set(old)] == list(old), "in the same order"


def test_types_are_read_from_their_text() -> None:
    assert parse_type("(string -> enum vif_operations) map") == Type("map", key=Type("string"), item=Type("enum", "vif_operations"))
    assert parse_type("PIF ref set") == Type("set", item=Type("ref", "PIF"))
    assert parse_type("(PIF ref -> PIF record) map").item == Type("record", "PIF")


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [("int", "-1", -1), ("bool", "true", True), ("PIF ref", "OpaqueRef:NULL", NULL), ("string set", "{}", []), ("string", '"a"', "a")],
)
def test_defaults_are_native_values(type_: str, text: str, value: object) -> None:
    assert parse_default(parse_type(type_), text) == value
