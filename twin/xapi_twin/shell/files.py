# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a dom0, in the library's memory: those that tell of its state, written before and after each command, and what users wrote.

No file of this machine is ever opened.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bashkit import Bash, FileSystem

from xapi_twin.datamodel.releases import Product
from xapi_twin.dom0.formats import bond_proc
from xapi_twin.xapi.state import HostState

_FOLDERS = (
    "/bin", "/boot", "/dev", "/dev/shm", "/etc", "/etc/xensource", "/etc/sysconfig", "/home", "/lib", "/media", "/mnt", "/opt",
    "/opt/xensource/bin", "/proc/net", "/proc/sys", "/root", "/run", "/sbin", "/srv", "/sys/class/net", "/tmp", "/usr/bin", "/usr/lib",
    "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/var/cache", "/var/lib/xcp", "/var/log", "/var/run/openvswitch", "/var/tmp",
)  # fmt: skip
_MODES = re.compile(r"\b(?:umask|chmod|mktemp|install)\b")
_IN_MEMORY = ("/var/run", "/dev/shm")
_MEMORY_KIB = 8388608  # what is shown of dom0's memory; nothing depends on it


class Files:
    """One dom0's files."""

    def __init__(self, host: HostState, product: Product, programs: Mapping[str, Sequence[str]]) -> None:
        self.host = host
        self.product = product
        self.programs = programs
        self.tree = FileSystem()
        self._state: dict[str, str] = {}
        self._living_now: dict[str, str] = {}
        self._processes: dict[int, str] = {}
        self._seen: tuple[Any, ...] = ()
        self._minds_modes = False
        self._format()

    def _format(self) -> None:
        for folder in _FOLDERS:
            if folder != "/run" and not self.tree.exists(folder):
                self.tree.mkdir(folder, recursive=True)
        self.tree.chmod("/tmp", 0o1777)
        self.tree.chmod("/root", 0o550)
        self.tree.symlink("/var/run", "/run")

    def lose_memory(self) -> None:
        """What is in a file system in memory is gone with the power. What tells of the state is written again, by the next `refresh`."""
        for folder in _IN_MEMORY:
            for entry in self.tree.read_dir(folder):
                self.tree.remove(posixpath.join(folder, entry["name"]), recursive=True)
        self._state = {path: text for path, text in self._state.items() if not path.startswith(_IN_MEMORY)}
        self._seen = ()

    def mounted(self, shell: Bash) -> None:
        """Make them the only files that a shell has."""
        shell.mount("/", self.tree)
        for folder, names in self.programs.items():
            shell.mount(folder, _programs(tuple(names)), read_only=True)

    def refresh(self, processes: Mapping[int, str]) -> None:
        """Write the files that tell of the state, as far as it changed. What users did to others of them stays.

        `processes`: their words, each with a NUL after it but the last, by number.
        """
        seen = _seen(self.host)
        if seen != self._seen:
            self._seen, self._living_now = seen, self._living()
        elif processes == self._processes:
            return
        self._processes = dict(processes)
        state = {**self._living_now, **_processes(processes)}
        for path, text in state.items():
            if self._state.get(path) != text:
                folder = posixpath.dirname(path)
                if not self.tree.exists(folder):
                    self.tree.mkdir(folder, recursive=True)
                self.tree.write_file(path, text.encode())
        for path in self._state.keys() - state.keys():
            self._remove(path)
        self._state = state

    def minds_modes(self, text: str) -> bool:
        """Whether this script, or one before it on this host, set modes. Only then is more done for a redirection than the library does."""
        self._minds_modes = self._minds_modes or bool(_MODES.search(text))
        return self._minds_modes

    def keep(self, pid: int, text: str) -> str:
        """Text for a process to read, among its open files; answers the path."""
        folder = f"/proc/{pid}/fd"
        if not self.tree.exists(folder):
            self.tree.mkdir(folder, recursive=True)
        path = f"{folder}/{60 + len(self.tree.read_dir(folder))}"
        self.tree.write_file(path, text.encode())
        return path

    def drop(self, pid: int) -> None:
        """The process is over, and so are its open files."""
        if self.tree.exists(f"/proc/{pid}/fd"):
            self.tree.remove(f"/proc/{pid}/fd", recursive=True)

    def _remove(self, path: str) -> None:
        if self.tree.exists(path):
            self.tree.remove(path)
        folder = posixpath.dirname(path)
        while folder.startswith(("/sys/class/net/", "/proc/")) and self.tree.exists(folder) and not self.tree.read_dir(folder):
            self.tree.remove(folder, recursive=True)
            folder = posixpath.dirname(folder)

    # what tells of the state

    def _living(self) -> dict[str, str]:
        """Files that tell of the state, by path."""
        host, dom0 = self.host, self.host.dom0
        product = self.product
        found: dict[str, str] = {
            "/etc/xensource-inventory": "".join(f"{name}='{value}'\n" for name, value in sorted(inventory(host, product).items())),
            "/etc/xensource/network.conf": dom0.network_backend + "\n",
            "/etc/redhat-release": product.centos + "\n",
            "/etc/xensource/pool.conf": pool_conf(host),
            "/etc/xensource/xapi-ssl.pem": host.pool.certificate,
            "/etc/hostname": dom0.hostname + "\n",
            "/etc/hosts": "127.0.0.1\tlocalhost localhost.localdomain\n",
            "/etc/resolv.conf": "".join(f"nameserver {server}\n" for server in dom0.dns),
            "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
            "/proc/meminfo": "".join(f"{name + ':':<15}{kib:>9} kB\n" for name, kib in memory().items()),
            "/proc/uptime": "86400.00 172800.00\n",
            "/proc/loadavg": "0.00 0.00 0.00 1/200 4711\n",
            "/proc/version": f"Linux version {product.kernel}\n",
            "/proc/net/dev": "Inter-|   Receive\n face |bytes\n" + "".join(f"{name:>6}:       0\n" for name in dom0.interfaces()),
            "/proc/sys/kernel/hostname": dom0.hostname + "\n",
            "/var/log/xensource.log": "".join(line + "\n" for line in dom0.log),
            "/var/log/messages": "".join(line + "\n" for line in dom0.service_log),
        }
        if product.systemd:
            found["/etc/os-release"] = os_release(product)
        for cookie in dom0.cookies:
            found[cookie] = ""
        self._interfaces(found)
        return found

    def _interfaces(self, found: dict[str, str]) -> None:
        dom0 = self.host.dom0
        for number, interface in enumerate(dom0.interfaces().values(), 2):
            base = f"/sys/class/net/{interface.name}"
            nic = dom0.nics.get(interface.name)
            facts = {
                "address": interface.mac,
                "mtu": str(interface.mtu),
                "carrier": str(int(interface.carrier)),
                "operstate": "up" if interface.up and interface.carrier else "down",
                "ifindex": str(number),
                "type": "1",
                "speed": str(nic.speed if nic and nic.carrier else -1),
                "duplex": "full" if nic is None or nic.duplex else "half",
            }
            for name, value in facts.items():
                found[f"{base}/{name}"] = value + "\n"
            if nic is not None:
                found[f"{base}/device/uevent"] = f"PCI_SLOT_NAME={nic.pci_bus_path}\n"
        if dom0.network_backend == "bridge":
            found["/sys/class/net/bonding_masters"] = " ".join(dom0.bonds) + "\n"
            for bond in dom0.bonds.values():
                found[f"/proc/net/bonding/{bond.name}"] = bond_proc(bond, dom0)
                found[f"/sys/class/net/{bond.name}/bonding/slaves"] = " ".join(member.device for member in bond.members) + "\n"
                found[f"/sys/class/net/{bond.name}/bonding/mode"] = f"{bond.mode} 1\n"
                found[f"/sys/class/net/{bond.name}/bonding/active_slave"] = (bond.active or "") + "\n"
            for bridge in dom0.bridges.values():
                found[f"/sys/class/net/{bridge.name}/bridge/stp_state"] = "0\n"
        else:
            found["/var/run/openvswitch/db.sock"] = ""


