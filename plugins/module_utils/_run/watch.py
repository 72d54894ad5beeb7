# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gives the lock of a pool back when its run ends without doing so: a process that waits for the end of the run's process.

A cancelled job of AWX gets no signal that could be handled: ansible-runner kills the process group of ansible-playbook (runner.py,
handle_termination: SIGKILL), and so does who kills a run by hand. The watcher is in a session of its own, and outlives that.
Where the whole container is killed (podman kill), it dies too, and the lock expires.

It listens at an abstract address of Linux that says which run it is about: who has given the lock back, or takes it over, ends it first.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from ansible_collections.xapi.network.plugins.module_utils._lock.lease import Holder

# How often, and how long after one another, a watcher tries to reach a pool that does not answer.
TRIES, PAUSE_SECONDS = 3, 2.0
END_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with(run: int) -> None:
    """This process, which works for the run, ends with it: since ansible-core 2.19 each task has a session of its own, so that a kill of
    the run's process group leaves it at work."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):  # another system than Linux
        return
    if os.getppid() != run:
        os._exit(1)


def begin(holder: Holder, pool: str, let_go: Callable[[], None]) -> None:
    """Starts a watcher, which calls `let_go` when the holder's process has ended. Without pidfd_open(2), or when there is one, none is."""
    try:
        run = os.pidfd_open(holder.process)
    except (AttributeError, OSError):
        return
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        listening.bind(_address(holder, pool))
        child = os.fork()
        if child == 0:
            _detach(run, listening, let_go)
        os.waitpid(child, 0)
    except OSError:
        pass
    finally:
        os.close(run)
        listening.close()


def end(holder: Holder, pool: str) -> None:
    """Ends the watcher of a run, and waits until it is gone: it may be about to give the lock back."""
    deadline = time.monotonic() + END_SECONDS
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        while time.monotonic() < deadline:
            try:
                asking.sendto(b"end", socket.MSG_DONTWAIT, _address(holder, pool))
            except BlockingIOError:
                pass
            except OSError:
                return
            time.sleep(0.02)


def _address(holder: Holder, pool: str) -> str:
    return f"\0xapi.network/{holder.pid_namespace}/{holder.process}/{holder.began}/{pool}"


def _detach(run: int, listening: socket.socket, let_go: Callable[[], None]) -> None:
    """In the child: leaves the run's session and everything that it has open, but for what is waited for."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, 0)
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        for number in map(int, os.listdir("/proc/self/fd")):  # and not up to a limit that may be 2 ** 30
            if number > 2 and number not in (run, listening.fileno()):
                with suppress(OSError):  # the folder was open itself
                    os.close(number)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _wait(run, listening, let_go)
    finally:
        os._exit(0)


def _wait(run: int, listening: socket.socket, let_go: Callable[[], None]) -> None:
    ready, _unused, _without = select.select([run, listening.fileno()], [], [])
    if listening.fileno() in ready:
        return
    for _try in range(TRIES):
        try:
            let_go()
            return
        except Exception:  # whatever it is, nobody is there to be told, and the lock expires
            time.sleep(PAUSE_SECONDS)
