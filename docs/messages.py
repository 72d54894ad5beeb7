# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message that the collection can say, read from its sources, as a page on which one is found by its exact words.

What a message fills in (a host, a NIC, what the server said) is an ellipsis here. docs/build.py puts the page into the site.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent
GAP = "…"
# What makes a message of a text: failures, problems and risks of a plan, findings of a comparison, warnings.
FAILURES = (
    "NetworkError", "ConnectionLost", "Unreachable", "PoolRecordsError", "SpecError", "AnswerError", "ValueError", "UnreadableError",
    "AnsibleParserError", "AnsibleError", "AnsibleActionFail",
)  # fmt: skip
PROBLEMS = ("add", "problem", "judged", "Problem")
FINDINGS = ("finding", "dom0_finding", "Finding")
WARNINGS = ("warn", "notice")
KINDS = {**dict.fromkeys(FAILURES, "error"), **dict.fromkeys(PROBLEMS, "problem"), **dict.fromkeys(FINDINGS, "finding"),
         **dict.fromkeys(WARNINGS, "warning")}  # fmt: skip
CODE = r"[a-z][a-z0-9_]+"
# XAPI's own codes and their sentences
SENTENCES = ("_xapi/errors.py", "SENTENCES")
RECOVER = "ansible_collections.xapi.network.docsite.guide_recover"


@dataclass(frozen=True)
class Message:
    """`text` with gaps; `code` is that of a problem or finding, or XAPI's; `remedy` what the message says to do, where that is apart."""

    text: str
    kind: str
    code: str = ""
    remedy: str = ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """What the message may look like with its gaps filled. Blanks and line ends are the same."""
        parts = (r"\s+".join(map(re.escape, part.split(" "))) for part in self.text.split(GAP))
        return re.compile(r"[\s\S]*?".join(parts))

    @property
    def solid(self) -> int:
        """How much of it is its own."""
        return len(self.text.replace(GAP, ""))


Texts = Mapping[str, Sequence[tuple[int, ast.expr]]]  # of a function: what its variables were set to, each with the line


def set_in(function: ast.AST) -> Texts:
    """What the variables of a function are set to, in the order of its lines."""
    found: dict[str, list[tuple[int, ast.expr]]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append((node.lineno, node.value))
    return {name: sorted(values, key=lambda value: value[0]) for name, values in found.items()}


def text_of(node: ast.expr, variables: Texts = MappingProxyType({})) -> str | None:
    """A text in the sources with its gaps; None when it is made elsewhere. A variable has what it was set to last above."""
    if isinstance(node, ast.Name):
        above = [value for line, value in variables.get(node.id, ()) if line < node.lineno]
        return text_of(above[-1]) if above else None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or GAP for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return None if left is None and right is None else (left or GAP) + (right or GAP)
    return None


def is_sentence(text: str) -> bool:
    return " " in text.strip(GAP + " ") and len(re.sub(r"[^A-Za-z]", "", text)) > 8


def put_together(node: ast.AST) -> Iterator[Message]:
    """Whole sentences that a function returns, or adds to a list, for someone else to fail with."""
    values: list[ast.expr] = []
    if isinstance(node, ast.Return) and node.value is not None:
        values = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "__init__"):
        values = list(node.args)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FAILURES:
        values = [argument for argument in node.args if isinstance(argument, ast.IfExp)]
    while values:
        value = values.pop()
        if isinstance(value, ast.IfExp):
            values += [value.body, value.orelse]
        elif (text := text_of(value)) and is_sentence(text) and re.search(rf"[.?](?: ?{GAP})*$", text.strip()):
            yield Message(re.sub(rf"{GAP}+", GAP, text.strip()), "error")


def said_by(node: ast.Call | ast.Tuple, variables: Texts = MappingProxyType({})) -> Message | None:
    """The message of a call that makes one, or of a tuple of a code and a sentence, of which one is made."""
    if isinstance(node, ast.Tuple):
        name, parts = "Problem", node.elts
        if not (parts and re.fullmatch(CODE, text_of(parts[0]) or "")):
            return None
    else:
        function, parts = node.func, node.args
        name = function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    if name not in KINDS:
        return None
    texts = [text for part in parts if (text := text_of(part, variables)) is not None]
    sentences = [re.sub(rf"{GAP}+", GAP, text.strip()) for text in texts if is_sentence(text)]
    if not sentences:
        return None
    code = next((text for text in texts if re.fullmatch(CODE, text)), "") if name in PROBLEMS + FINDINGS else ""
    return Message(sentences[0], KINDS[name], code, sentences[1] if name in PROBLEMS and len(sentences) > 1 else "")


def of_xapi(tree: ast.Module) -> Iterator[Message]:
    """XAPI's errors as the collection tells them."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == SENTENCES[1]:
            assert isinstance(node.value, ast.Dict)
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                text = text_of(value)
                if isinstance(key, ast.Constant) and text:
                    yield Message(re.sub(r"\{\d\}", GAP, text), "XAPI", str(key.value))


def collect(folder: Path = ROOT / "plugins") -> list[Message]:
    """Every message, each once, the longest of their own first."""
    found: dict[str, Message] = {}
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said: list[Message | None] = []
        for part in tree.body:
            nodes, variables = list(ast.walk(part)), set_in(part)
            said += [said_by(node, variables) for node in nodes if isinstance(node, (ast.Call, ast.Tuple))]
            said += [message for node in nodes for message in put_together(node)]
        if path.as_posix().endswith(SENTENCES[0]):
            said += of_xapi(tree)
        for message in said:
            if message is not None:
                found.setdefault(message.text, message)
    return sorted(found.values(), key=lambda message: (-message.solid, message.text))


def find(messages: Sequence[Message], said: str) -> list[Message]:
    """Those that a text from a run may be, the likeliest first."""
    return [message for message in messages if message.pattern.search(said)]


def escaped(text: str) -> str:
    """Text as reStructuredText that shows exactly it."""
    return re.sub(r"([\\*_|`<>])", r"\\\1", text)


def page(messages: Sequence[Message]) -> str:
    lines = [
        "Find a message",
        "==============",
        "",
        f"Each of the {len(messages)} messages of the collection. Paste what a run has said, or a part of it.",
        f"{GAP} stands for what a message fills in: a host, a NIC, what was found.",
        "",
        ".. raw:: html",
        "",
        '   <input id="find-message" type="search" aria-label="The message" placeholder="Paste the message here" autocomplete="off">',
        '   <p id="found-messages" role="status"></p>',
        "",
        f"What to do, by symptom, is in :ref:`{RECOVER}`.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 62 30 8",
        "   :class: messages",
        "",
        "   * - Message",
        "     - What to do",
        "     - Code",
    ]
    for message in sorted(messages, key=lambda message: message.text.lstrip(GAP + " .:,;").lower()):
        what = escaped(message.remedy) or f":ref:`{RECOVER}`" if message.kind != "warning" else "The run goes on."
        lines += [f"   * - {escaped(message.text)}", f"     - {what}", f"     - {f'``{message.code}``' if message.code else chr(92)}"]
    lines += ["", ".. raw:: html", "", "   <script>"]
    lines += [f"   {line}".rstrip() for line in (ROOT / "docs/site/messages.js").read_text(encoding="utf-8").splitlines()]
    return "\n".join([*lines, "   </script>", ""])
