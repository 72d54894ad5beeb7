# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dom0's shell: the language, the text tools behind pipes, dom0's files, and that nothing of this machine is ever reached."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin import shell
from xapi_twin.scenario.load import read_scenario
from xapi_twin.serving.ports import Serving
from xapi_twin.shell.syntax import Incomplete, SyntaxProblem
from xapi_twin.shell.syntax import check as parse
from xapi_twin.twin.host import Host
from xapi_twin.twin.pool import Twin


@pytest.fixture
async def twin() -> AsyncIterator[Twin]:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as twin:
        yield twin


@pytest.fixture
def dom0(twin: Twin) -> Host:
    return twin.host("xs-1")


async def printed(host: Host, command: str, stdin: str = "") -> str:
    output = await shell.run(host, command, stdin)
    assert output.stderr == ""
    return output.stdout


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("echo a  'b  c' \"d\"e", "a b  c de\n"),
        ("x=1; echo $x ${x} '$x' \"$x\" \\$x", "1 1 $x 1 $x\n"),
        ('echo "${y:-none}" ${y:=set} $y ${y:+there} ${#y}', "none set set there 3\n"),
        ("p=/a/b.tar.gz; echo ${p##*/} ${p#*/} ${p%.*} ${p%%.*}", "b.tar.gz a/b.tar.gz /a/b.tar /a/b\n"),
        ('a=\'1 2\'; set -- $a "$a"; echo $#; for i in "$@"; do echo "<$i>"; done', "3\n<1>\n<2>\n<1 2>\n"),
        ("IFS=:; v=a:b::c; set -- $v; echo $#", "4\n"),
        ("echo $(echo in; echo ner) `echo old`", "in ner old\n"),
        ("echo $((2 + 3 * 4)) $((10 / 3)) $((7 % 4)) $((1 < 2 && 3 != 3)) $((0x10))", "14 3 3 0 16\n"),
        ("i=0; while [ $i -lt 3 ]; do i=$((i + 1)); [ $i = 2 ] && continue; echo $i; done", "1\n3\n"),
        ("for i in a b c; do case $i in a) echo first;; [bc]) echo $i; break;; esac; done", "first\nb\n"),
        ("until false; do echo once; break; done", "once\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("f() { local x=in; echo $x $1; return 4; }; x=out; f arg; echo $? $x", "in arg\n4 out\n"),
        ("true && echo a || echo b; false && echo c || echo d; ! true || echo e", "a\nd\ne\n"),
        ("(cd /tmp; x=2; pwd); pwd; { cd /etc; }; pwd", "/tmp\n/root\n/etc\n"),
        ("cat <<EOF\n$HOME \\$x $(echo y)\nEOF", "/root $x y\n"),
        ("cat <<'EOF'\n$HOME\nEOF", "$HOME\n"),
        ("cat <<-EOF | tr a-z A-Z\n\tindented\n\tEOF\necho after", "INDENTED\nafter\n"),
        ("printf '%s:%03d|%-4s|\\n' a 7 b c 8 d", "a:007|b   |\nc:008|d   |\n"),
        ('echo one two | while read -r a b; do echo "$b $a"; done', "two one\n"),
        ("printf 'a b\\n c\\n' | while IFS= read -r line; do echo \"[$line]\"; done", "[a b]\n[ c]\n"),
        ("echo out; echo err >&2; nope 2>/dev/null; echo $?", None),
        ("{ echo a; echo b >&2; } 2>&1 | sort -r", "b\na\n"),
        ("echo x > /tmp/f; echo y >> /tmp/f; cat /tmp/f; wc -l < /tmp/f", "x\ny\n2\n"),
        ("set -e; false || true; echo still; false; echo never", "still\n"),
        ("set -o pipefail; false | true; echo $?", "1\n"),
        ("trap 'echo bye' EXIT; echo hi; exit 0", "hi\nbye\n"),
        ("eval 'a=5; echo $a'; . /etc/xensource-inventory; echo $PRODUCT_BRAND", "5\nXCP-ng\n"),
        ("echo {a,b} ~ ~/x '~'", "a b /root /root/x ~\n"),
        ("[ -f /etc/xensource-inventory ] && [ -d /sys/class/net ] && [ ! -e /etc/shadow ] && echo yes", "yes\n"),
        ("[ 3 -gt 2 -a abc = abc ] && test -n x && echo yes", "yes\n"),
        ("/bin/sh -c 'echo $0 $1 $#' name first; sh -ec 'false; echo no'; echo $?", "name first 1\n1\n"),
        ("A=1 sh -c 'echo $A'; echo \"[$A]\"; export B=2; sh -c 'echo $B'", "1\n[]\n2\n"),
        ("x=$INSTALLATION_UUID; sh -c 'echo [$INSTALLATION_UUID]'; echo ${#x}", "[]\n36\n"),
        ("nohup sh -c 'echo late > /tmp/late' >/dev/null 2>&1 & wait; cat /tmp/late", "late\n"),
        ("exec 3>&1; echo to3 >&3; exec >/tmp/all; echo hidden; cat /tmp/all >&3", "to3\nhidden\n"),
        ("echo a;# comment\necho b # another\n", "a\nb\n"),
        ("while getopts ab: o; do echo $o $OPTARG; done", ""),
        ("echo abc | xargs -I{} echo '<{}>'; printf '1 2 3' | xargs -n2 echo", "<abc>\n1 2\n3\n"),
    ],
)
async def test_the_language(dom0: Host, command: str, text: str | None) -> None:
    output = await shell.run(dom0, command)
    if text is None:
        assert (output.stdout, output.stderr) == ("out\n127\n", "err\n")
    else:
        assert (output.stdout, output.stderr) == (text, "")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("grep -B1 -A1 c", "b\nc\nd\n"),
        ("grep -v -e a -e e", "b\nc\nd\n"),
        ("grep -n '[be]'", "2:b\n5:e\n"),
        ("grep -c .", "5\n"),
        ("grep -A1 -e a -e e", "a\nb\n--\ne\n"),
        ("grep -E '^(a|d)$' | tail -1", "d\n"),
        ("sed -n '2,3p;$p'", "b\nc\ne\n"),
        ("sed -e 's/\\(.\\)/<\\1&>/' -e 1d | head -n 1", "<bb>\n"),
        ("sed '/b/,/d/d'", "a\ne\n"),
        ("sed -E 's#(a|c)+#X#g;y/de/DE/' | tr -d '\\n'", "XbXDE"),
        ("awk 'NR % 2 == 1 { n++; last = $1 } END { print n, last }'", "3 e\n"),
        ('awk \'/b/,/d/ { printf "%s-", $0 } END { print "" }\'', "b-c-d-\n"),
        ("awk -v want=c '$1 == want { print NR \":\" toupper($0); exit }'", "3:C\n"),
        ("awk '!seen[$1]++ && length($0) == 1' | wc -l", "5\n"),
        ("sort -r | uniq | tac | tr a-c A-C | paste -s -d-", "A-B-C-d-e\n"),
        ("head -2 | cut -c1", "a\nb\n"),
    ],
)
async def test_the_tools_behind_a_pipe(dom0: Host, command: str, text: str) -> None:
    assert await printed(dom0, f"printf 'a\\nb\\nc\\nd\\ne\\n' | {command}") == text


