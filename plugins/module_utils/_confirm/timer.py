# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The timer in dom0 that takes a change back when nobody confirms it: the commands that arm, confirm and ask it, and their answers. Pure.

dom0 gets nothing but POSIX shell: no Python, no systemd, every release from XenServer 6 on. One folder holds the timer of a host; making
that folder is what arms it, and making `decided` in it is what ends it, so that of two who come at once one wins (mkdir(2) is atomic).
The timer is a process of its own, which neither the end of the SSH session nor a restart of xapi ends; it ends by itself. It logs to
syslog and to a file, and what it did stands in a file until somebody has read it.
"""

from __future__ import annotations

import shlex

from ansible_collections.xapi.network.plugins.module_utils._confirm.undo import Nic, Undo, Vlan
from ansible_collections.xapi.network.plugins.module_utils._dom0.timer_state import BASE, FUNCTIONS, MARK

INVENTORY = "/etc/xensource-inventory"
# xapi may be starting, or the master be away, when the time is up: so often dom0 tries, with seconds between.
TRIES, PAUSE = 120, 5
# A timer that died (the host was switched off) must not block a later one for ever.
STALE_SECONDS = TRIES * PAUSE + 300
_HEAD = "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin:/opt/xensource/bin; LC_ALL=C; export PATH LC_ALL; umask 077"

# The functions of the undo that bring one NIC back: attached, with the address that it had, and as pluggable as it was.
_ONE_NIC = """\
plug() {
  [ "$(value "$1" currently-attached)" = true ] && return 0
  said=$(xe pif-plug uuid="$1" 2>&1) || { why="xe pif-plug uuid=$1: $said"; return 1; }
  did=1
}
address() {
  [ "$(value "$1" IP-configuration-mode)" = "$2" ] && [ "$2" != Static -o "$(value "$1" IP)" = "$3" ] && return 0
  case $2 in
    Static) said=$(xe pif-reconfigure-ip uuid="$1" mode=static IP="$3" netmask="$4" gateway="$5" DNS="$6" 2>&1);;
    DHCP) said=$(xe pif-reconfigure-ip uuid="$1" mode=dhcp 2>&1);;
    *) said=$(xe pif-reconfigure-ip uuid="$1" mode=none 2>&1);;
  esac || { why="xe pif-reconfigure-ip uuid=$1: $said"; return 1; }
  did=1
}
fixed() {
  [ "$(value "$1" disallow-unplug)" = "$2" ] && return 0
  said=$(xe pif-param-set uuid="$1" disallow-unplug="$2" 2>&1) || { why="xe pif-param-set uuid=$1: $said"; return 1; }
  did=1
}"""

# The functions that bring one VLAN back: on its NIC ($1; "" is none), with its tag, network and address; then its note goes. XAPI has no
# call that moves a VLAN: it ends and is made anew. VLAN.destroy takes the bridge away below a VM, so a VLAN that one is connected through
# stays where XAPI has brought it, as does its note, and that is said. Where there are two of it, which an incomplete bond can leave, they
# share a bridge, and both are made anew.
_ONE_VLAN = """\
vlan() {
  there=$(xe pif-list host-uuid="$host" network-uuid="$3" VLAN="$2" --minimal 2>/dev/null) || { why='xe does not answer'; return 1; }
  on=''
  case $there in
    ''|*,*) ;;
    *) on=$(xe vlan-param-get uuid="$(value "$there" vlan-master-of)" param-name=tagged-PIF 2>/dev/null) ||
      { why='xe does not answer'; return 1; };;
  esac
  if [ -n "$there" ] && [ "$on" != "$1" ]; then
    used "$3"
    case $? in
      0) kept="${kept:+$kept; }VLAN $2 stays where XAPI has brought it: a VM is connected through it"; return 0;;
      2) why='xe does not answer'; return 1;;
    esac
    for pif in $(echo "$there" | tr , ' '); do
      said=$(xe vlan-destroy uuid="$(value "$pif" vlan-master-of)" 2>&1) || { why="xe vlan-destroy of VLAN $2: $said"; return 1; }
      did=1
    done
    there=''
  fi
  if [ -n "$1" ] && [ -z "$there" ]; then
    there=$(xe vlan-create pif-uuid="$1" vlan="$2" network-uuid="$3" 2>&1) || { why="xe vlan-create of VLAN $2: $there"; return 1; }
    did=1
  fi
  if [ -n "$1" ]; then plug "$there" && address "$there" "$4" "$5" "$6" "$7" "$8" || return 1; fi
  forget "$9" "${10}"
}
used() {
  machines=$(xe vif-list network-uuid="$1" currently-attached=true params=vm-uuid --minimal 2>/dev/null) || return 2
  for vm in $(echo "$machines" | tr , ' '); do
    where=$(xe vm-param-get uuid="$vm" param-name=resident-on 2>/dev/null) || return 2
    [ "$where" = "$host" ] && return 0
  done
  return 1
}
forget() {
  xe pif-param-get uuid="$1" param-name=other-config param-key="$2" >/dev/null 2>&1 || return 0
  xe pif-param-remove uuid="$1" param-name=other-config param-key="$2" >/dev/null 2>&1
  return 0
}"""


# What is wrong with a bond before it goes, as far as its own host can tell: the last chance to see it. A NIC that Open vSwitch has disabled
# may be one that only waits for its updelay. A switch that does not answer must not keep dom0 from taking the bond back; an ovs-appctl that
# does not know -T fails, and nothing is said.
_LOOK = """\
look() {
  device=$(value "$(xe bond-param-get uuid="$1" param-name=master 2>/dev/null)" device)
  [ -n "$device" ] || return 0
  state=$(cat "/proc/net/bonding/$device" 2>/dev/null || ovs-appctl -T 5 bond/show "$device" 2>/dev/null)
  case $state in
    *'802.3ad'*|*'lacp_status: '[cn]*) partners "$device";;
  esac
  case $state in
    *'lacp_status: configured'*|*'Partner Mac Address: 00:00:00:00:00:00'*) saw="LACP of $device had no partner";;
    *'may_enable: false'*|*'MII Status: down'*) saw=${saw:-"a NIC of $device had no link"};;
  esac
}
partners() {
  heard=$(cat "/proc/net/bonding/$1" 2>/dev/null || ovs-appctl -T 5 lacp/show "$1" 2>/dev/null)
  heard=$(printf '%s\\n' "$heard" | awk '/^details/ { theirs = /partner/ } theirs && /system mac address:/ { id = $4 }
    /partner sys_id:/ { id = $3 } /partner key:|oper key:/ { print id " (key " $3 ")" }' | sort -u)
  case $heard in
    *"
"*) heard=$(printf '%s\\n' "$heard" | sed 's/00:00:00:00:00:00.*/none/' | paste -s -d , | sed 's/,/, /g')
      saw="the NICs of $1 had different LACP partners: $heard";;
  esac
}"""


def arm(undo: Undo, seconds: int, owner: str, base: str = BASE, inventory: str = INVENTORY) -> str:
    """The command that arms the timer. `owner` says who armed it, for whoever finds it."""
    return f"""{_head(undo, base, inventory)}
mkdir -p "$base" && chmod 700 "$base" || {{ echo "{MARK} failed $base cannot be made"; exit 0; }}
if ! mkdir "$timer" 2>/dev/null; then
  until=$(cat "$timer/until" 2>/dev/null || echo 0)
  if alive && [ "$(date +%s)" -lt $((until + {STALE_SECONDS})) ]; then
    echo "{MARK} busy $until $(cat "$timer/owner")"; exit 0
  fi
  rm -rf "$timer"; mkdir "$timer" || {{ echo "{MARK} failed $timer cannot be made"; exit 0; }}
fi
until=$(($(date +%s) + {int(seconds)}))
echo "$until" > "$timer/until"; printf '%s\\n' {shlex.quote(_one_line(owner))} > "$timer/owner"
cat > "$timer/undo" <<'xapi.network end of undo'
{_undo(undo, seconds, base)}
xapi.network end of undo
if command -v setsid >/dev/null 2>&1; then setsid sh "$timer/undo" </dev/null >/dev/null 2>&1 &
else nohup sh "$timer/undo" </dev/null >/dev/null 2>&1 &
fi
tries=0
while [ ! -s "$timer/pid" ] && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 1; done
[ -s "$timer/pid" ] && echo "{MARK} armed $until" || echo "{MARK} failed the timer did not start"
last
rm -f "$base/taken_back" """.rstrip()


def confirm(undo: Undo, base: str = BASE, inventory: str = INVENTORY) -> str:
    """The command that ends the timer and leaves the change as it is."""
    return f"""{_head(undo, base, inventory)}
if [ ! -d "$timer" ]; then echo "{MARK} none"; last; exit 0; fi
if mkdir "$timer/decided" 2>/dev/null; then
  alive && kill "$process" 2>/dev/null; rm -rf "$timer"; rmdir "$base" 2>/dev/null; echo "{MARK} confirmed"
else echo "{MARK} taking_back $(cat "$timer/until" 2>/dev/null) $(cat "$timer/owner" 2>/dev/null)"
fi"""


def ask(undo: Undo, base: str = BASE, inventory: str = INVENTORY) -> str:
    """The command that asks whether a timer runs, and what the last one did."""
    return f"""{_head(undo, base, inventory)}
standing"""


def _head(undo: Undo, base: str, inventory: str) -> str:
    return f"""{_HEAD}
base={shlex.quote(base)}; timer=$base/timer
{FUNCTIONS}
host=$(. {shlex.quote(inventory)} 2>/dev/null && echo "$INSTALLATION_UUID")
[ "$host" = {shlex.quote(undo.host)} ] || {{ echo "{MARK} other_host 0 $host"; exit 0; }}"""


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:200]


def _undo(undo: Undo, seconds: int, base: str) -> str:
    """The script that waits and then takes back. It exits in any case, and leaves what it did in `taken_back`."""
    nics = " ".join(shlex.quote(nic.uuid) for nic in undo.nics)
    restore = "\n".join([*(_restore(nic) for nic in undo.nics), *(_put_back(vlan) for vlan in undo.vlans)])
    return f"""{_HEAD}
base={shlex.quote(base)}; timer=$base/timer; host={shlex.quote(undo.host)}
echo $$ > "$timer/pid"
say() {{ logger -t xapi.network "$*" 2>/dev/null; echo "$(date) $*" >> "$base/log"; }}
value() {{ xe pif-param-get uuid="$1" param-name="$2" 2>/dev/null; }}
left={int(seconds)}
while [ $left -gt 0 ] && [ ! -d "$timer/decided" ]; do sleep 1; left=$((left - 1)); done
mkdir "$timer/decided" 2>/dev/null || exit 0
say "nobody confirmed the bond within {int(seconds)} s; taking it back"
{_LOOK}
take_back() {{
  bonds=''; kept=''
  for nic in {nics}; do
    bond=$(value "$nic" bond-slave-of) || {{ why='xe does not answer'; return 1; }}
    case "$bond" in *-*-*-*-*) case " $bonds " in *" $bond "*) ;; *) bonds="$bonds $bond";; esac;; esac
  done
  for bond in $bonds; do
    look "$bond"
    said=$(xe bond-destroy uuid="$bond" 2>&1) || {{ why="xe bond-destroy uuid=$bond: $said"; return 1; }}
    say "destroyed the bond $bond${{saw:+: $saw}}"; did=1
  done
{restore}
  return 0
}}
{_ONE_NIC}
{_ONE_VLAN if undo.vlans else ":"}
tries=0; outcome=failed; why=''; did=''; saw=''; kept=''
while [ $tries -lt {TRIES} ]; do
  tries=$((tries + 1))
  # Twice without a bond: one that xapi was making as the time ran out is found by the second look.
  if take_back && sleep {PAUSE} && take_back; then outcome=done; why=''; break; fi
  sleep {PAUSE}
