# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of real dom0 networks: hosts with Open vSwitch and sshd in namespaces, a switch between them, the twin's XAPI above.

Whoever makes a `Lab` is its controller, in a network namespace of its own (``python -m tests.lab`` sees to that): it
reaches the hosts over the management segment by real TCP and XAPI on its own loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.xapi.network.plugins.module_utils._run.task import Task
from ansible_collections.xapi.network.plugins.modules import xs_dom0_facts

from tests.lab.machine import Machine, cable, run_here, start_open_vswitch
from xapi_twin import shell
from xapi_twin.dom0.model import Dom0
from xapi_twin.dom0.ovs import OvsBackend
from xapi_twin.running import RunningTwin
from xapi_twin.scenario.model import Scenario
from xapi_twin.shell.files import inventory

ROOT = Path(__file__).resolve().parents[2]
#: Which segment a NIC of a pool host is plugged into.
SEGMENTS: Mapping[str, str] = {
    "eth0": "management",
    "eth1": "management",
    "eth2": "storage",
    "eth4": "storage",
    "eth3": "vm",
    "eth5": "vm",
}
# The controller is the gateway of the pool's hosts as well. It forwards nothing, but it has to be there: what a host
# sends while it has no storage address goes by its default route, and would wait for a gateway that does not answer.
CONTROLLER_ADDRESS = "172.16.0.1/27"
STORAGE_SERVER = "172.16.0.33/28"

# What xapi would answer in dom0 is answered by the twin; everything else there is real.
ANSWERED_BY_THE_TWIN = ("/usr/bin/systemctl", "/usr/sbin/service", "/opt/xensource/bin/xapi-wait-init-complete", "/usr/bin/xe",
                        "/opt/xensource/bin/xe-toolstack-restart")  # fmt: skip
# In Perl, since a dom0 of this lab may have no Python; Debian's base system has a Perl that knows sockets.
_ASK_THE_TWIN = r"""
#!/usr/bin/perl
use IO::Socket::UNIX;
my $twin = IO::Socket::UNIX->new(Peer => '/run/lab/twin.sock') or die "xapi does not answer: $!\n";
my ($name) = $0 =~ m{([^/]+)$};
print $twin join("\0", $name, @ARGV), "\n";
local $/; my ($status, $out, $err) = split /\0/, <$twin>, 3;
print $out; print STDERR $err; exit $status;
"""

