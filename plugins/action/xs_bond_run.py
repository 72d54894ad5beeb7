# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.xapi.network.plugins.module_utils._run.plan_file import write_plan
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.modules import xs_bond_run
from ansible_collections.xapi.network.plugins.plugin_utils import _answers, _lines, _stations

AWX_SHOWS = 1024  # of an event: EVENT_STDOUT_MAX_BYTES_DISPLAY in awx/settings/defaults.py
AROUND = 350  # the name of the task, a row of stars, "fatal: [xs-1]: FAILED! => {"changed": …" in colour, and a host with a long name


class ActionModule(ActionBase):
    """Gives an event of the role what Ansible knows of the play, and shows its lines."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        plain = self._known(task_vars or {})
        answer = _stations.EVENTS[plain["event"]](plain, self._play_now(task_vars or {}, plain["event"]))
        if where_and_what := answer.pop("write", ()):
            answer |= _written(*where_and_what)
        message = answer.pop("said", "") or (str(answer["msg"]) if answer.get("failed") else "")
        for line in [_lines.shown(line) for line in answer.get("lines", [])] or _for_awx(message):
            self._display.display(line)
        return {**result, "changed": False, **answer}

    def _known(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the task, with what other tasks have registered in place of the names under which they did.

        They come by name, since templating the record of a pool costs more than all else that such a task does.
        """
        _validated, options = self.validate_argument_spec(xs_bond_run.ARGUMENT_SPEC)
        known = {name: options.get(name) for name in xs_bond_run.ARGUMENT_SPEC}
        for name in xs_bond_run.REGISTERED:
            found = variables.get(known[name])
            known[name] = found if isinstance(found, Mapping) else {}
        results = [found for name in options["timeline"] if isinstance(found := variables.get(name), Mapping)]
        known["timeline"] = [entry for result in results for entry in result.get("timeline") or []]
        # By way of JSON, so that it holds plain values whichever way Ansible keeps its variables: warnings of a result are objects.
        return dict(json.loads(json.dumps(known, default=str)))

    def _play_now(self, variables: Mapping[str, Any], event: str) -> _stations.Play:
        return _stations.Play(
            host=str(variables["inventory_hostname"]),
            batch=variables.get("ansible_play_batch") or [],
            hosts=variables.get("ansible_play_hosts") or [],
            every=variables.get("ansible_play_hosts_all") or [],
            groups=variables.get("groups") or {},
            group_names=variables.get("group_names") or [],
            hostvars=variables["hostvars"],
            limited="ansible_limit" in variables,
            check=bool(self._task.check_mode),
            now=round(time.time(), 2),
            address=os.environ.get("XENSERVER_HOST", ""),
            given=self._given(variables) if event == "asked" else None,
        )

    def _given(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the role as they were given."""
        names = {name: f"storage_bond_{name}" for name in _answers.OPTIONS}
        given = {name: self._templar.template(variables[variable]) for name, variable in names.items() if variable in variables}
        return dict(json.loads(json.dumps(given)))


def _for_awx(message: str) -> list[str]:
    """Why a task fails, in lines, where AWX would show the beginning of it alone: of what a task says in the end it shows so many
    characters.
    """
    if "JOB_ID" not in os.environ or len(json.dumps(message)) < AWX_SHOWS - AROUND:
        return []
    wrap = textwrap.TextWrapper(_lines.COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line for reason in message.splitlines() for line in wrap.wrap(reason)]


def _written(where: str, text: str) -> dict[str, Any]:
    """Writes a plan that nothing speaks against. What keeps it from that, as the answer of a task that fails."""
    try:
        write_plan(Path(where), text)
    except NetworkError as error:
        return {"failed": True, "msg": _lines.in_terms_of_the_role(error.message), "lines": []}
    return {}
