# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which artifacts of a deployment are this board's bundles, in which order, and which is next.

Pure, as `rules` is.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from attrs import evolve, frozen

from hawkbit_rauc.errors import DeploymentError
from hawkbit_rauc.model import Artifact, Deployment, Record
from hawkbit_rauc.rules.verdicts import CONSENT, Downloaded, Wait


@frozen
class Choice:
    """Which artifacts of a deployment are this board's bundles, if there are others.

    Attributes:
        part: of software modules of this type only, such as "os" (DDI, a chunk's `part`); all if empty.
        patterns: one bundle for each of these names, as shells match them, in any case; installed in this order, and
            one at least. If empty, the only artifact, else the only one named `*.raucb`.
    """

    part: str = ""
    patterns: tuple[str, ...] = ()


#: No more said than that there is one bundle.
ANY = Choice()


def choose(deployment: Deployment, choice: Choice = ANY) -> tuple[Artifact, ...]:
    """Pick the artifacts that are bundles, in the order of their installation.

    Raises:
        DeploymentError: there is none, or more than one could be meant; all are named.
    """
    artifacts = [
        artifact
        for chunk in deployment.chunks
        if choice.part in ("", chunk.part)
        for artifact in chunk.artifacts
    ]
    if not artifacts:
        kind = f'of type "{choice.part}" (bundle_part) ' if choice.part else ""
        raise DeploymentError(
            f"the deployment has no artifact; assign a software module {kind}that holds one RAUC bundle"
        )
    chosen: list[Artifact] = artifacts if len(artifacts) == 1 and not choice.patterns else []
    for pattern in () if chosen else choice.patterns or ("*.raucb",):
        named = [item for item in artifacts if fnmatchcase(item.filename.lower(), pattern.lower())]
        chosen += (found := [item for item in named if item not in chosen])
        if len(found) > 1:
            raise _unclear(artifacts, f"{len(found)} of them named {pattern}")
    if not chosen:
        raise _unclear(artifacts, f"0 of them named {' or '.join(choice.patterns) or '*.raucb'}")
    for bundle in chosen:
        if bundle.url is None:
            raise DeploymentError(f"the server gives no usable download link for {bundle.filename}")
        if bundle.size == 0:
            raise DeploymentError(f"{bundle.filename} is empty; upload it again")
        if bundle.digest is None and not bundle.encrypted:
            raise DeploymentError(
                f"the server gives no usable hash of {bundle.filename}, so it can't be verified; upload it again"
            )
    return tuple(chosen)


def _unclear(artifacts: list[Artifact], which: str) -> DeploymentError:
    names = ", ".join(artifact.filename for artifact in artifacts[:10])
    return DeploymentError(
        f"the deployment has {len(artifacts)} artifacts ({names}), {which}; "
        "this board installs exactly one RAUC bundle for each name, bundle_part and bundle_pattern say which"
    )


def others(deployment: Deployment, bundles: Iterable[Artifact]) -> list[Artifact]:
    """The artifacts of a deployment that are none of its bundles."""
    known = {id(bundle) for bundle in bundles}
    return [item for chunk in deployment.chunks for item in chunk.artifacts if id(item) not in known]


def fingerprint(artifact: Artifact) -> str:
    """Name the artifact's content: its strongest hash, else its name and size."""
    return artifact.digest[1] if artifact.digest else f"{artifact.filename}:{artifact.size}"


def following(record: Record, deployment: Deployment, choice: Choice) -> Record:
    """Go on to the bundle that comes after the one that is in place now."""
    bundles, number = choose(deployment, choice), max(0, record.bundle) + 1
    return evolve(
        record,
        bundle=number,
        more=number < len(bundles) - 1,
        artifact=fingerprint(bundles[min(number, len(bundles) - 1)]),
        series=record.attempt,
        completed=False,
        in_force=False,
        bundle_hash=None,
        bundle_reboot=None,
        touches=None,
        target=None,
        trouble=None,
        mismatches=0,
    )


def current(record: Record, deployment: Deployment, choice: Choice) -> Artifact:
    """The bundle that is to be installed next; if the deployment has fewer by now, the last."""
    bundles = choose(deployment, choice)
    return bundles[max(0, min(record.bundle, len(bundles) - 1))]


def among_several(record: Record, *, success: bool) -> tuple[str, ...]:
    """Say what an end means for the action's other bundles; nothing if there are none."""
    if not (record.more or record.bundle):
        return ()
    number = f"bundle {record.bundle + 1} of the action"
    if success:
        return (f"this was {number}, the last one",)
    before = "; those before it stay installed" if record.bundle else ""
    after = "; those after it are left out" if record.more else ""
    return (f"this was {number}{before}{after}",)


def held_back(deployment: Deployment, record: Record, *, ask: bool) -> Wait | None:
    """Say why nothing may be fetched yet, None if it may (DDI, download and update "attempt" and "skip").

    Args:
        deployment: what the action asks for.
        record: what is known of it.
        ask: whether what the server does not force waits for consent.
    """
    if deployment.download == "skip":
        return Wait("the server asks for no download")
    if ask and not record.consented and "attempt" in (deployment.download, deployment.update):
        return CONSENT
    return None


def instead_of_installing(deployment: Deployment) -> Wait | Downloaded | None:
    """Say what follows the download if the server wants no installation now, else None (DDI, update "skip")."""
    if deployment.update != "skip":
        return None
    if deployment.window == "unavailable":
        return Wait("downloaded and verified; waiting for the maintenance window")
    return Downloaded()
