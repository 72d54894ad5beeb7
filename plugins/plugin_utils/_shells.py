# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One command in dom0 of many hosts at the same time, over the connections that the inventory describes. Private to the collection.

A loop with delegate_to asks one host after the other, and a play over all hosts is not the role's to have: here one task asks all of them.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader, connection_loader
from ansible.template import Templar

# What a dom0 said: status, output, errors; or, where it said nothing, the reason.
Reply = tuple[int, str, str] | str


def on_all(action: ActionBase, task_vars: Mapping[str, Any], names: Iterable[str], command: str, seconds: float) -> dict[str, Reply]:
    """The reply of each host of the inventory in `names`, which are asked at the same time and have this many seconds."""
    replies: dict[str, Reply] = {}
    others: dict[str, ActionBase] = {}
    before = _programs()

    def ask(name: str, other: ActionBase) -> None:
        try:
            said = other._low_level_execute_command(command)
            replies[name] = (int(said["rc"]), str(said["stdout"]), str(said["stderr"]))
        except AnsibleError as error:
            replies[name] = (
                f"The connection to dom0 at {other._play_context.remote_addr} failed: {' '.join(str(error).split()).rstrip('.')}."
            )

    for name in names:
        try:
            others[name] = _at(action, _variables(action, task_vars, name))
        except AnsibleError as error:
            replies[name] = " ".join(str(error).split())
    # Ansible keeps the context of a task in context variables, and a thread begins with none.
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(ask, *one), daemon=True) for one in others.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = [name for name in others if name not in replies]
    found = {name: replies.get(name, f"no answer within {seconds:.0f} s") for name in names}
    if late:
        _end(_programs() - before)
    for name in late:
        with contextlib.suppress(AnsibleError):
            others[name]._connection.reset()  # a control connection that hangs would hold the next command too
    return found


def in_time(run: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any] | AnsibleConnectionFailure | None:
    """What a command over a connection answered or failed with; None when it did not in this time. Its programs are then ended.

    Connection plugins have no limit for a command that hangs, and Ansible's keyword `timeout` fails the task without its result.
    """
    found: list[dict[str, Any] | AnsibleConnectionFailure | BaseException] = []

    def work() -> None:
        try:
            found.append(run())
        except BaseException as error:  # handed to the thread that waits
            found.append(error)

    before = _programs()
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        _end(_programs() - before)
        return None
    (answer,) = found
    if isinstance(answer, BaseException) and not isinstance(answer, AnsibleConnectionFailure):
        raise answer
    return answer


def _end(programs: Iterable[int]) -> None:
    for program in programs:
        with contextlib.suppress(OSError):
            os.kill(program, signal.SIGTERM)


def _programs() -> set[int]:
    """The processes that this one has started and that are still there, as Linux tells (proc(5), children); elsewhere none."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            found |= {int(word) for word in file.read_text(encoding="ascii").split()}
    return found


def _variables(action: ActionBase, task_vars: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Those that a task delegated to this host would see, the play's and the role's among them."""
    hostvars = task_vars["hostvars"]
    task = action._task
    variables: dict[str, Any] = hostvars._variable_manager.get_vars(
        play=task.get_play(), host=hostvars._inventory.get_host(name), task=task, include_hostvars=False
    )
    return variables


def _at(action: ActionBase, variables: Mapping[str, Any]) -> ActionBase:
    """The same task with the connection of another host. What executor/task_executor.py of ansible-core does for a delegated task."""
    templar = Templar(loader=action._loader, variables=dict(variables))
    context: PlayContext = action._play_context.copy()
    # A play on localhost says connection: local, which is not how its pool's hosts are reached.
    kind = str(templar.template(variables.get("ansible_connection") or constants.config.get_config_value("DEFAULT_TRANSPORT")))
    context.connection = "ssh" if kind == "smart" else kind
    context.remote_addr = str(templar.template(variables.get("ansible_host") or variables["inventory_hostname"]))
    connection = connection_loader.get(context.connection, context, None)
    if connection is None:
        raise AnsibleError(f"there is no connection plugin {context.connection}")
    keys = {**action._task.dump_attrs(), "timeout": context.timeout}
    keys.pop("retries", None)  # those of the task are not those of the connection
    if context.password:
        keys["password"] = context.password
    _become(action, connection, variables, templar, keys)
    _configure(connection, "connection", variables, templar, keys)
    _configure(connection._shell, "shell", variables, templar, keys)
    other: ActionBase = type(action)(
        task=action._task,
        connection=connection,
        play_context=context,
        loader=action._loader,
        templar=action._templar,
        shared_loader_obj=action._shared_loader_obj,
    )
    return other


def _become(action: ActionBase, connection: Any, variables: Mapping[str, Any], templar: Templar, keys: Mapping[str, Any]) -> None:
    wanted = variables.get("ansible_become")
    if not (action._task.become if wanted is None else boolean(templar.template(wanted))):
        connection.set_become_plugin(None)
        return
    method = str(templar.template(variables.get("ansible_become_method") or action._task.become_method or "sudo"))
    plugin = become_loader.get(method)
    if plugin is None:
        raise AnsibleError(f"there is no become plugin {method}")
    password = action._play_context.become_pass
    _configure(plugin, "become", variables, templar, {**keys, "become_pass": password} if password else keys)
    connection.set_become_plugin(plugin)


def _configure(plugin: Any, kind: str, variables: Mapping[str, Any], templar: Templar, keys: Mapping[str, Any]) -> None:
    """Gives a plugin its options: from the variables that it knows, else from the task's keywords."""
    names = [name for name in constants.config.get_plugin_vars(kind, plugin._load_name) if name in variables]
    plugin.set_options(task_keys=keys, var_options={name: templar.template(variables[name]) for name in names})
