# SPDX-License-Identifier: LGPL-2.1-or-later
"""THE STORY: one deployment from the offer to the told outcome.

`deploy` may be run again from the top after any interruption, and is: it first asks the authority
that knows (journal, hawkBit's history, RAUC's slots), and every effect has its intent written down
before. Who calls it, and how often, is the daemon's matter; how to cancel is in `cancelation`.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable

from attrs import define, evolve, field, frozen

from hawkbit_rauc import notes, rules
from hawkbit_rauc.errors import (
    DeploymentError,
    MismatchError,
    OfferGoneError,
    PassingError,
    RaucBusyError,
    ServerError,
)
from hawkbit_rauc.model import (
    Artifact,
    Deployment,
    Execution,
    Feedback,
    Finished,
    Offer,
    Outcome,
    Record,
    Told,
)
from hawkbit_rauc.ports import Board, Clock, Downloads, Hooks, Installer, Journal, Progress, Server, Source
from hawkbit_rauc.rules import Choice, Decided, Downloaded, Install, Reboot, Verdict, Wait

log = logging.getLogger(__name__)

#: Wrong bytes that arrive this often (size or hash) end the action.
MAX_MISMATCHES = 2
#: Seconds that a reboot waits for a server that does not take the feedback before it.
FEEDBACK_GRACE = 120.0
#: Seconds after which a reboot that did not happen is asked for again; twice at most in one boot.
REBOOT_GRACE = 300.0
MAX_REBOOT_REQUESTS = 2
#: Seconds of a single try that count as trouble at most: a board that slept was in none.
LONGEST_TRY = 3600.0
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
        choice: which artifact is the bundle.
        refuse_others: a deployment with further artifacts is an error.
        keep_for: seconds that a bundle stays that was to be downloaded only.
        give_up_after: seconds of passing troubles before an action is closed as failed.
    """

    report_installed: bool = False
    reboot: bool = False
    ask: bool = False
    confirmation: str = "ask"
    auto_confirmation: bool | None = None
    choice: Choice = rules.ANY
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
        work.record = rules.recall(
            journal, noted, deployment, system, world.server.identity, world.policy.choice
        )
        work.record = evolve(work.record, trying=max(trying, work.record.trying))
        nothing_known = journal is None and work.record.attempt == 0
        verdict = rules.judge(work.record, system, world.board.boot_id)
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
    done = rules.bundle_of(work.record, deployment, world.policy.choice)
    await _say(f"{done.filename} is in place: {outcome.details[0]}; its next bundle follows", work, world)
    _keep(rules.next_bundle(work.record, deployment, world.policy.choice), work, world)
    world.downloads.discard()
    return Install()


async def _install(deployment: Deployment, nothing_known: bool, work: Work, world: World) -> Verdict:
    """Fetch the bundle and, unless something speaks against it, have RAUC install it as the next attempt."""
    bundle = await _obtain(deployment, work, world)
    if isinstance(bundle, Wait | Downloaded):
        return bundle
    facts = await world.installer.look_into(bundle)
    system = await world.installer.system()
    if nothing_known and rules.runs_bundle(system, facts.hash):
        return Decided(
            Outcome(success=True, details=("the booted and committed system is this bundle already",))
        )
    if system.slots and not rules.committed(system):
        return Wait(
            "the booted slot is not committed (marked good) yet; installing now could cost the only good system"
        )
    if why := await _asked("before-installation", work, world) or await _hand_over(deployment, work, world):
        return Wait(why)
    before, alive = work.record, work.alive
    record = rules.begin(before, system, world.board.boot_id, world.server.identity)
    record = evolve(record, bundle_hash=facts.hash, bundle_reboot=facts.reboot)
    _keep(record, work, world)
    try:
        what = f"installing{_named(deployment, work, world)}"
        text = f"{what}, attempt {record.attempt - record.series}"
        await _say(text, work, world, note=notes.begun(record))
        work.stage = Stage.INSTALLING
        async with world.board.awake("installing a bundle", shutdown=True):
            await world.installer.install(bundle, record.transaction or "", _progress(what, work, world))
    except (ServerError, OfferGoneError, RaucBusyError):
        _keep(before, work, world)  # not told, or refused: this attempt was not begun
        work.alive = alive
        raise
    finally:
        work.stage = Stage.FETCHING
    _keep(evolve(record, completed=True), work, world)
    system = await world.installer.system()
    work.record = evolve(work.record, image_sha256=rules.installed_image(work.record, system))
    return rules.judge(work.record, system, world.board.boot_id)


