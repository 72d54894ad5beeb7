# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expansion of the shell's words: parameters, substitutions, arithmetic, field splitting, file names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from xapi_twin.shell_tree import Arithmetic, Parameter, Part, Script, Substitution, Text, Word


class ExpansionProblem(Exception):
    """An expansion that the shell refuses; the sentence is the shell's."""


class Surroundings(Protocol):
    """What expansion needs of a shell."""

    positional: list[str]
    nounset: bool

    def get(self, name: str) -> str | None:
        """The value of a variable; None for none."""

    def assign(self, name: str, value: str) -> None:
        """Sets a variable."""

    def matching_files(self, pattern: str) -> list[str]:
        """Names of files that match, sorted."""

    async def output_of(self, script: Script) -> str:
        """What the script puts out."""


@dataclass(frozen=True)
class _Piece:
    """Text of a field. `split`: it came from an unquoted expansion; `boundary`: here one field ends ("$@")."""

    text: str = ""
    quoted: bool = False
    split: bool = False
    boundary: bool = False


async def fields(shell: Surroundings, words: Iterable[Word]) -> list[str]:
    """The arguments that words become: split, and matched against file names. Raises ExpansionProblem."""
    found: list[str] = []
    for word in words:
        for pieces in _split(await _pieces(shell, _tilde(shell, word)), shell.get("IFS")):
            text = "".join(piece.text for piece in pieces)
            if any(not piece.quoted and re.search(r"[*?\[]", piece.text) for piece in pieces):
                found.extend(shell.matching_files(_pattern(pieces)) or [text])
            else:
                found.append(text)
    return found


async def text_of(shell: Surroundings, word: Word) -> str:
    """A word as one text (assignment, here-document, redirection): neither split nor matched."""
    pieces = await _pieces(shell, _tilde(shell, word))
    return "".join(" " if piece.boundary else piece.text for piece in pieces)


async def pattern_of(shell: Surroundings, word: Word) -> str:
    """A word as a regular expression (case, ${x#…}); quoted characters stand for themselves."""
    return _pattern(await _pieces(shell, _tilde(shell, word)))


def _tilde(shell: Surroundings, word: Word) -> Word:
    """~ and ~/… at the beginning of a word; dom0 has only root."""
    if word and isinstance(word[0], Text) and not word[0].quoted:
        match = re.match(r"~(root)?(?=/|$)", word[0].value)
        if match and (match.end() < len(word[0].value) or len(word) == 1):
            home = shell.get("HOME") or "/root"
            return (Text(home, True), Text(word[0].value[match.end() :]), *word[1:])
    return word


async def _pieces(shell: Surroundings, word: Word) -> list[_Piece]:
    pieces: list[_Piece] = []
    for part in word:
        pieces.extend(await _part(shell, part))
    return pieces


async def _part(shell: Surroundings, part: Part) -> list[_Piece]:
    if isinstance(part, Text):
        return [_Piece(part.value, part.quoted)]
    if isinstance(part, Substitution):
        text = (await shell.output_of(part.script)).rstrip("\n")
        return [_Piece(text, part.quoted, not part.quoted)]
    if isinstance(part, Arithmetic):
        return [_Piece(str(arithmetic(shell, await text_of(shell, part.expression))), part.quoted, not part.quoted)]
    return await _parameter(shell, part)


async def _parameter(shell: Surroundings, part: Parameter) -> list[_Piece]:
    if part.name in ("@", "*") and part.operator == "":
        return _positional(shell, part)
    value = " ".join(shell.positional) if part.name in ("@", "*") else shell.get(part.name)
    if part.operator == "length":
        return [_Piece(str(len(value or "")), part.quoted)]
    operator = part.operator.lstrip(":") if part.operator != ":" else ":"
    missing = value is None or (part.operator.startswith(":") and value == "")
    if operator in ("-", "=", "?", "+"):
        return await _conditional(shell, part, operator, value, missing)
    if value is None and shell.nounset and part.name not in ("@", "*"):
        raise ExpansionProblem(f"{part.name}: unbound variable")
    value = value or ""
    if operator == ":":
        value = _substring(shell, value, await text_of(shell, part.argument))
    elif operator in ("/", "//"):
        value = await _replaced(shell, value, operator, part.argument)
    elif operator:
        value = _trimmed(value, operator, await pattern_of(shell, part.argument))
    return [_Piece(value, part.quoted, not part.quoted)]