async def test_awk_of_columns_and_separators(dom0: Host) -> None:
    program = 'NR > 1 { split($3, nics, ", "); print $1, nics[2] }'
    command = f"printf 'bond\\ttype\\nbond0\\tactive-backup\\teth2, eth4\\n' | awk -F '\\t' '{program}'"
    assert await printed(dom0, command) == "bond0 eth4\n"
    assert await printed(dom0, "echo 'uuid ( RO)    : abc' | awk '{ print $5 }'") == "abc\n"
    assert await printed(dom0, 'echo a:b | awk -F: \'{ gsub(/b/, "x"); print $2; sub("x", "y"); print }\'') == "x\na:y\n"


@pytest.mark.parametrize(
    "text", ["echo 'a", 'echo "a', "if true; then", "for i in 1; do", "f() {", "cat <<EOF\nx", "a &&", "echo $(b", "case a in"]
)
def test_a_command_that_goes_on_is_told_from_a_wrong_one(text: str) -> None:
    with pytest.raises(Incomplete):
        parse(text)


@pytest.mark.parametrize("text", ["fi", "echo )", "; ;", "if true; fi", "done", "| a"])
def test_a_wrong_command_is_refused(text: str) -> None:
    with pytest.raises(SyntaxProblem) as raised:
        parse(text)
    assert not isinstance(raised.value, Incomplete)