done
saw="$saw${{saw:+${{kept:+; }}}}$kept"
say "taking back: $outcome $why${{kept:+ $kept}}"
# Where nothing had been made yet, there is nothing to tell.
[ "$outcome$did" = done ] || printf '%s\\n' "$(date +%s) {int(seconds)} $outcome $(cat "$timer/owner") | ${{why:-$saw}}" |
  tr '\\000-\\011\\013-\\037' ' ' | head -n 1 | cut -c 1-400 > "$base/taken_back"
rm -rf "$timer\""""


def _restore(nic: Nic) -> str:
    words = [nic.uuid, nic.mode, nic.ip, nic.netmask, nic.gateway, nic.dns]
    quoted = " ".join(shlex.quote(word) if word else "''" for word in words)
    fixed = f"fixed {shlex.quote(nic.uuid)} {'true' if nic.disallow_unplug else 'false'}"
    return f"  plug {shlex.quote(nic.uuid)} && address {quoted} && {fixed} || return 1"


def _put_back(vlan: Vlan) -> str:
    words = [vlan.nic, str(vlan.tag), vlan.network, vlan.mode, vlan.ip, vlan.netmask, vlan.gateway, vlan.dns, vlan.noted, vlan.key]
    return f"  vlan {' '.join(map(shlex.quote, words))} || return 1"
