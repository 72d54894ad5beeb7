# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Saved plans on disk: written whole or not at all, never over anything else, read with a limit, and compared."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible_collections.xapi.network.plugins.module_utils._bond.duration import estimate
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import Plan
from ansible_collections.xapi.network.plugins.module_utils._bond.saved_plan import (
    SavedPlan,
    differences,
    fingerprint_differences,
    read_file,
    save,
    subject_of,
    to_text,
)
from ansible_collections.xapi.network.plugins.module_utils._bond.spec import BondSpec
from ansible_collections.xapi.network.plugins.module_utils._pool.model import Pool
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError

# A plan of 64 hosts with 12 NICs is below one megabyte.
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ApprovedPlan:
    """What a task was given to keep to: a saved plan, or a fingerprint alone."""

    saved: SavedPlan | None
    fingerprint: str

    def differences(self, pool: Pool, spec: BondSpec, plan: Plan) -> list[str]:
        """Raises NetworkError for a text that is no fingerprint."""
        if self.saved is not None:
            return differences(self.saved, pool, spec, plan)
        return fingerprint_differences(self.fingerprint, pool, spec, plan)


def approved_plan(options: Mapping[str, Any]) -> ApprovedPlan | None:
    """What the options name; None when they name nothing. Raises NetworkError for a file that cannot be read or is no plan."""
    if options.get("plan_fingerprint"):
        return ApprovedPlan(None, options["plan_fingerprint"])
    if not options.get("saved_plan"):
        return None
    where = Path(options["saved_plan"])
    return ApprovedPlan(read_file(_text_of(where), str(where)), "")


def _text_of(where: Path) -> str:
    """Raises NetworkError."""
    try:
        # A pipe or a device would be waited for without end.
        if not stat.S_ISREG(mode := where.stat().st_mode):
            kind = "is a folder" if stat.S_ISDIR(mode) else "is no regular file"
            raise NetworkError(f"The saved plan {where} cannot be read: it {kind}. Nothing was changed.")
        with where.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NetworkError(f"The saved plan {where} cannot be read: {error.strerror}. Nothing was changed.") from None
    if len(text) > MOST_BYTES:
        raise NetworkError(f"{where} is larger than any saved plan. Nothing was changed.")
    return text.decode("utf-8", "replace")


def save_plan(options: Mapping[str, Any], pool: Pool, spec: BondSpec, plan: Plan) -> dict[str, str]:
    """Writes the plan where the options say so, unless something speaks against it, or holds it back where they ask for that. Answers its
    fingerprint, and what is held back. Raises NetworkError when it cannot be written.
    """
    about = {
        "pool": pool.name,
        "hosts": [host.name for host in plan.hosts],
        "made_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ansible_core": ansible_version,
        "accepted": [one.sentence for one in plan.problems if one.accepted],
        "estimate": estimate(plan.steps).to_dict(),
    }
    saved = save(pool, spec, plan, about)
    answer = {"fingerprint": saved.fingerprint}
    if options.get("save_plan") and not plan.blocking:
        held = bool(options.get("hold_plan"))
        write_plan(Path(options["save_plan"]), to_text(saved), only_try=held)
        return answer | ({"held_plan": to_text(saved)} if held else {})
    return answer


def write_plan(where: Path, text: str, only_try: bool = False) -> None:
    """A reader sees the old file or the new one, never a part. Raises NetworkError when it cannot be written; `only_try`: nothing is, and
    that alone is found out.
    """
    try:
        handle, name = tempfile.mkstemp(dir=where.parent, prefix=f".{where.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            if only_try:
                if where.exists():
                    _same_plan(where, text)
            elif not _put_new(name, where):
                _same_plan(where, text)
                os.replace(name, where)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise NetworkError(f"The plan cannot be saved to {where}: {error.strerror}. Nothing was changed.") from None


def _put_new(name: str, where: Path) -> bool:
    """Whether there was nothing: of two runs that come at once, for the first."""
    try:
        os.link(name, where)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if where.exists():
            return False
        os.replace(name, where)
    return True


def _same_plan(where: Path, text: str) -> None:
    """Raises NetworkError when the file that is there is not an earlier plan of the same bond."""
    try:
        theirs = subject_of(_text_of(where), str(where))
    except NetworkError as error:
        raise NetworkError(
            f"The plan was not saved over what is there: {error.message.partition(' Nothing was changed.')[0]} Nothing was changed."
            " Delete that, or give another name."
        ) from None
    if theirs != subject_of(text, ""):
        raise NetworkError(
            f"The plan was not saved, since {where} holds another one, for {theirs.said}. Nothing was changed. Delete that file, or give"
            " each pool and network a file of its own, for instance with the variable xs_pool of the inventory plugin in its name."
        )
