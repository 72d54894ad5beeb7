# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record of one run of the role on one pool: what it has to do, where it is, what is done, and what it says about that. Pure.

A `Run` is a value. Each station of the role makes a new one of it: `begin`, then for each host `at_work` and `proved`, else `failed`, and
`taken_back`. Between two tasks it is plain data (`to_dict`, `from_dict`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.checks import shortened
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import clock

# Actions of a plan that make a bond where there was none.
MADE = ("created", "restarted")
# The lock that keeps other runs away is asked for again when a host begins so long after that. It has a watcher that renews it; this finds
# out when another run has it all the same (the control node slept), before the next host is touched.
RENEW_SECONDS = 60
# A lock that nobody can watch over outlives two waits for a host, and this.
LEASE_SECONDS = 600
ACTIONS: Mapping[str, str] = {
    "created": "bond made",
    "restarted": "bond inherited",
    "repaired": "repaired",
    "remade": "bond created again",
    "removed": "bond removed",
}


@dataclass(frozen=True)
class HostRun:
    """One wanted host: what the plan has for it, and how long that took (None until it is proved). `login`: its name in the inventory."""

    uuid: str
    name: str
    login: str = ""
    action: str = "none"
    steps: tuple[str, ...] = ()
    seconds: float | None = None
    undone: bool = False

    @property
    def made(self) -> bool:
        return self.action in MADE


@dataclass(frozen=True)
class Run:
    """`leads`: whether the host that keeps this record works on the pool; `ask`: the hosts whose dom0 is asked, inventory names by uuid.

    `since`, `begun`: when the run and its host at work began. `held`: when the pool's lock was last taken; `renew`: whether it is due
    again. `at`: the uuid of the host at work, "" between two. `stage`: "" until the plan was found good, then `ready`, at last `over`.
    `by_hand`: what would take back what was made on the host at work; `undo`: uuids of the hosts on which this run does so itself.
    `vlans_left`: VLANs that are not as they were before all the same, as sentences.
    `armed_until`: when dom0 of the host at work takes its change back by itself, by its own clock, or 0; `disarm`: the inventory's name of
    the host whose timer has nothing left to do. `notices`: what dom0 had taken back by itself before this run. `reached`: the addresses of
    other hosts that the host at work reached before its change, with how many bytes; `unreached`: which it does not reach after it, as a
    sentence.
    """

    state: str
    check: bool = False
    pool: str = ""
    pool_uuid: str = ""
    pool_hosts: int = 0
    network: str = ""
    makes_network: bool = False
    hosts: tuple[HostRun, ...] = ()
    leads: bool = True
    ask: Mapping[str, str] = field(default_factory=dict)
    stage: str = ""
    since: float = 0.0
    held: float = 0.0
    renew: bool = False
    at: str = ""
    begun: float = 0.0
    timeline: tuple[Mapping[str, Any], ...] = ()
    failure: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()
    by_hand: str = ""
    undo: tuple[str, ...] = ()
    undo_network: bool = False
    taken_back: str = ""
    vlans_left: tuple[str, ...] = ()
    armed_until: int = 0
    disarm: str = ""
    notices: tuple[str, ...] = ()
    reached: Mapping[str, int] = field(default_factory=dict)
    unreached: str = ""

    @property
    def work(self) -> tuple[HostRun, ...]:
        """The hosts that the plan changes, in the order in which they are visited."""
        return tuple(host for host in self.hosts if host.steps)

    @property
    def done(self) -> tuple[HostRun, ...]:
        return tuple(host for host in self.work if host.seconds is not None)

    @property
    def host_at_work(self) -> HostRun | None:
        return next((host for host in self.hosts if host.uuid == self.at), None)

    @property
    def called(self) -> str:
        return self.pool or self.pool_uuid or "the pool"

    # the stations

    def ready(self) -> Run:
        """The plan was found good."""
        return replace(self, stage="ready")

    def at_work(self, uuid: str, now: float) -> Run:
        """The run comes to this host."""
        renew = now - self.held > RENEW_SECONDS
        return replace(self, at=uuid, begun=now, renew=renew, held=now if renew else self.held, armed_until=0, reached={}, unreached="")

    def before_host(self) -> Run:
        """The run has not come to its host after all."""
        return replace(self, at="")

    def noted(self, notices: Sequence[str], taken_back: Mapping[str, float]) -> Run:
        """What dom0 did before this run: as sentences, and when, by host."""
        moments = ({"host": name, "what": "taken_back", "at": at} for name, at in taken_back.items())
        return replace(self, notices=tuple(notices), timeline=(*self.timeline, *moments))

    def armed(self, until: int, now: float) -> Run:
        """dom0 of the host at work takes the change back then, unless it is confirmed."""
        name = self.host_at_work.name if self.host_at_work else ""
        return replace(self, armed_until=until, timeline=(*self.timeline, {"host": name, "what": "armed", "at": now}))

    def proved(self, timeline: Iterable[Mapping[str, Any]], now: float) -> Run:
        """The host at work, where there is one, is changed and proved."""
        if self.host_at_work is None:
            return self
        hosts = tuple(replace(host, seconds=round(now - self.begun, 1)) if host.uuid == self.at else host for host in self.hosts)
        end = "confirmed" if self.armed_until else "verified"
        return replace(self._timed(timeline, end, now), hosts=hosts, at="", armed_until=0)

    def failed(
        self, task: str, reason: str, findings: Sequence[Mapping[str, Any]], timeline: Iterable[Mapping[str, Any]], now: float
    ) -> Run:
        """The run stops where it is. Without a task, it was Ansible that stopped it."""
        where = self.host_at_work.name if self.host_at_work else self.called
        if task:
            failure = f'{where} failed at "{task}": {reason}'
        else:
            failure = (
                f"{where} was stopped where it was, since another host of this play has failed and the play says any_errors_fatal or"
                " max_fail_percentage."
            )
        return replace(self._timed(timeline, "failed", now), failure=failure, findings=tuple(findings))

    def with_remedy(self, scope: str, bonds: Mapping[str, str] | None, anyway: bool = False) -> Run:
        """With what is to be taken back of what this run has made, and how.

        `scope` says what the run itself takes back: "" nothing, `host` the bond of the host at work, `pool` everything. `bonds`: uuids of
        the bonds that there are now, by host uuid; None when the pool could not be asked. `anyway`: the host at work too where its bond is
        gone already, since its NICs may not be plugged.
        """
        touched = [host for host in self.work if host.uuid == self.at or (scope == "pool" and host.seconds is not None)]
        left = [host for host in touched if bonds is None or bonds.get(host.uuid) or (anyway and host.uuid == self.at)]
        undo = [host.uuid for host in left if host.made] if scope else []
        return replace(self, by_hand=self._by_hand(bonds), undo=tuple(undo), undo_network=scope == "pool" and self.makes_network)

    def _by_hand(self, bonds: Mapping[str, str] | None) -> str:
        host = self.host_at_work
        if host is None or not host.made or (bonds is not None and not bonds.get(host.uuid)):
            return ""
        remove = f"run xapi.network.storage_bond_remove with storage_bond_hosts={host.uuid}"
        if bonds is None:
            return f"The pool could not be asked what is on {host.name} now. If there is a bond, to take it back {remove}."
        return f"To take back what was made on {host.name}, {remove}, or on the master: xe bond-destroy uuid={bonds[host.uuid]}"

    def took_back(self, trouble: str, vlans_left: Sequence[str] = ()) -> Run:
        """The bonds on the hosts of `undo` are gone, or, with `trouble`, it could not be done. `vlans_left`: VLANs that are not as they
        were all the same, as sentences.
        """
        if not self.undo:
            return self
        hosts = tuple(replace(host, undone=host.uuid in self.undo) for host in self.hosts)
        names, left = ", ".join(host.name for host in self.hosts if host.uuid in self.undo), tuple(vlans_left)
        if trouble:
            return replace(self, hosts=hosts, vlans_left=left, taken_back=f"Taking it back on {names} failed too: {trouble}")
        host = self.host_at_work
        disarm = host.login if host and self.armed_until and host.uuid in self.undo else ""
        said = " ".join([f"Taken back on {names}, whose NICs have their addresses again.", *left])
        return replace(self, hosts=hosts, disarm=disarm, vlans_left=left, taken_back=said)

    def over(self) -> Run:
        """Everything is done and proved."""
        return replace(self, stage="over")

    def _timed(self, timeline: Iterable[Mapping[str, Any]], end: str, now: float) -> Run:
        host = self.host_at_work
        name = host.name if host else ""
        first = [{"host": name, "what": "begun", "at": self.begun}] if host else []
        # What the tasks of the host before have registered, or those of an earlier run of the same play, is there as well.
        since = self.begun if host else float(self.timeline[-1]["at"]) if self.timeline else self.since
        mine = [entry for entry in timeline if float(entry["at"]) >= since]
        return replace(self, timeline=(*self.timeline, *first, *mine, {"host": name, "what": end, "at": now}))

    # what it says

    @property
    def message(self) -> str:
        """What went wrong, how things are, and how to go on."""
        kept = ", ".join(host.name for host in self.done if not host.undone) or "no host"
        left = ", ".join(host.name for host in self.work if host.seconds is None and host.uuid != self.at) or "no host is left"
        lines = [
            self.failure,
            f"Finished: {kept}. Not touched: {left}.",
            self.taken_back or ("" if self._by_itself() else self.by_hand),
            self._by_itself(),
            "When the cause is gone, run again: what is finished is not touched a second time.",
        ]
        return "\n".join(line for line in lines if line)

    def _by_itself(self) -> str:
        host = self.host_at_work
        if host is None or not self.armed_until or self.disarm:
            return ""
        return (
            f"Nobody has confirmed the change of {host.name}: at {clock(self.armed_until)} its dom0 takes back by itself what was made"
            " there. Run again after that."
        )

    def recap(self, proved_in_dom0: bool) -> list[str]:
        """The closing lines: what was done on each host, and what was not proved."""
        changed = [f"{host.name} ({ACTIONS.get(host.action, host.action)}, {host.seconds:.0f} s)" for host in self.done]
        planned = [f"{host.name} ({ACTIONS.get(host.action, host.action)})" for host in self.work]
        kept = [host.name for host in self.hosts if not host.steps]
        lines = []
        if self.check:
            lines.append(f"Would be changed: {', '.join(planned)}." if planned else "Nothing would be changed.")
        else:
            lines.append(f"Changed: {', '.join(changed)}." if changed else "Nothing was changed.")
        if kept:
            lines.append(f"As it should be already: {shortened(kept)}.")
        if not proved_in_dom0:
            lines.append("Not proved in dom0: storage_bond_dom0 is false.")
        return lines

    def progress(self) -> str:
        """Where the run is, for the line that is shown before each host."""
        host = self.host_at_work
        number = [one.uuid for one in self.work].index(self.at) + 1
        done = f"; finished: {shortened([one.name for one in self.done])}" if self.done else ""
        return f"{host.name if host else ''}: host {number} of {len(self.work)}{done}"

    def row(self) -> tuple[str, str, str, str, str]:
        """One line of the table of all pools: pool, hosts, changed, seconds, outcome."""
        hosts = str(self.pool_hosts) if self.pool_hosts else "-"
        if self.state == "verified":
            outcome = "as it should be" if not (self.findings or self.failure) else f"differs: {plural(len(self.findings), 'finding')}"
            return (self.called, hosts, "-", "-", outcome)
        if not self.stage:
            return (self.called, hosts, "0", "-", "refused, nothing was changed")
        seconds = f"{sum(host.seconds or 0.0 for host in self.done):.1f}" if self.done else "-"
        changed = f"{len(self.done)} of {len(self.work)}" if self.work else "0"
        if self.failure:
            outcome = f"stopped at {self.host_at_work.name if self.host_at_work else 'the last proof'}"
        else:
            outcome = "nothing to do" if not self.work else "done" if self.done else "planned"
        return (self.called, hosts, changed, seconds, outcome)

    # as data

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "work": [asdict(host) for host in self.work], "message": self.message}


