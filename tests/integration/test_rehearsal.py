# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of the rehearsal where its connection to the pool is concerned; what it plays is tested with the guide and with AWX."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.bonding import NAS, QUIET, pool_without_authority
from tests.integration.playing import run
from xapi_twin.running import RunningTwin


def rehearse(twin: RunningTwin, folder: Path, said: Mapping[str, str], *options: str, status: int = 2) -> str:
    """The output of a rehearsal whose inventory does not name the authority of the pool's certificate."""
    variables = {**NAS, **{name: value for name, value in said.items() if name.startswith("storage_bond_")}}
    environment = {name: value for name, value in said.items() if name.startswith("XENSERVER_")}
    inventory = pool_without_authority(twin, folder)
    command = ("-i", str(inventory), "xapi.network.storage_bond_rehearse", "-e", json.dumps(variables), *options)
    done = run(folder, "ansible-playbook", *command, environment={**QUIET, **environment})
    assert done.returncode == status, done.stdout
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("storage_bond_hostname", "which pool? Name its master with storage_bond_hostname or XENSERVER_HOST. Nothing was changed"),
        ("storage_bond_password", "there is no password: set XENSERVER_PASSWORD or give storage_bond_password. Nothing was changed"),
    ],
)
def test_what_is_missing_is_called_as_the_role_calls_it(tmp_path: Path, missing: str, said: str) -> None:
    with RunningTwin("tutorial") as twin:
        assert f"The rehearsal did not take place: {said}" in rehearse(twin, tmp_path, {missing: ""})


@pytest.mark.parametrize("where", ["storage_bond_validate_certs", "XENSERVER_VALIDATE_CERTS"])
def test_a_slip_in_validate_certs_never_switches_verification_off(tmp_path: Path, where: str) -> None:
    with RunningTwin("tutorial") as twin:
        said = rehearse(twin, tmp_path, {where: "ture"})
        assert "XENSERVER_VALIDATE_CERTS is 'ture', which is neither true nor false" in said, said
        assert len(list(twin.journal)) == 0, "the password went to a server that nobody vouches for"


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with RunningTwin("tutorial") as twin:
        said = rehearse(twin, tmp_path, {})
        assert "The rehearsal did not take place: the certificate of https://127.0.0.1:" in said, said
        assert "give storage_bond_ca_path or storage_bond_fingerprint. Nothing was changed on the pool." in said, said
        assert len(list(twin.journal)) == 0


@pytest.mark.parametrize("reads", [True, False], ids=["a pool that is read", "one that is not"])
def test_the_password_is_in_no_output_however_much_is_asked_for(tmp_path: Path, reads: bool) -> None:
    with RunningTwin("tutorial", password="correct-horse") as twin:
        trusted = {"storage_bond_ca_path": str(twin.endpoints["ca"])} if reads else {}
        assert "correct-horse" not in rehearse(twin, tmp_path, trusted, "-vvvv", status=0 if reads else 2)