def _seen(host: HostState) -> tuple[Any, ...]:
    """What the files tell of: as long as it is the same, so are they. The values are frozen, so that copies of the dictionaries do."""
    dom0 = host.dom0
    facts = (dom0.hostname, dom0.dns, dict(dom0.nics), dict(dom0.bridges), dict(dom0.bonds), set(dom0.cookies))
    logs = tuple((len(lines), lines[-1:]) for lines in (dom0.log, dom0.service_log))
    return facts, logs, host.management_bridge, host.uuid, host.pool.master_host.record["address"], host.is_master


def _processes(running: Mapping[int, str]) -> dict[str, str]:
    found = {}
    for pid, command in running.items():
        found[f"/proc/{pid}/cmdline"] = command + "\0"
        found[f"/proc/{pid}/comm"] = command.split("\0")[0].rpartition("/")[2][:15] + "\n"
    return found


@cache
def _programs(names: tuple[str, ...]) -> FileSystem:
    """A folder of programs: each hands on to the command of its name."""
    folder = FileSystem()
    for entry in folder.read_dir("/"):
        folder.remove("/" + entry["name"], recursive=True)
    for name in names:
        folder.write_file(f"/{name}", f'#!/bin/sh\n{name} "$@"\n'.encode())
        folder.chmod(f"/{name}", 0o755)
    return folder


