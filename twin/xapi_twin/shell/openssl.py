# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`openssl x509` as administrators use it on the certificate of a host: print it, or its fingerprint."""

from __future__ import annotations

import hashlib
import re
import ssl

from xapi_twin.shell.call import Call

FOLDER = "/usr/bin"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)
_DIGESTS = {"-sha1": "sha1", "-sha256": "sha256", "-sha384": "sha384", "-sha512": "sha512"}
_OPTIONS = {"x509", "-noout", "-fingerprint", *_DIGESTS}


async def openssl(call: Call) -> int:
    """`openssl x509 [-noout] [-fingerprint] [-sha256] [-in FILE]`; nothing else is known."""
    words = list(call.arguments)
    path = ""
    if "-in" in words[:-1]:
        place = words.index("-in")
        path = words[place + 1]
        del words[place : place + 2]
    strange = [word for word in words if word not in _OPTIONS]
    if words[:1] != ["x509"] or strange:
        return call.fail(f"this dom0 knows openssl x509 with -in, -noout, -fingerprint and {', '.join(_DIGESTS)} only")
    found = _PEM.search(await _text(call, path))
    if found is None:
        return call.fail(f"Could not read certificate from {path or '<stdin>'}")
    if "-fingerprint" in words:
        name = next((_DIGESTS[word] for word in words if word in _DIGESTS), "sha1")
        digest = hashlib.new(name, ssl.PEM_cert_to_DER_cert(found[0])).hexdigest().upper()
        call.out(f"{name} Fingerprint={':'.join(digest[place : place + 2] for place in range(0, len(digest), 2))}\n")
    if "-noout" not in words:
        call.out(found[0])
    return 0


async def _text(call: Call, path: str) -> str:
    if path:
        files, full = call.context.fs, call.absolute(path)
        return bytes(files.read_file(full)).decode("utf-8", "replace") if files.exists(full) else ""
    return await call.input()


COMMANDS = {"openssl": openssl}
