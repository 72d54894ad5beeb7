# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who this run is, as the lock of a pool tells others, and whether another run still lives."""

from __future__ import annotations

import getpass
import os
import socket

from ansible_collections.xapi.network.plugins.module_utils._lock.lease import Holder


def this_run(in_process: bool) -> Holder:
    """The run that asks. In Ansible's own process the work is done in a fork, whose parent is the run."""
    process = os.getppid() if in_process else 0
    kernel, namespace = _processes()
    return Holder(
        _user(),
        socket.gethostname(),
        process,
        began(process) if process else "",
        kernel,
        namespace,
        # AWX sets these for every job (awx/main/tasks/jobs.py, build_env); older Towers and Automation Platforms say TOWER_HOST.
        os.environ.get("JOB_ID", ""),
        os.environ.get("AWX_HOST", "") or os.environ.get("TOWER_HOST", ""),
    )


def alive(holder: Holder) -> bool | None:
    """Whether the run still lives; None where that cannot be told from here, since its process would not be seen."""
    kernel, namespace = _processes()
    if not holder.process or not kernel or not namespace or not began(os.getpid()):
        return None
    if (holder.node, holder.kernel, holder.pid_namespace) != (socket.gethostname(), kernel, namespace):
        return None
    return began(holder.process) == holder.began


def _processes() -> tuple[str, str]:
    """Where numbers of processes are those of this process: the boot of the kernel, and the namespace (pid_namespaces(7)). "" where there
    is no /proc. The first namespace of every machine has the same number, so that the namespace alone would not do."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as boot:
            return boot.read().strip(), os.readlink("/proc/self/ns/pid")
    except OSError:
        return "", ""


def began(process: int) -> str:
    """When a process began, as the kernel of Linux counts (proc(5), field 22 of stat); "" for none, or elsewhere."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return ""
    # A killed process whose parent has not asked for its end yet is dead all the same.
    return "" if fields[0] in ("Z", "X") else fields[19]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return str(os.getuid())
