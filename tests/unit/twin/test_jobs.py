# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a dom0: what a session leaves behind, and how another one finds and ends it; what does not end, and what prints too much."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import time
from collections.abc import AsyncIterator

import pytest

from tests.unit.twin.ground import THREE_HOSTS, pool
from tests.unit.twin.test_membership import WITH_SPARE, join, joined, spare
from xapi_twin import shell
from xapi_twin.scenario.load import read_scenario
from xapi_twin.shell import process
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin

ARM = """umask 077; mkdir -p /var/lib/timer; cat > /var/lib/timer/undo <<'end'
echo $$ > /var/lib/timer/pid
trap 'rm -f /var/lib/timer/pid' EXIT
left=5
while [ $left -gt 0 ] && [ ! -d /var/lib/timer/decided ]; do sleep 1; left=$((left - 1)); done
mkdir /var/lib/timer/decided 2>/dev/null || exit 0
logger -t timer "taken back at $(date +%s)"
xe network-create name-label=taken-back > /var/lib/timer/done
end
setsid sh /var/lib/timer/undo </dev/null >/dev/null 2>&1 &
while [ ! -s /var/lib/timer/pid ]; do sleep 1; done; cat /var/lib/timer/pid; echo $!"""


@pytest.fixture
async def twin() -> AsyncIterator[Twin]:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=10)) as twin:
        yield twin


@pytest.fixture
def dom0(twin: Twin) -> Host:
    return twin.host("xs-1")


async def printed(host: Host, command: str) -> str:
    output = await shell.run(host, command)
    assert output.stderr == ""
    return output.stdout


async def until(host: Host, command: str) -> None:
    for _unused in range(200):
        if (await shell.run(host, command)).status == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never true: {command}")


async def test_a_timer_outlives_the_session_that_armed_it(dom0: Host) -> None:
    pid, background = (await printed(dom0, ARM)).split()
    assert pid == background  # bash lets the only command of a background process take its place
    assert await printed(dom0, f"kill -0 {pid} && tr '\\0' ' ' < /proc/{pid}/cmdline") == "sh /var/lib/timer/undo "
    await until(dom0, "[ -s /var/lib/timer/done ]")
    assert "taken back at 1" in await printed(dom0, "tail -1 /var/log/messages; [ ! -e /var/lib/timer/pid ]")
    assert await printed(dom0, "xe network-list name-label=taken-back --minimal") == await printed(dom0, "cat /var/lib/timer/done")


async def test_another_session_ends_the_timer_by_its_number(dom0: Host) -> None:
    pid = (await printed(dom0, ARM)).split()[0]
    assert await printed(dom0, f"mkdir /var/lib/timer/decided && kill {pid} && echo ended") == "ended\n"
    await until(dom0, f"! kill -0 {pid} 2>/dev/null")
    await asyncio.sleep(0.3)
    assert (await shell.run(dom0, "[ -e /var/lib/timer/done ]")).status == 1
    assert (await shell.run(dom0, f"kill {pid}")).stderr == f"bash: line 1: kill: ({pid}) - No such process\n"


async def test_a_script_that_is_ended_by_another_session_has_its_trap_as_last_word(dom0: Host) -> None:
    script = "trap 'echo \"$? $x\" > /root/said' EXIT; trap 'x=ended; exit 7' TERM; x=began; sleep 30; echo never >> /root/said"
    pid = (await printed(dom0, f"sh -c {shlex.quote(script)} > /dev/null 2>&1 & sleep 1; echo $!")).strip()
    await printed(dom0, f"kill {pid}")
    await until(dom0, "[ -e /root/said ]")
    assert await printed(dom0, "cat /root/said") == "143 ended\n"
    assert await printed(dom0, f"ls -d /proc/{pid} 2> /dev/null") == ""


@pytest.mark.parametrize("begin", ["nohup sh -c '{}' > /dev/null 2>&1 &", "( {} ) &", "(( {} ) &)", "f() {{ {}; }}; f &"])
async def test_whatever_way_it_is_begun_it_can_be_found_and_ended(dom0: Host, begin: str) -> None:
    pid = await printed(dom0, begin.format("sleep 5; touch /root/late") + " echo $! ; jobs -p")
    for number in set(pid.split()):
        assert await printed(dom0, f"kill -0 {number} && kill {number} && echo ended") == "ended\n"
    assert dom0.machine.processes.running == {} or not pid.split()
    await asyncio.sleep(0.2)


