# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes with a version of xapi: the product around it, its dom0 and the words its tools use."""

from __future__ import annotations

from dataclasses import dataclass

from xapi_twin.datamodel.schema import release


@dataclass(frozen=True)
class Formats:
    """Whose output dom0's commands print.

    `ifconfig` is "old" (net-tools 1.60, CentOS 5) or "new" (net-tools 2); `ovs` is the Open vSwitch version, which decides
    on the columns of bond/list and the words of bond/show (xen-api's link monitor broke on them: CA-388437, CA-400924).
    """

    ifconfig: str = "new"
    ovs: str = "2.17.7"


@dataclass(frozen=True)
class Product:
    """The product that a version of xapi came in, and the facts of its dom0."""

    brand: str
    version: str
    platform: str
    api: tuple[int, int]
    centos: str
    kernel: str
    systemd: bool
    formats: Formats


_SYSV = Formats(ifconfig="old", ovs="1.4.6")
_OVS_2_3 = Formats(ifconfig="new", ovs="2.3.2")
_OVS_2_5 = Formats(ifconfig="new", ovs="2.5.3")
_OVS_2_17 = Formats(ifconfig="new", ovs="2.17.7")

# The first version of each, newest first; field-report.md §4 (versions of Open vSwitch before 7.1 from memory there).
_PRODUCTS: tuple[tuple[str, Product], ...] = (
    ("26.4", Product("XCP-ng", "9.0.0", "3.5.0", (2, 23), "CentOS Linux release 9", "6.6.0", True, _OVS_2_17)),
    ("24.5", Product("XCP-ng", "8.3.0", "3.4.0", (2, 21), "XCP-ng release 8.3.0 (xenenterprise)", "4.19.0+1", True, _OVS_2_17)),
    ("1.249", Product("XCP-ng", "8.2.1", "3.2.1", (2, 16), "XCP-ng release 8.2.1 (xenenterprise)", "4.19.0+1", True, _OVS_2_5)),
    ("1.160", Product("XCP-ng", "8.0.0", "3.0.0", (2, 14), "XCP-ng release 8.0.0 (xenenterprise)", "4.19.0+0", True, _OVS_2_5)),
    ("1.44", Product("XCP-ng", "7.6.0", "2.7.0", (2, 10), "XCP-ng release 7.6.0 (xenenterprise)", "4.4.0+10", True, _OVS_2_5)),
    ("7.0", Product("XenServer", "7.0.0", "2.1.0", (2, 5), "XenServer release 7.0.0", "3.10.0+2", True, _OVS_2_3)),
    ("6.5", Product("XenServer", "6.5.0", "1.9.0", (2, 3), "XenServer release 6.5.0-90233c (xenenterprise)", "3.10.0+2", False,
                    Formats(ifconfig="old", ovs="2.1.3"))),
    ("6.2", Product("XenServer", "6.2.0", "1.8.0", (2, 0), "XenServer release 6.2.0-70446c (xenenterprise)",
                    "2.6.32.43-0.4.1.xs1.8.0.835.170778xen", False, _SYSV)),
    ("6.0", Product("XenServer", "6.0.2", "1.4.90", (1, 9), "XenServer release 6.0.2-53456p (xenenterprise)",
                    "2.6.32.12-0.7.1.xs6.0.2.542.170665xen", False, _SYSV)),
)  # fmt: skip


def product_of(version: str) -> Product:
    """The product of a version of xapi (or of the product itself). Raises ValueError for a text that is no version."""
    stated = release(version)
    for first, product in _PRODUCTS:
        if stated >= release(first):
            return product
    return _PRODUCTS[-1][1]


def software_version(version: str, backend: str) -> dict[str, str]:
    """host.software_version, as far as the network goes. The keys are those of the recordings."""
    product = product_of(version)
    numbered = release(version) >= (1, 9)
    short = ".".join(version.split(".")[:2])
    facts = {
        "product_version": product.version,
        "product_version_text": product.version.rsplit(".", 1)[0] if product.version.endswith(".0") else product.version,
        "product_version_text_short": product.version.rsplit(".", 1)[0],
        "product_brand": product.brand,
        "platform_name": "XCP",
        "platform_version": product.platform,
        "build_number": "cloud" if product.brand == "XCP-ng" else "70446c",
        "hostname": "localhost",
        "date": "2024-10-01",
        "network_backend": backend,
        "linux": product.kernel,
        "xen": "4.17.5" if product.systemd else "4.1.5",
        "xapi": short if numbered else "1.3",
        "xencenter_min": "{}.{}".format(*product.api),
        "xencenter_max": "{}.{}".format(*product.api),
    }
    if numbered:
        facts["xapi_build"] = version
    return facts
