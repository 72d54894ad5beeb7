# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients fetch with GET: measurements, of which a twin has none, and the database. Whatever else a xapi has is not found here."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

from xapi_twin.scenario.dump import write_dump
from xapi_twin.server.reply import Reply
from xapi_twin.xapi.state import XapiState

# The paths that a xapi serves with GET (datamodel.ml: http_actions). Of all others it says that they are forbidden (recorded).
SERVED = frozenset({
    "/rrd_updates", "/host_rrd", "/vm_rrd", "/sr_rrd", "/pool/xmldbdump", "/export", "/export_metadata", "/export_raw_vdi",
    "/host_backup", "/host_logs_download", "/audit_log", "/system-status", "/console", "/vncsnapshot", "/blob", "/services",
    "/wlb_report", "/wlb_diagnostics", "/message_rss_feed", "/rss", "/updates", "/host_updates", "/repository",
    "/pool_patch_download", "/config_sync", "/changed_blocks",
})  # fmt: skip

_STEP = 5


def get(pool: XapiState, target: str, authorization: str = "") -> Reply | None:
    """The reply to a GET; None: no xapi serves this path."""
    parts = urlsplit(target)
    if parts.path.rstrip("/") not in SERVED:
        return None
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if not _may(pool, query.get("session_id", ""), authorization):
        return Reply(401, "Unauthorised", "<html><body><h1>HTTP 401 unauthorised</h1></body></html>")
    if parts.path == "/rrd_updates":
        return _no_measurements(pool, query)
    if parts.path == "/pool/xmldbdump":
        records = {cls: pool.database.all(cls) for cls in pool.schema.classes}
        return Reply(200, "OK", write_dump(records, pool.schema), "text/xml")
    return Reply(404, "Not Found", "<html><body><h1>HTTP 404 not found</h1></body></html>")


def _may(pool: XapiState, session: str, authorization: str) -> bool:
    """A session of the pool, or a user and a password."""
    if session:
        return pool.database.find("session", session) is not None
    kind, _unused, encoded = authorization.partition(" ")
    try:
        user, _unused, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return False
    return kind.lower() == "basic" and bool(password) and pool.passwords.get(user) == password


def _no_measurements(pool: XapiState, query: dict[str, str]) -> Reply:
    """An answer of xcp-rrdd from a host that has no data source."""
    now = int(pool.now().timestamp())
    start = int(query["start"]) if query.get("start", "").isdigit() else now
    meta = {"start": min(start, now), "step": _STEP, "end": now, "rows": 0, "columns": 0}
    if query.get("json") == "true":
        return Reply(200, "OK", json.dumps({"meta": {**meta, "legend": []}, "data": []}), "text/json")
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in meta.items())
    return Reply(200, "OK", f"<xport><meta>{fields}<legend></legend></meta><data></data></xport>", "text/xml")
