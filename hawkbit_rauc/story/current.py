# SPDX-License-Identifier: LGPL-2.1-or-later
"""The action in hand, and the task that brings it forward beside the polls.

The task writes nothing but the action itself: it returns what it came to, and the loop takes that up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from attrs import define, field

from hawkbit_rauc.errors import DeploymentError, OfferGoneError, PassingError
from hawkbit_rauc.model import Offer, Record
from hawkbit_rauc.rules.pace import BUSY_PACE
from hawkbit_rauc.rules.verdicts import CONSENT, Decided, Verdict
from hawkbit_rauc.story import deployment, retry
from hawkbit_rauc.story.action import Action, Headway, Stage
from hawkbit_rauc.story.outage import Outage, OutOfTimeError
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

#: An action that is offered this often although it was told, or taken back each time, gets no haste.
MAX_ENDS = 3


@define(eq=False)
class Ends:
    """Which actions have ended in this process.

    Attributes:
        last: the record of the last action, whose outcome people are shown.
        failed: whether one of them failed.
        downloaded: the offer that asked for a download only, and has it.
    """

    last: Record | None
    failed: bool = False
    downloaded: Offer | None = None
    _again: list[str] = field(factory=list)

    def conclude(self, record: Record | None, *, success: bool) -> None:
        """Remember how an action ended."""
        self.last = record
        self.failed = self.failed or not success

    def keep(self, offer: Offer) -> None:
        """Remember an offer that asked for a download only, and has it."""
        self.downloaded = offer

    def note(self, action: str) -> None:
        """Count an end of an action; only the ends of the same action in a row are counted."""
        self._again = [*(ended for ended in self._again if ended == action), action]

    def too_often(self, action: str | None) -> bool:
        """Whether the server offers the action again and again, although it was told of its end."""
        return self._again.count(action or "") >= MAX_ENDS


@define(eq=False)
class CurrentAction:
    """The action in hand.

    Attributes:
        world: the ports.
        outage: says when `once` has no time left.
        ends: what has ended.
        longest_pause: seconds between two tries at most.
        changed: called when people may be shown something else.
        action: None if there is none.
        verdict: where its last try left it, None before that ended.
        since: when the work on it began, seconds of the world's clock.
        task: brings it forward; None if it stands still and that was taken up.
        put_off: why its last try failed and when the next one comes, empty while it moves.
    """

    world: World
    outage: Outage
    ends: Ends
    longest_pause: Callable[[], float]
    changed: Callable[[], None]
    action: Action | None = None
    verdict: Verdict | None = None
    since: float = 0.0
    task: asyncio.Task[Verdict] | None = None
    put_off: str = ""

    @property
    def busy(self) -> bool:
        """Whether it is being brought forward."""
        return self.task is not None and not self.task.done()

    @property
    def installing(self) -> bool:
        """Whether RAUC writes, which can't be stopped."""
        return self.busy and self.action is not None and self.action.stage is Stage.INSTALLING

    @property
    def stuck(self) -> bool:
        """Whether it can't be brought further now."""
        return not self.busy and self.verdict is not None and not isinstance(self.verdict, Decided)

    @property
    def asks_for_consent(self) -> Action | None:
        """The action, if it waits for somebody on the board to agree."""
        return self.action if self.verdict == CONSENT else None

    @property
    def working(self) -> float | None:
        """Seconds since the work on it began, None if nothing is being worked on."""
        return self.world.clock.now() - self.since if self.busy else None

    @property
    def alive(self) -> float:
        """When something succeeded last, with it or without it."""
        return self.action.headway.alive if self.action and self.busy else self.outage.alive

    def is_another_than(self, action: str | None) -> bool:
        """Whether there is an action in hand, and not this one."""
        return self.action is not None and self.action.id != action

    def pursue(self, offer: Offer) -> None:
        """Take up an action, or look again at one that waited."""
        now, before = self.world.clock.now(), self.action
        if before is None or before.offer != offer:
            log.info("action %s: offered", offer.action)
            headway, self.since = Headway(self.changed), now
            if before and before.id == offer.action:
                # Until it was looked at, it waits for what it waited for: people may answer.
                self.action = Action(offer, before.record, self.world, before.said, headway)
            else:
                self.action = Action(offer, Record(offer.action), self.world, set(), headway)
                self.verdict = None
        assert self.action is not None
        self.action.headway.restart(now)
        self.task = asyncio.create_task(self._bring_forward(self.action))
        self.changed()

    async def _bring_forward(self, action: Action) -> Verdict:
        """Run the story until it stands still."""
        tried_at = action.headway.alive

        def longest_pause() -> float:
            nonlocal tried_at
            progressed, tried_at = action.headway.alive > tried_at, self.world.clock.now()
            return BUSY_PACE if progressed else self.longest_pause()

        async def put_off(error: PassingError, pause: float) -> None:
            self._is_put_off(f"{error}; trying again in {pause:.0f} s")
            await deployment.put_off(action, error, pause)
            self.outage.check(error, pause, self.alive)

        async def deploy() -> Verdict:
            self._is_put_off("")
            return await deployment.deploy(action)

        try:
            return await retry.until_done(
                deploy,
                sleep=self.world.clock.sleep,
                cap=longest_pause,
                put_off=put_off,
            )
        except DeploymentError as error:
            return await deployment.give_up(action, error)

    def _is_put_off(self, why: str) -> None:
        if why != self.put_off:
            self.put_off = why
            self.changed()

    def end(self) -> Verdict | OfferGoneError | PassingError | None:
        """Return what the task came to, once; None while it goes on, and if there is none.

        Raises:
            OutOfTimeError: with `once`, nothing has succeeded for too long.
        """
        if self.task is None or self.busy:
            return None
        task, self.task = self.task, None
        try:
            self.verdict = task.result()
        except (OfferGoneError, PassingError) as error:
            return error
        return self.verdict

    def drop(self) -> None:
        """Have no action in hand any more."""
        self.action = self.verdict = None

    async def stop(self) -> None:
        """End the task; what it came to in the last moment is still to be taken up by `end`."""
        if self.task is None:
            return
        self.task.cancel()
        await asyncio.wait({self.task})  # awaiting it would take our own cancellation for its
        if self.task.cancelled() or isinstance(self.task.exception(), PassingError | OutOfTimeError):
            self.task = None
