# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.release import __version__ as ansible_version
from ansible_collections.xapi.network.plugins.action import xs_bond_run as of_the_run
from ansible_collections.xapi.network.plugins.modules import xs_bond_report
from ansible_collections.xapi.network.plugins.plugin_utils import _page, _record, _report, _stations


class ActionModule(of_the_run.ActionModule):
    """Writes the report on the control node, where Ansible's own process is."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super(of_the_run.ActionModule, self).run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(xs_bond_report.ARGUMENT_SPEC)
        plain = json.loads(json.dumps({name: options.get(name) for name in xs_bond_report.ARGUMENT_SPEC}))
        # Relative to where the user is, and not to the playbook, which may be one of an installed collection.
        folder = Path(plain["options"]["report"]).expanduser().absolute()
        try:
            if plain["state"] == "ready":
                _page.ready(folder)
                return {**result, "changed": False}
            return {**result, "changed": False, **self._write(folder, plain, self._play_now(task_vars or {}, "report"))}
        except OSError as error:
            return {**result, "failed": True, "msg": f"The report cannot be written to {folder}: {error.strerror or error}."}

    def _write(self, folder: Path, plain: Mapping[str, Any], play: _stations.Play) -> dict[str, Any]:
        run, wanted = _record.from_dict(plain["run"]), plain["options"]
        network = wanted["network"] or wanted["network_uuid"]
        subject = [run.pool_uuid or run.called, run.state, network]
        # In a play with `serial`, each batch has a leader, and only the first has done something.
        if any(_stations.registered(play, name, plain["variable"]).get("subject") == subject for name in play.every if name != play.host):
            return {}
        known = _stations.reported(plain, play, time.time(), ansible_version)
        name = _report.file_name(run.pool or run.pool_uuid or "pool", network, known["ended"])
        page = _page.write(folder, name, _page.data(known), Path(plain["template"]).read_text(encoding="utf-8"))
        self._display.display(f"Report: {page}")
        return {"subject": subject, "path": str(page)}
