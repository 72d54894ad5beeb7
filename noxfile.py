# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes sessions of nox from antsibull-nox.toml."""

import antsibull_nox

antsibull_nox.load_antsibull_nox_toml()
