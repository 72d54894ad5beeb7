# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of `xe` that is in xapi: it carries out the commands that the program xe, in dom0 or elsewhere, hands over as words."""

from xapi_twin.xe.answer import answer
from xapi_twin.xe.request import Terminal

__all__ = ["Terminal", "answer"]
