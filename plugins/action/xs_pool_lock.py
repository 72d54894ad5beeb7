# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run import this_run
from ansible_collections.xapi.network.plugins.modules import xs_pool_lock
from ansible_collections.xapi.network.plugins.plugin_utils._action import InProcessAction


class ActionModule(InProcessAction):
    module = xs_pool_lock

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        self._task.args.setdefault("holder", asdict(this_run.this_run(in_process=True)))
        return super().run(tmp, task_vars)
