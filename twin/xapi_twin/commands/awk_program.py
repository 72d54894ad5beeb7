# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""awk's programs: text in, functions of the running state out. See ``awk`` for what is understood."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

from xapi_twin.commands.patterns import compiled
from xapi_twin.shell_builtins import unescaped

Value = str | float
Expression = Callable[["Run"], Value]
Statement = Callable[["Run"], None]
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>\"(?:[^\"\\]|\\.)*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<operator>\+\+|--|\+=|-=|\*=|/=|==|!=|<=|>=|!~|&&|\|\||[-+*/%<>=!~?:$(),;{}\[\]^])|(?P<comment>#[^\n]*))"
)


class BadProgram(Exception):
    pass


class Next(Exception):
    pass


class Exit(Exception):
    pass


@dataclass
class Run:
    out: Callable[[str], None]
    variables: dict[str, Value] = dataclasses.field(default_factory=lambda: {"FS": " ", "OFS": " ", "ORS": "\n", "NR": 0.0, "NF": 0.0})
    arrays: dict[str, dict[str, Value]] = dataclasses.field(default_factory=dict)
    line: str = ""
    fields: list[str] = dataclasses.field(default_factory=list)
    status: int = 0

    def read(self, line: str) -> None:
        self.line = line
        separator = _text(self.variables["FS"])
        if separator == " ":
            self.fields = line.split()
        else:
            expression = re.compile(re.escape(separator)) if len(separator) == 1 and separator != "\t" else compiled(separator, True)
            self.fields = expression.split(line) if line else []
        self.variables["NF"] = float(len(self.fields))

    def field(self, number: int) -> str:
        if number == 0:
            return self.line
        return self.fields[number - 1] if number <= len(self.fields) else ""

    def set_field(self, number: int, value: str) -> None:
        if number == 0:
            self.read(value)
            return
        self.fields += [""] * (number - len(self.fields))
        self.fields[number - 1] = value
        self.line = _text(self.variables["OFS"]).join(self.fields)
        self.variables["NF"] = float(len(self.fields))


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if value == int(value) else f"{value:.6g}"


def _number(value: Value) -> float:
    if isinstance(value, float):
        return value
    match = re.match(r"\s*[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", value)
    return float(match.group()) if match else 0.0


def is_true(value: Value) -> bool:
    return value != 0 if isinstance(value, float) else value != ""


