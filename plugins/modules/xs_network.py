#!/usr/bin/python
# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: xs_network
short_description: Create, change and remove a network of a XenServer or XCP-ng pool
version_added: 1.0.0
description:
  - Creates a pool-wide network, changes it in place, or removes it.
  - A new network has no PIF. M(xapi.network.xs_bond) puts a bond on it.
  - Names of networks are not unique in XAPI. A name that fits several networks is an error that lists their uuids.
extends_documentation_fragment:
  - xapi.network.xapi
  - xapi.network.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the network (XAPI's C(name_label)).
      - Together with O(uuid) it is the name that the network shall have.
    type: str
  uuid:
    description:
      - The uuid of an existing network.
    type: str
  description:
    description:
      - Description of the network (XAPI's C(name_description)). Left as it is if not given.
    type: str
  mtu:
    description:
      - MTU of the network. A new network has 1500 if it is not given, an existing one keeps its own.
      - The new MTU of a network that is in use takes effect when its PIFs are plugged again. A warning names them.
    type: int
  bridge:
    description:
      - Name of the network's bridge in dom0, for a new network only. XAPI takes the next free V(xapiN) if it is not given.
      - At most 15 characters that do not begin with V(xen), V(xapi), V(vif), V(tap) or V(eth).
      - XAPI cannot change it later, so another name than the network has is an error.
    type: str
  other_config:
    description:
      - Keys to set in the network's C(other_config). Keys that are not named stay as they are.
      - A key with the value V(null) is taken away.
    type: dict
  tags:
    description:
      - The tags of the network, exactly these. Left as they are if not given.
    type: list
    elements: str
  purpose:
    description:
      - The purposes of the network, exactly these. Left as they are if not given. Known since XenServer 7.3.
    type: list
    elements: str
    choices: [nbd, insecure_nbd]
  state:
    description:
      - Whether the network shall be there.
      - With V(absent) a network that has PIFs or virtual interfaces of VMs on it is left alone, and the error names them.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: xapi.network.xs_bond
  - module: xapi.network.xs_pif_facts
author:
  - The xapi.network authors (@xapi-network)
"""

EXAMPLES = r"""
- name: A network for storage, with jumbo frames
  xapi.network.xs_network:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    name: NAS
    description: Storage
    mtu: 9000

- name: A key of other_config set and another taken away
  xapi.network.xs_network:
    name: NAS
    other_config:
      automatic: "false"
      folder:
  module_defaults:
    group/xapi.network.xapi:
      hostname: xs-1.example.com
      password: "{{ xapi_password }}"
      ca_path: /etc/pki/xs-1.pem

- name: The network is renamed
  xapi.network.xs_network:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    uuid: 929521ce-0cd6-db0a-0501-4a6829192378
    name: Storage

- name: The network is removed, once no host has a PIF on it
  xapi.network.xs_network:
    hostname: xs-1.example.com
    password: "{{ xapi_password }}"
    name: Storage
    state: absent
"""

RETURN = r"""
network:
  description:
    - The network as it is after the task, in check mode as it would be, with XAPI's names of the fields.
    - With O(state=absent) the network as it was; empty when there was none.
  returned: success
  type: dict
  sample:
    uuid: 929521ce-0cd6-db0a-0501-4a6829192378
    name_label: NAS
    name_description: Storage
    bridge: xapi0
    MTU: 9000
    managed: true
    other_config: {}
    tags: []
    purpose: []
  contains:
    uuid:
      description: The uuid. Empty in check mode for a network that would be created.
      type: str
      returned: success
    name_label:
      description: The name.
      type: str
      returned: success
    name_description:
      description: The description.
      type: str
      returned: success
    bridge:
      description: The bridge in dom0. Empty in check mode when XAPI would choose it.
      type: str
      returned: success
    MTU:
      description: The MTU.
      type: int
      returned: success
    managed:
      description: Whether XAPI manages the bridge.
      type: bool
      returned: success
    other_config:
      description: The map C(other_config).
      type: dict
      returned: success
    tags:
      description: The tags, sorted.
      type: list
      elements: str
      returned: success
    purpose:
      description: The purposes, sorted.
      type: list
      elements: str
      returned: success
"""

from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._network.plan import NetworkSpec, plan
from ansible_collections.xapi.network.plugins.module_utils._pool.facts import network_row
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Network
from ansible_collections.xapi.network.plugins.module_utils._run.network import carry_out, read
from ansible_collections.xapi.network.plugins.module_utils._run.task import CONNECTION_OPTIONS, Task, run_as_module

ARGUMENT_SPEC: dict[str, Any] = {
    **CONNECTION_OPTIONS,
    "name": {"type": "str"},
    "uuid": {"type": "str"},
    "description": {"type": "str"},
    "mtu": {"type": "int"},
    "bridge": {"type": "str"},
    "other_config": {"type": "dict"},
    "tags": {"type": "list", "elements": "str"},
    "purpose": {"type": "list", "elements": "str", "choices": ["nbd", "insecure_nbd"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
CONSTRAINTS: dict[str, Any] = {"required_one_of": [("name", "uuid")], "supports_check_mode": True}


def work(task: Task) -> dict[str, Any]:
    spec = _spec(task.options)
    with task.session() as session:
        planned = plan(read(session, spec), spec)
        for text in planned.warnings:
            task.warn(text)
        after = planned.after if task.check_mode else carry_out(session, planned, spec)
    result: dict[str, Any] = {"changed": bool(planned.calls), "network": _row(after or planned.before)}
    if task.diff_mode:
        result["diff"] = {"before": _row(planned.before), "after": _row(after)}
    return result


def _spec(options: Any) -> NetworkSpec:
    other_config = options["other_config"]
    return NetworkSpec(
        name=options["name"],
        uuid=options["uuid"],
        description=options["description"],
        mtu=options["mtu"],
        bridge=options["bridge"],
        # XAPI's maps hold text, and YAML turns "true" without quotes into a boolean that XAPI's users write in lower case.
        other_config=None if other_config is None else {str(key): _text(value) for key, value in other_config.items()},
        tags=None if options["tags"] is None else tuple(options["tags"]),
        purpose=None if options["purpose"] is None else tuple(options["purpose"]),
        present=options["state"] == "present",
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(network: Network | None) -> dict[str, Any]:
    return network_row(network) if network else {}


def main() -> None:
    run_as_module(ARGUMENT_SPEC, CONSTRAINTS, work)


if __name__ == "__main__":
    main()
