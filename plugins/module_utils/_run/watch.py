# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process that watches over the lock of a run: it renews it as long as the run lives, and gives it back when the run ends without that.

A cancelled job of AWX gets no signal that could be handled: ansible-runner kills the process group of ansible-playbook (runner.py,
handle_termination: SIGKILL), and so does who kills a run by hand. The watcher is in a session of its own, and outlives that.
Where the whole container is killed (podman kill, a node that is lost), it dies too, and the lock, which was renewed for three minutes at
most, expires.

It listens at an abstract address of Linux that says which run it is about: who has given the lock back, or takes it over, ends it first.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ansible_collections.xapi.network.plugins.module_utils._lock.lease import Holder

# How often, and how long after one another, a watcher tries to reach a pool that does not answer.
TRIES, PAUSE_SECONDS = 3, 2.0
END_SECONDS = 10.0
# A lock with a watcher lasts so long, and is renewed four times as often; after a failure sooner, since the master may have been away.
LEASE_SECONDS, RENEW_AGAIN_SECONDS = 180, 5.0
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


def begin(holder: Holder, pool: str, let_go: Callable[[], None], renew: Callable[[], bool], every: float) -> bool:
    """Starts a watcher, unless there is one. It calls `renew` every so many seconds, until that says that the lock is no longer this
    run's, and `let_go` when the holder's process has ended. False where there can be none, without Linux's pidfd_open(2)."""
    try:
        run = os.pidfd_open(holder.process)
    except (AttributeError, OSError):
        return False
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        listening.bind(_address(holder, pool))
        child = os.fork()
        if child == 0:
            _detach(run, listening, let_go, partial(_renew_while, run, listening, renew, every))
        os.waitpid(child, 0)
        return True
    except OSError as failure:
        return failure.errno == errno.EADDRINUSE
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


def _detach(run: int, listening: socket.socket, let_go: Callable[[], None], watch: Callable[[], bool]) -> None:
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
        if watch():
            _give_back(let_go)
    finally:
        os._exit(0)


def _renew_while(run: int, listening: socket.socket, renew: Callable[[], bool], every: float) -> bool:
    """Renews the lock until the run has ended, which is True; False where somebody ends the watcher, or the lock is another's by now."""
    pause = every
    while True:
        ready, _unused, _without = select.select([run, listening.fileno()], [], [], pause)
        if ready:
            return listening.fileno() not in ready
        try:
            if not renew():
                return False
            pause = every
        except Exception:  # nobody is there to be told; the pool may be back in time
            pause = min(every, RENEW_AGAIN_SECONDS)


def _give_back(let_go: Callable[[], None]) -> None:
    for _try in range(TRIES):
        try:
            let_go()
            return
        except Exception:  # whatever it is, nobody is there to be told, and the lock expires
            time.sleep(PAUSE_SECONDS)
