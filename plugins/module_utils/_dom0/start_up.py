# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the start of a host's xapi is complete, which its dom0 knows: the command that waits for it."""

from __future__ import annotations

PATH = "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin:/opt/xensource/bin; export PATH; "
# What a shell answers that does not know xapi-wait-init-complete: dom0 cannot tell.
NO_SUCH_COMMAND = 127
SOON = 30  # seconds


def complete(seconds: int) -> str:
    """The command that waits for so many seconds at the most and ends with status 0 when the start is complete.

    The cookie that it waits for is taken away when xapi stops and written last of all when it starts (xen-api, ocaml/xapi/xapi.ml). The
    script looks once a second, so the cookie is looked for more often at first; the script has the last word.
    """
    soon = min(SOON, max(0, seconds - 1))
    return PATH + (
        f"i=0; while [ $i -lt {10 * soon} ] && ! [ -e /var/run/xapi_init_complete.cookie ]; do sleep 0.1 || sleep 1; i=$((i + 1)); done;"
        f" xapi-wait-init-complete {seconds - soon}"
    )