def from_dict(data: Mapping[str, Any]) -> Run:
    """The run that `to_dict` made this of. Other keys are passed over, so that a registered result can be given."""
    known: dict[str, Any] = {one.name: data[one.name] for one in fields(Run) if one.name in data}
    known["hosts"] = tuple(HostRun(**{**host, "steps": tuple(host["steps"])}) for host in known.get("hosts", ()))
    for name in ("timeline", "findings", "undo", "notices", "vlans_left"):
        known[name] = tuple(known.get(name, ()))
    return Run(**known)


def begin(state: str, check: bool, answer: Mapping[str, Any], logins: Mapping[str, str], now: float) -> Run:
    """The record of a run at its beginning. `answer`: of xs_bond in check mode or xs_bond_info; `logins`: inventory names by uuid."""
    pool, network = answer.get("pool") or {}, answer.get("network") or {}
    steps = (answer.get("plan") or {}).get("steps") or []
    return Run(
        state=state,
        check=check,
        since=now,
        held=now,
        pool=str(pool.get("name", "")),
        pool_uuid=str(pool.get("uuid", "")),
        pool_hosts=len(pool.get("hosts") or ()),
        network=str(network.get("name", "")),
        makes_network=any(step["action"] == "create_network" for step in steps),
        hosts=tuple(
            HostRun(about["uuid"], name, logins.get(about["uuid"], ""), about["action"], tuple(about["steps"]))
            for name, about in (answer.get("hosts") or {}).items()
        ),
    )


def plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
