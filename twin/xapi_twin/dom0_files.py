# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a dom0: those that tell of its state, made when they are read, and those that users wrote, kept in memory.

No file of this machine is ever opened.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from xapi_twin.datamodel.releases import product_of
from xapi_twin.dom0.formats import bond_proc
from xapi_twin.shell_streams import Discarded, Given, Sink, Source, is_source

if TYPE_CHECKING:
    from xapi_twin.twin.host import Host

_FOLDERS = (
    "/", "/bin", "/boot", "/dev", "/etc", "/etc/xensource", "/home", "/lib", "/mnt", "/opt", "/opt/xensource", "/opt/xensource/bin",
    "/proc", "/proc/net", "/root", "/run", "/sbin", "/sys", "/sys/class", "/sys/class/net", "/tmp", "/usr", "/usr/bin", "/usr/sbin", "/var",
    "/var/log", "/var/run", "/var/tmp", "/var/lib", "/var/lib/xcp", "/var/run/openvswitch",
)  # fmt: skip
_BINARIES = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/xensource/bin")


class FileProblem(Exception):
    """A file cannot be read or written; the sentence is the shell's, beginning with the path."""


@dataclass
class _Writing:
    files: Files
    path: str

    def write(self, text: str) -> None:
        self.files.written[self.path] = self.files.written.get(self.path, "") + text


