# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on the twin: the tutorial's pool before, the playbook, what changed, and the playbook once more.

The screen has what a reader needs; the whole of it, with Ansible's own lines and all tables of the pool, is in the log.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "demo"
LOG = WORK / "demo.log"
BIN = Path(sys.executable).parent
START_SECONDS = 20
# What Ansible says of each play and task, whichever it is.
OF_ANSIBLE = re.compile(r"(PLAY|TASK|ok|skipping|included|changed)\b.*|\s*|\S+ +: ok=\d+ .*")
BOND = ("-e", "storage_bond_network=NAS", "-e", '{"storage_bond_nics": ["eth2", "eth4"]}')


class DemoError(Exception):
    """The demo did not show what it should; the sentence says what."""


def main() -> int:
    WORK.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with LOG.open("w", encoding="utf-8") as log:
        try:
            with twin() as (endpoints, inventory):
                demo(endpoints, inventory, log)
        except DemoError as error:
            say(log, f"\nThe demo failed: {error}")
            return 1
        except KeyboardInterrupt:
            say(log, "\nInterrupted. The twin is stopped.")
            return 130
        say(log, f"\nDone in {time.monotonic() - begun:.0f} s. The twin is stopped. Every task and the pool before and after are in {LOG}")
    return 0


def demo(endpoints: Path, inventory: Path, log: TextIO) -> None:
    title(log, "The pool before: two hosts, the storage address on eth2 of each")
    before = state(endpoints)
    log.write(before + "\n\n")
    say(log, "\n".join(storage_nics(before)))
    title(log, "ansible-playbook xapi.network.storage_bond")
    recap = play(inventory, log)
    if not re.search(r"changed=[1-9]", recap):
        raise DemoError("the first run changed nothing.")
    title(log, "What changed (- before, + after)")
    after = state(endpoints)
    log.write(after + "\n\n")
    say(log, "\n".join(changes(before, after)))
    title(log, "The same playbook once more: nothing left to do")
    recap = play(inventory, log)
    if re.search(r"changed=[1-9]", recap):
        raise DemoError("the second run changed something.")
    say(log, "The second run reports changed=0.")


def storage_nics(state: str) -> list[str]:
    """The lines of the hosts and of the two NICs that are to be bonded, with the header of their table."""
    return [line for line in state.splitlines() if re.match(r"xs-\d |  PIF +NETWORK|  eth[24] .*(Static|None) ", line)]


@contextlib.contextmanager
def twin() -> Iterator[tuple[Path, Path]]:
    """The tutorial's pool, running; its endpoints and its inventory. It is stopped at the end, whatever happens."""
    endpoints, inventory = WORK / "endpoints.json", WORK / "inventory.yml"
    endpoints.unlink(missing_ok=True)
    command = [str(BIN / "xapi-twin"), "run", "tutorial", "--endpoints", str(endpoints), "--inventory", str(inventory)]
    with (WORK / "twin.log").open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (endpoints.exists() and inventory.exists()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise DemoError(f"the twin did not start; see {WORK / 'twin.log'}")
                time.sleep(0.05)
            yield endpoints, inventory
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def state(endpoints: Path) -> str:
    answer = subprocess.run([BIN / "xapi-twin", "state", "--endpoints", endpoints], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise DemoError(f"the twin's state cannot be had: {answer.stderr.strip()}")
    return answer.stdout.rstrip()


def narrow(text: str) -> str:
    """For a terminal of 100 columns: XAPI's name for the network of a NIC is long, and says nothing that the line does not."""
    text = re.sub(r"Pool-wide network associated with (eth\d+)", r"network of \1", text)
    return text.replace("NETWORK".ljust(40), "NETWORK".ljust(17))


def play(inventory: Path, log: TextIO) -> str:
    """Runs the playbook, shows what it says as it comes with the seconds since its start, and gives the recap."""
    command = [str(BIN / "ansible-playbook"), "-i", str(inventory), "xapi.network.storage_bond", *BOND]
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0",
    }
    begun = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            shown = f"{time.monotonic() - begun:5.1f} s  {line.rstrip()}"
            if OF_ANSIBLE.fullmatch(line.rstrip()):
                log.write(shown.rstrip() + "\n")
            else:
                say(log, shown)
    if process.returncode:
        raise DemoError(f"ansible-playbook ended with {process.returncode}.")
    return "".join(lines).partition("PLAY RECAP")[2]


def changes(before: str, after: str) -> list[str]:
    """The lines that differ, each with its host and its table. Columns that only became wider do not count."""
    compared = difflib.ndiff(_lines(before), _lines(after))
    return [line for line in compared if line[:2] in ("- ", "+ ")]


def _lines(state: str) -> list[str]:
    found, host, table = [], "pool", ""
    for line in state.splitlines():
        cells = re.split(r" {2,}", line.strip())
        if line and not line.startswith(" "):
            host, table = line.split()[0], ""
        elif line.isupper():  # the header of a table: NAME, PIF, BOND, BRIDGE IN DOM0, BOND IN DOM0
            table = "" if cells[0] == "NAME" else f" {cells[0] if cells[0] == 'PIF' else cells[0].lower()}"
        elif line.strip():
            found.append(f"{host}{table}:  {'  '.join(cells)}")
        else:
            table = ""
    return found


def title(log: TextIO, text: str) -> None:
    say(log, f"\n{text}\n{'=' * len(text)}")


def say(log: TextIO, text: str) -> None:
    print(narrow(text), flush=True)
    log.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
