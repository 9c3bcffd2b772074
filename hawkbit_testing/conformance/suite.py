# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs all checks on a server, and compares what two servers do."""

from collections.abc import Callable, Sequence

from attrs import frozen

from hawkbit_testing.conformance import (
    attributes,
    cancelations,
    confirmations,
    deployments,
    feedback,
    files,
    installations,
    polls,
)
from hawkbit_testing.conformance.site import CONTENT, Cell, Server, Site

#: The operations of DDI in the order of the table, each with its checks.
CHECKS: tuple[Callable[[Site], None], ...] = (
    *polls.CHECKS,
    *attributes.CHECKS,
    *deployments.CHECKS,
    *feedback.CHECKS,
    *cancelations.CHECKS,
    *installations.CHECKS,
    *confirmations.CHECKS,
    *files.CHECKS,
)


@frozen
class Difference:
    """A cell in which two servers differ; None for a server that can't be brought there."""

    operation: str
    state: str
    request: str
    expected: str | None
    seen: str | None


def run(
    server: Server,
    content: bytes = CONTENT,
    checks: Sequence[Callable[[Site], None]] = CHECKS,
    begun: Callable[[str], None] = lambda _what: None,
) -> list[Cell]:
    """Run checks on a server and return what was seen.

    It makes targets, modules and distribution sets, and sets the tenant's confirmation flow, autoclose and
    gateway token for moments. All that is undone in the end, after Ctrl-C too. A check or a cell that breaks is
    a cell that says so.

    Args:
        server: the double, or a real one.
        content: the bytes that it serves for what is assigned.
        checks: functions that note cells on a site.
        begun: told of each check before it begins.

    Raises:
        NotPutBackError: a setting of the tenant could not be put back.
    """
    site = Site(server, content)
    try:
        with site.plain():
            for check in checks:
                begun((check.__doc__ or "").partition("\n")[0])
                with site.part(f"{check.__module__.rpartition('.')[2]}: {check.__name__}"):
                    check(site)
    finally:
        site.close()
    return site.cells


def differences(expected: Sequence[Cell], seen: Sequence[Cell]) -> list[Difference]:
    """Return the cells in which two servers differ, in the order of the table.

    A fact that ends with `-` was not told, and does not differ from any other.
    """
    left = {(cell.operation, cell.state, cell.request): cell.seen for cell in expected}
    right = {(cell.operation, cell.state, cell.request): cell.seen for cell in seen}
    keys = [*left, *(key for key in right if key not in left)]
    return [
        Difference(*key, left.get(key), right.get(key))
        for key in keys
        if not _same(left.get(key), right.get(key))
    ]


def _same(expected: str | None, seen: str | None) -> bool:
    if expected is None or seen is None:
        return expected == seen
    facts, others = expected.split("; "), seen.split("; ")
    return len(facts) == len(others) and all(
        other in (fact, "-") or other.endswith(" -") for fact, other in zip(facts, others, strict=True)
    )
