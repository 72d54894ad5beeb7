# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans, hosts and pools as lines for the terminal. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import by_cause, shortened
from ansible_collections.xapi.network.plugins.module_utils._bond.partners import lacp_findings
from ansible_collections.xapi.network.plugins.plugin_utils._record import Run, plural

HOSTS = ("host", "bond", "bridge", "NICs", "mode", "address", "MAC", "links", "seconds")
POOLS = ("pool", "hosts", "changed", "seconds", "outcome")
MINUTES_FROM = 120  # seconds
MOST_STEPS = 8  # of a plan, in a sentence that says which ones are different
COLUMNS = 90  # of 100, which leaves room for the times that a log puts before each line


def shown(line: str) -> str:
    """A line for the terminal: a long step or note of a plan goes on below itself. Tables and what is to be copied stay as they are."""
    start = re.match(r"\d+\. |Note: |Accepted: |Time: ", line)
    if start is None or len(line) <= COLUMNS:
        return line
    indent = " " * len(start[0])
    return textwrap.fill(line, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """The steps in order, numbered, then the notices."""
    notes = [f"Note: {notice}" for notice in plan["notices"]]
    if not plan["steps"]:
        return ["Nothing to do: every host has what it should have.", *notes]
    lines = []
    for number, step in enumerate(plan["steps"], 1):
        where = f"{step['host']}: " if step["host"] else ""
        interrupts = f" ({step['interrupts']})" if step["interrupts"] else ""
        lines.append(f"{number}. {where}{step['sentence']}{interrupts}")
    return [*lines, *notes]


def risk_lines(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each risk that was accepted comes to on this pool."""
    accepted = [problem for problem in problems if problem["accepted"]]
    codes = dict.fromkeys(problem["code"] for problem in accepted)
    return [f"Accepted: [{code}] {sentence}" for code in codes for sentence in by_cause([one for one in accepted if one["code"] == code])]


def guard_lines(undo: Mapping[str, Mapping[str, Any]], seconds: int) -> list[str]:
    """What dom0 of each host does when nobody confirms its change."""
    if not undo:
        return []
    return [f"Unless the change of a host is confirmed within {seconds} s:", *(f"- {one['sentence']}." for one in undo.values())]


def saved_lines(options: Mapping[str, Any], fingerprint: str) -> list[str]:
    """Where the plan is kept, of a run that ends with it."""
    if not options["only_plan"] or not (options["save_plan"] or options["plan"]):
        return []
    where = [f"The plan is in {options['save_plan']}."] if options["save_plan"] else []
    return [*where, f"Its fingerprint: {fingerprint}" if where else f"The fingerprint of the plan: {fingerprint}"]


def time_lines(estimate: Mapping[str, Any], wait_timeout: int, confirm_timeout: int, syncs: bool) -> list[str]:
    """How long each host may take and the pool in all, and what ends a wait. `syncs`: hosts keep storage for each other."""
    hosts = estimate.get("hosts") or {}
    if not hosts:
        return []
    alike: dict[tuple[int, int], list[str]] = {}
    for name, seconds in hosts.items():
        alike.setdefault((seconds["least"], seconds["most"]), []).append(name)
    each = ", ".join(
        f"{_span(least, most)} {'each ' if len(names) > 1 else ''}for {shortened(names)}" for (least, most), names in alike.items()
    )
    total = f"; one host after the other, {_span(estimate['least'], estimate['most'])} in all" if len(hosts) > 1 else ""
    sync = " The sync of the storage on LINSTOR, which is waited for after each host, comes on top." if syncs else ""
    lines = [f"Time: about {each}{total}.{sync} The run stops at a host that is not done after {wait_timeout} s."]
    late = [name for name, seconds in hosts.items() if 0 < confirm_timeout < seconds["most"]]
    if late:
        lines.append(
            f"Note: {shortened(late)} may take longer than the {confirm_timeout} s of storage_bond_confirm_timeout, and dom0 would"
            " then take back what was in order."
        )
    return lines


def _span(least: int, most: int) -> str:
    if most < MINUTES_FROM:
        return f"{least} to {plural(most, 'second')}"
    return f"{_duration(least)} to {_duration(most)}"


def _duration(seconds: int) -> str:
    return plural(round(seconds / 60), "minute") if seconds >= MINUTES_FROM else plural(seconds, "second")


def hosts_table(hosts: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, Any]) -> list[str]:
    """One line per host in the order given, below a header."""
    return aligned([HOSTS, *(_row(name, host, seconds.get(name, "")) for name, host in hosts.items())])


def _row(name: str, host: Mapping[str, Any], seconds: Any) -> tuple[str, ...]:
    master = f"{name} (master)" if host.get("master") else name
    if not host["bond"]:
        return (master, *["-"] * 7, str(seconds))
    links = f"{len(host['linked'])}/{len(host['nics'])}"
    nics = "+".join(host["nics"])
    return (master, host["device"], host["bridge"], nics, host["mode"], host["ip"] or "-", host["mac"], links, str(seconds))


def lacp_lines(hosts: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any]) -> list[str]:
    """What is amiss between an LACP bond and the switch, by the answers of dom0."""
    return [f"Note: {finding.sentence}" for finding in lacp_findings(hosts, answers)]


def pools_table(runs: Sequence[Run]) -> list[str]:
    """One line per pool in the order given, below a header."""
    return aligned([POOLS, *(run.row() for run in runs)]) if runs else []


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of texts as lines in which each column has the width of its longest text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def other_steps(approved: Sequence[str], now: Sequence[str]) -> list[str]:
    """What the steps of an approved plan are, and those of a plan made now, where they are not the same."""
    then, here = ([line.partition(". ")[2] for line in lines if re.match(r"\d+\. ", line)] for lines in (approved, now))
    gone, new = [line for line in then if line not in here], [line for line in here if line not in then]
    if not gone and not new:
        return ["The steps of a plan made now are the same; something else that the plan rests on is different, such as another address."]
    return [
        *(f"The approved plan has: {line}" for line in gone[:MOST_STEPS]),
        *(f"A plan made now has: {line}" for line in new[:MOST_STEPS]),
        *(["More steps are different."] if max(len(gone), len(new)) > MOST_STEPS else []),
    ]


REASONS = "Nothing was changed, for these reasons:\n- "


def rejection(reasons: Sequence[str]) -> str:
    """Why nothing was changed, each reason once."""
    once = list(dict.fromkeys(reasons))
    return f"Nothing was changed. {once[0]}" if len(once) == 1 else REASONS + "\n- ".join(once)


def reasons(rejection: str) -> list[str]:
    """The reasons in a rejection of xs_bond, which is made the same way; any other message is one of its own."""
    if rejection.startswith(REASONS):
        return rejection.removeprefix(REASONS).split("\n- ")
    return [rejection.removeprefix("Nothing was changed. ")] if rejection else []


# How sentences of xs_bond name its options, and how they are called in the role.
OPTIONS_IN_SENTENCES = (
    (r"(?<![\w_])(on_drift|strategy|agent_method): ", r"storage_bond_\1: "),
    (r"(?<![\w_])(network_uuid|wait_timeout|confirm_timeout)\b", r"storage_bond_\1"),
    (r"(^|[.;:] |- )(accept|hosts|nics|addresses|vlans|properties) names\b", r"\1storage_bond_\2 names"),
    (r"^(network|hosts|nics|mac|mtu|purpose|vlans|timeout) (is|has|begins|puts)\b", r"storage_bond_\1 \2"),
    (r"^addresses: ", "storage_bond_addresses: "),
    (r"\bby either network or\b", "by either storage_bond_network or"),
    (r"\bin hosts\b", "in storage_bond_hosts"),
    (r"\bto accept\.", "to storage_bond_accept."),
)


def in_terms_of_the_role(sentence: str) -> str:
    """A sentence of xs_bond with the options called as the role calls them."""
    for module, role in OPTIONS_IN_SENTENCES:
        sentence = re.sub(module, role, sentence)
    return sentence
