# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong between Ansible and XAPI, as sentences for an admin. Private to the collection."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

REFERENCE = re.compile(r"OpaqueRef:[0-9A-Za-z-]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


# Characters of a server's text that a message shows at the most.
MOST_SHOWN = 300


def visible(text: str) -> str:
    """The text without what a terminal obeys or hides: control characters (ESC and C1 among them), marks of direction, private ones.

    Names in XAPI are data that others write. Newlines stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one in "\n\t" or one.isprintable() else "?" if unicodedata.category(one) != "Zs" else " " for one in text)


def shown(text: object, most: int = MOST_SHOWN) -> str:
    """A server's text for a sentence: on one line, visible, and cut."""
    line = visible(" ".join(str(text)[: 4 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


class NetworkError(Exception):
    """A failure told in a sentence. `facts` are added to the failed result; neither ever holds a secret."""

    def __init__(self, message: str, **facts: Any) -> None:
        message = visible(message)
        super().__init__(message)
        self.message = message
        self.facts: dict[str, Any] = facts


class XapiFailure(NetworkError):
    """XAPI answered with an error: `code` and `params` are XAPI's own, `method` is what was called."""

    def __init__(self, method: str, code: str, params: Sequence[str] = (), names: Mapping[str, str] | None = None) -> None:
        text = f"{sentence(code, params, names=names or {})} ({method})"
        super().__init__(text, error_code=code, error_params=list(params), method=method)
        self.method = method
        self.code = code
        self.params = tuple(params)

    def named(self, names: Mapping[str, str]) -> XapiFailure:
        """The same failure with references replaced by names that an admin knows."""
        return XapiFailure(self.method, self.code, self.params, names)


class ConnectionLost(NetworkError):
    """No reply that can be read: the call may have been carried out. Read the state again, never call again."""


class Unreachable(ConnectionLost):
    """The connection could not be made, so this call certainly was not carried out."""


def sentence(code: str, params: Sequence[str] = (), *, names: Mapping[str, str] | None = None) -> str:
    """XAPI's error as a sentence that ends in a full stop.

    `names` maps references (and uuids) to what an admin calls the object: "eth2 of xs-1".
    """
    named = [_named(str(param), names or {}) for param in params]
    if code == "PIF_CONFIGURATION_ERROR" and len(params) == 2:
        named[1] = _script_error(str(params[1])) or named[1] or "XAPI gives no reason; the log of that host may (/var/log/xensource.log)"
    template = SENTENCES.get(code)
    if template is None:
        said = shown(", ".join(named))
        return f"XAPI answered {shown(code, 80)}{f' ({said})' if said else ''}."
    wanted = len(set(re.findall(r"\{(\d)\}", template)))
    return template.format(*named, *["an unknown object"] * (wanted - len(named)))


def _named(param: str, names: Mapping[str, str]) -> str:
    """One argument of an error; lists come as "[ref; ref]" or "ref,ref" in one string."""
    return shown(REFERENCE.sub(lambda match: names.get(match.group(), match.group()), param[: 4 * MOST_SHOWN]))


# What ovs-vsctl says under xcp-networkd, where an admin can do something about it (recorded: half_bond_bridge_left).
BRIDGE_LEFT = re.compile(r"because an interface named (\S{1,15}) already exists on bridge (\S{1,15})")
NO_DEVICE = re.compile(r"could not open network device (\S{1,15}) \(No such device\)")


def _script_error(text: str) -> str:
    text = text[: 40 * MOST_SHOWN]
    if left := BRIDGE_LEFT.search(text):
        nic, bridge = (shown(name) for name in left.groups())
        return (
            f"an incomplete bond has left {nic} in the bridge {bridge} of Open vSwitch, of which XAPI knows nothing; take that away in"
            f" dom0 of this host (ovs-vsctl del-br {bridge}) and run again"
        )
    if gone := NO_DEVICE.search(text):
        return f"dom0 of this host has no device {shown(gone.group(1))}; look at ip link and dmesg there"
    return ""


# The arguments are those of XAPI's own table of errors, in its order.
SENTENCES: Mapping[str, str] = {
    # sessions and rights
    "SESSION_AUTHENTICATION_FAILED": (
        "XAPI does not accept the password of user {0}: check username and password (XENSERVER_USER, XENSERVER_PASSWORD)."
    ),
    "SESSION_AUTHORIZATION_FAILED": "The user {0} may not log in to this pool: {1}.",
    "SESSION_INVALID": "The session is no longer valid: the master's xapi was restarted, or the session was ended by someone else.",
    "SESSION_NOT_REGISTERED": "The session is no longer registered for events.",
    "RBAC_PERMISSION_DENIED": "The user lacks the permission {0}: give it the role pool-operator. XAPI says: {1}.",
    "PERMISSION_DENIED": "Permission denied: {0}.",
    # hosts and the pool
    "HOST_IS_SLAVE": "This host is a member of a pool whose master is {0}: calls go to the master.",
    "HOST_STILL_BOOTING": "The host's xapi is still starting: try again in a minute.",
    "HOST_HAS_NO_MANAGEMENT_IP": "The host has no management address yet: its xapi is starting, or the management network is down.",
    "HOST_IN_EMERGENCY_MODE": "The host is in emergency mode: it cannot reach its pool's master. Look at xe pool-recover-slaves.",
    "HOST_OFFLINE": "{0} is offline, or its xapi is down.",
    "HOST_NOT_LIVE": "The host does not answer the master: its xapi is down, or the management network between them is.",
    "HOST_DISABLED": "{0} is disabled.",
    "CANNOT_CONTACT_HOST": "The master cannot reach {0}: its xapi is down, or the management network between them is.",
    "HOST_CANNOT_ATTACH_NETWORK": "{0} cannot attach {1}.",
    "HOST_HAS_RESIDENT_VMS": "{0} has running VMs.",
    "OTHER_OPERATION_IN_PROGRESS": "Another operation is under way on {0} {1}: wait until it has ended and run again.",
    "TOO_MANY_PENDING_TASKS": "The pool is busy: it has too many pending tasks. Run again when they have ended.",
    "TOO_BUSY": "The pool is too busy to answer. Run again later.",
    "TASK_CANCELLED": "The task was cancelled by someone else; what it had done until then is not undone.",
    "OPERATION_NOT_ALLOWED": "XAPI does not allow this now: {0}.",
    "OPERATION_BLOCKED": "This operation has been blocked on {0} by an administrator ({1}).",
    "NOT_SUPPORTED_DURING_UPGRADE": "Not possible during a rolling pool upgrade: finish the upgrade of all hosts first.",
    "LICENCE_RESTRICTION": "The pool's licence does not include {0}.",
    "FEATURE_RESTRICTED": "The pool's licence does not include this feature.",
    # high availability
    "HA_IS_ENABLED": "High availability is on: switch it off for the change.",
    "HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE": (
        "High availability is on and one of the NICs carries management: switch high availability off for the change."
    ),
    "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN": "High availability refuses: the change would break its fail-over plan.",
    # networks
    "NETWORK_ALREADY_CONNECTED": "{0} is already connected to the network by {1}: choose another network, or take that PIF off it first.",
    "NETWORK_CONTAINS_PIF": "The network still has PIFs on it: {0}. Take the bond off these hosts first.",
    "NETWORK_CONTAINS_VIF": "The network still has virtual interfaces of VMs on it: {0}. Move them to another network first.",
    "NETWORK_UNMANAGED": "XAPI does not manage the network {0}.",
    "NETWORK_INCOMPATIBLE_WITH_BOND": "The network {0} holds SR-IOV PIFs and cannot carry a bond.",
    "NETWORK_INCOMPATIBLE_PURPOSES": "The purpose {0} does not go together with the purpose {1} of another network in the pool.",
    "CANNOT_DESTROY_SYSTEM_NETWORK": "The network {0} belongs to the system and cannot be destroyed.",
    "BRIDGE_NAME_EXISTS": "Another network of the pool already uses the bridge {0}.",
    "BRIDGE_NOT_AVAILABLE": "The bridge {0} is not available.",
    "VIF_IN_USE": "The network {0} is in use by {1}.",
    # PIFs and bonds
    "PIF_ALREADY_BONDED": "{0} is already part of a bond: destroy that bond first, or leave this NIC out.",
    "PIF_VLAN_EXISTS": "{0} is a VLAN, and a bond is made of NICs.",
    "PIF_IS_VLAN": "{0} is a VLAN.",
    "PIF_IS_PHYSICAL": "{0} is a NIC.",
    "PIF_IS_NOT_PHYSICAL": "{0} is not a NIC.",
    "PIF_IS_SRIOV_LOGICAL": "{0} is the logical PIF of an SR-IOV network and cannot be bonded.",
    "IS_TUNNEL_ACCESS_PIF": "{0} is the end of a tunnel and cannot be bonded.",
    "PIF_UNMANAGED": "XAPI does not manage {0}: bring it under XAPI with xe pif-introduce or pif-scan.",
    "PIF_CANNOT_BOND_CROSS_HOST": "The NICs belong to different hosts.",
    "PIF_BOND_NEEDS_MORE_MEMBERS": "A bond needs NICs, and none was given.",
    "PIF_BOND_MORE_THAN_ONE_IP": (
        "More than one of the NICs has an IP configuration, and a bond takes over one: take the address off all but one (mode=none)."
    ),
    "INCOMPATIBLE_PIF_PROPERTIES": "The NICs have different properties (for instance gro): make them equal first.",
    "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE": "{0} has another primary address type (IPv4, IPv6) than the other NICs.",
    "PIF_HAS_FCOE_SR_IN_USE": "{0} carries FCoE storage that is in use: {1}.",
    "PIF_DOES_NOT_ALLOW_UNPLUG": "{0} must not be unplugged: its disallow_unplug is set.",
    "PIF_IS_MANAGEMENT_INTERFACE": "{0} carries the host's management.",
    "PIF_NOT_PRESENT": "{0} has no PIF on {1}.",
    "PIF_NOT_ATTACHED_TO_HOST": "{0} is not attached to {1}.",
    "PIF_DEVICE_NOT_FOUND": "The NIC is not there: dom0 does not see the device.",
    "PIF_CONFIGURATION_ERROR": "{0} could not be configured: {1}.",
    "PIF_VLAN_STILL_EXISTS": "{0} still carries VLANs.",
    "PIF_TUNNEL_STILL_EXISTS": "{0} still carries tunnels.",
    "CANNOT_PLUG_BOND_SLAVE": "{0} is part of a bond and cannot be plugged by itself.",
    "CANNOT_ADD_VLAN_TO_BOND_SLAVE": "{0} is part of a bond: a VLAN goes on the bond.",
    "OPENVSWITCH_NOT_ACTIVE": "This needs the Open vSwitch backend, and the host uses the Linux bridge.",
    "MAC_INVALID": "{0} is not a MAC address.",
    "INVALID_IP_ADDRESS_SPECIFIED": "The address given for {0} is not an IP address.",
    "INVALID_VALUE": "XAPI does not accept {1} for {0}.",
    "VLAN_TAG_INVALID": "{0} is not a VLAN tag (1 to 4094).",
    # objects, calls, data
    "HANDLE_INVALID": "The {0} {1} no longer exists: someone else has removed it, or its host was restarting.",
    "UUID_INVALID": "There is no {0} with the uuid {1}.",
    "MAP_DUPLICATE_KEY": "The key {3} is already there in {1} of {0} {2}.",
    "FIELD_TYPE_ERROR": "XAPI does not accept the type of the field {0}.",
    "MESSAGE_METHOD_UNKNOWN": "This version of XAPI does not know the call {0}.",
    "MESSAGE_PARAMETER_COUNT_MISMATCH": "This version of XAPI takes {1} arguments for {0}, and {2} were given.",
    "EVENT_FROM_TOKEN_PARSE_FAILURE": "XAPI does not accept the event token {0}.",
    "EVENTS_LOST": "XAPI has dropped events: the state has to be read again.",
    "NOT_IMPLEMENTED": "This version of XAPI does not implement {0}.",
    "INTERNAL_ERROR": "XAPI failed inside: {0}. Its log is /var/log/xensource.log on that host.",
}
