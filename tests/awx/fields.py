# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX's REST API takes of each kind of record, with its defaults; everything else that is sent is dropped.

Facts: OPTIONS of /api/v2/<endpoint>/ of an AWX 24.6.1, the fields under actions.POST.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMED: Mapping[str, Any] = {"name": None, "description": ""}

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "organizations": {**_NAMED, "max_hosts": 0, "default_environment": None},
    "credential_types": {**_NAMED, "kind": None, "inputs": {}, "injectors": {}},
    "credentials": {**_NAMED, "organization": None, "credential_type": None, "inputs": {}, "user": None, "team": None},
    "execution_environments": {**_NAMED, "organization": None, "image": None, "credential": None, "pull": ""},
    "teams": {**_NAMED, "organization": None},
    "projects": {
        **_NAMED,
        **dict.fromkeys(("scm_type", "scm_url", "scm_branch", "scm_refspec"), ""),
        **dict.fromkeys(("scm_clean", "scm_track_submodules", "scm_delete_on_update", "scm_update_on_launch", "allow_override"), False),
        **dict.fromkeys(("local_path", "credential", "organization", "default_environment", "signature_validation_credential"), None),
        **dict.fromkeys(("timeout", "scm_update_cache_timeout"), 0),
    },
    "inventories": {
        **_NAMED,
        "organization": None,
        "kind": "",
        "host_filter": None,
        "variables": "",
        "prevent_instance_group_fallback": False,
    },
    "inventory_sources": {
        **_NAMED,
        **dict.fromkeys(("source", "credential", "execution_environment", "inventory", "source_project"), None),
        **dict.fromkeys(("source_path", "source_vars", "scm_branch", "enabled_var", "enabled_value", "host_filter", "limit"), ""),
        **dict.fromkeys(("overwrite", "overwrite_vars", "update_on_launch"), False),
        **dict.fromkeys(("timeout", "update_cache_timeout"), 0),
        "verbosity": 1,
    },
    # No organization: a job template is of that of its project.
    "job_templates": {
        **_NAMED,
        "job_type": "run",
        **dict.fromkeys(("inventory", "project", "execution_environment", "webhook_service", "webhook_credential"), None),
        **dict.fromkeys(
            ("playbook", "scm_branch", "limit", "extra_vars", "job_tags", "skip_tags", "start_at_task", "host_config_key"),
            "",
        ),
        **dict.fromkeys(
            (
                *(f"ask_{name}_on_launch" for name in ("scm_branch", "diff_mode", "variables", "limit", "tags", "skip_tags", "job_type")),
                *(f"ask_{name}_on_launch" for name in ("verbosity", "inventory", "credential", "execution_environment", "labels", "forks")),
                *(f"ask_{name}_on_launch" for name in ("job_slice_count", "timeout", "instance_groups")),
                *("force_handlers", "use_fact_cache", "survey_enabled", "become_enabled", "diff_mode", "allow_simultaneous"),
                "prevent_instance_group_fallback",
            ),
            False,
        ),
        **dict.fromkeys(("forks", "verbosity", "timeout"), 0),
        "job_slice_count": 1,
    },
    # Nothing about credentials: a workflow asks for none.
    "workflow_job_templates": {
        **_NAMED,
        "extra_vars": "",
        **dict.fromkeys(
            ("organization", "inventory", "limit", "scm_branch", "webhook_service", "webhook_credential", "skip_tags", "job_tags"), None
        ),
        **dict.fromkeys(
            (
                *("survey_enabled", "allow_simultaneous"),
                *(f"ask_{name}_on_launch" for name in ("variables", "inventory", "scm_branch", "limit", "labels", "skip_tags", "tags")),
            ),
            False,
        ),
    },
    "workflow_job_template_nodes": {
        "extra_data": {},
        **dict.fromkeys(("inventory", "scm_branch", "job_type", "job_tags", "skip_tags", "limit", "diff_mode", "verbosity"), None),
        **dict.fromkeys(
            ("execution_environment", "forks", "job_slice_count", "timeout", "workflow_job_template", "unified_job_template"), None
        ),
        "all_parents_must_converge": False,
        "identifier": "",
    },
    "workflow_approval_templates": {**_NAMED, "timeout": 0},
    "project_updates": {"project": None, "status": "pending", "job_explanation": ""},
    "jobs": {"job_template": None, "artifacts": {}},
    "workflow_approvals": {"workflow_job_template": None, "status": "pending"},
    "users": {"username": "", "is_superuser": False},
}

# The roles that AWX makes with each record of these kinds.
ROLES: Mapping[str, tuple[str, ...]] = {
    "job_templates": ("admin", "execute", "read"),
    "workflow_job_templates": ("admin", "execute", "read", "approval"),
}
