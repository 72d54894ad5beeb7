# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of the POSIX shell, as far as dom0's users write it: text in, a tree of plain values out.

Nothing here runs anything. The twin interprets commands itself (``shell``) because it runs on its user's machine: a real
/bin/sh could be told to restart the user's own services by an absolute path.
Also understood of bash: ``&>``, ``<<<``, ``function name``, ``==`` in tests, ``$'…'``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from xapi_twin.shell_tree import (
    AndOr,
    Arithmetic,
    Case,
    Command,
    For,
    Function,
    Group,
    HereDocument,
    If,
    Parameter,
    Part,
    Pipeline,
    Redirect,
    Redirected,
    Script,
    Simple,
    Substitution,
    Text,
    While,
    Word,
)


class SyntaxProblem(Exception):
    """The text is no shell command; the sentence is the shell's."""


class Incomplete(SyntaxProblem):
    """The text ends too early: an interactive shell asks for more."""


@dataclass
class _Token:
    kind: str  # word, operator, newline, end
    text: str  # the operator, or the word as it is written
    word: Word = ()
    plain: bool = False  # an unquoted word without expansions: it may be a reserved word
    number: int | None = None  # the descriptor in front of a redirection


_OPERATORS = ("&>>", "<<<", "<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "&", "|", ";", "<", ">", "(", ")")
_REDIRECTS = ("<", ">", ">>", ">|", "<>", "<&", ">&", "<<", "<<-", "<<<", "&>", "&>>")
_RESERVED = ("if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "in", "case", "esac", "{", "}", "!", "function")
_ENDS = ("then", "elif", "else", "fi", "do", "done", "esac", "}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_SPECIALS = "@*#?-$!0123456789"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "\\": "\\", "'": "'", '"': '"'}


def parse(text: str) -> Script:
    """The script of a text. Raises SyntaxProblem, or Incomplete when more text could complete it."""
    parser = _Parser(text)
    script = parser.script(())
    if parser.token.kind != "end":
        raise SyntaxProblem(f"syntax error near unexpected token `{parser.token.text}'")
    return script


def here_document_parts(text: str) -> Word:
    """A text in which $ and ` mean something and quotes do not."""
    return _Parser(text, scan=False).quoted_until("")


class _Parser:
    def __init__(self, text: str, position: int = 0, scan: bool = True) -> None:
        self.text = text
        self.position = position
        self.waiting: list[HereDocument] = []
        self.token = _Token("end", "")
        self.start = position  # of the current token
        if scan:
            self.advance()

    # tokens

    def advance(self) -> None:
        self.token = self._scan()

    def _scan(self) -> _Token:
        text = self.text
        while self.position < len(text):
            if text.startswith("\\\n", self.position):
                self.position += 2
            elif text[self.position] in " \t":
                self.position += 1
            elif text[self.position] == "#":
                end = text.find("\n", self.position)
                self.position = len(text) if end < 0 else end
            else:
                break
        self.start = self.position
        if self.position >= len(text):
            return _Token("end", "newline")
        if text[self.position] == "\n":
            self.position += 1
            self._read_here_documents()
            return _Token("newline", "newline")
        number = re.compile(r"\d+(?=[<>])").match(text, self.position)
        at = number.end() if number else self.position
        for operator in _OPERATORS:
            if text.startswith(operator, at):
                self.position = at + len(operator)
                return _Token("operator", operator, number=int(number.group()) if number else None)
        word = self._word()
        written = text[self.start : self.position]
        plain = len(word) == 1 and isinstance(word[0], Text) and not word[0].quoted
        return _Token("word", written, word, plain)

    def _read_here_documents(self) -> None:
        for document in self.waiting:
            lines: list[str] = []
            while True:
                if self.position >= len(self.text):
                    raise Incomplete(f"here-document delimited by end-of-file (wanted `{document.delimiter}')")
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                line = self.text[self.position : end]
                self.position = min(end + 1, len(self.text))
                line = line.lstrip("\t") if document.strip else line
                if line == document.delimiter:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            document.parts = here_document_parts(body) if document.expand else (Text(body, True),)
        self.waiting.clear()

    # words

    def _word(self) -> Word:
        parts: list[Part] = []
        text = self.text
        while self.position < len(text):
            char = text[self.position]
            if char in " \t\n;&|<>()":
                break
            if char == "'":
                end = text.find("'", self.position + 1)
                if end < 0:
                    raise Incomplete("unexpected EOF while looking for matching `''")
                parts.append(Text(text[self.position + 1 : end], True))
                self.position = end + 1
            elif char == '"':
                self.position += 1
                inner = self.quoted_until('"')
                parts.extend(inner or (Text("", True),))
                self.position += 1
            elif char == "\\":
                self.position += 2
                if self.position > len(text):
                    raise Incomplete("unexpected end after `\\'")
                if text[self.position - 1] != "\n":
                    parts.append(Text(text[self.position - 1], True))
            elif text.startswith("$'", self.position):
                parts.append(Text(self._ansi_quoted(), True))
            elif char in "$`":
                parts.append(self._expansion(quoted=False))
            else:
                start = self.position
                while self.position < len(text) and text[self.position] not in " \t\n;&|<>()'\"\\$`":
                    self.position += 1
                parts.append(Text(text[start : self.position]))
        return tuple(parts)

    def _ansi_quoted(self) -> str:
        self.position += 2
        out: list[str] = []
        while self.position < len(self.text):
            char = self.text[self.position]
            self.position += 1
            if char == "'":
                return "".join(out)
            if char == "\\" and self.position < len(self.text):
                out.append(_ESCAPES.get(self.text[self.position], "\\" + self.text[self.position]))
                self.position += 1
            else:
                out.append(char)
        raise Incomplete("unexpected EOF while looking for matching `''")

    def quoted_until(self, end: str) -> Word:
        """Parts up to an unescaped `end` (not consumed), or to the end of the text when `end` is empty."""
        parts: list[Part] = []
        literal: list[str] = []

        def flush() -> None:
            if literal:
                parts.append(Text("".join(literal), True))
                literal.clear()

        while True:
            if self.position >= len(self.text):
                if end:
                    raise Incomplete(f"unexpected EOF while looking for matching `{end}'")
                break
            char = self.text[self.position]
            if end and char == end:
                break
            if char == "\\" and self.position + 1 < len(self.text):
                following = self.text[self.position + 1]
                self.position += 2
                if following == "\n":
                    continue
                literal.append(following if following in "$`\\" or (following == '"' and end) or following == end else "\\" + following)
            elif char in "$`":
                flush()
                parts.append(self._expansion(quoted=True))
            else:
                literal.append(char)
                self.position += 1
        flush()
        return tuple(parts)

    def _expansion(self, quoted: bool) -> Part:
        text, at = self.text, self.position
        if text[at] == "`":
            return Substitution(parse(self._backquoted(quoted)), quoted)
        if text.startswith("$((", at) and (end := self._arithmetic_end(at + 3)) >= 0:
            inner = _Parser(text[at + 3 : end], scan=False).quoted_until("")
            self.position = end + 2
            return Arithmetic(inner, quoted)
        if text.startswith("$(", at):
            inner_parser = _Parser(text, at + 2)
            script = inner_parser.script((")",))
            if inner_parser.token.text != ")":
                raise Incomplete("unexpected EOF while looking for matching `)'")
            self.position = inner_parser.position
            return Substitution(script, quoted)
        if text.startswith("${", at):
            return self._braced(quoted)
        name = _NAME.match(text, at + 1)
        if name:
            self.position = name.end()
            return Parameter(name.group(), quoted=quoted)
        if at + 1 < len(text) and text[at + 1] in _SPECIALS:
            self.position = at + 2
            return Parameter(text[at + 1], quoted=quoted)
        self.position += 1
        return Text("$", quoted)

    def _arithmetic_end(self, at: int) -> int:
        """Where the )) of $(( stands, -1 when this is a $( ( … ) ) instead."""
        depth = 0
        while at < len(self.text):
            char = self.text[at]
            if char == "(":
                depth += 1
            elif char == ")":
                if depth == 0:
                    return at if self.text.startswith("))", at) else -1
                depth -= 1
            at += 1
        return -1

    def _backquoted(self, quoted: bool) -> str:
        out: list[str] = []
        at = self.position + 1
        while at < len(self.text):
            char = self.text[at]
            if char == "`":
                self.position = at + 1
                return "".join(out)
            if char == "\\" and at + 1 < len(self.text) and self.text[at + 1] in ('`\\$"' if quoted else "`\\$"):
                out.append(self.text[at + 1])
                at += 2
            else:
                out.append(char)
                at += 1
        raise Incomplete("unexpected EOF while looking for matching ``'")

    def _braced(self, quoted: bool) -> Part:
        at = self.position + 2
        text = self.text
        length = text.startswith("#", at) and not text.startswith("#}", at) and not text.startswith("#:", at)
        at += length
        match = _NAME.match(text, at) or re.compile(r"\d+|[@*#?$!-]").match(text, at)
        if match is None:
            raise (Incomplete if at >= len(text) else SyntaxProblem)("bad substitution")
        name, self.position = match.group(), match.end()
        if length:
            self._expect_brace()
            return Parameter(name, "length", quoted=quoted)
        operator = re.compile(r":[-=?+]|##?|%%?|[-=?+]|//?|:").match(text, self.position)
        if operator is None:
            self._expect_brace()
            return Parameter(name, quoted=quoted)
        self.position = operator.end()
        argument = self._until_brace(quoted)
        self._expect_brace()
        return Parameter(name, operator.group(), argument, quoted)

    def _until_brace(self, quoted: bool) -> Word:
        parts: list[Part] = []
        while self.position < len(self.text) and self.text[self.position] != "}":
            char = self.text[self.position]
            if char == "'" and not quoted:
                end = self.text.find("'", self.position + 1)
                if end < 0:
                    raise Incomplete("unexpected EOF while looking for matching `''")
                parts.append(Text(self.text[self.position + 1 : end], True))
                self.position = end + 1
            elif char == '"':
                self.position += 1
                parts.extend(self.quoted_until('"') or (Text("", True),))
                self.position += 1
            elif char == "\\" and self.position + 1 < len(self.text):
                parts.append(Text(self.text[self.position + 1], True))
                self.position += 2
            elif char in "$`":
                parts.append(self._expansion(quoted))
            else:
                parts.append(Text(char))
                self.position += 1
        return tuple(parts)

    def _expect_brace(self) -> None:
        if self.position >= len(self.text):
            raise Incomplete("unexpected EOF while looking for matching `}'")
        if self.text[self.position] != "}":
            raise SyntaxProblem("bad substitution")
        self.position += 1

    # grammar

    def script(self, ends: tuple[str, ...]) -> Script:
        """Lists up to one of `ends` (a reserved word or operator, not consumed) or the end of the text."""
        lists: list[AndOr] = []
        while True:
            while self.token.kind == "newline" or (self.token.kind == "operator" and self.token.text == ";" and lists):
                self.advance()
            if self._at_end(ends):
                return Script(tuple(lists))
            entry = self._and_or()
            if self._is_operator("&"):
                self.advance()
                entry = AndOr(entry.first, entry.rest, True)
            elif self._is_operator(";"):
                self.advance()
            elif not self._at_end(ends) and self.token.kind != "newline":
                self._unexpected()
            lists.append(entry)

    def _at_end(self, ends: tuple[str, ...]) -> bool:
        if self.token.kind == "end":
            if self.waiting:
                self._read_here_documents()
            return True
        if self.token.kind == "operator":
            return self.token.text in ends or self.token.text == ")"
        return self.token.plain and self.token.text in ends

    def _and_or(self) -> AndOr:
        first = self._pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while self._is_operator("&&", "||"):
            operator = self.token.text
            self.advance()
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest))

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._is_word("!"):
            negated = not negated
            self.advance()
        commands = [self._command()]
        while self._is_operator("|"):
            self.advance()
            self._newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:
        if self.token.kind == "end":
            raise Incomplete("unexpected end of file")
        compound = self._compound()
        if compound is None:
            return self._simple()
        redirects: list[Redirect] = []
        while self._is_operator(*_REDIRECTS):
            redirects.append(self._redirect())
        return Redirected(compound, tuple(redirects)) if redirects else compound

    def _compound(self) -> Command | None:
        if self._is_operator("("):
            self.advance()
            body = self.script((")",))
            self._expect(")")
            return Group(body, subshell=True)
        if not self.token.plain:
            return None
        makers = {"{": self._group, "if": self._if, "while": self._while, "until": self._while, "for": self._for,
                  "case": self._case, "function": self._function}  # fmt: skip
        maker = makers.get(self.token.text)
        if maker is not None:
            return maker()
        if self.token.text in _ENDS:
            self._unexpected()
        return None

    def _group(self) -> Command:
        self.advance()
        body = self.script(("}",))
        self._expect("}")
        return Group(body)

    def _if(self) -> Command:
        branches: list[tuple[Script, Script]] = []
        otherwise: Script | None = None
        while True:
            self.advance()
            condition = self.script(("then",))
            self._expect("then")
            body = self.script(("elif", "else", "fi"))
            branches.append((condition, body))
            if self._is_word("elif"):
                continue
            if self._is_word("else"):
                self.advance()
                otherwise = self.script(("fi",))
            self._expect("fi")
            return If(tuple(branches), otherwise)

    def _while(self) -> Command:
        until = self.token.text == "until"
        self.advance()
        condition = self.script(("do",))
        return While(condition, self._do_group(), until)

    def _for(self) -> Command:
        self.advance()
        name = self.token.text
        if not _NAME.fullmatch(name):
            self._unexpected()
        self.advance()
        self._newlines()
        words: list[Word] | None = None
        if self._is_word("in"):
            self.advance()
            words = []
            while self.token.kind == "word":
                words.append(self.token.word)
                self.advance()
        if self._is_operator(";"):
            self.advance()
        self._newlines()
        return For(name, None if words is None else tuple(words), self._do_group())

    def _do_group(self) -> Script:
        self._expect("do")
        body = self.script(("done",))
        self._expect("done")
        return body

    def _case(self) -> Command:
        self.advance()
        word = self.token.word
        self.advance()
        self._newlines()
        self._expect("in")
        self._newlines()
        clauses: list[tuple[tuple[Word, ...], Script]] = []
        while not self._is_word("esac"):
            if self._is_operator("("):
                self.advance()
            patterns = [self._expect_word()]
            while self._is_operator("|"):
                self.advance()
                patterns.append(self._expect_word())
            self._expect(")")
            body = self.script((";;", "esac"))
            clauses.append((tuple(patterns), body))
            if self._is_operator(";;"):
                self.advance()
            self._newlines()
        self._expect("esac")
        return Case(word, tuple(clauses))

    def _function(self) -> Command:
        self.advance()
        name = self.token.text
        self.advance()
        if self._is_operator("("):
            self.advance()
            self._expect(")")
        self._newlines()
        return Function(name, self._command())

    def _simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            if self._is_operator(*_REDIRECTS):
                redirects.append(self._redirect())
            elif self.token.kind == "word":
                token = self.token
                self.advance()
                if not words and (assignment := _assignment(token.word)):
                    assignments.append(assignment)
                    continue
                if not words and not assignments and token.plain and self._is_operator("(") and _NAME.fullmatch(token.text):
                    self.advance()
                    self._expect(")")
                    self._newlines()
                    return Function(token.text, self._command())
                words.append(token.word)
            else:
                break
        if not words and not assignments and not redirects:
            self._unexpected()
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def _redirect(self) -> Redirect:
        operator, number = self.token.text, self.token.number
        self.advance()
        if self.token.kind != "word":
            self._unexpected()
        target, written = self.token.word, self.token.text
        if operator not in ("<<", "<<-"):
            self.advance()
            return Redirect(number, operator, target)
        plain = "".join(part.value for part in target if isinstance(part, Text))
        document = HereDocument(plain, strip=operator == "<<-", expand=not re.search(r"[\\'\"]", written))
        self.waiting.append(document)
        self.advance()
        return Redirect(number, "<<", document)

    def _is_operator(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def _is_word(self, word: str) -> bool:
        return self.token.plain and self.token.text == word

    def _newlines(self) -> None:
        while self.token.kind == "newline":
            self.advance()

    def _expect(self, text: str) -> None:
        if self.token.text == text and (self.token.kind == "operator" or self.token.plain):
            self.advance()
            return
        self._unexpected()

    def _expect_word(self) -> Word:
        if self.token.kind != "word":
            self._unexpected()
        word = self.token.word
        self.advance()
        return word

    def _unexpected(self) -> None:
        if self.token.kind == "end":
            raise Incomplete("unexpected end of file")
        raise SyntaxProblem(f"syntax error near unexpected token `{self.token.text}'")


def _assignment(word: Word) -> tuple[str, Word] | None:
    if not word or not isinstance(word[0], Text) or word[0].quoted:
        return None
    match = _ASSIGNMENT.match(word[0].value)
    if match is None:
        return None
    rest = word[0].value[match.end() :]
    return match.group(1), ((Text(rest), *word[1:]) if rest else word[1:])
