# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script asks of the system that it runs on: who and where it is, its processes, memory and disks, its log."""

from __future__ import annotations

from xapi_twin.shell.call import Call
from xapi_twin.shell.files import memory
from xapi_twin.shell.listing import split

FOLDER = "/bin"


async def hostname(call: Call) -> int:
    call.out(call.host.dom0.hostname + "\n")
    return 0


async def uname(call: Call) -> int:
    product = call.machine.product
    flags = "".join(call.arguments).replace("-", "") or "s"
    machine = "i686" if product.version.startswith("6.") and product.version < "6.5" else "x86_64"
    facts = {"s": "Linux", "n": call.host.dom0.hostname, "r": product.kernel, "v": "#1 SMP", "m": machine, "o": "GNU/Linux"}
    call.out(" ".join(value for letter, value in facts.items() if letter in flags or "a" in flags) + "\n")
    return 0


async def identity(call: Call) -> int:
    flags, _unused = split(call.arguments)
    if call.name == "whoami" or "n" in flags:
        call.out("root\n")
    elif "u" in flags or "g" in flags:
        call.out("0\n")
    else:
        call.out("uid=0(root) gid=0(root) groups=0(root)\n")
    return 0


async def uptime(call: Call) -> int:
    call.out(f" {call.host.pool.now():%H:%M:%S} up 1 day,  1 user,  load average: 0.00, 0.00, 0.00\n")
    return 0


async def logger(call: Call) -> int:
    """`logger [-t TAG] [-p PRIORITY] [-i] [-s] MESSAGE`: into /var/log/messages."""
    flags, words = split(call.arguments, "tpfnPu")
    lines = [" ".join(words)]
    if not words:
        lines = (await call.input()).splitlines()
    now = call.host.pool.now()
    for line in lines:
        stamp = f"{now:%b} {now.day:>2} {now:%H:%M:%S}"
        call.host.dom0.service_log.append(f"{stamp} {call.host.dom0.hostname} {flags.get('t', 'root')}: {line}")
        del call.host.dom0.service_log[:-5000]
        if "s" in flags:
            call.err(f"{flags.get('t', 'root')}: {line}\n")
    return 0


async def nothing(call: Call) -> int:
    return 0


def daemons(call: Call) -> dict[int, str]:
    """Processes that no shell began: xapi alone of them comes and goes."""
    found = {1: "/usr/lib/systemd/systemd", 1101: "/usr/sbin/ovs-vswitchd", 1102: "/usr/sbin/xcp-networkd", 1103: "/usr/sbin/sshd"}
    if call.host.dom0.network_backend != "openvswitch":
        del found[1101]
    if call.host.xapi != "stopped":
        found[call.host.xapi_pid] = "/opt/xensource/bin/xapi"
    return found


async def pgrep(call: Call) -> int:
    """`pgrep [-f] NAME`, `pidof NAME`."""
    flags, names = split(call.arguments, "utP")
    found = [pid for pid, path in daemons(call).items() if names and names[-1] == path.rpartition("/")[2]]
    if "f" in flags and names:
        running = call.machine.processes.running
        found += [pid for pid, process in running.items() if pid != call.process.pid and names[-1] in process.command.replace("\0", " ")]
    call.out((" " if call.name == "pidof" else "\n").join(map(str, found)) + "\n" if found else "")
    return int(not found)


