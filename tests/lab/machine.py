# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A computer of the lab: a network, file system, processes and host name of its own, in Linux namespaces.

Its root is the machine's own root file system with a layer above it that only this computer sees and that is gone with
it. Its first process is a child of whoever made it and takes everything else with it when it ends, so that nothing has
to be cleaned up, whatever happens.
"""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

# Several NICs of one computer on one segment would each answer for all of its addresses without the first of these. With
# IPv6, a NIC solicits routers by itself, some seconds after it became part of a bond, with the bond's own MAC, and the
# switch then sends the bond's traffic to a NIC that is not active. dom0 has IPv6 off unless its management uses it.
SYSCTL = {
    "ipv4/conf/all/rp_filter": "1",
    "ipv4/conf/default/rp_filter": "1",
    "ipv4/conf/all/arp_ignore": "1",
    "ipv4/conf/all/arp_announce": "2",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}

_BOOT = r"""
set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p run/lab old
[ -z "$3" ] || mount --bind "$3" run/lab
pivot_root . old
umount -l /old
hostname "$2"
ip link set lo up
echo up
exec </dev/null >/dev/null 2>&1
while :; do sleep 86400 & wait; done
"""


class Machine:
    """One computer. `folder` holds its layer; `shared` is a folder that it sees as /run/lab."""

    def __init__(self, name: str, folder: Path, shared: Path | None = None) -> None:
        self.name = name
        self._folder = folder
        self._shared = shared
        self._first: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Boot it. Raises RuntimeError with what the kernel did not like."""
        for part in ("upper", "work", "root"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        namespaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        boot = ["/bin/sh", "-c", _BOOT, "boot", str(self._folder), self.name, str(self._shared or "")]
        # In a session of its own, or an interrupt from the keyboard would switch it off before anybody could tidy up.
        self._first = subprocess.Popen(
            ["unshare", *namespaces, *boot],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._first.stdout is not None and self._first.stderr is not None
        if self._first.stdout.readline() != "up\n":
            raise RuntimeError(f"{self.name} did not start: {self._first.stderr.read().strip()}")
        settings = "; ".join(f"echo {value} >/proc/sys/net/{name}" for name, value in SYSCTL.items())
        self.run("/bin/sh", "-c", settings)

    def stop(self) -> None:
        """Switch it off: every process in it is gone when this returns."""
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            for stream in (self._first.stdout, self._first.stderr):
                if stream is not None:
                    stream.close()
            self._first = None

    @property
    def pid(self) -> int:
        """A process whose network namespace is this computer's."""
        assert self._first is not None, f"{self.name} is not up"
        return self._first.pid

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands before a command that is to run in this computer."""
        spaces = [f"--{kind}=/proc/{self.pid}/ns/{file}" for kind, file in _SPACES.items()]
        return ("nsenter", *spaces, "--")

    def run(self, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a command in it and return what it printed. Raises RuntimeError with the command's words when it fails."""
        done = subprocess.run(
            [*self.enter, *command],
            input=text,
            stdin=None if text else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()} (status {done.returncode})")
        return done.stdout

    def popen(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in it and leave it running; it ends with the computer at the latest."""
        return subprocess.Popen(
            [*self.enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Write a file in it."""
        self.run(
            "/bin/sh",
            "-c",
            'mkdir -p "$(dirname "$1")" && cat >"$1" && { chmod "$2" "$1" 2>/dev/null || :; }',
            "write",
            path,
            mode,
            text=textwrap.dedent(text).lstrip("\n") or "\n",
        )


_SPACES: Mapping[str, str] = {"mount": "mnt", "net": "net", "uts": "uts", "ipc": "ipc", "pid": "pid_for_children"}


def cable(one: Machine, one_device: str, other: Machine, other_device: str, mac: str = "", mtu: int = 9000) -> None:
    """Lay a cable between two computers: a NIC called `one_device` at one end, `other_device` at the other.

    Each end loses its carrier when the other is taken down.
    """
    make = ["ip", "link", "add", one_device, *(["address", mac] if mac else []), "netns", str(one.pid), "type", "veth"]
    subprocess.run([*make, "peer", "name", other_device, "netns", str(other.pid)], check=True, capture_output=True)
    other.run("ip", "link", "set", other_device, "mtu", str(mtu), "up")
    one.run("ip", "link", "set", one_device, "up")
    # A userspace switch passes on packets whose checksum was left to a NIC that is not there; TCP then hangs while ping works.
    for machine, device in ((one, one_device), (other, other_device)):
        machine.run("ethtool", "--offload", device, "tx", "off", "rx", "off")


def run_here(*command: str, check: bool = True) -> str:
    """Run a command in the namespace of the lab itself, the controller's."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def start_open_vswitch(machine: Machine) -> None:
    """A database and a switch daemon of its own, started the way the package's script does."""
    commands: Sequence[str] = (
        "mkdir -p /run/openvswitch /etc/openvswitch",
        "rm -f /etc/openvswitch/conf.db",
        "ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema",
        "ovsdb-server --remote=punix:/var/run/openvswitch/db.sock --pidfile --detach --no-chdir --log-file /etc/openvswitch/conf.db",
        "ovs-vsctl --no-wait init",
        "ovs-vswitchd --pidfile --detach --no-chdir --log-file",
    )
    machine.run("/bin/sh", "-ec", "\n".join(commands))