def _positional(shell: Surroundings, part: Parameter) -> list[_Piece]:
    if part.name == "*" and part.quoted:
        return [_Piece((shell.get("IFS") or " ")[:1].join(shell.positional), True)]
    pieces: list[_Piece] = []
    for number, value in enumerate(shell.positional):
        if number:
            pieces.append(_Piece(boundary=True))
        pieces.append(_Piece(value, part.quoted, not part.quoted))
    return pieces


async def _conditional(shell: Surroundings, part: Parameter, operator: str, value: str | None, missing: bool) -> list[_Piece]:
    if operator == "+":
        return [] if missing else await _argument(shell, part)
    if not missing:
        return [_Piece(value or "", part.quoted, not part.quoted)]
    if operator == "-":
        return await _argument(shell, part)
    text = await text_of(shell, part.argument)
    if operator == "?":
        raise ExpansionProblem(f"{part.name}: {text or 'parameter null or not set'}")
    shell.assign(part.name, text)
    return [_Piece(text, part.quoted, not part.quoted)]


async def _argument(shell: Surroundings, part: Parameter) -> list[_Piece]:
    pieces = await _pieces(shell, part.argument)
    return [_Piece(piece.text, piece.quoted or part.quoted, not (piece.quoted or part.quoted), piece.boundary) for piece in pieces]


def _trimmed(value: str, operator: str, pattern: str) -> str:
    """${x#p} and its kin: the shortest or longest match at the beginning or the end goes."""
    compiled = re.compile(pattern, re.S)
    lengths = range(len(value) + 1)
    for length in lengths if len(operator) == 1 else reversed(lengths):
        if operator[0] == "#" and compiled.fullmatch(value, 0, length):
            return value[length:]
        if operator[0] == "%" and compiled.fullmatch(value, len(value) - length):
            return value[: len(value) - length]
    return value


def _substring(shell: Surroundings, value: str, argument: str) -> str:
    start, _unused, length = argument.partition(":")
    first = arithmetic(shell, start)
    first = max(len(value) + first, 0) if first < 0 else first
    last = len(value) if not length else first + arithmetic(shell, length)
    return value[first:last]


async def _replaced(shell: Surroundings, value: str, operator: str, argument: Word) -> str:
    texts = [(part.value, part.quoted) if isinstance(part, Text) else (await text_of(shell, (part,)), True) for part in argument]
    before: list[_Piece] = []
    after = ""
    for number, (text, quoted) in enumerate(texts):
        if not quoted and "/" in text:
            head, _unused, tail = text.partition("/")
            before.append(_Piece(head))
            after = tail + "".join(rest for rest, _unused in texts[number + 1 :])
            break
        before.append(_Piece(text, quoted))
    return re.sub(_pattern(before), lambda _unused: after, value, count=0 if operator == "//" else 1)


def _split(pieces: list[_Piece], separators: str | None) -> list[list[_Piece]]:
    """Fields: unquoted expansions are split at IFS, and what expands to nothing is no field."""
    separators = " \t\n" if separators is None else separators
    blanks = "".join(char for char in separators if char in " \t\n")
    found: list[list[_Piece]] = []
    current: list[_Piece] | None = None
    for piece in pieces:
        if piece.boundary:
            if current is not None:
                found.append(current)
            current = None
        elif not piece.split or not separators:
            if piece.text or piece.quoted:
                current = [*(current or []), piece]
        else:
            for number, run in enumerate(_runs(piece.text, separators, blanks)):
                if number and current is not None:
                    found.append(current)
                    current = None
                if run is not None:
                    current = [*(current or []), _Piece(run)]
    if current is not None:
        found.append(current)
    return found


def _runs(text: str, separators: str, blanks: str) -> list[str | None]:
    """Runs between separators; None where there is nothing (blanks together are one separator, others each one)."""
    other = re.escape("".join(char for char in separators if char not in blanks))
    blank = f"[{re.escape(blanks)}]" if blanks else ""
    if other:
        around = f"{blank}*" if blank else ""
        parts = re.split(f"{around}[{other}]{around}" + (f"|{blank}+" if blank else ""), text)
        return [part if part or 0 < number < len(parts) - 1 else None for number, part in enumerate(parts)]
    return [part or None for part in re.split(f"{blank}+", text)]


