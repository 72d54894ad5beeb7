# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module's work in Ansible's own process, or as a module where the task is delegated to. Private to the collection.

A module process costs half a second, most of it Ansible's own start-up; in this process the same work costs some twenty milliseconds.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task
from ansible_collections.xapi.network.plugins.module_utils._run.watch import end_with
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError
from ansible_collections.xapi.network.plugins.plugin_utils._shells import in_time, on_all


class Module(Protocol):
    """What the action needs of a module's file."""

    @property
    def ARGUMENT_SPEC(self) -> Mapping[str, Any]:
        """Its options."""

    @property
    def CONSTRAINTS(self) -> Mapping[str, Any]:
        """What Ansible checks of them besides."""

    def work(self, task: Task) -> Mapping[str, Any]:
        """Does it."""


# ansible-core 2.22 knows the secrets once the options are validated, masks them in all that is shown, and warns of remove_values.
CORE_MASKS_SECRETS = importlib.util.find_spec("ansible.module_utils.secrets") is not None

# Seconds that a command in dom0 may take when nothing else is said: a busy dom0 answers in some seconds.
SHELL_SECONDS = 60.0

# Options that say which host is meant: when the task does not give them, they come from the inventory.
FROM_INVENTORY: Mapping[str, str] = {"host": "inventory_hostname", "address": "ansible_host"}


def no_login(missing: Sequence[str], job: bool) -> str:
    """`missing`: hostname, password or both; `job`: whether this is a job of AWX, which gets them from a credential."""
    if job:
        return (
            f"This job has no {' and no '.join(missing)} for XAPI. Attach a credential of the type XenServer or XCP-ng pool to the job"
            " template, or choose one when it is launched. Nothing was changed."
        )
    variables = {"hostname": "XENSERVER_HOST (the master's address)", "password": "XENSERVER_PASSWORD"}
    return (
        f"No {' and no '.join(missing)} for XAPI: set {' and '.join(variables[name] for name in missing)} in the environment, or"
        f" {' and '.join(missing)} of the task ({' and '.join(f'storage_bond_{name}' for name in missing)} of the role storage_bond)."
        " Nothing was changed."
    )


class InProcessAction(ActionBase):
    """The action plugin of one module, which its subclass names in `module`."""

    module: Module
    _supports_async = True  # in the sense of: such a task goes to a module process

    def over_shell(self, options: Mapping[str, Any]) -> bool:
        """Whether the work needs the task's connection, which then is dom0. Asked before the options are validated."""
        return False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._fill_from_inventory(task_vars or {})
        constraints = dict(self.module.CONSTRAINTS)
        constraints.pop("supports_check_mode", None)
        try:
            validated, options = self.validate_argument_spec(self.module.ARGUMENT_SPEC, **constraints)
            as_module = self._as_module()
        except AnsibleActionFail as error:
            # Ansible applies failed_when to a failed result, as a module's is, but not to what an action raises.
            return {**result, "changed": False, "failed": True, "msg": self._no_login() or error.message}
        if as_module:
            result.update(self._run_as_module(options, task_vars))
        else:
            outcome = self._run_here(options, task_vars or {})
            result.update(outcome if CORE_MASKS_SECRETS else remove_values(outcome, validated._no_log_values))
        return result

    def _fill_from_inventory(self, task_vars: Mapping[str, Any]) -> None:
        if self._task.args.get("host"):
            return
        for option, variable in FROM_INVENTORY.items():
            if option in self.module.ARGUMENT_SPEC and not self._task.args.get(option) and task_vars.get(variable):
                self._task.args[option] = self._templar.template(task_vars[variable])

    def _no_login(self) -> str:
        """How to say where the pool is and who logs in, where neither the task nor the environment does; "" where one of them does."""
        missing = [
            name
            for name, variable in (("hostname", "XENSERVER_HOST"), ("password", "XENSERVER_PASSWORD"))
            if name in self.module.ARGUMENT_SPEC and self._task.args.get(name) is None and variable not in os.environ
        ]
        return no_login(missing, job="JOB_ID" in os.environ) if missing else ""

    def _as_module(self) -> bool:
        """Only where the task is delegated to a host elsewhere: a play over the pool's hosts must not look for Python in dom0."""
        local = self._connection.transport == "local"
        if self._task.async_val:
            if not local and not self._task.delegate_to:
                raise AnsibleActionFail(
                    "async needs a module process, which dom0 has no Python for: add delegate_to: localhost to the task."
                )
            return True
        return bool(self._task.delegate_to) and not local and not self.over_shell(self._task.args)

    def _run_as_module(self, options: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        # The environment variables of the connection (a credential of AWX) are the control node's, so their values travel as arguments.
        connection = {name: options[name] for name in CONNECTION_OPTIONS if options.get(name) is not None}
        arguments = (
            {**connection, **self._task.args} if set(CONNECTION_OPTIONS) <= set(self.module.ARGUMENT_SPEC) else dict(self._task.args)
        )
        result: dict[str, Any] = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        return result

    def _run_here(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        end_with(os.getppid())
        warnings: list[str] = []
        task = Task(
            # As a module process gets them: by way of JSON, without Ansible's tags, which XML-RPC cannot send.
            options=json.loads(json.dumps({name: options.get(name) for name in self.module.ARGUMENT_SPEC})),
            check_mode=bool(self._task.check_mode),
            diff_mode=bool(self._task.diff),
            warn=warnings.append,
            progress=self._display.display,
            host=str(task_vars.get("inventory_hostname", "")),
            shell=self._shell,
            shells=partial(on_all, self, task_vars),
        )
        try:
            result = {"changed": False, **task.timed(self.module.work(task))}
        except NetworkError as error:
            result = {"changed": False, **task.timed(error.facts), "failed": True, "msg": error.message}
        return {**result, "warnings": warnings} if warnings else result

    def _shell(self, command: str, seconds: float = SHELL_SECONDS) -> tuple[int, str, str]:
        reply = in_time(lambda: self._low_level_execute_command(command), seconds)
        where = self._play_context.remote_addr
        # What it means that the command may or may not have run is the module's to say, so the host is not simply unreachable.
        if reply is None:
            self._connection.reset()  # a control connection that hangs would hold the next command too
            raise ConnectionLost(f"dom0 at {where} has not answered within {seconds:.0f} s; the command may still run there.")
        if isinstance(reply, Exception):
            said = " ".join(str(reply).split()).rstrip(".")
            raise ConnectionLost(f"The connection to dom0 at {where} failed: {said}.")
        return int(reply["rc"]), str(reply["stdout"]), str(reply["stderr"])