async def _settle(verdict: Verdict, work: Work, world: World) -> Verdict:
    """Tell what a verdict means, and do what follows from it."""
    work.progress, work.percent = "", -1
    if isinstance(verdict, Reboot) and world.policy.report_installed and not work.record.more:
        # The daemon asks for the reboot, see `unbooted`: a crash in between would leave it undone.
        _keep(_awaiting_reboot(work.record, world.board.boot_id), work, world)
        told = "installed (told before the reboot, as configured)"
        verdict = Decided(Outcome(success=True, details=(told,)))
    if isinstance(verdict, Decided):
        outcome, record = verdict.outcome, work.record
        if not record.outcome:
            others = rules.among_several(record, success=outcome.success)
            outcome = evolve(outcome, details=(*outcome.details, *others))
        _keep(evolve(record, outcome=outcome), work, world)
        await conclude(work.record, world)
    elif isinstance(verdict, Downloaded):
        await _tell_downloaded(work, world)
    elif isinstance(verdict, Reboot):
        _keep(_awaiting_reboot(work.record, world.board.boot_id), work, world)
        world.downloads.discard()
        await _announce(verdict, work, world)
        await reboot(work, world)
    elif isinstance(verdict, Wait):
        if verdict.trial:
            world.downloads.discard()
        await _say(verdict.why, work, world)
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


# ---------------------------------------------------------------- its steps


async def _obtain(deployment: Deployment, work: Work, world: World) -> Source | Wait | Downloaded:
    """Fetch the bundle; what it is that is waited for, or that this was all, where nothing is to be installed now."""
    work.deployment = None  # what holds it back may change, so it is read anew at the next look
    if wait := rules.held_back(deployment, work.record, ask=world.policy.ask):
        return wait
    artifact = rules.bundle_of(work.record, deployment, world.policy.choice)
    instead = rules.instead_of_installing(deployment)
    if work.record.more and isinstance(instead, Downloaded):
        raise DeploymentError(
            "the action is to download only and has several bundles, and only one can be kept"
        )
    await _look_at_others(deployment, work, world)
    if work.fetched != artifact:
        if why := await _asked("before-download", work, world):
            return Wait(why)
        log.info("action %s: fetching %s (%s)", work.offer.action, artifact.filename, _size(artifact.size))
    elif instead:
        return instead
    what = f"downloading{_named(deployment, work, world)}"
    bundle = await _fetch(artifact, what, world.downloads, work, world, ahead=instead is not None)
    work.fetched = artifact
    return rules.instead_of_installing(await _read_again(artifact, work, world)) or bundle


async def _fetch(
    artifact: Artifact, what: str, downloads: Downloads, work: Work, world: World, *, ahead: bool = False
) -> Source:
    try:
        async with world.board.awake(what):
            return await downloads.fetch(artifact, _progress(what, work, world), ahead=ahead)
    except MismatchError as error:
        mismatches = work.record.mismatches + 1
        _keep(evolve(work.record, mismatches=mismatches), work, world)
        if mismatches >= MAX_MISMATCHES:
            raise DeploymentError(f"{error} ({mismatches} times)") from error
        raise


def _named(deployment: Deployment, work: Work, world: World) -> str:
    """The bundle's name with a space before it, where the action has several."""
    several = work.record.more or work.record.bundle
    return f" {rules.bundle_of(work.record, deployment, world.policy.choice).filename}" if several else ""


async def _look_at_others(deployment: Deployment, work: Work, world: World) -> None:
    """Say in the history what of a deployment this board leaves aside, or refuse it."""
    others = rules.others(deployment, rules.choose_bundles(deployment, world.policy.choice))
    names = ", ".join(artifact.filename for artifact in others[:10])
    if others and world.policy.refuse_others:
        raise DeploymentError(
            f"the deployment has artifacts that this board has no use for ({names}); take them out of it"
        )
    if others and world.others is None:
        await _say(f"left aside, as they are not this board's bundle: {names}", work, world)


