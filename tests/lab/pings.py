# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether packets flow, and for how long they did not: a ping that goes on in the background, and its account."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING

from tests.lab.machine import Machine

if TYPE_CHECKING:
    from tests.lab.lab import Lab

INTERVAL = 0.02  # seconds
STORAGE = {"xs-1": "172.16.0.35", "xs-2": "172.16.0.36", "nas": "172.16.0.33"}


@dataclass(frozen=True)
class Account:
    """What became of the packets. `outage_ms` is the longest time without an answer."""

    label: str
    sent: int
    lost: int
    duplicates: int
    outage_ms: int

    def __str__(self) -> str:
        return f"{self.label:<18} {self.sent:>6} sent {self.lost:>5} lost {self.outage_ms:>6} ms longest outage"


class Pings:
    """Pings an address all the time; use with `with`, read `account` afterwards."""

    def __init__(self, label: str, machine: Machine, address: str) -> None:
        self.label = label
        # Only the network is entered: the process is then a child of this one and can be told to sum up.
        enter = ["nsenter", f"--net=/proc/{machine.pid}/ns/net", "--"]
        self._command = [*enter, "ping", "-n", "-D", "-O", "-i", str(INTERVAL), "-W", "1", address]
        self._process: subprocess.Popen[str] | None = None
        self.account: Account

    def __enter__(self) -> Pings:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self.account = read(self.label, self._process.communicate(timeout=30)[0])


def read(label: str, output: str) -> Account:
    """The account of what `ping -D` printed. An outage lasts from one answer to the next, less the time between packets."""
    answers = [(float(time), int(number)) for time, number in re.findall(r"^\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+) ", output, re.M)]
    summary = re.search(r"(\d+) packets transmitted", output)
    if summary is None:
        raise AssertionError(f"ping {label} did not sum up: {output[-300:]}")
    sent, times = int(summary.group(1)), sorted(time for time, _number in answers)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    different = {number for _time, number in answers}
    # The last packet may still be under way when ping is told to end; what is silent before it is an outage as well.
    silent = (sent - 1 - max(different, default=0)) * INTERVAL
    lost = max(0, sent - 1 - len(different - {sent}))
    return Account(label, sent, lost, len(answers) - len(different), round(1000 * max(silent, 0.0, max(gaps, default=0.0) - INTERVAL)))


def answers(machine: Machine, address: str, size: int = 56, fragment: bool = True, count: int = 5) -> int:
    """How many of a few packets of this many bytes are answered, in one piece when `fragment` is False.

    Ask from the host after a change: until a host says something, the switch sends what is for it to the NIC that had its MAC before.
    """
    words = ["ping", "-n", "-q", "-i", "0.05", "-W", "1", "-c", str(count), "-s", str(size), "-M", "dont" if fragment else "do", address]
    output = machine.run(*words, check=False)
    found = re.search(r"(\d+) received", output)
    return int(found.group(1)) if found else 0


def answers_soon(machine: Machine, address: str, within: float = 5) -> int:
    """As `answers`, again until all packets are answered.

    Once in a while, a link that both ends have just taken into use drops what comes in its first second: what the daemon of Open vSwitch
    has decided has yet to reach the flows of the datapath.
    """
    deadline = time.monotonic() + within
    while (found := answers(machine, address)) < 5 and time.monotonic() < deadline:
        pass
    return found


def between(lab: Lab, *ways: tuple[str, str]) -> PingsOfAll:
    """Pings all the time from each first host to the storage address of the second; "nas" is the storage server."""
    machines = {**lab.hosts, "nas": lab.nas}
    return PingsOfAll([Pings(f"{start} to {end}", machines[start], STORAGE[end]) for start, end in ways])


class PingsOfAll:
    """Several pings at once; `show` prints their accounts."""

    def __init__(self, pings: list[Pings]) -> None:
        self._pings = pings
        self._stack = ExitStack()

    def __enter__(self) -> PingsOfAll:
        for pings in self._pings:
            self._stack.enter_context(pings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def show(self, title: str) -> list[Account]:
        print(f"\n{title} (a packet every {1000 * INTERVAL:.0f} ms)")
        for pings in self._pings:
            print(f"    {pings.account}")
        return [pings.account for pings in self._pings]
