# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role does between the tasks that talk to XAPI and dom0: it notes, judges and says. One function for each event. Pure.

Each gets the options of its task (what the tasks before it have registered) and what Ansible knows of the play, and gives the result of the
task. A note returns the record of the run, to be registered; a judgement returns a sentence, and fails with it where something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.xapi.network.plugins.filter.inventory_hosts import inventory_hosts
from ansible_collections.xapi.network.plugins.module_utils._bond import neighbours, partners
from ansible_collections.xapi.network.plugins.module_utils._bond.checks import Problem, by_cause, grouped, shortened
from ansible_collections.xapi.network.plugins.module_utils._bond.nics import LeftBridge, dom0_problems, left_bridges
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import drbd_findings, drbd_problems
from ansible_collections.xapi.network.plugins.module_utils._bond.rules import Prediction
from ansible_collections.xapi.network.plugins.module_utils._bond.verify import Finding, Seen, dom0_findings
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import SECONDS, running
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import taken_back as taken_back_by_itself
from ansible_collections.xapi.network.plugins.module_utils._lock.lease import STOP
from ansible_collections.xapi.network.plugins.module_utils._pool import values
from ansible_collections.xapi.network.plugins.plugin_utils import _artifact, _leader, _lines, _reach, _record
from ansible_collections.xapi.network.plugins.plugin_utils._answers import OPTIONS, answer

# Options of the role that are options of xs_bond and xs_bond_info.
OF_THE_SPEC = (
    "network", "network_uuid", "nics", "hosts", "mode", "properties", "mtu", "purpose", "disallow_unplug", "vlans", "addresses", "strategy",
)  # fmt: skip
# Options of the role that say where the pool is, but for the password, which no task returns.
OF_THE_CONNECTION = ("hostname", "username", "validate_certs", "ca_path", "fingerprint", "timeout")
# Risks of the plan that are risks of a restart of xapi too.
OF_A_RESTART = ("ha_enabled", "pending_tasks")


@dataclass(frozen=True)
class Play:
    """What Ansible knows. `given`: the role's options by name, without their prefix; `address`: where the environment says the pool is."""

    host: str
    batch: Sequence[str]
    hosts: Sequence[str]
    every: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    group_names: Sequence[str]
    hostvars: Mapping[str, Mapping[str, Any]]
    limited: bool
    check: bool
    now: float
    address: str = ""
    given: Mapping[str, Any] | None = None


Given = Mapping[str, Any]
Result = dict[str, Any]


