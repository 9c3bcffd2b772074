# SPDX-License-Identifier: LGPL-2.1-or-later
"""The running boot: the reboot that is due, and the commit by ourselves (`mark_good = own`).

A trial boot has to prove itself before RAUC hears that it is good: the board's own programs and hawkBit are
asked. On a system that was committed before, only the programs are: boot loaders that count want each boot to be
marked, and a board without a network stays where it is.
"""

from __future__ import annotations

import contextlib
import logging

from attrs import define, evolve, field

from hawkbit_rauc.errors import DeploymentError, PassingError
from hawkbit_rauc.model import Offer, Record
from hawkbit_rauc.once import Once
from hawkbit_rauc.rules.outcome import on_trial, way_back
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.reboot import reboot, unbooted
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)


@define(eq=False)
class Boot:
    """What follows from the boot that runs, at each look.

    Attributes:
        world: the ports.
        commit: marks the booted slot good by ourselves; None if somebody else does.
    """

    world: World
    commit: Commit | None
    _uncommitted: Once = field(factory=Once)
    _unbooted: Action | None = None

    async def look(self, *, answered: bool, busy: bool) -> None:
        """Commit this boot or leave it, if that is ours to do; reboot if a reboot is due.

        Args:
            answered: whether hawkBit has answered in this boot.
            busy: whether an action is being brought forward, which is not to be cut off.
        """
        try:
            why = await self.commit.look(answered=answered) if self.commit else ""
        except PassingError as error:
            why = str(error)
        if why:
            for sentence in self._uncommitted.new(why):
                log.warning("this boot is not committed yet: %s", sentence)
        if not busy:
            await self._reboot_if_due()

    async def _reboot_if_due(self) -> None:
        record = self.world.journal.read() or Record("")
        back = self.commit is not None and self.commit.gave_up != ""
        if not (back or unbooted(record, self.world)):
            return
        if self._unbooted is None or self._unbooted.record.action != record.action:
            self._unbooted = Action(Offer(record.action, ""), record, self.world)
        try:
            await reboot(self._unbooted, into="old" if back else "new")
        except PassingError as error:
            log.warning("%s", error)


@define(eq=False)
class Commit:
    """What is known of this boot; may be lost at any time, and is then found out anew.

    Attributes:
        world: the ports.
        within: seconds that a trial boot gets to prove itself.
        vouched: the witness of `rules.outcome.committed`, None before the first look.
        gave_up: why the trial boot was given up; a reboot leads back to the old system.
    """

    world: World
    within: float
    vouched: bool | None = None
    gave_up: str = ""
    _ended: bool = False
    _since: float | None = None
    _why: str = "hawkBit has not answered in this boot yet"

    async def look(self, *, answered: bool) -> str:
        """Mark the booted slot good, or bad, if that can be said now.

        Args:
            answered: whether hawkBit has answered in this boot.

        Returns:
            Why it is not marked good; empty if it is, if there is nothing to mark, or if it is too early to say.

        Raises:
            PassingError: RAUC or the journal could not be asked.
        """
        if self._ended:
            return self.gave_up
        self.vouched = self.vouched or False
        system = await self.world.installer.system()
        booted, now = system.booted, self.world.clock.now()
        if booted is None or booted.bootname is None or system.boot_loader == "noop":
            # RAUC dies of a mark for a booted slot that has no bootname (seen on 1.8 to 1.15).
            self._ended = self.vouched = True
            return ""
        trial = on_trial(
            self.world.journal.read(),
            system,
            self.world.board.boot_id,
            told_early=self.world.policy.report_installed,
        )
        self.vouched = not trial
        self._since = now if self._since is None else self._since
        over = trial and now - self._since >= self.within
        if answered is trial:  # the programs are asked once in a round: on a trial boot after hawkBit
            try:
                self._why = await self.world.hooks.ask("health", {"trial": "yes" if trial else "no"}) or ""
            except DeploymentError as refusal:
                self._why, over = str(refusal), trial
            if not self._why:
                await self._keep(booted.name, trial=trial)
        if self._why and over and way_back(system):
            await self._give_up(booted.name)
        return self._why if over or answered or not trial else ""

    async def _keep(self, slot: str, *, trial: bool) -> None:
        record = self.world.journal.read()
        if record and trial:
            # Before the mark: marked, but not noted, the system would be on trial again.
            self.world.journal.write(evolve(record, committed=True))
        await self.world.installer.mark("good", slot)
        self._ended = self.vouched = True
        log.info("slot %s is healthy and was marked good%s", slot, ", which ends its trial" if trial else "")

    async def _give_up(self, slot: str) -> None:
        if record := self.world.journal.read():
            with contextlib.suppress(PassingError):  # worth less than the way back
                self.world.journal.write(evolve(record, gave_up=self._why))
        await self.world.installer.mark("bad", slot)
        self._ended, self.gave_up = True, self._why
        log.error("slot %s is given up and was marked bad: %s", slot, self._why)
