# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the documentation site; docs/build.py makes the sources."""

from __future__ import annotations

from typing import Any

from docutils import nodes

project = "xapi.network"
copyright = "2026 The xapi.network authors"
html_title = "xapi.network"

extensions = ["sphinx_antsibull_ext"]
antsibull_ext_color_scheme = "default-autodark"
html_theme = "furo"
html_theme_options = {
    "source_repository": "https://github.com/xapi-network/xapi.network/",
    "light_css_variables": {"color-brand-primary": "#0f62a8", "color-brand-content": "#0f62a8"},
    "dark_css_variables": {"color-brand-primary": "#6cb6ff", "color-brand-content": "#6cb6ff"},
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_use_modindex = False
pygments_style = "ansible"
pygments_dark_style = "github-dark"
highlight_language = "YAML+Jinja"
nitpicky = True

# The generated pages refer to Ansible's own documentation. Fetching its index would need the network at build time, so these links are made
# here; any other reference that leads nowhere is still an error.
ANSIBLE = "https://docs.ansible.com/ansible/latest"
ELSEWHERE = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def page_of_ansible(domain: str, target: str) -> str:
    """Where Ansible documents the target of a reference, or nothing."""
    if domain == "envvar" and target.startswith("ANSIBLE_"):
        return f"reference_appendices/config.html#envvar-{target}"
    if target.startswith("ansible_collections.ansible."):
        _unused, namespace, name, plugin = target.split(".", 3)
        return f"collections/{namespace}/{name}/{plugin.split('__')[0]}.html"
    return ELSEWHERE.get(target, "")


def link_to_ansible(_app: Any, _environment: Any, node: Any, content: Any) -> nodes.reference | None:
    page = page_of_ansible(node.get("reftype", ""), node.get("reftarget", ""))
    return nodes.reference("", "", content, internal=False, refuri=f"{ANSIBLE}/{page}") if page else None


def setup(app: Any) -> None:
    app.connect("missing-reference", link_to_ansible)
