# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kept table: what each version does, operation by operation, and what another server does differently."""

from collections.abc import Mapping, Sequence

from hawkbit_testing.conformance.site import Cell
from hawkbit_testing.conformance.suite import differences

Key = tuple[str, str, str]


def versions_table(versions: Mapping[str, Sequence[Cell]]) -> str:
    """Return the table of all operations in Markdown: the newest version, and older ones if they differ.

    Args:
        versions: the cells of each version, the oldest first.
    """
    told = {name: {_key(cell): cell.seen for cell in cells} for name, cells in versions.items()}
    newest = list(told)[-1]
    keys = list(dict.fromkeys(key for cells in reversed(told.values()) for key in cells))
    lines = []
    for operation in dict.fromkeys(key[0] for key in keys):
        lines += [
            f"### `{operation}`",
            "",
            f"| state | request | {newest} | before |",
            "| --- | --- | --- | --- |",
        ]
        for key in (key for key in keys if key[0] == operation):
            older = _older({name: cells.get(key) for name, cells in told.items()})
            row = (key[1], key[2], told[newest].get(key) or "-", older)
            lines.append(f"| {' | '.join(map(_escaped, row))} |")
        lines.append("")
    return "\n".join(lines)


def differences_table(name: str, expected: Sequence[Cell], seen: Sequence[Cell]) -> str:
    """Return what another server does differently, in Markdown; what it can't be brought to is left out."""
    lines = [f"| operation | state | request | hawkBit | {name} |", "| --- | --- | --- | --- | --- |"]
    for one in differences(expected, seen):
        if one.seen is not None:
            row = (f"`{one.operation}`", one.state, one.request, one.expected or "-", one.seen)
            lines.append(f"| {' | '.join(map(_escaped, row))} |")
    return "\n".join(lines) + "\n"


def _key(cell: Cell) -> Key:
    return cell.operation, cell.state, cell.request


def _older(seen: Mapping[str, str | None]) -> str:
    """Return what the versions before the newest do, those alike together; nothing if all do the same."""
    *names, newest = seen
    groups: list[tuple[list[str], str | None]] = []
    for name in names:
        if groups and groups[-1][1] == seen[name]:
            groups[-1][0].append(name)
        else:
            groups.append(([name], seen[name]))
    odd = [(alike, text) for alike, text in groups if text != seen[newest]]
    return "; ".join(f"**{_span(alike)}** {text or 'not to be had'}" for alike, text in odd)


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<").replace("*/*", "\\*/\\*")
