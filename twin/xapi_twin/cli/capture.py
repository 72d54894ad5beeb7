# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`xapi-twin capture`: a pool as a file that can be played."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from xapi_twin.capture.anonymise import anonymised
from xapi_twin.capture.real_pool import CaptureError, Trust, capture
from xapi_twin.cli.files import CommandError, write_file
from xapi_twin.scenario import snapshot
from xapi_twin.scenario.dump import read_dump
from xapi_twin.scenario.listings import read_listings

# How Ansible, of which the variable is known, writes a boolean.
YES, NO = ("true", "yes", "on", "t", "y", "1"), ("false", "no", "off", "f", "n", "0")


def write_capture(options: argparse.Namespace) -> int:
    given = [path for path in (options.from_dump, options.from_xe) if path is not None]
    if len(given) > 1:
        raise CommandError("--from-dump and --from-xe are two ways to one pool: give one of them")
    text = _of_file(given[0], options) if given else _of_pool(options)
    if options.output is None:
        sys.stdout.write(text)
    else:
        write_file(options.output, text)
    return 0


def _of_pool(options: argparse.Namespace) -> str:
    if not options.hostname:
        raise CommandError("which pool? Name its master with --hostname or XENSERVER_HOST, or give --from-dump or --from-xe")
    trust = Trust(verify=_verifies(options.no_verify), ca_path=options.ca_path, fingerprint=options.fingerprint)
    try:
        return capture(options.hostname, options.username, _password(options), trust, options.timeout, options.anonymise)
    except CaptureError as error:
        raise CommandError(str(error)) from None


def _verifies(no_verify: bool) -> bool:
    """Whether the pool's certificate is verified. Only a clear no switches that off, and a slip is no answer."""
    said = os.environ.get("XENSERVER_VALIDATE_CERTS", "").strip()
    if said.lower() not in ("", *YES, *NO):
        raise CommandError(f"XENSERVER_VALIDATE_CERTS is {ascii(said)[:40]}, which is neither true nor false; the pool was not asked")
    return not no_verify and said.lower() not in NO


def _of_file(path: Path, options: argparse.Namespace) -> str:
    """A pool that one cannot reach, from what support has of it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    if options.from_dump is not None:
        records, schema, backend = read_dump(data, str(path))
    else:
        records, schema, backend = read_listings(data.decode(errors="replace"), str(path))
    return snapshot.write(anonymised(records) if options.anonymise else records, schema, backend)


def _password(options: argparse.Namespace) -> str:
    """Never from the command line: other users of the machine see that."""
    if options.password_file is not None:
        try:
            if kept := options.password_file.read_text(encoding="utf-8").rstrip("\n"):
                return str(kept)
        except OSError as error:
            raise CommandError(f"{options.password_file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options.password_file} is no text in UTF-8: is it the file with the password?") from None
    if os.environ.get("XENSERVER_PASSWORD"):
        return os.environ["XENSERVER_PASSWORD"]
    if not sys.stdin.isatty():
        raise CommandError("there is no password: set XENSERVER_PASSWORD or give --password-file")
    return getpass.getpass(f"Password of {options.username} at {options.hostname}: ", stream=sys.stderr)