def _compare(left: Value, operator: str, right: Value) -> bool:
    numeric = all(isinstance(value, float) or re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", value) for value in (left, right))
    a: Value = _number(left) if numeric else _text(left)
    b: Value = _number(right) if numeric else _text(right)
    return {"==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[operator]  # type: ignore[operator]


@dataclass
class Rule:
    """What is done (nothing: print the line) with the lines that a pattern chooses; `last` ends a range."""

    when: str  # BEGIN, END or line
    first: Expression | None
    last: Expression | None
    action: Statement
    inside: bool = False


class Program:
    """Reads a program. A regular expression can stand only where a value can, so tokens are read one by one."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.at = 0
        self.kind, self.token = "", ""
        self.advance()

    def advance(self) -> str:
        before = self.token
        while self.at < len(self.source) and self.source[self.at] in " \t\r\\":
            self.at += 1
        if self.at >= len(self.source):
            self.kind, self.token = "end", ""
            return before
        if self.source[self.at] == "\n":
            self.at += 1
            self.kind, self.token = "operator", ";"
            return before
        match = _TOKEN.match(self.source, self.at)
        if match is None:
            raise BadProgram(f"syntax error at {self.source[self.at :][:20]!r}")
        self.at = match.end()
        self.kind = str(match.lastgroup)
        self.token = match.group(self.kind)
        if self.kind == "comment":
            self.token = before
            return self.advance()
        return before

    def taken(self, *tokens: str) -> bool:
        if self.kind in ("operator", "name") and self.token in tokens:
            self.advance()
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.taken(token):
            raise BadProgram(f"syntax error: '{token}' expected before {self.token!r}")

    def rules(self) -> list[Rule]:
        found: list[Rule] = []
        while self.kind != "end":
            if self.taken(";"):
                continue
            when = self.token if self.kind == "name" and self.token in ("BEGIN", "END") else "line"
            first = last = None
            if when != "line":
                self.advance()
            elif self.token != "{":
                first = self.expression()
                if self.taken(","):
                    last = self.expression()
            found.append(Rule(when, first, last, self.block() if self.token == "{" else lambda run: run.out(run.line + "\n")))
        return found

    def block(self) -> Statement:
        if not self.taken("{"):
            while self.taken(";"):
                return lambda run: None
            return self.statement()
        statements: list[Statement] = []
        while not self.taken("}"):
            if self.kind == "end":
                raise BadProgram("syntax error: unexpected end, '}' expected")
            if not self.taken(";"):
                statements.append(self.statement())

        def all_of(run: Run) -> None:
            for statement in statements:
                statement(run)

        return all_of

    def statement(self) -> Statement:
        if self.token == "{" and self.kind == "operator":
            return self.block()
        if self.kind == "name" and self.token in ("print", "printf"):
            return self._print(self.advance())
        if self.taken("next"):
            return _raising(Next)
        if self.taken("exit"):
            code = self.expression() if self._begins_value() else None

            def leave(run: Run) -> None:
                run.status = int(_number(code(run))) if code else run.status
                raise Exit

            return leave
        if self.taken("if"):
            return self._if()
        expression = self.expression()

        def evaluate(run: Run) -> None:
            expression(run)

        return evaluate

    def _if(self) -> Statement:
        self.expect("(")
        condition = self.expression()
        self.expect(")")
        body = self.block()
        otherwise: Statement = lambda run: None  # noqa: E731
        mark = self.at, self.kind, self.token
        while self.taken(";"):
            pass
        if self.taken("else"):
            otherwise = self.block()
        else:
            self.at, self.kind, self.token = mark
        return lambda run: body(run) if is_true(condition(run)) else otherwise(run)

    def _print(self, kind: str) -> Statement:
        values: list[Expression] = []
        while self._begins_value():
            values.append(self.expression(comparing=False))
            if not self.taken(","):
                break

        def plain(run: Run) -> None:
            parts = [_text(value(run)) for value in values] or [run.line]
            run.out(_text(run.variables["OFS"]).join(parts) + _text(run.variables["ORS"]))

        def formatted(run: Run) -> None:
            rest = [value(run) for value in values]
            run.out(_sprintf(rest))

        return formatted if kind == "printf" else plain

    def _begins_value(self) -> bool:
        return self.kind in ("number", "text", "name") or (
            self.kind == "operator" and self.token in ("$", "(", "!", "-", "+", "/", "++", "--")
        )

    # expressions, loosest first

    def expression(self, comparing: bool = True) -> Expression:
        condition = self._or(comparing)
        if self.taken("?"):
            first = self.expression(comparing)
            self.expect(":")
            second = self.expression(comparing)
            return lambda run: first(run) if is_true(condition(run)) else second(run)
        return condition

    def _or(self, comparing: bool) -> Expression:
        left = self._and(comparing)
        while self.taken("||"):
            left = _either(left, self._and(comparing))
        return left

    def _and(self, comparing: bool) -> Expression:
        left = self._match(comparing)
        while self.taken("&&"):
            left = _both(left, self._match(comparing))
        return left

    def _match(self, comparing: bool) -> Expression:
        left = self._comparison(comparing)
        while self.kind == "operator" and self.token in ("~", "!~"):
            negated = self.advance() == "!~"
            pattern = self._pattern_or_value()
            left = _matched(left, pattern, negated)
        return left

    def _pattern_or_value(self) -> Expression:
        if self.kind == "operator" and self.token == "/":
            source = self._regular()
            return lambda run: source
        return self._comparison(False)

    def _comparison(self, comparing: bool) -> Expression:
        left = self._concatenation(comparing)
        allowed = ("<", "<=", "==", "!=", ">=", ">") if comparing else ("<", "<=", "==", "!=", ">=")
        if self.kind == "operator" and self.token in allowed:
            operator = self.advance()
            right = self._concatenation(comparing)
            return lambda run: float(_compare(left(run), operator, right(run)))
        return left

    def _concatenation(self, comparing: bool) -> Expression:
        left = self._sum()
        while (
            self.kind in ("number", "text", "name")
            and self.token != "in"
            or (self.kind == "operator" and self.token in ("$", "(", "!", "-"))
        ):
            if self.kind == "operator" and self.token in ("!", "-"):
                break
            left = _joined(left, self._sum())
        if self.taken("in"):
            name = self.advance()
            return _contained(left, name)
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while self.kind == "operator" and self.token in ("+", "-"):
            left = _calculated(left, self.advance(), self._product())
        return left

    def _product(self) -> Expression:
        left = self._unary()
        while self.kind == "operator" and self.token in ("*", "/", "%", "^"):
            left = _calculated(left, self.advance(), self._unary())
        return left

    def _unary(self) -> Expression:
        if self.kind == "operator" and self.token == "/":
            source = compiled(self._regular(), True)
            return lambda run: float(source.search(run.line) is not None)
        if self.taken("!"):
            value = self._unary()
            return lambda run: float(not is_true(value(run)))
        if self.taken("-"):
            value = self._unary()
            return lambda run: -_number(value(run))
        if self.taken("+"):
            return self._unary()
        return self._primary()

    def _regular(self) -> str:
        """The regular expression whose opening / is the current token."""
        end = self.at
        while end < len(self.source) and self.source[end] != "/":
            end += 2 if self.source[end] == "\\" else 1
        if end >= len(self.source):
            raise BadProgram("unterminated regexp")
        source, self.at = self.source[self.at : end].replace("\\/", "/"), end + 1
        self.advance()
        return source

    def _primary(self) -> Expression:
        if self.kind == "number":
            number = float(self.advance())
            return lambda run: number
        if self.kind == "text":
            text = unescaped(self.advance()[1:-1])
            return lambda run: text
        if self.taken("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.taken("$"):
            place = self._unary() if self.token in ("-", "+") else self._primary()
            return self._assignable(lambda run: run.field(int(_number(place(run)))),
                                    lambda run, value: run.set_field(int(_number(place(run))), _text(value)))  # fmt: skip
        if self.kind == "name":
            return self._named(self.advance())
        raise BadProgram(f"syntax error near {self.token!r}")

    def _named(self, name: str) -> Expression:
        if self.taken("("):
            values: list[Expression] = []
            while not self.taken(")"):
                values.append(self._argument())
                self.taken(",")
            return _function(name, values)
        if name == "length":
            return lambda run: float(len(run.line))
        if self.taken("["):
            key = self.expression()
            self.expect("]")
            return self._assignable(
                lambda run: run.arrays.get(name, {}).get(_text(key(run)), ""),
                lambda run, value: run.arrays.setdefault(name, {}).update({_text(key(run)): value}),
            )
        return self._assignable(lambda run: run.variables.get(name, ""), lambda run, value: run.variables.update({name: value}))

    def _argument(self) -> Expression:
        if self.kind == "operator" and self.token == "/":
            source = self._regular()
            return lambda run: source
        if self.kind == "name" and re.match(r"\s*[,)]", self.source[self.at :]) and self.token not in ("NF", "NR"):
            name = self.advance()
            return _Named(name)
        return self.expression()

    def _assignable(self, get: Expression, put: Callable[[Run, Value], None]) -> Expression:
        if self.kind != "operator":
            return get
        if self.taken("="):
            value = self.expression()

            def assign(run: Run) -> Value:
                result = value(run)
                put(run, result)
                return result

            return assign
        if self.token in ("+=", "-=", "*=", "/=", "++", "--"):
            operator = self.advance()
            amount = (lambda run: 1.0) if operator in ("++", "--") else self.expression()

            def change(run: Run) -> Value:
                before = _number(get(run))
                put(run, _calculated(lambda run: before, operator[0], amount)(run))
                return before if operator in ("++", "--") else get(run)

            return change
        return get


class _Named:
    """A bare name as an argument: split() wants the array of that name, all others its value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, run: Run) -> Value:
        return run.variables.get(self.name, "")


def _raising(error: type[Exception]) -> Statement:
    def statement(run: Run) -> None:
        raise error

    return statement


def _either(left: Expression, right: Expression) -> Expression:
    return lambda run: float(is_true(left(run)) or is_true(right(run)))


def _both(left: Expression, right: Expression) -> Expression:
    return lambda run: float(is_true(left(run)) and is_true(right(run)))


def _matched(left: Expression, pattern: Expression, negated: bool) -> Expression:
    return lambda run: float((compiled(_text(pattern(run)), True).search(_text(left(run))) is not None) != negated)


def _joined(left: Expression, right: Expression) -> Expression:
    return lambda run: _text(left(run)) + _text(right(run))


def _contained(left: Expression, name: str) -> Expression:
    return lambda run: float(_text(left(run)) in run.arrays.get(name, {}))


def _calculated(left: Expression, operator: str, right: Expression) -> Expression:
    def calculate(run: Run) -> Value:
        a, b = _number(left(run)), _number(right(run))
        if operator in "/%" and not b:
            raise BadProgram("division by zero")
        if operator == "^":
            return float(a**b)
        return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0.0, "%": a % b if b else 0.0}[operator]

    return calculate


