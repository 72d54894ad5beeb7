# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Ansible inventory of a running twin, with the groups and names that an inventory of a real pool has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml


def group_of(pool: str) -> str:
    """The group of a pool: its name with what Ansible does not allow in names replaced."""
    return "xs_pool_" + re.sub(r"[^A-Za-z0-9_]", "_", pool)


def inventory(endpoints: Mapping[str, Any]) -> str:
    """The YAML text for endpoints as `xapi-twin run --endpoints` writes them. Hosts are ready to be used over SSH, without questions."""
    hosts: Mapping[str, Mapping[str, Any]] = endpoints["hosts"]
    masters = {name: None for name, host in hosts.items() if host["master"]}
    members = {name: None for name, host in hosts.items() if not host["master"]}
    leader, master = next((name, host) for name, host in hosts.items() if host["master"])
    shared = {
        "xapi_hostname": master["xapi"],
        "xapi_username": endpoints["user"],
        "xapi_password": endpoints["password"],
        "xapi_ca_path": endpoints["ca"],
        "xapi_validate_certs": True,
    }
    groups = {
        "xs_hosts": {"hosts": {name: _host_variables(endpoints, host, leader) for name, host in hosts.items()}},
        "xs_masters": {"hosts": masters},
        "xs_members": {"hosts": members},
        group_of(endpoints["pool"]): {"hosts": dict.fromkeys(hosts), "vars": shared},
    }
    return yaml.safe_dump({"all": {"children": groups}}, sort_keys=False, width=1000)


def _host_variables(endpoints: Mapping[str, Any], host: Mapping[str, Any], master: str) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "xs_uuid": host["uuid"],
        "xs_address": host["address"],
        "xs_is_master": host["master"],
        "xs_pool": endpoints["pool"],
        "xs_pool_master": master,
        "xs_pool_hostname": endpoints["hosts"][master]["xapi"],
    }
    if "ssh" in host:
        ssh = host["ssh"]
        # ControlPath: a socket of its own for each twin; the user's ssh configuration has no say.
        known = f"UserKnownHostsFile={ssh['known_hosts']}"
        options = ["-F", "/dev/null", "-o", known, "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"]
        variables |= {
            "ansible_host": ssh["host"],
            "ansible_port": ssh["port"],
            "ansible_user": ssh["user"],
            "ansible_ssh_private_key_file": ssh["key"],
            "ansible_ssh_common_args": " ".join(options),
        }
    return variables
