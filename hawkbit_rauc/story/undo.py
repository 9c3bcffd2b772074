# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes an installation back before its reboot: hawkBit never hears "failed" or "canceled" of what is about to boot."""

from __future__ import annotations

from attrs import evolve

from hawkbit_rauc.errors import DeploymentError, InstallerError
from hawkbit_rauc.model import Slot, System
from hawkbit_rauc.rules.outcome import judge, still_primary
from hawkbit_rauc.rules.verdicts import Verdict
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.world import World


async def keep_old(world: World, old: Slot | None, target: Slot) -> str:
    """Make the slot primary again that was so before, and have the boot loader pass over the new one.

    RAUC marks slots with a bootname only; one without is no choice of the boot loader's.

    Returns:
        What was done, in a sentence for people.

    Raises:
        InstallerError: RAUC could not do it.
    """
    done = []
    if old and old.bootname and old != target:
        await world.installer.mark("active", old.name)
        done.append(f"slot {old.name} was made primary again")
    if target.bootname:
        await world.installer.mark("bad", target.name)
        done.append(f"slot {target.name} marked bad")
    return " and ".join(done)


async def after_failure(action: Action, system: System | None = None) -> Verdict:
    """Say what follows from an installation that has failed for good, as the slots stand now.

    A handler that fails at the end fails after the switch: the new system is primary by then. So it is, too, if
    somebody goes on starting the old system.

    Args:
        action: its record holds the failure.
        system: what RAUC says now, None to ask it.

    Returns:
        Where the action stands, if the old system does not run any more.

    Raises:
        PassingError: try again later; the failure is kept.
        DeploymentError: it failed, and the old system stays.
    """
    world, failure = action.world, action.record.failure or ""
    system = system or await world.installer.system()
    booted, target = system.booted, still_primary(action.record, system)
    if (system.key(booted) if booted else None) != action.record.booted:
        action.keep(evolve(action.record, failure=None))
        return judge(action.record, system, world.board.boot_id)
    if target is None or target == booted:
        raise DeploymentError(failure)
    if system.boot_loader == "noop":  # RAUC accepts marks there, and does nothing
        if action.record.boot_id == world.board.boot_id:
            raise InstallerError(
                f"{failure}; slot {target.name} may be booted all the same, so the boot decides"
            )
        raise DeploymentError(failure)
    done = await keep_old(world, system.named(action.record.primary) or booted, target)
    raise DeploymentError(f"{failure}; slot {target.name} would have been booted next, so {done}")
