# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML-RPC and JSON-RPC: values as XAPI writes them, requests read, replies written."""