def _sprintf(values: list[Value]) -> str:
    if not values:
        return ""
    rest = values[1:]

    def one(match: re.Match[str]) -> str:
        if match.group(2) == "%":
            return "%"
        value: Value = rest.pop(0) if rest else ""
        if match.group(2) in "di":
            return f"%{match.group(1)}d" % int(_number(value))
        if match.group(2) in "sc":
            return f"%{match.group(1)}s" % _text(value)
        return f"%{match.group(1)}{match.group(2)}" % (int(_number(value)) if match.group(2) in "xXo" else _number(value))

    return re.sub(r"%([-+ 0#]*\d*(?:\.\d+)?)([a-zA-Z%])", one, _text(values[0]))


def _function(name: str, values: list[Expression]) -> Expression:
    def call(run: Run) -> Value:
        given = [value(run) for value in values]
        texts_given = [_text(value) for value in given]
        if name == "length":
            return float(len(texts_given[0] if given else run.line))
        if name in ("tolower", "toupper"):
            return texts_given[0].lower() if name == "tolower" else texts_given[0].upper()
        if name == "substr":
            start = max(int(_number(given[1])), 1) - 1
            return texts_given[0][start : start + int(_number(given[2])) if len(given) > 2 else None]
        if name == "index":
            return float(texts_given[0].find(texts_given[1]) + 1)
        if name == "int":
            return float(int(_number(given[0])))
        if name == "sprintf":
            return _sprintf(given)
        if name == "match":
            found = compiled(texts_given[1], True).search(texts_given[0])
            return float(found.start() + 1) if found else 0.0
        if name == "split":
            separator = texts_given[2] if len(given) > 2 else _text(run.variables["FS"])
            parts = (
                texts_given[0].split() if separator == " " else compiled(separator, True).split(texts_given[0]) if texts_given[0] else []
            )
            if isinstance(values[1], _Named):
                run.arrays[values[1].name] = {str(number): part for number, part in enumerate(parts, 1)}
            return float(len(parts))
        if name in ("sub", "gsub"):
            replacement = re.sub(r"\\&|&", lambda part: "&" if part.group() == "\\&" else r"\\g<0>", texts_given[1].replace("\\", "\\\\"))
            replacement = replacement.replace(r"\\g<0>", r"\g<0>").replace(r"\\\\", r"\\")
            target = values[2] if len(values) > 2 else None
            source = texts_given[2] if target else run.line
            result, count = compiled(texts_given[0], True).subn(replacement, source, count=0 if name == "gsub" else 1)
            if target is None:
                run.set_field(0, result)
            elif isinstance(target, _Named):
                run.variables[target.name] = result
            return float(count)
        raise BadProgram(f"function `{name}' not defined")

    return call
