# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage tutorial, typed by hand: every command over a real SSH client into the twin, every listing as the tutorial prints it.

On XenServer 6.2, the tutorial's own version, the listings are the same letter by letter up to blanks. Later tools print the same
facts in other words; there the facts are compared. What XAPI makes up again each time, uuids, is written <like this>.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import pytest

from xapi_twin.running import RunningTwin

VERSIONS = ("tutorial-6.2", "tutorial", "tutorial-26")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

NETWORKS = "xe network-list params=uuid,name-label,bridge | grep -v Pool | grep -v management | grep -B1 -A2 name-label"
PHYSICAL = "xe pif-list host-uuid=$INSTALLATION_UUID physical=true IP-configuration-mode=Static params=uuid,device,IP,network-name-label"
VIRTUAL = "xe pif-list host-uuid=$INSTALLATION_UUID physical=false IP-configuration-mode=Static params=uuid,device,IP,network-name-label"
WITHOUT_IP = "xe pif-list host-uuid=$INSTALLATION_UUID physical=false IP-configuration-mode=None params=uuid,device,IP,network-name-label"
BONDS = "xe bond-list params=uuid,master,mode"
ADDRESSES = r"ifconfig | grep -v '127\.0\.0\.1' | grep -B1 inet"
DEVICES = "ifconfig -a | grep -e xen -e xapi -e eth"
BRIDGES = "ovs-vsctl list-br"
SWITCH_BONDS = "ovs-appctl bond/list"

NAS_NETWORK = """
uuid ( RO) : <network>
name-label ( RW): NAS
bridge ( RO): xapi0
"""


@dataclass(frozen=True)
class Typed:
    """A command, at which host, and what the tutorial prints after it."""

    host: str
    command: str
    printed: str = ""


MASTER_BOND = """
uuid ( RO) : <bond-1>
master ( RO): <pif-1>
mode ( RO): active-backup
"""

