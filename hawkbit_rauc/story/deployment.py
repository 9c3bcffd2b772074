# SPDX-License-Identifier: LGPL-2.1-or-later
"""THE STORY: one deployment from the offer to the told outcome.

`deploy` may be run again from the top after any interruption, and is: it first asks the authority
that knows (journal, hawkBit's history, RAUC's slots), and every effect has its intent written down
before. Who calls it, and how often, is the daemon's matter; how to cancel is in `cancelation`.
"""

from __future__ import annotations

import logging

from attrs import evolve

from hawkbit_rauc.errors import DeploymentError, InstallerBusyError, OfferGoneError, PassingError, ServerError
from hawkbit_rauc.model import Deployment, Execution, Feedback, Finished, Outcome, Record, Told
from hawkbit_rauc.rules import bundles, notes
from hawkbit_rauc.rules.memory import begin, recall
from hawkbit_rauc.rules.outcome import committed, installed_image, judge, new_system_runs, runs_bundle
from hawkbit_rauc.rules.verdicts import Decided, Downloaded, Install, Reboot, Verdict, Wait
from hawkbit_rauc.story.obtain import discard, hand_over, named, obtain
from hawkbit_rauc.story.work import Stage, Work, World, asked, keep, progress, say

log = logging.getLogger(__name__)

#: Seconds that a reboot waits for a server that does not take the feedback before it.
FEEDBACK_GRACE = 120.0
#: Seconds after which a reboot that did not happen is asked for again; twice at most in one boot.
REBOOT_GRACE = 300.0
MAX_REBOOT_REQUESTS = 2
#: Seconds of a single try that count as trouble at most: a board that slept was in none.
LONGEST_TRY = 3600.0


# ---------------------------------------------------------------- the story


async def deploy(work: Work, world: World) -> Verdict:
    """Bring an action as far as it can be brought now.

    Args:
        work: the action.
        world: what it takes.

    Returns:
        Where the action stands; `Decided` has been told.

    Raises:
        PassingError: try again later; nothing is lost.
        OfferGoneError: the server took the offer back; nothing is to be told (DDI).
    """
    if left := _left_to_be_told(work, world):
        return await _settle(left, work, world)
    deployment = work.deployment = work.deployment or await world.server.deployment(work.offer)
    system = await world.installer.system()
    journal, noted = world.journal.read(), notes.read(deployment.history)
    try:
        trying = work.record.trying  # the journal has it to within ten minutes
        work.record = recall(journal, noted, deployment, system, world.server.identity, world.policy.choice)
        work.record = evolve(work.record, trying=max(trying, work.record.trying))
        nothing_known = journal is None and work.record.attempt == 0
        verdict = judge(work.record, system, world.board.boot_id)
        while True:
            if isinstance(verdict, Decided) and verdict.outcome.success and work.record.more:
                verdict = await _go_on(verdict.outcome, deployment, work, world)
            if not isinstance(verdict, Install):
                break
            verdict = await _install(deployment, nothing_known, work, world)
    except DeploymentError as error:
        verdict = Decided(Outcome(success=False, details=(str(error),)))
    return await _settle(verdict, work, world)


def _left_to_be_told(work: Work, world: World) -> Verdict | None:
    """Return the end that may have reached the server already: reading the action again would reopen it (DDI)."""
    record = world.journal.read()
    if record is None or record.action != work.offer.action or record.told:
        return None
    if record.outcome:
        work.record = record
        return Decided(record.outcome)
    if record.kept:
        work.record = record
        return Downloaded()
    return None


async def _go_on(outcome: Outcome, deployment: Deployment, work: Work, world: World) -> Install:
    """Take up the next bundle of the action: the one before is in place, booted and committed where it is a system."""
    done = bundles.current(work.record, deployment, world.policy.choice)
    await say(f"{done.filename} is in place: {outcome.details[0]}; its next bundle follows", work, world)
    keep(bundles.following(work.record, deployment, world.policy.choice), work, world)
    world.downloads.discard()
    return Install()


