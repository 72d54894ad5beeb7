# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection awx.awx as PyPI's package `ansible` carries it; Galaxy is not needed."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The last series of the package `ansible` that was seen to carry awx.awx (24.6.1), for the Pythons of ansible-core 2.17 to 2.19.
PACKAGE = "ansible>=10,<13"


@pytest.fixture(scope="session")
def awx_awx() -> Path:
    """A collections path that holds awx.awx, fetched once."""
    place = ROOT / "build" / "awx"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "ansible_collections" / "awx" / "awx" / "MANIFEST.json").exists():
            fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            fetched = subprocess.run([*fetch, "--dest", str(place), PACKAGE], capture_output=True, text=True, check=False)
            if fetched.returncode:
                pytest.skip(f"awx.awx cannot be had: pip could not load the package {PACKAGE}: {fetched.stderr.strip()[-200:]}")
            (wheel,) = place.glob("ansible-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place, [name for name in archive.namelist() if name.startswith("ansible_collections/awx/awx/")])
            wheel.unlink()
    return place
