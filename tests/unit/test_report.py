# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: the picture of a pool, the data, the drawing, and the page in which nothing is taken for markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._bond.view import result
from ansible_collections.xapi.network.plugins.module_utils._pool.topology import picture
from ansible_collections.xapi.network.plugins.plugin_utils import _drawing, _report
from ansible_collections.xapi.network.plugins.plugin_utils._lines import hosts_table
from ansible_collections.xapi.network.plugins.plugin_utils._page import collection_version
from ansible_collections.xapi.network.plugins.plugin_utils._page import data as report_data
from ansible_collections.xapi.network.plugins.plugin_utils._page import page as report_page

from tests.unit.pools import APool

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = (ROOT / "roles" / "storage_bond" / "templates" / "report.html.j2").read_text(encoding="utf-8")
WISH = BondSpec(network="NAS", nics=("eth2", "eth4"), strategy="restart")
BEGUN = 1795378500.0


def storage_pool(*hosts: str) -> APool:
    made = APool(*(hosts or ("xs-1", "xs-2")))
    for number, host in enumerate(hosts or ("xs-1", "xs-2")):
        made.address(host, "eth2", f"172.16.0.{35 + number}", "255.255.255.240")
    return made


def bonded(*hosts: str) -> APool:
    made = storage_pool(*hosts)
    made.network("NAS", bridge="xapi0")
    for host in hosts or ("xs-1", "xs-2"):
        made.bond(host, "NAS", ["eth2", "eth4"])
    return made


def asked(made: APool, spec: BondSpec = WISH) -> dict[str, Any]:
    """What xs_bond with `picture` answers in check mode."""
    the_plan = plan(made.pool, spec)
    return {**result(made.pool, spec, the_plan), "picture": picture(made.pool, the_plan.hosts)}


def a_run(before: APool, after: APool | None = None, **known: Any) -> dict[str, Any]:
    """What the role knows at its end; by default everything went well."""
    names = list(asked(before)["hosts"])
    return {
        "state": "present", "network": "NAS", "nics": ["eth2", "eth4"], "mode": "active-backup", "strategy": "restart",
        "check": after is None, "plan": asked(before), "after": asked(after) if after else {}, "done": names if after else [],
        "at": "", "seconds": {}, "timeline": [], "failure": "", "ended": BEGUN + 60, **known,
    }  # fmt: skip


