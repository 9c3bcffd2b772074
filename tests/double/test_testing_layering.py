# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shape of `hawkbit_testing`: its modules import one way."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hawkbit_testing

PACKAGE = Path(hawkbit_testing.__file__).parent


def modules(package: Path) -> dict[str, ast.Module]:
    """The parsed modules of a package by their full names."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


def imports(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Which of the known modules a module imports, anywhere in it: for types alone and inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from known & {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from known & {full if full in known else str(node.module)}


def check(package: Path) -> list[str]:
    """Return the modules of a package, those first that import none of the others. Raises: CycleError."""
    trees = modules(package)
    return list(
        TopologicalSorter({name: imports(tree, set(trees)) for name, tree in trees.items()}).static_order()
    )


def test_imports_point_one_way() -> None:
    """No module imports, by whatever way round, one that imports it; the package's own names come last."""
    order = check(PACKAGE)
    assert order.index("hawkbit_testing.actions") < order.index("hawkbit_testing.target")
    assert order.index("hawkbit_testing.target") < order.index("hawkbit_testing.feedback")
    assert order.index("hawkbit_testing.feedback") < order.index("hawkbit_testing")


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Two modules that import each other, one of them for a type alone, don't pass."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "lower.py").write_text("if TYPE_CHECKING:\n    from package.upper import Upper\n")
    (package / "upper.py").write_text("def f():\n    from package import lower\n")
    with pytest.raises(ValueError, match="cycle"):
        check(package)
