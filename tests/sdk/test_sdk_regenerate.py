# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package is what scripts/regenerate makes of spec/, and nothing else; it costs little to import."""

import hashlib
import json
import re
import statistics
import subprocess
import sys
import time
import tomllib

import hawkbit_ddi
import pytest
from sdk.sdk_tree import ROOT, Tree

LICENCE = "# SPDX-License-Identifier: LGPL-2.1-or-later"


def test_the_package_is_up_to_date_and_comes_back_byte_for_byte(tree: Tree) -> None:
    """A check passes; a foreign byte or file fails it and is left alone; the next run removes it."""
    was = tree.contents()
    assert tree.regenerate("--check").returncode == 0
    with (tree.root / "generated" / "hawkbit_ddi" / "client.py").open("a") as file:
        file.write("# by hand\n")
    (tree.root / "generated" / "hawkbit_ddi" / "extra.py").write_text("")
    changed = tree.contents()
    check = tree.regenerate("--check")
    assert check.returncode == 1
    assert "-# by hand" in check.stdout
    assert "2 files" in check.stdout
    assert tree.contents() == changed
    assert tree.regenerate().returncode == 0
    assert tree.contents() == was


@pytest.mark.parametrize("name", ["__init__.py", "client.py"])
def test_a_package_after_a_merge_is_mended(tree: Tree, name: str) -> None:
    """What is no Python any more, with the marks of a conflict in it, is replaced like all else."""
    was = tree.contents()
    with (tree.root / "generated" / "hawkbit_ddi" / name).open("a") as file:
        file.write("<<<<<<< HEAD\n")
    run = tree.regenerate()
    assert run.returncode == 0, run.stderr
    assert "no Python" in run.stderr
    assert tree.contents() == was


@pytest.mark.parametrize(
    "path",
    [
        "spec/lock.json",
        "spec/documents/1.1.0.json",
        "docs/hawkbit-versions.md",
        "spec/templates/model.py.jinja",
        "spec/handwritten/hawkbit_ddi/client.py",
    ],
)
def test_a_check_sees_every_change(tree: Tree, path: str) -> None:
    """A byte more in lock, document, page, template or handwritten file is seen, and left alone."""
    with (tree.root / path).open("a") as file:
        file.write("\n" if path.endswith((".json", ".md")) else "# more\n")
    changed = tree.contents()
    check = tree.regenerate("--check")
    assert check.returncode == 1
    assert "not up to date" in check.stdout
    assert tree.contents() == changed


def test_what_is_written_by_hand_is_copied() -> None:
    """Each handwritten file is in the package byte for byte; only what has Jinja in it is a template."""
    handwritten = [path for path in (ROOT / "spec" / "handwritten").rglob("*") if path.is_file()]
    assert {"client.py", "py.typed"} < {path.name for path in handwritten}
    for path in handwritten:
        if "__pycache__" not in path.parts:
            copy = ROOT / "generated" / path.relative_to(ROOT / "spec" / "handwritten")
            assert copy.read_bytes() == path.read_bytes(), path
    for template in (ROOT / "spec" / "templates").iterdir():
        assert re.search("{[{%]", template.read_text()), template


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (
            "- {target: $.components.schemas.No, x-seen: [1.1.0], description: x, remove: true}",
            "hits nothing",
        ),
        (
            "- {target: '$.paths[*][*]', x-seen: [1.1.0], description: x, update: {tags: []}}",
            "changes nothing",
        ),
        ("- {target: $.info, x-seen: [1.0.4], description: x, update: {title: x}}", "add it to x-seen"),
        ("- {target: $.paths, x-seen: [1.1.0], update: {}}", "gives no reason"),
        ("- {target: $.paths, description: x, update: {}}", "add x-seen"),
        ("- {target: '$.[', x-seen: [1.1.0], description: x, update: {}}", "can't be applied"),
        (
            "- {target: $.components.schemas.Link.properties.type, x-seen: [1.1.0], description: x, update: {description: ''}}",
            "no action of the overlay describes `Link.type`",
        ),
        (
            "- {target: '$.paths[*][*].requestBody.content', x-seen: [1.1.0], description: x, update: {text/x: {}}}",
            "the generator refuses the document",
        ),
    ],
)
def test_an_idle_action_or_a_warning_stops_the_run(tree: Tree, action: str, complaint: str) -> None:
    """Each action hits, changes and explains something, on the versions that it lists; warnings are errors."""
    with (tree.root / "spec" / "overlay.yaml").open("a") as file:
        file.write(action + "\n")
    was = tree.contents()
    run = tree.regenerate()
    assert run.returncode == 1
    assert complaint in run.stderr.splitlines()[-1]
    assert tree.contents() == was


def test_every_kept_document_makes_a_package(tree: Tree) -> None:
    """The documents of seven versions go through the same overlay without a warning, and type-check."""
    run = tree.regenerate("--matrix")
    assert run.returncode == 0, run.stderr
    made = [line.rpartition(" ")[2] for line in run.stderr.splitlines() if "validate the document" in line]
    assert sorted(made) == ["0.10.0", "0.5.0", "0.6.1", "0.8.0", "0.9.0", "1.0.4", "1.1.0"]
    assert run.stderr.count("check types") == 7


def test_the_page_names_every_option() -> None:
    """docs/upgrade.md tells of the options that the command has, no more and no fewer."""
    page = (ROOT / "docs" / "upgrade.md").read_text()
    told = set(re.findall(r"^\| `(--[a-z-]+)", page, re.MULTILINE))
    assert told == set(re.findall(r"--[a-z-]+", Tree(ROOT).regenerate("--help").stdout)) - {"--help"}


def test_the_package_says_what_it_is() -> None:
    """`__version__` is that of the project, HAWKBIT_VERSION and the lock name the same document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert hawkbit_ddi.__version__ == project["version"]
    lock = json.loads((ROOT / "spec" / "lock.json").read_text())
    assert lock["hawkbit"] == hawkbit_ddi.HAWKBIT_VERSION
    document = (ROOT / "spec" / "documents" / f"{hawkbit_ddi.HAWKBIT_VERSION}.json").read_bytes()
    assert lock["document"] == hashlib.sha256(document).hexdigest()
    for tool in ("openapi-python-client", "ruff"):
        assert f"{tool}=={lock[tool]}" in (ROOT / "spec" / "generator-requirements.txt").read_text()


def test_every_file_names_its_licence() -> None:
    """Generated files carry the licence and say where they come from."""
    for path in (ROOT / "generated").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.read_text().startswith(LICENCE), path


def test_the_import_costs_little() -> None:
    """`import hawkbit_ddi` takes at most 1.2 times as long as `import httpx`, measured in turn."""
    times: dict[str, list[float]] = {"httpx": [], "hawkbit_ddi": []}
    for _ in range(7):
        for module, measured in times.items():
            start = time.monotonic()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
            measured.append(time.monotonic() - start)
    assert statistics.median(times["hawkbit_ddi"]) <= 1.2 * statistics.median(times["httpx"])


def test_a_client_pulls_in_no_asyncio_for_synchronous_callers() -> None:
    """The synchronous client loads neither asyncio nor the command-line libraries around httpx."""
    names = ["asyncio", "anyio", "trio", "rich", "click"]
    code = f"import sys, hawkbit_ddi as h; h.Client, h.get_controller_base, h.DeploymentBase; print([n for n in {names} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
