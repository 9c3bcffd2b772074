# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package is what scripts/regenerate makes of spec/, and nothing else; it costs little to import."""

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LICENCE = "# SPDX-License-Identifier: LGPL-2.1-or-later"


def regenerate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a tree."""
    command = [str(root / "scripts" / "regenerate"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the script needs, with the same generator."""
    assert regenerate(ROOT, "--check").returncode == 0  # makes the environment where it is missing
    for folder in ("spec", "generated"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scripts").mkdir()
    shutil.copy2(ROOT / "scripts" / "regenerate", tmp_path / "scripts" / "regenerate")
    (tmp_path / ".venv-generator").symlink_to(ROOT / ".venv-generator")
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    """All files of the generated package."""
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in sorted((root / "generated").rglob("*"))
        if p.is_file()
    }


def test_the_package_is_up_to_date_and_comes_back_byte_for_byte(copy: Path) -> None:
    """A check passes; a foreign byte or file fails it and is left alone; the next run removes it."""
    was = contents(copy)
    assert regenerate(copy, "--check").returncode == 0
    with (copy / "generated" / "hawkbit_ddi" / "client.py").open("a") as file:
        file.write("# by hand\n")
    (copy / "generated" / "hawkbit_ddi" / "extra.py").write_text("")
    changed = contents(copy)
    check = regenerate(copy, "--check")
    assert check.returncode == 1
    assert "-# by hand" in check.stdout
    assert "2 files" in check.stdout
    assert contents(copy) == changed
    assert regenerate(copy).returncode == 0
    assert contents(copy) == was


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ("- target: $.components.schemas.Nothing\n  description: x\n  remove: true\n", "hits nothing"),
        ("- target: $.paths[*][*]\n  description: x\n  update: {tags: []}\n", "changes nothing"),
        ("- target: $.paths\n  update: {}\n", "gives no reason"),
        (
            "- {target: '$.paths[*][*].requestBody.content', description: x, update: {text/x: {schema: {}}}}\n",
            "text/x",
        ),
    ],
)
def test_an_idle_action_or_a_warning_stops_the_run(copy: Path, action: str, complaint: str) -> None:
    """Each action of the overlay hits, changes and explains something; warnings are errors; the tree stays."""
    with (copy / "spec" / "overlay.yaml").open("a") as file:
        file.write(action)
    was = contents(copy)
    run = regenerate(copy)
    assert run.returncode == 1
    assert complaint in run.stderr
    assert contents(copy) == was
    assert sorted(p.name for p in (copy / "generated").iterdir()) == ["hawkbit_ddi"]


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