def _pattern(pieces: Iterable[_Piece]) -> str:
    """A regular expression for the shell pattern of a field."""
    return "".join(re.escape(piece.text) if piece.quoted else glob_expression(piece.text) for piece in pieces)


def glob_expression(text: str) -> str:
    """A shell pattern (*, ?, [a-z], [!a]) as a regular expression; * stops at nothing."""
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "[" and (end := text.find("]", at + 2)) > 0:
            inside = text[at + 1 : end].replace("\\", "\\\\")
            out.append("[" + ("^" + inside[1:] if inside[0] in "!^" else inside) + "]")
            at = end
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


# arithmetic

_NUMBERS = re.compile(r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|\$\w+|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!~&|^?:=,]=?)")
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "||": lambda a, b: int(bool(a or b)), "&&": lambda a, b: int(bool(a and b)), "|": lambda a, b: a | b, "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b, "==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b), "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b), "<=": lambda a, b: int(a <= b), ">=": lambda a, b: int(a >= b), "<<": lambda a, b: a << min(b, 63),
    ">>": lambda a, b: a >> min(b, 63), "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: int(a / b) if b else _by_zero(), "%": lambda a, b: a - b * int(a / b) if b else _by_zero(),
}  # fmt: skip


def _by_zero() -> int:
    raise ExpansionProblem("division by 0")


def arithmetic(shell: Surroundings, text: str) -> int:
    """The value of a shell's arithmetic expression. Raises ExpansionProblem."""
    tokens = _NUMBERS.findall(text)
    if re.sub(r"\s", "", "".join(tokens)) != re.sub(r"\s", "", text):
        raise ExpansionProblem(f"{text}: syntax error in expression")
    evaluation = _Evaluation(shell, tokens)
    value = evaluation.ternary() if tokens else 0
    if evaluation.tokens:
        raise ExpansionProblem(f"{text}: syntax error in expression")
    return value


@dataclass
class _Evaluation:
    shell: Surroundings
    tokens: list[str]

    def ternary(self) -> int:
        if len(self.tokens) > 1 and re.fullmatch(r"[A-Za-z_]\w*", self.tokens[0]) and self.tokens[1] in ("=", "+=", "-=", "*="):
            name, operator = self.tokens.pop(0), self.tokens.pop(0)
            value = self.ternary()
            if operator != "=":
                value = _OPERATIONS[operator[0]](self._value(name), value)
            self.shell.assign(name, str(value))
            return value
        condition = self.level(0)
        if self.tokens and self.tokens[0] == "?":
            self.tokens.pop(0)
            first = self.ternary()
            if not self.tokens or self.tokens.pop(0) != ":":
                raise ExpansionProblem("syntax error: `:' expected")
            second = self.ternary()
            return first if condition else second
        return condition

    def level(self, depth: int) -> int:
        if depth == len(_LEVELS):
            return self.single()
        value = self.level(depth + 1)
        while self.tokens and self.tokens[0] in _LEVELS[depth]:
            operator = self.tokens.pop(0)
            value = _OPERATIONS[operator](value, self.level(depth + 1))
        return value

    def single(self) -> int:
        if not self.tokens:
            raise ExpansionProblem("syntax error: operand expected")
        token = self.tokens.pop(0)
        if token in "+-!~":
            value = self.single()
            return {"+": value, "-": -value, "!": int(not value), "~": ~value}[token]
        if token == "(":
            value = self.ternary()
            if not self.tokens or self.tokens.pop(0) != ")":
                raise ExpansionProblem("syntax error: `)' expected")
            return value
        return self._value(token)

    def _value(self, token: str) -> int:
        if re.match(r"\d", token):
            return int(
                token, 16 if token[:2] in ("0x", "0X") else 8 if token.startswith("0") and token.isdigit() and len(token) > 1 else 10
            )
        if not re.match(r"[A-Za-z_]", token):
            raise ExpansionProblem(f'syntax error: operand expected (error token is "{token}")')
        text = (self.shell.get(token) or "").strip()
        try:
            return int(text or "0", 0) if not re.fullmatch(r"0\d+", text) else int(text, 8)
        except ValueError:
            raise ExpansionProblem(f"{text}: syntax error in expression") from None
