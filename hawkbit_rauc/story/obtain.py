# SPDX-License-Identifier: LGPL-2.1-or-later
"""What comes before RAUC: the bundle on the board, and the files of a deployment that are for others."""

from __future__ import annotations

import logging

from attrs import evolve

from hawkbit_rauc.errors import DeploymentError, MismatchError, ServerError
from hawkbit_rauc.model import Artifact, Deployment, Record
from hawkbit_rauc.ports import Downloads, Source
from hawkbit_rauc.rules import bundles
from hawkbit_rauc.rules.bundles import held_back, instead_of_installing
from hawkbit_rauc.rules.verdicts import Downloaded, Wait
from hawkbit_rauc.story.work import Work, World, asked, keep, progress, say

log = logging.getLogger(__name__)

#: Wrong bytes that arrive this often (size or hash) end the action.
MAX_MISMATCHES = 2


async def obtain(deployment: Deployment, work: Work, world: World) -> Source | Wait | Downloaded:
    """Fetch the bundle that is to be installed next.

    Args:
        deployment: what the action asks for.
        work: the action.
        world: what it takes.

    Returns:
        The bundle; where nothing is to be installed now, what is waited for, or that this was all.

    Raises:
        PassingError: try again later; what is here is kept.
        OfferGoneError: the server took the offer back.
        DeploymentError: the action can't succeed on this board.
    """
    work.deployment = None  # what holds it back may change, so it is read anew at the next look
    if wait := held_back(deployment, work.record, ask=world.policy.ask):
        return wait
    artifact = bundles.current(work.record, deployment, world.policy.choice)
    instead = instead_of_installing(deployment)
    if work.record.more and isinstance(instead, Downloaded):
        raise DeploymentError(
            "the action is to download only and has several bundles, and only one can be kept"
        )
    await _look_at_others(deployment, work, world)
    if work.fetched != artifact:
        if why := await asked("before-download", work, world):
            return Wait(why)
        log.info("action %s: fetching %s (%s)", work.offer.action, artifact.filename, _size(artifact.size))
    elif instead:
        return instead
    _make_room(artifact, world)
    what = f"downloading{named(deployment, work, world)}"
    bundle = await _fetch(artifact, what, world.downloads, work, world, ahead=instead is not None)
    work.fetched = artifact
    return instead_of_installing(await _read_again(artifact, work, world)) or bundle


def _make_room(artifact: Artifact, world: World) -> None:
    """Note that what was to be downloaded only is not kept any more, where another bundle takes its place."""
    journal = world.journal.read()
    if journal and journal.told and journal.kept and journal.artifact != bundles.fingerprint(artifact):
        world.journal.write(evolve(journal, kept=False))


async def _fetch(
    artifact: Artifact, what: str, downloads: Downloads, work: Work, world: World, *, ahead: bool = False
) -> Source:
    try:
        async with world.board.awake(what):
            return await downloads.fetch(artifact, progress(what, work, world), ahead=ahead)
    except MismatchError as error:
        mismatches = work.record.mismatches + 1
        keep(evolve(work.record, mismatches=mismatches), work, world)
        if mismatches >= MAX_MISMATCHES:
            raise DeploymentError(f"{error} ({mismatches} times)") from error
        raise


async def _read_again(artifact: Artifact, work: Work, world: World) -> Deployment:
    """Read what the action asks for after the download, which may have taken hours (DDI)."""
    deployment = await world.server.deployment(work.offer)
    if bundles.current(work.record, deployment, world.policy.choice) != artifact:
        raise ServerError(f"action {work.offer.action} was given another bundle during the download")
    return deployment


def named(deployment: Deployment, work: Work, world: World) -> str:
    """The bundle's name with a space before it, where the action has several."""
    several = work.record.more or work.record.bundle
    return f" {bundles.current(work.record, deployment, world.policy.choice).filename}" if several else ""


async def _look_at_others(deployment: Deployment, work: Work, world: World) -> None:
    """Say in the history what of a deployment this board leaves aside, or refuse it."""
    others = bundles.others(deployment, bundles.choose(deployment, world.policy.choice))
    names = ", ".join(artifact.filename for artifact in others[:10])
    if others and world.policy.refuse_others:
        raise DeploymentError(
            f"the deployment has artifacts that this board has no use for ({names}); take them out of it"
        )
    if others and world.others is None:
        await say(f"left aside, as they are not this board's bundle: {names}", work, world)


async def hand_over(deployment: Deployment, work: Work, world: World) -> str | None:
    """Give the artifacts that are no bundles to the board's own programs, each once.

    Args:
        deployment: what the action asks for.
        work: the action.
        world: what it takes.

    Returns:
        Why it has to wait, None to go on.

    Raises:
        PassingError: try again later.
        DeploymentError: they refuse one.
    """
    own = bundles.choose(deployment, world.policy.choice)
    for artifact in bundles.others(deployment, own) if world.others else ():
        assert world.others is not None
        content = bundles.fingerprint(artifact)
        if content in work.record.handed:
            continue
        file = await _fetch(artifact, f"downloading {artifact.filename}", world.others, work, world)
        if why := await asked("artifact", work, world, file=str(file), name=artifact.filename):
            return why
        keep(evolve(work.record, handed=(*work.record.handed, content)), work, world)
        world.others.discard()
    return None


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


def _size(size: int | None) -> str:
    return "size unknown" if size is None else f"{size / 2**20:.1f} MiB"