def memory() -> dict[str, int]:
    """Lines of /proc/meminfo in kB."""
    free = _MEMORY_KIB * 3 // 4
    swap = {"SwapTotal": 1048572, "SwapFree": 1048572}
    return {"MemTotal": _MEMORY_KIB, "MemFree": free, "MemAvailable": free, "Buffers": 65536, "Cached": 524288, **swap}


def pool_conf(host: HostState) -> str:
    """/etc/xensource/pool.conf: master, or slave: with the master's address."""
    return "master" if host.is_master else f"slave:{host.pool.master_host.record['address']}"


def os_release(product: Product) -> str:
    facts = {
        "NAME": product.brand,
        "VERSION": product.version,
        "ID": product.brand.lower(),
        "ID_LIKE": "centos rhel fedora",
        "VERSION_ID": product.version,
        "PRETTY_NAME": f"{product.brand} {product.version}",
    }
    return "".join(f'{name}="{value}"\n' for name, value in facts.items())


def inventory(host: HostState, product: Product) -> dict[str, str]:
    """/etc/xensource-inventory: what XAPI and dom0 know of this installation, by name."""
    domains = [vm for vm in host.pool.database.all("VM").values() if vm["is_control_domain"] and vm["resident_on"] == host.ref]
    facts = {
        "INSTALLATION_UUID": host.uuid,
        "CONTROL_DOMAIN_UUID": domains[0]["uuid"] if domains else "",
        "PRODUCT_BRAND": product.brand,
        "PRODUCT_NAME": "xenenterprise",
        "PRODUCT_VERSION": product.version,
        "PLATFORM_NAME": "XCP",
        "PLATFORM_VERSION": product.platform,
        "BUILD_NUMBER": "cloud" if product.brand == "XCP-ng" else "70446c",
        "KERNEL_VERSION": product.kernel,
        "PRIMARY_DISK": "/dev/sda",
        "MANAGEMENT_INTERFACE": host.management_bridge,
        "MANAGEMENT_ADDRESS_TYPE": "IPv4",
        "XEN_MEMORY_CALIBRATION": "1",
    }
    return {name: value for name, value in facts.items() if value}
