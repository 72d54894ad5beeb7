# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: xs_pools
short_description: The hosts of XenServer and XCP-ng pools
version_added: 1.0.0
description:
  - Makes every host of one or several pools a host of the inventory, as XAPI tells it, the master of each pool first.
  - The groups are C(xs_hosts), C(xs_masters), C(xs_members), and C(xs_pool_<name>) for each pool.
  - The name of the file has to end in C(xs_pools.yml) or C(xs_pools.yaml).
  - Hosts that are down or disabled stay in the inventory, marked by C(xs_live) and C(xs_enabled), so that a run over the pool does not
    silently become a run over part of it.
author:
  - The xapi.network authors (@xapi-network)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
requirements:
  - XenAPI (Python package) on the control node
options:
  plugin:
    description: Says that the file is meant for this plugin.
    type: str
    required: true
    choices: [xapi.network.xs_pools]
  pools:
    description:
      - The pools, each with its own connection options.
      - What a pool does not name is taken from the option of the same name beside O(pools).
      - Without O(pools) there is one pool, the one that the options beside it describe.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the pool in the inventory, for the group C(xs_pool_<name>).
          - If not given, the name that the pool has in XAPI, or else the name of its master.
        type: str
      hostname:
        description: As O(hostname).
        type: str
      username:
        description: As O(username).
        type: str
      password:
        description: As O(password).
        type: str
      validate_certs:
        description: As O(validate_certs).
        type: bool
      ca_path:
        description: As O(ca_path).
        type: str
      fingerprint:
        description: As O(fingerprint).
        type: str
      timeout:
        description: As O(timeout).
        type: int
  hostname:
    description:
      - Name or address of a pool's master, with an optional scheme and port. A member leads to its master, with a warning.
    type: str
    env:
      - name: XENSERVER_HOST
  username:
    description: User to log in with. It only reads.
    type: str
    default: root
    env:
      - name: XENSERVER_USER
  password:
    description: Its password. Can be a template or encrypted with Ansible Vault, here and in O(pools). It is never cached.
    type: str
    env:
      - name: XENSERVER_PASSWORD
  validate_certs:
    description:
      - Whether the certificate of the host is verified, true or false. What is neither is an error.
    type: raw  # Ansible takes a mistyped boolean of an inventory file for false
    default: true
    env:
      - name: XENSERVER_VALIDATE_CERTS
  ca_path:
    description:
      - File or directory with the certificates (PEM) to trust instead of the system's. Beside O(plugin) or in O(pools) a relative one is
        meant from the folder of the inventory file.
    type: str
    env:
      - name: XENSERVER_CA_PATH
  fingerprint:
    description: SHA-256 fingerprint of the host's certificate, or several separated by commas. Replaces the verification by authorities.
    type: str
    env:
      - name: XENSERVER_FINGERPRINT
  timeout:
    description: Seconds within which a host has to answer.
    type: int
    default: 60
    env:
      - name: XENSERVER_TIMEOUT
  hostnames:
    description:
      - What a host is called in the inventory. The first of these that is not empty.
      - Two hosts of the same name are an error.
    type: list
    elements: str
    choices: [name_label, hostname, address, uuid]
    default: [name_label, hostname, address]
  strict:
    description:
      - With V(true) a pool that cannot be read is an error, and so is an entry of O(compose), O(groups) or O(keyed_groups) that fails.
      - With V(false) a pool that cannot be read brings a warning, and the others make the inventory.
      - Either way such a pool has one host, which is called like its O(hostname) and has C(xs_unreadable) with the reason, so that a play
        over the pools fails and does not end well without having done anything (Ansible goes on without a source that it could not parse).
  ssh_user:
    description:
      - What C(ansible_user) is for all hosts of the pools. It is a variable of the group C(xs_hosts), so that variables of groups and hosts
        beside the inventory override it. Empty for none.
    type: str
    default: root
    version_added: 1.1.0
