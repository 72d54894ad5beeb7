# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for AWX's REST API: as much of it as the modules of awx.awx use to set up templates, with AWX's own checks of what may be
stored.

Facts: awx/main/fields.py and awx/api/views (surveys, credential types), awx.awx plugins/module_utils/controller_api.py (paths, status
codes).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

Record = dict[str, Any]
SURVEY_TYPES = ("text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect")


class Refused(Exception):
    """AWX would answer 400 with this."""


class Controller:
    """The records of one AWX, by endpoint ("job_templates") and id. `writes` counts what changed anything."""

    def __init__(self) -> None:
        self.records: dict[str, dict[int, Record]] = {"organizations": {}}
        self.surveys: dict[str, Record] = {}
        self.associations: dict[str, list[int]] = {}
        self.writes = 0
        self.create("organizations", {"name": "Default"})

    def all(self, endpoint: str) -> dict[str, Record]:
        return {record.get("identifier") or record["name"]: record for record in self.records.get(endpoint, {}).values()}

    def create(self, endpoint: str, values: Record) -> Record:
        check(endpoint, values)
        number = sum(map(len, self.records.values())) + 1
        url = f"/api/v2/{endpoint}/{number}/"
        survey = {"survey_spec": f"{url}survey_spec/"} if "survey_enabled" in values else {}
        record = {**values, "id": number, "url": url, "type": endpoint.rstrip("s"), "related": survey, "summary_fields": {}}
        if endpoint == "projects":
            record["scm_revision"] = "0" * 40
        self.records.setdefault(endpoint, {})[number] = record
        self.writes += 1
        return record

    def change(self, endpoint: str, number: int, values: Record) -> Record:
        check(endpoint, values)
        record = self.records[endpoint][number]
        record.update(values)
        self.writes += 1
        return record

    def associate(self, path: str, values: Record) -> None:
        ids = self.associations.setdefault(path, [])
        if values.get("disassociate"):
            ids.remove(values["id"])
        elif values["id"] not in ids:
            ids.append(values["id"])
        self.writes += 1

    def approval(self, node: int, values: Record) -> Record:
        """The approval template of a workflow node, made with it."""
        record = self.create("workflow_approval_templates", values)
        self.records["workflow_job_template_nodes"][node]["related"]["unified_job_template"] = record["url"]
        return record

    def find(self, endpoint: str, query: dict[str, str]) -> list[Record]:
        rows = list(self.records.get(endpoint, {}).values())
        if endpoint == "unified_job_templates":
            rows = [row for name in ("job_templates", "projects", "inventory_sources") for row in self.records.get(name, {}).values()]
        wanted = {key: value for key, value in query.items() if not key.startswith(("page", "order", "or__", "type"))}
        return [row for row in rows if all(str(row.get(key.split("__")[0])) == value for key, value in wanted.items())]


def check(endpoint: str, values: Record) -> None:
    """Raises Refused for what AWX would not store."""
    if endpoint == "credential_types":
        _check_credential_type(values)


def check_survey(survey: Record) -> None:
    if set(survey) != {"name", "description", "spec"}:
        raise Refused("a survey has name, description and spec")
    seen: set[str] = set()
    for question in survey["spec"]:
        missing = {"question_name", "variable", "type", "required"} - set(question)
        if missing:
            raise Refused(f"survey question without {missing}")
        if question["variable"] in seen:
            raise Refused(f"two questions about {question['variable']}")
        seen.add(question["variable"])
        if question["type"] not in SURVEY_TYPES:
            raise Refused(f"no survey type {question['type']}")
        if not isinstance(question["required"], bool):
            raise Refused("required is a boolean")
        choices = question.get("choices", [])
        if question["type"].startswith("multi") and question.get("default", "") not in (*choices, ""):
            raise Refused(f"{question['default']} is not one of {choices}")
        if not isinstance(question.get("default", ""), str):
            raise Refused(f"the default of {question['variable']} is not a string")


