# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page of the docs that shows what differs between the kept documents."""

from typing import Any

from changes import Element, value
from document import elements
from overlay import order

HEAD = """\
# What differs between the versions of hawkBit

Made by `scripts/regenerate` from the documents in `spec/documents`; not edited by hand.
The names are those of the documents, `…` stands for `/{tenant}/controller/v1/{controllerId}`.
A dash says that a version's document doesn't have it.
Of lists, such as statuses, only what differs is shown.
What servers really do is more than their documents tell: see [the client](sdk.md).
"""

ABSENT = "\N{EN DASH}"


def page(documents: list[dict[str, Any]]) -> str:
    """Return the page that shows what differs between documents of several versions."""
    documents = sorted(documents, key=lambda document: order(document["info"]["version"]))
    titles = [document["info"]["version"] for document in documents]
    rows: dict[tuple[str, ...], list[str]] = {}
    said = [elements(document) for document in documents]
    for name in sorted(set().union(*said)):
        for label, cells in _rows(name, [each.get(name) for each in said], said):
            rows.setdefault(tuple(cells), []).append(label)
    table = [f"| | {' | '.join(titles)} |", f"| --- {'| --- ' * len(titles)}|"]
    table += [f"| {'<br>'.join(labels)} | {' | '.join(cells)} |" for cells, labels in rows.items()]
    return HEAD + "\n" + "\n".join(table) + "\n"


def _rows(
    name: str, found: list[Element | None], said: list[dict[str, Element]]
) -> list[tuple[str, list[str]]]:
    """Return the rows of one element: whether it is there, and which of its aspects differ."""
    there = [element for element in found if element]
    rows = []
    if None in found:
        presence = [element is not None for element in found]
        if presence != [there[0].parent in each for each in said]:  # otherwise the parent's row says it
            rows.append((name, ["yes" if present else ABSENT for present in presence]))
    for aspect in dict.fromkeys(aspect for element in there for aspect in element.aspects):
        values = [element.aspects.get(aspect) for element in there]
        if any(one != values[0] for one in values):
            lists = [one for one in values if isinstance(one, frozenset)]
            common = frozenset[str]().union(*lists).intersection(*lists)
            cells = [_cell(element.aspects.get(aspect) if element else None, common) for element in found]
            rows.append((f"{name}: {aspect}", cells))
    return rows


def _cell(said: Any, common: frozenset[str]) -> str:
    said = said - common if isinstance(said, frozenset) else said
    return value(said) if said not in {None, frozenset()} else ABSENT
