# SPDX-License-Identifier: LGPL-2.1-or-later
"""The answer to a cancelation: accepted as long as the board can keep the old system (DDI, cancelAction).

Like the deployment, it may be run again from the top after any interruption.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from attrs import define, evolve

from hawkbit_rauc.errors import InstallerBusyError, InstallerError, OfferGoneError
from hawkbit_rauc.model import Execution, Feedback, Finished, Offer, Record
from hawkbit_rauc.rules.outcome import judge, reversible, runs, waits_for_boot
from hawkbit_rauc.rules.verdicts import Decided, Install, Wait
from hawkbit_rauc.story.current import CurrentAction
from hawkbit_rauc.story.deployment import conclude
from hawkbit_rauc.story.polls import SOON, Polls
from hawkbit_rauc.story.undo import keep_old
from hawkbit_rauc.story.world import World

#: Stops the work on the action in hand; False if RAUC writes.
LetGo = Callable[[], Awaitable[bool]]

log = logging.getLogger(__name__)


@define(eq=False)
class Cancelation:
    """The cancelation that the polls show.

    Attributes:
        world: the ports.
    """

    world: World
    _answered: str | None = None

    async def look(self, offer: Offer | None, current: CurrentAction, polls: Polls, let_go: LetGo) -> bool:
        """Answer a cancelation.

        Args:
            offer: the server's link to it, None if the last poll showed none.
            current: the action in hand.
            polls: are hurried, as the server has something new to say after a new answer.
            let_go: stops the work; says False if RAUC writes, which can't be stopped.

        Returns:
            Whether it was shown for the first time.

        Raises:
            PassingError: try again later; nothing is lost.
        """
        if offer is None:
            self._answered = None
            return False
        new = offer.action != self._answered
        try:
            action = await self.world.server.cancelation(offer)
        except OfferGoneError:
            self.world.server.forget()
        else:
            mine = current.action if current.action and current.action.id == action else None
            writing = mine is not None and not await let_go()
            record = self.world.journal.read()
            if record is None and mine and mine.record.artifact:
                record = mine.record
            await answer(action, record, self.world, writing=writing)
            if new:
                polls.hurry(SOON)
        self._answered = offer.action
        return new


async def answer(action: str, record: Record | None, world: World, *, writing: bool) -> None:
    """Accept or reject that an action is canceled, unless only another boot can tell which is true.

    Args:
        action: id of the action to be stopped.
        record: what is known of the last action, None if the journal was lost.
        world: the ports.
        writing: whether an installation of it runs that can't be stopped (RAUC has no way to).

    Raises:
        PassingError: try again later; nothing is lost.
    """
    if record and record.overtaken and record.overtaken.action == action:
        record = record.overtaken
    if writing:
        await _reject(action, "RAUC is writing the new system, which can't be interrupted", world)
    elif record is None:
        await _answer_unknown(action, world)
    elif record.action != action or record.told or (record.attempt <= record.series and not record.outcome):
        before = record.action == action and record.bundle and not record.told
        why = "its bundles before this one stay installed" if before else "nothing was installed"
        await _accept(action, record, why, world)
    else:
        await _answer_begun(record, world)


async def _answer_unknown(action: str, world: World) -> None:
    """Accept what was not begun, always; without a journal only an installation that waits for its boot may be its.

    Then it is rejected: the deployment is offered again, and its history or RAUC's transaction id tell whose that
    installation is. If it is another's, nothing is begun any more.
    """
    try:
        system = await world.installer.system()
    except InstallerBusyError as busy:
        await _reject(action, str(busy), world)
    except InstallerError:
        await _accept(action, None, "nothing of it is known on this board", world)
    else:
        if waits_for_boot(system):
            world.journal.write(Record(action, unwanted=True))
            why = "the board lost its journal and must first find out what it has installed"
            await _reject(action, why, world)
        else:
            await _accept(action, None, f"nothing of it is done any more; {runs(system)}", world)


async def _answer_begun(record: Record, world: World) -> None:
    try:
        system = await world.installer.system()
    except InstallerBusyError as busy:
        await _reject(record.action, str(busy), world)
        return
    verdict = judge(record, system, world.board.boot_id)
    booted = system.booted
    old_runs = booted is not None and system.key(booted) == record.booted
    if isinstance(verdict, Decided) and verdict.outcome.success and record.more:
        await _accept(record.action, record, "its bundles up to now stay installed, no other is", world)
    elif isinstance(verdict, Decided) and not (record.undoing and old_runs):
        # A final that is told now wins over the cancelation (DDI accepts it while canceling).
        world.journal.write(evolve(record, outcome=verdict.outcome))
        await conclude(evolve(record, outcome=verdict.outcome), world)
    elif isinstance(verdict, Wait) and record.undoing and not verdict.trial and not old_runs:
        # It is half taken back already, so it is answered from the old system, or from the new one if that runs.
        log.info("action %s: its cancelation is answered later: %s", record.action, verdict.why)
    elif isinstance(verdict, Wait) and not old_runs:
        await _reject(record.action, verdict.why, world)
    elif isinstance(verdict, Install):
        await _accept(record.action, record, "the interrupted installation is not taken up again", world)
    elif isinstance(target := reversible(record, system), str):
        await _reject(record.action, target, world)
    else:
        record = evolve(record, undoing=True)
        world.journal.write(record)
        done = await keep_old(world, booted, target)
        await _accept(record.action, record, done, world)


async def _accept(action: str, record: Record | None, why: str, world: World) -> None:
    world.downloads.discard()
    details = (f"canceled: {why}",)
    await world.server.tell(Feedback(action, Execution.CLOSED, Finished.SUCCESS, details, cancel=True))
    if record is not None and record.action == action:
        world.journal.write(evolve(record, told=True))
    world.server.forget()
    log.info("action %s canceled: %s", action, why)


async def _reject(action: str, why: str, world: World) -> None:
    await world.server.tell(
        Feedback(action, Execution.REJECTED, details=(f"not canceled: {why}",), cancel=True)
    )
    world.server.forget()
    log.warning("action %s not canceled: %s", action, why)