_SSHD = """
Port 22
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile /etc/ssh/lab_authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
StrictModes no
PrintMotd no
MaxStartups 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Played:
    """A run of ansible-playbook: its exit status and everything it printed."""

    status: int
    output: str = field(repr=False)

    def changed(self) -> dict[str, int]:
        """host -> number of changed tasks, out of the recap."""
        recap = self.output.partition("PLAY RECAP")[2]
        rows = [line.split() for line in recap.splitlines() if " changed=" in line]
        return {row[0]: int(next(word for word in row if word.startswith("changed="))[8:]) for row in rows}


class Lab:
    """A pool in namespaces, for use with `with`. `python`: host name -> interpreter that its dom0 has; the others have none."""

    def __init__(self, folder: Path, scenario: Scenario, python: Mapping[str, Path] | None = None) -> None:
        self.folder = folder
        self.scenario = scenario
        self.python = python or {}
        self.switch = Machine("switch", folder / "switch")
        self.nas = Machine("nas", folder / "nas")
        self.hosts: dict[str, Machine] = {}
        self.backends: dict[str, OvsBackend] = {}
        self.twin: RunningTwin
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Lab:
        try:
            self._wire()
            self.twin = RunningTwin(self.scenario, ssh=False, make_backend=self._backend)
            self.twin.__enter__()
            self.twin.run(self._answer_dom0)
            for name, machine in self.hosts.items():
                self._furnish(name, machine)
            self._write_files()
        except BaseException:
            self._switch_off()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.twin.__exit__(kind, error, trace)
        finally:
            self._switch_off()

    # what tests do with it

    def ssh(self, host: str, command: str) -> str:
        """What a command prints in dom0, over real SSH. Raises CalledProcessError."""
        done = self._ssh(host, command)
        done.check_returncode()
        return done.stdout

    def play(self, playbook: str, *arguments: str, command: Sequence[str] = (), **variables: Any) -> Played:
        """Run a playbook of the collection (or a file) against the lab, with `variables` as extra variables."""
        start = list(command) or [str(Path(sys.executable).parent / "ansible-playbook")]
        words = [*start, "-i", str(self.inventory), playbook, "--extra-vars", json.dumps(variables), *arguments]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment, cwd=ROOT, timeout=600, check=False
        )
        return Played(done.returncode, done.stdout + done.stderr)

    def ask_dom0(self, host: str) -> dict[str, Any]:
        """xs_dom0_facts of a host, by the module's own work over SSH (the role asks the same through Ansible)."""

        def over_ssh(command: str) -> tuple[int, str, str]:
            done = self._ssh(host, f"/bin/sh -c {shlex.quote(command)}")
            return done.returncode, done.stdout, done.stderr

        facts: dict[str, Any] = xs_dom0_facts.work(Task(options={}, shell=over_ssh))["ansible_facts"]["xs_dom0"]
        return facts

    def bond(self, playbook: str = "storage_bond", *arguments: str, command: Sequence[str] = (), **options: Any) -> Played:
        """Run one of the collection's playbooks on NAS, eth2 and eth4; `options` are the role's, without their prefix."""
        given = {"network": "NAS", "nics": ["eth2", "eth4"], **options}
        variables = {f"storage_bond_{name}": value for name, value in given.items()}
        return self.play(f"xapi.network.{playbook}", *arguments, command=command, **variables)

    def settle(self) -> None:
        """As it is after the 31 s that a link has to stay up before Open vSwitch uses it beside one that it uses already."""
        for backend in self.backends.values():
            self.twin.run(backend.settle)

    def bond_when(self, host: str, wanted: Callable[[dict[str, Any]], bool], within: float = 15) -> dict[str, Any]:
        """bond0 of a host as soon as dom0 says what is wanted. Raises AssertionError with what it said last."""
        deadline = time.monotonic() + within
        while True:
            bond = self.bond_of(host)
            if wanted(bond):
                return bond
            assert time.monotonic() < deadline, f"{host} still says after {within} s: {bond}"

    def bond_of(self, host: str) -> dict[str, Any]:
        """bond0 of a host, as dom0 says."""
        found: dict[str, Any] = self.ask_dom0(host)["bonds"]["bond0"]
        return found

    def plug(self, host: str, device: str, up: bool) -> None:
        """Pull the cable of a NIC at the switch, or plug it in again. NICs of one segment keep their ports."""
        self.switch.run("ip", "link", "set", _port(host, device), "up" if up else "down")

    def bundle(self, host: str, devices: Sequence[str], speaks_lacp: bool) -> None:
        """Make the switch treat the ports of these NICs as one link, with LACP, or as separate ports without it."""
        segment = SEGMENTS[devices[0]]
        ports = [_port(host, device) for device in devices]
        words = ["--if-exists", "del-port", segment, f"lag-{host}"]
        for port in ports:
            words += ["--", "--if-exists", "del-port", segment, port]
        if speaks_lacp:
            words += [
                "--",
                "add-bond",
                segment,
                f"lag-{host}",
                *ports,
                "lacp=active",
                "bond_mode=balance-tcp",
                "other-config:lacp-time=fast",
            ]
        else:
            for port in ports:
                words += ["--", "add-port", segment, port]
        self.switch.run("ovs-vsctl", *words)

    def set_port(self, host: str, device: str, *settings: str) -> None:
        """Settings of the switch port of a NIC, as `ovs-vsctl set Port` takes them: its VLAN, or with which system id it speaks LACP."""
        self.switch.run("ovs-vsctl", "set", "Port", _port(host, device), *settings)

    def move(self, host: str, device: str, segment: str) -> None:
        """Plug the cable of a NIC into another segment."""
        port = _port(host, device)
        self.switch.run("ovs-vsctl", "del-port", port, "--", "add-port", segment, port)

    # inside

    def _ssh(self, host: str, command: str) -> subprocess.CompletedProcess[str]:
        shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=30", "-o", f"ControlPath={self.folder / 'cp' / '%n'}"]
        words = ["ssh", "-F", str(self.ssh_config), *shared, host, command]
        # The connection that stays behind would hold a pipe open.
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as error:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=error, timeout=60, check=False)
            output.seek(0)
            error.seek(0)
            return subprocess.CompletedProcess(words, done.returncode, output.read(), error.read())

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    @property
    def environment(self) -> dict[str, str]:
        """What Ansible gets: nothing of the user's own, everything it writes below the lab's folder."""
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "ANSIBLE_COLLECTIONS_PATH", "PYTHONPATH") if name in os.environ}
        collections = str(ROOT / "build" / "dev") if (ROOT / "build" / "dev").is_dir() else str(ROOT / "build" / "collections")
        return {
            "ANSIBLE_COLLECTIONS_PATH": collections,
            **keep,
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "XENSERVER_HOST": self.master_url,
            "XENSERVER_PASSWORD": self.scenario.password,
            "XENSERVER_CA_PATH": str(self.twin.endpoints["ca"]),
        }

    @property
    def master_url(self) -> str:
        return next(str(host["xapi"]) for host in self.twin.endpoints["hosts"].values() if host["master"])

    def _wire(self) -> None:
        """The switch with its segments, a storage server, the controller's and every host's cables."""
        for machine in (self.switch, self.nas):
            machine.start()
        start_open_vswitch(self.switch)
        segments = sorted({*SEGMENTS.values()})
        for segment in segments:
            self.switch.run("ovs-vsctl", "add-br", segment, "--", "set", "Bridge", segment, "datapath_type=netdev", "fail_mode=standalone")
            self.switch.run("ip", "link", "set", segment, "up")
        here = _Here()
        cable(here, "lab0", self.switch, "controller")
        run_here("ip", "address", "replace", CONTROLLER_ADDRESS, "broadcast", "+", "dev", "lab0")
        run_here("ip", "link", "set", "lo", "up")
        cable(self.nas, "eth0", self.switch, "nas")
        self.nas.run("ip", "link", "set", "eth0", "mtu", "9000")
        self.nas.run("ip", "address", "replace", STORAGE_SERVER, "broadcast", "+", "dev", "eth0")
        plugs = [("management", "controller"), ("storage", "nas")]
        for ref, record in self.scenario.records["host"].items():
            name = record["name_label"]
            (self.folder / "shared" / name).mkdir(parents=True)
            machine = self.hosts[name] = Machine(name, self.folder / name, self.folder / "shared" / name)
            machine.start()
            start_open_vswitch(machine)
            for nic in self.scenario.dom0[ref].nics:
                cable(machine, nic.name, self.switch, _port(name, nic.name), mac=nic.mac.lower())
                plugs.append((SEGMENTS[nic.name], _port(name, nic.name)))
        self.switch.run("ovs-vsctl", *(word for segment, port in plugs for word in ("--", "add-port", segment, port)))

    def _backend(self, dom0: Dom0) -> OvsBackend:
        async def pull(device: str, up: bool) -> None:
            await asyncio.to_thread(self.plug, dom0.hostname, device, up)

        backend = self.backends[dom0.hostname] = OvsBackend(dom0, self.hosts[dom0.hostname].enter, pull)
        return backend

    async def _answer_dom0(self) -> None:
        """What is typed into a dom0 for xapi reaches the twin by a socket in that host's file system."""
        for name in self.hosts:
            host = self.twin.twin.host(name)

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: Any = host) -> None:
                words = (await reader.readline()).decode().rstrip("\n").split("\0")
                done = await shell.run(host, shlex.join(words))
                writer.write(f"{done.status}\0{done.stdout}\0{done.stderr}".encode())
                writer.close()

            path = self.folder / "shared" / name / "twin.sock"
            self._servers.append(await asyncio.start_unix_server(answer, path))

    def _furnish(self, name: str, machine: Machine) -> None:
        """Make the computer a dom0: its files, the commands of xapi, sshd, and the Python it is to have."""
        host = self.twin.twin.host(name)
        facts = inventory(host, host.machine.product)
        machine.write("/etc/xensource-inventory", "".join(f"{key}='{value}'\n" for key, value in facts.items()))
        machine.write("/etc/xensource/network.conf", f"{self.scenario.backend}\n")
        for command in ANSWERED_BY_THE_TWIN:
            machine.run("rm", "-f", command)
            machine.write(command, _ASK_THE_TWIN, "755")
        # Neither this machine's Python nor what its users put into their shells is there.
        machine.run("/bin/sh", "-c", "rm -f /usr/bin/python* /usr/local/bin/python* /root/.bashrc /root/.profile /root/.bash_profile")
        python = self.python.get(name)
        if python is not None:
            machine.run("ln", "-s", str(python), f"/usr/bin/{python.name}")
            machine.run("ln", "-s", python.name, "/usr/bin/python")
        self._key("host_key")
        machine.write("/etc/ssh/lab_host_key", (self.folder / "host_key").read_text(), "600")
        self._key("id")
        machine.write("/etc/ssh/lab_authorized_keys", (self.folder / "id.pub").read_text())
        machine.write("/etc/ssh/lab_sshd_config", _SSHD)
        machine.run("mkdir", "-p", "/run/sshd")
        machine.run("/usr/sbin/sshd", "-f", "/etc/ssh/lab_sshd_config")

    def _key(self, name: str) -> None:
        if not (self.folder / name).exists():
            run_here("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self.folder / name))

    def _write_files(self) -> None:
        hosts = self.twin.endpoints["hosts"]
        (self.folder / "cp").mkdir(exist_ok=True)
        (self.folder / "ansible.cfg").write_text("[defaults]\n")
        common = f"""
            User root
            IdentityFile {self.folder / "id"}
            IdentitiesOnly yes
            UserKnownHostsFile {self.folder / "known_hosts"}
            StrictHostKeyChecking accept-new
            ServerAliveInterval 5
            ServerAliveCountMax 3
            ConnectTimeout 10
            LogLevel ERROR
        """
        entries = [f"Host {name}\n    HostName {host['address']}\n" for name, host in hosts.items()]
        self.ssh_config.write_text("".join(entries) + "Host *\n" + textwrap.indent(textwrap.dedent(common).strip(), "    ") + "\n")
        groups: dict[str, Any] = {"xs_hosts": {"hosts": {}}, "xs_masters": {"hosts": {}}, "xs_members": {"hosts": {}}}
        for name, host in hosts.items():
            groups["xs_hosts"]["hosts"][name] = {
                "ansible_host": host["address"],
                "ansible_user": "root",
                "ansible_ssh_common_args": f"-F {self.ssh_config}",
            }
            groups["xs_masters" if host["master"] else "xs_members"]["hosts"][name] = {}
        self.inventory.write_text(json.dumps({"all": {"children": groups}}, indent=2))

    def _switch_off(self) -> None:
        for machine in (*self.hosts.values(), self.nas, self.switch):
            machine.stop()
        run_here("ip", "link", "delete", "lab0", check=False)
        shutil.rmtree(self.folder, onerror=_make_writable)


class _Here(Machine):
    """The controller, as the end of a cable."""

    def __init__(self) -> None:
        super().__init__("controller", Path("/"))

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def enter(self) -> tuple[str, ...]:
        return ()


def _port(host: str, device: str) -> str:
    """The name of a switch port: at most 15 characters, as the kernel wants."""
    return f"{host}.{device}"[-15:]


def _make_writable(remove: Any, path: str, _error: Any) -> None:
    # overlayfs leaves its work folder without any permission.
    os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)
