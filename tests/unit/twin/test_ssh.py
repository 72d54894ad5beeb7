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
        rounds = []
        for _unused in range(3):  # the best of three: other tests run at the same time
            begun = time.monotonic()
            for _dummy in range(20):
                await dom0.run("ovs-vsctl list-br; xe pif-list --minimal")
            rounds.append((time.monotonic() - begun) / 20)
        assert min(rounds) < 0.05


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


async def test_only_the_user_of_a_dom0_gets_in(twin: Serving) -> None:
    ssh = twin.endpoints["hosts"]["xs-1"]["ssh"]
    assert ssh["user"] == "root"
    for user in ("admin", "Root", "nobody"):
        for way in ({"client_keys": [ssh["key"]]}, {"client_keys": None, "password": "twin"}):
            with pytest.raises((asyncssh.PermissionDenied, ValueError)):
                await asyncssh.connect(
                    ssh["host"], ssh["port"], username=user, known_hosts=ssh["known_hosts"], config=None, agent_path=None, **way
                )


async def test_every_byte_goes_through_both_ways(twin: Serving) -> None:
    data = bytes(range(256)) * 40
    async with connect(twin) as dom0:
        result = await dom0.run("cat > /tmp/b; wc -c < /tmp/b >&2; cat /tmp/b", input=data, encoding=None)
        assert (result.stdout, result.stderr) == (data, b"10240\n")


async def test_a_command_that_reads_nothing_does_not_wait_for_an_input_that_stays_open(twin: Serving) -> None:
    async with connect(twin) as dom0:
        for command in (
            "echo a | cat; head -1 /etc/hosts | wc -l; exit 3",
            "/bin/sh -c 'xe host-list | grep -c uuid; mkdir -p /tmp/x; exit 3'",
        ):
            async with dom0.create_process(command) as process:
                assert (await asyncio.wait_for(process.wait(), 10)).exit_status == 3


async def test_a_line_is_enough_for_who_reads_a_line(twin: Serving) -> None:
    async with connect(twin) as dom0, dom0.create_process('read -r x; echo "got $x"; ls -d /tmp; exit 4') as process:
        process.stdin.write("one\n")
        assert await process.stdout.read() == "got one\n/tmp\n"
        assert (await asyncio.wait_for(process.wait(), 10)).exit_status == 4


async def test_a_script_comes_over_standard_input(twin: Serving) -> None:
    async with connect(twin) as dom0:
        result = await dom0.run("sh -s a b", input='echo "$1-$2 $#"\nx=$(hostname)\necho $x\nexit 6\n')
        assert (result.stdout, result.exit_status) == ("a-b 2\nxs-1\n", 6)
        assert (await dom0.run(input="cd /tmp\npwd\nfalse\necho $?\nexit 7\n")).stdout == "/tmp\n1\n"


async def test_output_arrives_while_the_command_runs(twin: Serving) -> None:
    async with connect(twin) as dom0, dom0.create_process("echo first; read x; echo second") as process:
        assert await asyncio.wait_for(process.stdout.readline(), 10) == "first\n"
        process.stdin.write_eof()
        assert await process.stdout.read() == "second\n"


async def test_a_terminal_asks_for_the_rest_of_a_command(twin: Serving) -> None:
    unfinished = {
        "echo one \\\n": "two\n",
        "for i in 1 2; do\n": "echo $i; done\n",
        "true &&\n": "echo and\n",
        "cat <<E\n": "x\nE\n",
        "echo 'a\n": "b'\n",
        "f() {\n": "echo f; }; f\n",
    }
    async with connect(twin) as dom0, dom0.create_process(term_type="xterm") as process:
        await process.stdout.readuntil("]# ")
        for beginning, rest in unfinished.items():
            process.stdin.write(beginning)
            await asyncio.wait_for(process.stdout.readuntil("\r\n> "), 20)
            process.stdin.write(rest)
            await asyncio.wait_for(process.stdout.readuntil("]# "), 20)


async def test_a_terminal_keeps_status_and_variables_and_gives_lines_to_read(twin: Serving) -> None:
    async with connect(twin) as dom0, dom0.create_process(term_type="xterm") as process:

        async def typed(line: str) -> str:
            process.stdin.write(line + "\n")
            shown: str = await asyncio.wait_for(process.stdout.readuntil("]# "), 20)
            return shown.partition("\r\n")[2]

        await process.stdout.readuntil("]# ")
        assert (await typed("fi")).startswith("-bash: syntax error near unexpected token `fi'\r\n")
        assert (await typed("(exit 3)")).startswith("[root@")
        assert (await typed("echo $?; nosuch; echo $?")).startswith("3\r\n-bash: nosuch: command not found\r\n127\r\n")
        process.stdin.write("read x\n")
        await typed("a word")
        assert (await typed('echo "<$x>"')).startswith("<a word>\r\n")
        await typed("f() { echo in f; }; cd /tmp")
        assert (await typed("f; pwd; echo $PWD")).startswith("in f\r\n/tmp\r\n/tmp\r\n")


async def test_what_hangs_on_a_terminal_ends_with_it_unless_it_was_set_free(twin: Serving) -> None:
    async with connect(twin) as dom0:
        endless = "sh -c 'while :; do sleep 1; done'"
        begin = f"{endless} & echo $!; nohup {endless} >/dev/null 2>&1 & echo $!; setsid {endless} >/dev/null 2>&1 & echo $!"
        on_terminal = (await dom0.run(begin, term_type="xterm")).stdout.split()
        without = (await dom0.run(f"{endless} > /dev/null & echo $!")).stdout.split()
        alive = [(await dom0.run(f"kill -0 {pid}")).exit_status == 0 for pid in (*on_terminal, *without)]
        assert alive == [False, True, True, True]
        for pid in (*on_terminal[1:], *without):
            await dom0.run(f"kill {pid}")
    assert twin.twin.host("xs-1").machine.processes.running == {}
