# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run as data."""

from __future__ import annotations

DOCUMENTATION = r"""
name: report_data
short_description: The report of a run of the role storage_bond as data
version_added: 1.0.0
author:
  - The xapi.network authors (@xapi-network)
description:
  - Puts together what the role P(xapi.network.storage_bond#role) knows at its end, as the data of its report.
  - P(xapi.network.report_page#filter) makes a page of it.
options:
  _input:
    description:
      - What is known. C(plan) is the result of M(xapi.network.xs_bond) in check mode with
        O(xapi.network.xs_bond#module:picture=true), C(after) that of M(xapi.network.xs_bond_info) at the end, C(state), C(network),
        C(nics), C(mode), C(strategy) and C(check) are what was wanted.
      - C(done) and C(undone) are names of hosts, C(at) is the host that is at work, C(seconds) says how long each host took,
        C(moments) are the timelines of the tasks, C(failure) is a sentence, C(findings) are those of the task that failed,
        C(taken_back) is a sentence.
      - C(ended) is the present time in seconds since 1970, C(dom0) are the facts of dom0 by host uuid, C(ansible) is the version of
        ansible-core.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the data of a plan
  ansible.builtin.copy:
    content: "{{ known | xapi.network.report_data | to_nice_json }}"
    dest: report.json
    mode: "0644"
  vars:
    known:
      plan: "{{ plan }}"
      state: present
      network: NAS
      nics: [eth2, eth4]
      mode: active-backup
      strategy: restart
      check: true
      ended: "{{ now().timestamp() }}"
"""

RETURN = r"""
_value:
  description:
    - The report. Among others it has C(outcome) (V(planned), V(refused), V(changed), V(unchanged), V(failed), V(verified) or
      V(differs)), C(headline), C(hosts) (each with C(before), C(after), C(timeline), C(outcome) and C(findings)), C(steps),
      C(problems), C(findings) and C(versions).
    - C(format) is raised when a field changes its meaning or goes.
  type: dict
"""

import importlib.metadata
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.xapi.network.plugins.plugin_utils import _report

COLLECTION = Path(__file__).resolve().parents[2]


def report_data(run: Mapping[str, Any]) -> dict[str, Any]:
    """The report. By way of JSON, so that it holds plain values whichever way Ansible keeps its variables."""
    plain = json.loads(json.dumps(run))
    plain["ended"] = float(plain["ended"])
    versions = {
        "xapi.network": collection_version(COLLECTION),
        "ansible-core": str(plain.get("ansible") or ""),
        "Python": platform.python_version(),
        "XenAPI": _package("XenAPI"),
    }
    return _report.report(plain, {name: version for name, version in versions.items() if version})


def collection_version(folder: Path) -> str:
    """As an installed collection or a checkout says it; "" when neither does."""
    manifest, source = folder / "MANIFEST.json", folder / "galaxy.yml"
    if manifest.exists():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    found = re.search(r"(?m)^version: *(\S+)", source.read_text(encoding="utf-8")) if source.exists() else None
    return found.group(1) if found else ""


def _package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Any]:
        return {"report_data": report_data}
