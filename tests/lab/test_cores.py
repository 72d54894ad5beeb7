# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role from every ansible-core that the collection claims, against dom0s with the Pythons of the field: 2.7, 3.6 and none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests import matrix
from tests.lab.agreement import agree
from tests.lab.lab import Lab
from xapi_twin.scenario.load import read_scenario

# XenServer 7 and XCP-ng 8.2 come with Python 2.7, 8.3 with 3.6 beside it; what 6.x has, no Ansible of today knows.
DOM0_PYTHON: Mapping[str, str] = {"xs-1": "2.7", "xs-2": "3.6", "xs-3": ""}
POOL = """
pool: three
hosts:
  - name: xs-{n}
    count: 3
    nics:
      eth0: {ip: "172.16.0.{n+9}/27", management: true}
      eth2: {ip: "172.16.0.{n+34}/28"}
      eth4: {}
"""


def interpreter(version: str) -> Path | None:
    """A Python of this version that works; a name in PATH may be the shim of a version manager that fails when it is called."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in (shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))):
        question = [str(path), "-c", "import sys; sys.stdout.write(sys.executable)"]
        if path and (asked := subprocess.run(question, capture_output=True, text=True, check=False)).returncode == 0:
            return Path(asked.stdout)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("core", matrix.cores(), ids=lambda core: core.version)
def test_the_role_from_every_ansible_core(core: matrix.Core, make_lab: Callable[..., Lab]) -> None:
    if core.not_there or not Path(core.python).exists():
        pytest.skip(core.not_there or f"make test-all makes the environment of ansible-core {core.version}")
    playbook = [core.program("ansible-playbook")]
    pythons = {host: path for host, version in DOM0_PYTHON.items() if version and (path := interpreter(version))}
    lab = make_lab(scenario=read_scenario(POOL, "three hosts", restart_seconds=2), python=pythons)
    assert f"core {core.version}." in lab.play("--version", command=playbook).output
    for host in lab.hosts:
        found = lab.ssh(host, "for name in python python2 python3; do command -v $name && $name --version 2>&1; done; true").split()
        assert ("Python" in found) == (host in pythons)
        print(f"\n    ansible-core {core.version}, {host} has {' '.join(found[1:3]) or 'no Python'}", end="", flush=True)

    played = lab.bond(command=playbook)
    assert played.status == 0, played.output
    agree(lab)
    again = lab.bond(command=playbook)
    assert (again.status, sum(again.changed().values())) == (0, 0), again.output
    removed = lab.bond("storage_bond_remove", command=playbook)
    assert removed.status == 0, removed.output
    agree(lab)
