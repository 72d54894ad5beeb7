# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH endpoint of each host's dom0, on 127.0.0.1. root logs in with the twin's own key or with the pool's password.

The ports are there as soon as `start` returns; the SSH library is loaded while they wait for their first visitor, because loading it
takes as long as everything else in the start of a small pool.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xapi_twin.errors import ConnectionDropped, XapiError
from xapi_twin.shell import Exit, LoopControl, Shell
from xapi_twin.shell_streams import Discarded, Handed
from xapi_twin.shell_syntax import Incomplete, parse

if TYPE_CHECKING:
    import asyncssh

    from xapi_twin.host import Host
    from xapi_twin.twin import Twin

ADDRESS = "127.0.0.1"
KEY_FILE = "id_ed25519"
KNOWN_HOSTS_FILE = "known_hosts"


@dataclass
class _Door:
    """One host's port. `acceptor` is there while the host has power and the library is loaded."""

    host: Host
    port: int
    waiting: socket.socket | None
    acceptor: asyncssh.SSHAcceptor | None = None


class SshServer:
    """The dom0s of a pool over SSH."""

    def __init__(self) -> None:
        self.key_path = Path()
        self.known_hosts_path = Path()
        self._doors: dict[str, _Door] = {}
        self._connections: dict[str, set[asyncssh.SSHServerConnection]] = {}
        self._opening: asyncio.Task[None] | None = None
        self._host_key = b""
        self._client_public = ""

    async def start(self, twin: Twin) -> None:
        """Bind a port for each host, and write the client's key and the known hosts into the twin's folder."""
        for ref, host in twin.hosts.items():
            listening = _listening(0)
            self._doors[ref] = _Door(host, listening.getsockname()[1], listening)
            self._connections[ref] = set()
        self._write_keys(twin.workdir)
        self._opening = asyncio.ensure_future(self._open_all())

    async def stop(self) -> None:
        """Close the ports and cut the connections."""
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._opening
        for door in self._doors.values():
            await self._close(door)

    def endpoint(self, host: Host) -> dict[str, Any]:
        """How to get into a host's dom0: host, port, user, key (path of the private key), known_hosts."""
        return {
            "host": ADDRESS,
            "port": self._doors[host.ref].port,
            "user": host.twin.scenario.user,
            "key": str(self.key_path),
            "known_hosts": str(self.known_hosts_path),
        }

    async def refuse(self, host: Host) -> None:
        """The host lost its power: its port refuses, its connections are cut."""
        if self._opening is not None:
            await asyncio.wait({self._opening})  # or a door that is being opened right now would stay open
        await self._close(self._doors[host.ref])

    async def accept(self, host: Host) -> None:
        """The host has power again: the same port answers."""
        door = self._doors[host.ref]
        if door.acceptor is None and door.waiting is None:
            door.waiting = _listening(door.port)
            await self._open(door)

    # inside

    def _write_keys(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

        def private(key: Ed25519PrivateKey) -> bytes:
            return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

        def public(key: Ed25519PrivateKey) -> str:
            return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

        client, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        self._host_key = private(host)
        self._client_public = public(client)
        self.key_path, self.known_hosts_path = folder / KEY_FILE, folder / KNOWN_HOSTS_FILE
        self.key_path.touch(mode=0o600)
        self.key_path.write_bytes(private(client))
        lines = [f"[{ADDRESS}]:{door.port} {public(host)}\n" for door in self._doors.values()]
        self.known_hosts_path.write_text("".join(lines), encoding="ascii")

    async def _open_all(self) -> None:
        def load() -> None:
            import asyncssh  # noqa: F401

        await asyncio.to_thread(load)
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        for door in self._doors.values():
            if door.waiting is not None:
                await self._open(door)

    async def _open(self, door: _Door) -> None:
        import asyncssh

        listening, door.waiting = door.waiting, None
        if listening is None:
            return
        scenario, server = door.host.twin.scenario, self
        authorized = asyncssh.import_authorized_keys(self._client_public)

        class Visitor(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                server._connections[door.host.ref].add(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                server._connections[door.host.ref].discard(self.connection)

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return username == scenario.user and password == scenario.password

        async def session(process: asyncssh.SSHServerProcess[str]) -> None:
            await _Session(door.host, process).run()

        door.acceptor = await asyncssh.listen(
            sock=listening,
            server_factory=Visitor,
            server_host_keys=[asyncssh.import_private_key(self._host_key)],
            authorized_client_keys=authorized,
            process_factory=session,
            encoding="utf-8",
            errors="surrogateescape",
            line_editor=True,
            allow_scp=False,
            login_timeout=30,
            keepalive_interval=0,
        )

    async def _close(self, door: _Door) -> None:
        if door.waiting is not None:
            door.waiting.close()
            door.waiting = None
        if door.acceptor is not None:
            acceptor, door.acceptor = door.acceptor, None
            acceptor.close()
        for connection in list(self._connections.get(door.host.ref, ())):
            connection.abort()


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((ADDRESS, port))
    made.listen(128)
    made.setblocking(False)
    return made


class _Input:
    """Standard input over SSH."""

    def __init__(self, process: asyncssh.SSHServerProcess[str]) -> None:
        self._process = process

    async def line(self) -> str:
        try:
            return await self._process.stdin.readline()
        except Exception:  # a signal, a resized window, a connection that ended: no more to be read
            return ""

    async def rest(self) -> str:
        try:
            return await self._process.stdin.read()
        except Exception:
            return ""


class _Session:
    """One command, or an interactive shell, over one SSH channel."""

    def __init__(self, host: Host, process: asyncssh.SSHServerProcess[str]) -> None:
        self.host = host
        self.process = process
        self.terminal = process.term_type is not None
        self.shell = Shell(host)

    async def run(self) -> None:
        command = self.process.command
        try:
            status = await self._interactive() if command is None else await self._one(command)
        except ConnectionDropped:
            self.process.channel.get_connection().abort()
            return
        except asyncio.CancelledError:
            raise
        with suppress(OSError):
            self.process.exit(status)

    async def _one(self, command: str) -> int:
        """A command between its two points of the fault plan. Raises ConnectionDropped."""
        faults = self.host.twin.faults
        try:
            await faults.ssh("before", self.host.ref, command)
        except XapiError as error:
            self._write(self.process.stderr, f"{error}\n")
            return 255
        work = asyncio.ensure_future(self.shell.run(command, self._descriptors()))
        leaving = asyncio.ensure_future(self.process.channel.wait_closed())
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if not work.done():
            work.cancel()
            return 255
        await faults.ssh("after", self.host.ref, command)
        return work.result()

    async def _interactive(self) -> int:
        host, shell, process = self.host, self.shell, self.process
        descriptors = self._descriptors()
        pending = ""
        while True:
            if self.terminal:
                self._write(process.stdout, "> " if pending else f"[root@{host.dom0.hostname} {_folder(shell.cwd)}]# ")
            try:
                line = await process.stdin.readline()
            except Exception as event:  # asyncssh tells of ^C, of a resized window and of the end as exceptions
                if type(event).__name__ in ("TerminalSizeChanged", "SoftEOFReceived"):
                    continue
                if type(event).__name__ in ("SignalReceived", "BreakReceived"):
                    pending = ""
                    self._write(process.stdout, "^C\n")
                    continue
                return shell.status
            if not line:
                return shell.status
            command = _straightened(pending + line)
            try:
                parse(command)
            except Incomplete:
                pending += line
                continue
            except Exception as problem:
                self._write(process.stderr, f"-bash: {problem}\n")
                pending = ""
                continue
            pending = ""
            if not command.strip():
                continue
            await host.twin.faults.ssh("before", host.ref, command.strip())
            try:
                await shell.source(command, descriptors)
            except LoopControl:
                pass
            except Exit as ending:
                return ending.status
            await host.twin.faults.ssh("after", host.ref, command.strip())

    def _descriptors(self) -> dict[int, Any]:
        process = self.process
        out = Handed(lambda text: self._write(process.stdout, text))
        # A terminal is one device: what goes to stderr comes back mixed with stdout, as Ansible's ssh -tt gets it.
        err = out if self.terminal else Handed(lambda text: self._write(process.stderr, text))
        return {0: Discarded() if self.terminal and process.command is None else _Input(process), 1: out, 2: err}

    def _write(self, stream: Any, text: str) -> None:
        with suppress(OSError):
            stream.write(text)


def _straightened(text: str) -> str:
    """Quotation marks as web pages print them, typed into a terminal by copy and paste."""
    return text.translate(str.maketrans("‘’“”", "''\"\""))


def _folder(path: str) -> str:
    return "~" if path == "/root" else path.rsplit("/", 1)[-1] or "/"
