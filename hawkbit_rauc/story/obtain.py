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
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

#: Wrong bytes that arrive this often (size or hash) end the action.
MAX_MISMATCHES = 2


async def obtain(action: Action, deployment: Deployment) -> Source | Wait | Downloaded:
    """Fetch the bundle that is to be installed next.

    Args:
        action: what is brought forward.
        deployment: what it asks for.

    Returns:
        The bundle; if nothing is to be installed now, what is waited for, or that this was all.

    Raises:
        PassingError: try again later; what is here is kept.
        OfferGoneError: the server took the offer back.
        DeploymentError: the action can't succeed on this board.
    """
    world = action.world
    action.deployment = None  # what holds it back may change, so it is read anew at the next look
    if wait := held_back(deployment, action.record, ask=world.policy.ask):
        return wait
    artifact = _bundle(action, deployment)
    instead = instead_of_installing(deployment)
    if action.record.more and isinstance(instead, Downloaded):
        raise DeploymentError(
            "the action is to download only and has several bundles, and only one can be kept"
        )
    await _look_at_others(action, deployment)
    if action.fetched != artifact:
        if why := await action.ask("before-download"):
            return Wait(why)
        log.info("action %s: fetching %s (%s)", action.id, artifact.filename, _size(artifact.size))
    elif instead:
        return instead
    _make_room(artifact, world)
    what = f"downloading{named(action, deployment)}"
    bundle = await _fetch(action, artifact, what, world.downloads, ahead=instead is not None)
    action.fetched = artifact
    return instead_of_installing(await _read_again(action, artifact)) or bundle


def named(action: Action, deployment: Deployment) -> str:
    """The bundle's name with a space before it, if the action has several."""
    several = action.record.more or action.record.bundle
    return f" {_bundle(action, deployment).filename}" if several else ""


def _bundle(action: Action, deployment: Deployment) -> Artifact:
    return bundles.current(action.record, deployment, action.world.policy.choice)


def _make_room(artifact: Artifact, world: World) -> None:
    """Note that what was to be downloaded only is not kept any more, if another bundle takes its place."""
    journal = world.journal.read()
    if journal and journal.told and journal.kept and journal.artifact != bundles.fingerprint(artifact):
        world.journal.write(evolve(journal, kept=False))


async def _fetch(
    action: Action, artifact: Artifact, what: str, downloads: Downloads, *, ahead: bool = False
) -> Source:
    try:
        async with action.world.board.awake(what):
            return await downloads.fetch(artifact, action.progress(what), ahead=ahead)
    except MismatchError as error:
        mismatches = action.record.mismatches + 1
        action.keep(evolve(action.record, mismatches=mismatches))
        if mismatches >= MAX_MISMATCHES:
            raise DeploymentError(f"{error} ({mismatches} times)") from error
        raise


async def _read_again(action: Action, artifact: Artifact) -> Deployment:
    """Read what the action asks for after the download, which may have taken hours (DDI)."""
    deployment = await action.world.server.deployment(action.offer)
    if _bundle(action, deployment) != artifact:
        raise ServerError(f"action {action.id} was given another bundle during the download")
    return deployment


async def _look_at_others(action: Action, deployment: Deployment) -> None:
    """Say in the history what of a deployment this board leaves aside, or refuse it."""
    world = action.world
    others = bundles.others(deployment, bundles.choose(deployment, world.policy.choice))
    names = ", ".join(artifact.filename for artifact in others[:10])
    if others and world.policy.refuse_others:
        raise DeploymentError(
            f"the deployment has artifacts that this board has no use for ({names}); take them out of it"
        )
    if others and world.others is None:
        await action.say(f"left aside, as they are not this board's bundle: {names}")


async def hand_over(action: Action, deployment: Deployment) -> str | None:
    """Give the artifacts that are no bundles to the board's own programs, each once.

    Args:
        action: what is brought forward.
        deployment: what it asks for.

    Returns:
        Why it has to wait, None to go on.

    Raises:
        PassingError: try again later.
        DeploymentError: they refuse one.
    """
    taker = action.world.others
    if taker is None:
        return None
    for artifact in bundles.others(deployment, bundles.choose(deployment, action.world.policy.choice)):
        content = bundles.fingerprint(artifact)
        if content in action.record.handed:
            continue
        file = await _fetch(action, artifact, f"downloading {artifact.filename}", taker)
        if why := await action.ask("artifact", file=str(file), name=artifact.filename):
            return why
        action.keep(evolve(action.record, handed=(*action.record.handed, content)))
        taker.discard()
    return None


def tidy(record: Record | None, world: World) -> None:
    """Remove the bundle when nothing is asked for; one that was to be downloaded only stays for `keep_for`.

    Args:
        record: of the last action.
        world: the ports.
    """
    kept = record is not None and record.kept
    world.downloads.discard(older_than=world.policy.keep_for if kept else 0)
    if world.others:
        world.others.discard()


def _size(size: int | None) -> str:
    return "size unknown" if size is None else f"{size / 2**20:.1f} MiB"
