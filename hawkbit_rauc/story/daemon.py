# SPDX-License-Identifier: LGPL-2.1-or-later
"""The loop: poll, decide, start or stop work, sleep.

One action is worked on at a time, in a task beside the polls, so that a cancelation is seen within
seconds. What a poll shows is always acted on from scratch: a lost answer or a restart changes nothing.
The loop itself knows nothing but whom to ask: each piece of state belongs to one of its parts.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from hawkbit_rauc.errors import AttemptFailedError, OfferGoneError, PassingError
from hawkbit_rauc.model import Offer, Poll, Record, Status
from hawkbit_rauc.rules.pace import BUSY_PACE
from hawkbit_rauc.rules.verdicts import Decided, Downloaded
from hawkbit_rauc.story import deployment, retry
from hawkbit_rauc.story.attributes import Attributes
from hawkbit_rauc.story.boot import Boot, Commit
from hawkbit_rauc.story.cancelation import Cancelation
from hawkbit_rauc.story.consent import Confirmation
from hawkbit_rauc.story.current import CurrentAction, Ends
from hawkbit_rauc.story.installed import Installed
from hawkbit_rauc.story.obtain import tidy
from hawkbit_rauc.story.outage import Outage, OutOfTimeError
from hawkbit_rauc.story.polls import SOON, Polls
from hawkbit_rauc.story.status import sum_up
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

DONE, FAILED, UNREACHABLE = 0, 1, 2


class Daemon:
    """The loop of one board.

    Args:
        world: the ports.
        attributes: gives what the server is told about the controller (DDI configData).
        first_poll_within: seconds; the first poll comes at random within them, so that a mass
            power-up does not stampede.
        retry_wait: the longest pause between two tries, seconds; shorter if the poll interval is.
        once_timeout: seconds without any success after which `run(once=True)` gives up.
        random: gives a number from 0 to 1.
        commit: marks the booted slot good by ourselves; None if somebody else does.
        installed: tells the server what no action brought; None if it need not know.

    Attributes:
        changed: called whenever `status` may say something else.
    """

    def __init__(
        self,
        world: World,
        attributes: Callable[[], Awaitable[Mapping[str, str]]],
        *,
        first_poll_within: float,
        retry_wait: float,
        once_timeout: float,
        random: Callable[[], float],
        commit: Commit | None = None,
        installed: Installed | None = None,
    ) -> None:
        def changed() -> None:
            self.changed()

        self._world = world
        self._polls = Polls(world.clock, first_poll_within, random, retry_wait, changed)
        self._outage = Outage(world.clock, once_timeout)
        ends = Ends(world.journal.read())
        self._current = CurrentAction(world, self._outage, ends, self._polls.longest_pause, changed)
        self._boot = Boot(world, commit)
        self._attributes = Attributes(world.server, attributes)
        self._installed = installed
        self._confirmation = Confirmation(world)
        self._cancelation = Cancelation(world)
        self.changed: Callable[[], None] = lambda: None

    def poll_now(self) -> None:
        """Cut the current pause short."""
        self._polls.poll_now()

    def status(self) -> Status:
        """Return what the daemon does now."""
        return sum_up(self._current, self._confirmation, self._polls, self._outage)

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
        soft = self._current.asks_for_consent
        answered = await self._confirmation.answer(soft, action, given=given, message=message)
        self.poll_now()
        return answered

    async def run(self, *, once: bool = False) -> int:
        """Work until cancelled or, with `once`, until the server offers nothing that can be done now.

        Returns:
            DONE, FAILED (a deployment, or one attempt of it) or UNREACHABLE (server or RAUC).
        """
        self._outage.may_give_up(once=once)
        try:
            await self._pause(0.0 if once else self._polls.first(urgent=self._something_is_open()))
            while True:
                all_done = await retry.until_done(
                    self._round, sleep=self._pause, cap=self._polls.longest_pause, put_off=self._put_off
                )
                if once and all_done and not self._current.busy:
                    return FAILED if self._current.ends.failed else DONE
                await self._rest()
        except OutOfTimeError as end:
            limit = self._outage.once_timeout
            log.error("gave up: %s; --once waits no longer than %.0f s without a success", end.trouble, limit)  # noqa: TRY400
            return FAILED if isinstance(end.trouble, AttemptFailedError) else UNREACHABLE
        finally:
            await self._current.stop()

    # ------------------------------------------------------------ one round

    async def _round(self) -> bool:
        """One poll, and all that it asks for.

        Returns:
            Whether nothing of it is left that can be done now.
        """
        # Before the poll: boot loaders that count want their mark on a board without a network, too.
        await self._boot.look(answered=False, busy=self._current.busy)
        poll = await self._world.server.poll()
        self._outage.is_over()
        self._polls.learn(poll.interval)
        await self._boot.look(answered=True, busy=self._current.busy)
        try:
            return await self._act(poll)
        except PassingError:
            self._world.server.forget()  # or a 304 would hide what was not done
            raise

    async def _act(self, poll: Poll) -> bool:
        """Do what a poll asks for; the order of the lines is part of the truth that they tell."""
        current, offer = self._current, poll.deployment
        self._take_up()
        # An end that is decided goes first. What the poll offers is of before, and reading it could reopen an
        # action that is over (DDI), so the next poll decides about it.
        record = self._world.journal.read()
        if record and record.outcome and not record.told and not current.busy:
            await deployment.conclude(record, self._world)
            self._note_end(record.action, success=record.outcome.success)
            return False
        # Only if the server asks for nothing does the board forget what it kept for it.
        idle = not (offer or poll.cancel or poll.confirmation or current.action)
        if idle:
            self._tidy(record)
        # The server may choose its next deployment by the attributes, so they are told before one is begun.
        await self._attributes.look(asked=poll.identify)
        if self._installed and not current.busy:
            await self._installed.look(idle=idle)
        # A cancelation comes before the deployment: what is canceled is not to be begun.
        new_cancelation = await self._cancelation.look(poll.cancel, current, self._polls, self._let_go)
        confirmed = await self._confirmation.look(poll.confirmation)
        if confirmed:
            self._polls.hurry(SOON)
        # The work on what is not offered any more ends before that on what is.
        self._take_up()
        if current.is_another_than(offer.action if offer else None) and await self._let_go():
            current.drop()
        if offer and not current.busy:
            self._pursue(offer)
        if current.action and current.busy:
            with contextlib.suppress(OfferGoneError):  # the next poll shows what became of it
                await current.action.report()
        else:
            self._outage.succeeded()
        return not (new_cancelation or confirmed) and (offer is None or self._is_done_for_now(offer))

    def _pursue(self, offer: Offer) -> None:
        """Take up what is offered, unless it is done as far as it can be done now."""
        once, current = self._outage.once, self._current
        if offer == current.ends.downloaded or (once and current.ends.too_often(offer.action)):
            return
        known = current.action is not None and current.action.offer == offer
        if once and known and current.stuck:
            return
        current.pursue(offer)

    def _is_done_for_now(self, offer: Offer) -> bool:
        ends = self._current.ends
        return self._current.stuck or offer == ends.downloaded or ends.too_often(offer.action)

    def _tidy(self, record: Record | None) -> None:
        """Remove what nobody asks for any more."""
        if record is None:
            # No action of an earlier life is open, so from now on the journal knows all.
            self._world.journal.write(Record(action="", told=True))
        tidy(record, self._world)

    async def _let_go(self) -> bool:
        """Stop the work; False if RAUC writes, which can't be stopped."""
        if self._current.installing:
            return False
        await self._current.stop()
        self._take_up()
        self._world.discard()
        return True

    # ------------------------------------------------------------ what the work came to

    def _take_up(self) -> None:
        """Write down what the action's task came to, if it stands still."""
        action = self._current.action
        match self._current.end():
            case OfferGoneError() as gone:
                assert action is not None
                log.info("action %s: %s", action.id, gone)
                self._world.server.forget()
                self._current.drop()
                self._hurry_after(action.id, BUSY_PACE)
            case PassingError() as error:
                log.warning("%s", error)  # what could not be told is in the journal; the next round tells it
                self._current.drop()
            case Downloaded():
                assert action is not None
                self._current.ends.keep(action.offer)
                self._current.drop()
                self._note_end(action.id, success=True)
            case Decided(outcome):
                assert action is not None
                self._current.drop()
                self._note_end(action.id, success=outcome.success)

    def _note_end(self, action: str, *, success: bool) -> None:
        self._current.ends.conclude(self._world.journal.read(), success=success)
        self._attributes.may_have_changed()
        if self._installed:
            self._installed.may_have_changed()
        self._hurry_after(action, SOON)

    def _hurry_after(self, action: str, pause: float) -> None:
        """An action is over for us; poll soon, unless the server offers it again and again all the same."""
        ends = self._current.ends
        ends.note(action)
        self._polls.hurry(None if ends.too_often(action) else pause)

    # ------------------------------------------------------------ time

    def _something_is_open(self) -> bool:
        record = self._world.journal.read()
        return record is not None and not record.told

    async def _rest(self) -> None:
        """Sleep until the next poll is due; it is due anew when the work stands still."""
        worked, due = self._current.busy, self._next_poll()
        while (left := due - self._world.clock.now()) > 0 and not self._polls.woken:
            await self._polls.sleep(left, self._current.task)
            self._take_up()
            if worked and not self._current.busy:
                worked, due = False, self._next_poll()
        self._polls.woke_up()

    def _next_poll(self) -> float:
        return self._world.clock.now() + self._polls.next(self._current.working, once=self._outage.once)

    async def _pause(self, seconds: float) -> None:
        """Sleep until the time has passed, the work stands still, or somebody asks to poll now."""
        await self._polls.sleep(seconds, self._current.task)
        self._polls.woke_up()
        self._take_up()

    async def _put_off(self, error: PassingError, pause: float) -> None:
        self._outage.check(error, pause, self._current.alive)
        self._outage.goes_on(error, pause)
