# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH endpoint of each host's dom0, on 127.0.0.1. root logs in with the twin's own key or with the pool's password.

The ports are there as soon as `start` returns; the SSH library is loaded for the first client, because loading it takes as long as
everything else in the start of a small pool, and many a twin has no client at all.
"""

from __future__ import annotations

import asyncio
import codecs
import importlib
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xapi_twin.datamodel.errors import ConnectionDropped, XapiError
from xapi_twin.shell import Interactive, session
from xapi_twin.shell.process import Streams
from xapi_twin.shell.syntax import Incomplete, SyntaxProblem, check

if TYPE_CHECKING:
    import asyncssh

    from xapi_twin.twin.host import Host
    from xapi_twin.twin.pool import Twin

ADDRESS = "127.0.0.1"
USER = "root"  # the only one that a dom0 has
KEY_FILE = "id_ed25519"
KNOWN_HOSTS_FILE = "known_hosts"
_CHUNK = 65536


@dataclass
class _Endpoint:
    """One host's port. It is `waiting` for its first client, then `opening`, then there is an `acceptor`; without power, none of them."""

    host: Host
    address: str
    port: int
    waiting: socket.socket | None = None
    opening: asyncio.Task[None] | None = None
    acceptor: asyncssh.SSHAcceptor | None = None


