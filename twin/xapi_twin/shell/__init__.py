# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dom0's shell: runs what is typed or sent over SSH against the twin, never against this machine.

The language and the text tools are those of the library bashkit; dom0's own commands are here, a file for each family. `run` is one
command as SSH's exec gives it, `session` the same over streams; `Interactive` lives on between two lines.
"""

from xapi_twin.shell.machine import Host, Machine
from xapi_twin.shell.programs import machine
from xapi_twin.shell.session import Interactive, Output, run, session

__all__ = ["Host", "Interactive", "Machine", "Output", "machine", "run", "session"]
