# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab run | test``: the lab, for hands and for pytest.

Both go into namespaces of their own first. Everything that the lab makes lives in them, so that it is gone when the
first process is, even if that was killed.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.lab import FOLDER, INSIDE, PID

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"ovs-vswitchd": "openvswitch-switch", "sshd": "openssh-server", "ethtool": "ethtool", "ping": "iputils-ping", "ip": "iproute2",
            "tcpdump": "tcpdump"}  # fmt: skip
GRACE = 5  # seconds that the lab has to end by itself
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> list[str]:
    """Packages of Debian that the lab needs and that are not here."""
    return sorted({package for command, package in PACKAGES.items() if shutil.which(command, path=_PATH) is None})


def install(packages: list[str]) -> None:
    """Install packages where that is possible, without starting their services: the lab starts its own."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with tempfile.TemporaryDirectory() as folder:
        # invoke-rc.d asks this program whether a service may start; it is found by PATH only where none is installed.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            with open(Path(folder) / "apt", "wb") as log:
                for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
                    subprocess.run(
                        ["apt-get", "-q", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, check=False
                    )
        finally:
            if ours:
                policy.unlink()


def why_not() -> str:
    """Why there can be no lab here, as one line; "" when there can. Installs packages when it may."""
    if sys.platform != "linux":
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "the lab needs root, for network namespaces"
    packages = missing()
    if packages and shutil.which("apt-get"):
        print(f"lab: installing {', '.join(packages)}", flush=True)
        install(packages)
        packages = missing()
    if packages:
        return f"the lab needs {', '.join(packages)}"
    if not Path("/dev/net/tun").exists():
        return "the lab needs /dev/net/tun, for the interfaces of bridges"
    probe = subprocess.run(_into_namespaces(["true"]), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if probe.returncode:
        return f"the lab needs namespaces of its own: {probe.stderr.strip() or 'unshare failed'}"
    return ""


def _into_namespaces(command: list[str]) -> list[str]:
    prepare = f'mount -t tmpfs tmpfs /run && mkdir "{FOLDER}" && ip link set lo up && exec "$@"'
    spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    # The process that becomes unshare dies with this one, and takes everything in the namespaces with it. Others enter by its number.
    become = ["/bin/sh", "-c", f'{PID}=$$ exec setpriv --pdeathsig KILL "$@"', "lab"]
    return [*become, "unshare", *spaces, "/bin/sh", "-c", prepare, "lab", *command]


def inside(command: list[str]) -> int:
    """Run a command in the lab's namespaces. Whatever ends this process, even a kill, ends everything in them."""
    environment = {
        **os.environ,
        "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{_PATH}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "build" / "dev"), *filter(None, [os.environ.get("PYTHONPATH")])]),
        INSIDE: "1",
    }
    lab = subprocess.Popen(_into_namespaces(command), cwd=ROOT, env=environment)

    patience = [math.inf]

    def end(_number: int, _frame: object) -> None:
        # From a terminal the command inside has heard of it as well, and ends by itself; unshare passes nothing on.
        patience.append(time.monotonic() + GRACE)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    while lab.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            lab.wait(0.2)
        if time.monotonic() > min(patience):
            lab.kill()
    return lab.returncode if lab.returncode >= 0 else 128 - lab.returncode


def main(arguments: list[str]) -> int:
    what, *more = arguments or ["run"]
    if what not in ("run", "test"):
        print("usage: python -m tests.lab run [SCENARIO] | test [--all] [pytest's arguments]", file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        print(f"lab: left out: {reason}")
        return 0 if what == "test" else 1
    if what == "run":
        return inside([sys.executable, "-m", "tests.lab.run", *more])
    marks = "lab" if "--all" in more else "lab and not slow"
    more = [word for word in more if word != "--all"]
    places = [] if any(not word.startswith("-") for word in more) else ["tests/lab"]
    if importlib.util.find_spec("pytest") is None:
        print("lab: left out: pytest is not installed (make lab-test installs it)")
        return 1
    return inside([sys.executable, "-m", "pytest", "-m", marks, "-p", "no:cacheprovider", "-v", "-s", *places, *more])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
