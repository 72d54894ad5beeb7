# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dom0 over SSH, with a client that nobody here wrote: logins, exit codes, streams, terminals, cut connections, hosts without power."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin.faults import Point
from xapi_twin.scenario.load import read_scenario
from xapi_twin.serving.ports import Serving


@pytest.fixture
async def twin() -> AsyncIterator[Serving]:
    async with await Serving.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as serving:
        yield serving


def connect(twin: Serving, host: str = "xs-1", **options: Any) -> Any:
    ssh = twin.endpoints["hosts"][host]["ssh"]
    trust = {"client_keys": [ssh["key"]], "known_hosts": ssh["known_hosts"]} | options
    return asyncssh.connect(ssh["host"], ssh["port"], username=ssh["user"], config=None, agent_path=None, **trust)


async def test_each_host_is_at_a_port_of_its_own(twin: Serving) -> None:
    for host in ("xs-1", "xs-2", "xs-3"):
        async with connect(twin, host) as dom0:
            result = await dom0.run("hostname; echo oops >&2; exit 3")
            assert (result.stdout, result.stderr, result.exit_status) == (f"{host}\n", "oops\n", 3)


async def test_the_pools_password_opens_and_another_does_not(twin: Serving) -> None:
    async with connect(twin, client_keys=None, password="twin") as dom0:
        assert (await dom0.run("whoami")).stdout == "root\n"
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(twin, client_keys=None, password="wrong")


async def test_only_a_known_host_is_believed(twin: Serving) -> None:
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await connect(twin, known_hosts=asyncssh.import_known_hosts(""))


async def test_standard_input_reaches_the_command_with_every_character(twin: Serving) -> None:
    async with connect(twin) as dom0:
        result = await dom0.run("cat > /tmp/in; wc -l < /tmp/in; cat /tmp/in", input="ä €\nline\n")
        assert result.stdout == "2\nä €\nline\n"


async def test_one_connection_carries_many_commands_quickly(twin: Serving) -> None:
    async with connect(twin) as dom0:
        await dom0.run("true")
        begun = time.monotonic()
        for _unused in range(20):
            await dom0.run("ovs-vsctl list-br; xe pif-list --minimal")
        assert (time.monotonic() - begun) / 20 < 0.05


async def test_on_a_terminal_lines_end_as_there_and_errors_come_in_between(twin: Serving) -> None:
    async with connect(twin) as dom0:
        result = await dom0.run("echo out; nosuch; echo end", term_type="xterm")
        assert (result.stdout, result.stderr) == ("out\r\nbash: line 1: nosuch: command not found\r\nend\r\n", "")


async def test_an_interactive_shell_prompts_and_keeps_its_variables(twin: Serving) -> None:
    async with connect(twin) as dom0, dom0.create_process(term_type="xterm") as process:
        assert await process.stdout.readuntil("]# ") == "[root@xs-1 ~]# "
        process.stdin.write("x=\u2018a b\u2019\n")
        await process.stdout.readuntil("]# ")
        process.stdin.write('if true\nthen echo "<$x>"; fi; cd /etc\n')
        assert "<a b>\r\n" in await process.stdout.readuntil("etc]# ")
        process.stdin.write("exit 5\n")
        assert (await process.wait()).exit_status == 5


async def test_a_planned_cut_ends_the_connection_before_the_command(twin: Serving) -> None:
    twin.twin.faults.add({"when": {"ssh": "touch", "host": "xs-1"}, "do": "cut_ssh"})
    async with connect(twin) as dom0:
        assert (await dom0.run("touch /tmp/made")).exit_status is None
        await dom0.wait_closed()
    async with connect(twin) as dom0:
        assert (await dom0.run("[ -e /tmp/made ]")).exit_status == 1


async def test_a_planned_cut_after_the_command_leaves_it_done(twin: Serving) -> None:
    twin.twin.faults.add({"when": {"ssh": "touch"}, "do": "cut_ssh", "stage": "after"})
    async with connect(twin) as dom0:
        assert (await dom0.run("touch /tmp/made")).exit_status is None
        await dom0.wait_closed()
    async with connect(twin) as dom0:
        assert (await dom0.run("[ -e /tmp/made ]")).exit_status == 0


async def test_a_command_that_hangs_ends_with_its_connection(twin: Serving) -> None:
    twin.twin.faults.add({"when": {"ssh": "hostname"}, "do": "hang"})
    tasks = len(asyncio.all_tasks())
    async with connect(twin) as dom0:
        with pytest.raises(asyncio.TimeoutError):
            await dom0.run("hostname", timeout=0.1)
    for _unused in range(100):
        if len(asyncio.all_tasks()) <= tasks:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the command still waits, though nobody waits for it")


async def test_a_harness_sees_every_command_before_and_after(twin: Serving) -> None:
    seen: list[tuple[str, str]] = []
    twin.twin.faults.on_point.append(lambda point: seen.append((point.stage, point.name)) if point.kind == "ssh" else None)
    async with connect(twin) as dom0:
        await dom0.run("hostname")
    assert seen == [("before", "hostname"), ("after", "hostname")]


async def test_a_restart_goes_on_when_its_connection_ends(twin: Serving) -> None:
    async with connect(twin, "xs-2") as dom0:
        process = await dom0.create_process("systemctl restart xapi; touch /tmp/never")

        async def leave(point: Point) -> None:
            if point.name == "host.stopped":
                process.close()
                await process.wait_closed()
                await asyncio.sleep(0.1)

        twin.twin.faults.on_point.append(leave)
        await process.wait_closed()
    await asyncio.wait_for(twin.twin.host("xs-2").init_complete.wait(), 5)
    assert twin.twin.host("xs-2").xapi == "running"
    async with connect(twin, "xs-2") as dom0:
        assert (await dom0.run("[ -e /tmp/never ]")).exit_status == 1


async def test_a_host_without_power_refuses_and_comes_back_at_the_same_port(twin: Serving) -> None:
    async with connect(twin, "xs-3") as dom0:
        await twin.twin.host("xs-3").power_off()
        await dom0.wait_closed()
    with pytest.raises(OSError):
        await connect(twin, "xs-3")
    await twin.twin.host("xs-3").power_on()
    async with connect(twin, "xs-3") as dom0:
        assert (await dom0.run("hostname")).stdout == "xs-3\n"


async def test_file_transfer_is_not_offered(twin: Serving) -> None:
    async with connect(twin) as dom0:
        with pytest.raises(asyncssh.Error):
            await dom0.start_sftp_client()
