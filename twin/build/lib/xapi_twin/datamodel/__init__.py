# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts that come with a version of xapi: its classes and messages, its errors, its releases. Imports nothing of the twin."""