ON_THE_MASTER = (
    Typed("xs-1", "NAS_NET_UUID=$(xe network-create name-label=NAS)"),
    Typed("xs-1", r'echo -e "Storage Network UUID: $NAS_NET_UUID\n"', "Storage Network UUID: <network>"),
    Typed("xs-1", "NAS_PIF2_UUID=$(xe pif-list host-uuid=$INSTALLATION_UUID device=eth2 params=uuid | awk '{ print $5 }')"),
    Typed("xs-1", "NAS_PIF4_UUID=$(xe pif-list host-uuid=$INSTALLATION_UUID device=eth4 params=uuid | awk '{ print $5 }')"),
    Typed(
        "xs-1",
        r"""echo -e "Storage PIF UUID's:\n PIF2: $NAS_PIF2_UUID\n PIF4: $NAS_PIF4_UUID\n" """,
        """
        Storage PIF UUID's:
        PIF2: 767aac49-ba37-3be7-5bad-87ae26d97e02
        PIF4: 4c7a225b-7dfe-4b7f-117f-a42ad3be4cae
        """,
    ),
    Typed(
        "xs-1",
        "NAS_BOND_UUID=$(xe bond-create network-uuid=$NAS_NET_UUID pif-uuids=$NAS_PIF2_UUID,$NAS_PIF4_UUID mode=active-backup)",
    ),
    Typed("xs-1", "NAS_MSTR_UUID=$(xe pif-list network-name-label=NAS host-uuid=$INSTALLATION_UUID | awk '{ print $5 }')"),
    Typed(
        "xs-1",
        r"""echo -e "Storage Bond UUID's:\n BOND INTERFACE UUID: $NAS_BOND_UUID\n BOND MASTER UUID: $NAS_MSTR_UUID\n" """,
        """
        Storage Bond UUID's:
        BOND INTERFACE UUID: <bond-1>
        BOND MASTER UUID: <pif-1>
        """,
    ),
    Typed("xs-1", NETWORKS, NAS_NETWORK),
    Typed(
        "xs-1",
        PHYSICAL,
        """
        uuid ( RO) : 8445b796-01b0-e2cf-ba17-9e7af7856925
        device ( RO): eth0
        network-name-label ( RO): Pool-wide network associated with eth0
        IP ( RO): 172.16.0.10
        """,
    ),
    Typed(
        "xs-1",
        VIRTUAL,
        """
        uuid ( RO) : <pif-1>
        device ( RO): bond0
        network-name-label ( RO): NAS
        IP ( RO): 172.16.0.35
        """,
    ),
    Typed("xs-1", WITHOUT_IP),
    Typed("xs-1", BONDS, MASTER_BOND),
    Typed(
        "xs-1",
        ADDRESSES,
        """
        xapi0 Link encap:Ethernet HWaddr 00:26:55:D1:E8:CC
        inet addr:172.16.0.35 Bcast:172.16.0.47 Mask:255.255.255.240

        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9F:5C
        inet addr:172.16.0.10 Bcast:172.16.0.31 Mask:255.255.255.224
        """,
    ),
    Typed(
        "xs-1",
        DEVICES,
        """
        eth0 Link encap:Ethernet HWaddr 00:1F:29:C4:9F:5C
        eth1 Link encap:Ethernet HWaddr 00:1F:29:C4:9F:3C
        eth2 Link encap:Ethernet HWaddr 00:26:55:D1:E8:CC
        eth3 Link encap:Ethernet HWaddr 00:26:55:D1:E8:CD
        eth4 Link encap:Ethernet HWaddr 00:1B:78:5A:21:8D
        eth5 Link encap:Ethernet HWaddr 00:1B:78:5A:21:8C
        xapi0 Link encap:Ethernet HWaddr 00:26:55:D1:E8:CC
        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9F:5C
        xenbr1 Link encap:Ethernet HWaddr 00:1F:29:C4:9F:3C
        xenbr3 Link encap:Ethernet HWaddr 00:26:55:D1:E8:CD
        xenbr5 Link encap:Ethernet HWaddr 00:1B:78:5A:21:8C
        """,
    ),
    Typed("xs-1", BRIDGES, "xapi0\nxenbr0\nxenbr1\nxenbr3\nxenbr5"),
    Typed("xs-1", SWITCH_BONDS, "bond type slaves\nbond0 active-backup eth2, eth4"),
)

MEMBER_MANAGEMENT = """
uuid ( RO) : 7e171fca-dbbf-fb2b-dc27-b17dce481c02
device ( RO): eth0
network-name-label ( RO): Pool-wide network associated with eth0
IP ( RO): 172.16.0.12
"""

ON_THE_MEMBER_BEFORE = (
    Typed("xs-2", NETWORKS, NAS_NETWORK),
    Typed(
        "xs-2",
        PHYSICAL,
        """
        uuid ( RO) : cd9d33bb-997e-5aec-c8d3-b0422e1e9cb5
        device ( RO): eth2
        network-name-label ( RO): Pool-wide network associated with eth2
        IP ( RO): 172.16.0.36
        """
        + MEMBER_MANAGEMENT,
    ),
    Typed("xs-2", VIRTUAL),
    Typed("xs-2", WITHOUT_IP),
    Typed("xs-2", BONDS, MASTER_BOND),
    Typed(
        "xs-2",
        ADDRESSES,
        """
        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        inet addr:172.16.0.12 Bcast:172.16.0.31 Mask:255.255.255.224

        xenbr2 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        inet addr:172.16.0.36 Bcast:172.16.0.47 Mask:255.255.255.240
        """,
    ),
    Typed(
        "xs-2",
        DEVICES,
        """
        eth0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        eth1 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:C2
        eth2 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        eth3 Link encap:Ethernet HWaddr 00:26:55:D2:EE:51
        eth4 Link encap:Ethernet HWaddr 00:1B:78:5C:74:35
        eth5 Link encap:Ethernet HWaddr 00:1B:78:5C:74:34
        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        xenbr1 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:C2
        xenbr2 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        xenbr3 Link encap:Ethernet HWaddr 00:26:55:D2:EE:51
        xenbr4 Link encap:Ethernet HWaddr 00:1B:78:5C:74:35
        xenbr5 Link encap:Ethernet HWaddr 00:1B:78:5C:74:34
        """,
    ),
    Typed("xs-2", BRIDGES, "xenbr0\nxenbr1\nxenbr2\nxenbr3\nxenbr4\nxenbr5"),
    Typed("xs-2", SWITCH_BONDS, "bond type slaves"),
)

