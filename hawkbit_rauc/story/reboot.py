# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reboot between the installation and the new system: who asks for it, when, and how often."""

from __future__ import annotations

import logging

from attrs import evolve

from hawkbit_rauc.errors import DeploymentError, PassingError
from hawkbit_rauc.model import Record
from hawkbit_rauc.rules import notes
from hawkbit_rauc.rules.outcome import new_system_runs
from hawkbit_rauc.rules.verdicts import Reboot
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

#: Seconds that a reboot waits for a server that does not take the feedback before it.
FEEDBACK_GRACE = 120.0
#: Seconds after which a reboot that did not happen is asked for again; twice at most in one boot.
REBOOT_GRACE = 300.0
MAX_REBOOT_REQUESTS = 2


def awaiting_reboot(record: Record, boot_id: str) -> Record:
    """Count the boots that came up in the old slot although the new one is primary."""
    if record.boot_id in (None, boot_id):
        return evolve(record, boot_id=boot_id, completed=True)
    return evolve(record, boot_id=boot_id, completed=True, reboots=record.reboots + 1)


def unbooted(record: Record, world: World) -> bool:
    """Whether success was told in this boot, so that the reboot into the new system is still to come."""
    succeeded = record.told and record.outcome is not None and record.outcome.success
    needed = not record.in_force or bool(record.bundle_reboot)
    return succeeded and needed and record.completed and record.boot_id == world.board.boot_id


async def announce(action: Action, verdict: Reboot) -> None:
    """Tell that only the reboot is missing, but don't wait for ever for a server that is away.

    Raises:
        PassingError: it could not be told yet.
        OfferGoneError: the action is closed.
    """
    now, reboots = action.world.clock.now(), _is_ours(action)
    if action.reboots.installed_at is None:
        action.reboots.installed_at = now
    text = verdict.why
    if not reboots:
        waived = action.record.bundle_reboot is False
        why = "the bundle waives it" if waived else "this board does not reboot by itself"
        text += f"; {why}, so rollouts wait until somebody does"
    try:
        await action.say(text, note=notes.completed(action.record))
    except PassingError:
        if not reboots or action.world.clock.now() - action.reboots.installed_at < FEEDBACK_GRACE:
            raise


async def reboot(action: Action, *, into: str = "new") -> None:
    """Ask for the reboot if it is ours to do; once more if it did not happen.

    Args:
        action: what was installed.
        into: which system comes up then, "new" or "old".

    Raises:
        PassingError: the request was not accepted, or RAUC installs something, which is not to be cut off.
    """
    world, requests, now = action.world, action.reboots, action.world.clock.now()
    recently = requests.asked_at is not None and now - requests.asked_at < REBOOT_GRACE
    wanted = _is_ours(action) if into == "new" else world.policy.reboot
    if not wanted or recently or requests.count >= MAX_REBOOT_REQUESTS:
        return
    system = await world.installer.system()  # raises if RAUC is busy
    if into == "new" and new_system_runs(action.record, system):
        return  # in a container the kernel's boot id stays the same over a reboot
    try:
        why = await action.ask("before-reboot")
    except DeploymentError as error:
        why = str(error)  # what is installed stays so: a reboot can only be put off
    if why:
        log.info("action %s: the reboot waits: %s", action.id, why)
        return
    requests.asked_at, requests.count = now, requests.count + 1
    log.info("action %s: rebooting into the %s system", action.id, into)
    await world.board.reboot()


def _is_ours(action: Action) -> bool:
    """Whether we ask for the reboot: as the bundle's metadata say, else as the configuration does."""
    wish = action.record.bundle_reboot
    return action.world.policy.reboot if wish is None else wish
