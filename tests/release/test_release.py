# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is released: the tarball installs offline into an empty path and works from there, and all that describes it agrees."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import matrix
from tests.integration.playing import connection
from xapi_twin.running import RunningTwin

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(sys.executable).parent


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def run(*command: str | Path, cwd: Path = ROOT, environment: Mapping[str, str] | None = None, seconds: int = 120) -> str:
    """Output of a command that must succeed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XENSERVER_", "PYTHONPATH"))}
    clean |= {"PATH": f"{TOOL}{os.pathsep}{os.environ['PATH']}", **(environment or {})}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=seconds)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tarball")
    copy = matrix.collection_copy(place / "source")
    run(sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--output-path", place, copy)
    (built,) = place.glob("xapi-network-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, installed offline into a path that was empty."""
    place = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "ansible", "galaxy", "collection", "install", "--offline", "-p", place, tarball, cwd=place)
    return place / "ansible_collections" / "xapi" / "network"


def test_tarball_holds_what_users_need_and_nothing_that_a_build_leaves(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    for needed in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", "demo/run.py", "twin/pyproject.toml", "requirements.txt",
                   "meta/runtime.yml", "meta/execution-environment.yml", "plugins/modules/xs_bond.py", "plugins/inventory/xs_pools.py",
                   "roles/storage_bond/meta/argument_specs.yml", "playbooks/storage_bond.yml", "playbooks/vars/awx.yml"):  # fmt: skip
        assert needed in names
    leftovers = [name for name in names if re.search(r"(^|/)(\.venv|build|__pycache__|\.git|\.ansible|[^/]+\.egg-info)(/|$)", name)]
    assert not leftovers


def test_installed_collection_lists_every_plugin_and_the_role(installed: Path) -> None:
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed.parents[2])}
    modules = run("ansible-doc", "--list", "--json", "xapi.network", environment=environment)
    for name in read("meta/runtime.yml")["action_groups"]["xapi"]:
        assert f"xapi.network.{name}" in modules
    assert "xapi.network.xs_pools" in run("ansible-doc", "-t", "inventory", "--list", "xapi.network", environment=environment)
    assert "storage_bond_nics" in run("ansible-doc", "-t", "role", "xapi.network.storage_bond", environment=environment)


@pytest.mark.timeout(240)
def test_demo_runs_from_the_installed_collection(installed: Path) -> None:
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(installed.parents[2]), "ANSIBLE_HOME": str(installed.parents[2] / "home")}
    output = run(sys.executable, installed / "demo" / "run.py", cwd=installed.parents[2], environment=environment, seconds=200)
    assert "changed=0" in output
    assert str(ROOT) not in output, "the demo used the checkout"


@pytest.mark.timeout(600)
def test_a_rehearsal_runs_from_what_an_execution_environment_is_made_of(installed: Path, tmp_path: Path) -> None:
    """An environment of its own, made as execution-environment.yml says, in which nothing but a temporary folder can be written."""
    described, needed = read("execution-environment.yml"), yaml.safe_load((installed / "meta" / "execution-environment.yml").read_text())
    (step,) = [line for line in described["additional_build_steps"]["append_final"] if line.startswith("RUN ")]
    assert step.endswith("pip install --no-cache-dir /usr/share/ansible/collections/ansible_collections/xapi/network/twin")
    venv.create(tmp_path / "image", with_pip=True)
    python = tmp_path / "image" / "bin" / "python"
    own = f"ansible-core=={metadata.version('ansible-core')}"  # whichever is tested now, of those that the image may have
    twin = shutil.copytree(installed / "twin", tmp_path / "twin")  # pip writes where it builds
    run(python, "-m", "pip", "install", "--quiet", own, "-r", installed / needed["dependencies"]["python"], twin, seconds=300)
    with RunningTwin("tutorial", restart_seconds=0, ssh=False) as pool:
        environment = {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": str(python / "home"),  # below a file: not even root can make it
            "TMPDIR": str(tmp_path),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(tmp_path / "cp"),  # AWX sets it for its jobs; Ansible's own is in the home
            "ANSIBLE_COLLECTIONS_PATH": str(installed.parents[2]),
            "XENSERVER_HOST": connection(pool)["hostname"],
            "XENSERVER_PASSWORD": pool.endpoints["password"],
            "XENSERVER_VALIDATE_CERTS": "false",
        }
        (tmp_path / "pool.xs_pools.yml").write_text("plugin: xapi.network.xs_pools\n")
        wanted = json.dumps({"storage_bond_network": "NAS", "storage_bond_nics": ["eth2", "eth4"]})
        play = python.parent / "ansible-playbook"
        command = [str(play), "-i", "pool.xs_pools.yml", "xapi.network.storage_bond_rehearse", "-e", wanted]
        said = run(*command, cwd=tmp_path, environment=environment, seconds=120)
        assert not pool.journal.writes()
    assert "The bond was made and verified on a twin of the pool" in said, said
    assert said.count("eth2+eth4  active-backup") >= 3, said


def test_versions_agree() -> None:
    version = read("galaxy.yml")["version"]
    assert version in read("changelogs/changelog.yaml")["releases"]
    headings = [line.replace("\\", "") for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()]
    assert f"## v{version}" in headings
    # As text: the file has !unsafe, which is Ansible's own tag.
    awx = (ROOT / "playbooks" / "vars" / "awx.yml").read_text(encoding="utf-8")
    assert f"awx_setup_project_branch | default('{version}', true)" in awx


def test_claimed_versions_of_ansible_are_those_tested() -> None:
    lowest = min(matrix.CORES, key=lambda core: int(core.split(".")[1]))
    assert read("meta/runtime.yml")["requires_ansible"] == f">={lowest}.0"


def test_action_group_has_every_module_that_takes_connection_options() -> None:
    files = (ROOT / "plugins" / "modules").glob("xs_*.py")
    connecting = {file.stem for file in files if "\n  - xapi.network.xapi\n" in file.read_text(encoding="utf-8")}
    assert "xs_bond" in connecting and "xs_dom0_facts" not in connecting
    assert set(read("meta/runtime.yml")["action_groups"]["xapi"]) == connecting


def test_ansible_builder_takes_the_execution_environment(tmp_path: Path) -> None:
    run("ansible-builder", "create", "-f", "execution-environment.yml", "-c", tmp_path / "context", "--output-filename", "Containerfile")
    assert "twin" in (tmp_path / "context" / "Containerfile").read_text(encoding="utf-8")


def test_ansible_builder_finds_what_the_collection_needs(installed: Path) -> None:
    found = yaml.safe_load(run("ansible-builder", "introspect", "--sanitize", installed.parents[2]))
    assert [word.partition(">")[0] for word in found["python"]] == ["XenAPI", "jmespath"]
    assert any("openssh-clients" in word for word in found["system"])


@pytest.mark.parametrize("target", ["demo", "test", "test-all", "conformance", "acceptance", "survive", "lab", "lab-test", "bench", "docs"])
def test_command_is_one_line_of_the_makefile(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert len(re.findall(rf"^{target}:", makefile, re.MULTILINE)) == 1
    assert not re.search(rf"^{target}:[^\n]*(\\\n|\n\t)", makefile, re.MULTILINE)


def test_there_are_no_sanity_ignores() -> None:
    assert list((ROOT / "tests" / "sanity").glob("ignore*")) == []
