# SPDX-License-Identifier: LGPL-2.1-or-later
"""THE STORY: one deployment from the offer to the told outcome.

`deploy` may be run again from the top after any interruption, and is: it first asks the authority
that knows (journal, hawkBit's history, RAUC's slots), and every effect has its intent written down
before. `current` calls it, and decides how often; how to cancel is in `cancelation`.
"""

from __future__ import annotations

import logging

from attrs import evolve

from hawkbit_rauc.errors import (
    AttemptFailedError,
    DeploymentError,
    InstallationError,
    InstallerBusyError,
    InstallerError,
    NoSlotError,
    OfferGoneError,
    PassingError,
    ServerError,
)
from hawkbit_rauc.model import (
    BundleFacts,
    Deployment,
    Execution,
    Feedback,
    Finished,
    Outcome,
    Record,
    System,
    Told,
)
from hawkbit_rauc.rules import bundles, notes
from hawkbit_rauc.rules.memory import begin, look_back, recall
from hawkbit_rauc.rules.outcome import (
    installed_image,
    judge,
    may_overwrite,
    only_elsewhere,
    runs_bundle,
    switched_to,
)
from hawkbit_rauc.rules.verdicts import Decided, Downloaded, Install, Reboot, TakeBack, Verdict, Wait
from hawkbit_rauc.story.action import Action, Stage
from hawkbit_rauc.story.obtain import hand_over, named, obtain
from hawkbit_rauc.story.reboot import announce, awaiting_reboot, reboot
from hawkbit_rauc.story.undo import after_failure
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

#: Seconds after an attempt that failed by what may pass, such as a clock that is not set yet.
ATTEMPT_PAUSES = (300.0, 1800.0)


# ---------------------------------------------------------------- the story


async def deploy(action: Action) -> Verdict:
    """Bring an action as far as it can be brought now.

    Returns:
        Where the action stands; `Decided` has been told.

    Raises:
        PassingError: try again later; nothing is lost.
        OfferGoneError: the server took the offer back; nothing is to be told (DDI).
    """
    world = action.world
    if left := _left_to_be_told(action):
        return await _settle(action, left)
    deployment = action.deployment = action.deployment or await world.server.deployment(action.offer)
    try:
        verdict = await _look(action, deployment)
        while True:
            if isinstance(verdict, Decided) and verdict.outcome.success and action.record.more:
                verdict = await _go_on(action, deployment, verdict.outcome)
            if not isinstance(verdict, Install):
                break
            verdict = await _install(action, deployment)
    except DeploymentError as error:
        verdict = Decided(Outcome(success=False, details=(str(error),)))
    if isinstance(verdict, Reboot) or (isinstance(verdict, Wait) and verdict.trial):
        # Read once more, hawkBit would show the action as "retrieved" instead of what was said last.
        action.deployment = deployment
    return await _settle(action, verdict)


async def _look(action: Action, deployment: Deployment) -> Verdict:
    """See where the action stands; RAUC is asked only about what may have been begun."""
    world, choice, tried = action.world, action.world.policy.choice, action.record.trying
    journal = world.journal.read()
    if journal is None or _looks_first(journal, action):
        noted = notes.read(deployment.history)
        try:
            system = await world.installer.system()
        except InstallerError:
            # RAUC is needed to install, not to download.
            if isinstance(await obtain(action, deployment), Downloaded):
                return Downloaded()
            raise
        known = look_back(noted, deployment, system, world.server.identity, choice)
        known = evolve(known, unwanted=journal is not None)
    else:
        known = recall(journal, deployment, choice)
        if known.attempt > known.series and not known.outcome:
            system = await world.installer.system()
            if known.completed and not known.target:  # a crash came before it was noted
                known = evolve(known, target=switched_to(known, system))
    action.record = evolve(known, trying=max(tried, known.trying))  # the journal has it to within ten minutes
    if known.attempt <= known.series:
        return Install()
    if known.failure and not known.outcome:
        return await after_failure(action, system)
    verdict = judge(action.record, system, world.board.boot_id)
    if isinstance(verdict, TakeBack):
        action.keep(evolve(action.record, failure=verdict.why))
        return await after_failure(action, system)
    return verdict


