# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every command sets up what it needs by itself (.venv, build/), without root; only the lab needs root.
.PHONY: demo test test-all acceptance conformance survive lab lab-test bench docs clean
python := .venv/bin/python
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export PYTHONPATH := $(CURDIR)/build/collections
export PATH := $(CURDIR)/.venv/bin:$(PATH)

demo: ; @.ci/bootstrap run && $(python) demo/run.py
test: ; @.ci/bootstrap test && $(python) -m tests.run
test-all: ; @.ci/bootstrap test && $(python) -m tests.run --all
acceptance: ; @.ci/bootstrap test && $(python) -m tests.acceptance $(POOL)
conformance: ; @.ci/bootstrap run && $(python) -m tests.conformance.run $(TRACES)
survive: ; @.ci/bootstrap test && $(python) -m tests.survive
lab: ; @.ci/bootstrap run && $(python) -m tests.lab run
lab-test: ; @.ci/bootstrap test && $(python) -m tests.lab test
bench: ; @.ci/bootstrap run && $(python) -m tests.bench
docs: ; @.ci/bootstrap docs && $(python) docs/build.py
clean: ; rm -rf build .venv
