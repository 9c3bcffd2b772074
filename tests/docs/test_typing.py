# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users' code passes the strict modes of mypy and pyright, and both find its mistakes; editors understand the client."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with users' code: the file beside this one, the examples, the page's examples as one program."""
    folder = tmp_path_factory.mktemp("programs")
    for program in (Path(__file__).with_name("user_code.py"), *(ROOT / "docs" / "examples").glob("*.py")):
        shutil.copy(program, folder)
    page = (ROOT / "docs" / "sdk.md").read_text()
    (folder / "page.py").write_text("\n\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    return folder


def test_mypy_strict(programs: Path) -> None:
    """mypy --strict has nothing to say."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "."]
    run = subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_pyright_strict(programs: Path) -> None:
    """pyright in strict mode has nothing to say, and no comment is superfluous."""
    settings = {
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "enableTypeIgnoreComments": False,
    }
    (programs / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "-p", str(programs), "--pythonpath", sys.executable]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 errors, 0 warnings" in run.stdout


def test_an_editor_understands_what_is_written_by_hand() -> None:
    """pyright, without any configuration, finds all that the client's handwritten files import."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "spec/handwritten"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "0 errors, 0 warnings" in run.stdout, run.stdout + run.stderr
