# SPDX-License-Identifier: LGPL-2.1-or-later
"""Say a thing once, not at every poll."""

from __future__ import annotations

from attrs import define


@define
class Once:
    """Remembers what was said last.

    Attributes:
        last: what was said last; empty if nothing was, or if it is over.
    """

    last: str = ""

    def is_news(self, text: str) -> bool:
        """Whether this is something else than what was said last; it counts as said from now on."""
        news, self.last = text != self.last, text
        return news

    def is_over(self) -> None:
        """Let the next text be news, whatever it says."""
        self.last = ""
