# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of one run of the role on one pool, as plain values: what was there, what was done, what came out. Pure.

Only fields that are named here get into it. other_config, for instance, does not, since it may hold what does not belong on paper.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

# Raised when a field changes its meaning or goes; a new field does not raise it.
FORMAT = 1

FIELDS = ("device", "nics", "mode", "ip", "mac", "mtu", "bridge")
UNTOUCHED = ("not touched", "taken back")
WORDS: Mapping[str, str] = {
    "begun": "begun",
    "restart_begun": "restart of xapi begun",
    "restart_ordered": "restart ordered",
    "host_disabled": "host disabled",
    "agent_started": "xapi is back",
    "host_enabled": "host enabled",
    "startup_complete": "start-up complete",
    "bond_seen": "bond seen",
    "bond_attached": "bond attached",
    "create_bond": "bond made",
    "destroy_bond": "bond destroyed",
    "as_predicted": "as predicted in XAPI",
    "verified": "verified",
    "armed": "timer armed in dom0",
    "taken_back": "an earlier bond taken back by dom0 itself",
    "confirmed": "verified and confirmed",
    "failed": "failed",
}


def report(run: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
    """The report. `run`: what the role knows at its end (see the filter report_data); `versions`: of what ran here, by name."""
    plan, after = run["plan"], run.get("after") or {}
    outcome = _outcome(run)
    pictures = {host["name"]: host for host in plan.get("picture") or []}
    found = {host["name"]: host for host in after.get("picture") or []}
    untouched = {name for name, values in (plan.get("hosts") or {}).items() if _result(name, values, run, outcome) in UNTOUCHED}
    findings = [one for one in _findings(run, plan, after) if not (outcome == "failed" and one["host"] in untouched)]
    timeline = _in_order(run.get("timeline") or [])
    own = _of_this_run(timeline)
    begun = own[0]["at"] if own else run["ended"]
    steps = (plan.get("plan") or {}).get("steps") or []
    hosts = [
        _host(name, values, run, outcome, pictures.get(name, {}), found.get(name, {}), after, findings, timeline, steps)
        for name, values in (plan.get("hosts") or {}).items()
    ]
    pool = plan.get("pool") or {}
    return {
        "format": FORMAT,
        "outcome": outcome,
        "headline": _headline(outcome, hosts, run),
        "failure": "" if outcome in ("differs", "verified") else str(run.get("failure") or ""),
        "taken_back": str(run.get("taken_back") or ""),
        "spec": {key: run.get(key) for key in ("state", "network", "nics", "mode", "strategy")},
        "pool": {"name": pool.get("name", ""), "uuid": pool.get("uuid", ""), "hosts": len(pool.get("hosts") or [])},
        "network": dict(after.get("network") or plan.get("network") or {}),
        "begun": _time(begun),
        "ended": _time(run["ended"]),
        "seconds": round(run["ended"] - begun, 1),
        "after": "predicted" if outcome in ("planned", "refused") else "seen" if found else "unknown",
        "steps": [{key: step.get(key, "") for key in ("action", "host", "sentence", "interrupts")} for step in steps],
        "notices": [*((plan.get("plan") or {}).get("notices") or []), *(run.get("notices") or [])],
        "problems": list(plan.get("problems") or []),
        "findings": findings,
        "hosts": hosts,
        "versions": dict(versions),
    }


def file_name(pool: str, network: str, ended: float) -> str:
    """A name for the report's files, without its ending, that every file system takes: "tutorial-NAS-20261122T201500Z"."""
    parts = [re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.")[:60] for part in (pool, network)]
    return "-".join([*(part for part in parts if part), f"{datetime.fromtimestamp(ended, timezone.utc):%Y%m%dT%H%M%SZ}"])


def _outcome(run: Mapping[str, Any]) -> str:
    if run["plan"].get("failed"):
        return "refused"
    if run["state"] == "verified":
        return "verified" if run["plan"].get("conforms") else "differs"
    if run.get("failure"):
        return "failed"
    if not ((run["plan"].get("plan") or {}).get("steps")):
        return "unchanged"
    return "planned" if run["check"] else "changed"


def _headline(outcome: str, hosts: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    concerned = sum(1 for host in hosts if host["steps"])
    differing = sum(1 for host in hosts if host["differs"] or host["findings"])
    done = sum(1 for host in hosts if host["result"] == "done")
    return {
        "refused": "Nothing was changed: the plan has problems",
        "verified": f"All {len(hosts)} hosts are as they should be",
        "differs": f"{differing} of {len(hosts)} hosts are not as they should be",
        "failed": f"Stopped at {run.get('at') or 'the pool'}: {done} of {concerned} hosts are done",
        "unchanged": f"Nothing to do: all {len(hosts)} hosts have what they should have",
        "planned": f"A plan only, nothing was changed: {concerned} of {len(hosts)} hosts would be",
        "changed": f"{done} of {len(hosts)} hosts changed"
        + (f", {differing} not as predicted" if differing else ", all as predicted" if len(hosts) > 1 else ", as predicted"),
    }[outcome]


def _findings(run: Mapping[str, Any], plan: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """What was found when it failed (dom0's answers are in it), and what the last read found; each sentence once."""
    every = [*(run.get("findings") or []), *(after.get("findings") or []), *(plan.get("findings") or [])]
    unique = {finding["sentence"]: finding for finding in every}
    return [{key: finding.get(key, "") for key in ("code", "host", "sentence")} for finding in unique.values()]


def _in_order(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """In the order of time. The role may name one twice, as part of what it kept and of what the last task said."""
    unique = dict.fromkeys((entry["host"], entry["what"], float(entry["at"])) for entry in given)
    return [{"host": host, "what": what, "at": at} for host, what, at in sorted(unique, key=lambda entry: entry[2])]


def _of_this_run(timeline: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [entry for entry in timeline if entry["what"] != "taken_back"]


def _host(
    name: str,
    values: Mapping[str, Any],
    run: Mapping[str, Any],
    outcome: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: Mapping[str, Any],
    findings: Sequence[Mapping[str, str]],
    timeline: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    absent = run["state"] == "absent"
    expected = values.get("expected") or {}
    was = [dict(interface) for interface in before.get("interfaces") or []]
    if outcome in ("planned", "refused"):
        will = predicted(was, expected, absent) if expected and values.get("steps") else was
        state = dict(values) if outcome == "planned" and not values.get("steps") else {}
    else:
        will = [dict(interface) for interface in after.get("interfaces") or []]
        state = dict((now.get("hosts") or {}).get(name) or {})
    mine = [entry for entry in timeline if entry["host"] == name]
    result = _result(name, values, run, outcome)
    table = _compared(expected, state, will, absent)
    if result in UNTOUCHED:  # the prediction was not put to the test
        table = {field: {**one, "as_predicted": None} for field, one in table.items()}
    own = _of_this_run(mine)
    begun = own[0]["at"] if own else 0.0
    return {
        "name": name,
        "uuid": values.get("uuid", ""),
        "address": values.get("address", ""),
        "master": bool(values.get("master")),
        "product": before.get("product", ""),
        "xapi": before.get("xapi", ""),
        "backend": before.get("backend", ""),
        "ovs": str(((run.get("dom0") or {}).get(values.get("uuid")) or {}).get("ovs_version") or ""),
        "action": values.get("action", "none"),
        "result": result,
        "steps": [step["sentence"] for step in steps if step.get("host") == name],
        "seconds": (run.get("seconds") or {}).get(name),
        "begun": round(begun - _of_this_run(timeline)[0]["at"], 1) if own else None,
        "timeline": [_timeline_entry(entry, begun) for entry in mine] if own else [],
        "outcome": table,
        "differs": [field for field, cell in table.items() if cell["as_predicted"] is False],
        "findings": [finding["sentence"] for finding in findings if finding["host"] == name],
        "before": was,
        "after": will,
    }


def _timeline_entry(entry: Mapping[str, Any], begun: float) -> dict[str, Any]:
    """One line of a host's timeline, with the seconds since the host's work began; below 0: before it."""
    what = entry["what"]
    return {"what": what, "text": WORDS.get(what, what.replace("_", " ")), "seconds": round(entry["at"] - begun, 2)}


def _result(name: str, values: Mapping[str, Any], run: Mapping[str, Any], outcome: str) -> str:
    """What became of the host: done, failed, taken back, not touched, planned, kept."""
    if outcome in ("verified", "differs"):
        return "compared"
    if not values.get("steps"):
        return "kept"
    if outcome == "refused":
        return "not touched"
    if outcome == "planned":
        return "planned"
    if name in (run.get("undone") or []):
        return "taken back"
    if name in (run.get("done") or []):
        return "done"
    return "failed" if name == run.get("at") else "not touched"


def _compared(expected: Mapping[str, Any], state: Mapping[str, Any], after: Sequence[Mapping[str, Any]], absent: bool) -> dict[str, Any]:
    """By field: what was predicted, what was found, and whether they agree (None where one of them is not known)."""
    if absent:
        return _compared_absent(expected, state, after)
    bonded = bool(state.get("bond"))
    table = {}
    for field in FIELDS:
        want, have = _text(expected.get(field)), _text(state.get(field)) if bonded else ""
        known = bool(state) and bool(expected) and not (field == "bridge" and not want)  # XAPI chooses a new network's bridge
        table[field] = {"predicted": want, "found": have, "as_predicted": want == have if known else None}
    if expected.get("ip_mode") == "DHCP":  # the address may be another one each time
        table["ip"]["as_predicted"] = bool(table["ip"]["found"]) if state else None
    return table


def _compared_absent(expected: Mapping[str, Any], state: Mapping[str, Any], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    cells: dict[str, dict[str, Any]] = {field: {"predicted": "", "found": "", "as_predicted": None} for field in FIELDS}
    if not state:
        return cells
    cells["device"] = {"predicted": "no bond", "found": state.get("device") or "no bond", "as_predicted": not state.get("bond")}
    primary = next((one for one in after if one["kind"] == "nic" and one["device"] == expected.get("primary")), None)
    if primary is not None:
        address, want = str(next(iter(primary["addresses"]), "")).partition("/")[0], expected.get("ip", "")
        cells["nics"] = {"predicted": f"address on {primary['device']}", "found": f"address on {primary['device']}", "as_predicted": None}
        cells["ip"] = {"predicted": want, "found": address, "as_predicted": want == address or expected.get("ip_mode") == "DHCP"}
    return cells


def _text(value: Any) -> str:
    return " + ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value) if value else ""


def predicted(interfaces: Sequence[Mapping[str, Any]], expected: Mapping[str, Any], absent: bool) -> list[dict[str, Any]]:
    """The interfaces of a host as they will be when a prediction (`expected` of xs_bond's hosts) has come true."""
    nics, device = list(expected.get("nics") or []), expected.get("device", "")
    address = _addresses(expected)
    after = []
    for interface in interfaces:
        one = dict(interface)
        if one["kind"] == "bond" and (one["network"] == expected.get("network") or set(one["nics"]) & set(nics)):
            continue  # it goes, or it is drawn again below
        if one["kind"] == "nic" and one["device"] in nics:
            one |= {"bond": "" if absent else device, "addresses": [], "ip_mode": "None", "management": False, "attached": True}
            if absent and one["device"] == expected.get("primary"):
                one |= {
                    "addresses": address,
                    "ip_mode": expected.get("ip_mode", "None"),
                    "management": bool(expected.get("management")),
                }
        elif one["over"] in ([device] if absent else nics):
            one["over"] = expected.get("primary", "") if absent else device
        after.append(one)
    if absent:
        return after
    bond = {
        "kind": "bond", "device": device, "over": "", "vlan": -1, "mac": expected.get("mac", ""), "carrier": True, "speed": 0,
        "attached": True, "management": bool(expected.get("management")), "ip_mode": expected.get("ip_mode", "None"),
        "addresses": address, "mtu": expected.get("mtu", 1500), "network": expected.get("network", ""),
        "bridge": expected.get("bridge", ""), "bond": "", "nics": nics, "mode": expected.get("mode", ""),
    }  # fmt: skip
    return [*after, bond]


def _addresses(expected: Mapping[str, Any]) -> list[str]:
    if not expected.get("ip"):
        return list(expected.get("ipv6") or [])
    try:
        address = str(ipaddress.IPv4Interface(f"{expected['ip']}/{expected.get('netmask', '')}"))
    except ValueError:
        address = str(expected["ip"])
    return [address, *(expected.get("ipv6") or [])]


def gathered(said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Problems or findings, those that say the same of several hosts as one, with `hosts`. The sentences do not begin with a host."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in said:
        host, sentence = str(one.get("host") or ""), str(one["sentence"])
        for beginning in (f"{host}: ", f"{host}, ") if host else ():
            sentence = sentence.removeprefix(beginning)
        group = groups.setdefault((one["code"], one.get("accepted"), sentence), {**one, "sentence": sentence, "hosts": []})
        group["hosts"] += [host] if host else []
    return list(groups.values())


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
