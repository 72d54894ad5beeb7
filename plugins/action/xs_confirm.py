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

    def over_shell(self, options: Mapping[str, Any]) -> bool:
        return True