async def _install(deployment: Deployment, nothing_known: bool, work: Work, world: World) -> Verdict:
    """Fetch the bundle and, unless something speaks against it, have RAUC install it as the next attempt."""
    bundle = await obtain(deployment, work, world)
    if isinstance(bundle, Wait | Downloaded):
        return bundle
    facts = await world.installer.look_into(bundle)
    system = await world.installer.system()
    if nothing_known and runs_bundle(system, facts.hash):
        return Decided(
            Outcome(success=True, details=("the booted and committed system is this bundle already",))
        )
    if system.slots and not committed(system):
        return Wait(
            "the booted slot is not committed (marked good) yet; installing now could cost the only good system"
        )
    if why := await asked("before-installation", work, world) or await hand_over(deployment, work, world):
        return Wait(why)
    before, alive = work.record, work.alive
    record = begin(before, system, world.board.boot_id, world.server.identity)
    record = evolve(record, bundle_hash=facts.hash, bundle_reboot=facts.reboot)
    keep(record, work, world)
    try:
        what = f"installing{named(deployment, work, world)}"
        text = f"{what}, attempt {record.attempt - record.series}"
        await say(text, work, world, note=notes.begun(record))
        work.stage = Stage.INSTALLING
        async with world.board.awake("installing a bundle", shutdown=True):
            await world.installer.install(bundle, record.transaction or "", progress(what, work, world))
    except (ServerError, OfferGoneError, InstallerBusyError):
        keep(before, work, world)  # not told, or refused: this attempt was not begun
        work.alive = alive
        raise
    finally:
        work.stage = Stage.FETCHING
    keep(evolve(record, completed=True), work, world)
    system = await world.installer.system()
    work.record = evolve(work.record, image_sha256=installed_image(work.record, system))
    return judge(work.record, system, world.board.boot_id)


async def _settle(verdict: Verdict, work: Work, world: World) -> Verdict:
    """Tell what a verdict means, and do what follows from it."""
    work.progress, work.percent = "", -1
    if isinstance(verdict, Reboot) and world.policy.report_installed and not work.record.more:
        # The daemon asks for the reboot, see `unbooted`: a crash in between would leave it undone.
        keep(_awaiting_reboot(work.record, world.board.boot_id), work, world)
        told = "installed (told before the reboot, as configured)"
        verdict = Decided(Outcome(success=True, details=(told,)))
    if isinstance(verdict, Decided):
        outcome, record = verdict.outcome, work.record
        if not record.outcome:
            others = bundles.among_several(record, success=outcome.success)
            outcome = evolve(outcome, details=(*outcome.details, *others))
        keep(evolve(record, outcome=outcome), work, world)
        await conclude(work.record, world)
    elif isinstance(verdict, Downloaded):
        await _tell_downloaded(work, world)
    elif isinstance(verdict, Reboot):
        keep(_awaiting_reboot(work.record, world.board.boot_id), work, world)
        world.downloads.discard()
        await _announce(verdict, work, world)
        await reboot(work, world)
    elif isinstance(verdict, Wait):
        if verdict.trial:
            world.downloads.discard()
        await say(verdict.why, work, world)
    return verdict


async def conclude(record: Record, world: World) -> None:
    """Tell an outcome and note that it was told; safe to be done again.

    Args:
        record: with its outcome.
        world: what it takes.

    Raises:
        PassingError: it could not be told; the journal keeps it.
    """
    outcome = record.outcome
    assert outcome is not None
    discard(world)
    finished = Finished.SUCCESS if outcome.success else Finished.FAILURE
    feedback = Feedback(record.action, Execution.CLOSED, finished, outcome.details, code=outcome.code)
    told = await world.server.tell(feedback)
    world.journal.write(evolve(record, told=True))
    world.server.forget()
    words = "succeeded" if outcome.success else "failed"
    closed = " (the server had closed it already)" if told is Told.CLOSED else ""
    level = logging.INFO if outcome.success else logging.ERROR
    log.log(level, "action %s %s%s: %s", record.action, words, closed, "; ".join(outcome.details))


async def _tell_downloaded(work: Work, world: World) -> None:
    """End an action that asks for nothing but the download; the bundle stays (DDI, `downloaded`)."""
    text = "downloaded and verified, as asked; nothing is installed"
    keep(evolve(work.record, kept=True), work, world)
    await world.server.tell(Feedback(work.offer.action, Execution.DOWNLOADED, details=(text,)))
    keep(evolve(work.record, told=True), work, world)
    world.server.forget()
    log.info("action %s: %s", work.offer.action, text)


# ---------------------------------------------------------------- the reboot


def _awaiting_reboot(record: Record, boot_id: str) -> Record:
    """Count the boots that came up in the old slot although the new one is primary."""
    if record.boot_id in (None, boot_id):
        return evolve(record, boot_id=boot_id, completed=True)
    return evolve(record, boot_id=boot_id, completed=True, reboots=record.reboots + 1)


