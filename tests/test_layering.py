# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shape of the code: which module may import what, and what a test may not do."""

import ast
import functools
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hawkbit_rauc"

#: Modules directly in the package, which every wing but `net` may import as far as its row says.
GROUND = {"model", "errors", "ports", "durable", "once"}

#: The wings, and what each may import besides its own modules: wings, single modules, or the ground.
WINGS = {
    "app": {"story", "rules", "hawkbit", "bundle", "rauc", "board", "config", "net", *GROUND},
    "story": {"rules", *GROUND},
    "rules": {"model", "errors"},
    "hawkbit": {"net", *GROUND},
    "bundle": {"net", *GROUND},
    "rauc": {"board.dbus", "net.urls", *GROUND},
    "board": GROUND,
    "config": {"net", "errors"},
    "net": set(),
}

#: The same for the ground itself.
GROUND_MAY = {"ports": {"model"}, "durable": {"errors"}, "__main__": {"app"}}

#: Modules outside of `rules` that do no I/O either and are told time, randomness and boot facts.
PURE = {"model", "errors", "config.keyfile", "hawkbit.links", "hawkbit.messages", "hawkbit.attributes"}
PURE |= {"hawkbit.identity", "bundle.ranges", "net.urls", "rauc.failures"}
#: What of Python these and `rules` may import.
PURE_MAY = {"__future__", "attrs", "collections.abc", "difflib", "email.utils", "enum", "fnmatch", "http"}
PURE_MAY |= {"ipaddress", "re", "shlex", "string", "typing", "unicodedata", "urllib.parse", "uuid"}

#: Packages from elsewhere, each with its doors.
DOORS = {
    "httpx": {"hawkbit.connection", "hawkbit.ddi", "bundle.download", "bundle.redirects", "bundle.stream"},
    "hawkbit_ddi": {"hawkbit.connection", "hawkbit.ddi"},
    "jeepney": {"app.control", "board.dbus", "rauc.installation"},
    "tenacity": {"story.retry"},
}

#: What waits by the clock on purpose: polling of outside programs, a server that is slow when told to.
MAY_SLEEP = {"rig/process.py", "rig/demo.py"}


@functools.cache
def modules() -> dict[str, ast.Module]:
    """The parsed modules of the package by name, such as "story.daemon"; a wing's own by the wing's."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = ast.parse(
            path.read_text()
        )
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, `from hawkbit_rauc.net import x` as `hawkbit_rauc.net.x`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            if node.module in {"hawkbit_rauc", *(f"hawkbit_rauc.{wing}" for wing in WINGS)}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def own(tree: ast.AST) -> set[str]:
    """Names of the package's modules that are imported."""
    return {name.removeprefix("hawkbit_rauc.") for name in imports(tree) if name.startswith("hawkbit_rauc.")}


def foreign(tree: ast.AST) -> set[str]:
    """Names of everything else that is imported."""
    return {name for name in imports(tree) if name.split(".")[0] != "hawkbit_rauc"}


def wing_of(module: str) -> str:
    """The wing that a module is in, else its own name."""
    return module.partition(".")[0]


def test_every_module_has_its_wing() -> None:
    """A new module is put into one of the nine wings; the ground stays as it is."""
    assert {wing_of(name) for name in modules()} == {*WINGS, *GROUND, "__init__", "__main__"}


@pytest.mark.parametrize("wing", WINGS)
def test_wings_have_walls(wing: str) -> None:
    """A module imports from its own wing and from those that the table names; so adapters never import each other."""
    wrong = [
        f"{name} imports {other}"
        for name, tree in modules().items()
        for other in own(tree)
        if wing_of(name) == wing and wing_of(other) != wing and not {other, wing_of(other)} & WINGS[wing]
    ]
    assert wrong == []


def test_the_ground_rests_on_nothing() -> None:
    """The modules directly in the package import each other as the table says, and no wing."""
    found = {name: {wing_of(other) for other in own(modules()[name])} for name in [*GROUND, "__main__"]}
    assert {name: others for name, others in found.items() if others} == GROUND_MAY


def test_imports_point_one_way() -> None:
    """No module imports itself through others."""
    graph = {name: own(tree) for name, tree in modules().items()}
    assert [*graphlib.TopologicalSorter(graph).static_order()]  # raises CycleError


def test_wings_export_nothing() -> None:
    """The module of a wing holds its sentence alone, so that a start loads only what it uses."""
    loud = [wing for wing in WINGS if len(modules()[wing].body) != 1]
    assert loud == []


def test_the_story_needs_no_package() -> None:
    """The story imports no package from elsewhere but attrs, and tenacity by its door."""
    used = {
        module.split(".")[0]
        for name, tree in modules().items()
        if wing_of(name) == "story"
        for module in foreign(tree)
    }
    assert used - sys.stdlib_module_names == {"attrs", "tenacity"}


@pytest.mark.parametrize("name", sorted(PURE | {name for name in modules() if wing_of(name) == "rules"}))
def test_pure_modules_do_no_io(name: str) -> None:
    """Decisions and words import neither clock, randomness, log, files nor network, and no module that does."""
    tree = modules()[name]
    assert foreign(tree) <= PURE_MAY
    assert {other for other in own(tree) if wing_of(other) != "rules"} <= PURE
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
    for node in modules()["story.deployment"].body:
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


def made_by(fixture: ast.FunctionDef) -> str:
    """The type of what a fixture gives to a test, as its annotation says it."""
    given = fixture.returns
    if isinstance(given, ast.Subscript) and ast.unparse(given.value) == "Iterator":
        given = given.slice
    return ast.unparse(given) if given else "unknown"


def test_a_fixture_name_means_one_thing() -> None:
    """A folder or file may make a fixture of its own of a known name, but one of the same type."""
    kinds: dict[str, set[str]] = {}
    for tree in test_files().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                "pytest.fixture" in ast.unparse(decorator) for decorator in node.decorator_list
            ):
                kinds.setdefault(node.name, set()).add(made_by(node))
    assert {name: made for name, made in kinds.items() if len(made) > 1} == {}


def test_tests_wait_for_events() -> None:
    """No test sleeps by the clock; what can only be asked again and again goes through `rig.process`."""
    assert {use.split(":")[0] for use in uses("time.sleep")} <= MAY_SLEEP
