# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places where tests run: which Pythons are here, which ansible-core goes with which, and copies of the collection to look at."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from tests.lab import __main__ as lab

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

# Every ansible-core that requires_ansible claims, with the Pythons to try for it, in this order
# (https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html).
CORES: Mapping[str, tuple[str, ...]] = {
    "2.17": ("3.10", "3.11", "3.12"),
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.13", "3.12", "3.14"),
    "2.22": ("3.14", "3.13"),
}
# There is no final release of these yet: their candidates are tested, and the final release as soon as there is one.
CANDIDATES: Mapping[str, str] = {"2.22": "2.22.0rc1"}
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

# ansible-test makes virtual environments without pip and loads get-pip.py from a host that closed networks do not reach. It takes a
# file from its cache instead, under the name of the pip that the core wants; ensurepip puts in the pip that came with Python.
GET_PIP = "import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-m', 'ensurepip', '--default-pip']))\n"
GET_PIP_NAMES = ("23_1_2", "24_0", "24_2", "25_0_1", "25_2", "25_3")


@dataclass(frozen=True)
class Core:
    """One ansible-core in one Python. `python` is empty and `not_there` says why when this machine has no Python for it."""

    version: str
    python: str
    where: str
    is_here: bool = False
    not_there: str = ""

    def program(self, name: str) -> str:
        return str(Path(self.python).parent / name)


def here() -> str:
    return f"Python {platform.python_version()}"


def installed() -> Core:
    """The ansible-core of the interpreter that runs this."""
    full = metadata.version("ansible-core")
    version = ".".join(full.split(".")[:2])
    return Core(version, sys.executable, f"core {full}, Python {platform.python_version()}", is_here=True)


def cores() -> list[Core]:
    """All of CORES, each in the first Python that is here; that of this interpreter in this interpreter."""
    mine = installed()
    found = interpreters()
    result = []
    for version, pythons in CORES.items():
        python = next((python for python in pythons if python in found), "")
        if version == mine.version:
            result.append(mine)
        elif python:
            result.append(Core(version, str(BUILD / "cores" / version / "bin" / "python"), f"core {version}, Python {python}"))
        else:
            result.append(Core(version, "", f"core {version}", not_there=f"no Python {' or '.join(pythons)} here"))
    return result


@cache
def interpreters() -> Mapping[str, str]:
    """Version ("3.12") to path of every Python that works. A name in PATH may be the shim of a version manager that fails when it is
    called, so each is asked; the versions that pyenv keeps are looked at directly."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[str, str] = {}
    for version in PYTHONS:
        names = [shutil.which(f"python{version}"), *(str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python{version}")))]
        for name in filter(None, names):
            question = [name, "-c", "import sys, ensurepip; print(sys.executable)"]
            asked = subprocess.run(question, capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                found[version] = asked.stdout.strip()
                break
    return found


def prepare(wanted: Iterable[Core]) -> None:
    """Makes the virtual environments of the cores that are not this interpreter's, each once; prints a line for each."""
    for core in wanted:
        if core.is_here or core.not_there:
            continue
        place = Path(core.python).parent.parent
        stamp = place / "installed"
        requirements = [ROOT / "requirements.txt", ROOT / "tests" / "requirements-core.txt"]
        content = release_of(core.version) + "".join(file.read_text(encoding="utf-8") for file in requirements)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == content:
            continue
        print(f"making an environment with ansible-core {core.version} …", flush=True)
        python = interpreters()[core.where.rsplit(" ", 1)[-1]]
        subprocess.run([python, "-m", "venv", "--clear", place], check=True)
        files = [word for file in requirements for word in ("-r", str(file))]
        install = [core.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, release_of(core.version), *files, "-e", "./twin"], cwd=ROOT, check=True)
        stamp.write_text(content, encoding="utf-8")


def release_of(version: str) -> str:
    """What pip is to install for a series of ansible-core. pip takes a candidate only where the requirement itself names one."""
    major, minor = version.split(".")
    first = CANDIDATES.get(version, f"{version}.0")
    return f"ansible-core>={first},<{major}.{int(minor) + 1}.0.dev0"


def collection_copy(to: Path) -> Path:
    """A fresh copy of what git knows or would take, at `to`/ansible_collections/xapi/network: ansible-test and ansible-lint insist on that
    path, and do not follow a link to it. The copy is a git repository of its own, because they ask git for the files, and the checkout
    around it ignores build/. Without git (an installed tarball) everything but what was built is copied."""
    copy = to / "ansible_collections" / "xapi" / "network"
    shutil.rmtree(to, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and (ROOT / ".git").exists():
        for name in filter(None, listed.stdout.split("\0")):
            source = ROOT / name
            if source.is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy / name, follow_symlinks=False)
        subprocess.run(["git", "init", "--quiet", copy], check=True)
    else:
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns("build", ".venv", ".git", "__pycache__", "*.egg-info"))
    return copy


def for_ansible_test() -> dict[str, str]:
    """Environment in which `ansible-test … --local` works without the hosts of the Ansible project: a home of its own with the stand-in for
    get-pip, and real interpreters, no shims, first in PATH."""
    home = BUILD / "ansible-test"
    cached = home / ".ansible" / "test" / "cache"
    cached.mkdir(parents=True, exist_ok=True)
    for name in GET_PIP_NAMES:
        (cached / f"get_pip_{name}.py").write_text(GET_PIP, encoding="utf-8")
    names = BUILD / "python"
    names.mkdir(parents=True, exist_ok=True)
    for version, path in interpreters().items():
        link = names / f"python{version}"
        link.unlink(missing_ok=True)
        link.symlink_to(path)
    return {"HOME": str(home), "PATH": f"{names}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def bring_browser() -> None:
    """The report is opened in a headless Chromium by tests, which skip without one. Where packages may be installed, it is."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing chromium", flush=True)
        lab.install(["chromium"])
