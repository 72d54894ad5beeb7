# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording's steps, carried out on a twin, each compared with what was recorded."""

from __future__ import annotations

import asyncio
import json
import xmlrpc.client
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers.expat import ExpatError

from tests.conformance import timeline
from tests.conformance.compare import (
    NAME,
    PARTIAL,
    Copy,
    Renaming,
    differences,
    dom0_differences,
    in_scope,
    is_subsequence,
    label,
    pair_objects,
    record_differences,
    state_differences,
)
from tests.conformance.http import request
from tests.conformance.recording import Recording
from tests.conformance.virtual_time import VirtualTimeLoop, run
from tests.conformance.words import content, dom0_says, in_wire_words, objects_shown, plain, text_or_nothing, uncounted, unordered_tail
from xapi_twin.database import Change
from xapi_twin.datamodel.errors import ConnectionDropped
from xapi_twin.server.http import respond
from xapi_twin.serving.ports import Serving
from xapi_twin.twin.host import Host

Record = dict[str, Any]

QUIET, LONGEST = 2.0, 15.0  # seconds: a state was taken when nothing had changed for so long, and in the end anyway
PATIENCE = 40.0  # seconds in which the twin must say what was recorded of links
TASK_PATIENCE = 120.0
METHODS_KNOWN = "26.17.0"  # the version of which all methods of all classes are known


@dataclass
class Outcome:
    """A recording replayed: how many steps, and the sentences about each that differs (step number, sentence)."""

    name: str
    steps: int = 0
    different: list[tuple[int, list[str]]] = field(default_factory=list)

    @property
    def matches(self) -> int:
        return self.steps - len({number for number, _unused in self.different})

    def note(self, number: int, found: list[str]) -> None:
        if found:
            self.different.append((number, found))


def replay(recording: Recording) -> Outcome:
    """Replay a recording in virtual time."""
    outcome: Outcome = run(_replay(recording))
    return outcome


async def _replay(recording: Recording) -> Outcome:
    outcome = Outcome(recording.name)
    serving = await Serving.start(recording.scenario(), tls=False, ssh=False)
    try:
        await Replay(recording, serving, outcome).all()
    finally:
        await serving.stop()
    return outcome


