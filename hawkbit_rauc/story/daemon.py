# SPDX-License-Identifier: LGPL-2.1-or-later
"""Poll, decide, start or stop work, sleep.

One action is worked on at a time, in a task beside the polls, so that a cancelation is seen within
seconds. What a poll shows is always acted on from scratch: a lost answer or a restart changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hawkbit_rauc.errors import DeploymentError, NothingWaitsError, OfferGoneError, PassingError
from hawkbit_rauc.model import Consent, Offer, Poll, Record, Status
from hawkbit_rauc.rules.pace import BUSY_PACE, pace
from hawkbit_rauc.rules.verdicts import CONSENT, Decided, Downloaded, Reboot, Wait
from hawkbit_rauc.story import cancelation, consent, deployment, retry
from hawkbit_rauc.story.boot import Commit
from hawkbit_rauc.story.installed import Running
from hawkbit_rauc.story.obtain import discard, tidy
from hawkbit_rauc.story.work import Stage, Work, World, report

log = logging.getLogger(__name__)

#: The first poll comes within this many seconds where something waits to be told or committed.
URGENT_FIRST_POLL = 10.0
#: Seconds until the next poll where the server has certainly something new to say.
SOON = 1.0
#: An action that is offered this often although it was told, or taken back each time, gets no haste.
MAX_ENDS = 3

DONE, FAILED, UNREACHABLE = 0, 1, 2


class _OutOfTimeError(Exception):
    """With `once`: nothing has succeeded for too long."""


class Daemon:
    """The loop of one board.

    Args:
        world: what deployments need.
        attributes: gives what the server is told about the controller (DDI configData).
        first_poll_within: seconds; the first poll comes at random within them, so that a mass
            power-up does not stampede.
        commit: marks the booted slot good by ourselves; None where somebody else does.
        running: tells the server what no action brought; None where it need not know.
        random: gives a number from 0 to 1.
        retry_wait: the longest pause between two tries, seconds; shorter where the poll interval is.
        once_timeout: seconds without any success after which `run(once=True)` gives up.

    Attributes:
        changed: called whenever `status` may say something else.
    """

    def __init__(
        self,
        world: World,
        attributes: Callable[[], Awaitable[Mapping[str, str]]],
        *,
        first_poll_within: float,
        random: Callable[[], float],
        commit: Commit | None = None,
        running: Running | None = None,
        retry_wait: float = 300.0,
        once_timeout: float = 30.0,
    ) -> None:
        self._world = world
        self._attributes = attributes
        self._commit = commit
        self._running = running
        self._first_poll_within = first_poll_within
        self._random = random
        self._retry_wait = retry_wait
        self._once_timeout = once_timeout
        self._once = False
        self._interval: float | None = None
        self._work: Work | None = None
        self._unbooted: Work | None = None
        self._downloaded: Offer | None = None
        self._waiting: Offer | None = None
        self._automatic = False
        self._identified: Mapping[str, str] | None = None
        self._look = True
        self._unfit = ""
        self._uncommitted = ""
        self._task: asyncio.Task[None] | None = None
        self._since = 0.0
        self._alive = world.clock.now()
        self._wake = asyncio.Event()
        self._soon: float | None = None
        self._idle = False
        self._failed = False
        self._away = ""
        self._answered: str | None = None
        self._ends: list[str] = []
        self._next_poll = 0.0
        self._last = world.journal.read()
        self.changed: Callable[[], None] = lambda: None

    def poll_now(self) -> None:
        """Cut the current pause short."""
        self._wake.set()

    def status(self) -> Status:
        """Return what the daemon does now."""
        state, action, reason, progress = self._doing()
        ended = self._last if self._last and self._last.outcome else None
        outcome = ended.outcome if ended else None
        return Status(
            state,
            action,
            progress,
            reason,
            self._next_poll,
            ended.action if ended else "",
            ("success" if outcome.success else "failure") if outcome else "",
            "; ".join(outcome.details) if outcome else "",
        )

    def _tell_change(self) -> None:
        self.changed()

    def _doing(self) -> tuple[str, str, str, int]:
        """State, action, reason and progress."""
        work = self._work
        if work and self._busy:
            state = "installing" if work.stage is Stage.INSTALLING else "downloading"
            return state, work.offer.action, "", work.percent
        if self._away:
            return "unreachable", work.offer.action if work else "", self._away, -1
        if work and isinstance(work.verdict, Reboot | Wait):
            state = "reboot-pending" if isinstance(work.verdict, Reboot) else "waiting"
            return state, work.offer.action, work.verdict.why, -1
        if self._waiting:
            return "waiting", self._waiting.action, CONSENT.why, -1
        return ("idle" if self._interval else "starting"), "", "", -1

    async def answer(self, action: str | None, *, given: bool, message: str = "") -> str:
        """Give consent to the action that waits for it, or refuse it.

        Args:
            action: its id; None for the one that waits.
            given: whether it may start.
            message: why, for the action's history.

        Returns:
            The action's id.

        Raises:
            NothingWaitsError: nothing waits, or another action.
            OfferGoneError: the server does not want the answer any more.
            PassingError: the server could not be told.
        """
        soft = self._work if self._work and self._work.verdict == CONSENT else None
        waiting = self._waiting or (soft.offer if soft else None)
        if waiting is None:
            raise NothingWaitsError("no action waits for consent")
        if action not in (None, waiting.action):
            raise NothingWaitsError(
                f"action {action} does not wait for consent, action {waiting.action} does"
            )
        words = message or ("confirmed" if given else "denied") + " on the board"
        if self._waiting:
            await consent.tell(Consent(waiting.action, given=given, details=(words,)), self._world)
        elif soft:
            await deployment.answer(soft, self._world, given=given, words=words)
        self.poll_now()
        return waiting.action

    async def run(self, *, once: bool = False) -> int:
        """Work until cancelled or, with `once`, until the server offers nothing that can be done now.

        Returns:
            DONE, FAILED (a deployment failed) or UNREACHABLE (server or RAUC).
        """
        self._once = once
        try:
            await self._pause(0.0 if once else self._random() * self._first_poll_latest())
            while True:
                await retry.until_done(
                    self._round, sleep=self._pause, cap=self._longest_pause, put_off=self._put_off
                )
                if once and self._idle and not self._busy:
                    return FAILED if self._failed else DONE
                await self._rest()
        except _OutOfTimeError:
            log.error("gave up: nothing has succeeded for %.0f s", self._once_timeout)  # noqa: TRY400
            return UNREACHABLE
        finally:
            await self._stop_work()

    # ------------------------------------------------------------ one round

    async def _round(self) -> None:
        """One poll, and all that it asks for."""
        await self._look_at_boot(answered=False)
        poll = await self._world.server.poll()
        if self._away:
            log.info("the server answers again")
            self._away = ""
        self._interval = poll.interval or self._interval
        await self._look_at_boot(answered=True)
        try:
            await self._act(poll)
        except PassingError:
            self._world.server.forget()
            raise

    async def _look_at_boot(self, *, answered: bool) -> None:
        """Commit this boot or leave it, where that is ours to do; reboot where a reboot is due."""
        try:
            why = await self._commit.look(answered=answered) if self._commit else ""
        except PassingError as error:
            why = str(error)
        if why and why != self._uncommitted:
            log.warning("this boot is not committed yet: %s", why)
        self._uncommitted = why or self._uncommitted
        await self._reboot_if_due()

    async def _reboot_if_due(self) -> None:
        record = self._world.journal.read() or Record("")
        back = self._commit is not None and self._commit.gave_up != ""
        if self._busy or not (back or deployment.unbooted(record, self._world)):
            return
        if self._unbooted is None or self._unbooted.record.action != record.action:
            self._unbooted = Work(Offer(record.action, ""), record)
        try:
            await deployment.reboot(self._unbooted, self._world, into="old" if back else "new")
        except PassingError as error:
            log.warning("%s", error)

    async def _act(self, poll: Poll) -> None:
        record = self._world.journal.read()
        if record and record.outcome and not record.told and not self._busy:
            await deployment.conclude(record, self._world)
            self._note_end(record.action, success=record.outcome.success)
            self._idle = False
            return  # the poll is of before: reading what it offers could reopen an action that is over (DDI)
        idle = not (poll.deployment or poll.cancel or poll.confirmation or self._work)
        if idle:
            if record is None:
                # No action of an earlier life is open, so from now on the journal knows all.
                self._world.journal.write(Record(action="", told=True))
            tidy(record, self._world)
        await self._identify(asked=poll.identify)
        if self._running and not self._busy:
            await self._running.look(idle=idle)
        if poll.cancel:
            await self._cancel(poll.cancel)
        await self._confirm(poll)
        offered = poll.deployment.action if poll.deployment else None
        if self._work and self._work.offer.action != offered and await self._let_go():
            self._work = None
        if poll.deployment:
            await self._gather()
            self._pursue(poll.deployment)
        answered = poll.cancel is None or poll.cancel.action == self._answered
        self._answered = poll.cancel.action if poll.cancel else None
        ended = poll.deployment == self._downloaded or self._ends.count(offered or "") >= MAX_ENDS
        self._idle = answered and (offered is None or self._stuck or ended)
        if self._work and self._busy:
            with contextlib.suppress(OfferGoneError):
                await report(self._work, self._world)
        else:
            self._alive = self._world.clock.now()

    async def _identify(self, *, asked: bool) -> None:
        """Tell the attributes when the server asks; after a start and an ended action, where they have changed.

        A server that does not take them gets in the way of nothing else.
        """
        if not (asked or self._look):
            return
        attributes = await self._attributes()
        try:
            if asked or attributes != self._identified:
                await self._world.server.identify(attributes)
        except PassingError as error:
            self._world.server.forget()
            if str(error) != self._unfit:
                self._unfit = str(error)
                log.warning("%s", error)
            return
        self._identified, self._look, self._unfit = attributes, False, ""

    async def _confirm(self, poll: Poll) -> None:
        """Answer what waits for consent, once for each offer."""
        if not self._automatic:
            if (on := self._world.policy.auto_confirmation) is not None:
                await self._world.server.confirm_automatically(on=on)
            self._automatic = True
        if poll.confirmation and poll.confirmation != self._waiting:
            try:
                await consent.answer(poll.confirmation, self._world)
            except OfferGoneError:
                self._world.server.forget()
                return
        self._waiting = poll.confirmation

    async def _cancel(self, offer: Offer) -> None:
        try:
            action = await self._world.server.cancelation(offer)
        except OfferGoneError:
            self._world.server.forget()
            return
        mine = self._work is not None and self._work.offer.action == action
        writing = mine and not await self._let_go()
        record = self._world.journal.read()
        if record is None and self._work and mine and self._work.record.artifact:
            record = self._work.record
        await cancelation.answer(action, record, self._world, writing=writing)
        if offer.action != self._answered:
            self._soon = SOON

    async def _let_go(self) -> bool:
        """Stop the work; False where RAUC writes, which can't be stopped."""
        if self._work and self._busy and self._work.stage is Stage.INSTALLING:
            return False
        await self._stop_work()
        discard(self._world)
        return True

    # ------------------------------------------------------------ the work

    @property
    def _busy(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def _stuck(self) -> bool:
        """Whether the action on offer can't be brought further now."""
        verdict = self._work.verdict if self._work else None
        return not self._busy and verdict is not None and not isinstance(verdict, Decided)

    def _pursue(self, offer: Offer) -> None:
        """Take up an action, or look again at one that waited."""
        if self._busy or offer == self._downloaded:
            return
        if self._once and self._ends.count(offer.action) >= MAX_ENDS:
            return
        now = self._world.clock.now()
        if self._work is None or self._work.offer != offer:
            log.info("action %s: offered", offer.action)
            said = self._work.said if self._work and self._work.offer.action == offer.action else set()
            self._work = Work(offer, Record(offer.action), said=said, changed=self._tell_change)
            self._since = now
        elif self._stuck and self._once:
            return
        self._work.alive = self._work.counted_to = now
        self._task = asyncio.create_task(self._bring_forward(self._work))
        self.changed()

    async def _bring_forward(self, work: Work) -> None:
        """Run the story until it stands still."""
        tried_at = work.alive

        def longest_pause() -> float:
            nonlocal tried_at
            progressed, tried_at = work.alive > tried_at, self._world.clock.now()
            return BUSY_PACE if progressed else self._longest_pause()

        async def put_off(error: PassingError, pause: float) -> None:
            self._check_time(pause)
            await deployment.put_off(error, pause, work, self._world)

        try:
            work.verdict = await retry.until_done(
                lambda: deployment.deploy(work, self._world),
                sleep=self._world.clock.sleep,
                cap=longest_pause,
                put_off=put_off,
            )
        except DeploymentError as error:
            work.verdict = await deployment.give_up(error, work, self._world)
        except OfferGoneError as gone:
            log.info("action %s: %s", work.offer.action, gone)
            self._world.server.forget()
            self._work = None
            self._end(work.offer.action, BUSY_PACE)
        if isinstance(work.verdict, Downloaded):
            self._downloaded = work.offer
            self._note_end(work.offer.action, success=True)
            self._work = None
        elif isinstance(work.verdict, Decided):
            self._note_end(work.offer.action, success=work.verdict.outcome.success)
            self._work = None

    def _note_end(self, action: str, *, success: bool) -> None:
        self._failed = self._failed or not success
        self._last = self._world.journal.read()
        self._look = True
        if self._running:
            self._running.due = True
        self._end(action, SOON)

    def _end(self, action: str, pause: float) -> None:
        """An action is over for us; poll soon, unless the server offers it again and again all the same."""
        self._ends = [*(ended for ended in self._ends if ended == action), action]
        self._soon = pause if len(self._ends) < MAX_ENDS else None

    async def _stop_work(self) -> None:
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait({task})  # awaiting it would take our own cancellation for its
            self._task = None
            with contextlib.suppress(asyncio.CancelledError, PassingError, _OutOfTimeError):
                task.result()

    # ------------------------------------------------------------ time

    def _first_poll_latest(self) -> float:
        record = self._world.journal.read()
        urgent = record is not None and not record.told
        return min(self._first_poll_within, URGENT_FIRST_POLL) if urgent else self._first_poll_within

    def _until_next_poll(self) -> float:
        soon, self._soon = self._soon, None
        if soon is not None:
            return soon
        if self._once and not self._busy:
            return SOON
        return pace(self._interval, self._world.clock.now() - self._since if self._busy else None)

    def _longest_pause(self) -> float:
        return min(self._interval or self._retry_wait, self._retry_wait)

    async def _rest(self) -> None:
        """Sleep until the next poll is due; it is due anew when the work stands still."""
        clock = self._world.clock
        worked, due = self._busy, clock.now() + self._until_next_poll()
        while (left := due - clock.now()) > 0 and not self._wake.is_set():
            await self._pause(left, keep_wake=True)
            if worked and not self._busy:
                worked, due = False, clock.now() + self._until_next_poll()
        self._wake.clear()

    async def _pause(self, seconds: float, *, keep_wake: bool = False) -> None:
        """Sleep until the time has passed, the work stands still, or somebody asks to poll now."""
        self._next_poll = self._world.clock.now() + seconds
        self.changed()
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._world.clock.sleep(seconds)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(
                [*waits, self._task] if self._task else waits, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        if not keep_wake:
            self._wake.clear()
        await self._gather()

    async def _gather(self) -> None:
        """Take up what the work has come to, where it stands still."""
        if self._task is None or self._busy:
            return
        task, self._task = self._task, None
        try:
            await task
        except PassingError as error:
            # What could not be told is in the journal; the next round tells it.
            log.warning("%s", error)
            self._work = None

    async def _put_off(self, error: PassingError, pause: float) -> None:
        self._check_time(pause)
        if str(error) != self._away:
            self._away = str(error)
            log.warning("%s; trying again in %.1f s", error, pause)

    def _check_time(self, pause: float = 0.0) -> None:
        """With `once`: give up when nothing has succeeded for too long."""
        alive = self._work.alive if self._work and self._busy else self._alive
        if self._once and self._world.clock.now() + pause - alive > self._once_timeout:
            raise _OutOfTimeError
