# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that dom0 keeps: its very commands, run by this machine's shells in a folder of the test, with an xe that remembers."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._bond.plan import plan
from ansible_collections.xapi.network.plugins.module_utils._confirm import timer
from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Nic, Undo, Vlan, not_possible, undo_of
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import Answer, read, taken_back
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import NetworkError
from ansible_collections.xapi.network.tests.unit.pools import spec, tutorial

HOST = "4b4b0a4e-1d1a-4d0f-8f5b-7c5b6c1f0f11"
UNDO = Undo(HOST, "xs-2", (Nic("nic-2", "eth2", "Static", "172.16.0.36", "255.255.255.240", "172.16.0.33", "", True), Nic("nic-4", "eth4")))

VLANS = (
    Vlan(50, "net-50", "nic-4", "nic-4", "note-50", "eth4", "Static", "10.0.50.2", "255.255.255.0"),
    Vlan(51, "net-51", "", "nic-2", "note-51"),
)

# It keeps a value per file, and the PIF of a VLAN by its tag. A bond that is destroyed gives the NICs back unplugged and without an
# address, the worst that XAPI leaves.
XE = """#!/bin/sh
cd "$(dirname "$0")/state" || exit 1
[ -e silent ] && { echo "Lost connection to the server" >&2; exit 1; }
for word in "$@"; do case $word in
  uuid=*) uuid=${word#uuid=};; param-name=*) name=${word#param-name=};; IP=*) ip=${word#IP=};;
  VLAN=*) tag=${word#VLAN=};; vlan=*) tag=${word#vlan=};; pif-uuid=*) nic=${word#pif-uuid=};; network-uuid=*) net=${word#network-uuid=};;
  param-key=*) name=${word#param-key=};; mode=*) mode=${word#mode=};; disallow-unplug=*) fixed=${word#disallow-unplug=};; esac; done
echo "$*" >> calls
case $1 in
  pif-param-get|vlan-param-get|vm-param-get) cat "$uuid.$name";;
  pif-list) cat "vlan.$tag" 2>/dev/null; exit 0;;
  vif-list) cat "$net.machines" 2>/dev/null; exit 0;;
  vlan-destroy) rm "vlan.${uuid#v-}";;
  vlan-create) [ -e refuses ] && { rm refuses; echo "no"; exit 1; }
    new=new-$tag; echo $new | tee "vlan.$tag"; echo "v-$tag" > $new.vlan-master-of; echo "$nic" > "v-$tag.tagged-PIF"
    echo true > $new.currently-attached; echo None > $new.IP-configuration-mode;;
  pif-param-remove) rm "$uuid.$name";;
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
    undo: Undo = UNDO

    def run(self, command: str) -> Answer:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin"}
        done = subprocess.run([self.shell, "-c", command], env=environment, capture_output=True, text=True, timeout=30, check=False)
        return read(done.returncode, done.stdout + done.stderr)

    def arm(self, seconds: int = 1, owner: str = "anna on control (process 4711)") -> Answer:
        return self.run(timer.arm(self.undo, seconds, owner, *self.places))

    def confirm(self) -> Answer:
        return self.run(timer.confirm(self.undo, *self.places))

    def ask(self) -> Answer:
        return self.run(timer.ask(self.undo, *self.places))

    @property
    def places(self) -> tuple[str, str]:
        return str(self.folder / "lib"), str(self.folder / "inventory")

    def value(self, nic: str, name: str) -> str:
        return (self.folder / "state" / f"{nic}.{name}").read_text().strip()

    @property
    def calls(self) -> list[str]:
        file = self.folder / "state" / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if "-param-get" not in line and "-list" not in line]

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


def with_vlans(dom0: Dom0) -> None:
    """As they are when XAPI has destroyed the bond: VLAN 50 was on the second NIC, and 51 came with the bond."""
    dom0.undo = replace(UNDO, vlans=VLANS)
    state = {"nic-4.note-50": "net-50", "nic-2.note-51": "net-51"}
    for tag in (50, 51):
        state |= {f"vlan.{tag}": f"pif-{tag}", f"pif-{tag}.vlan-master-of": f"v-{tag}", f"v-{tag}.tagged-PIF": "nic-2"}
    for name, value in state.items():
        (dom0.folder / "state" / name).write_text(f"{value}\n")


@pytest.mark.parametrize("refused", [False, True])
def test_a_vlan_goes_back_to_its_nic_with_its_address_and_one_that_was_not_there_goes(dom0: Dom0, refused: bool) -> None:
    with_vlans(dom0)
    if refused:  # once, after the VLAN has ended on the first NIC
        (dom0.folder / "state" / "refuses").touch()
    dom0.arm(seconds=1)
    dom0.ends()
    taken = dom0.ask().taken_back
    assert taken is not None and taken["done"] and taken["why"] == ""
    assert (dom0.value("v-50", "tagged-PIF"), dom0.value("new-50", "IP")) == ("nic-4", "10.0.50.2")
    assert not (dom0.folder / "state" / "vlan.51").exists()
    assert [call for call in dom0.calls if "vlan" in call or "note" in call] == [
        "vlan-destroy uuid=v-50",
        *(["vlan-create pif-uuid=nic-4 vlan=50 network-uuid=net-50"] * (2 if refused else 1)),
        "pif-param-remove uuid=nic-4 param-name=other-config param-key=note-50",
        "vlan-destroy uuid=v-51",
        "pif-param-remove uuid=nic-2 param-name=other-config param-key=note-51",
    ]


def test_a_vlan_that_a_vm_of_this_host_is_connected_through_by_now_stays_and_that_is_said(dom0: Dom0) -> None:
    with_vlans(dom0)
    for name, value in {"net-50.machines": "vm-1,vm-2", "vm-1.resident-on": "other", "vm-2.resident-on": HOST}.items():
        (dom0.folder / "state" / name).write_text(f"{value}\n")
    dom0.arm(seconds=1)
    dom0.ends()
    taken = dom0.ask().taken_back
    assert taken is not None and taken["done"] and dom0.value("v-50", "tagged-PIF") == "nic-2"
    said = "VLAN 50 stays where XAPI has brought it: a VM is connected through it"
    assert taken["why"] == said and taken_back("xs-2", taken).endswith(f"within 1 s; {said}.")
    assert "vlan-destroy uuid=v-51" in dom0.calls and dom0.value("nic-4", "note-50") == "net-50"


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


def with_a_vlan(machine: str = "") -> tuple[Undo | None, str]:
    """VLAN 50 is on the second NIC of xs-2, with an address, and VLAN 51 on the first NIC of the master alone."""
    made = tutorial()
    for tag, host, device in ((50, "xs-2", "eth4"), (51, "xs-1", "eth2")):
        made.network(f"V{tag}")
        made.vlan(host, device, tag, f"V{tag}")
    (vlan,) = (pif for pif in made.records["pif"].values() if pif["VLAN"] == "50")
    vlan.update(ip_configuration_mode="Static", IP="10.0.50.2", netmask="255.255.255.0")
    if machine:
        made.vif("V50", machine, "xs-2")
    asked = spec(strategy="restart", accept=["vifs_in_use"])
    the_plan = plan(made.pool, asked)
    xs_2 = next(one for one in made.pool.hosts if one.name == "xs-2")
    return undo_of(made.pool, asked, the_plan, xs_2), not_possible(made.pool, asked, the_plan, xs_2)


def test_a_vlan_on_the_second_nic_goes_back_there_and_one_that_is_inherited_goes() -> None:
    found, why = with_a_vlan()
    assert why == "" and found is not None
    on, new = found.vlans
    assert (on.tag, on.device, on.nic, on.key, on.ip) == (50, "eth4", found.nics[1].uuid, "xapi.network.vlan-50", "10.0.50.2")
    assert on.noted == on.nic
    assert (new.tag, new.nic, new.noted, new.key) == (51, "", found.nics[0].uuid, "xapi.network.vlan-none-51")
    assert found.sentence.endswith(", 172.16.0.36 back on eth2, VLAN 50 back on eth4, VLAN 51 taken away")
    assert Undo.from_dict(found.to_dict()) == found


def test_a_vlan_on_the_second_nic_that_a_running_vm_needs_cannot_be_put_back() -> None:
    _undo, why = with_a_vlan("web-1")
    assert why == (
        "xs-2: VLAN 50 is on eth4, and XAPI would bring it back on eth2. dom0 could not put it back on eth4, for which it ends and is made"
        " anew: web-1 is connected through it."
    )


def test_what_stands_in_a_file_of_dom0_is_freed_of_what_a_terminal_obeys() -> None:
    """Whoever armed the timer wrote who it is, and the reason comes from xe."""
    armed = read(0, "#xapi.network armed 1700000000 root\x1b[2Jon deploy\n#xapi.network taken_back 1 9 failed a\x1b | b\x9bc\n")
    assert armed.owner == "root?[2Jon deploy"
    assert armed.taken_back == {"at": 1, "seconds": 9, "done": False, "owner": "a?", "why": "b?c"}