def _looks_first(journal: Record, action: Action) -> bool:
    """Whether the journal was lost before the action was seen, and holds only that its cancelation was asked for."""
    return journal.action == action.id and journal.unwanted and journal.attempt == 0 and not journal.told


def _left_to_be_told(action: Action) -> Verdict | None:
    """Return the end that may have reached the server already: reading the action again would reopen it (DDI)."""
    record = action.world.journal.read()
    if record is None or record.action != action.id or record.told:
        return None
    if record.outcome:
        action.record = record
        return Decided(record.outcome)
    if record.kept:
        action.record = record
        return Downloaded()
    return None


async def _go_on(action: Action, deployment: Deployment, outcome: Outcome) -> Install:
    """Take up the next bundle of the action: the one before is in place, and if it is a system booted and committed."""
    choice = action.world.policy.choice
    done = bundles.current(action.record, deployment, choice)
    await action.say(f"{done.filename} is in place: {outcome.details[0]}; its next bundle follows")
    action.keep(bundles.following(action.record, deployment, choice))
    action.world.downloads.discard()
    return Install()


async def _install(action: Action, deployment: Deployment) -> Verdict:
    """Fetch the bundle and, unless something speaks against it, have RAUC install it as the next attempt."""
    world = action.world
    if action.record.unwanted:
        raise DeploymentError("its cancelation was asked for, so no installation of it is begun")
    bundle = await obtain(action, deployment)
    if isinstance(bundle, Wait | Downloaded):
        return bundle
    facts = await world.installer.look_into(bundle)
    system = await world.installer.system()
    if against := await _speaks_against(action, deployment, facts, system):
        return against
    before, alive = action.record, action.headway.alive
    record = begin(before, system, world.board.boot_id, world.server.identity, facts)
    action.keep(record)
    try:
        what = f"installing{named(action, deployment)}"
        text = f"{what}, attempt {record.attempt - record.series}"
        await action.say(text, note=notes.begun(record))
        action.stage = Stage.INSTALLING
        async with world.board.awake("installing a bundle", shutdown=True):
            await world.installer.install(bundle, record.transaction or "", action.progress(what))
    except (ServerError, OfferGoneError, InstallerBusyError):
        action.keep(before)  # not told, or refused: this attempt was not begun
        action.headway.alive = alive
        raise
    except AttemptFailedError as error:
        action.headway.alive = alive
        raise _kept_trouble(action, error) from error
    except NoSlotError as error:
        if not (elsewhere := only_elsewhere([error.kind], system)):
            raise
        action.keep(before)
        return _for_another_system(elsewhere)
    except InstallationError as error:
        action.keep(evolve(action.record, failure=str(error)))
        return await after_failure(action)
    finally:
        action.stage = Stage.FETCHING
    return await _completed(action)


async def _completed(action: Action) -> Verdict:
    """Look at what the installation has done, as long as RAUC tells of all slots that it wrote."""
    world, record = action.world, evolve(action.record, completed=True)
    try:
        system = await world.installer.system()
    except InstallerError:
        action.keep(record)
        raise
    image, target = installed_image(record, system), switched_to(record, system)
    record = evolve(record, image_sha256=image, target=target)
    verdict = judge(record, system, world.board.boot_id, just_completed=True)
    # In one write: what is seen now of slots without a stored status is not seen again.
    action.keep(evolve(record, in_force=isinstance(verdict, Decided) and verdict.in_force))
    return verdict


async def _speaks_against(
    action: Action, deployment: Deployment, facts: BundleFacts, system: System
) -> Verdict | None:
    """Say why the bundle that is here is not to be installed now, None if nothing speaks against it."""
    lost_journal = action.world.journal.read() is None
    if lost_journal and action.record.attempt == 0 and runs_bundle(system, facts.hash):
        return Decided(
            Outcome(success=True, details=("the booted and committed system is this bundle already",))
        )
    if elsewhere := only_elsewhere(facts.touches or (), system):
        return _for_another_system(elsewhere)
    if not may_overwrite(system):
        return Wait(
            "the booted slot is not committed (marked good) yet; installing now could cost the only good system"
        )
    if why := await action.ask("before-installation") or await hand_over(action, deployment):
        return Wait(why)
    return None


def _for_another_system(kind: str) -> Wait:
    return Wait(f"its image for {kind} can only be installed while another system runs, such as the recovery")


