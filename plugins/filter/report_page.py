# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run as a page."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_page
short_description: The report of a run of the role storage_bond as a page
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Makes one HTML page of the data of P(xapi.network.report_data#filter). It loads nothing and needs no script.
  - The template is one of Jinja in which every value is escaped, unlike in those of M(ansible.builtin.template).
options:
  _input:
    description: The data.
    type: dict
    required: true
  template:
    description: The text of the template. It gets the data as C(report), and the functions that draw and word it.
    type: str
    required: true
positional: template
"""

EXAMPLES = r"""
- name: Make a page of a report's data
  ansible.builtin.copy:
    content: "{{ data | xapi.network.report_page(template) }}"
    dest: report.html
    mode: "0644"
  vars:
    data: "{{ lookup('ansible.builtin.file', 'report.json') | from_json }}"
    template: "{{ lookup('ansible.builtin.file', 'report.html.j2') }}"
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.xapi.network.plugins.plugin_utils import _drawing, _report
from jinja2 import Environment, StrictUndefined


def report_page(report: Mapping[str, Any], template: str) -> str:
    """The page. Every value of the report is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(str(template)).render(
        report=json.loads(json.dumps(report)),
        draw=_drawing.draw,
        concerned=_drawing.concerned,
        key=_drawing.key,
        in_words=_drawing.in_words,
        gathered=_report.gathered,
    )
    return page.strip() + "\n"


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"report_page": report_page}
