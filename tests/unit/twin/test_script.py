# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dom0's shell changes in a script before the library runs it, and when each of these changes can go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bashkit import Bash

from xapi_twin.shell.process import Given, Process, Streams
from xapi_twin.shell.reading import reads, runs
from xapi_twin.shell.script import prepared
from xapi_twin.shell.syntax import SyntaxProblem, tree


async def nowhere(_data: bytes) -> None:
    """What is printed is lost."""


PROCESS = Process(7, 1, "bash", Streams(Given(), nowhere, nowhere))


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("echo $$ ${$} \"$$\" '$$' \\$$", "echo 7 7 \"7\" '$$' \\$$"),
        ("echo ä; kill $!", "echo ä; kill ${__bg-$!}"),
        ("echo $PPID $EUID $0 $10", "echo 1 0 bash $10"),
        ("cat <<E\n$$\nE", "cat <<E\n7\nE"),
        ("cat <<'E'\n$$ `x`\nE", "cat <<'E'\n$$ `x`\nE"),
        ("awk '{ print $$1 }' f", "awk '{ print $$1 }' f"),
    ],
)
def test_numbers_are_those_of_the_hosts_process_table(script: str, run: str) -> None:
    assert prepared(script, PROCESS) == run


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("sleep 9 & echo x", "_spawn 'sleep 9' \"$@\"; echo x"),
        ("a && b | c & d", "_spawn 'a && b | c' \"$@\"; d"),
        ("( a; b $$ ) > f 2>&1 &", "_spawn '( a; b 7 ) > f 2>&1' \"$@\";"),
        ("if x; then y & fi", 'if x; then _spawn y "$@"; fi'),
        ("for i in 1 2; do w & done; wait", 'for i in 1 2; do _spawn w "$@"; done; wait'),
        ("x=$(a & b)", "x=$(unset __bg; a & b)"),  # its output is the substitution's, and $! the library's
        ("{ a & } | b", "{ unset __bg; a & } | b"),
        ("{ a > f & } | b", "{ _spawn 'a > f' \"$@\"; } | b"),
        ("a &> f; b 2>&1 && c", "a &> f; b 2>&1 && c"),
        ("echo 'a & b' \"c & d\" # e & f", "echo 'a & b' \"c & d\" # e & f"),
    ],
)
def test_what_is_in_the_background_is_a_process(script: str, run: str) -> None:
    assert prepared(script, PROCESS).replace("  ", " ").strip() == run


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("cat", "_stdin | cat"),
        ("cat f; cat < f; cat <<< x; echo | cat", "cat f; cat < f; cat <<< x; echo | cat"),
        ("cat | grep x", "_stdin | cat | grep x"),
        ("grep x; grep x f; sed s/a/b/; awk 1 f", "_stdin | grep x; grep x f; _stdin | sed s/a/b/; awk 1 f"),
        ("read -r x", "read < <(_line) -r x"),
        ("while read x; do echo $x; done", "while read < <(_line) x; do echo $x; done"),
        ("while read x; do echo $x; done < f", "while read x; do echo $x; done < f"),
        ("x | while read y; do ssh a; done", "x | while read y; do ssh a; done"),
        ("x=$(cat)", "x=$(_stdin | cat)"),
        ("head -n 3; head -n 3 f; tail -1", "_stdin | head -n 3; head -n 3 f; _stdin | tail -1"),
        ("mapfile -t a", "mapfile < <(_stdin) -t a"),
        ("xargs echo", "_stdin | xargs echo"),
    ],
)
def test_standard_input_is_given_to_what_reads_it_and_to_nothing_else(script: str, run: str) -> None:
    assert prepared(script, PROCESS) == run


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("sh -c 'echo $$'", "_sh1 -c 'echo $$'"),
        ("/bin/bash f", "_bash1 f"),
        ("echo x | sh; sh < f", "echo x | _sh0; _sh0 < f"),
        ("timeout 5 sh -c x; env A=1 bash f", "timeout 5 _sh1 -c x; env A=1 _bash1 f"),
        ("setsid sh f; nohup sh f", "command _sh1 f; command _sh1 f"),
        ("./f a; /root/f", "_script1 ./f a; _script1 /root/f"),
        ("echo sh; grep bash f", "echo sh; grep bash f"),
    ],
)
def test_a_shell_is_a_process_as_well(script: str, run: str) -> None:
    assert prepared(script, PROCESS) == run


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("trap 'rm /tmp/x.$$' EXIT", "trap \"$(_text1 'rm /tmp/x.$$')\" EXIT"),
        ("trap 'echo bye' EXIT; trap - EXIT; trap '' HUP; trap -p", "trap 'echo bye' EXIT; trap - EXIT; trap '' HUP; trap -p"),
        ('eval "$x" $y', 'eval "$(_text1 "$x" $y)"'),
        ("echo 'echo x' | eval cat", "echo 'echo x' | eval cat"),
        ('. ./f a; source "$d/f"', '. "$(_file1 ./f)" a; source "$(_file1 "$d/f")"'),
    ],
)
def test_what_becomes_a_script_later_is_prepared_then(script: str, run: str) -> None:
    assert prepared(script, PROCESS) == run


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("echo x > f 2>&1; touch g", 'echo x >> "$(_made "$(umask)" -t f)" 2>&1; _kept "$(umask)" touch g'),
        ("a >| f; b >>f; c &> f; d 2>/dev/null", None),
        ("sh -c x", '__umask="$(umask)" _sh1 -c x'),
        ("set -o noclobber; echo x > f", "set -o noclobber; echo x > f"),
    ],
)
def test_where_modes_were_set_files_keep_theirs(script: str, run: str | None) -> None:
    made = '"$(_made "$(umask)" '
    expected = run or f'a >> {made}-t f)"; b >>{made}f)"; c &>> {made}-t f)"; d 2>/dev/null'
    assert prepared(script, replace(PROCESS, minds_modes=True)) == expected
    assert prepared(script, PROCESS) == script.replace("sh -c", "_sh1 -c")