def _kept_trouble(action: Action, error: AttemptFailedError) -> AttemptFailedError:
    """Write down why an attempt failed; the next one waits, so that what passes has time to pass."""
    action.keep(evolve(action.record, trouble=str(error)))
    attempts = action.record.attempt - action.record.series
    return AttemptFailedError(str(error), retry_after=ATTEMPT_PAUSES[min(attempts, len(ATTEMPT_PAUSES)) - 1])


async def _settle(action: Action, verdict: Verdict) -> Verdict:
    """Tell what a verdict means, and do what follows from it."""
    world = action.world
    action.headway.stand_still()
    if isinstance(verdict, Reboot) and world.policy.report_installed and not action.record.more:
        # The loop asks for the reboot, see `reboot.unbooted`: a crash in between would leave it undone.
        action.keep(awaiting_reboot(action.record, world.board.boot_id))
        told = "installed (told before the reboot, as configured)"
        verdict = Decided(Outcome(success=True, details=(told,)))
    match verdict:
        case Decided(outcome, in_force=in_force):
            if not action.record.outcome:
                others = bundles.among_several(action.record, success=outcome.success)
                outcome = evolve(outcome, details=(*outcome.details, *others))
            in_force = in_force or action.record.in_force
            action.keep(evolve(action.record, outcome=outcome, in_force=in_force))
            await conclude(action.record, world)
        case Downloaded():
            await _tell_downloaded(action)
        case Reboot():
            action.keep(awaiting_reboot(action.record, world.board.boot_id))
            world.downloads.discard()
            await announce(action, verdict)
            await reboot(action)
        case Wait():
            if verdict.trial:
                world.downloads.discard()
            await action.say(verdict.why)
    return verdict


async def conclude(record: Record, world: World) -> None:
    """Tell an outcome and note that it was told; safe to be done again.

    Args:
        record: with its outcome.
        world: the ports.

    Raises:
        PassingError: it could not be told; the journal keeps it.
    """
    outcome = record.outcome
    assert outcome is not None
    world.discard()
    finished = Finished.SUCCESS if outcome.success else Finished.FAILURE
    feedback = Feedback(record.action, Execution.CLOSED, finished, outcome.details, code=outcome.code)
    told = await world.server.tell(feedback)
    world.journal.write(evolve(record, told=True))
    world.server.forget()
    words = "succeeded" if outcome.success else "failed"
    closed = " (the server had closed it already)" if told is Told.CLOSED else ""
    level = logging.INFO if outcome.success else logging.ERROR
    log.log(level, "action %s %s%s: %s", record.action, words, closed, "; ".join(outcome.details))


async def _tell_downloaded(action: Action) -> None:
    """End an action that asks for nothing but the download; the bundle stays (DDI, `downloaded`)."""
    text = "downloaded and verified, as asked; nothing is installed"
    action.keep(evolve(action.record, kept=True))
    await action.world.server.tell(Feedback(action.id, Execution.DOWNLOADED, details=(text,)))
    action.keep(evolve(action.record, told=True))
    action.world.server.forget()
    log.info("action %s: %s", action.id, text)


# ---------------------------------------------------------------- put off, given up


async def put_off(action: Action, error: PassingError, pause: float) -> None:
    """Tell why an action is put off, and give it up after too long a time.

    Args:
        action: what could not be brought further.
        error: the trouble.
        pause: seconds until the next try.

    Raises:
        DeploymentError: nothing has moved for `give_up_after`. Not once an installation was begun:
            how that ended has to be seen first.
        OfferGoneError: the action is closed.
    """
    log.warning("action %s: %s; trying again in %.1f s", action.id, error, pause)
    record, world = action.record, action.world
    if record.attempt <= record.series and not record.outcome:
        trying = action.headway.troubled(record.trying, world.clock.now(), pause)
        if trying > world.policy.give_up_after:
            raise DeploymentError(f"gave up after {trying / 3600:.0f} h: {error}")
        action.record = evolve(record, trying=trying)
        if trying // 600 != record.trying // 600:
            action.keep(action.record)
    await action.say(f"put off: {error}")


async def give_up(action: Action, error: DeploymentError) -> Verdict:
    """Close an action that `put_off` gave up."""
    return await _settle(action, Decided(Outcome(success=False, details=(str(error),))))
