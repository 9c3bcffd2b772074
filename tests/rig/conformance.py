# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kept table docs/conformance.md, made by the suite on the doubles and on a real goosebit."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hawkbit_testing import Hawkbit
from hawkbit_testing.conformance import Cell, page, run
from hawkbit_testing.quirks import VERSIONS
from rig.cache import REPOSITORY
from rig.goosebit import Goosebit
from rig.goosebit_operator import Operator

PAGE = REPOSITORY / "docs" / "conformance.md"
HEAD = """\
# What hawkBit answers

This page is made by `scripts/conformance`; tests hold it to the double, and the double to real servers.
Each row is a cell: an operation of DDI, the state of the controller or its action, what is asked, and what came of it.
`?c` marks a link with a revision stamp, a number behind a link the first or second action, `empty` an answer without a body.

The column `0.3` is seen on a real hawkBit 0.3.0M7 in each run of the tests, in every cell.
The others are the double's, written after what running servers of these versions did; no test here runs on them, but [the report](testing.md#your-own-server) holds yours to them.

## The versions of hawkBit

"""
GOOSEBIT = """\
## goosebit

Where goosebit 0.2.12 differs from hawkBit 1.1.
What it can't be brought to (cancelations, windows, soft actions, confirmation) is left out.
"""


def versions() -> str:
    """Return the first table."""
    return page.versions_table({version: run(Hawkbit(version)) for version in VERSIONS})


def goosebit(server: Goosebit, folder: Path) -> Sequence[Cell]:
    """Return what a goosebit does."""
    operator = Operator(server, folder)
    return run(operator, operator.content)


def goosebit_table(seen: Sequence[Cell]) -> str:
    """Return the second table."""
    return page.differences_table("goosebit", run(Hawkbit()), seen)


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, Goosebit(Path(folder)) as server:
        other = goosebit_table(goosebit(server, Path(folder) / "bundles"))
    PAGE.write_text(f"{HEAD}{versions()}\n{GOOSEBIT}\n{other}")


if __name__ == "__main__":
    main()