@dataclass
class Files:
    """One dom0's files."""

    host: Host
    written: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: set(_FOLDERS))
    modes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, host: Host) -> Files:
        """The files of a host; the same for all its shells."""
        files = _ALL.get(host)
        if files is None:
            files = _ALL[host] = cls(host)
        return files

    # paths

    def absolute(self, cwd: str, path: str) -> str:
        full = posixpath.normpath(posixpath.join(cwd, path))
        full = "/" + full.lstrip("/")
        return "/var/run" + full[4:] if full == "/run" or full.startswith("/run/") else full

    def matching(self, cwd: str, expression: str) -> list[str]:
        """Paths that match a regular expression of a shell pattern, in order; hidden ones only when asked for."""
        relative = not expression.startswith("/")
        # A pattern's parts: the expression has \/ nowhere, so its slashes are those of the path.
        found = [("" if relative else "/", cwd if relative else "/")]
        for part in [part for part in expression.split("/") if part]:
            following: list[tuple[str, str]] = []
            for shown, path in found:
                for name in self.names(path):
                    if re.fullmatch(part.replace(".*", "[^/]*"), name) and (not name.startswith(".") or part.startswith("\\.")):
                        following.append((posixpath.join(shown, name), posixpath.join(path, name)))
            found = following
        return sorted(shown for shown, _unused in found)

    # reading

    def names(self, folder: str) -> list[str]:
        """What is in a folder. Empty when it is none."""
        folder = self.absolute("/", folder)
        paths = {*self.written, *self.folders, *self._living()}
        depth = folder.rstrip("/") + "/"
        found = {path[len(depth) :].split("/", 1)[0] for path in paths if path.startswith(depth) and path != depth}
        if folder in _BINARIES:
            from xapi_twin.commands import names_in

            found.update(names_in(self.host, folder))
        return sorted(name for name in found if name)

    def is_folder(self, path: str) -> bool:
        path = self.absolute("/", path)
        return path in self.folders or (path not in self.written and any(other.startswith(path + "/") for other in self._living()))

    def is_file(self, path: str) -> bool:
        path = self.absolute("/", path)
        return path in self.written or path in self._living() or path == "/dev/null" or self.is_command(path)

    def is_command(self, path: str) -> bool:
        folder, _unused, name = path.rpartition("/")
        if folder not in _BINARIES:
            return False
        from xapi_twin.commands import names_in

        return name in names_in(self.host, folder)

    def exists(self, path: str) -> bool:
        return self.is_file(path) or self.is_folder(path)

    def read(self, path: str) -> str:
        """The content of a file. Raises FileProblem."""
        path = self.absolute("/", path)
        if path in self.written:
            return self.written[path]
        living = self._living()
        if path in living:
            return living[path]()
        if path == "/dev/null":
            return ""
        if self.is_folder(path):
            raise FileProblem(f"{path}: Is a directory")
        raise FileProblem(f"{path}: No such file or directory")

    async def opened(self, path: str) -> Source:
        return Given(self.read(path))

    # writing

    def writing(self, path: str, append: bool, descriptors: dict[int, Sink | Source]) -> Sink:
        """A sink that writes into a file. Raises FileProblem."""
        special = {"/dev/stdout": 1, "/dev/stderr": 2, "/dev/fd/1": 1, "/dev/fd/2": 2}
        if path == "/dev/null":
            return Discarded()
        if path in special:
            sink = descriptors.get(special[path])
            if sink is not None and not is_source(sink):
                return sink  # type: ignore[return-value]
        self.check_writable(path)
        if not append:
            self.written[path] = ""
        return _Writing(self, path)

    def check_writable(self, path: str) -> None:
        """Raises FileProblem when no file can be written there."""
        if self.is_folder(path):
            raise FileProblem(f"{path}: Is a directory")
        if not self.is_folder(posixpath.dirname(path)):
            raise FileProblem(f"{path}: No such file or directory")
        if path in self._living() or path.startswith(("/proc/", "/sys/")):
            raise FileProblem(f"{path}: Permission denied")

    def make_folder(self, path: str, parents: bool) -> None:
        """Raises FileProblem."""
        path = self.absolute("/", path)
        if self.exists(path):
            if parents and self.is_folder(path):
                return
            raise FileProblem(f"cannot create directory '{path}': File exists")
        parent = posixpath.dirname(path)
        if not self.is_folder(parent):
            if not parents:
                raise FileProblem(f"cannot create directory '{path}': No such file or directory")
            self.make_folder(parent, parents)
        self.folders.add(path)

    def remove(self, path: str, recursive: bool) -> None:
        """Raises FileProblem."""
        path = self.absolute("/", path)
        if path in self.written:
            del self.written[path]
        elif path in self.folders and path not in _FOLDERS and recursive:
            inside = path + "/"
            self.folders = {folder for folder in self.folders if folder != path and not folder.startswith(inside)}
            for name in [name for name in self.written if name.startswith(inside)]:
                del self.written[name]
        elif self.is_folder(path):
            raise FileProblem(f"cannot remove '{path}': Is a directory")
        elif self.exists(path):
            raise FileProblem(f"cannot remove '{path}': Operation not permitted")
        else:
            raise FileProblem(f"cannot remove '{path}': No such file or directory")

    # what tells of the state

    def _living(self) -> dict[str, Callable[[], str]]:
        """Files that are made when they are read, by path."""
        host, dom0 = self.host, self.host.dom0
        product = product_of(host.twin.scenario.version)
        found: dict[str, Callable[[], str]] = {
            "/etc/xensource-inventory": lambda: "".join(f"{name}='{value}'\n" for name, value in sorted(inventory(host).items())),
            "/etc/xensource/network.conf": lambda: dom0.network_backend + "\n",
            "/etc/redhat-release": lambda: product.centos + "\n",
            "/etc/hostname": lambda: dom0.hostname + "\n",
            "/etc/hosts": lambda: "127.0.0.1\tlocalhost localhost.localdomain\n",
            "/etc/resolv.conf": lambda: "".join(f"nameserver {server}\n" for server in dom0.dns),
            "/etc/passwd": lambda: "root:x:0:0:root:/root:/bin/bash\n",
            "/proc/version": lambda: f"Linux version {product.kernel}\n",
            "/proc/net/dev": lambda: "Inter-|   Receive\n face |bytes\n" + "".join(f"{name:>6}:       0\n" for name in dom0.interfaces()),
            "/proc/sys/kernel/hostname": lambda: dom0.hostname + "\n",
            "/var/log/xensource.log": lambda: "".join(line + "\n" for line in dom0.log),
            "/var/log/messages": lambda: "".join(line + "\n" for line in dom0.service_log),
        }
        if product.systemd:
            found["/etc/os-release"] = lambda: f'NAME="{product.brand}"\nID="{product.brand.lower()}"\nVERSION_ID="{product.version}"\n'
        for cookie in dom0.cookies:
            found[cookie] = lambda: ""
        self._interfaces(found)
        return found

    def _interfaces(self, found: dict[str, Callable[[], str]]) -> None:
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
                found[f"{base}/{name}"] = _constant(value + "\n")
            if nic is not None:
                found[f"{base}/device/uevent"] = _constant(f"PCI_SLOT_NAME={nic.pci_bus_path}\n")
        if dom0.network_backend == "bridge":
            found["/sys/class/net/bonding_masters"] = _constant(" ".join(dom0.bonds) + "\n")
            for bond in dom0.bonds.values():
                found[f"/proc/net/bonding/{bond.name}"] = _constant(bond_proc(bond, dom0))
                found[f"/sys/class/net/{bond.name}/bonding/slaves"] = _constant(" ".join(member.device for member in bond.members) + "\n")
                found[f"/sys/class/net/{bond.name}/bonding/mode"] = _constant(f"{bond.mode} 1\n")
                found[f"/sys/class/net/{bond.name}/bonding/active_slave"] = _constant((bond.active or "") + "\n")
            for bridge in dom0.bridges.values():
                found[f"/sys/class/net/{bridge.name}/bridge/stp_state"] = _constant("0\n")
        else:
            found["/var/run/openvswitch/db.sock"] = _constant("")


_ALL: WeakKeyDictionary[Host, Files] = WeakKeyDictionary()


def _constant(text: str) -> Callable[[], str]:
    return lambda: text


def inventory(host: Host) -> dict[str, str]:
    """/etc/xensource-inventory: what XAPI and dom0 know of this installation, by name."""
    twin = host.twin
    product = product_of(twin.scenario.version)
    domains = [vm for vm in twin.database.all("VM").values() if vm["is_control_domain"] and vm["resident_on"] == host.ref]
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
