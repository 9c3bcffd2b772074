# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of an action: by the journal, the note at hawkBit, or RAUC; and what is written down before an attempt."""

from __future__ import annotations

from attrs import evolve

from hawkbit_rauc.model import (
    BundleFacts,
    Counts,
    Deployment,
    Identity,
    Record,
    System,
    transaction_id,
)
from hawkbit_rauc.rules import bundles
from hawkbit_rauc.rules.outcome import MAX_ATTEMPTS

#: Of a bundle that RAUC tells nothing of.
NOTHING_TOLD = BundleFacts()


def recall(journal: Record, deployment: Deployment, choice: bundles.Choice = bundles.ANY) -> Record:
    """Say what was done for an action, by a journal that is whole: what it does not know was not begun.

    Args:
        journal: its record, of whatever action.
        deployment: what the action asks for.
        choice: which artifacts are bundles.

    Returns:
        The record to go on with; nothing was begun if its attempt is that of its series.

    Raises:
        DeploymentError: nothing is known, and the deployment can't succeed.
    """
    action = deployment.action
    if journal.action == action and not journal.told:
        return journal
    if journal.overtaken and journal.overtaken.action == action:
        return journal.overtaken
    contents = [bundles.fingerprint(bundle) for bundle in bundles.choose(deployment, choice)]
    more = len(contents) > 1
    if journal.action != action:
        return Record(action, artifact=contents[0], more=more)
    if journal.outcome and journal.outcome.success and journal.artifact == contents[-1]:
        return evolve(journal, outcome=None, told=False)
    # Offered again after its end (goosebit reuses ids): a new wish, with new attempt numbers.
    begun = journal.attempt
    return Record(action, attempt=begun, series=begun, artifact=contents[0], more=more)


def look_back(
    noted: Record | None,
    deployment: Deployment,
    system: System,
    identity: Identity,
    choice: bundles.Choice = bundles.ANY,
) -> Record:
    """Find out what was done for an action without a journal: by the note at hawkBit, else by RAUC.

    The history can be written by others, so a note only says where to look: what follows from it, `judge` decides
    by what RAUC shows.

    Args:
        noted: what the action's history says, see `notes`.
        deployment: what the action asks for.
        system: what RAUC says.
        identity: whom we speak for (the transaction id is made of it).
        choice: which artifacts are bundles.

    Returns:
        The record to go on with; attempt 0 if nothing is known.

    Raises:
        DeploymentError: the deployment can't succeed.
    """
    action = deployment.action
    contents = [bundles.fingerprint(bundle) for bundle in bundles.choose(deployment, choice)]
    last = len(contents) - 1
    if noted and noted.attempt:
        number = min(noted.bundle, last)
        content = contents[number]
        transaction = transaction_id(identity, action, content, noted.attempt)
        known = evolve(noted, action=action, artifact=content, transaction=transaction, noted=True)
        return evolve(known, bundle=number, more=number < last)
    transactions = {slot.transaction for slot in system.slots}
    for number, content in reversed([*enumerate(contents)]):
        for attempt in range(MAX_ATTEMPTS * (number + 1), 0, -1):
            transaction = transaction_id(identity, action, content, attempt)
            if transaction in transactions:
                known = Record(action, attempt=attempt, artifact=content, transaction=transaction)
                series = attempt - 1 if number else 0
                return evolve(known, series=series, bundle=number, more=number < last)
    return Record(action, artifact=contents[0], more=last > 0)


def overtaken(journal: Record | None, record: Record) -> Record | None:
    """Say which action was begun and is not over, if the server shows a heavier one before it (DDI).

    Args:
        journal: the journal's record.
        record: what is about to take its place.
    """
    if journal is None or journal.action == record.action:
        return journal.overtaken if journal else record.overtaken
    begun = (journal.attempt > journal.series or journal.bundle > 0) and not journal.told
    left = journal if begun else journal.overtaken
    return evolve(left, overtaken=None) if left and left.action != record.action else None


def begin(
    record: Record, system: System, boot_id: str, identity: Identity, facts: BundleFacts = NOTHING_TOLD
) -> Record:
    """Write down what the slots count before the next attempt.

    An id is unique within one server's life only (goosebit offers it again, a new hawkBit counts from 1 again). So
    attempts whose transaction a slot carries already are an earlier life's, and their numbers are passed over.
    """
    booted = system.booted
    attempt, series = record.attempt + 1, record.series
    carried = {slot.transaction for slot in system.slots}
    while (transaction := transaction_id(identity, record.action, record.artifact, attempt)) in carried:
        attempt, series = attempt + 1, series + 1
    return evolve(
        record,
        attempt=attempt,
        series=series,
        transaction=transaction,
        booted=system.key(booted) if booted else None,
        primary=system.primary_key,
        before={
            system.key(slot): Counts(slot.installed_count, slot.activated_count, slot.sha256)
            for slot in system.slots
        },
        noted=False,
        boot_id=boot_id,
        bundle_hash=facts.hash,
        bundle_reboot=facts.reboot,
        touches=None if facts.touches is None else tuple(sorted(facts.touches)),
        completed=False,
        target=None,
        in_force=False,
        image_sha256=None,
        reboots=0,
        committed=False,
        gave_up=None,
    )
