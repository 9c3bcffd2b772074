# SPDX-License-Identifier: LGPL-2.1-or-later
"""When the server is asked next, and the sleep until then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import define, field

from hawkbit_rauc.ports import Clock
from hawkbit_rauc.rules.pace import pace

#: The first poll comes within this many seconds if something waits to be told or committed.
URGENT_FIRST_POLL = 10.0
#: Seconds until the next poll if the server has certainly something new to say.
SOON = 1.0


@define(eq=False)
class Polls:
    """The rhythm of the polls.

    Attributes:
        clock: seconds of it are what all times here are.
        first_within: seconds; the first poll comes at random within them, so that a mass power-up does not
            stampede.
        random: gives a number from 0 to 1.
        retry_wait: the longest pause between two tries, seconds; shorter if the poll interval is.
        changed: called when `due` did.
        interval: seconds as the server said last, None before it did.
        due: when the server is asked next.
    """

    clock: Clock
    first_within: float
    random: Callable[[], float]
    retry_wait: float
    changed: Callable[[], None]
    interval: float | None = None
    due: float = 0.0
    _wake: asyncio.Event = field(factory=asyncio.Event)
    _soon: float | None = None

    @property
    def woken(self) -> bool:
        """Whether somebody asked to poll now."""
        return self._wake.is_set()

    def hurry(self, seconds: float | None) -> None:
        """Let the next pause be this short; None takes the haste back."""
        self._soon = seconds

    def poll_now(self) -> None:
        """Cut the current pause short."""
        self._wake.set()

    def woke_up(self) -> None:
        """Have whoever asked to poll now be served."""
        self._wake.clear()

    def learn(self, interval: float | None) -> None:
        """Take the interval that the server wishes; the last good one is kept."""
        self.interval = interval or self.interval

    def first(self, *, urgent: bool) -> float:
        """Seconds until the first poll.

        Args:
            urgent: whether something waits to be told or committed.
        """
        within = min(self.first_within, URGENT_FIRST_POLL) if urgent else self.first_within
        return self.random() * within

    def next(self, working: float | None, *, once: bool) -> float:
        """Seconds until the next poll; haste counts for one.

        Args:
            working: seconds since work on an action began, None if nothing is being worked on.
            once: whether nobody waits for the server's interval.
        """
        soon, self._soon = self._soon, None
        if soon is not None:
            return soon
        if once and working is None:
            return SOON
        return pace(self.interval, working)

    def longest_pause(self) -> float:
        """Seconds between two tries at most."""
        return min(self.interval or self.retry_wait, self.retry_wait)

    async def sleep(self, seconds: float, task: asyncio.Task[object] | None) -> None:
        """Sleep until the time has passed, the task has ended, or somebody asks to poll now."""
        self.due = self.clock.now() + seconds
        self.changed()
        waits: list[asyncio.Future[object]] = [
            asyncio.ensure_future(self.clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait([*waits, task] if task else waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