async def _announce(verdict: Reboot, work: Work, world: World) -> None:
    """Tell that only the reboot is missing, but don't wait for ever for a server that is away."""
    work.completed_at = work.completed_at or world.clock.now()
    text = verdict.why
    if not _reboots(work.record, world):
        waived = work.record.bundle_reboot is False
        why = "the bundle waives it" if waived else "this board does not reboot by itself"
        text += f"; {why}, so rollouts wait until somebody does"
    try:
        await say(text, work, world, note=notes.completed(work.record))
    except PassingError:
        if not _reboots(work.record, world) or world.clock.now() - work.completed_at < FEEDBACK_GRACE:
            raise


def _reboots(record: Record, world: World) -> bool:
    """Whether we ask for the reboot: as the bundle's metadata say, else as the configuration does."""
    return world.policy.reboot if record.bundle_reboot is None else record.bundle_reboot


def unbooted(record: Record, world: World) -> bool:
    """Whether success was told in this boot, so that the reboot into the new system is still to come.

    Args:
        record: of the last action.
        world: what it takes.
    """
    succeeded = record.told and record.outcome is not None and record.outcome.success
    return succeeded and record.completed and record.boot_id == world.board.boot_id


async def reboot(work: Work, world: World, *, into: str = "new") -> None:
    """Ask for the reboot where it is ours to do; once more where it did not happen.

    Args:
        work: the action.
        world: what it takes.
        into: which system comes up then, "new" or "old".

    Raises:
        PassingError: the request was not accepted, or RAUC installs something, which is not to be cut off.
    """
    now = world.clock.now()
    recently = work.reboot_at is not None and now - work.reboot_at < REBOOT_GRACE
    wanted = _reboots(work.record, world) if into == "new" else world.policy.reboot
    if not wanted or recently or work.reboot_requests >= MAX_REBOOT_REQUESTS:
        return
    system = await world.installer.system()  # says so where RAUC is busy
    if into == "new" and new_system_runs(work.record, system):
        return  # with the boot id of before, as in a container
    try:
        why = await asked("before-reboot", work, world)
    except DeploymentError as error:
        why = str(error)  # what is installed stays so: a reboot can only be put off
    if why:
        log.info("action %s: the reboot waits: %s", work.offer.action, why)
        return
    work.reboot_at, work.reboot_requests = now, work.reboot_requests + 1
    log.info("action %s: rebooting into the %s system", work.offer.action, into)
    await world.board.reboot()


# ---------------------------------------------------------------- put off, given up, agreed to


async def put_off(error: PassingError, pause: float, work: Work, world: World) -> None:
    """Tell why an action is put off, and give it up after too long a time.

    Args:
        error: the trouble.
        pause: seconds until the next try.
        work: the action.
        world: what it takes.

    Raises:
        DeploymentError: nothing has moved for `give_up_after`. Not once an installation was begun:
            how that ended has to be seen first.
        OfferGoneError: the action is closed.
    """
    log.warning("action %s: %s; trying again in %.1f s", work.offer.action, error, pause)
    record = work.record
    if record.attempt <= record.series and not record.outcome:
        trying = _trying(pause, work, world)
        if trying > world.policy.give_up_after:
            raise DeploymentError(f"gave up after {trying / 3600:.0f} h: {error}")
        work.record = evolve(record, trying=trying)
        if trying // 600 != record.trying // 600:
            keep(work.record, work, world)
    await say(f"put off: {error}", work, world)


def _trying(pause: float, work: Work, world: World) -> float:
    """Add the last try and the pause before it to the time of troubles; bytes that arrived end that time."""
    now = world.clock.now()
    since, work.counted_to = work.counted_to, now
    if work.moved_at > since:
        return now - work.moved_at
    return work.record.trying + min(now - since, LONGEST_TRY + pause)


async def answer(work: Work, world: World, *, given: bool, words: str) -> None:
    """Take the consent to an action that the server does not force, or a refusal, which can be taken back.

    Args:
        work: the action.
        world: what it takes.
        given: whether it may start.
        words: for the action's history.

    Raises:
        OfferGoneError: the action is closed.
        PassingError: the consent could not be written down.
    """
    keep(evolve(work.record, consented=given), work, world)
    await say(words, work, world)


async def give_up(error: DeploymentError, work: Work, world: World) -> Verdict:
    """Close an action that `put_off` gave up."""
    return await _settle(Decided(Outcome(success=False, details=(str(error),))), work, world)