class Replay:
    """One recording on one twin. `names` pairs what is called differently; `state` is the recorded database as of the last state."""

    def __init__(self, recording: Recording, serving: Serving, outcome: Outcome) -> None:
        self.recording = recording
        self.twin, self.server = serving.twin, serving.server
        self.outcome = outcome
        self.names = Renaming()
        self.state = {cls: dict(records) for cls, records in recording.records.items()}
        self.dom0 = dict(recording.dom0)
        self.session = ""
        self.tokens: dict[str, str] = {}  # of event.from, recorded -> the twin's
        self.history: list[Change] = []
        self.waiting: dict[str, asyncio.Task[Any]] = {}
        self.twin.database.observers.append(self.history.append)
        self.twin.pool.row_key = lambda ref: self.names.back.get(ref, ref)
        self.marks: list[tuple[int, float]] = []  # the length of the history before each step, and when it began
        self.probes = timeline.Probes(serving)
        self.tracker = timeline.Tracker(serving)
        self.shown = list(objects_shown(recording.steps))

    async def all(self) -> None:
        steps = self.recording.steps
        if any(entry[1] == "probe" for step in steps for entry in step.get("entries", ())):
            self.probes.start()
        self.outcome.note(0, self._whole_state())
        for number, step in enumerate(steps, 1):
            self.marks.append((len(self.history), asyncio.get_running_loop().time()))
            work: Callable[[Record], Awaitable[list[str]]] | None = getattr(self, f"do_{step['do']}", None)
            self.outcome.steps += 1
            if work is None:
                self.outcome.note(number, [f"there is no way to do '{step['do']}'"])
                continue
            try:
                self.outcome.note(number, await work(step))
            except Exception as error:  # the twin fell over: that is a difference like others
                self.outcome.note(number, [f"{step['do']} {step.get('method', '')}: the twin failed with {error!r}"])

    # calls

    async def do_call(self, step: Record) -> list[str]:
        reply = await self._call(step)
        return self._compare_reply(step, step["reply"], reply)

    async def do_call_start(self, step: Record) -> list[str]:
        self.waiting[str(step["id"])] = asyncio.ensure_future(self._call(step))
        await asyncio.sleep(0.1)
        return []

    async def do_call_end(self, step: Record) -> list[str]:
        reply = await self.waiting.pop(str(step["id"]))
        return self._compare_reply(step, step["reply"], reply)

    async def _call(self, step: Record) -> Record | list[Any]:
        at = self.recording.hosts[step["on"]]
        self._find_unknown(step)
        arguments = tuple(self.tokens.get(text_or_nothing(argument), self.names.translate(argument)) for argument in step["args"])
        if "session" not in step:
            arguments = (self._own_session(), *arguments)
        elif step["session"] is not None:
            arguments = (self.names.translate(step["session"]), *arguments)
        if step["method"] == "system.listMethods":
            arguments = ()
        body = xmlrpc.client.dumps(arguments, step["method"], allow_none=True).encode()
        return await self._post(at, body)

    def _find_unknown(self, step: Record) -> None:
        """An argument may name an object that no step before has shown: the recorder had asked for it in between."""
        for place, argument in enumerate(step["args"]):
            for name in NAME.findall(json.dumps(argument)):
                if not name.startswith("OpaqueRef:") or self.names.known(name) or name in json.dumps(step.get("reply", "")):
                    continue  # (an error that quotes it is about an object that is not there)
                for cls, ref, record in self.shown:
                    if ref == name:
                        pair_objects(self.names, {**self.state, cls: {**self.state[cls], ref: record}}, self._database())
                if not self.names.known(name):
                    self._take_newest(name, step["method"], place)

    def _take_newest(self, name: str, method: str, place: int) -> None:
        """It came and went between two states: the newest object of its class that nothing recorded is yet."""
        cls, _unused, message = method.removeprefix("Async.").partition(".")
        found = self.twin.schema.classes[cls].messages.get(message) if cls in self.twin.schema.classes else None
        if found is None or place >= len(found.parameters):
            return
        type_ = found.parameters[place].type
        cls = type_.name or (type_.item.name if type_.item else "")
        if cls not in self.state:
            return
        database = self.twin.database
        new = [(database.stamp(cls, ref).created, ref) for ref in database.all(cls) if ref not in self.names.back]
        if new:
            self.names.pair(name, max(new)[1])

    async def _post(self, at: str, body: bytes) -> Record | list[Any]:
        if not self.server.listens(at):
            return {"transport_error": "refused"}
        try:
            reply = await respond(self.twin.hosts[at], "POST", "/", body)
        except ConnectionDropped:
            return {"transport_error": "dropped"}
        if reply.status != 200:
            return {"http_status": reply.status, "reason": reply.reason, "body": reply.body}
        try:
            answer: Record | list[Any] = plain(xmlrpc.client.loads(reply.body)[0][0])
        except (xmlrpc.client.Fault, ExpatError) as error:
            return {"fault": str(error)}
        return answer

    def _own_session(self) -> str:
        if self.twin.database.find("session", self.session) is None:
            self.session = self.twin.dispatcher.open_session("traces")
        return self.session

    def _compare_reply(self, step: Record, recorded: Any, ours: Any) -> list[str]:
        what: str = step.get("method") or step["do"]
        if isinstance(recorded, dict) and "transport_error" in recorded:
            return [] if isinstance(ours, dict) and "transport_error" in ours else [f"{what}: no reply was recorded, the twin has {ours}"]
        if isinstance(recorded, list):
            if what == "system.listMethods" and self.recording.version != METHODS_KNOWN:
                recorded, ours = self._of_shown_classes(recorded), self._of_shown_classes(ours)
            return differences(self.names, recorded, ours, what)
        if isinstance(ours, dict) and recorded.get("Status") == ours.get("Status") == "Success":
            return self._compare_value(what, recorded["Value"], ours["Value"])
        return differences(self.names, recorded, ours, what, ordered=True) and unordered_tail(self.names, recorded, ours, what)

    def _of_shown_classes(self, methods: Any) -> list[str]:
        return [method for method in methods if method.partition(".")[0] in set(self.state) - {"pool", "host", "VM"}]

    def _compare_value(self, what: str, recorded: Any, ours: Any) -> list[str]:
        cls, _unused, message = what.removeprefix("Async.").partition(".")
        if what == "event.from":
            return self._compare_batch(recorded, ours)
        if message == "get_record":
            return record_differences(self.names, cls, recorded, ours, what)
        if message in ("get_all_records", "get_all_records_where"):
            pair_objects(self.names, {cls: recorded}, {cls: ours})
            recorded = {ref: in_scope(cls, record, record) for ref, record in recorded.items()}
            shown: Record = next(iter(recorded.values()), {})
            ours = {ref: in_scope(cls, record, shown) for ref, record in ours.items()}
        elif isinstance(recorded, list):
            new: dict[str, dict[str, Record]] = {name: dict(records) for name, records in self.state.items()}
            for name, ref, record in self.shown:  # what the call made is shown by the state that follows
                if ref in recorded:
                    new.setdefault(name, {}).setdefault(ref, record)
            pair_objects(self.names, new, self._database())
        return differences(self.names, recorded, ours, what)

    def _compare_batch(self, recorded: Record, ours: Record) -> list[str]:
        """One reply of event.from: the same objects with the same snapshots, whatever the numbers."""
        self.tokens[recorded["token"]] = ours["token"]
        found: list[str] = []
        events = {(event["class"], event["ref"]): event for event in ours["events"]}
        for event in recorded["events"]:
            cls, ref = event["class"], self.names.translate(event["ref"])
            if event["operation"] == "del" and not self.names.known(event["ref"]):
                continue  # see OUT_OF_SCOPE
            theirs = events.pop((cls, ref), None)
            where = f"event.from: {cls} {ref}"
            if theirs is None:
                found.append(f"{where}: an event {event['operation']} was recorded, the twin has none")
                continue
            one, other = [event["operation"], event["timestamp"]], [theirs["operation"], theirs["timestamp"]]
            found += differences(self.names, one, other, where, ordered=True)
            if "snapshot" in event:
                name = self._class(cls)
                shown = next(iter(self.state.get(name, {}).values()), event["snapshot"])
                found += differences(
                    self.names, in_scope(name, event["snapshot"], shown), in_scope(name, theirs.get("snapshot", {}), shown), where
                )
        found += [f"event.from: nothing was recorded of {cls} {ref}, the twin has an event" for cls, ref in events]
        counts = recorded["valid_ref_counts"]
        if self.recording.version == METHODS_KNOWN:
            found += differences(self.names, sorted(counts), sorted(ours["valid_ref_counts"]), "event.from: classes counted")
        for cls in ("pool", "host", "host_metrics", "network", "pif", "pif_metrics", "bond", "vlan", "tunnel", "vif", "message", "task"):
            if ours["valid_ref_counts"].get(cls) != counts[cls]:
                found.append(f"event.from: {counts[cls]} of {cls} were counted, the twin counts {ours['valid_ref_counts'].get(cls)}")
        return found

    def _class(self, lower: str) -> str:
        return next((name for name in self.twin.schema.classes if name.lower() == lower), lower)

    # plain HTTP

    async def do_http(self, step: Record) -> list[str]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        url = self.server.urls[self.recording.hosts[step["on"]]]
        text = self.names.translate(step["request"]["body"]).replace("$SESSION", self._own_session())
        with loop.real_time():
            ours = await request(url, step["request"], text.encode())
        recorded = step["reply"]
        where = f"{step['request']['method']} {step['request']['path']}"
        found = differences(self.names, [recorded["status"], recorded["reason"]], [ours["status"], ours["reason"]], where, ordered=True)
        if recorded["body_bytes"] > len(recorded["body"].encode()):
            return found  # only the beginning was kept
        one, other = content(recorded["body"]), content(ours["body"])
        found += differences(self.names, one, other, where, ordered=False)
        length = len(ours["body"].encode())
        if not found and recorded["body_bytes"] != length:
            found.append(f"{where}: {recorded['body_bytes']} bytes were recorded, the twin has {length}: {ours['body']}")
        return found

    # life of hosts

    def _host(self, step: Record) -> Host:
        return self.twin.hosts[self.recording.hosts[step["host"]]]

    async def do_restart_xapi(self, step: Record) -> list[str]:
        host = self._host(step)
        await (host.restart_service() if step.get("how") == "service" else host.restart_xapi())
        await host.init_complete.wait()
        return []

    async def do_stop_xapi(self, step: Record) -> list[str]:
        await self._host(step).stop_xapi()
        return []

    async def do_start_xapi(self, step: Record) -> list[str]:
        host = self._host(step)
        await host.start_xapi()
        await asyncio.wait_for(host.init_complete.wait(), 300)
        return []

    async def do_power_off(self, step: Record) -> list[str]:
        await self._host(step).power_off()
        return []

    async def do_power_on(self, step: Record) -> list[str]:
        host = self._host(step)
        await host.power_on()
        await asyncio.wait_for(host.init_complete.wait(), 300)
        return []

    async def do_dom0(self, step: Record) -> list[str]:
        host = self._host(step)
        if step["kind"] == "nic_gone":
            await host.nic_gone(step["device"])
        elif step["kind"] == "nic_back":
            await host.nic_back(step["device"])
        elif step["kind"] == "del_br":
            await host.backend.bring_down(step["device"])
        elif step["kind"] == "restart_networkd":
            pass  # what it does not mend is seen in the states that follow
        elif step["kind"] == "slow_links":
            self.twin.set_link_seconds(3.0)
        else:
            return [f"there is no way to do '{step['kind']}' in dom0"]
        return []

    # states

    async def do_state(self, step: Record) -> list[str]:
        await self._settle()
        found: list[str] = []
        for cls, records in step["changed"].items():
            for ref, record in records.items():
                if cls == "message" and ref not in self.state[cls]:
                    found += await self._heard(record)
                self.state.setdefault(cls, {})[ref] = record
        for cls, refs in step["gone"].items():
            for ref in refs:
                self.state[cls].pop(ref, None)
        self.dom0.update(step["dom0"])
        return found + self._whole_state()

    def _whole_state(self) -> list[str]:
        found = state_differences(self.names, self.state, self._database())
        for name, ref in self.recording.hosts.items():
            found += dom0_differences(self.names, self.dom0[name], dom0_says(self.twin.hosts[ref]), name)
        return found

    def _database(self) -> dict[str, dict[str, Record]]:
        """The twin's database in the wire's words."""
        return {cls: {ref: self._wire(cls, record) for ref, record in self.twin.database.all(cls).items()} for cls in self.state}

    def _wire(self, cls: str, record: Mapping[str, Any]) -> Record:
        return in_wire_words(self.twin, cls, record)

    async def _settle(self) -> None:
        """Let time pass as the recorder did."""
        began = asyncio.get_running_loop().time()
        seen = len(self.history)
        quiet = began
        while True:
            await asyncio.sleep(0.25)
            now = asyncio.get_running_loop().time()
            if any(change.cls in self.state for change in self.history[seen:]):
                quiet = now
            seen = len(self.history)
            if now - quiet >= QUIET or now - began >= LONGEST:
                return

    async def _heard(self, record: Record) -> list[str]:
        """Every recorded message is one that the twin posts too, though not at the same poll of the links, and with other counts."""
        wanted = uncounted(record)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            said = (change.snapshot for change in self.history if change.cls == "message" and change.operation == "add")
            for message in said:
                if not record_differences(Copy(self.names), "message", wanted, uncounted(self._wire("message", message)), ""):
                    return []
            if asyncio.get_running_loop().time() > deadline:
                about = self.names.translate(record["obj_uuid"])
                return [f"message: '{record['body']}' was recorded of {about}, the twin does not say it"]
            await asyncio.sleep(0.5)

    # what was watched

    async def do_events(self, step: Record) -> list[str]:
        """Each object went through the same states, and nothing else came or went."""
        await self._settle()
        begin = self.marks[len(self.marks) - 1 - step["covers_steps"]][0]
        found = await self._went_through(step, begin)
        recorded = self._recorded_sequences(step)[0]
        watched = {name.lower() for name in step["classes"]} - {"pif_metrics", "message"}
        for change in self.history[begin:]:
            if change.cls.lower() not in watched or self.names.back.get(change.ref) in recorded:
                continue
            if change.operation != "mod":
                found.append(f"events of {change.cls} {label(dict(change.snapshot))}: none was recorded, the twin has {change.operation}")
        return found

    async def _went_through(self, step: Record, begin: int) -> list[str]:
        """Each object that was recorded went through the recorded states."""
        changes = [change for change in self.history[begin:] if change.cls != "message"]
        pair_objects(self.names, self._after(step), self._lived(changes))
        recorded, gone = self._recorded_sequences(step)
        found: list[str] = []
        for batch in step["batches"]:
            for event in batch["events"]:
                if self._class(event["class"]) not in self.twin.schema.classes or event["operation"] not in ("add", "mod", "del"):
                    found.append(f"events: {event['operation']} of {event['class']} was recorded, which the twin does not know")
                elif event["class"] == "message" and event["operation"] == "add":
                    found += await self._heard(event["snapshot"])
        for ref, (cls, sequence) in recorded.items():
            ours = [change for change in changes if change.ref == self.names.translate(ref)]
            states = [self._wire(cls, change.snapshot) for change in ours if change.operation != "del"]
            where = f"events of {cls} {label(sequence[-1]) if sequence else ''} {self.names.translate(ref)}"
            found += [f"{where}: {text}" for text in is_subsequence(self.names, cls, sequence, states)]
            if (ref in gone) != any(change.operation == "del" for change in ours):
                found.append(f"{where}: {'a' if ref in gone else 'no'} deletion was recorded, not so the twin")
        return found

    def _after(self, step: Record) -> dict[str, dict[str, Record]]:
        """The recorded objects that are new in these events."""
        new: dict[str, dict[str, Record]] = {cls: dict(records) for cls, records in self.state.items()}
        for batch in step["batches"]:
            for event in batch["events"]:
                if "snapshot" in event:
                    new.setdefault(self._class(event["class"]), {})[event["ref"]] = event["snapshot"]
        return new

    def _lived(self, changes: list[Change]) -> dict[str, dict[str, Record]]:
        """The twin's objects, also those that came and went."""
        lived = self._database()
        for change in changes:
            lived.setdefault(change.cls, {}).setdefault(change.ref, self._wire(change.cls, change.snapshot))
        return lived

    def _recorded_sequences(self, step: Record) -> tuple[dict[str, tuple[str, list[Record]]], set[str]]:
        """The states that each object went through, as far as the events show them, and what was deleted."""
        sequences: dict[str, tuple[str, list[Record]]] = {}
        gone: set[str] = set()
        for batch in step["batches"]:
            for event in batch["events"]:
                cls, ref = self._class(event["class"]), event["ref"]
                if cls == "message" or cls not in self.state or (event["operation"] == "del" and not self.names.known(ref)):
                    continue
                if event["operation"] == "del":
                    gone.add(ref)
                    sequences.setdefault(ref, (cls, []))
                    continue
                shown = next(iter(self.recording.records[cls].values()), None)
                news = event.get("snapshot", event.get("changed", {}))
                news = in_scope(cls, news, shown if shown is not None and cls in PARTIAL else news)
                before = sequences[ref][1][-1] if ref in sequences and sequences[ref][1] else {}
                if news and differences(Copy(self.names), {**before, **news}, before):
                    sequences.setdefault(ref, (cls, []))[1].append({**before, **news})
        return sequences, gone

    async def _polled(self, step: Record) -> list[str]:
        """What a poller saw while steps before this one were carried out; the record of the events, which covers the same, lies between."""
        await self._settle()
        back = step["trigger"]["covers_steps"] + (self.recording.steps[len(self.marks) - 2]["do"] == "events")
        begin, since = self.marks[len(self.marks) - 1 - back]
        events = [event for entry in step["entries"] if (event := _as_event(*entry)) is not None]
        found = await self._went_through({"batches": [{"events": events}]}, begin)
        for name in {entry[2] for entry in step["entries"] if entry[1] == "probe"}:
            logins = [entry[3]["login"] for entry in step["entries"] if entry[1:3] == ["probe", name]]
            found += self.probes.compare(self.recording.hosts[name], name, logins, since)
        return found

    async def do_task_timeline(self, step: Record) -> list[str]:
        """A task went through the recorded states, and ended like it."""
        task = self.names.translate(step["ref"])
        deadline = asyncio.get_running_loop().time() + TASK_PATIENCE
        while (record := self.twin.database.find("task", task)) is not None and record["status"] == "pending":
            if asyncio.get_running_loop().time() > deadline:
                return [f"{step['about']}: the twin's task does not end"]
            await asyncio.sleep(0.05)
        states = [self._wire("task", change.snapshot) for change in self.history if change.ref == task and change.operation != "del"]
        polls = [poll["record"] for poll in step["polls"]]
        found = is_subsequence(self.names, "task", [record for record in polls if record["progress"] in (0.0, 1.0)], states)
        return [f"task {step['about']}: {text}" for text in found]

    async def do_timeline(self, step: Record) -> list[str]:
        if "entries" in step:
            return await self._polled(step)
        host = self._host(step)

        async def trigger() -> Any:
            if "reply" not in step:
                await (host.restart_service() if step.get("how") == "service" else host.restart_xapi())
                return None
            host.stops_cleanly = "how" in step
            arguments = (self._own_session(), host.ref)
            return await self._post(self.twin.master, xmlrpc.client.dumps(arguments, "host.restart_agent").encode())

        return await self.tracker.compare(step, host, trigger, self.names)


def _as_event(_time: float, cls: str, ref: str, fields: Record | None) -> Record | None:
    """What a poller found different, as an event; None: it is about no object."""
    if cls in ("probe", "poll", "event.from"):
        return None
    if fields is None:
        return {"class": cls, "operation": "del", "ref": ref}
    if "+" in fields:
        snapshot = {name: value for name, value in fields.items() if name != "+"}
        return {"class": cls, "operation": "add", "ref": ref, "snapshot": snapshot}
    return {"class": cls, "operation": "mod", "ref": ref, "changed": fields}
