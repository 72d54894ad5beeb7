# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An option of the role, from YAML, from -e, or from a survey."""

from __future__ import annotations

DOCUMENTATION = r"""
name: answer
short_description: What a value means for an option of the role storage_bond
version_added: 1.1.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Options of P(xapi.network.storage_bond#role) come as YAML, with C(-e) as text, and as answers to a survey of AWX, where an unanswered
    question is an empty text or, with ansible-core 2.19 and later, null. This gives the value that is meant.
  - Where YAML has read a name as something else, so that the name is lost (0100 comes as 64), it fails and says so.
options:
  _input:
    description: The value as it was given.
    type: raw
    required: true
  option:
    description: The option without its prefix, for instance V(network).
    type: str
    required: true
positional: option
"""

EXAMPLES = r"""
- name: Show the NICs as a list
  ansible.builtin.debug:
    msg: "{{ 'eth2,eth4' | xapi.network.answer('nics') }}"
"""

RETURN = r"""
_value:
  description: The value, or the default of the option when it was not given.
  type: raw
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.xapi.network.plugins.plugin_utils._answers import AnswerError
from ansible_collections.xapi.network.plugins.plugin_utils._answers import answer as read_answer


def answer(value: Any, option: str) -> Any:
    """The value that is meant."""
    try:
        return read_answer(value, option)
    except AnswerError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"answer": answer}