def _check_credential_type(values: Record) -> None:
    if values.get("kind") not in ("cloud", "net"):
        raise Refused("custom credential types are of kind cloud or net")
    fields = values["inputs"]["fields"]
    if not set(values["inputs"].get("required", [])) <= {field["id"] for field in fields}:
        raise Refused("a required field is not there")
    for field in fields:
        unknown = set(field) - {"id", "type", "label", "help_text", "secret", "multiline", "choices", "format", "default", "ask_at_runtime"}
        if unknown or field["type"] not in ("string", "boolean") or not field.get("label"):
            raise Refused(f"bad field {field}: {unknown}")
        if field["type"] == "boolean" and set(field) & {"secret", "multiline", "choices"}:
            raise Refused(f"{field['id']} is a boolean and cannot be secret or multiline")
    render_injectors(values, {field["id"]: "EXAMPLE" for field in fields}, strict=True)


class _FileNames:
    """tower.filename of AWX's templates: the path itself, or a path for each template.NAME."""

    def __init__(self, names: dict[str, str]) -> None:
        self.__dict__.update(names)


def render_injectors(
    credential_type: Record, inputs: Record, *, strict: bool = False, folder: str = "/runner"
) -> tuple[dict[str, str], dict[str, str]]:
    """Environment and files (path: content) that AWX makes from a credential, as awx/main/models/credential.py does: strings that were not
    given are undefined, booleans that were not given are false."""
    values: Record = {field["id"]: False for field in credential_type["inputs"]["fields"] if field["type"] == "boolean"}
    values |= {key: value for key, value in inputs.items() if isinstance(value, bool) or value}
    jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined) if strict else ImmutableSandboxedEnvironment()
    injectors = credential_type["injectors"]
    if set(injectors) - {"env", "file", "extra_vars"}:
        raise Refused(f"no such injector: {set(injectors)}")
    names = {label.partition(".")[2]: f"{folder}/credential_{label}" for label in injectors.get("file", {})}
    try:
        texts = {label.partition(".")[2]: jinja.from_string(text).render(values) for label, text in injectors.get("file", {}).items()}
        files = {names[name]: text for name, text in texts.items()}
        values["tower"] = {"filename": _FileNames(names)}
        environment = {name: jinja.from_string(text).render(values) for name, text in injectors.get("env", {}).items()}
    except TemplateError as error:
        raise Refused(f"an injector cannot be rendered: {error}") from error
    for name in environment:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith("ANSIBLE_"):
            raise Refused(f"{name} cannot be set by a credential")
    return environment, files


class _Handler(BaseHTTPRequestHandler):
    controller: Controller
    token: str
    protocol_version = "HTTP/1.1"

    def log_message(self, *_unused: Any) -> None:
        pass

    def _answer(self, status: int, body: Any = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(text)

    def _handle(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._answer(401, {"detail": "Authentication credentials were not provided."})
        url = urlsplit(self.path)
        words = [word for word in url.path.split("/") if word][2:]
        try:
            status, answer = self._route(method, words, url.path, dict(parse_qsl(url.query)), json.loads(body) if body else {})
        except Refused as error:
            status, answer = 400, {"__all__": [str(error)]}
        except KeyError:
            status, answer = 404, {"detail": "Not found."}
        self._answer(status, answer)

    def _route(self, method: str, words: list[str], path: str, query: dict[str, str], values: Record) -> tuple[int, Any]:
        controller = self.controller
        if len(words) == 1:
            if method == "POST":
                return 201, controller.create(words[0], values)
            return 200, _page(controller.find(words[0], query))
        endpoint, number = words[0], int(words[1])
        if len(words) == 2:
            return 200, controller.change(endpoint, number, values) if method == "PATCH" else controller.records[endpoint][number]
        if words[2] == "survey_spec":
            if method == "POST":
                check_survey(values)
                controller.surveys[path] = values
                controller.writes += 1
                return 200, None
            return 200, controller.surveys.get(path, {})
        if words[2] == "create_approval_template":
            return 201, controller.approval(number, values)
        if method == "POST":
            controller.associate(path, values)
            return 204, None
        every = {key: row for rows in controller.records.values() for key, row in rows.items()}
        return 200, _page([every[key] for key in controller.associations.get(path, [])])

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PATCH(self) -> None:
        self._handle("PATCH")


def _page(rows: list[Record]) -> Record:
    return {"count": len(rows), "next": None, "previous": None, "results": rows}


@contextmanager
def running(token: str) -> Iterator[tuple[Controller, str]]:
    """An AWX without anything but the organization Default, and its address."""
    controller = Controller()
    handler = type("Handler", (_Handler,), {"controller": controller, "token": token})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield controller, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