async def test_the_background_has_the_variables_and_functions_of_its_shell(dom0: Host) -> None:
    script = "x='a b'; y=(1 '2 3'); f() { echo \"f $1 ${y[1]}\"; }; set -- one; cd /tmp; { f \"$x\"; echo $1 $PWD; } & wait"
    assert await printed(dom0, script) == "f a b 2 3\none /tmp\n"


async def test_making_a_folder_is_how_two_decide_who_was_first(dom0: Host) -> None:
    outputs = await asyncio.gather(*(shell.run(dom0, "mkdir /var/run/lock && echo mine") for _unused in range(8)))
    assert sorted(output.stdout for output in outputs) == [*[""] * 7, "mine\n"]
    assert await printed(dom0, "mkdir -m 0700 /root/p; stat -c %a /root/p; umask 077; mkdir /root/q; ls -ld /root/q | cut -c1-10") == (
        "700\ndrwx------\n"
    )


@pytest.mark.parametrize(
    "endless",
    ["while :; do :; done", "while :; do echo x; done > /dev/null", "awk 'BEGIN { while (1); }'", "sleep 100000", "tail -f /dev/null",
     "yes | cat", "seq 1 100000000 | wc -l", "until xe nosuch 2>/dev/null; do :; done", "f() { f; }; f", "x=a; while :; do x=$x$x; done"],
)  # fmt: skip
async def test_a_command_without_an_end_leaves_the_pool_alive(twin: Twin, dom0: Host, endless: str) -> None:
    running = asyncio.ensure_future(shell.run(dom0, endless))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    assert await printed(twin.host("xs-2"), "xe host-list --minimal | tr , '\\n' | wc -l") == "3\n"
    assert time.monotonic() - begun < 3
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.done()
    assert dom0.machine.processes.running == {}


async def test_what_is_printed_without_an_end_is_cut(dom0: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_OUTPUT", 1 << 20)
    output = await shell.run(dom0, "while :; do echo 0123456789012345678901234567890123456789; done")
    assert len(output.stdout) <= 1 << 20
    assert output.stderr == "bash: more than 1 MiB of output: ended\n"
    assert output.status == 128 + 25


async def test_a_loss_of_power_ends_every_process_and_empties_what_is_in_memory(dom0: Host) -> None:
    pid = (await printed(dom0, f"echo kept > /root/kept; echo gone | tee /run/gone /dev/shm/gone; ls /run; {ARM}")).split()[-1]
    await dom0.power_off()
    await dom0.power_on()
    await dom0.init_complete.wait()
    assert await printed(dom0, "cat /root/kept; ls /dev/shm; ls -d /run/gone 2>/dev/null; ls /var/run/openvswitch") == "kept\ndb.sock\n"
    assert (await shell.run(dom0, f"kill -0 {pid}")).stderr == f"bash: line 1: kill: ({pid}) - No such process\n"
    await asyncio.sleep(0.3)
    assert (await shell.run(dom0, "[ -e /var/lib/timer/done ]")).status == 1


async def test_the_disk_of_a_host_goes_with_it_into_another_pool() -> None:
    async with pool(WITH_SPARE) as ground:
        await shell.run(spare(ground).master_host, "echo mine > /root/mine")
        await join(ground)
        await joined(ground)
        host = ground.twin.host("xs-4")
        assert await printed(host, "cat /root/mine /etc/xensource/pool.conf") == "mine\nslave:172.16.0.10"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts the open files of this process")
@pytest.mark.parametrize("command", ["echo a; sh -c 'echo b'; sleep 1 & wait", "while :; do :; done", "sleep 100000", "typed"])
async def test_no_command_leaves_an_open_file_behind_however_it_ends(dom0: Host, command: str) -> None:
    async def begun_and_left() -> None:
        running = asyncio.ensure_future(typed(dom0) if command == "typed" else shell.run(dom0, command))
        await asyncio.wait({running}, timeout=0.3)
        running.cancel()
        await asyncio.wait({running}, timeout=5)

    await begun_and_left()
    open_before = open_files()
    for _unused in range(3):
        await begun_and_left()
    for _unused in range(50):
        gc.collect()
        if open_files() <= open_before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{open_files()} open files, and {open_before} before")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def typed(host: Host) -> None:
    async def nowhere(_data: bytes) -> None:
        """What is printed is lost."""

    session = shell.Interactive(host, process.Streams(process.Given(), nowhere, nowhere, terminal=True))
    try:
        await session.command("echo a\n")
        await session.command("sleep 100000\n")
    finally:
        session.leave()
