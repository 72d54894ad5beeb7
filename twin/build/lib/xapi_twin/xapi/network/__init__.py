# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What xapi does when a pool's network changes: one module per kind of object, each function done at the host that it concerns.

A rule gets the `Twin` first, writes records through `pool.database` and dom0 through the host's backend, and raises XapiError with xapi's
own code and arguments. The rules were read in the sources of xen-api (v1.249 to v26.17) and are held to recordings of a real one.
"""

from __future__ import annotations
