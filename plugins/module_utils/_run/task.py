# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module's work gets, and the way it runs as a module (the other way is plugin_utils/_action). Private to the collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import env_fallback
from ansible_collections.xapi.network.plugins.module_utils._pool import values
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

# Runs a command in dom0 of each host named, at the same time, within some seconds; gives (rc, stdout, stderr) of each, or why it has none.
Shells = Callable[[Sequence[str], str, float], Mapping[str, "tuple[int, str, str] | str"]]

# The options of doc_fragments/xapi.py.
CONNECTION_OPTIONS: dict[str, Any] = {
    "hostname": {"type": "str", "required": True, "fallback": (env_fallback, ["XENSERVER_HOST"])},
    "username": {"type": "str", "default": "root", "fallback": (env_fallback, ["XENSERVER_USER"])},
    "password": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["XENSERVER_PASSWORD"])},
    "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["XENSERVER_VALIDATE_CERTS"])},
    "ca_path": {"type": "path", "fallback": (env_fallback, ["XENSERVER_CA_PATH"])},
    "fingerprint": {"type": "str", "fallback": (env_fallback, ["XENSERVER_FINGERPRINT"])},
    "timeout": {"type": "int", "default": 60, "fallback": (env_fallback, ["XENSERVER_TIMEOUT"])},
}


def _silent(text: str) -> None:
    """A module process has no way to show progress."""


@dataclass(frozen=True)
class Task:
    """One task of a play: its validated options and what its work may use."""

    options: Mapping[str, Any]
    check_mode: bool = False
    diff_mode: bool = False
    warn: Callable[[str], None] = _silent
    progress: Callable[[str], None] = _silent
    # The inventory's name of the play's host; "" in a module process.
    host: str = ""
    # Runs a command over the task's connection, which is dom0, and gives (rc, stdout, stderr); None in a module process.
    # Its second argument is how many seconds it may take; beyond them ConnectionLost is raised, and the command may still be at it.
    shell: Callable[..., tuple[int, str, str]] | None = field(default=None, repr=False)
    # The same for hosts of the inventory.
    shells: Shells | None = field(default=None, repr=False)
    # What happened when, in order. Both ways add it to the result as `timeline`, to that of a failure too.
    timeline: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def note(self, what: str, host: str = "") -> None:
        """Keeps when something happened, in seconds since 1970 by the clock of this machine."""
        self.timeline.append({"host": host, "what": what, "at": round(time.time(), 2)})

    def timed(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The result with the timeline, where anything was noted."""
        return {**result, "timeline": self.timeline} if self.timeline else dict(result)

    def seconds(self, option: str) -> float:
        """The value of an option that says how long. Raises NetworkError for one that nobody can mean."""
        try:
            return values.seconds(option, self.options[option])
        except ValueError as error:
            raise NetworkError(f"{error} Nothing was changed.") from None

    def session(self) -> Session:
        """A session by the task's connection options, to be used with `with`. Raises NetworkError."""
        return Session(Connection.from_options(self.options), warn=self.warn)


def run_as_module(argument_spec: Mapping[str, Any], constraints: Mapping[str, Any], work: Callable[[Task], Mapping[str, Any]]) -> None:
    """Runs the work in a module process: on the control node without the action plugin, or on a bastion host."""
    module = AnsibleModule(argument_spec=argument_spec, **constraints)
    task = Task(options=module.params, check_mode=module.check_mode, diff_mode=module._diff, warn=module.warn)
    try:
        result = task.timed(work(task))
    except NetworkError as error:
        module.fail_json(msg=error.message, **task.timed(error.facts))
    if result.get("failed"):
        module.fail_json(**{"msg": "failed", **result})
    module.exit_json(**result)
