# SPDX-License-Identifier: LGPL-2.1-or-later
"""One action as this process works on it, and how it is written down and told.

An action's state is the journal's record; what else this process knows of it may be lost at any time.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable

from attrs import define, evolve, field

from hawkbit_rauc.errors import OfferGoneError, PassingError
from hawkbit_rauc.model import Artifact, Deployment, Execution, Feedback, Offer, Record, Told
from hawkbit_rauc.ports import Progress
from hawkbit_rauc.rules.memory import overtaken
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

#: Entries in an action's history that are ours, the final one aside (hawkBit's quota is 1,000).
MAX_ENTRIES = 50
#: Seconds of a single try that count as trouble at most: a board that slept was in none.
LONGEST_TRY = 3600.0


class Stage(enum.Enum):
    """How far the work of this process is; only FETCHING can be stopped."""

    FETCHING = enum.auto()
    INSTALLING = enum.auto()


@define(eq=False)
class Headway:
    """What has moved, for people, for the history, and to tell a trouble from slow work.

    Attributes:
        changed: called when the percentage did.
        percent: of the download or the installation, -1 if there is none.
        quarter: the same as a sentence for the history, which needs quarters only.
        alive: when something succeeded last; times are seconds of the world's clock.
        moved_at: when bytes or per cent grew last.
        counted_to: until when the time of troubles was counted.
    """

    changed: Callable[[], None] = lambda: None
    percent: int = -1
    quarter: str = ""
    alive: float = 0.0
    moved_at: float = 0.0
    counted_to: float = 0.0
    _reached: dict[str, int] = field(factory=dict)

    def restart(self, now: float) -> None:
        """Begin another try of the story."""
        self.alive = self.counted_to = now

    def stand_still(self) -> None:
        """Show no progress any more."""
        self.percent, self.quarter = -1, ""

    def reach(self, what: str, done: int, now: float) -> None:
        """Note how far something is; what is only looked at again is no progress."""
        if done > self._reached.get(what, 0):
            self._reached[what] = done
            self.alive = self.moved_at = now

    def troubled(self, before: float, now: float, pause: float) -> float:
        """Add the last try and the pause before it to the seconds of trouble; bytes that arrived end that time."""
        since, self.counted_to = self.counted_to, now
        if self.moved_at > since:
            return now - self.moved_at
        return before + min(now - since, LONGEST_TRY + pause)


@define(eq=False)
class RebootRequests:
    """What this process knows of the reboot that an action waits for.

    Attributes:
        installed_at: when the installation was seen to be complete, None before.
        asked_at: when the reboot was asked for last, None before.
        count: how often it was asked for.
    """

    installed_at: float | None = None
    asked_at: float | None = None
    count: int = 0


@define(eq=False)
class Action:
    """One action as this process works on it; everything in here but the record may be lost at any time.

    Attributes:
        offer: the server's link to it.
        record: what is known of it; `keep` makes it durable.
        world: the ports.
        said: what its history has from this process, so that each sentence is told once.
        deployment: what it asks for, None if that has to be read (again).
        fetched: the artifact that is on the disk, verified.
    """

    offer: Offer
    record: Record
    world: World
    said: set[str] = field(factory=set)
    headway: Headway = field(factory=Headway)
    reboots: RebootRequests = field(factory=RebootRequests)
    stage: Stage = Stage.FETCHING
    deployment: Deployment | None = None
    fetched: Artifact | None = None

    @property
    def id(self) -> str:
        """The server's id of it."""
        return self.offer.action

    def keep(self, record: Record) -> None:
        """Write the record down before anything else happens.

        Raises:
            PassingError: it could not be written.
        """
        journal = self.world.journal.read()
        record = evolve(record, overtaken=overtaken(journal, record))
        if record != journal:
            self.world.journal.write(record)
            self.headway.alive = self.world.clock.now()
        self.record = record

    async def say(self, text: str, *, note: str | None = None) -> None:
        """Add a sentence to the action's history, each one once.

        Args:
            text: the sentence.
            note: goes with it in case the journal is lost; then it must be told, rather than go on without.

        Raises:
            PassingError: a note could not be told.
            OfferGoneError: the action is closed.
        """
        key = text if note is None else f"{text} {note}"
        if key in self.said or (note is None and len(self.said) >= MAX_ENTRIES):
            return
        log.info("action %s: %s", self.id, text)
        details = (text,) if note is None else (text, note)
        try:
            told = await self.world.server.tell(Feedback(self.id, Execution.PROCEEDING, details=details))
        except PassingError:
            if note is not None:
                raise
            return
        self.said.add(key)
        if told is Told.CLOSED:
            raise OfferGoneError(f"action {self.id} was closed by the server")

    async def report(self) -> None:
        """Tell how far the work is, if that changed since the last time.

        Raises:
            OfferGoneError: the action is closed.
        """
        if self.headway.quarter:
            await self.say(self.headway.quarter)

    def progress(self, what: str) -> Progress:
        """Make a callback that logs each per cent and keeps quarters, which is what the history needs.

        Args:
            what: is going on, such as "downloading".
        """
        last = 0

        def note(done: int, total: int) -> None:
            nonlocal last
            self.headway.reach(what, done, self.world.clock.now())
            percent = 100 * done // total if total > 0 else 0
            if percent > last:
                self.headway.percent = last = percent
                self.headway.changed()
                log.info("action %s: %s %d %%", self.id, what, percent, extra={"percent": percent})
            quarter = percent // 25 * 25
            if 0 < quarter < 100:  # noqa: PLR2004  the whole is told otherwise
                self.headway.quarter = f"{what}: {quarter} %"

        return note

    async def ask(self, moment: str, **facts: str) -> str | None:
        """Ask the board's own programs.

        Args:
            moment: before what, as the folders of the hooks are called.
            facts: what they are told besides the action.

        Returns:
            Why it has to wait, None to go on.

        Raises:
            DeploymentError: they refuse it.
        """
        return await self.world.hooks.ask(moment, {"action": self.id, **facts})