class SshServer:
    """The dom0s of a pool over SSH."""

    def __init__(self) -> None:
        self.key_path = Path()
        self.known_hosts_path = Path()
        self._endpoints: dict[str, _Endpoint] = {}
        self._connections: dict[str, set[asyncssh.SSHServerConnection]] = {}
        self._sessions: set[asyncio.Task[Any]] = set()
        self._host_key = b""
        self._client_public = ""

    async def start(self, twin: Twin, folder: Path, addresses: Mapping[str, str] | None = None, port: int = 0) -> None:
        """Bind a port for each host, and write the client's key and the known hosts into the folder.

        `addresses`: of the hosts by reference, when they have addresses of their own. Raises OSError for a port that cannot be.
        """
        for ref, host in [(host.ref, host) for host in twin.all_hosts()]:
            address = (addresses or {}).get(ref, ADDRESS)
            listening = _listening(address, port)
            self._endpoints[ref] = _Endpoint(host, address, listening.getsockname()[1])
            self._connections[ref] = set()
            self._wait(self._endpoints[ref], listening)
        self._write_keys(folder)

    async def stop(self) -> None:
        """Close the ports and cut the connections."""
        for endpoint in self._endpoints.values():
            await self._close(endpoint)
        for task in self._sessions:
            task.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)

    def endpoint(self, host: Host) -> dict[str, Any]:
        """How to get into a host's dom0: host, port, user, key (path of the private key), known_hosts."""
        return {
            "host": self._endpoints[host.ref].address,
            "port": self._endpoints[host.ref].port,
            "user": USER,
            "key": str(self.key_path),
            "known_hosts": str(self.known_hosts_path),
        }

    async def refuse(self, host: str) -> None:
        """The host lost its power: its port refuses, its connections are cut."""
        await self._close(self._endpoints[host])

    async def accept(self, host: str) -> None:
        """The host has power again: the same port answers."""
        endpoint = self._endpoints[host]
        if endpoint.acceptor is None and endpoint.waiting is None and endpoint.opening is None:
            self._wait(endpoint, _listening(endpoint.address, endpoint.port))

    def hand_over(self, host: str, new: Host) -> None:
        """The host's port is that of a host of another pool from now on."""
        endpoint = self._endpoints.pop(host)
        endpoint.host = new
        self._endpoints[new.ref] = endpoint
        self._connections[new.ref] = self._connections.pop(host)

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
        at = [(endpoint.address, endpoint.port) for endpoint in self._endpoints.values()]
        names = [address if port == 22 else f"[{address}]:{port}" for address, port in at]
        lines = [f"{name} {public(host)}\n" for name in names]
        self.known_hosts_path.write_text("".join(lines), encoding="ascii")

    def _wait(self, endpoint: _Endpoint, listening: socket.socket) -> None:
        """Accept connections once the first client comes."""
        loop = asyncio.get_running_loop()

        def first_client() -> None:
            loop.remove_reader(listening)
            endpoint.waiting = None
            endpoint.opening = asyncio.ensure_future(self._open(endpoint, listening))

        endpoint.waiting = listening
        loop.add_reader(listening, first_client)

    async def _open(self, endpoint: _Endpoint, listening: socket.socket) -> None:
        try:
            # In a thread: loading takes half a second, and the pool goes on.
            await asyncio.to_thread(importlib.import_module, "asyncssh")
            logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
            endpoint.acceptor = await self._accepting(endpoint, listening)
        except BaseException:
            listening.close()
            raise
        finally:
            endpoint.opening = None

    async def _accepting(self, endpoint: _Endpoint, listening: socket.socket) -> asyncssh.SSHAcceptor:
        import asyncssh

        pool, server = endpoint.host.pool, self
        authorized, nobody = asyncssh.import_authorized_keys(self._client_public), asyncssh.import_authorized_keys("")

        class Login(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                server._connections[endpoint.host.ref].add(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                server._connections[endpoint.host.ref].discard(self.connection)

            def begin_auth(self, username: str) -> bool:
                if username != USER:
                    self.connection.set_authorized_keys(nobody)
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return username == USER and pool.passwords.get(pool.user) == password

        async def session(process: asyncssh.SSHServerProcess[str]) -> None:
            task = asyncio.current_task()
            assert task is not None
            server._sessions.add(task)
            task.add_done_callback(server._sessions.discard)
            await _Session(endpoint.host, process).run()

        return await asyncssh.listen(
            sock=listening,
            server_factory=Login,
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

    async def _close(self, endpoint: _Endpoint) -> None:
        if endpoint.waiting is not None:
            asyncio.get_running_loop().remove_reader(endpoint.waiting)
            endpoint.waiting.close()
            endpoint.waiting = None
        if endpoint.opening is not None:
            await asyncio.wait({endpoint.opening})  # or it would be open a moment later
        if endpoint.acceptor is not None:
            acceptor, endpoint.acceptor = endpoint.acceptor, None
            acceptor.close()
        for connection in list(self._connections.get(endpoint.host.ref, ())):
            connection.abort()


def _listening(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(128)
    made.setblocking(False)
    return made


class _Input:
    """Standard input over SSH."""

    def __init__(self, process: asyncssh.SSHServerProcess[str]) -> None:
        self._process = process

    async def line(self) -> bytes:
        with suppress(Exception):  # a signal, a resized window, a connection that ended: no more to be read
            return _bytes(await self._process.stdin.readline())
        return b""

    async def chunk(self) -> bytes:
        with suppress(Exception):
            return _bytes(await self._process.stdin.read(_CHUNK))
        return b""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class _Session:
    """One command, or an interactive shell, over one SSH channel."""

    def __init__(self, host: Host, process: asyncssh.SSHServerProcess[str]) -> None:
        self.host = host
        self.process = process
        terminal = process.term_type is not None
        out = self._writer(process.stdout)
        # A terminal is one device: what goes to stderr comes back mixed with stdout, as Ansible's ssh -tt gets it.
        self.streams = Streams(_Input(process), out, out if terminal else self._writer(process.stderr), terminal)

    def _writer(self, stream: Any) -> Callable[[bytes], Awaitable[None]]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

        async def write(data: bytes) -> None:
            with suppress(OSError):
                stream.write(decoder.decode(data))
                await stream.drain()

        return write

    async def run(self) -> None:
        command = self.process.command
        work = asyncio.ensure_future(self._interactive() if command is None else self._one(command))
        leaving = asyncio.ensure_future(self.process.channel.wait_closed())
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return  # the client is gone, and what it began ends, except what init does
            with suppress(OSError):
                self.process.exit(work.result())
        except ConnectionDropped:
            self.process.channel.get_connection().abort()
        except XapiError as error:  # the fault plan's `error`, whose place is XAPI: here it is a command that failed
            await self.streams.err(f"{error}\n".encode())
            with suppress(OSError):
                self.process.exit(255)
        except Exception as error:  # a fault of the twin: the client is told why the connection ends
            await self.streams.err(f"the twin failed: {type(error).__name__}: {error}\n".encode())
            with suppress(OSError):
                self.process.exit(255)
        finally:
            work.cancel()
            leaving.cancel()

    async def _one(self, command: str) -> int:
        """A command between its two points of the fault plan. Raises ConnectionDropped, XapiError."""
        faults = self.host.pool.faults
        await faults.ssh("before", self.host.ref, command)
        status = await session(self.host, command, self.streams)
        await faults.ssh("after", self.host.ref, command)
        return status

    async def _interactive(self) -> int:
        shell = Interactive(self.host, self.streams)
        try:
            return await self._typed(shell)
        finally:
            shell.leave()

    async def _typed(self, shell: Interactive) -> int:
        faults = self.host.pool.faults
        pending = ""
        while not shell.over:
            if self.streams.terminal:
                prompt = "> " if pending else f"[root@{self.host.dom0.hostname} {_folder(shell.folder)}]# "
                await self.streams.out(prompt.encode())
            try:
                line = await self.process.stdin.readline()
            except Exception as event:  # asyncssh tells of ^C, of a resized window and of the end as exceptions
                if type(event).__name__ in ("TerminalSizeChanged", "SoftEOFReceived"):
                    continue
                if type(event).__name__ in ("SignalReceived", "BreakReceived"):
                    pending = ""
                    await self.streams.out(b"^C\n")
                    continue
                return shell.status
            if not line:
                return shell.status
            command, pending = _straightened(pending + line), ""
            if not command.strip():
                continue
            try:
                check(command)
            except Incomplete:
                pending = command
                continue
            except SyntaxProblem as problem:
                await self.streams.err(f"-bash: {_sentence(problem)}\n".encode())
                continue
            await faults.ssh("before", self.host.ref, command.strip())
            try:
                await shell.command(command)
            except SyntaxProblem as problem:  # what this shell does not know
                await self.streams.err(f"-bash: {_sentence(problem)}\n".encode())
            await faults.ssh("after", self.host.ref, command.strip())
        return shell.status


def _sentence(problem: SyntaxProblem) -> str:
    """Without the number of the line, which a terminal does not have."""
    return str(problem).partition(": ")[2]


def _straightened(text: str) -> str:
    """Quotation marks as web pages print them, typed into a terminal by copy and paste."""
    return text.translate(str.maketrans("\u2018\u2019\u201c\u201d", "''\"\""))


def _folder(path: str) -> str:
    return "~" if path == "/root" else path.rsplit("/", 1)[-1] or "/"
