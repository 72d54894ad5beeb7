# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""galaxy-importer, as Galaxy runs it on an upload, without its container for ansible-test. It pins old versions of its tools, so it has an
environment of its own. Prints its log; an error, or a warning about the collection, fails.

    python -m tests.release.importer
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import matrix

PLACE = matrix.BUILD / "importer"
# Not about the collection: what the importer says of its own surroundings.
OF_ITS_OWN = ("ansible-test", "Could not find", "PluginDirs")


def main() -> int:
    python = PLACE / "venv" / "bin" / "python"
    if not (PLACE / "ready").exists():
        base = next(matrix.interpreters()[version] for version in ("3.12", "3.11", "3.13") if version in matrix.interpreters())
        subprocess.run([base, "-m", "venv", "--clear", PLACE / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "galaxy-importer", "ansible-core<2.20", "setuptools<81"], check=True)
        (PLACE / "ready").touch()
    copy = matrix.collection_copy(PLACE / "source")
    build: list[str | Path] = [sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--force", "--output-path", PLACE, copy]
    subprocess.run(build, check=True, capture_output=True)
    (tarball,) = PLACE.glob("xapi-network-*.tar.gz")
    settings = PLACE / "importer.cfg"
    settings.write_text("[galaxy-importer]\nRUN_ANSIBLE_TEST = False\nREQUIRE_V1_OR_GREATER = True\nCHECK_REQUIRED_TAGS = True\n")
    environment = os.environ | {"GALAXY_IMPORTER_CONFIG": str(settings), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    command: list[str | Path] = [python, "-m", "galaxy_importer.main", tarball]
    done = subprocess.run(command, cwd=PLACE, env=environment, capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    print(log)
    Path(tarball).unlink()
    bad = [line for line in log.splitlines() if line.startswith(("ERROR", "WARNING")) and not any(word in line for word in OF_ITS_OWN)]
    print(f"galaxy-importer: status {done.returncode}, {len(bad)} complaints")
    return 1 if done.returncode or bad else 0


if __name__ == "__main__":
    sys.exit(main())
