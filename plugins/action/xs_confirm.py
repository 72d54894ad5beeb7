# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.modules import xs_confirm
from ansible_collections.xapi.network.plugins.plugin_utils._action import InProcessAction


class ActionModule(InProcessAction):
    module = xs_confirm

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._task.args.get("state") == "confirmed":
            self._connection.reset()  # one that was kept from before the change proves nothing about the way to the host now
        return super().run(tmp, task_vars)

    def over_shell(self, options: Mapping[str, Any]) -> bool:
        return True