def test_a_folder_has_a_size() -> None:
    assert prepared('[ ! -s $f -a -d x ] || [[ -s "$f/y" ]]', PROCESS) == (
        '[ ! \\( -s $f -o -d $f \\) -a -d x ] || [[ ( -s "$f/y" || -d "$f/y" ) ]]'
    )


@pytest.mark.parametrize("script", ["exec > >(tee f)", "a 2> >(b)", "{ a; } > >(b)", "coproc a"])
def test_what_the_library_passes_over_in_silence_is_refused(script: str) -> None:
    with pytest.raises(SyntaxProblem):
        prepared(f"echo begun; {script}", PROCESS)
    assert prepared("a > >(b); tee >(c) < d", PROCESS) == "a > >(b); tee >(c) < d"


def test_what_a_command_runs_and_whether_it_reads() -> None:
    assert runs(["timeout", "-k", "1", "5", "nice", "-n", "3", "sh", "-c"]) == (7, [])
    assert runs(["setsid", "nohup", "xe"]) == (2, [0, 1])
    assert runs(["command", "-v", "sh"]) == (0, [])
    assert [reads("grep", ["-e", "x"]), reads("grep", ["-e", "x", "f"]), reads("cut", ["-d", ":", "-f1"])] == ["all", "", "all"]
    assert [reads("read", ["-u", "3", "x"]), reads("read", ["x"]), reads("xe", ["pif-list"])] == ["", "line", ""]


# what can go when the library has it


def test_the_library_tells_its_syntax_tree_as_it_did() -> None:
    """If this fails, the library stores functions in another way: `script._parsed` alone knows how."""
    (command,) = tree("echo ä $x > f")
    assert command["Simple"]["name"]["parts"] == [{"Literal": "echo"}]
    assert [argument["raw"] for argument in command["Simple"]["args"]] == ["ä", "$x"]
    start, end = (command["Simple"]["span"][name]["offset"] for name in ("start", "end"))
    assert (start, end) == (7, 7 + len("echo ä $x > f\n".encode()))
    assert command["Simple"]["redirects"][0]["kind"] == "Output"


def test_backquotes_in_the_middle_of_a_word() -> None:
    assert prepared('mkdir "` echo a `"&& echo one="` echo $x `"', PROCESS) == '_mkdir "$(umask)" "` echo a `"&& echo one="$( echo $x )"'
    said = Bash().execute_sync('echo pre"`echo in`"').stdout
    assert said == "pre`echo in`\n", "the library expands them now: `script.with_substitutions` can go"


def test_a_shell_of_the_library_is_process_one() -> None:
    said = Bash().execute_sync("echo $$; sh -c 'echo $$'").stdout
    assert said == "1\n1\n", "the library numbers its processes now: see whether `script` has to"
