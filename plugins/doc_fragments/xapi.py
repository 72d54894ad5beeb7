# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection options, the same in every module. Private to the collection."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description:
      - Use C(group/xapi.network.xapi) in C(module_defaults) to set the connection options for all modules of the collection at once.
    support: full
    membership:
      - xapi.network.xapi
options:
  hostname:
    description:
      - Name or address of the pool's master, with an optional scheme and port, for instance V(xs-1.example.com) or V(https://172.16.0.10:8443).
      - The scheme is V(https) unless V(http://) is written out, which sends the password in clear text and brings a warning.
      - A member's address works too. XAPI then tells the master's address, which is followed once, with a warning.
      - If not set, the value of the environment variable E(XENSERVER_HOST) is used.
    type: str
    required: true
  username:
    description:
      - User to log in with. It needs the role pool-operator to change anything.
      - If not set, the value of the environment variable E(XENSERVER_USER) is used.
    type: str
    default: root
  password:
    description:
      - Password of O(username).
      - If not set, the value of the environment variable E(XENSERVER_PASSWORD) is used.
    type: str
    required: true
  validate_certs:
    description:
      - Whether the certificate of the host is verified.
      - Hosts come with a self-signed certificate. Give O(ca_path) or O(fingerprint) rather than switching the verification off.
      - If not set, the value of the environment variable E(XENSERVER_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates (PEM) to trust instead of the system's, or a directory of such files as C(openssl rehash) makes it.
      - A self-signed certificate of a host can be given here as it is.
      - With C(delegate_to) the file has to be on the host that the task is delegated to.
      - If not set, the value of the environment variable E(XENSERVER_CA_PATH) is used.
    type: path
  fingerprint:
    description:
      - SHA-256 fingerprint of the host's certificate, in hexadecimal digits with or without colons.
      - Several are separated by commas, for instance one for each host that can become the master.
      - Replaces the verification by certificate authorities. The connection is refused when the certificate is another one.
      - Shown by C(openssl x509 -noout -fingerprint -sha256 -in /etc/xensource/xapi-ssl.pem) on the host.
      - If not set, the value of the environment variable E(XENSERVER_FINGERPRINT) is used.
    type: str
  timeout:
    description:
      - Seconds within which the host has to answer, for connecting and for each call. Work that takes longer is awaited as a task of XAPI.
      - If not set, the value of the environment variable E(XENSERVER_TIMEOUT) is used.
    type: int
    default: 60
requirements:
  - XenAPI (Python package) on the host that runs the module
notes:
  - The module runs on the control node, in the process of Ansible itself, whatever the connection of the play's hosts is.
    The hosts of the pool need no Python.
  - With C(delegate_to) a host that is reached by another connection than C(local), the same module runs there, for instance
    on a bastion host.
  - All connection options can be set at once with C(module_defaults) for C(group/xapi.network.xapi).
"""
