# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks dom0 of many hosts about its network, at the same time, over their connections of the inventory. Private to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._bond.partners import unsettled
from ansible_collections.xapi.network.plugins.module_utils._bond.replicated import waiting
from ansible_collections.xapi.network.plugins.module_utils._dom0 import answers, lldp, start_up
from ansible_collections.xapi.network.plugins.module_utils._run.beside import beside
from ansible_collections.xapi.network.plugins.module_utils._run.task import Shells, Task
from ansible_collections.xapi.network.plugins.module_utils._run.wait import Patience, await_dom0
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

SECONDS = 60  # within which every host has to answer, where nothing else is said


def facts(status: int, output: str, error: str) -> dict[str, Any]:
    """The facts xs_dom0 out of an answer of dom0. Raises NetworkError where it is none."""
    if status and "#xapi.network" not in output:
        raise NetworkError(f"dom0 did not carry out the command that asks for its network (status {status}): {(error or output).strip()}")
    return answers.parse(output).facts()


def ask(task: Task, hosts: Mapping[str, str], seconds: float = SECONDS, start: int = 0) -> dict[str, Any]:
    """`dom0`: what each host answers, or a text that says why there is nothing, by uuid; `silent`: a sentence for each that did not.

    `hosts`: the inventory's names by uuid. While DRBD is behind on one of them, all are asked again for `drbd_timeout` seconds of the task;
    while a switch does not bundle an LACP bond, for `lacp_timeout` seconds. `start`: seconds for which the start of their xapi is awaited
    before; one that is not complete then is what there is to say of the host.
    Raises NetworkError in a module process, which has no connections.
    """
    shells = task.shells
    if shells is None:
        raise NetworkError(
            "dom0 is asked over connections of the inventory, by a task of the play. A module process (async, or its own file) has none."
        )
    patiences = [Patience("DRBD", waiting, task.options["drbd_timeout"]), Patience("LACP", unsettled, task.options["lacp_timeout"])]
    return await_dom0(lambda: _once(hosts, shells, seconds, start), patiences, task.progress)


def listen(task: Task, hosts: Mapping[str, str], nics: Sequence[str]) -> dict[str, dict[str, dict[str, str]]]:
    """The neighbour of each of these NICs by LLDP, by uuid of the host. A host that does not answer is left out; `ask` says why."""
    if task.shells is None or not nics:
        return {}
    replies = task.shells(list(hosts.values()), lldp.command(nics), lldp.SECONDS + SECONDS)
    return {uuid: heard(reply[1]) for uuid, name in hosts.items() if not isinstance(reply := replies[name], str)}


def heard(output: str) -> dict[str, dict[str, str]]:
    """The same out of one answer."""
    return {nic: neighbour.to_dict() for nic, neighbour in lldp.read(output).items()}


@contextmanager
def asked_meanwhile(task: Task, hosts: Mapping[str, str], start: int = 0) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """`ask`, while something else is done: gives a function that waits for the answers and returns them by uuid."""
    if not hosts:
        yield dict
        return
    with beside(partial(ask, task, hosts, start=start)) as asked:
        yield lambda: asked.result()["dom0"]


def _once(hosts: Mapping[str, str], shells: Shells, seconds: float, start: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    silent: list[str] = []
    command = f"{answers.section(answers.START_UP, start_up.complete(start))}\n{answers.PROBE}" if start else answers.PROBE
    replies = shells(list(hosts.values()), command, seconds + start)
    for uuid, name in hosts.items():
        reply = replies[name]
        try:
            found[uuid] = reply if isinstance(reply, str) else facts(*reply)
        except NetworkError as error:
            found[uuid] = error.message
        if isinstance(found[uuid], str):
            silent.append(f"{name}: {found[uuid]}")
        elif found[uuid]["uuid"] != uuid:
            silent.append(f"{name}: the SSH connection leads to {found[uuid]['hostname']}, which is another host.")
    return {"changed": False, "dom0": found, "silent": silent}