def asked(options: Given, play: Play) -> Result:
    """The role's options, read once; and whether this host leads, where its groups tell."""
    group = _leader.pool_group(play.group_names)
    if group and not _leader.first_of(play.batch, play.groups.get(group, ()), play.host):
        return {"leads": False}
    try:
        read = _read(play)
    except ValueError as error:
        return _rejected(str(error), play)
    spec = {name: read[name] for name in OF_THE_SPEC if read[name] not in ("", [], {})}
    spec["state"] = "absent" if read["state"] == "absent" else "present"
    full = f"-M do -s {read['mtu'] - _reach.IP_AND_ICMP}" if read["mtu"] and read["state"] == "present" else ""
    return {
        **{name: value for name, value in read.items() if name not in ("password", *OF_THE_CONNECTION)},
        "xapi": {name: read[name] for name in OF_THE_CONNECTION if read[name] != ""},
        "spec": spec,
        # A run that ends with its plan writes the file; any other keeps to what is in it.
        "only_plan": _only_plan(read, play),
        "save_plan": read["plan_file"] if _only_plan(read, play) else "",
        "saved_plan": "" if _only_plan(read, play) else read["plan_file"],
        "by_ssh": read["agent_method"] == "service",
        # The bond is there before the start of xapi is complete, so dom0 is asked for that when XAPI has been.
        "start_timeout": read["wait_timeout"] if read["agent_method"] == "service" and read["dom0"] else 0,
        "accept_of_restart": [code for code in read["accept"] if code in OF_A_RESTART],
        "ping_in_full_size": full,
        "ping_hosts": read["ping_hosts"] and read["state"] == "present",
        # With a timer, that the switch bundles an LACP bond is part of the proof, and it gets the time that it may take to speak. Without
        # one it is told at the end: many give the hosts their bonds first, and the switch its own after that.
        "lacp": "fail" if read["confirm_timeout"] and partners.CODE not in read["accept"] else "warn",
        "lacp_timeout": min(partners.SECONDS, read["wait_timeout"], read["confirm_timeout"] // 2),
        # Seconds after which the pool's lock expires: two waits for a host, and the time until it is taken again.
        "lease": 2 * read["wait_timeout"] + _record.LEASE_SECONDS,
        "address": read["hostname"] or play.address,
        "leads": True if group else None,
        "does": "verified" if read["state"] == "verified" else "changed",
    }


def _read(play: Play) -> dict[str, Any]:
    """The options, each what it means. Raises ValueError with what cannot be meant."""
    read = {name: answer((play.given or {}).get(name), name) for name in OPTIONS}
    for name in ("wait_timeout", "timeout"):
        if read[name] != "":
            values.seconds(f"storage_bond_{name}", read[name])
    if wrong := _not_given(read):
        raise ValueError(wrong)
    if read["confirm_timeout"] and read["confirm_timeout"] not in SECONDS:
        raise ValueError(
            f"storage_bond_confirm_timeout is {read['confirm_timeout']}; give 0 (no timer) or {SECONDS.start} to {SECONDS.stop - 1}"
            " seconds."
        )
    if read["plan_file"] and read["plan_fingerprint"] and not _only_plan(read, play):
        raise ValueError("storage_bond_plan_file and storage_bond_plan_fingerprint both say which plan is to be carried out. Give one.")
    return read


def _rejected(message: str, play: Play) -> Result:
    """Options that cannot be meant. No failure yet: Ansible keeps no artifact of a task that fails, so it is kept first, and fails then."""
    given = play.given or {}
    plain = {name: value if isinstance(value := given.get(name), str) else "" for name in ("state", "network", "hostname")}
    state = plain["state"] if plain["state"] in _artifact.STAGES else "present"
    entry = _artifact.of_rejection(state, play.check or given.get("plan") == "save", plain["network"], message)
    return {
        "leads": True,
        "does": "rejected",
        "msg": message,
        "kept": entry,
        "pool": _in_inventory(play) or plain["hostname"] or play.address,
    }


def _in_inventory(play: Play) -> str:
    """What the inventory plugin calls the pool of this host, for who could not ask the pool itself."""
    return str((play.hostvars[play.host] if play.host in play.hostvars else {}).get("xs_pool") or "")


def lead(options: Given, play: Play) -> Result:
    """Whether this host leads for all that would connect to the same address. `variable`: where each has registered its options."""
    address = options["options"]["address"]
    explained = _address_in_inventory(play, play.host) == address  # and not by the play alone, of which the others' variables say nothing
    alike = []
    for name in play.batch:
        read = registered(play, name, options["variable"])
        if read.get("address") == address or (not read and explained and _address_in_inventory(play, name) == address):
            alike.append(name)
    return {"leads": _leader.first_of(play.batch, alike, play.host)}


def _address_in_inventory(play: Play, name: str) -> str:
    """Where a host is going to connect to, for one that has not read its options yet: under host_pinned each goes at its own pace."""
    found = play.hostvars[name] if name in play.hostvars else {}
    given = (found.get(variable) for variable in ("storage_bond_hostname", "xapi_hostname", "xs_pool_hostname"))
    return str(next((value for value in given if value is not None), "") or play.address)


def planned(options: Given, play: Play) -> Result:
    """The record of the run at its beginning, which hosts' dom0 is needed, and whether this host, which has read the pool, leads for it."""
    plan, wanted = options["plan"], options["options"]
    logins = inventory_hosts((plan.get("pool") or {}).get("hosts") or [], play.hostvars)
    run = _record.begin(wanted["state"], wanted["only_plan"], plan, logins, play.now)
    leads = _leader.leads(play.host, play.batch, logins.values())
    ask = {host.uuid: host.login for host in _needed(run, wanted) if host.login} if leads else {}
    listen = _nics(plan, run) if wanted["lldp"] and run.state == "present" else []
    return {**replace(run, leads=leads, ask=ask).to_dict(), "listen": listen}


def _nics(plan: Given, run: _record.Run) -> list[str]:
    """The NICs of the bonds that the plan makes or changes."""
    return sorted({nic for host in run.work for nic in (plan["hosts"][host.name]["expected"] or {}).get("nics", ())})


def checked(options: Given, play: Play) -> Result:
    """The plan in lines, or everything that speaks against it, before anything is changed. `write`: the plan's file, and what it holds."""
    run, plan = _record.from_dict(options["run"]), options["plan"]
    rejection = refused(options, play)
    if rejection:
        return _failed(rejection)
    write = (options["options"]["save_plan"], plan["held_plan"]) if "held_plan" in plan else ()
    return {"lines": _shown(options, run), "write": write}


def _shown(options: Given, run: _record.Run) -> list[str]:
    """The plan in lines."""
    plan = options["plan"]
    if options["options"]["state"] == "absent" and not plan["network"]["uuid"]:
        named = f"called {plan['network']['name']}" if plan["network"]["name"] else "with that uuid"
        return [f"Nothing to do: the pool has no network {named}."]
    lines = _lines.plan_lines(plan["plan"])
    lines += [f"First, in dom0 of {bridge.step}" for bridge in _left_bridges(plan, options["dom0"], run.work)]
    lines += _lines.risk_lines([*(plan.get("problems") or []), *_accepted_in_dom0(options)])
    lines += [f"Note: {notice}" for notice in _of_switches(plan, options["dom0"], run)]
    lines += _lines.guard_lines(plan.get("undo") or {}, options["options"]["confirm_timeout"])
    syncs = options["options"]["dom0"] and any(host.get("replicated") for host in plan["hosts"].values())
    lines += _lines.time_lines(
        plan["plan"].get("estimate") or {}, options["options"]["wait_timeout"], options["options"]["confirm_timeout"], syncs
    )
    lines += [f"Note: {sentence}" for sentence in _took_back(options["dom0"], run.hosts)]
    return [*lines, *_lines.saved_lines(options["options"], plan.get("fingerprint", ""))]


def refused(options: Given, play: Play) -> str:
    """Everything that speaks against the plan, on all hosts, in one message; "" when nothing does."""
    plan, wanted, run = options["plan"], options["options"], _record.from_dict(options["run"])
    before = _stopped_before(run, play, options["variable"])
    if before:
        return before
    alone = _lines.in_terms_of_the_role(str(plan.get("msg") or ""))
    more = [*_another_pool(run, wanted), *_stop_is_asked_for(plan, run)]
    more += [*_left_out(run, wanted, play), *_not_in_inventory(run, wanted), *(options["dom0"].get("silent") or [])]
    kept = [host for host in run.hosts if not host.steps and host.name not in {sentence.partition(":")[0] for sentence in more}]
    more += [f"{finding.sentence} Wait until then and run again." for finding in _unconfirmed(options["dom0"], run.hosts)]
    more += by_cause(_of_dom0(plan, options["dom0"], run, kept))
    more += grouped([problem for problem in _unknown_to_xapi(plan, options["dom0"], run, wanted["accept"]) if problem.blocks])
    then = _approved_otherwise(plan, wanted, run, play)
    if not more and (not alone or "Nothing was changed" in alone):
        return "\n".join([alone, *then])
    return _lines.rejection([*_lines.reasons(alone), *more, *then])


def _approved_otherwise(plan: Given, wanted: Given, run: _record.Run, play: Play) -> list[str]:
    """In a workflow, which steps of the plan that was approved would be others by now. A fingerprint knows no more than the host; AWX hands
    on what the job of the plan has said, too.
    """
    if not (wanted["plan_fingerprint"] and plan.get("differences") and "plan" in plan):
        return []
    left = (play.hostvars[play.host] if play.host in play.hostvars else {}).get("storage_bond_result_plan")
    entry = left.get(run.pool or run.pool_uuid) if isinstance(left, Mapping) else None
    if not isinstance(entry, Mapping):
        return []
    lines = [str(line) for line in entry.get("lines") or []]
    return [*_lines.other_steps(lines, _lines.plan_lines(plan["plan"])), "In AWX that is: launch the workflow again."]


def host_begun(options: Given, play: Play) -> Result:
    """The host before is proved, and the run comes to the next one; whether it stops there. `now`: the result of xs_bond_info for the one
    before, whose tasks gave the `timeline`. Both in one event, since each task of a host costs it time.
    """
    run = _record.from_dict(options["run"]).proved(options["timeline"], play.now)
    stops = bool((options["now"].get("pool") or {}).get("stop") and run.done)
    run = run.ready().at_work(options["host"], play.now)
    # The timers of this run take away what the last ones have left, so that later answers of dom0 do not have it any more.
    if not run.notices:
        run = run.noted(_took_back(options["dom0"], run.hosts), _taken_back_at(options["dom0"], run.hosts))
    left = _left_bridges(options["plan"], options["dom0"], [run.host_at_work] if run.host_at_work else [])
    commands = [bridge.command for bridge in left if bridge.deletable]
    guarded = options["host"] in (options["plan"].get("undo") or {})
    steps = run.host_at_work.steps if run.host_at_work else ()
    idle = _not_in_use(options["plan"], run.host_at_work, bool(commands)) if options["options"]["ping"] else ""
    notes = "note_vlans" in steps and "restart_agent" in steps  # which forgets what is to be noted
    return {
        **run.to_dict(),
        "stops": stops,
        "commands": commands,
        "pings": bool(options["options"]["ping"]) and not idle,
        "prepares": bool(stops or run.renew or commands or notes or _pings(options["options"]) or guarded),
        "lines": [] if stops else [*([run.progress()] if len(run.work) > 1 else []), *([idle] if idle else [])],
    }


def _accepted_in_dom0(options: Given) -> list[dict[str, Any]]:
    run, accept = _record.from_dict(options["run"]), options["options"]["accept"]
    return [problem.to_dict() for problem in _unknown_to_xapi(options["plan"], options["dom0"], run, accept) if problem.accepted]


def _pings(wanted: Given) -> bool:
    return bool(wanted["ping"] or wanted["ping_hosts"])


def _not_in_use(plan: Given, host: _record.HostRun | None, bridge_left: bool) -> str:
    """Why a host cannot reach its storage before its change, which is to mend that, as a sentence; "" where it should."""
    if host is None:
        return ""
    about = plan["hosts"][host.name]
    down = [nic for nic, bridge in about["nic_bridges"].items() if bridge not in about["bridges"]]
    if bridge_left or down:
        why = f"{' and '.join(down or about['nic_bridges'])} {'is' if len(down or about['nic_bridges']) == 1 else 'are'} not in use"
    elif "reconfigure_ip" in host.steps:
        why = "its bond gets another address"
    else:
        return ""
    return f"{host.name}: whether it reaches the storage is asked only after the change, since {why} before."


def going_on(options: Given, play: Play) -> Result:
    """Somebody has asked the run to end before this host."""
    run = _record.from_dict(options["run"])
    return {**_failed(f"other_config of the pool has {STOP}, which asks for that. {_take_away_stop(run)}"), "asked_to_stop": True}


def armed(options: Given, play: Play) -> Result:
    """dom0 of the host at work takes the change back unless it is confirmed. `result`: of xs_confirm."""
    return _record.from_dict(options["run"]).armed(options["result"]["until"], play.now).to_dict()


def pinged(options: Given, play: Play) -> Result:
    """Whether everything was reached. `results`: of a loop of commands, none where the other hosts were asked for."""
    run, results = _record.from_dict(options["run"]), options["results"]
    lost = ", ".join(str(one[one["ansible_loop_var"]]) for one in results if one.get("rc") != 0)
    if not lost:
        return _failed(run.unreached) if run.unreached else {}
    host = run.host_at_work.name if run.host_at_work else "the host"
    if not options["after"]:
        return _failed(f"dom0 of {host} does not reach {lost} before anything was changed on it.")
    full = f" with packets of the full MTU of {options['options']['mtu']}" if options["options"]["ping_in_full_size"] else ""
    return _failed(f"dom0 of {host} does not reach {lost}{full} after the change, and did before.")


def reaching(options: Given, play: Play) -> Result:
    """The command with which dom0 of the host at work asks all others on the storage network; "" where there is nobody to ask."""
    wanted = _peers(options)
    return {"command": _reach.command(wanted, options["after"]) if wanted else ""}


def reached(options: Given, play: Play) -> Result:
    """Which of the others were reached, noted before the change and compared after it. `result`: of the command."""
    run, wanted = _record.from_dict(options["run"]), _peers(options)
    now = _reach.reached(str(options["result"].get("stdout") or ""))
    host = run.host_at_work.name if run.host_at_work else ""
    if options["after"]:
        return replace(run, unreached=_reach.lost(host, wanted, run.reached, now)).to_dict()
    note = _reach.never(host, wanted, now)
    return {**replace(run, reached=now).to_dict(), "lines": [f"Note: {note}"] if note else []}


def _peers(options: Given) -> list[_reach.Peer]:
    run, answers = _record.from_dict(options["run"]), options["dom0"].get("dom0") or {}
    if run.host_at_work is None:
        return []
    return _reach.peers(run.host_at_work.name, options["after"], options["plan"]["hosts"], answers, [host.name for host in run.done])


def host_done(options: Given, play: Play) -> Result:
    """The last host is proved."""
    return _record.from_dict(options["run"]).proved(options["timeline"], play.now).to_dict()


def failed(options: Given, play: Play) -> Result:
    """What went wrong, and what is to be taken back. `now`: what the pool has, without `hosts` where it did not say."""
    result, run = options["result"], _record.from_dict(options["run"])
    if result.get("asked_to_stop"):
        run = run.before_host()
    findings = result.get("findings") or []
    reason = _lines.in_terms_of_the_role(str(result.get("msg") or "see the task before."))
    run = run.failed(options["task"], reason, findings, [*options["timeline"], *(result.get("timeline") or [])], play.now)
    hosts = options["now"].get("hosts")
    bonds = {host["uuid"]: host["bond"] for host in hosts.values()} if hosts is not None else None
    # Where Ansible stopped this pool because of another, or somebody asked for it, nothing is wrong here.
    wrong = bool(options["task"]) and not result.get("asked_to_stop")
    mends = "bridge_left" in options["options"]["accept"]
    return run.with_remedy(options["options"]["rollback"] if wrong else "", bonds, anyway=mends).to_dict()


def left_behind(options: Given, play: Play) -> Result:
    """What deletes the bridges that the bonds of this run have left in dom0, so that their NICs can be plugged. `dom0`: asked just now."""
    run = _record.from_dict(options["run"])
    mine = [host for host in run.hosts if host.uuid in run.undo]
    logins = {host.name: host.login for host in mine}
    left = [bridge for bridge in _left_bridges(options["plan"], options["dom0"], mine) if bridge.deletable]
    return {**run.to_dict(), "commands": [{"login": logins[bridge.host], "command": bridge.command} for bridge in left]}


def taken_back(options: Given, play: Play) -> Result:
    """The bonds of this run are gone again, or could not be taken back. `result`: of xs_bond."""
    result = options["result"]
    left = (result.get("plan") or {}).get("vlans_left") or []
    return _record.from_dict(options["run"]).took_back(str(result.get("msg") or ""), left).to_dict()


def compared(options: Given, play: Play) -> Result:
    """The record of a comparison, with what dom0 says. `plan`: the result of xs_bond_info."""
    plan, run = options["plan"], _record.from_dict(options["run"])
    findings = [*plan["findings"], *_of_dom0(plan, options["dom0"], run, run.hosts)]
    findings += [finding.to_dict() for finding in _unconfirmed(options["dom0"], run.hosts)]
    if options["options"]["degraded"] == "fail":
        findings += [finding.to_dict() for finding in partners.lacp_findings(plan["hosts"], options["dom0"].get("dom0") or {})]
    findings += [_not_asked(host).to_dict() for host in run.hosts if options["options"]["dom0"] and not host.login]
    return replace(run, findings=tuple(findings), stage="over").to_dict()


def ended(options: Given, play: Play) -> Result:
    """The closing words."""
    wanted, run = options["options"], _record.from_dict(options["run"]).over()
    now = (options["now"].get("hosts") if run.done else None) or options["plan"]["hosts"]
    seconds = {host.name: host.seconds for host in run.done}
    words = _took_back(options["dom0"], run.hosts) if run.state == "verified" else run.recap(wanted["dom0"])
    return {
        **run.to_dict(),
        "lines": [*_lines.hosts_table(now, seconds), *words, *_lines.lacp_lines(now, options["dom0"].get("dom0") or {})],
    }


def kept(options: Given, play: Play) -> Result:
    """What AWX keeps of the run, and gives to the jobs after it, however it ended. `now`: what the pool has after a change. `said`: why it
    fails, where another task says that, which knows nothing of AWX.
    """
    if rejected := options["options"].get("kept"):
        data = _artifact.artifacts(rejected["stage"], options["options"]["pool"] or "unknown", rejected)
        return {**_left(data), "said": options["options"]["msg"]}
    run, plan = _record.from_dict(options["run"]), options["plan"]
    rejection = "" if run.stage or run.failure else _not_begun(options, play)
    lines = [] if rejection else _told(options, play, run)
    now = (options["now"].get("hosts") if run.done else None) or plan.get("hosts") or {}
    entry = _artifact.of_run(run, rejection, lines, plan, now)
    entry["network"] = entry["network"] or options["options"]["network"]  # of a pool that could not be read
    pool = run.pool or run.pool_uuid or _in_inventory(play) or options["options"]["address"] or "unknown"
    data = _artifact.artifacts(entry["stage"], pool, entry)
    if entry["stage"] == "plan" and entry["successful"]:
        data["storage_bond_plan_fingerprint"] = {run.pool_uuid: plan.get("fingerprint", "")}
    return {**_left(data), "said": run.message if run.failure else ""}


def rehearsed(options: Given, play: Play) -> Result:
    """The same of a rehearsal, and its verdict. `result`: of the command that played it, with `pool` and `network` (names), `address` and
    `started`.
    """
    result = options["result"]
    entry = _artifact.of_rehearsal(result)
    data = _artifact.artifacts("rehearse", result["pool"] or result["address"], entry)
    data["storage_bond_rehearsal"] = {result["address"]: {"successful": entry["successful"]}}
    return {**_left(data), "message": entry["message"], "successful": entry["successful"]}


def _left(data: dict[str, Any]) -> Result:
    return {"ansible_stats": {"data": data, "per_host": False, "aggregate": True}}


def _told(options: Given, play: Play, run: _record.Run) -> list[str]:
    """What a run says of what it did: its plan, what was changed, or that everything conforms."""
    if run.state == "verified":
        return [str(verdict(options, play)["msg"])]
    if run.check:
        return list(checked({**options, "variable": "storage_bond_run"}, play)["lines"])
    return run.recap(options["options"]["dom0"]) if run.stage == "over" else []


def _unread(plan: Given) -> str:
    """Why xs_bond_info could not compare the pool."""
    return _lines.in_terms_of_the_role(str(plan.get("msg") or "The pool was not compared. The output of the job says why."))


def _not_begun(options: Given, play: Play) -> str:
    """Why the run has not come to its first host."""
    if _record.from_dict(options["run"]).state == "verified":
        return _unread(options["plan"])
    said = refused({**options, "variable": "storage_bond_run"}, play)
    said = said or str(options["now"].get("msg") or "")
    return said or "The run ended before the plan was shown. The output of the job says why. Nothing was changed."


def verdict(options: Given, play: Play) -> Result:
    """Whether the whole pool is as it should be. `plan`: the result of xs_bond_info, which may say why there is none."""
    if "findings" not in options["plan"]:
        return _failed(_unread(options["plan"]))
    run, wanted = _record.from_dict(options["run"]), options["options"]
    if run.findings:
        return _differs(run.findings)
    also = " and in dom0" if wanted["dom0"] else "; dom0 was not asked (storage_bond_dom0 is false)"
    said = f"Every host conforms, in XAPI{also}."
    return {"msg": said, "lines": [said]}


def sum_up(options: Given, play: Play) -> Result:
    """A line for each pool of the play, where there are several. `variable`: where the hosts that led have the record of their runs."""
    runs = _runs(options, play)
    return {"msg": _lines.pools_table(runs)} if len(runs) > 1 else {"skipped": True, "msg": []}


def unchanged(options: Given, play: Play) -> Result:
    """Fails where every pool of the play was planned, and none has anything to do: a workflow of AWX can go another way then."""
    runs = _runs(options, play)
    if not runs or not all(run.check and run.stage == "over" and not run.work for run in runs):
        return {}
    where = shortened([run.called for run in runs])
    return _failed(
        f"Nothing to do on {where}: every host is already as it should be. So there is nothing to approve; in the workflow of the kit,"
        " verify comes next. That this job failed says no more than that: storage_bond_plan_unchanged is fail."
    )


def _runs(options: Given, play: Play) -> list[_record.Run]:
    """The record of each pool of the play."""
    runs: dict[str, _record.Run] = {}
    for name in play.every:
        found = registered(play, name, options["variable"])
        if found.get("leads") is not False and "state" in found:
            run = _record.from_dict(found)
            runs[run.pool_uuid or name] = run
    return list(runs.values())


def reported(options: Given, play: Play, now: float, ansible: str) -> Result:
    """What the report is made of, as _report.report wants it."""
    run, wanted, plan, after = _record.from_dict(options["run"]), options["options"], options["plan"], options["after"]
    rejection = "" if run.stage or run.failure else refused({**options, "variable": "storage_bond_run"}, play)
    if run.state == "verified":
        plan = after = {**plan, "conforms": not run.findings, "findings": list(run.findings)}
    answers = {uuid: facts for uuid, facts in (options["dom0"].get("dom0") or {}).items() if isinstance(facts, dict)}
    return {
        **{name: wanted[name] for name in ("state", "nics", "mode", "strategy")},
        "network": wanted["network"] or wanted["network_uuid"],
        "check": run.check,
        "ended": now,
        "ansible": ansible,
        "plan": {**plan, "failed": bool(rejection)},
        "after": after if "picture" in after else {},
        "done": [host.name for host in run.done],
        "undone": [host.name for host in run.hosts if host.undone],
        "at": run.host_at_work.name if run.host_at_work else "",
        "seconds": {host.name: host.seconds for host in run.done},
        "timeline": list(run.timeline),
        "failure": run.failure or rejection,
        "findings": list(run.findings),
        "taken_back": run.taken_back,
        "dom0": answers,
        "notices": list(run.notices) or _took_back(options["dom0"], run.hosts),
    }


EVENTS: Mapping[str, Callable[[Given, Play], Result]] = {
    event.__name__: event
    for event in (
        asked, lead, planned, checked, host_begun, going_on, armed, pinged, reaching, reached, host_done, failed, left_behind,
        taken_back, compared, ended, kept, rehearsed, verdict, sum_up, unchanged,
    )
}  # fmt: skip


def _not_given(read: Given) -> str:
    """What nobody but the user can know."""
    lost = []
    if not (read["network"] or read["network_uuid"]):
        lost.append("storage_bond_network (the name of the bond's network, such as NAS)")
    if not read["nics"] and read["state"] != "absent":
        lost.append("storage_bond_nics (its NICs, such as [eth2, eth4])")
    if not lost:
        return ""
    is_it, it = ("is", "it") if len(lost) == 1 else ("are", "them")
    return f"{' and '.join(lost)} {is_it} not given. Give {it} in the inventory, in the play or with -e. Nothing was changed."


def _only_plan(read: Given, play: Play) -> bool:
    return play.check or read["plan"] == "save"


def _failed(message: str) -> Result:
    return {"failed": True, "msg": message}


def _differs(findings: Sequence[Mapping[str, Any]]) -> Result:
    said = by_cause(findings)
    return {**_failed("\n".join(said)), "findings": list(findings)}


def registered(play: Play, name: str, variable: str) -> Mapping[str, Any]:
    """What a host of the play has registered; {} where it has not, or its task was skipped."""
    found = play.hostvars[name].get(variable) if name in play.hostvars else None
    return found if isinstance(found, Mapping) else {}


def _needed(run: _record.Run, wanted: Given) -> tuple[_record.HostRun, ...]:
    """The hosts whose dom0 has to answer: all that are wanted, for their proof; without that, those whose xapi is restarted by SSH."""
    if wanted["dom0"] or wanted["ping_hosts"] or wanted["lldp"]:
        return run.hosts
    if run.state == "verified":
        return ()
    if wanted["ping"] or wanted["confirm_timeout"]:
        return run.work
    return tuple(host for host in run.work if "restart_agent" in host.steps) if wanted["agent_method"] == "service" else ()


def _not_in_inventory(run: _record.Run, wanted: Given) -> list[str]:
    lost = [host.name for host in _needed(run, wanted) if not host.login]
    if not lost:
        return []
    return [
        f"{shortened(lost)}: no host of the inventory has this name, address or uuid, so that dom0 cannot be reached by SSH."
        " Add it to the inventory (with ansible_host or xs_uuid), or do without dom0 (storage_bond_dom0=false, and"
        " storage_bond_strategy=direct or storage_bond_agent_method=agent)."
    ]


def _not_asked(host: _record.HostRun) -> Finding:
    """A dom0 that nobody can reach is not proved."""
    sentence = f"{host.name}, dom0: not asked, since no host of the inventory has this name, address or uuid."
    return Finding("dom0_not_asked", host.name, sentence)


def _left_out(run: _record.Run, wanted: Given, play: Play) -> list[str]:
    """A first-time user takes --limit for a choice of hosts, and it is one of pools."""
    if wanted["hosts"] or not run.work:
        return []
    outside = _leader.left_out(play.every, {host.uuid: host.login for host in run.hosts if host.login}, play.limited)
    if not outside:
        return []
    return [
        f"--limit leaves out {shortened(outside)}, and the plan is for the whole pool: it changes"
        f" {shortened([host.name for host in run.work])}. Limit the play to the whole pool, or name the hosts that are meant in"
        " storage_bond_hosts."
    ]


def _stopped_before(run: _record.Run, play: Play, variable: str) -> str:
    """A batch before this one has failed on the same pool."""
    gone = [name for name in play.every if name not in (*play.hosts, play.host)]
    failed = [name for name in gone if run.pool_uuid and registered(play, name, variable).get("pool_uuid") == run.pool_uuid]
    if not failed:
        return ""
    return (
        f"The pool {run.called} was stopped earlier in this play, on {', '.join(failed)}. Nothing was changed since."
        " When the cause is gone, run again."
    )


def _another_pool(run: _record.Run, wanted: Given) -> list[str]:
    if not run.pool_uuid or wanted["pool"] in ("", run.pool, run.pool_uuid):
        return []
    return [
        f"This is the pool {run.called}, and storage_bond_pool says that {wanted['pool']} is meant. Look at the login and at the limit."
    ]


def _stop_is_asked_for(plan: Given, run: _record.Run) -> list[str]:
    if not (plan.get("pool") or {}).get("stop") or not run.work:
        return []
    return [f"other_config of the pool has {STOP}, with which somebody has asked a run to end. {_take_away_stop(run)}"]


def _take_away_stop(run: _record.Run) -> str:
    return f"To allow runs again, on the master: xe pool-param-remove uuid={run.pool_uuid} param-name=other-config param-key={STOP}"


def _left_bridges(plan: Given, dom0: Given, hosts: Sequence[_record.HostRun]) -> list[LeftBridge]:
    """The bridges in dom0 of these hosts that an incomplete bond has left, with NICs in them."""
    return [
        bridge
        for host, facts in _answered(dom0, hosts)
        for about in [plan["hosts"][host.name]]
        for bridge in left_bridges(host.name, about["nic_bridges"], facts, about["bridges"])
    ]


def _unknown_to_xapi(plan: Given, dom0: Given, run: _record.Run, accept: Sequence[str]) -> list[Problem]:
    """What dom0 has of the NICs that the plan is about, and of the storage that hosts keep for each other, and XAPI does not see."""
    answers = dom0.get("dom0") or {}
    if not run.work:
        return []
    behind = [
        problem
        for host in run.hosts
        for problem in drbd_problems(host.name, plan["hosts"][host.name]["replicated"], answers.get(host.uuid))
    ]
    return behind + [
        problem
        for host in run.work
        if host.uuid in answers
        for about in [plan["hosts"][host.name]]
        for problem in (
            *dom0_problems(host.name, about["nic_bridges"], answers[host.uuid], accept, about["bridges"]),
            *neighbours.switch_problems(host.name, *_bonded(about), answers[host.uuid], accept),
        )
    ]


def _bonded(about: Given) -> tuple[list[str], str]:
    """NICs and mode that the bond of a host is going to have."""
    expected = about["expected"] or {}
    return list(expected.get("nics", ())), str(expected.get("mode", ""))


def _of_switches(plan: Given, dom0: Given, run: _record.Run) -> list[str]:
    """What is to be said of the switches that dom0 of the hosts has heard."""
    return [
        notice
        for host, facts in _answered(dom0, run.work)
        for notice in neighbours.switch_notices(host.name, *_bonded(plan["hosts"][host.name]), facts)
    ]


def _unconfirmed(dom0: Given, hosts: Sequence[_record.HostRun]) -> list[Finding]:
    """Changes that dom0 takes back unless another run confirms them."""
    return [
        Finding("not_confirmed", host.name, running(host.name, facts["timer"]["until"], facts["timer"]["owner"]))
        for host, facts in _answered(dom0, hosts)
        if facts.get("timer")
    ]


def _took_back(dom0: Given, hosts: Sequence[_record.HostRun]) -> list[str]:
    """What dom0 of these hosts has taken back by itself, as sentences."""
    return [taken_back_by_itself(host.name, facts["taken_back"]) for host, facts in _answered(dom0, hosts) if facts.get("taken_back")]


def _taken_back_at(dom0: Given, hosts: Sequence[_record.HostRun]) -> dict[str, float]:
    """When that was, by the clock of dom0."""
    return {host.name: float(facts["taken_back"]["at"]) for host, facts in _answered(dom0, hosts) if facts.get("taken_back")}


def _answered(dom0: Given, hosts: Sequence[_record.HostRun]) -> list[tuple[_record.HostRun, Given]]:
    answers = dom0.get("dom0") or {}
    return [(host, answers[host.uuid]) for host in hosts if isinstance(answers.get(host.uuid), Mapping)]


def _of_dom0(plan: Given, dom0: Given, run: _record.Run, hosts: Sequence[_record.HostRun]) -> list[dict[str, str]]:
    """What dom0 of these hosts has otherwise than XAPI says. Those that did not answer are among them."""
    answers, bridge = dom0.get("dom0") or {}, (plan.get("network") or {}).get("bridge", "")
    found: list[Finding] = []
    for host in hosts:
        about = plan["hosts"][host.name]
        if host.uuid in answers:
            seen = Seen(host.name, host.uuid, about["device"], about["bridge"] or bridge, about["mac"])
            target = Prediction.from_dict(about["expected"]) if about["expected"] else None
            found += dom0_findings(seen, target, run.state == "absent", answers[host.uuid])
            if run.state == "verified":
                found += drbd_findings(host.name, about["replicated"], answers[host.uuid])
    return [finding.to_dict() for finding in found]
