# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the story works with: what was configured, the world, one action in progress, and how these are written down.

An action's state is the journal's record; what else this process knows of it may be lost at any time.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable

from attrs import define, evolve, field, frozen

from hawkbit_rauc.errors import OfferGoneError, PassingError
from hawkbit_rauc.model import Artifact, Deployment, Execution, Feedback, Offer, Record, Told
from hawkbit_rauc.ports import Board, Clock, Downloads, Hooks, Installer, Journal, Progress, Server
from hawkbit_rauc.rules import bundles
from hawkbit_rauc.rules.memory import overtaken
from hawkbit_rauc.rules.verdicts import Verdict

log = logging.getLogger(__name__)

#: Entries in an action's history that are ours, the final one aside (hawkBit's quota is 1,000).
MAX_ENTRIES = 50


@frozen
class Policy:
    """What the configuration decides about deployments.

    Attributes:
        report_installed: success is told at the installation, not after the boot.
        reboot: we ask for the reboot, unless the bundle says otherwise.
        ask: what the server does not force (soft actions) waits for consent on the board.
        confirmation: "allow" or "deny" answers at once what the server wants consent to, "ask" leaves it to somebody.
        auto_confirmation: switch it on or off at the server; None leaves it.
        choice: which artifacts are bundles.
        refuse_others: a deployment with further artifacts is an error.
        keep_for: seconds that a bundle stays that was to be downloaded only.
        give_up_after: seconds of passing troubles before an action is closed as failed.
    """

    report_installed: bool = False
    reboot: bool = False
    ask: bool = False
    confirmation: str = "ask"
    auto_confirmation: bool | None = None
    choice: bundles.Choice = bundles.ANY
    refuse_others: bool = False
    keep_for: float = 30 * 86400.0
    give_up_after: float = 86400.0


@frozen
class World:
    """All that a deployment needs; without `others`, artifacts that are not the bundle are left aside."""

    server: Server
    downloads: Downloads
    installer: Installer
    journal: Journal
    board: Board
    clock: Clock
    hooks: Hooks
    policy: Policy = Policy()
    others: Downloads | None = None


class Stage(enum.Enum):
    """How far the work of this process is; only FETCHING can be stopped."""

    FETCHING = enum.auto()
    INSTALLING = enum.auto()


@define
class Work:
    """One action as this process works on it; everything in here may be lost at any time."""

    offer: Offer
    record: Record
    stage: Stage = Stage.FETCHING
    deployment: Deployment | None = None
    fetched: Artifact | None = None
    verdict: Verdict | None = None
    changed: Callable[[], None] = lambda: None
    percent: int = -1
    said: set[str] = field(factory=set)
    progress: str = ""
    reached: dict[str, int] = field(factory=dict)
    alive: float = 0.0
    moved_at: float = 0.0
    counted_to: float = 0.0
    completed_at: float | None = None
    reboot_at: float | None = None
    reboot_requests: int = 0


def keep(record: Record, work: Work, world: World) -> None:
    """Write the record down before anything else happens.

    Args:
        record: what is known of the action now.
        work: the action.
        world: what it takes.

    Raises:
        PassingError: it could not be written.
    """
    journal = world.journal.read()
    record = evolve(record, overtaken=overtaken(journal, record))
    if record != journal:
        world.journal.write(record)
        work.alive = world.clock.now()
    work.record = record


async def say(text: str, work: Work, world: World, *, note: str | None = None) -> None:
    """Add a sentence to the action's history, each one once.

    Args:
        text: the sentence.
        work: the action.
        world: what it takes.
        note: goes with it in case the journal is lost; then it must be told, rather than go on without.

    Raises:
        PassingError: a note could not be told.
        OfferGoneError: the action is closed.
    """
    key = text if note is None else f"{text} {note}"
    if key in work.said or (note is None and len(work.said) >= MAX_ENTRIES):
        return
    log.info("action %s: %s", work.offer.action, text)
    details = (text,) if note is None else (text, note)
    try:
        told = await world.server.tell(Feedback(work.offer.action, Execution.PROCEEDING, details=details))
    except PassingError:
        if note is not None:
            raise
        return
    work.said.add(key)
    if told is Told.CLOSED:
        raise OfferGoneError(f"action {work.offer.action} was closed by the server")


async def report(work: Work, world: World) -> None:
    """Tell how far the work is, where that changed since the last time.

    Raises:
        OfferGoneError: the action is closed.
    """
    if work.progress:
        await say(work.progress, work, world)


def progress(what: str, work: Work, world: World) -> Progress:
    """Make a callback that logs each per cent and keeps quarters, which is what the history needs.

    Args:
        what: is going on, such as "downloading".
        work: the action.
        world: what it takes.
    """
    last = 0

    def note(done: int, total: int) -> None:
        nonlocal last
        if done > work.reached.get(what, 0):  # what is only looked at again is no progress
            work.reached[what] = done
            work.alive = work.moved_at = world.clock.now()
        percent = 100 * done // total if total > 0 else 0
        if percent > last:
            work.percent = last = percent
            work.changed()
            log.info("action %s: %s %d %%", work.offer.action, what, percent, extra={"percent": percent})
        if 0 < (quarter := percent // 25 * 25) < 100:  # noqa: PLR2004  the whole is told otherwise
            work.progress = f"{what}: {quarter} %"

    return note


async def asked(moment: str, work: Work, world: World, **facts: str) -> str | None:
    """Ask the board's own programs.

    Args:
        moment: before what, as the folders of the hooks are called.
        work: the action.
        world: what it takes.
        facts: what they are told besides the action.

    Returns:
        Why it has to wait, None to go on.

    Raises:
        DeploymentError: they refuse it.
    """
    return await world.hooks.ask(moment, {"action": work.offer.action, **facts})
