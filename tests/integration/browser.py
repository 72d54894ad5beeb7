# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page in headless Chromium: what it shows when it is loaded, and what the browser complained of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


@dataclass(frozen=True)
class Opened:
    """`drawings`: the texts in each drawing of a network by its name; `text`: all that is to be read; `complaints`: the console's lines."""

    drawings: dict[str, list[str]]
    text: str
    complaints: list[str]


def opened(page: Path, folder: Path) -> Opened:
    """The page as the browser has it, without a network: names resolve to nothing. Skips where there is no browser."""
    done = _chromium(folder, "--dump-dom", page)
    reader = _Reader()
    reader.feed(done.stdout)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Opened(reader.drawings, re.sub(r"\s+", " ", " ".join(reader.words)), complaints)


def pictured(page: Path, folder: Path, dark: bool = False) -> Path:
    """A screenshot of the beginning of the page."""
    picture = folder / f"{'dark' if dark else 'light'}.png"
    _chromium(
        folder, f"--screenshot={picture}", page, "--window-size=1280,1600", *(["--blink-settings=preferredColorScheme=0"] if dark else [])
    )
    return picture


def printed(page: Path, folder: Path) -> bytes:
    """The page on paper, as PDF."""
    _chromium(folder, f"--print-to-pdf={folder / 'print.pdf'}", page)
    return (folder / "print.pdf").read_bytes()


def _chromium(folder: Path, what: str, page: Path, *more: str) -> subprocess.CompletedProcess[str]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium to open the page in (Debian: apt-get install chromium)")
    options = [
        "--headless",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'browser'}",
    ]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # its sandbox cannot be had as root
    done = subprocess.run([CHROMIUM, *options, *more, what, page.as_uri()], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.drawings: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._inside: list[str] = []
        self._drawing = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "svg":
            self._drawing = dict(attrs).get("aria-label") or ""
        if tag in ("style", "text", "title", "svg"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()
        if tag == "svg":
            self._drawing = ""

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if self._drawing and inside == "text":
            self.drawings.setdefault(self._drawing, []).append(data)
        elif not inside:
            self.words.append(data)