async def test_what_ansible_sends_around_a_command(dom0: Host) -> None:
    assert await printed(dom0, "/bin/sh -c 'echo ~ && sleep 0'") == "/root\n"
    wrapped = (
        '/bin/sh -c \'( umask 77 && mkdir -p "` echo /root/.ansible/tmp `"&& mkdir "` echo /root/.ansible/tmp/one `"'
        ' && echo one="` echo /root/.ansible/tmp/one `" ) && sleep 0\''
    )
    assert await printed(dom0, wrapped) == "one=/root/.ansible/tmp/one\n"
    assert await printed(dom0, "/bin/sh -c 'rm -f -r /root/.ansible/tmp/one/ > /dev/null 2>&1 && sleep 0'; ls /root/.ansible/tmp") == ""


async def test_dom0_has_no_python_and_says_so(dom0: Host) -> None:
    output = await shell.run(dom0, "/bin/sh -c '/usr/bin/python3 && sleep 0'")
    assert output.status == 127
    assert output.stderr == "sh: line 1: /usr/bin/python3: No such file or directory\n"


async def test_commands_are_the_twins_by_whatever_path(dom0: Host) -> None:
    for path in ("hostname", "/bin/hostname", "/usr/bin/hostname"):
        assert await printed(dom0, path) == "xs-1\n"
    assert await printed(dom0, "/opt/xensource/bin/xe host-list name-label=xs-2 params=name-label --minimal") == "xs-2\n"
    assert (await shell.run(dom0, "/home/me/bin/hostname")).status == 127
    assert await printed(dom0, "command -v service xe; for f in /sbin/service /usr/bin/ovs-vsctl; do [ -x $f ] && echo x; done") == (
        "/sbin/service\n/usr/bin/xe\nx\nx\n"
    )