async def _hand_over(deployment: Deployment, work: Work, world: World) -> str | None:
    """Give the artifacts that are not the bundle to the board's own programs, each once; why it has to wait."""
    bundles = rules.choose_bundles(deployment, world.policy.choice)
    for artifact in rules.others(deployment, bundles) if world.others else ():
        assert world.others is not None
        content = rules.fingerprint(artifact)
        if content in work.record.handed:
            continue
        file = await _fetch(artifact, f"downloading {artifact.filename}", world.others, work, world)
        if why := await _asked("artifact", work, world, file=str(file), name=artifact.filename):
            return why
        _keep(evolve(work.record, handed=(*work.record.handed, content)), work, world)
        world.others.discard()
    return None


async def _asked(moment: str, work: Work, world: World, **facts: str) -> str | None:
    """Ask the board's own programs; why it has to wait, None to go on."""
    return await world.hooks.ask(moment, {"action": work.offer.action, **facts})


async def _read_again(artifact: Artifact, work: Work, world: World) -> Deployment:
    """Read what the action asks for after the download, which may have taken hours (DDI)."""
    deployment = await world.server.deployment(work.offer)
    if rules.bundle_of(work.record, deployment, world.policy.choice) != artifact:
        raise ServerError(f"action {work.offer.action} was given another bundle during the download")
    return deployment


async def _tell_downloaded(work: Work, world: World) -> None:
    """End an action that asks for nothing but the download; the bundle stays (DDI, `downloaded`)."""
    text = "downloaded and verified, as asked; nothing is installed"
    _keep(evolve(work.record, kept=True), work, world)
    await world.server.tell(Feedback(work.offer.action, Execution.DOWNLOADED, details=(text,)))
    _keep(evolve(work.record, told=True), work, world)
    world.server.forget()
    log.info("action %s: %s", work.offer.action, text)


def tidy(record: Record | None, world: World) -> None:
    """Remove the bundle when nothing is asked for, but one that was to be downloaded only after `keep_for`.

    Args:
        record: of the last action.
        world: what it takes.
    """
    kept = record is not None and record.kept
    world.downloads.discard(older_than=world.policy.keep_for if kept else 0)
    if world.others:
        world.others.discard()


def discard(world: World) -> None:
    """Remove all that was downloaded."""
    world.downloads.discard()
    if world.others:
        world.others.discard()


def _keep(record: Record, work: Work, world: World) -> None:
    """Write the record down before anything else happens."""
    journal = world.journal.read()
    record = evolve(record, overtaken=rules.overtaken(journal, record))
    if record != journal:
        world.journal.write(record)
        work.alive = world.clock.now()
    work.record = record


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
        await _say(text, work, world, note=notes.completed(work.record))
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
    if into == "new" and rules.new_system_runs(work.record, system):
        return  # with the boot id of before, as in a container
    try:
        why = await _asked("before-reboot", work, world)
    except DeploymentError as error:
        why = str(error)  # what is installed stays so: a reboot can only be put off
    if why:
        log.info("action %s: the reboot waits: %s", work.offer.action, why)
        return
    work.reboot_at, work.reboot_requests = now, work.reboot_requests + 1
    log.info("action %s: rebooting into the %s system", work.offer.action, into)
    await world.board.reboot()


async def _say(text: str, work: Work, world: World, *, note: str | None = None) -> None:
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
            _keep(work.record, work, world)
    await _say(f"put off: {error}", work, world)


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
    _keep(evolve(work.record, consented=given), work, world)
    await _say(words, work, world)


async def give_up(error: DeploymentError, work: Work, world: World) -> Verdict:
    """Close an action that `put_off` gave up."""
    return await _settle(Decided(Outcome(success=False, details=(str(error),))), work, world)


async def report(work: Work, world: World) -> None:
    """Tell how far the work is, where that changed since the last time."""
    if work.progress:
        await _say(work.progress, work, world)


def _progress(what: str, work: Work, world: World) -> Progress:
    """Make a callback that logs each per cent and keeps quarters, which is what the history needs."""
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


def _size(size: int | None) -> str:
    return "size unknown" if size is None else f"{size / 2**20:.1f} MiB"
