# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes on in each round is said once, when it begins, not in each round."""

from __future__ import annotations


class Once:
    """Remembers what was said last, so that it is not said again as long as it holds."""

    def __init__(self) -> None:
        self._last: tuple[str, ...] = ()

    def new(self, *sentences: str) -> list[str]:
        """Return the sentences that did not hold the last time this was asked.

        Args:
            sentences: all that hold now; none if all is well, so that what comes back later is new.
        """
        fresh = [sentence for sentence in sentences if sentence not in self._last]
        self._last = sentences
        return fresh