def only(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(host for host in report["hosts"] if host["name"] == name)


def words(interfaces: list[dict[str, Any]], others: list[dict[str, Any]] | None = None, mark: str = "new") -> list[tuple[str, ...]]:
    """The boxes of a drawing: kind, mark, first line, the rest."""
    drawing = _drawing.draw(interfaces, interfaces if others is None else others, mark)
    return [(box.kind, box.mark, box.lines[0], *box.lines[1:]) for box in drawing.boxes]


# the picture


def test_what_dom0_took_back_before_this_run_is_in_the_time_line_and_not_counted() -> None:
    timeline = [
        {"host": "xs-2", "what": what, "at": BEGUN + seconds} for what, seconds in (("taken_back", -95), ("begun", 0), ("verified", 4))
    ]
    report = report_data(a_run(storage_pool(), bonded(), timeline=timeline))
    host = only(report, "xs-2")
    assert [(one["text"], one["seconds"]) for one in host["timeline"]] == [
        ("an earlier bond taken back by dom0 itself", -95.0),
        ("begun", 0.0),
        ("verified", 4.0),
    ]
    assert host["begun"] == 0 and report["seconds"] == 60
    page = report_page(report, TEMPLATE)
    assert "an earlier bond taken back by dom0 itself 95 s before" in page and 'x1="-' not in page


def test_a_picture_has_each_nic_with_its_link_and_what_it_leads_to() -> None:
    made = storage_pool()
    made.link("xs-1", "eth4")["carrier"] = False
    host = picture(made.pool, made.pool.hosts)[0]
    eth2, eth4 = (next(one for one in host["interfaces"] if one["device"] == device) for device in ("eth2", "eth4"))
    assert (host["name"], host["master"]) == ("xs-1", True)
    assert (eth2["kind"], eth2["addresses"], eth2["bridge"], eth2["carrier"]) == ("nic", ["172.16.0.35/28"], "xenbr2", True)
    assert (eth4["carrier"], eth4["addresses"]) == (False, [])


def test_in_a_picture_nics_name_their_bond_and_a_vlan_what_it_lies_on() -> None:
    made = bonded()
    made.network("Backup")
    made.vlan("xs-1", "bond0", 42, "Backup")
    interfaces = picture(made.pool, made.pool.hosts)[0]["interfaces"]
    assert [one["device"] for one in interfaces if one["bond"] == "bond0"] == ["eth2", "eth4"]
    bond, vlan = (next(one for one in interfaces if one["kind"] == kind) for kind in ("bond", "vlan"))
    assert (bond["nics"], bond["mode"], bond["network"]) == (["eth2", "eth4"], "active-backup", "NAS")
    assert (vlan["over"], vlan["vlan"], vlan["network"]) == ("bond0", 42, "Backup")


def test_what_other_config_holds_is_in_no_picture() -> None:
    made = storage_pool()
    made.nic("xs-1", "eth2")["other_config"] = {"note": "hunter2"}
    made.host("xs-1")["other_config"]["iscsi_password"] = "hunter2"
    assert "hunter2" not in json.dumps(picture(made.pool, made.pool.hosts))


# the data


def test_a_plan_is_reported_with_the_pool_as_it_would_be() -> None:
    report = report_data(a_run(storage_pool()))
    assert (report["outcome"], report["after"]) == ("planned", "predicted")
    assert report["headline"] == "A plan only, nothing was changed: 2 of 2 hosts would be"
    bond = next(one for one in only(report, "xs-2")["after"] if one["kind"] == "bond")
    assert (bond["nics"], bond["addresses"], bond["network"]) == (["eth2", "eth4"], ["172.16.0.36/28"], "NAS")
    assert all(not one["addresses"] for one in only(report, "xs-2")["after"] if one["device"] in ("eth2", "eth4"))


def test_the_predicted_drawing_is_the_one_that_comes_out() -> None:
    """The bridge aside, which XAPI chooses."""
    predicted, seen = report_data(a_run(storage_pool())), report_data(a_run(storage_pool(), bonded()))
    for name in ("xs-1", "xs-2"):
        one = sorted(only(predicted, name)["after"], key=_drawing.key)
        two = sorted(only(seen, name)["after"], key=_drawing.key)
        for interface in (*one, *two):
            interface.update(bridge="", speed=0, attached=True)
        assert one == two


def test_a_predicted_removal_gives_the_address_back_to_the_nic() -> None:
    run = a_run(bonded(), state="absent", plan=asked(bonded(), BondSpec(network="NAS", state="absent")))
    after = only(report_data(run), "xs-1")["after"]
    assert [one["kind"] for one in after] == ["nic"] * 6
    assert next(one for one in after if one["device"] == "eth2")["addresses"] == ["172.16.0.35/28"]


def test_a_run_that_went_well_is_as_predicted() -> None:
    report = report_data(a_run(storage_pool(), bonded()))
    assert (report["outcome"], report["headline"]) == ("changed", "2 of 2 hosts changed, all as predicted")
    assert only(report, "xs-2")["differs"] == []
    assert only(report, "xs-2")["outcome"]["ip"] == {"predicted": "172.16.0.36", "found": "172.16.0.36", "as_predicted": True}


def test_what_came_out_otherwise_than_predicted_is_named() -> None:
    after = bonded()
    after.nic("xs-2", "bond0")["MAC"] = "00:00:00:00:00:99"
    report = report_data(a_run(storage_pool(), after))
    assert report["headline"] == "2 of 2 hosts changed, 1 not as predicted"
    assert only(report, "xs-2")["differs"] == ["mac"]


def test_a_run_that_failed_tells_which_host_is_done_which_failed_and_which_was_not_touched() -> None:
    before, after = storage_pool("xs-1", "xs-2", "xs-3"), storage_pool("xs-1", "xs-2", "xs-3")
    after.network("NAS", bridge="xapi0")
    after.bond("xs-1", "NAS", ["eth2", "eth4"])
    left = [{"code": "no_bond", "host": host, "sentence": f"{host}: no bond."} for host in ("xs-2", "xs-3")]
    report = report_data(a_run(before, after, done=["xs-1"], at="xs-2", failure="xs-2 failed.", findings=left))
    assert (report["outcome"], report["failure"]) == ("failed", "xs-2 failed.")
    assert report["headline"] == "Stopped at xs-2: 1 of 3 hosts are done"
    assert [host["result"] for host in report["hosts"]] == ["done", "failed", "not touched"]
    assert [bool(host["differs"]) for host in report["hosts"]] == [False, True, False]  # xs-3 was not put to the test
    assert [finding["host"] for finding in report["findings"]] == ["xs-2"]


def test_after_a_run_whose_pool_cannot_be_read_any_more_the_outcome_is_not_known() -> None:
    report = report_data(a_run(storage_pool(), check=False, at="xs-1", failure="lost"))
    assert report["after"] == "unknown"
    assert only(report, "xs-1")["outcome"]["ip"]["as_predicted"] is None


def test_a_plan_that_was_refused_says_why() -> None:
    run = a_run(storage_pool(), check=False)
    run["plan"] |= {"failed": True, "msg": "Nothing was changed. eth4 is missing."}
    report = report_data({**run, "failure": run["plan"]["msg"]})
    assert (report["outcome"], report["failure"]) == ("refused", "Nothing was changed. eth4 is missing.")
    assert {host["result"] for host in report["hosts"]} == {"not touched"}


def test_a_pool_that_could_not_be_reached_still_has_a_report() -> None:
    report = report_data(a_run(storage_pool(), plan={"failed": True, "msg": "no answer"}, failure="no answer", check=False))
    page = report_page(report, TEMPLATE)
    assert (report["outcome"], report["hosts"]) == ("refused", [])
    assert "no answer" in page


def test_the_time_line_is_in_order_and_counts_from_the_beginning_of_each_host() -> None:
    at = {"begun": 0.0, "restart_begun": 0.5, "agent_started": 12.0, "verified": 13.25}
    timeline = [{"host": "xs-2", "what": what, "at": BEGUN + 3 + seconds} for what, seconds in at.items()]
    timeline += [{"host": "xs-1", "what": "begun", "at": BEGUN}, timeline[-1]]
    report = report_data(a_run(storage_pool(), bonded(), timeline=list(reversed(timeline))))
    assert only(report, "xs-2")["begun"] == 3.0
    assert [(one["text"], one["seconds"]) for one in only(report, "xs-2")["timeline"]] == [
        ("begun", 0.0), ("restart of xapi begun", 0.5), ("xapi is back", 12.0), ("verified", 13.25),
    ]  # fmt: skip


def test_an_address_from_dhcp_may_be_another_one_than_before() -> None:
    before, after = storage_pool(), bonded()
    before.nic("xs-1", "eth2")["ip_configuration_mode"] = "DHCP"
    after.nic("xs-1", "bond0").update(ip_configuration_mode="DHCP", IP="172.16.0.99")
    assert only(report_data(a_run(before, after)), "xs-1")["differs"] == []


def test_the_report_says_which_versions_it_is_about(tmp_path: Path) -> None:
    report = report_data(a_run(storage_pool(), ansible="2.19.14"))
    assert report["versions"]["ansible-core"] == "2.19.14"
    assert report["versions"]["xapi.network"] == collection_version(ROOT) != ""
    (tmp_path / "MANIFEST.json").write_text('{"collection_info": {"version": "9.9.9"}}')
    assert collection_version(tmp_path) == "9.9.9"


@pytest.mark.parametrize(
    ("pool", "name"),
    [
        ("tutorial", "tutorial-NAS-20261122T201500Z"),
        ("../../etc/cron d", "etc-cron-d-NAS-20261122T201500Z"),
        ("Köln", "K-ln-NAS-20261122T201500Z"),
    ],
)
def test_the_name_of_the_file_can_be_no_path(pool: str, name: str) -> None:
    assert _report.file_name(pool, "NAS", 1795378500.0) == name


def test_the_same_problem_of_many_hosts_is_said_once() -> None:
    said = [{"code": "link", "host": host, "sentence": f"{host}: eth4 has no link."} for host in ("xs-1", "xs-2")]
    (one,) = _report.gathered([*said])
    assert (one["hosts"], one["sentence"]) == (["xs-1", "xs-2"], "eth4 has no link.")


# the drawing


def test_before_every_nic_leads_to_its_network() -> None:
    boxes = words(picture(storage_pool().pool, storage_pool().pool.hosts)[0]["interfaces"])
    assert ("network", "same", "Pool-wide network 2", "xenbr2 · 172.16.0.35/28") in boxes
    assert [box[0] for box in boxes].count("nic") == 6


def test_after_the_nics_lead_to_the_bond_and_what_is_new_is_marked() -> None:
    before, after = (picture(made.pool, made.pool.hosts)[0]["interfaces"] for made in (storage_pool(), bonded()))
    boxes = words(after, before)
    assert ("bond", "new", "bond0", "active-backup") in boxes
    assert ("network", "new", "NAS", "xapi0 · 172.16.0.35/28") in boxes
    assert ("network", "gone", "Pool-wide network 2", "xenbr2 · 172.16.0.35/28") in words(before, after, "gone")
    assert not any(box[2] == "Pool-wide network 2" for box in boxes)
    assert next(box[1] for box in boxes if box[2] == "eth0") == "same"
    drawing = _drawing.draw(after, before, "new")
    middle = {box.lines[0]: box.y + box.height / 2 for box in drawing.boxes}
    assert middle["bond0"] == middle["NAS"] == (middle["eth2"] + middle["eth4"]) / 2


def test_a_vlan_leads_from_the_bond_to_its_own_network() -> None:
    made = bonded()
    made.network("Backup")
    made.vlan("xs-1", "bond0", 42, "Backup")
    drawing = _drawing.draw(picture(made.pool, made.pool.hosts)[0]["interfaces"], [], "new")
    bond, backup = (next(box for box in drawing.boxes if box.lines[0] == name) for name in ("bond0", "Backup"))
    assert (backup.kind, backup.note) == ("network", "VLAN 42")
    assert any((line.x1, line.x2, line.y2) == (bond.x + bond.width, backup.x, backup.y + backup.height // 2) for line in drawing.lines)


def test_no_box_lies_on_another_or_outside() -> None:
    made = bonded()
    for tag in (42, 43, 44):
        made.network(f"Backup {tag}")
        made.vlan("xs-1", "bond0", tag, f"Backup {tag}")
    drawing = _drawing.draw(picture(made.pool, made.pool.hosts)[0]["interfaces"], [], "new")
    for number, one in enumerate(drawing.boxes):
        assert 0 <= one.x < one.x + one.width <= drawing.width
        assert 0 <= one.y < one.y + one.height <= drawing.height
        for two in drawing.boxes[number + 1 :]:
            assert one.x + one.width <= two.x or two.x + two.width <= one.x or one.y + one.height <= two.y or two.y + two.height <= one.y


def test_a_long_name_keeps_its_end() -> None:
    made = storage_pool()
    made.network_called("Pool-wide network 2")["name_label"] = "Pool-wide network associated with eth2"
    boxes = _drawing.draw(picture(made.pool, made.pool.hosts)[0]["interfaces"], [], "new").boxes
    box = next(box for box in boxes if "associated with eth2" in box.title)
    assert box.lines[0].startswith("Pool-wide") and box.lines[0].endswith("ith eth2")
    assert len(box.lines[0]) <= _drawing.ROOM["network"][0]


def test_of_a_large_pool_only_what_is_concerned_is_drawn_and_the_rest_is_named() -> None:
    names = [f"xs-{number}" for number in range(1, 10)]
    page = report_page(report_data(a_run(storage_pool(*names), bonded(*names))), TEMPLATE)
    assert "Not concerned: eth0" in page
    assert page.count('<g class="nic') == 9 * 2 * 2


# the page


def test_nothing_that_comes_from_the_pool_is_taken_for_markup() -> None:
    evil = "</title><script>alert(1)</script>{{ 1111 * 9 }}\"'"
    made = storage_pool()
    made.host("xs-2")["name_label"] = evil
    made.network_called("Pool-wide network 1")["name_label"] = evil
    run = a_run(made, made, failure=evil, at=evil, network=evil, taken_back=evil, timeline=[{"host": evil, "what": evil, "at": BEGUN}])
    run["plan"]["pool"]["name"] = evil
    run["plan"]["problems"] = [{"code": evil, "host": evil, "sentence": evil, "remedy": evil, "accepted": False, "fatal": True}]
    run["after"]["findings"] = [{"code": evil, "host": evil, "sentence": evil}]
    page = report_page(report_data(run), TEMPLATE)
    assert "<script" not in page
    assert page.count("</title>") == page.count("<title>")
    assert "9999" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 1111 * 9 }}" in page


def test_the_page_loads_nothing() -> None:
    page = report_page(report_data(a_run(storage_pool(), bonded())), TEMPLATE)
    for loader in ("http:", "https:", "src=", "url(", "@import", "<script", '<link rel="stylesheet'):
        assert loader not in page


# the terminal


def test_the_closing_table_is_aligned_with_many_hosts() -> None:
    names = [f"xs-{number}" for number in range(1, 65)]
    lines = hosts_table(asked(bonded(*names))["hosts"], {"xs-1": 1.2})
    assert len(lines) == 65
    assert {line.index("active-backup") for line in lines[1:]} == {lines[0].index("mode")}
    assert max(map(len, lines)) < 110
