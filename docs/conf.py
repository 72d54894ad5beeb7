# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the documentation site; docs/build.py makes the sources."""

from __future__ import annotations

project = "xapi.network"
copyright = "2026 The xapi.network authors"  # noqa: A001  Sphinx wants this name
title = html_title = "xapi.network: bonds for live XenServer and XCP-ng pools"
html_short_title = "xapi.network"

extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {"vcs_pageview_mode": "", "documentation_home_url": "index.html", "topbar_links": {}}
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_use_modindex = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
nitpicky = True
