# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for AWX's REST API: as much of it as the modules of awx.awx use to set up templates, with AWX's own checks of what may be
stored, and its rules of who may see and approve what.

Facts: awx/main/fields.py, awx/main/access.py and awx/api/views (surveys, credential types, roles, credentials of nodes), awx.awx
plugins/module_utils/controller_api.py (paths, status codes), and what an AWX 24.6.1 answered to the same kit.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.awx.fields import FIELDS, ROLES

Record = dict[str, Any]
SURVEY_TYPES = ("text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect")
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")


class Refused(Exception):
    """AWX would answer 400 with this."""


class Forbidden(Exception):
    """AWX would answer 403."""


class Controller:
    """The records of one AWX, by endpoint ("job_templates") and id. `writes` counts what changed anything; `repositories` are what a
    project can be brought in from, by address; `overloaded` are endpoints whose writes nobody answers in time."""

    def __init__(self, repositories: dict[str, Path]) -> None:
        self.records: dict[str, dict[int, Record]] = {}
        self.surveys: dict[str, Record] = {}
        self.associations: dict[str, list[int]] = {}
        self.roles: dict[int, tuple[str, int, str]] = {}
        self.repositories = repositories
        self.overloaded: set[str] = set()
        self.writes = 0
        self._numbers = itertools.count(1)
        self.create("organizations", {"name": "Default"})
        self.admin = self.create("users", {"username": "admin", "is_superuser": True})["id"]
        self.writes = 0

    def all(self, endpoint: str) -> dict[str, Record]:
        return {record.get("identifier") or record["name"]: record for record in self.records.get(endpoint, {}).values()}

    def get(self, endpoint: str, key: str) -> Record:
        """By id, or by a named URL: the name, and behind ++ that of its organization."""
        name, _unused, organization = unquote(key).partition("++")
        for record in self.records.get(endpoint, {}).values():
            if str(record["id"]) == key or (organization and record.get("name") == name and self._organization(record) == organization):
                return record
        raise KeyError(key)

    def _organization(self, record: Record) -> str:
        number = record.get("organization")
        return str(self.records["organizations"][number]["name"]) if number else ""

    # what is stored

    def create(self, endpoint: str, values: Record) -> Record:
        number = next(self._numbers)
        url = f"/api/v2/{endpoint}/{number}/"
        known = {**FIELDS[endpoint], **{key: value for key, value in values.items() if key in FIELDS[endpoint]}}
        record = {**known, "id": number, "url": url, "type": endpoint.rstrip("s"), "related": {}, "summary_fields": {}}
        if endpoint == "credential_types":
            record["managed"] = False  # those that come with AWX are, which nobody can set
        if "survey_enabled" in record:
            record["related"]["survey_spec"] = f"{url}survey_spec/"
        for role in ROLES.get(endpoint, ()):
            self.roles[len(self.roles) + 1] = (endpoint, number, role)
            record["summary_fields"].setdefault("object_roles", {})[f"{role}_role"] = {"id": len(self.roles)}
        self._store(endpoint, record)
        return record

    def change(self, endpoint: str, number: int, values: Record) -> Record:
        record = self.records[endpoint][number]
        changed = {key: value for key, value in values.items() if key in FIELDS[endpoint]}
        self._store(endpoint, {**record, **changed})
        return self.records[endpoint][number]

    def delete(self, endpoint: str, number: int) -> None:
        record = self.records[endpoint].pop(number)
        for ids in self.associations.values():
            ids[:] = [one for one in ids if one != record["id"]]
        self.writes += 1

    def _store(self, endpoint: str, record: Record) -> None:
        before = self.records.get(endpoint, {}).get(record["id"])
        if endpoint == "job_templates":
            self._check_playbook(record)
            record["organization"] = self.records["projects"][record["project"]]["organization"]
        if endpoint == "credential_types":
            _check_credential_type(record)
        self._check_name(endpoint, record)
        self.records.setdefault(endpoint, {})[record["id"]] = record
        self.writes += before != record and endpoint != "project_updates"  # a sync that finds nothing new changes nothing
        if endpoint == "projects" and (before is None or any(before[one] != record[one] for one in ("scm_url", "scm_branch"))):
            self.sync(record)

    def _check_name(self, endpoint: str, record: Record) -> None:
        within = "inventory" if endpoint == "inventory_sources" else "organization"
        if endpoint == "workflow_approval_templates" or not record.get("name"):
            return
        for other in self.records.get(endpoint, {}).values():
            if other["id"] != record["id"] and (other["name"], other.get(within)) == (record["name"], record.get(within)):
                raise Refused(f"A record with this (Name, {within}) combination already exists.")

    def _check_playbook(self, template: Record) -> None:
        """AWX knows the playbooks that there were when the project was last brought in (awx/main/models/projects.py, playbook_files)."""
        if template["playbook"] not in self.records["projects"][template["project"]].get("playbook_files", ()):
            raise Refused("Playbook not found for project.")

    def sync(self, project: Record) -> Record:
        """Brings a project in, at once."""
        there = project["scm_url"] in self.repositories
        project["status"] = "successful" if there else "failed"
        project.setdefault("scm_revision", "")
        if there:
            folder = self.repositories[project["scm_url"]]
            files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted((folder / "playbooks").rglob("*.yml"))}
            project["playbook_files"] = list(files)
            project["scm_revision"] = hashlib.sha1(repr(files).encode(), usedforsecurity=False).hexdigest()
        project["related"]["update"] = f"{project['url']}update/"
        update = self.create("project_updates", {"project": project["id"], "status": project["status"]})
        update |= {"name": project["name"], "failed": not there, "finished": "2026-11-26T12:00:00Z", "event_processing_finished": True}
        update["scm_revision"] = project["scm_revision"]
        return update

    def said(self, update: Record) -> str:
        """The output of a project update."""
        url = self.records["projects"][update["project"]]["scm_url"]
        if update["status"] == "successful":
            return "ok: [localhost]"
        return f'fatal: [localhost]: FAILED! => {{"changed": false, "msg": "fatal: \'{url}\' does not appear to be a git repository"}}'

    # what belongs to what

    def associate(self, path: str, values: Record) -> None:
        ids = self.associations.setdefault(path, [])
        words = path.strip("/").split("/")[2:]
        if values.get("disassociate"):
            ids.remove(values["id"])
        elif values["id"] not in ids:
            if words[2] == "credentials":
                self._check_credential(words[0], int(words[1]), self.records["credentials"][values["id"]], ids)
            ids.append(values["id"])
        self.writes += 1

    def _check_credential(self, endpoint: str, number: int, credential: Record, others: list[int]) -> None:
        """awx/api/views and awx/main/models: one credential of a type, and none on a node that its template has or does not ask for."""
        if any(self.records["credentials"][other]["credential_type"] == credential["credential_type"] for other in others):
            raise Refused("Cannot assign multiple credentials of the same type.")
        if endpoint != "workflow_job_template_nodes":
            return
        template = self.records["job_templates"][self.records[endpoint][number]["unified_job_template"]]
        if not template["ask_credential_on_launch"]:
            raise Refused("Related template is not configured to accept credentials on launch.")
        if credential["id"] in self.associations.get(f"{template['url']}credentials/", []):
            raise Refused(f"Related template already uses {credential['name']} credential.")

    def approval(self, node: int, values: Record) -> Record:
        """The approval template of a workflow node, made with it."""
        record = self.create("workflow_approval_templates", values)
        self.records["workflow_job_template_nodes"][node]["related"]["unified_job_template"] = record["url"]
        return record

    def find(self, endpoint: str, query: Mapping[str, str]) -> list[Record]:
        endpoints = UNIFIED if endpoint == "unified_job_templates" else (endpoint,)
        rows = [row for name in endpoints for row in self.records.get(name, {}).values()]
        either = [(key[4:], value) for key, value in query.items() if key.startswith("or__")]
        wanted = [(key, value) for key, value in query.items() if not key.startswith(("page", "order", "or__", "type", "format"))]
        rows = [row for row in rows if all(self._matches(row, key, value) for key, value in wanted)]
        rows = [row for row in rows if not either or any(self._matches(row, key, value) for key, value in either)]
        return sorted(rows, key=lambda row: -row["id"]) if query.get("order_by") == "-id" else rows

    def _matches(self, row: Record, key: str, value: str) -> bool:
        name, _unused, more = key.partition("__")
        if more == "isnull":
            return (row.get(name) is None) == (value.lower() == "true")
        if more:
            related = {"inventory": "inventories"}[name]
            return row.get(name) is not None and self._matches(self.records[related][row[name]], more, value)
        return str(row.get(name)) == value

    # who may do what

    def join(self, username: str, team: str) -> int:
        """A user of a team; gives the user's id."""
        user = self.create("users", {"username": username})["id"]
        self.associations.setdefault(f"/api/v2/teams/{self.all('teams')[team]['id']}/users/", []).append(user)
        return int(user)

    def may(self, user: int, action: str, endpoint: str, number: int) -> bool:
        """Whether a user has a role on a record that lets them do this (awx/main/access.py): admin implies all, and all imply read."""
        if self.records["users"][user]["is_superuser"]:
            return True
        teams = [
            path.split("/")[4] for path, ids in self.associations.items() if path.endswith("/users/") and "/teams/" in path and user in ids
        ]
        has = {
            role
            for key, (kind, one, role) in self.roles.items()
            if (kind, one) == (endpoint, number)
            and any(int(team) in self.associations.get(f"/api/v2/roles/{key}/teams/", []) for team in teams)
        }
        return bool(has) if action == "read" else bool(has & {action, "admin"})

    def check_access(self, user: int, method: str, words: list[str]) -> None:
        """Raises Forbidden. A job is seen by who may see its template; an approval is given by who has that role on the workflow."""
        if self.records["users"][user]["is_superuser"] or len(words) < 2:
            return
        if words[0] == "jobs" and method == "GET":
            allowed = self.may(user, "read", "job_templates", self.get(*words[:2])["job_template"])
        elif words[0] in ROLES and method == "GET":
            allowed = self.may(user, "read", words[0], int(words[1]))
        elif words[0] in ROLES and words[2:] == ["launch"]:
            allowed = self.may(user, "execute", words[0], int(words[1]))
        elif words[0] == "workflow_approvals" and words[2:] == ["approve"]:
            allowed = self.may(user, "approval", "workflow_job_templates", self.get(*words[:2])["workflow_job_template"])
        else:
            allowed = method == "GET"
        if not allowed:
            raise Forbidden(f"{method} {words}")


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
        default, kind = question.get("default", ""), {"integer": int, "float": float}.get(question["type"], str)
        if default != "" and not isinstance(default, kind):
            raise Refused(f"the default of {question['variable']} is no {kind.__name__}")


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
    tokens: Mapping[str, int]
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
        user = self.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            return self._answer(401, {"detail": "Authentication credentials were not provided."})
        url = urlsplit(self.path)
        words = [word for word in url.path.split("/") if word][2:]
        if method != "GET" and self.controller.overloaded & set(words):
            return self._answer(504, {"detail": "The proxy in front of AWX has waited long enough."})
        try:
            self.controller.check_access(user, method, words)
            if words == ["me"]:
                return self._answer(200, _page([self.controller.records["users"][user]]))
            status, answer = self._route(method, words, url.path, dict(parse_qsl(url.query)), json.loads(body) if body else {})
        except Refused as error:
            status, answer = 400, {"__all__": [str(error)], "msg": str(error)}
        except Forbidden:
            status, answer = 403, {"detail": "You do not have permission to perform this action."}
        except KeyError:
            status, answer = 404, {"detail": "Not found."}
        self._answer(status, answer)

    def _route(self, method: str, words: list[str], path: str, query: dict[str, str], values: Record) -> tuple[int, Any]:
        controller = self.controller
        if len(words) == 1:
            if method == "POST":
                return 201, controller.create(words[0], values)
            return 200, _page(controller.find(words[0], query))
        record = controller.get(words[0], words[1]) if words[0] != "roles" else {"id": int(words[1])}
        if len(words) > 2:
            return self._below(method, words, record, path, values)
        if method == "DELETE":
            controller.delete(words[0], record["id"])
            return 204, None
        return 200, controller.change(words[0], record["id"], values) if method == "PATCH" else record

    def _below(self, method: str, words: list[str], record: Record, path: str, values: Record) -> tuple[int, Any]:
        controller, what = self.controller, words[2]
        if what == "survey_spec":
            if method == "GET":
                return 200, controller.surveys.get(path, {})
            check_survey(values)
            controller.surveys[path] = values
            controller.writes += 1
            return 200, None
        if what == "create_approval_template":
            return 201, controller.approval(record["id"], values)
        if what == "update":
            return 202, controller.sync(record)
        if what == "stdout":
            return 200, {"content": controller.said(record)}
        if what in ("launch", "approve"):
            return (201, {"id": record["id"]}) if what == "launch" else (204, None)
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

    def do_DELETE(self) -> None:
        self._handle("DELETE")


def _page(rows: list[Record]) -> Record:
    return {"count": len(rows), "next": None, "previous": None, "results": rows}


@contextmanager
def running(token: str, repositories: dict[str, Path]) -> Iterator[tuple[Controller, str, dict[str, int]]]:
    """An AWX without anything but the organization Default and its admin, its address, and who has which token."""
    controller = Controller(repositories)
    tokens = {token: controller.admin}
    handler = type("Handler", (_Handler,), {"controller": controller, "tokens": tokens})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield controller, f"http://127.0.0.1:{server.server_port}", tokens
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
