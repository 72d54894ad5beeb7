# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m xapi_twin.cli``: as ``xapi-twin``."""

import sys

from xapi_twin.cli.main import main

sys.exit(main())
