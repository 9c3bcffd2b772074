# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that hawkbit_ddi exports says what it is, in the editor and on the reference page."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import griffe
import hawkbit_ddi
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = griffe.load("hawkbit_ddi", search_paths=[ROOT / "generated"])
TWIN = re.compile(r"Do as `(\w+)` does")


def public(described: griffe.Object | griffe.Alias, name: str) -> Iterator[tuple[str, griffe.Object]]:
    """What is public within an exported name, by its path."""
    found = described.final_target if described.is_alias else described
    assert isinstance(found, griffe.Object)
    yield name, found
    if found.is_class or found.is_module:
        for inner, member in found.members.items():
            if not member.is_alias and not inner.startswith("_") and not inner.endswith("_VALUES"):
                yield from public(member, f"{name}.{inner}")


EVERYTHING = [found for name in hawkbit_ddi.__all__ for found in public(PACKAGE[name], name)]
CALLABLE = [(name, found) for name, found in EVERYTHING if found.is_function or name == "Client"]


def test_everything_has_a_docstring() -> None:
    """Each class, member, operation, function and value has one, that begins with a capital and ends with a stop."""
    assert len(EVERYTHING) > 250
    said = {name: found.docstring.value if found.docstring else "" for name, found in EVERYTHING}
    fit = re.compile(r"(`|hawkBit|`?[A-Z0-9])[^\0]*[.`:)]", re.DOTALL)
    assert [name for name, words in said.items() if not fit.fullmatch(words)] == []


def test_every_parameter_is_described() -> None:
    """Each argument of a function is in its docstring, or in that of the synchronous twin that it names."""
    missing = []
    for name, found in CALLABLE:
        function = found.members["__init__"] if isinstance(found, griffe.Class) else found
        assert isinstance(function, griffe.Function)
        if twin := TWIN.match(found.docstring.value if found.docstring else ""):
            found = dict(CALLABLE)[name.rpartition(".")[0] + "." + twin[1]]  # noqa: PLW2901
        described = {
            argument.name
            for section in (found.docstring.parse("google") if found.docstring else [])
            if section.kind is griffe.DocstringSectionKind.parameters
            for argument in section.value
            if argument.description.strip()
        }
        taken = {parameter.name for parameter in function.parameters} - {"self", "cls"}
        # One argument that the summary is all about needs no list.
        if len(taken) > 1 or described:
            missing += [f"{name}: {argument}" for argument in taken ^ described]
    assert missing == []


def test_the_page_names_everything() -> None:
    """docs/reference.md has a heading for each exported name but the versions."""
    page = (ROOT / "docs" / "reference.md").read_text()
    headings = set(re.findall(r"^### `(\w+)`$", page, re.MULTILINE))
    assert headings == set(hawkbit_ddi.__all__) - {"HAWKBIT_VERSION", "__version__"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree that the script works in."""
    for folder in ("generated", "spec", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "reference.md", tmp_path / "docs")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def test_the_page_is_made_by_the_command(copy: Path) -> None:
    """The page is up to date; a docstring that changes makes the check fail, and the next run puts it right."""
    command = [copy / "scripts" / "reference", "--check"]
    assert subprocess.run(command, check=False).returncode == 0
    errors = copy / "generated" / "hawkbit_ddi" / "errors.py"
    errors.write_text(errors.read_text().replace("The HTTP status.", "The status."))
    check = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (check.returncode, "not up to date" in check.stderr) == (1, True)
    assert subprocess.run(command[:1], check=False).returncode == 0
    assert "| The status. |" in (copy / "docs" / "reference.md").read_text()
