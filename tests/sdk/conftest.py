# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the client share."""

import shutil
from pathlib import Path

import pytest
from sdk.sdk_tree import ROOT, Tree


@pytest.fixture(scope="session")
def generator() -> Path:
    """The generator's environment."""
    assert Tree(ROOT).regenerate("--help").returncode == 0  # makes it where it is missing
    return ROOT / ".venv-generator"


@pytest.fixture
def tree(generator: Path, tmp_path: Path) -> Tree:
    """A copy of what the script needs, with the same generator."""
    root = tmp_path / "tree"
    for folder in ("spec", "generated", "docs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "scripts").mkdir()
    shutil.copy2(ROOT / "scripts" / "regenerate", root / "scripts" / "regenerate")
    shutil.copy2(ROOT / "pyproject.toml", root)
    (root / ".venv-generator").symlink_to(generator)
    return Tree(root)
