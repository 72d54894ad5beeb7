# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab for hands: starts a pool, says how to log in, and gives a shell in its controller until that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from tests.lab import FOLDER, PID
from tests.lab.lab import CONTROLLER_ADDRESS, ROOT, Lab
from xapi_twin.scenario.load import load_scenario

TEXT = """
The pool {pool} is up, with real Open vSwitch and sshd on {hosts}. You are its controller, {address} on the management segment.

    ssh {first}                          log in to dom0
    ansible-playbook xapi.network.storage_bond -e storage_bond_network=NAS -e '{{"storage_bond_nics": ["eth2", "eth4"]}}'
    ovs-vsctl / ovs-appctl / ip          are real there; xe, systemctl restart xapi and so on are answered by the twin

From another terminal:  nsenter --target {pid} --mount --net env HOME={folder} ssh -F {ssh_config} {first}
"""


def main(arguments: list[str]) -> int:
    scenario = load_scenario(arguments[0] if arguments else "tutorial")
    began = time.monotonic()
    with Lab(FOLDER / "pool", scenario) as lab:
        print(f"lab: {len(lab.hosts)} hosts up in {time.monotonic() - began:.1f} s", flush=True)
        # ssh without options knows the hosts, in this mount namespace alone.
        subprocess.run(["mount", "--bind", str(lab.ssh_config), "/etc/ssh/ssh_config"], check=False, stderr=subprocess.DEVNULL)
        environment = {
            **os.environ,
            **lab.environment,
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "ANSIBLE_INVENTORY": str(lab.inventory),
            "PS1": "lab \\w # ",
        }
        print(
            TEXT.format(
                pool=scenario.pool,
                hosts=", ".join(lab.hosts),
                first=next(iter(lab.hosts)),
                address=CONTROLLER_ADDRESS,
                pid=os.environ.get(PID, "?"),
                folder=lab.folder,
                ssh_config=lab.ssh_config,
            ),
            flush=True,
        )
        if sys.stdin.isatty():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            subprocess.run(["/bin/bash", "--norc", "--noprofile", "-i"], env=environment, cwd=ROOT, check=False)
        else:
            print("lab: stays up until it is interrupted", flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
    print("lab: gone")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
