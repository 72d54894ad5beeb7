# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twin as others get it: a wheel, in an environment that has nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import venv
from pathlib import Path

import pytest

TWIN = Path(__file__).parents[2] / "twin"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE", "VIRTUAL_ENV"))}


def run(*command: object, folder: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, env=PLAIN, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.timeout(900)
def test_an_installation_leaves_nothing_in_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "twin"
    shutil.copytree(TWIN, checkout, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    before = _files(checkout)
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "installed", checkout, folder=tmp_path)
    assert (tmp_path / "installed/xapi_twin/scenarios/tutorial.yml").is_file()
    assert _files(checkout) == before


@pytest.mark.timeout(900)
def test_the_wheel_plays_a_pool_in_an_empty_environment(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path / "dist", TWIN, folder=tmp_path)
    (wheel,), (sdist,) = tmp_path.glob("dist/*.whl"), tmp_path.glob("dist/*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "pyproject.toml", "xapi_twin/scenarios/tutorial.yml", "xapi_twin/datamodel/data/schema.json"} <= names
    venv.create(tmp_path / "empty", with_pip=True)
    commands = tmp_path / "empty" / "bin"
    run(commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, folder=tmp_path)
    assert "tutorial" in run(commands / "xapi-twin", "scenarios", folder=tmp_path).split()
    endpoints = tmp_path / "twin.json"
    with subprocess.Popen([commands / "xapi-twin", "run", "tutorial", "--endpoints", endpoints], cwd=tmp_path, env=PLAIN) as twin:
        try:
            deadline = time.monotonic() + 60
            while not endpoints.exists() and time.monotonic() < deadline and twin.poll() is None:
                time.sleep(0.1)
            assert set(json.loads(endpoints.read_text())["hosts"]) == {"xs-1", "xs-2"}
            state = run(commands / "xapi-twin", "state", "--html", "--endpoints", endpoints, folder=tmp_path)
            assert state.startswith("<!DOCTYPE html>") and state.count("<svg") == 2
        finally:
            twin.terminate()
    assert twin.returncode == 0
