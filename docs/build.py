# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the documentation site from the repository alone: antsibull-docs writes a page per plugin and role beside the guides of
docs/docsite/rst, Sphinx makes HTML of them. A warning of either is an error.

    python docs/build.py [--output build/docs]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The guides in the generated index of the collection. Their one place is in the contents of the front page.
GUIDES = re.compile(r"\n(Guides|For developers)\n-+\n\n\.\. toctree::\n    :maxdepth: 1\n\n(    docsite/\w+\n)+")
sys.path.insert(0, str(ROOT))

from docs import messages


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="builds the documentation site")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "docs", help="folder to build in (build/docs)")
    output: Path = parser.parse_args(arguments).output.absolute()
    begin = time.monotonic()
    sources = output / "rst"
    shutil.rmtree(output, ignore_errors=True)
    sources.mkdir(parents=True, mode=0o755)  # antsibull-docs refuses a folder that others may write to
    tool = Path(sys.executable).parent
    collections = str(ROOT / "build" / "dev")
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "PYTHONPATH": collections,
        "PATH": f"{tool}{os.pathsep}{os.environ['PATH']}",
    }
    print("a page per plugin and role …", flush=True)
    pages: list[str | Path] = [tool / "antsibull-docs", "collection", "--use-current", "--fail-on-error"]
    pages += ["--dest-dir", sources, "xapi.network"]
    status = subprocess.run(pages, env=environment, check=False).returncode
    if status:
        return status
    shutil.copy(ROOT / "docs" / "conf.py", output / "conf.py")
    for file in [*(ROOT / "docs").glob("*.rst"), *(ROOT / "docs").glob("*.svg"), *(ROOT / "docs" / "site").glob("*.svg")]:
        shutil.copy(file, sources / file.name)
    shutil.copytree(ROOT / "docs" / "site", output / "static")
    for file in sources.rglob("*.rst"):  # the theme shows the contents of a page beside it
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"^\.\. contents::\n(?:   :.*\n)*", "", text, flags=re.MULTILINE), encoding="utf-8")
    index = sources / "collections" / "xapi" / "network" / "index.rst"
    index.write_text(GUIDES.sub("\n", index.read_text(encoding="utf-8")), encoding="utf-8")
    (sources / "messages.rst").write_text(messages.page(messages.collect()), encoding="utf-8")
    print("the site …", flush=True)
    site: list[str | Path] = [sys.executable, "-m", "sphinx", "--builder", "html", "--fail-on-warning", "--keep-going", "--quiet"]
    site += ["--conf-dir", output, sources, output / "html"]
    status = subprocess.run(site, env=environment, check=False).returncode
    if status:
        return status
    count = len(list((output / "html").rglob("*.html")))
    print(f"{count} pages in {time.monotonic() - begin:.1f} s: {output / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
