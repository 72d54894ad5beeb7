# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that has Ansible loaded and forks for every playbook: a run begins in a hundredth of the time of ansible-playbook's own start.

What runs is ansible-playbook all the same, in a process of its own with workers of its own, which can be killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / "build" / "dev"
START_SECONDS = 120
# What Ansible would otherwise import again in each of its workers.
LOADED = (
    "ansible.cli.playbook",
    "ansible.executor.playbook_executor",
    "ansible.plugins.action.include_vars",
    "ansible.plugins.connection.local",
    "ansible.plugins.connection.ssh",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.strategy.host_pinned",
    "ansible.plugins.callback.default",
    "ansible.module_utils.basic",
    "XenAPI",
    "xmlrpc.client",
)
SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o PreferredAuthentications=publickey",
    "ANSIBLE_PIPELINING": "True",
    "ANSIBLE_NOCOLOR": "1",
}


class Stage:
    """Plays one playbook at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="survive-stage-")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_"))}
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        settings = {
            **SETTINGS,
            "ANSIBLE_LOCAL_TEMP": self._folder.name,
            "PYTHONPATH": os.pathsep.join(["", str(COLLECTIONS)]),
            "PATH": path,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.survive.stage"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT, env={**kept, **settings},
        )  # fmt: skip

    def play(self, arguments: Sequence[str], folder: Path) -> int:
        """Begins `ansible-playbook <arguments>` in this folder, which gets its output, and answers the process. Raises OSError."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"arguments": list(arguments), "folder": str(folder)}) + "\n")
        answer = self._answer(START_SECONDS)
        if answer is None:
            raise OSError("Ansible did not load in time")
        return int(answer["process"])

    def wait(self, seconds: float) -> int | None:
        """The exit status of the playbook (negative: of the signal that killed it), or None when it still runs after these seconds."""
        answer = self._answer(seconds)
        return None if answer is None else int(answer["status"])

    def close(self) -> None:
        """Ends it, and what it plays."""
        if self._process.poll() is None:
            kill(self._process.pid)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        self._folder.cleanup()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        out: IO[str] | None = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], seconds)[0]:
            return None
        line = out.readline()
        if not line:
            raise OSError("the process that plays the playbooks has ended")
        found: dict[str, Any] = json.loads(line)
        return found


def kill(process: int) -> None:
    """The process and everything that it started, all at once: Ansible's workers have sessions of their own."""
    for one in freeze(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def freeze(process: int) -> list[int]:
    """Stops the process and everything that it started, which are answered."""
    found, todo = [], [process]
    while todo:
        one = todo.pop()
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)
            found.append(one)
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (thread / "children").read_text().split()]
    return found


def serve() -> None:
    """One request a line on standard input; a line when its process has begun, and one when it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who uses the stage ends it
    load()
    gc.collect()
    gc.freeze()  # else the first collection of each fork writes to every page
    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if not process:
            perform(request["arguments"], Path(request["folder"]))
        print(json.dumps({"process": process}), flush=True)
        _process, status = os.waitpid(process, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


def load() -> None:
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")  # here, for the forks
    for name in LOADED:
        importlib.import_module(name)
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
    package = "ansible_collections.xapi.network.plugins"
    for kind in ("module_utils", "modules", "plugin_utils", "action", "filter"):
        folder = importlib.import_module(f"{package}.{kind}").__path__
        for module in pkgutil.iter_modules(folder):
            importlib.import_module(f"{package}.{kind}.{module.name}")


def perform(arguments: Sequence[str], folder: Path) -> None:
    """In the fork: ansible-playbook. Does not return."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        with open(folder / "output", "wb") as output, open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.argv = ["ansible-playbook", *arguments]
        from ansible.cli.playbook import PlaybookCLI

        status = PlaybookCLI(sys.argv).run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # what ansible-playbook's own main would show
        print(f"ERROR: {error}", file=sys.stderr)
        status = 250
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
