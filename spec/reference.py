# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write docs/reference.md from the docstrings of hawkbit_ddi; run it through scripts/reference."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"

HEAD = """\
# Reference of hawkbit_ddi

Made by `scripts/reference` from the docstrings; not edited by hand.
[The client](sdk.md) explains it with examples.
All names on this page but those of methods are imported from `hawkbit_ddi`.
"""


def main() -> int:
    """Write the page, or compare it; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/reference", description="Write docs/reference.md anew.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail on any difference")
    check = parser.parse_args().check
    page = "\n".join(lines(griffe.load("hawkbit_ddi", search_paths=[ROOT / "generated"])))
    if not check:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        print("docs/reference.md is not up to date; run scripts/reference", file=sys.stderr)
        return 1
    return 0


def lines(package: griffe.Module) -> Iterator[str]:
    """Give the page line by line."""
    yield HEAD
    yield "## The client\n"
    yield from class_lines(package["client"].members["Client"])
    yield "## Operations\n"
    for module in own(package["api.ddi"]):
        yield from operation(module)
    yield "## Downloads\n"
    for name in ("Download", "DownloadStream", "AsyncDownloadStream"):
        yield from class_lines(package["download"].members[name])
    yield "## Requests and answers of one's own\n"
    for name in ("Call", "Response"):
        yield from class_lines(package["types"].members[name])
    yield "## JSON objects\n"
    yield "Requests are strict, answers are read leniently: see [the client](sdk.md#answers).\n"
    for module in own(package["models"]):
        yield from model(module)
    yield "## Errors\n"
    errors = package["errors"]
    tree = re.search(r"(?s)\n( {4}DdiError.*?)\n\n", errors.docstring.value)
    yield "\n".join(["```", *(line[4:] for line in tree[1].splitlines()), "```\n"])
    for error in own(errors):
        if error.is_class:
            yield from class_lines(error)


def own(described: griffe.Object) -> list[griffe.Object]:
    """Return the public members that are defined there, not imported, in their order."""
    return [m for m in described.members.values() if not m.is_alias and not m.name.startswith("_")]


def operation(module: griffe.Module) -> Iterator[str]:
    """Describe one operation, by the function that takes the most parameters."""
    functions = own(module)
    yield f"### `{module.name}`\n"
    yield from prose(module["sync_detailed"])
    yield "\n".join(
        ["```python", *(signature(function, f"{module.name}.") for function in functions), "```\n"]
    )
    yield from arguments(module["sync_detailed"])
    result = next(s for s in module["sync"].docstring.parse("google") if s.kind.value == "returns")
    yield f"Returns: {one_line(result.value[0].description)}\n"


def model(module: griffe.Module) -> Iterator[str]:
    """Describe a class of JSON objects, or the values of an enumeration."""
    for member in own(module):
        if member.is_class:
            yield from class_lines(member)
        elif member.docstring:
            yield f"### `{member.name}`\n"
            values = re.findall(r"'([^']+)'", str(member.value))
            yield f"{one_line(member.docstring.value)} {', '.join(f'`{value}`' for value in values)}.\n"


def class_lines(described: griffe.Class) -> Iterator[str]:
    """Describe a class, its members and its methods."""
    yield f"### `{described.name}`\n"
    yield from prose(described)
    constructor = described.members.get("__init__")
    if described.name == "Client" and constructor is not None:
        yield f"```python\n{signature(constructor, '', 'Client')}\n```\n"
    yield from arguments(described)
    members = [member for member in own(described) if member.is_attribute]
    if members:
        yield "| member | type | meaning |"
        yield "| --- | --- | --- |"
        for member in members:
            kind = str(member.annotation or "").replace("|", "\\|")
            yield f"| `{member.name}` | {f'`{kind}`' if kind else ''} | {cell(member)} |"
        yield ""
    for method in (member for member in own(described) if member.is_function):
        yield f"```python\n{signature(method)}\n```\n"
        yield from prose(method)
        yield from arguments(method)


def prose(described: griffe.Object) -> Iterator[str]:
    """Give what a docstring says before its sections, a line for each paragraph."""
    for section in described.docstring.parse("google"):
        if section.kind.value == "text":
            for paragraph in section.value.split("\n\n"):
                yield one_line(paragraph) + "\n"


def arguments(described: griffe.Object) -> Iterator[str]:
    """List arguments, what is returned and what is raised."""
    for section in described.docstring.parse("google"):
        if section.kind.value == "parameters":
            yield "\n".join(f"* `{a.name}`: {one_line(a.description)}" for a in section.value) + "\n"
        elif section.kind.value == "returns" and not described.name.startswith("sync"):
            yield f"Returns: {one_line(section.value[0].description)}\n"
        elif section.kind.value == "raises":
            raised = "; ".join(
                f"`{r.annotation}`: {one_line(r.description).rstrip('.')}" for r in section.value
            )
            yield f"Raises {raised}.\n"


def signature(function: griffe.Function, prefix: str = "", name: str = "") -> str:
    """Write a function's head in one line."""
    shown, star = [], False
    for parameter in function.parameters:
        if parameter.name == "self":
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not star:
            shown.append("*")
            star = True
        default = "" if parameter.default is None else f" = {parameter.default}"
        shown.append(f"{parameter.name}: {parameter.annotation}{default}")
    start = "async " if "async" in function.labels else ""
    end = "" if name else f" -> {function.returns}"
    return f"{start}{prefix}{name or function.name}({', '.join(shown)}){end}"


def cell(member: griffe.Object) -> str:
    """Give an attribute's docstring for a table."""
    return one_line(member.docstring.value).replace("|", "\\|") if member.docstring else ""


def one_line(text: str) -> str:
    """Undo the wrapping of a docstring."""
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
