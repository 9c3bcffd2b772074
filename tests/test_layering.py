# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shape of the code: which module may import what, and what a test may not do."""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hawkbit_rauc"

#: From the top down: a module imports only from the rows below its own.
ROWS = (
    {"__main__"},
    {"cli"},
    {"check", "remote", "service"},
    {"assembly"},
    {"daemon"},
    {"cancelation", "commit", "confirmation", "running"},
    {"deployment"},
    {"obtain"},
    {"work"},
    {
        *("board", "clock", "config", "control", "ddi", "download", "hooks", "journal", "logs", "notify"),
        *("rauc", "retry", "stream"),
    },
    {"dbus", "part", "program", "redirects", "settings", "threads", "trouble"},
    {"hashing", "ports", "tls"},
    {"attributes", "details", "keyfile", "links", "notes", "origin", "ranges", "rules"},
    {"bundles"},
    {"errors", "model"},
    {"__init__"},
)

#: The story, and all that it may import: it reaches the world through its ports alone.
STORY = {"daemon", "cancelation", "commit", "confirmation", "deployment", "obtain", "running", "work"}
STORY_MAY = STORY | {"retry", "bundles", "rules", "notes", "ports", "model", "errors"}

#: Modules that do no I/O and are told time, randomness and boot facts; what of Python these may import.
PURE = ROWS[-4] | ROWS[-3] | ROWS[-2]
PURE_MAY = {"__future__", "attrs", "collections.abc", "difflib", "email.utils", "enum", "fnmatch", "http"}
PURE_MAY |= {"ipaddress", "re", "shlex", "string", "typing", "unicodedata", "urllib.parse", "uuid"}

#: Packages from elsewhere, each with its doors.
DOORS = {
    "httpx": {"ddi", "download", "redirects", "stream"},
    "hawkbit_ddi": {"ddi"},
    "jeepney": {"control", "dbus", "rauc"},
    "tenacity": {"retry"},
}

#: What waits by the clock on purpose: polling of outside programs, a server that is slow when told to.
MAY_SLEEP = {"rig/process.py", "rig/demo.py"}


def modules() -> dict[str, ast.Module]:
    """The parsed modules of the package by name."""
    return {path.stem: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, `from hawkbit_rauc import x` as `hawkbit_rauc.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            if node.module == "hawkbit_rauc":
                yield from (f"hawkbit_rauc.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def own(tree: ast.AST) -> set[str]:
    """Names of the package's modules that are imported."""
    return {name.split(".")[1] for name in imports(tree) if name.startswith("hawkbit_rauc.")}


def foreign(tree: ast.AST) -> set[str]:
    """Names of everything else that is imported."""
    return {name for name in imports(tree) if name.split(".")[0] != "hawkbit_rauc"}


def test_every_module_has_its_row() -> None:
    """A new module is given its place in the layers, once."""
    assert sorted(name for row in ROWS for name in row) == sorted(modules())


def test_imports_point_one_way() -> None:
    """A module imports only from rows below its own; so adapters never import each other."""
    place = {name: number for number, row in enumerate(ROWS) for name in row}
    wrong = [
        f"{name} imports {other}"
        for name, tree in modules().items()
        for other in own(tree)
        if place[other] <= place[name]
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(STORY))
def test_the_story_knows_ports_only(name: str) -> None:
    """Daemon, cancelation and deployment import no adapter and no package but attrs."""
    tree = modules()[name]
    assert own(tree) <= STORY_MAY
    assert {module for module in foreign(tree) if module.split(".")[0] not in sys.stdlib_module_names} <= {
        "attrs"
    }


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_do_no_io(name: str) -> None:
    """Decisions and words import neither clock, randomness, log, files nor network, and no module that does."""
    tree = modules()[name]
    assert foreign(tree) <= PURE_MAY
    assert own(tree) <= PURE
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & {"open", "print", "input"} == set()


def test_each_package_has_its_doors() -> None:
    """Packages from elsewhere are imported by their doors alone, and there are no others than the declared."""
    found: dict[str, set[str]] = {}
    for name, tree in modules().items():
        for module in foreign(tree):
            top = module.split(".")[0]
            if top not in sys.stdlib_module_names:
                found.setdefault(top, set()).add(name)
    found.pop("attrs")
    assert found == DOORS


def test_the_story_fits_a_screen() -> None:
    """`deploy` and `_install` tell a deployment in at most 60 lines together, docstrings aside."""
    lines = 0
    for node in modules()["deployment"].body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name in ("deploy", "_install"):
            first = node.body[1]  # after the docstring
            lines += (node.end_lineno or 0) - first.lineno + 1 + 1
    assert 20 < lines <= 60, lines


@functools.cache
def test_files() -> dict[str, ast.Module]:
    """All Python files of the tests by their paths below tests/."""
    folder = ROOT / "tests"
    return {str(path.relative_to(folder)): ast.parse(path.read_text()) for path in folder.rglob("*.py")}


test_files.__test__ = False  # type: ignore[attr-defined]


def dotted(node: ast.AST) -> str:
    """A use such as `pytest.mark.skip` as text; empty for what is not a plain dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def uses(*names: str) -> list[str]:
    """Where the tests use one of the dotted names."""
    return [
        f"{path}:{node.lineno}"
        for path, tree in test_files().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and dotted(node) in names
    ]


def test_tests_skip_nothing() -> None:
    """No test is skipped or expected to fail: what is missing is installed, what is broken is repaired."""
    marks = [f"pytest.mark.{mark}" for mark in ("skip", "skipif", "xfail")]
    assert uses("pytest.skip", "pytest.importorskip", "pytest.xfail", *marks) == []


def test_tests_patch_constants_at_most() -> None:
    """Doubles stand at the ports and on the wire; no function or class of ours is patched."""
    patched = [path for path, tree in test_files().items() for name in imports(tree) if "mock" in name]
    for path, tree in test_files().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "monkeypatch.setattr":
                name = node.args[1]
                if not (isinstance(name, ast.Constant) and str(name.value).isupper()):
                    patched.append(f"{path}:{node.lineno}")
    assert patched == []


def test_tests_wait_for_events() -> None:
    """No test sleeps by the clock; what can only be asked again and again goes through `rig.process`."""
    assert {use.split(":")[0] for use in uses("time.sleep")} <= MAY_SLEEP
