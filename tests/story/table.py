# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of docs/crash-matrix.md: each test of the matrix makes its own row, and holds the page to it."""

from __future__ import annotations

import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "crash-matrix.md"
#: Where rows are left for `scripts/states` to make the page of.
ROWS = "HAWKBIT_RAUC_ROWS"

HEAD = """\
# Nothing is lost, nothing is done twice

This page is made by `scripts/states`: each row by the test that lives these lives, and each run of the tests holds the page to it.

A story is lived once without a cut, then again and again with a cut after its first effect, its second, and so on.
An effect is anything that changes outside of the program: an answer of the server, a write to the journal, a step of RAUC, a part of the bundle.
At each of these points the process is killed, or the power cut, each with the journal kept and with the journal lost: four lives for each point.
Two cuts are a second one after each effect of each recovery from the first.
Afterwards everybody is told one end of each action, and it is the truth; anything else is a wrong end.

| story | board | points to cut at | lives with one cut | lives with two cuts | wrong ends |
| --- | --- | --- | --- | --- | --- |
"""


def hold(story: str, board: str, points: int, lives: int, pairs: int | None = None) -> None:
    """Hold the page to a row, or leave the row for the page that is being made; a wrong end has failed before."""
    row = f"| {story} | {board} | {points} | {lives:,} | {'' if pairs is None else f'{pairs:,}'} | 0 |"
    if folder := os.environ.get(ROWS):
        (Path(folder) / re.sub(r"\W+", "-", f"{story}-{board}")).write_text(row)
        return
    assert row in PAGE.read_text().splitlines(), f"run scripts/states: docs/crash-matrix.md has no {row}"


def write(folder: Path) -> None:
    """Make the page of the rows that were left in a folder."""
    rows = sorted(file.read_text() for file in folder.iterdir())
    cells = [[cell.strip().replace(",", "") for cell in row.split("|")[1:-1]] for row in rows]
    points, singles, pairs = (sum(int(row[column] or 0) for row in cells) for column in (2, 3, 4))
    total = f"| **all** | | **{points:,}** | **{singles:,}** | **{pairs:,}** | **0** |"
    PAGE.write_text("\n".join([HEAD.rstrip("\n"), *rows, total]) + "\n")