async def ps(call: Call) -> int:
    """`ps`, `ps -ef`, `ps aux`, `ps -p PID [-o …=]`."""
    words = call.arguments
    shown = daemons(call) | {pid: one.command.replace("\0", " ") for pid, one in call.machine.processes.running.items()}
    every = any(set("eaxA") & set(word) for word in words if word not in ("-p", "-o") and not word.isdigit())
    if "-p" in words and words[-1] != "-p":
        wanted = words[words.index("-p") + 1].split(",")
        shown = {pid: command for pid, command in shown.items() if str(pid) in wanted}
    elif not every:
        shown = {call.process.pid: call.process.name}
    rows = sorted(shown.items())
    if "-o" in words and words[-1] != "-o":
        column = words[words.index("-o") + 1]
        lines = [str(pid) if column.startswith("pid") else command for pid, command in rows]
    elif every and any("f" in word for word in words):
        lines = ["UID        PID  PPID  C STIME TTY          TIME CMD"]
        lines += [f"root     {pid:>5} {int(pid > 1):>5}  0 00:00 ?        00:00:00 {command}" for pid, command in rows]
    elif any("u" in word for word in words):
        lines = ["USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND"]
        lines += [f"root     {pid:>5}  0.0  0.1  10000  1000 ?        S    00:00   0:00 {command}" for pid, command in rows]
    else:
        lines = ["  PID TTY          TIME CMD"]
        lines += [f"{pid:>5} ?        00:00:00 {command.split()[0].rpartition('/')[2]}" for pid, command in rows]
    call.out("".join(f"{line}\n" for line in lines))
    return 0 if shown else 1


async def free(call: Call) -> int:
    flags, _unused = split(call.arguments)
    divisor = 1048576 if "g" in flags else 1024 if "m" in flags else 1
    known = {name: kib // divisor for name, kib in memory().items()}
    used = known["MemTotal"] - known["MemFree"]
    call.out(f"{'':14}{'total':>12}{'used':>12}{'free':>12}{'shared':>12}{'buff/cache':>12}{'available':>12}\n")
    figures = (known["MemTotal"], used, known["MemFree"], 0, known["Buffers"] + known["Cached"], known["MemAvailable"])
    call.out("Mem:".ljust(14) + "".join(f"{figure:>12}" for figure in figures) + "\n")
    call.out(f"{'Swap:':14}{known['SwapTotal']:>12}{0:>12}{known['SwapFree']:>12}\n")
    return 0


async def df(call: Call) -> int:
    flags, _unused = split(call.arguments)
    if "h" in flags:
        call.out("Filesystem      Size  Used Avail Use% Mounted on\n")
        call.out("/dev/sda1        18G  2.4G   15G  15% /\n/dev/sda5       3.9G  120M  3.6G   4% /var/log\n")
        return 0
    call.out("Filesystem     1K-blocks    Used Available Use% Mounted on\n")
    call.out("/dev/sda1       18446236 2516582  14969408  15% /\n/dev/sda5        4054752  122880   3705856   4% /var/log\n")
    return 0


async def lsblk(call: Call) -> int:
    call.out(
        "NAME   MAJ:MIN RM  SIZE RO TYPE MOUNTPOINT\nsda      8:0    0  100G  0 disk \n├─sda1   8:1    0   18G  0 part /\n"
        "├─sda2   8:2    0   18G  0 part \n├─sda3   8:3    0   59G  0 part \n├─sda5   8:5    0    4G  0 part /var/log\n"
        "└─sda6   8:6    0    1G  0 part [SWAP]\n"
    )
    return 0


async def dmesg(call: Call) -> int:
    """The kernel's words on the NICs."""
    kernel = call.machine.product.kernel
    call.out(f"[    0.000000] Linux version {kernel}\n")
    for number, nic in enumerate(call.host.dom0.nics.values(), 1):
        state = f"Link is Up - {nic.speed}Mbps/{'Full' if nic.duplex else 'Half'}" if nic.carrier else "Link is Down"
        call.out(f"[   {10 + number}.000000] {nic.device}: {state}\n")
    return 0


COMMANDS = {
    "hostname": hostname, "uname": uname, "id": identity, "whoami": identity, "uptime": uptime, "logger": logger, "pgrep": pgrep,
    "pidof": pgrep, "ps": ps, "free": free, "df": df, "lsblk": lsblk, "dmesg": dmesg, "sync": nothing, "stty": nothing, "mesg": nothing,
    "chkconfig": nothing, "tput": nothing,
}  # fmt: skip
