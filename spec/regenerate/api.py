# SPDX-License-Identifier: LGPL-2.1-or-later
"""The callers' view of what differs: the names that the package exports, as griffe reads them from its source."""

import ast
from itertools import groupby
from pathlib import Path
from typing import Any

import griffe
from changes import Change, Element, compare


def compare_packages(old: Path, new: Path) -> list[Change]:
    """Return what differs for callers between two packages, given by their folders.

    Functions that change in the same way, as `sync` and `asyncio` do, share a line.

    Raises:
        griffe.GriffeError: one of the packages is no Python.
        ModuleNotFoundError: one of the packages is not there.
    """
    changes = compare(
        elements(old), elements(new), added_breaks=_added_breaks, changed_breaks=_changed_breaks
    )
    return _shared(changes)


def elements(package: Path) -> dict[str, Element]:
    """Return everything that callers may use, by its name below the package's.

    Raises:
        griffe.GriffeError: the package is no Python, after a merge for instance.
    """
    root = griffe.load(
        package.name, search_paths=[package.parent], allow_inspection=False, try_relative_path=False
    )
    found: dict[str, Element] = {}
    for name, member in root.members.items():
        if isinstance(member, griffe.Alias):
            if member.target_path.startswith(package.name + "."):
                _collect(name, member.final_target, "", found)
        elif member.is_attribute and not name.startswith("_"):
            _collect(name, member, "", found)
    return {f"`{name}`": element for name, element in found.items()}


def _collect(name: str, thing: Any, parent: str, found: dict[str, Element]) -> None:
    """Add one thing and all that it contains to what was found."""
    inside = f"`{parent}`" if parent else ""
    if thing.is_module:
        found[name] = Element("operation", {}, inside)
    elif thing.is_class:
        found[name] = Element("class", {"bases": frozenset(str(base) for base in thing.bases)}, inside)
    elif thing.is_function:
        _function(name, thing, inside, found)
    elif literal := _literal(str(thing.value)):
        found[name] = Element("literal", {"values": literal}, inside)
    else:
        needed = bool(inside) and "property" not in thing.labels and _needs_value(thing.value)
        found[name] = Element("attribute", {"type": str(thing.annotation), "required": needed}, inside)
    if thing.is_module or thing.is_class:
        for member, inner in thing.members.items():
            if not inner.is_alias and not member.startswith("_"):
                _collect(f"{name}.{member}", inner, name, found)
        if "__init__" in thing.members:
            _parameters(name, thing.members["__init__"], found)


def _function(name: str, function: griffe.Function, inside: str, found: dict[str, Element]) -> None:
    found[name] = Element("function", {"returns": str(function.returns)}, inside)
    _parameters(name, function, found)


def _parameters(name: str, function: griffe.Function, found: dict[str, Element]) -> None:
    position = 0
    for parameter in function.parameters:
        if parameter.name in {"self", "cls"}:
            continue
        place = str(parameter.kind.value) if parameter.kind else ""
        if parameter.kind is griffe.ParameterKind.positional_or_keyword:
            position += 1
            place = f"{place}, at {position}"
        aspects = {
            "type": str(parameter.annotation),
            "required": parameter.required,
            "default": None if parameter.required else str(parameter.default),
            "place": place,
        }
        found[f"{name}({parameter.name})"] = Element("parameter", aspects, f"`{name}`")


def _literal(value: str) -> frozenset[str] | None:
    """Return the values of `Literal[...]`."""
    if not value.startswith("Literal["):
        return None
    inner = ast.parse(value, mode="eval").body
    one = inner.slice if isinstance(inner, ast.Subscript) else inner
    values = one.elts if isinstance(one, ast.Tuple) else [one]
    return frozenset(str(value.value) for value in values if isinstance(value, ast.Constant))


def _needs_value(value: Any) -> bool:
    """Tell whether an attribute has to be given to the constructor that attrs makes."""
    text = str(value)
    return value is None or (text.startswith("field(") and "default=" not in text and "factory=" not in text)


def _added_breaks(element: Element) -> bool:
    return bool(element.aspects.get("required"))


def _changed_breaks(element: Element, aspect: str, before: Any, after: Any) -> bool:
    if aspect in {"values", "bases"}:
        return not set(after) >= set(before)
    if aspect == "type" and element.kind == "parameter":  # whatever was taken is still taken
        return not _alternatives(before) <= _alternatives(after)
    if aspect == "place":
        return str(before) != griffe.ParameterKind.keyword_only.value
    return aspect != "required" or bool(after)


def _alternatives(annotation: str) -> set[str]:
    """Return the members of a union."""
    node = ast.parse(annotation, mode="eval").body
    found = set()
    while isinstance(node, ast.BinOp):
        found.add(ast.unparse(node.right))
        node = node.left
    return found | {ast.unparse(node)}


def _shared(changes: list[Change]) -> list[Change]:
    """Return the changes, with one line for functions of one operation that change alike."""

    def alike(change: Change) -> tuple[Any, ...]:
        owner, _, rest = change.what.strip("`").partition(".")
        function, bracket, parameter = rest.partition("(")
        return (
            not change.breaking,
            owner,
            bracket + parameter if bracket else function,
            change.action,
            change.how,
        )

    shared = []
    for (_, owner, parameter, _, _), group in groupby(sorted(changes, key=alike), key=alike):
        lines = list(group)
        if len(lines) > 1 and parameter.startswith("("):
            functions = ", ".join(line.what.strip("`").partition(".")[2].partition("(")[0] for line in lines)
            what = f"`{owner}.{{{functions}}}{parameter}`"
            lines = [lines[0]._replace(what=what)]
        shared += lines
    return shared