async def test_no_file_of_this_machine_can_be_read_or_written(dom0: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine", encoding="utf-8")
    for command in (f"cat {secret}", f"cat < {secret}", f"echo x > {secret}", f"rm -rf {tmp_path}", f"ls {tmp_path}/*", f". {secret}"):
        output = await shell.run(dom0, command)
        assert "mine" not in output.stdout + output.stderr
    assert secret.read_text(encoding="utf-8") == "mine"
    await shell.run(dom0, "mkdir -p /tmp/xapi-twin-proof && touch /tmp/xapi-twin-proof/file")
    assert not Path("/tmp/xapi-twin-proof").exists()


@pytest.mark.parametrize(
    "command",
    [
        "cat {secret}", "cat < {secret}", ". {secret}", "source {secret}", "ls -la {folder}", "find / -name secret",
        "ln -s {secret} l; cat l", "ln -s {folder} d; cat d/secret", "cp {secret} c; cat c", "cat /root/../{secret}",
        "cat /proc/self/root{secret}", "cat /proc/1/root{secret}", "cat /proc/self/environ /proc/self/cmdline",
        "env; printenv; set; export -p; declare -p", "cd {folder} && ls", "bash {secret}", "{secret}", "awk '{{ print }}' {secret}",
        "awk 'BEGIN {{ while ((getline l < \"{secret}\") > 0) print l }}'", "awk 'BEGIN {{ system(\"cat {secret}\") }}'",
        "sed -n p {secret}", "sed -i s/mine/x/ {secret}", "sed 'w {secret}' <<< x", "grep -r mine /", "tar cf - {secret} | cat",
        "base64 {secret}", "echo x > {secret}", "echo x >> {secret}", "rm -rf {folder}", "mv {secret} /tmp/x", "chmod 777 {secret}",
        "truncate -s 0 {secret}", "dd if=/dev/zero of={secret}", "tee {secret} <<< x", "mkdir -p {folder}/more", "touch {folder}/more",
        "exec 3<> {secret}; echo x >&3", "exec 3<>/dev/tcp/127.0.0.1/{port}; echo x >&3", "curl -s http://127.0.0.1:{port}/",
        "wget -qO- http://127.0.0.1:{port}/", "http GET http://127.0.0.1:{port}/", "cat < /dev/tcp/127.0.0.1/{port}", "ssh 127.0.0.1",
        "nc 127.0.0.1 {port}", "python3 -c 'print(1)'", "perl -e 'print 1'", "node -e 1", "git clone {folder}", "sqlite3 {secret}",
        "mount --bind {folder} /mnt; ls /mnt", "chroot {folder} cat secret", "vi {secret}", "less {secret}", "xargs -a {secret} echo",
        "kill -9 {pid}", "kill -0 {pid}", "ls /proc/{pid}", "jq . {secret}", "envsubst < {secret}", "mapfile -t a < {secret}; echo $a",
        "diff {secret} /dev/null", "file {secret}", "ulimit -a", "users; who; last",
    ],
)  # fmt: skip
async def test_nothing_reaches_this_machine(dom0: Host, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_SECRET", "mine")
    secret = tmp_path / "secret"
    secret.write_text("mine\n", encoding="utf-8")
    knocked: list[bool] = []

    def knock(_reader: object, writer: asyncio.StreamWriter) -> None:
        knocked.append(True)
        writer.close()

    server = await asyncio.start_server(knock, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    output = await asyncio.wait_for(shell.run(dom0, command.format(secret=secret, folder=tmp_path, port=port, pid=os.getpid()), "in\n"), 20)
    server.close()
    assert not knocked
    assert not re.search(r"\bmine\b", output.stdout.replace(command, "") + output.stderr)
    assert secret.read_text(encoding="utf-8") == "mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert not re.search(re.escape(os.environ["PATH"]), output.stdout)


async def test_files_tell_the_state_of_the_host(twin: Twin, dom0: Host) -> None:
    inventory = await printed(dom0, "cat /etc/xensource-inventory")
    assert f"INSTALLATION_UUID='{dom0.uuid}'\n" in inventory
    assert "MANAGEMENT_INTERFACE='xenbr0'\n" in inventory
    assert await printed(dom0, "cat /etc/xensource/network.conf") == "openvswitch\n"
    assert await printed(dom0, "cd /sys/class/net; echo eth*; cat eth2/address") == "eth0 eth1 eth2 eth3 eth4 eth5\n00:16:3e:00:01:02\n"
    assert await printed(dom0, "ls /var/run/*.cookie") == "/var/run/xapi_init_complete.cookie\n/var/run/xapi_startup.cookie\n"
    assert await printed(dom0, "cat /etc/xensource/pool.conf") == "master"
    assert await printed(twin.host("xs-2"), "cat /etc/xensource/pool.conf") == "slave:172.16.0.10"
    assert await printed(dom0, ". /etc/os-release; echo $NAME $VERSION $VERSION_ID") == "XCP-ng 8.3.0 8.3.0\n"
    assert await printed(dom0, "awk '/^MemTotal/ { print $2 / 1024 / 1024 }' /proc/meminfo; free | awk '/^Mem/ { print $2 }'") == (
        "8\n8388608\n"
    )
    await dom0.nic_gone("eth4")
    assert await printed(dom0, "[ -e /sys/class/net/eth4 ] || echo gone") == "gone\n"


async def test_what_one_connection_writes_the_next_one_reads(twin: Twin, dom0: Host) -> None:
    await shell.run(dom0, "cat > /root/note", "kept\n")
    assert await printed(dom0, "cat note") == "kept\n"
    assert (await shell.run(twin.host("xs-2"), "cat note")).stderr == "cat: note: No such file or directory\n"


async def test_xapi_is_another_process_after_a_restart(dom0: Host) -> None:
    typed = "before=$(pidof xapi); service xapi restart >/dev/null 2>&1; [ $(pidof xapi) != $before ] && echo another"
    assert await printed(dom0, typed) == "another\n"


async def test_the_tools_that_admins_look_with(dom0: Host) -> None:
    assert await printed(dom0, "df -P / | awk 'NR == 2 { print $6 }'; df -h | grep -c ^/dev; lsblk | grep -c sda") == "/\n2\n6\n"
    assert await printed(dom0, "ps -ef | grep -c 'bin/[x]api$'; ps aux | grep -q ovs-vswitchd && echo yes; pidof xapi; pgrep xapi") == (
        "1\nyes\n4242\n4242\n"
    )
    assert await printed(
        dom0, "dmesg | grep -c 'Link is Up'; uname -n; id -u; whoami; logger -t me hello; tail -1 /var/log/messages | cut -d' ' -f4-"
    ) == ("6\nxs-1\n0\nroot\nxs-1 me: hello\n")
    assert await printed(dom0, "echo x > f; ln -s f l; ls -l l | sed 's/.* l/l/'; ln f h; cat h; rm f l h; ls -a") == "l -> f\nx\n.\n..\n"


async def test_a_file_is_as_the_command_before_it_has_left_the_host(dom0: Host) -> None:
    script = (
        "net=$(xe network-create name-label=NAS); p=$(xe pif-list host-name-label=xs-1 device=eth2 --minimal),"
        "$(xe pif-list host-name-label=xs-1 device=eth4 --minimal); ls -d /sys/class/net/xapi* 2>/dev/null;"
        " xe bond-create network-uuid=$net pif-uuids=$p mode=active-backup > /dev/null;"
        " cat /sys/class/net/xapi0/address; ip -o link | grep -c xapi0"
    )
    assert await printed(dom0, script) == "00:16:3e:00:01:02\n1\n"
    assert await printed(
        dom0, "f=/var/run/xapi_startup.cookie; ls $f; service xapi stop 2>/dev/null; ls $f 2>/dev/null; service xapi start 2>&1 | wc -l"
    ) == ("/var/run/xapi_startup.cookie\n1\n")


async def test_a_missing_command_and_a_missing_file_end_as_in_bash(dom0: Host) -> None:
    output = await shell.run(dom0, "nosuch; cat /nowhere; cd /nowhere; exit 9")
    assert output.stderr == (
        "bash: line 1: nosuch: command not found\ncat: /nowhere: No such file or directory\n"
        "bash: line 1: cd: /nowhere: No such file or directory\n"
    )
    assert output.status == 9


async def test_an_endless_loop_leaves_the_pool_alive(dom0: Host) -> None:
    running = asyncio.ensure_future(shell.run(dom0, "while :; do :; done"))
    await asyncio.sleep(0.05)
    assert await printed(dom0, "echo alive") == "alive\n"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_commands_too_deep_in_each_other_end(dom0: Host) -> None:
    output = await shell.run(dom0, "( " * 500 + "echo" + " )" * 500)
    assert (output.stdout, output.status != 0) == ("", True)
    assert output.stderr.startswith("bash: ")
    assert (await shell.run(dom0, "head -n many; cut -f x; echo after")).stdout == "after\n"


async def test_endless_recursion_ends(dom0: Host) -> None:
    output = await shell.run(dom0, "f() { f; }; f; echo after")
    assert "function depth" in output.stderr
    assert (output.stdout, output.status) == ("", 1)


async def test_a_dom0_has_the_certificate_of_its_xapi_and_tells_its_fingerprint() -> None:
    async with await Serving.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as serving:
        host = serving.twin.host("xs-2")
        pem = Path(serving.endpoints["ca"]).read_text(encoding="utf-8")
        file = "/etc/xensource/xapi-ssl.pem"
        assert await printed(host, f"openssl x509 -in {file}") == pem
        expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
        line = await printed(host, f"openssl x509 -noout -fingerprint -sha256 -in {file}")
        assert line == f"sha256 Fingerprint={':'.join(expected[place : place + 2] for place in range(0, 64, 2))}\n"
        assert await printed(host, f"cat {file} | openssl x509 -noout -fingerprint -sha256") == line
        assert (await shell.run(host, "openssl x509 -noout -in /etc/hosts")).status == 1
        assert "only" in (await shell.run(host, "openssl genrsa 2048")).stderr
