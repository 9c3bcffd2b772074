# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast to poll."""

from __future__ import annotations

#: Seconds between polls while an action is being worked on, first and after `BUSY_FIRST`. The first leaves a
#: second for the answer to a cancelation, which is to be there within five.
BUSY_PACE, LATER_PACE = 4.0, 30.0
BUSY_FIRST = 600.0

#: Seconds between polls if the server never said.
DEFAULT_INTERVAL = 300.0


def pace(interval: float | None, working: float | None) -> float:
    """Seconds until the next poll.

    Args:
        interval: what the server said last, None if it never did.
        working: seconds since work on an action began, None if nothing is being worked on.
    """
    normal = interval or DEFAULT_INTERVAL
    if working is None:
        return normal
    return min(normal, BUSY_PACE if working < BUSY_FIRST else LATER_PACE)
