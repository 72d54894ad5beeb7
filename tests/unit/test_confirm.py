# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that dom0 keeps: its very commands, run by this machine's shells in a folder of the test, with an xe that remembers."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._confirm import timer
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Nic, Undo, not_possible, undo_of
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import Answer, read, taken_back
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import spec, tutorial

HOST = "4b4b0a4e-1d1a-4d0f-8f5b-7c5b6c1f0f11"
UNDO = Undo(HOST, "xs-2", (Nic("nic-2", "eth2", "Static", "172.16.0.36", "255.255.255.240", "172.16.0.33", "", True), Nic("nic-4", "eth4")))

# It keeps a value per file. A bond that is destroyed gives the NICs back unplugged and without an address, the worst that XAPI leaves.
XE = """#!/bin/sh
cd "$(dirname "$0")/state" || exit 1
[ -e silent ] && { echo "Lost connection to the server" >&2; exit 1; }
for word in "$@"; do case $word in uuid=*) uuid=${word#uuid=};; param-name=*) name=${word#param-name=};; IP=*) ip=${word#IP=};;
  mode=*) mode=${word#mode=};; disallow-unplug=*) fixed=${word#disallow-unplug=};; esac; done
echo "$*" >> calls
case $1 in
  pif-param-get) cat "$uuid.$name";;
  bond-param-get) echo bond-pif;;
  bond-destroy) for nic in nic-2 nic-4; do echo '<not in database>' > $nic.bond-slave-of; done;;
  pif-plug) echo true > "$uuid.currently-attached";;
  pif-reconfigure-ip) echo "$ip" > "$uuid.IP"; echo Static > "$uuid.IP-configuration-mode";;
  pif-param-set) echo "$fixed" > "$uuid.disallow-unplug";;
esac
"""


