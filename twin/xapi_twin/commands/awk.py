# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""awk, as far as one-liners go: patterns, ranges, BEGIN and END, print, printf, if, assignments, arrays, the usual functions; no loops."""

from __future__ import annotations

import re

from xapi_twin.commands.awk_program import BadProgram, Exit, Next, Program, Rule, Run, is_true
from xapi_twin.commands.text import lines_of, texts
from xapi_twin.shell import Call
from xapi_twin.shell_builtins import unescaped

FOLDER = "/bin"


async def awk(call: Call) -> int:
    arguments = list(call.arguments)
    run = Run(call.out)
    while arguments and arguments[0].startswith("-") and arguments[0] != "-":
        flag = arguments.pop(0)
        if flag == "--":
            break
        value = flag[2:] or (arguments.pop(0) if arguments else "")
        if flag.startswith("-F"):
            run.variables["FS"] = "\t" if value == "t" else unescaped(value)
        elif flag.startswith("-v"):
            name, _unused, text = value.partition("=")
            run.variables[name] = unescaped(text)
    if not arguments:
        call.err("Usage: awk [POSIX or GNU style options] [--] 'program' file ...\n")
        return 1
    try:
        rules = Program(arguments[0]).rules()
        found, status = await texts(call, arguments[1:])
        _play(run, rules, [line for _unused, text in found for line in lines_of(text)])
    except (BadProgram, re.error) as problem:
        return call.fail(f"cmd. line:1: {problem}", 2)
    return run.status or status


def _play(run: Run, rules: list[Rule], lines: list[str]) -> None:
    try:
        for rule in rules:
            if rule.when == "BEGIN":
                rule.action(run)
        if any(rule.when != "BEGIN" for rule in rules):
            for number, line in enumerate(lines, 1):
                run.read(line)
                run.variables["NR"] = float(number)
                _line(run, rules)
    except Exit:
        pass
    for rule in rules:
        if rule.when == "END":
            try:
                rule.action(run)
            except Exit:
                return


def _line(run: Run, rules: list[Rule]) -> None:
    try:
        for rule in rules:
            if rule.when == "line" and _chosen(run, rule):
                rule.action(run)
    except Next:
        return


def _chosen(run: Run, rule: Rule) -> bool:
    if rule.first is None:
        return True
    if rule.last is None:
        return is_true(rule.first(run))
    if not rule.inside and not is_true(rule.first(run)):
        return False
    rule.inside = not is_true(rule.last(run))
    return True


COMMANDS = {"awk": awk, "gawk": awk}