RESTART = Typed("xs-2", "service xapi restart && sleep 15", "Stopping xapi: .. [ OK ]\nStarting xapi: OK [ OK ]")

ON_THE_MEMBER_AFTER = (
    Typed("xs-2", NETWORKS, NAS_NETWORK),
    Typed("xs-2", PHYSICAL, MEMBER_MANAGEMENT),
    Typed(
        "xs-2",
        VIRTUAL,
        """
        uuid ( RO) : <pif-2>
        device ( RO): bond0
        network-name-label ( RO): NAS
        IP ( RO): 172.16.0.36
        """,
    ),
    Typed("xs-2", WITHOUT_IP),
    Typed(
        "xs-2",
        BONDS,
        """
        uuid ( RO) : <bond-2>
        master ( RO): <pif-2>
        mode ( RO): active-backup
        """
        + MASTER_BOND,
    ),
    Typed(
        "xs-2",
        ADDRESSES,
        """
        xapi0 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        inet addr:172.16.0.36 Bcast:172.16.0.47 Mask:255.255.255.240

        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        inet addr:172.16.0.12 Bcast:172.16.0.31 Mask:255.255.255.224
        """,
    ),
    Typed(
        "xs-2",
        DEVICES,
        """
        eth0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        eth1 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:C2
        eth2 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        eth3 Link encap:Ethernet HWaddr 00:26:55:D2:EE:51
        eth4 Link encap:Ethernet HWaddr 00:1B:78:5C:74:35
        eth5 Link encap:Ethernet HWaddr 00:1B:78:5C:74:34
        xapi0 Link encap:Ethernet HWaddr 00:26:55:D2:EE:50
        xenbr0 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:BA
        xenbr1 Link encap:Ethernet HWaddr 00:1F:29:C4:9D:C2
        xenbr3 Link encap:Ethernet HWaddr 00:26:55:D2:EE:51
        xenbr5 Link encap:Ethernet HWaddr 00:1B:78:5C:74:34
        """,
    ),
    Typed("xs-2", BRIDGES, "xapi0\nxenbr0\nxenbr1\nxenbr3\nxenbr5"),
    Typed("xs-2", SWITCH_BONDS, "bond type slaves\nbond0 active-backup eth4, eth2"),
)


# reading what was printed


@dataclass
class Meanings:
    """Which <name> stands for which uuid: each for one, the same every time."""

    known: dict[str, str] = field(default_factory=dict)

    def filled(self, printed: str, found: str) -> str:
        """The expected text with the uuids that were found in its place."""
        for name, uuid in zip(re.findall(r"<[\w-]+>", printed), self._new(printed, found), strict=False):
            assert self.known.setdefault(name, uuid) == uuid, f"{name} was {self.known[name]} before, now it is {uuid}"
        assert len(set(self.known.values())) == len(self.known), f"two names for one uuid: {self.known}"
        return re.sub(r"<[\w-]+>", lambda match: self.known.get(match.group(), match.group()), printed)

    def _new(self, printed: str, found: str) -> list[str]:
        stated = set(UUID.findall(printed))
        return [uuid for uuid in UUID.findall(found) if uuid not in stated]