notes:
  - Host variables are C(ansible_host) (the host's management address), C(ansible_user) (of the group C(xs_hosts), see O(ssh_user)), and
    C(xs_uuid), C(xs_name_label), C(xs_hostname), C(xs_address), C(xs_is_master), C(xs_enabled), C(xs_live), C(xs_product), C(xs_release),
    C(xs_xapi), C(xs_backend), C(xs_tags),
    C(xs_pifs) (a list of C(device), C(MAC), C(physical), C(VLAN), C(IP), C(management), C(carrier), C(speed), C(network_name_label),
    C(bond_master_of), C(bond_slave_of)),
    C(xs_pool) (the pool's name in the inventory), C(xs_pool_uuid), C(xs_pool_name_label), C(xs_pool_master) (the inventory's name of its
    master) and C(xs_pool_ha).
  - Where the pool's XAPI is goes with the hosts in C(xs_pool_hostname), and what the file says of how to reach it in C(xs_pool_username),
    C(xs_pool_validate_certs), C(xs_pool_ca_path), C(xs_pool_fingerprint) and C(xs_pool_timeout). The role P(xapi.network.storage_bond#role)
    uses them. The password, and what came from environment variables, does not.
seealso:
  - module: xapi.network.xs_pool_info
"""

EXAMPLES = r"""
# production.xs_pools.yml: two pools that share user and certificate authority
plugin: xapi.network.xs_pools
username: ansible
ca_path: /etc/pki/pools.pem
pools:
  - hostname: xs-1.example.com
    password: "{{ lookup('ansible.builtin.env', 'BERLIN_PASSWORD') }}"
  - name: lisbon
    hostname: https://xs-11.example.com:8443
    password: "{{ lookup('ansible.builtin.env', 'LISBON_PASSWORD') }}"
    fingerprint: 5E:0D:A1:3B:7C:40:5B:6E:1F:11:C2:07:63:97:5A:AC:0F:28:52:9D:CB:90:52:23:A1:A3:7B:99:0E:4B:F1:6D

---
# xs_pools.yml: the pool that the environment names (XENSERVER_HOST, XENSERVER_PASSWORD, …), as with a credential of AWX
plugin: xapi.network.xs_pools
strict: true

---
# lab.xs_pools.yml: groups by version, another address for SSH, and a cache
plugin: xapi.network.xs_pools
hostname: 172.16.0.10
password: "{{ lookup('ansible.builtin.env', 'LAB_PASSWORD') }}"
compose:
  ansible_host: xs_hostname ~ '.lab.example.com'
  ansible_user: "'root'"
keyed_groups:
  - prefix: xs_release
    key: xs_release
groups:
  xs_down: not xs_live
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/cache/ansible/inventory
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.xapi.network.plugins.module_utils._pool import model
from ansible_collections.xapi.network.plugins.module_utils._pool.facts import host_row, pif_row
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 all text was

    def trust_as_template(value: str) -> str:
        return value


# The connection options once more, without their environment variables: those belong to the options beside `pools`.
POOL_OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "hostname": {"type": "str", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "required": True, "no_log": True},
    "validate_certs": {"type": "bool"},
    "ca_path": {"type": "path"},
    "fingerprint": {"type": "str"},
    "timeout": {"type": "int"},
}
REACHED_BY = ("username", "validate_certs", "ca_path", "fingerprint", "timeout")
CLASSES = ("pool", "host", "host_metrics", "network", "pif", "pif_metrics", "bond")
AT_ONCE = 16  # pools read at the same time, so that some silent ones do not add up their time-outs

PIF_KEYS = (
    "device",
    "MAC",
    "physical",
    "VLAN",
    "IP",
    "management",
    "carrier",
    "speed",
    "network_name_label",
    "bond_master_of",
    "bond_slave_of",
)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "xapi.network.xs_pools"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("xs_pools.yml", "xs_pools.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            pools = self._pools(path, self._read_config_data(path))
        except AnsibleParserError as error:
            # Ansible warns of a source that it cannot parse, and plays on hosts that are not there as if all were done.
            self._stand_in(Path(path).name, (), {"xs_unreadable": str(error)})
            raise
        unread: dict[str, NetworkError] = {}
        found = self._from_cache(path, pools) if cache else {}
        missing = [pool for pool in pools if pool["hostname"] not in found]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for pool, answer in zip(missing, threads.map(_read, missing), strict=True):
                if isinstance(answer, NetworkError):
                    unread[pool["hostname"]] = answer
                    if not self.get_option("strict"):
                        self.display.warning(_not_read(pool, answer))
                    continue
                for text in answer.pop("warnings"):
                    self.display.warning(text)
                found[pool["hostname"]] = answer
                if self.get_option("cache"):
                    self._cache[self._key(path, pool)] = answer
        self._populate([(pool, found[pool["hostname"]]) for pool in pools if pool["hostname"] in found], path)
        for pool in pools:
            if pool["hostname"] in unread:
                variables = {"xs_pool_hostname": pool["hostname"], "xs_unreadable": unread[pool["hostname"]].message, **_reached(pool)}
                self._stand_in(Connection.from_options(pool).address[0], [pool["name"]] if pool["name"] else [], variables)
        if unread and self.get_option("strict"):
            raise AnsibleParserError("; ".join(_not_read(pool, unread[pool["hostname"]]) for pool in pools if pool["hostname"] in unread))

    # options

    def _pools(self, path: str, file: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The connection options of each pool, complete and checked, and which of them the file gives. Raises AnsibleParserError."""
        shared = {name: self.get_option(name) for name in POOL_OPTIONS if name != "name"}
        pools: list[dict[str, Any]] = []
        for number, given in enumerate(self.get_option("pools") or [{}]):
            where = f"{path}: pools[{number}]" if self.get_option("pools") else path
            if not isinstance(given, Mapping):
                raise AnsibleParserError(f"{where} has to be a dictionary with hostname, password and so on.")
            options = {name: self._plain(value, where, name) for name, value in {**shared, **given}.items() if value is not None}
            if missing := [name for name in ("hostname", "password") if options.get(name) in (None, "")]:
                named = str(options.get("hostname") or "").rpartition("@")[2]  # behind what could be a password
                at = f", the pool at {named}" if self.get_option("pools") and named else ""
                wrong = _no_login(missing, "INVENTORY_UPDATE_ID" in os.environ)
                raise AnsibleParserError(f"{where}{at}: {wrong}")
            checked = ArgumentSpecValidator(POOL_OPTIONS).validate(options)
            if checked.error_messages:
                raise AnsibleParserError(f"{where}: {'; '.join(checked.error_messages)}")
            pool = {name: checked.validated_parameters.get(name) for name in POOL_OPTIONS}
            if pool["ca_path"] and ("ca_path" in file or "ca_path" in given):
                pool["ca_path"] = str(Path(path).parent / Path(pool["ca_path"]).expanduser())
            try:
                Connection.from_options(pool)
            except NetworkError as error:
                raise AnsibleParserError(f"{where}: {error.message}") from None
            if pool["hostname"] in [other["hostname"] for other in pools]:
                raise AnsibleParserError(f"{where}: the pool at {pool['hostname']} is listed twice.")
            pool["in_file"] = {name for name in POOL_OPTIONS if name in file or name in given}
            pools.append(pool)
        return pools

    def _plain(self, value: Any, where: str, name: str) -> Any:
        """The value of an option: templates evaluated, vaulted text decrypted, without the marks that Ansible puts on text."""
        try:
            value = self.templar.template(value)
            # By way of JSON, since before ansible-core 2.19 what a lookup gives stays marked through str().
            return value if isinstance(value, (bool, int, float)) else json.loads(json.dumps(str(value)))
        except Exception as error:  # whatever a lookup or the vault may raise
            raise AnsibleParserError(f"{where}: the value of {name} cannot be had: {error}") from None

    # the cache: one entry per pool, so that each has its own age

    def _key(self, path: str, pool: Mapping[str, Any]) -> str:
        return f"{self.get_cache_key(path)}_{hashlib.sha256(pool['hostname'].encode()).hexdigest()[:12]}"

    def _from_cache(self, path: str, pools: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if self.get_option("cache"):
            for pool in pools:
                try:
                    found[pool["hostname"]] = self._cache[self._key(path, pool)]
                except KeyError:
                    continue
        return found

    # the inventory

    def _populate(self, pools: list[tuple[dict[str, Any], dict[str, Any]]], path: str) -> None:
        # What is taken already, and by whom, for the messages about duplicates.
        hosts: dict[str, str] = {}
        groups: dict[str, str] = {}
        uuids: dict[str, str] = {}
        for group in ("xs_hosts", "xs_masters", "xs_members"):
            self.inventory.add_group(group)
        if self.get_option("ssh_user"):
            self.inventory.set_variable("xs_hosts", "ansible_user", _untemplated(self.get_option("ssh_user")))
        for pool, found in pools:
            name = pool["name"] or found["name_label"] or found["hosts"][0]["name_label"]
            group = to_safe_group_name(f"xs_pool_{name}", force=True, silent=True)
            if found["uuid"] in uuids:
                raise AnsibleParserError(f"{path}: {uuids[found['uuid']]} and {pool['hostname']} are the same pool, {name}: list it once.")
            if group in groups:
                raise AnsibleParserError(
                    f"{path}: the pools at {groups[group]} and {pool['hostname']} would both be the group {group}: "
                    "give one of them another name with name."
                )
            uuids[found["uuid"]] = groups[group] = pool["hostname"]
            self.inventory.add_group(group)
            master = self._host_name(found["hosts"][0])
            for host in found["hosts"]:
                inventory_name = self._host_name(host)
                whose = f"{host['name_label']} ({host['uuid']}) of the pool {name}"
                if inventory_name in hosts:
                    raise AnsibleParserError(
                        f"{path}: two hosts would be called {inventory_name}: {hosts[inventory_name]} and {whose}. "
                        "Rename one of them in XAPI, or have hosts called by something else with hostnames."
                    )
                hosts[inventory_name] = whose
                for of in ("xs_hosts", "xs_masters" if host["master"] else "xs_members", group):
                    self.inventory.add_host(inventory_name, group=of)
                self._set_variables(inventory_name, _variables(pool, name, master, found, host))

    def _stand_in(self, host: str, pools: Sequence[str], variables: Mapping[str, Any]) -> None:
        """One host for what could not be read: whoever plays on the pools is to fail on it, and not to go on as if it were done."""
        for group in ("xs_hosts", "xs_masters", *(to_safe_group_name(f"xs_pool_{pool}", force=True, silent=True) for pool in pools)):
            self.inventory.add_group(group)
            self.inventory.add_host(host, group=group)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, _untemplated(value))

    def _host_name(self, host: Mapping[str, Any]) -> str:
        return str(next((host[key] for key in self.get_option("hostnames") if host[key]), host["uuid"]))

    def _set_variables(self, host: str, variables: dict[str, Any]) -> None:
        variables = _untemplated(variables)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        composed = self.inventory.get_host(host).get_vars()
        for name in composed.keys() & (self.get_option("compose") or {}).keys():
            self.inventory.set_variable(host, name, _untemplated(composed[name]))
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def _no_login(missing: Sequence[str], update: bool) -> str:
    """`missing`: hostname, password or both; `update`: whether this is an inventory update of AWX, which gets them from a credential."""
    what = " and no ".join(missing)
    if update and list(missing) == ["hostname"]:
        return (
            "xapi.network.xs_pools has no hostname for XAPI. Fill in Pool master of the source's credential, or say in the file which pools"
            " there are (pools, or hostname), and sync it again. No pool was asked."
        )
    if update:
        return (
            f"xapi.network.xs_pools has no {what} for XAPI. Give the inventory source a credential of the type XenServer or XCP-ng pool (in"
            " AWX, at the source, Credential), and sync it again. No pool was asked."
        )
    variables = {"hostname": "XENSERVER_HOST (the master's address)", "password": "XENSERVER_PASSWORD"}
    return (
        f"xapi.network.xs_pools has no {what} for XAPI. Set {' and '.join(variables[name] for name in missing)} in the environment, or"
        f" {' and '.join(missing)} in the file. No pool was asked."
    )


def _not_read(pool: Mapping[str, Any], error: NetworkError) -> str:
    return f"The pool at {pool['hostname']} could not be read: {error.message}"


def _reached(options: Mapping[str, Any]) -> dict[str, Any]:
    """How the file says that the pool's XAPI is reached, all but the password, as variables of its hosts.

    What came from the environment does not go along: AWX updates an inventory in another container than its jobs, where the file of the
    authority lies elsewhere.
    """
    return {f"xs_pool_{name}": options[name] for name in REACHED_BY if name in options["in_file"] and options[name] is not None}


def _read(pool: Mapping[str, Any]) -> dict[str, Any] | NetworkError:
    """What the inventory needs of a pool, in JSON's types and without a password; or why it cannot be had."""
    try:
        with Session(Connection.from_options(pool)) as session:
            records = session.read(CLASSES)
        state = model.read(records)
    except NetworkError as error:
        return error
    hosts = []
    for host in state.hosts:
        rows = [pif_row(state, pif) for pif in state.pifs_of(host)]
        tags = sorted(records["host"][host.ref].get("tags", ()))
        hosts.append({**host_row(host), "tags": tags, "pifs": [{key: row[key] for key in PIF_KEYS} for row in rows]})
    found = {"uuid": state.uuid, "name_label": state.name, "ha": state.ha_enabled, "hosts": hosts, "warnings": session.warnings}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def _variables(options: Mapping[str, Any], pool: str, master: str, found: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ansible_host": host["address"],
        "xs_uuid": host["uuid"],
        "xs_name_label": host["name_label"],
        "xs_hostname": host["hostname"],
        "xs_address": host["address"],
        "xs_is_master": host["master"],
        "xs_enabled": host["enabled"],
        "xs_live": host["live"],
        "xs_product": host["product"],
        "xs_release": host["release"],
        "xs_xapi": host["xapi"],
        "xs_backend": host["backend"],
        "xs_tags": host["tags"],
        "xs_pifs": host["pifs"],
        "xs_pool": pool,
        "xs_pool_uuid": found["uuid"],
        "xs_pool_name_label": found["name_label"],
        "xs_pool_hostname": options["hostname"],
        **_reached(options),
        "xs_pool_master": master,
        "xs_pool_ha": found["ha"],
    }


def _untemplated(value: Any) -> Any:
    """Names in XAPI are data: who may rename a network must not get a template evaluated. Before ansible-core 2.19 all text was one.

    Other text holds no template, and is marked as harmless: from ansible-core 2.19 on, `ansible-inventory --list` writes all text without
    that mark as {"__ansible_unsafe": text} (ansible/_internal/_json/_profiles/_inventory_legacy.py), and AWX keeps and shows it so.
    """
    if isinstance(value, Mapping):
        return {name: _untemplated(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_untemplated(part) for part in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if "{" in value or value.startswith("#jinja2:") else trust_as_template(value)
