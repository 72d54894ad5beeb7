# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool by a file of endpoints: its records, read with a few lines of JSON-RPC, and the commands of its dom0s over SSH.

Shares no code with plugins/ or twin/: what a journey claims is checked by other means than it was made with.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Records = Mapping[str, Mapping[str, Any]]  # of one class, by reference
SSH_SECONDS = 60


@dataclass(frozen=True)
class Pool:
    """`nics`: the NICs that may be bonded, the one with the address first; `management_nics`: those of management, or none. `network`: the
    name for the bond's network. `power`: a program of this machine and its words, to which "off" or "on" and a host's name is added; or
    none. `device`: the same for a NIC's device in dom0, with "gone" or "back", a host's name and the device's.
    """

    hosts: Mapping[str, Mapping[str, Any]]
    user: str
    password: str
    ca: str
    nics: tuple[str, ...]
    network: str
    management_nics: tuple[str, ...] = ()
    power: tuple[str, ...] = ()
    device: tuple[str, ...] = ()

    @property
    def member(self) -> str:
        """The member that comes last."""
        return [name for name, host in self.hosts.items() if not host["master"]][-1]

    @property
    def master(self) -> str:
        return next(name for name, host in self.hosts.items() if host["master"])

    def records(self, *classes: str) -> dict[str, Records]:
        """All records of these classes, read by the master. Raises OSError, and ValueError with what XAPI answered."""
        with self.session() as ask:
            return {name: ask(name) for name in classes}

    @contextmanager
    def session(self) -> Iterator[Callable[[str], Records]]:
        """Answers all records of a class, as often as it is asked."""
        session = self._call("session.login_with_password", self.user, self.password)
        try:
            yield lambda name: self._call(f"{name}.get_all_records", session)
        finally:
            self._call("session.logout", session)

    def _call(self, method: str, *parameters: str) -> Any:
        context = ssl.create_default_context(cafile=self.ca) if self.ca else ssl._create_unverified_context()
        text = json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}).encode()
        url = self.hosts[self.master]["xapi"] + "/jsonrpc"
        request = urllib.request.Request(url, text, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60, context=context) as reply:
            answer = json.load(reply)
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        return answer["result"]

    def dom0(self, host: str, command: str) -> str:
        """What a command in dom0 prints. Raises OSError when it fails or does not end."""
        to = self.hosts[host]["ssh"]
        options = [*ssh_options(to), "-o", "BatchMode=yes", "-p", str(to["port"]), "-i", to["key"]]
        words = ["ssh", "-n", *options, f"{to['user']}@{to['host']}", command]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=SSH_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{host}: `{command}` did not end within {SSH_SECONDS} s") from error
        if done.returncode:
            raise OSError(f"{host}: `{command}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def switch(self, host: str, to: str, device: str = "") -> None:
        """Takes a host's power away or gives it ("off", "on"), or that of a NIC's device ("gone", "back"). Raises OSError."""
        words = [*self.device, to, host, device] if device else [*self.power, to, host]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise OSError(f"{host} {device} {to}: {done.stderr[-300:]}")

    def reached(self) -> dict[str, Any]:
        """How modules and the inventory plugin reach it; the password comes from the environment."""
        trusted = {"ca_path": self.ca} if self.ca else {"validate_certs": False}
        return {"hostname": self.hosts[self.master]["xapi"], "username": self.user, **trusted}

    def inventory(self) -> dict[str, Any]:
        """Ansible's inventory of the pool."""
        shared = {"ansible_pipelining": True, **{f"xapi_{name}": value for name, value in self.reached().items()}}
        hosts = {}
        for name, host in self.hosts.items():
            to = host["ssh"]
            hosts[name] = {"ansible_host": to["host"], "ansible_port": to["port"], "ansible_user": to["user"]}
            hosts[name] |= {"ansible_ssh_private_key_file": to["key"], "ansible_ssh_common_args": " ".join(ssh_options(to))}
        return {"xs_hosts": {"hosts": hosts, "vars": shared}}


def ssh_options(to: Mapping[str, Any]) -> list[str]:
    """Host keys are checked where the endpoints name a file that has them."""
    known = to.get("known_hosts")
    checked = "yes" if known else "no"
    return [
        "-F",
        "/dev/null",
        "-o",
        f"UserKnownHostsFile={known or '/dev/null'}",
        "-o",
        f"StrictHostKeyChecking={checked}",
        "-o",
        "LogLevel=ERROR",
    ]


def read(path: Path) -> Pool:
    """The pool that a file describes: what `xapi-twin run --endpoints` writes, and optionally the other fields of `Pool`."""
    found = json.loads(path.read_text(encoding="utf-8"))
    more = {name: tuple(found[name]) for name in ("management_nics", "power", "device") if name in found}
    nics, network = tuple(found.get("nics", ("eth2", "eth4"))), found.get("network", "Acceptance")
    return Pool(found["hosts"], found["user"], found["password"], found.get("ca") or "", nics, network, **more)


def why_not(pool: Pool) -> str:
    """Why nobody should change this pool, or ""."""
    found = pool.records("VM", "SR", "PBD", "network")
    running = [
        vm["name_label"]
        for vm in found["VM"].values()
        if vm["power_state"] != "Halted" and not vm["is_control_domain"] and not vm["is_a_template"]
    ]
    if running:
        return f"VMs are running in it: {', '.join(sorted(running))}"
    attached = {pbd["SR"] for pbd in found["PBD"].values() if pbd["currently_attached"]}
    shared = [sr["name_label"] for ref, sr in found["SR"].items() if ref in attached and sr["shared"]]
    if shared:
        return f"shared storage is attached: {', '.join(sorted(shared))}"
    if any(network["name_label"].startswith(pool.network) for network in found["network"].values()):
        return f'it has a network whose name begins with {pool.network}; name another one as "network" in the file of endpoints'
    return ""