def without_blanks(text: str) -> list[str]:
    """Lines with single blanks; empty lines, and the -- that grep puts between groups (the tutorial's page shows blank lines), are gone."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    # Open vSwitch lists a bond's NICs in the order of its hash table: any.
    lines = [re.sub(r"(\w+), (\w+)$", lambda match: ", ".join(sorted(match.groups())), line) for line in lines]
    return [line for line in lines if line and line != "--"]


def facts(command: str, text: str) -> Any:
    """What a listing says, whatever its format."""
    lines = without_blanks(text)
    if command == ADDRESSES:
        return interfaces(lines, r"inet (?:addr:)?([\d.]+)", r"(?:Mask:|netmask )([\d.]+)")
    if command == DEVICES:
        return interfaces(lines, r"(?:HWaddr|ether) ([0-9A-Fa-f:]{17})")
    if command == SWITCH_BONDS:
        return [(*line.split()[:2], line.split(" ", 3)[-1] if "recircID" in lines[0] else line.split(" ", 2)[-1]) for line in lines[1:]]
    if command == RESTART.command:
        return None  # systemd restarts without a word
    return [re.sub(r"Pool-wide network associated with eth(\d)", r"Pool-wide network \1", line) for line in lines]


def interfaces(lines: list[str], *patterns: str) -> dict[str, tuple[str, ...]]:
    """What the patterns find for each device: in the line of its name or in those after it."""
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in lines:
        head = re.match(r"(\w+):? (?:flags=|Link encap:)", line)
        name = head.group(1) if head else name
        values = [match.group(1).lower() for match in (re.search(pattern, line) for pattern in patterns) if match]
        if len(values) == len(patterns) and name not in found:
            found[name] = tuple(values)
    return found


# the terminal


class Terminal:
    """An SSH session that stays open, as the one that the administrator types into."""

    def __init__(self, ssh: dict[str, Any]) -> None:
        command = ["ssh", "-F", "/dev/null", "-T", "-p", str(ssh["port"]), "-i", ssh["key"], "-o", "IdentitiesOnly=yes"]
        command += ["-o", f"UserKnownHostsFile={ssh['known_hosts']}", "-o", "StrictHostKeyChecking=yes", f"{ssh['user']}@{ssh['host']}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def enter(self, command: str) -> str:
        """What the command prints."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{command}\necho '#'end\n")
        self.process.stdin.flush()
        printed: list[str] = []
        for line in self.process.stdout:
            if line == "#end\n":
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"the SSH session ended during: {command}")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture(params=VERSIONS)
def pool(request: pytest.FixtureRequest) -> Iterator[RunningTwin]:
    with RunningTwin(request.param, restart_seconds=1.0) as twin:
        yield twin


def test_every_listing_is_the_tutorials(pool: RunningTwin) -> None:
    old = pool.scenario.version.startswith("6.")
    meanings = Meanings()
    with Terminal(pool.endpoints["hosts"]["xs-1"]["ssh"]) as first, Terminal(pool.endpoints["hosts"]["xs-2"]["ssh"]) as second:
        terminals = {"xs-1": first, "xs-2": second}
        for typed in (*ON_THE_MASTER, *ON_THE_MEMBER_BEFORE, RESTART, *ON_THE_MEMBER_AFTER):
            found = terminals[typed.host].enter(typed.command)
            expected = meanings.filled(typed.printed, found)
            if old:
                assert without_blanks(found) == without_blanks(expected), f"{typed.host}: {typed.command}"
            else:
                assert facts(typed.command, found) == facts(typed.command, expected), f"{typed.host}: {typed.command}"
    assert set(meanings.known) == {"<network>", "<bond-1>", "<pif-1>", "<bond-2>", "<pif-2>"}


def test_typed_by_copy_and_paste_with_the_pages_quotation_marks() -> None:
    with RunningTwin("tutorial-6.2") as twin, Terminal(twin.endpoints["hosts"]["xs-1"]["ssh"]) as terminal:
        terminal.enter("NAS_PIF2_UUID=$(xe pif-list host-uuid=$INSTALLATION_UUID device=eth2 params=uuid | awk \u2018{ print $5 }\u2019)")
        printed = terminal.enter("echo -e \u201cStorage PIF UUID\u2019s:\\n PIF2: $NAS_PIF2_UUID\\n\u201d")
    assert without_blanks(printed) == ["Storage PIF UUID's:", "PIF2: 767aac49-ba37-3be7-5bad-87ae26d97e02"]