@dataclass
class Dom0:
    """A folder that stands for a dom0."""

    folder: Path
    shell: str

    def run(self, command: str) -> Answer:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin"}
        done = subprocess.run([self.shell, "-c", command], env=environment, capture_output=True, text=True, timeout=30, check=False)
        return read(done.returncode, done.stdout + done.stderr)

    def arm(self, seconds: int = 1, owner: str = "anna on control (process 4711)") -> Answer:
        return self.run(timer.arm(UNDO, seconds, owner, *self.places))

    def confirm(self) -> Answer:
        return self.run(timer.confirm(UNDO, *self.places))

    def ask(self) -> Answer:
        return self.run(timer.ask(UNDO, *self.places))

    @property
    def places(self) -> tuple[str, str]:
        return str(self.folder / "lib"), str(self.folder / "inventory")

    def value(self, nic: str, name: str) -> str:
        return (self.folder / "state" / f"{nic}.{name}").read_text().strip()

    @property
    def calls(self) -> list[str]:
        file = self.folder / "state" / "calls"
        return [line for line in file.read_text().splitlines() if "-param-get" not in line] if file.exists() else []

    def ends(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while (self.folder / "lib" / "timer").exists():
            assert time.monotonic() < deadline, "the timer has not ended"
            time.sleep(0.05)


@pytest.fixture(params=["dash", "bash"])
def dom0(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dom0]:
    shell = shutil.which(request.param)
    if not shell:
        pytest.skip(f"{request.param} is not on this machine")
    monkeypatch.setattr(timer, "PAUSE", 1)
    monkeypatch.setattr(timer, "TRIES", 5)
    (tmp_path / "state").mkdir()
    (tmp_path / "inventory").write_text(f"INSTALLATION_UUID='{HOST}'\n")
    (tmp_path / "xe").write_text(XE)
    (tmp_path / "xe").chmod(0o755)
    for nic in ("nic-2", "nic-4"):  # as they are in a bond
        for name, value in {
            "bond-slave-of": "b-o-n-d-1", "currently-attached": "false", "IP-configuration-mode": "None", "IP": "",
            "disallow-unplug": "false",
        }.items():  # fmt: skip
            (tmp_path / "state" / f"{nic}.{name}").write_text(f"{value}\n")
    made = Dom0(tmp_path, shell)
    yield made
    made.confirm()


def test_a_change_that_is_confirmed_stays_and_nothing_is_left_behind(dom0: Dom0) -> None:
    armed = dom0.arm(seconds=30)
    assert armed.state == "armed" and 25 < armed.until - time.time() < 35
    assert (dom0.folder / "lib").stat().st_mode & 0o777 == 0o700
    assert dom0.confirm() == Answer("confirmed")
    assert dom0.calls == [] and not (dom0.folder / "lib").exists()


def test_a_change_that_nobody_confirms_is_taken_back(dom0: Dom0) -> None:
    dom0.arm(seconds=1)
    dom0.ends()
    assert dom0.calls[0] == "bond-destroy uuid=b-o-n-d-1"
    assert (dom0.value("nic-2", "IP"), dom0.value("nic-2", "disallow-unplug"), dom0.value("nic-4", "currently-attached")) == (
        "172.16.0.36", "true", "true",
    )  # fmt: skip
    taken = dom0.ask().taken_back
    assert taken is not None and taken["done"] and taken["seconds"] == 1 and taken["owner"] == "anna on control (process 4711)"


@pytest.mark.parametrize(
    ("shown", "partners", "why"),
    [
        ("lacp_status: configured\nslave eth2: disabled\n\tmay_enable: false\n", "no-partner", "LACP of bond7 had no partner"),
        ("lacp_status: negotiated\nslave eth4: disabled\n\tmay_enable: false\n", "one-bundle", "a NIC of bond7 had no link"),
        ("lacp_status: off\nslave eth4: disabled\n\tmay_enable: true\n", "", ""),  # it waits for its updelay
        (
            "lacp_status: negotiated\nmember eth4: disabled\n  may_enable: false\n",
            "two-switches",
            "the NICs of bond7 had different LACP partners: 02:00:00:00:0a:01 (key 1), 02:00:00:00:0b:01 (key 1)",
        ),
        (
            "lacp_status: negotiated\nmember eth4: disabled\n  may_enable: false\n",
            "one-partner",
            "the NICs of bond7 had different LACP partners: none, 02:00:00:00:0a:01 (key 1)",
        ),
    ],
)
def test_what_was_wrong_with_the_bond_is_kept_and_said(dom0: Dom0, shown: str, partners: str, why: str) -> None:
    (dom0.folder / "state" / "bond-pif.device").write_text("bond7\n")
    (dom0.folder / "state" / "bond").write_text(shown)
    heard = Path(__file__).parent / "fixtures" / "dom0" / f"lacp_show.ovs-4.{partners}.txt"
    (dom0.folder / "state" / "lacp").write_text(heard.read_text() if partners else "")
    tool = dom0.folder / "ovs-appctl"
    tool.write_text(
        '#!/bin/sh\ncase $* in "-T 5 bond/show bond7") cat "${0%/*}/state/bond";; "-T 5 lacp/show bond7") cat "${0%/*}/state/lacp";; esac\n'
    )
    tool.chmod(0o755)
    dom0.arm(seconds=1)
    dom0.ends()
    taken = dom0.ask().taken_back
    assert taken is not None and taken["done"] and taken["why"] == why
    assert taken_back("xs-2", taken).endswith(f"since nobody confirmed it within 1 s{'; ' + why if why else ''}.")


def test_the_next_run_that_arms_is_told_once(dom0: Dom0) -> None:
    dom0.arm(seconds=1)
    dom0.ends()
    assert (dom0.arm(seconds=30).taken_back or {}).get("done") is True
    assert dom0.ask().taken_back is None


def test_a_second_timer_is_refused_while_the_first_runs(dom0: Dom0) -> None:
    first = dom0.arm(seconds=30)
    second = dom0.arm(seconds=30, owner="bob")
    assert (second.state, second.until, second.owner) == ("busy", first.until, "anna on control (process 4711)")


def test_a_timer_that_died_does_not_block_the_next(dom0: Dom0) -> None:
    dom0.arm(seconds=30)
    process = (dom0.folder / "lib" / "timer" / "pid").read_text().strip()
    subprocess.run(["kill", "-9", process], check=True)
    time.sleep(0.2)
    assert dom0.ask().state == "none"
    assert dom0.arm(seconds=30).state == "armed"


def test_a_change_that_was_not_made_yet_is_nothing_to_tell(dom0: Dom0) -> None:
    for nic in ("nic-2", "nic-4"):  # as they are before the change
        for name, value in {"bond-slave-of": "<not in database>", "currently-attached": "true", "disallow-unplug": "false"}.items():
            (dom0.folder / "state" / f"{nic}.{name}").write_text(f"{value}\n")
    for name, value in {"IP": "172.16.0.36", "IP-configuration-mode": "Static", "disallow-unplug": "true"}.items():
        (dom0.folder / "state" / f"nic-2.{name}").write_text(f"{value}\n")
    dom0.arm(seconds=1)
    dom0.ends()
    assert dom0.calls == [] and dom0.ask() == Answer("none")


def test_xe_that_does_not_answer_yet_is_asked_again(dom0: Dom0) -> None:
    (dom0.folder / "state" / "silent").touch()
    dom0.arm(seconds=1)
    time.sleep(2.5)
    (dom0.folder / "state" / "silent").unlink()
    dom0.ends()
    assert (dom0.ask().taken_back or {})["done"] is True and dom0.value("nic-2", "IP") == "172.16.0.36"


def test_xe_that_never_answers_ends_it_and_is_said(dom0: Dom0) -> None:
    (dom0.folder / "state" / "silent").touch()
    dom0.arm(seconds=1)
    dom0.ends()
    taken = dom0.ask().taken_back
    assert taken is not None and not taken["done"] and taken["why"] == "xe does not answer"


def test_who_confirms_too_late_is_told_so(dom0: Dom0) -> None:
    (dom0.folder / "state" / "silent").touch()
    dom0.arm(seconds=1)
    time.sleep(2)
    assert dom0.confirm().state == "taking_back"
    dom0.ends()


def test_nothing_is_armed_in_the_dom0_of_another_host(dom0: Dom0) -> None:
    (dom0.folder / "inventory").write_text("INSTALLATION_UUID='other'\n")
    assert dom0.arm() == Answer("other_host", owner="other")
    assert not (dom0.folder / "lib").exists()
    (dom0.folder / "inventory").write_text(f"INSTALLATION_UUID='{HOST}'\n")


def test_a_name_with_quotes_and_newlines_stays_text(dom0: Dom0) -> None:
    dom0.arm(seconds=30, owner="x'; touch hacked; echo '\n$(touch hacked) `touch hacked`")
    assert dom0.arm().owner == "x'; touch hacked; echo ' $(touch hacked) `touch hacked`"
    assert not list(dom0.folder.rglob("hacked"))


def test_an_answer_that_is_none_is_an_error() -> None:
    with pytest.raises(NetworkError, match=r"status 127.*sh: not found"):
        read(127, "sh: not found\n")


# what is armed


def undo(**options: Any) -> tuple[Undo | None, str]:
    made = tutorial()
    asked = spec(**options)
    the_plan = plan(made.pool, asked)
    host = next(host for host in made.pool.hosts if host.name == "xs-2")
    return undo_of(made.pool, asked, the_plan, host), not_possible(made.pool, asked, the_plan, host)


def test_a_new_bond_goes_back_to_the_address_that_its_nic_has() -> None:
    found, why = undo()
    assert why == "" and found is not None
    assert found.sentence == "dom0 of xs-2 destroys the bond that eth2 and eth4 are in then, 172.16.0.36 back on eth2"
    assert Undo.from_dict(found.to_dict()) == found


def test_a_management_bond_of_a_member_cannot_be_taken_back() -> None:
    _undo, why = undo(nics=["eth0", "eth4"], accept=["management"])
    assert "cut off from its master" in why


def test_a_vlan_on_the_second_nic_would_come_back_on_the_first() -> None:
    made = tutorial()
    made.network("V50")
    made.vlan("xs-2", "eth4", 50, "V50")
    the_plan = plan(made.pool, spec())
    host = next(host for host in made.pool.hosts if host.name == "xs-2")
    assert not_possible(made.pool, spec(), the_plan, host) == "xs-2: VLAN 50 is on eth4, and XAPI would bring it back on eth2."


def test_what_stands_in_a_file_of_dom0_is_freed_of_what_a_terminal_obeys() -> None:
    """Whoever armed the timer wrote who it is, and the reason comes from xe."""
    armed = read(0, "#xapi.network armed 1700000000 root\x1b[2Jon deploy\n#xapi.network taken_back 1 9 failed a\x1b | b\x9bc\n")
    assert armed.owner == "root?[2Jon deploy"
    assert armed.taken_back == {"at": 1, "seconds": 9, "done": False, "owner": "a?", "why": "b?c"}
