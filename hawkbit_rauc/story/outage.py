# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is the server away, and with `--once`: for how long may it be?"""

from __future__ import annotations

import logging

from attrs import define, field

from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.once import Once
from hawkbit_rauc.ports import Clock

log = logging.getLogger(__name__)


class OutOfTimeError(Exception):
    """With `--once`: nothing has succeeded for too long, or will before that.

    Attributes:
        trouble: what did not succeed last.
    """

    def __init__(self, trouble: PassingError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble


@define(eq=False)
class Outage:
    """What is known of the server's absence.

    Attributes:
        clock: times are seconds of it.
        once_timeout: seconds without any success after which `--once` gives up.
        once: whether it may give up.
        why: the trouble; empty while the server answers.
        alive: when something succeeded last.
    """

    clock: Clock
    once_timeout: float
    once: bool = False
    why: str = ""
    alive: float = field(init=False)
    _trouble: Once = field(factory=Once)

    def __attrs_post_init__(self) -> None:
        self.alive = self.clock.now()

    def may_give_up(self, *, once: bool) -> None:
        """Note whether it may end the program, as with `--once`."""
        self.once = once

    def goes_on(self, error: PassingError, pause: float) -> None:
        """Log a trouble, each one once."""
        self.why = str(error)
        if self._trouble.new(self.why):
            log.warning("%s; trying again in %.1f s", error, pause)

    def is_over(self) -> None:
        """Take note that the server answered."""
        if self.why:
            log.info("the server answers again")
            self.why = ""
            self._trouble.new()

    def succeeded(self) -> None:
        """Take note that something succeeded."""
        self.alive = self.clock.now()

    def check(self, trouble: PassingError, pause: float, alive: float) -> None:
        """With `--once`, give up if nothing has succeeded for too long.

        Args:
            trouble: what did not succeed now.
            pause: seconds until the next try.
            alive: when something succeeded last.

        Raises:
            OutOfTimeError: that time will have passed.
        """
        if self.once and self.clock.now() + pause - alive > self.once_timeout:
            raise OutOfTimeError(trouble)
