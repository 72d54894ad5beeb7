# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the role as their users give them: in YAML, with -e, or as answers to a survey. Pure. Private to the collection.

AWX hands over every question of a survey, answered or not, and marks each text with !unsafe. ansible-core up to 2.18 takes such a scalar
for text; from 2.19 on it is what plain YAML makes of it: null for no answer, 64 for 0100, True for yes
(https://github.com/ansible/awx/issues/16205). Text that was lost on that way cannot be guessed here, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


class AnswerError(ValueError):
    """A value that cannot be meant, or of which too little has come through. The sentence says which option, and what to write."""


@dataclass(frozen=True)
class Option:
    """How one option is read, and what it is when it was not given."""

    read: Callable[[str, Any], Any]
    default: Any = ""
    choices: Sequence[str] = ()


def text(name: str, value: Any) -> str:
    """A name as it was written. One pair of quotes around it is not part of it, so that a survey can be answered with '0100'."""
    if isinstance(value, str):
        said = str(value).strip()
        return said[1:-1] if len(said) > 2 and said[0] == said[-1] and said[0] in "'\"" else said
    kind = {bool: "truth value", int: "number", float: "number"}.get(type(value), type(value).__name__)
    raise AnswerError(
        f"{name} has come as the {kind} {value}. A name is wanted, and YAML has read it as something else, so that it cannot be told how it"
        f" was written (0100, for instance, comes as 64, and yes as True). Put it in quotes: '0100' in the survey, \"'0100'\" with -e."
    )


def secret(name: str, value: Any) -> str:
    """As `text`, with every character as it is and nothing of it in the rejection."""
    if isinstance(value, str):
        return str(value)
    raise AnswerError(f"{name} has come as a {type(value).__name__} and not as text, so that its characters are lost. Put it in quotes.")


def texts(name: str, value: Any) -> list[str]:
    """A list, or a text with commas, blanks or lines between."""
    if isinstance(value, str):
        return re.findall(r"[^,\s]+", text(name, value))
    if isinstance(value, Sequence):
        return [text(name, item) for item in value]
    return [text(name, value)]


def truth(name: str, value: Any) -> bool:
    """yes, no and their like."""
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    said = str(value).strip().lower()
    if said not in known:
        raise AnswerError(f"{name} is {value}; it can be true or false.")
    return known[said]


def number(name: str, value: Any) -> int:
    """A whole number."""
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError(value)
        return int(value)
    except (TypeError, ValueError) as error:
        raise AnswerError(f"{name} is {value}; it is a whole number.") from error


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A dictionary, or YAML or JSON that means one."""
    loaded = _loaded(name, value)
    if not isinstance(loaded, Mapping):
        raise AnswerError(f"{name} is {value}; it is a dictionary, as YAML or JSON, for instance {{lacp-time: fast}}.")
    return dict(loaded)


def fingerprints(name: str, value: Any) -> str:
    """Those of one pool or of several, with blanks between: xs_bond takes the one of its pool. A dictionary has them by pool."""
    found = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
    return " ".join(text(name, one) for one in found)


def items(name: str, value: Any) -> list[Any]:
    """A list of whatever, or YAML or JSON that means one."""
    loaded = _loaded(name, value)
    if isinstance(loaded, str) or not isinstance(loaded, Sequence):
        raise AnswerError(f"{name} is {value}; it is a list, as YAML or JSON, for instance [{{tag: 30, network: Backup}}].")
    return list(loaded)


def rollback(name: str, value: Any) -> str:
    """ "" for none, host or pool. true means the host that failed."""
    said = str(value).strip().lower()
    return said if said in ("host", "pool") else "host" if truth(name, value) else ""


def _loaded(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise AnswerError(f"{name} is not YAML: {' '.join(str(error).split())}") from error


OPTIONS: Mapping[str, Option] = {
    "hostname": Option(text),
    "username": Option(text),
    "password": Option(secret),
    "validate_certs": Option(truth),
    "ca_path": Option(text),
    "fingerprint": Option(text),
    "timeout": Option(number),
    "state": Option(text, "present", ("present", "absent", "verified")),
    "pool": Option(text),
    "network": Option(text),
    "network_uuid": Option(text),
    "nics": Option(texts, ()),
    "hosts": Option(texts, ()),
    "mode": Option(text, "active-backup", ("balance-slb", "active-backup", "lacp")),
    "properties": Option(mapping, {}),
    "mtu": Option(number),
    "purpose": Option(text),
    "disallow_unplug": Option(truth),
    "vlans": Option(items, ()),
    "addresses": Option(mapping, {}),
    "strategy": Option(text, "restart", ("restart", "direct")),
    "agent_method": Option(text, "service", ("service", "agent")),
    "on_drift": Option(text, "fail", ("fail", "repair")),
    "degraded": Option(text, "warn", ("warn", "fail")),
    "accept": Option(texts, ()),
    "wait_timeout": Option(number, 600),
    "confirm_timeout": Option(number, 0),
    "plan": Option(text, "", ("save",)),
    "plan_file": Option(text),
    "plan_fingerprint": Option(fingerprints),
    "report": Option(text),
    "dom0": Option(truth, True),
    "ping": Option(texts, ()),
    "ping_hosts": Option(truth, False),
    "lldp": Option(truth, False),
    "rollback": Option(rollback),
    "remove_network": Option(truth, True),
}


def answer(value: Any, option: str) -> Any:
    """What `value` means for an option of the role (named without its prefix storage_bond_). Null and "" mean that it is not set, and give
    its default. Raises AnswerError."""
    name, about = f"storage_bond_{option}", OPTIONS[option]
    if value is None or (isinstance(value, str) and not value.strip()):
        default = about.default
        return list(default) if isinstance(default, tuple) else dict(default) if isinstance(default, Mapping) else default
    read = about.read(name, value)
    if about.choices and read not in about.choices:
        others = f"{', '.join(about.choices[:-1])} or " if len(about.choices) > 1 else ""
        raise AnswerError(f"{name} is {read}; it can be {others}{about.choices[-1]}.")
    return read
