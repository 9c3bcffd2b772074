# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the system stands after an installation: `judge` follows the table in docs/outcome.md, row by row."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from hawkbit_rauc.model import (
    Outcome,
    Record,
    Slot,
    System,
)
from hawkbit_rauc.rules.verdicts import Decided, Install, Reboot, Verdict, Wait

#: Installations of one action before it is closed as failed.
MAX_ATTEMPTS = 3
#: Boots into the old slot, with the new one primary, before the action is closed as failed.
MAX_REBOOTS = 2


def _success(*details: str) -> Decided:
    return Decided(Outcome(success=True, details=details))


def _failure(*details: str) -> Decided:
    return Decided(Outcome(success=False, details=details))


def committed(system: System) -> bool:
    """Whether the boot loader will come back to the booted slot.

    "good" says so on GRUB and EFI. U-Boot and barebox call a slot good while attempts are left, so
    a configured witness decides there; a boot loader that does not count leaves nothing to wait for.
    """
    if system.booted is None:
        return False
    if system.witnessed is not None:
        return system.witnessed
    return system.boot_loader == "noop" or system.booted.boot_status == "good"


# ---------------------------------------------------------------- where the system stands


def judge(record: Record, system: System, boot_id: str) -> Verdict:
    """Say where an action stands, by the outcome rule (docs/outcome.md; the first row that fits).

    Args:
        record: what is known of the action.
        system: what RAUC says now; RAUC is idle.
        boot_id: of the running boot.

    Returns:
        What follows.
    """
    if record.outcome:
        return Decided(record.outcome)
    if record.attempt <= record.series:
        return Install()
    if not system.slots:
        if record.completed:
            return _success("installed; this RAUC can't tell about slots, so whether it boots was not seen")
        return _again(record)
    booted = system.booted
    if booted is None:  # row 1
        return Wait("booted from a recovery, external or unknown slot: can't tell how the installation ended")
    parts = installed_by(record, system)
    if record.completed and parts and not _targets(parts, system):  # row 16
        names = ", ".join(slot.name for slot in parts)
        return _success(f"installed into {names}, on which no boot depends")
    if new_system_runs(record, system):
        return _in_new(record, system, booted)
    return _in_old(record, system, booted, boot_id)


def on_trial(record: Record | None, system: System, boot_id: str, *, told_early: bool) -> bool:
    """Whether the booted system still has to prove itself (`mark_good = own`).

    Args:
        record: what is known of the last action; None if the journal was lost, or is not seen by a new system.
        system: what RAUC says now.
        boot_id: of the running boot.
        told_early: whether success is told at the installation, so that it says nothing of the boot.
    """
    if record is None:
        return system.stores_status
    told_success = record.told and record.outcome is not None and record.outcome.success
    if record.committed or (told_success and not told_early):
        return False
    verdict = judge(evolve(record, outcome=None), evolve(system, witnessed=False), boot_id)
    return isinstance(verdict, Wait) and verdict.trial


def way_back(system: System) -> bool:
    """Whether there is another slot that the boot loader calls good."""
    booted = system.booted
    return any(slot.boot_status == "good" and slot != booted for slot in _bootable(system.slots))


def new_system_runs(record: Record, system: System) -> bool:
    """Whether another slot is booted than the one that ran when the attempt began."""
    booted = system.booted
    if booted is None:
        return False
    if record.booted is not None:
        return system.key(booted) != record.booted
    return any(system.group(slot).name == booted.name for slot in installed_by(record, system))


def _in_new(record: Record, system: System, booted: Slot) -> Verdict:
    """Rows 2, 3, 4, 10 and 17: another slot than before the attempt is booted."""
    parts = [slot for slot in installed_by(record, system) if system.group(slot).name == booted.name]
    if not system.stores_status:
        if not record.completed:
            return _again(record)  # the boot loader may have fallen over to it before RAUC had begun
        how = "by the booted slot only: RAUC stores no slot status"
    elif parts and all(slot.status == "ok" for slot in parts):
        how = (
            f"installed by transaction {record.transaction}"
            if parts[0].transaction
            else "by RAUC's slot counts"
        )
    elif _same_bundle(record, booted):
        how = "the same bundle was installed once more by somebody else"
    elif _was_there_before(record, booted, system):  # row 17
        return _again(record)
    else:
        return _failure(
            f"superseded by another installation: slot {booted.name} runs "
            f"{_bundle_name(booted)}, which this action did not install"
        )
    if not committed(system):
        return Wait(
            f"the new system runs in slot {booted.name} but is not committed (marked good) yet", trial=True
        )
    return _success(f"booted into slot {booted.name} and committed ({how})")


def _was_there_before(record: Record, booted: Slot, system: System) -> bool:
    """Whether nothing was installed where we run since the attempt was noted: it waited for its boot before that."""
    before = record.before.get(system.key(booted))
    return not record.completed and before is not None and booted.installed_count == before.installed


def _in_old(record: Record, system: System, booted: Slot, boot_id: str) -> Verdict:
    """Rows 5 to 9 and 14: the slot that ran before the attempt is booted."""
    parts = installed_by(record, system)
    targets = _targets(parts, system)
    target = targets[0] if targets else _other(system, booted)
    if record.completed and parts and target and not _activated(record, system, target):
        return Wait(
            f"installed into slot {target.name}, which RAUC's configuration leaves for somebody to activate"
        )
    if not _complete(record, system, parts):
        return _again(record)
    same_boot = record.boot_id is None or record.boot_id == boot_id
    left = target is not None and (
        target.boot_status == "bad" or (committed(system) and system.primary not in (None, target.name))
    )
    known_bad = left and record.boot_id is None  # in an unknown boot: it was tried, or is not to be
    if same_boot and not known_bad:  # row 5
        return Reboot("installed, reboot pending")
    before = record.before.get(system.key(booted))
    if before and booted.activated_count > before.activated:  # row 8
        return _failure(f"the old slot {booted.name} was activated by hand", _states(system))
    if target is not None and target.boot_status != "bad":
        if not committed(system):
            return Wait(f"booted into the old slot {booted.name}, which is not committed (marked good) yet")
        if system.primary == target.name:  # row 7
            if record.reboots >= MAX_REBOOTS:
                return _failure(f"slot {target.name} is primary but was never booted", _states(system))
            return Reboot(f"slot {target.name} is primary but was not booted yet")
    why = record.gave_up or "the new system did not come up"
    return _failure(f"fell back to slot {booted.name}: {why}", _states(system))  # row 9


def _again(record: Record) -> Verdict:
    """Rows 6 and 14: an attempt that did not end."""
    if record.attempt - record.series >= MAX_ATTEMPTS:
        return _failure(f"the installation was interrupted {MAX_ATTEMPTS} times; no further attempt is made")
    return Install()


def installed_by(record: Record, system: System) -> list[Slot]:
    """The slots that an attempt has written: by RAUC's transaction (>= 1.10), else by its counts (1.8).

    A slot whose identical image RAUC skipped keeps transaction and count; it is known by its image, and is none
    that ran then: that one was activated by hand, or by us to take the installation back.
    """
    return [slot for slot in system.slots if _ours(record, slot, system)]


def installed_image(record: Record, system: System) -> str | None:
    """The hash that RAUC stored for the bootable slot that an attempt has written."""
    return next((slot.sha256 for slot in installed_by(record, system) if slot.bootname), None)


def _ours(record: Record, slot: Slot, system: System) -> bool:
    before = record.before.get(system.key(slot))
    if slot.transaction is not None and slot.transaction == record.transaction:
        return True
    if before is None:
        return False
    if slot.transaction is None and slot.installed_count == before.installed + 1:
        return True
    return (
        record.completed
        and system.key(system.group(slot)) != record.booted
        and slot.installed_count == before.installed
        and slot.activated_count > before.activated
        and slot.sha256 is not None
        and slot.sha256 == before.sha256
    )


def _complete(record: Record, system: System, parts: list[Slot]) -> bool:
    """Whether the installation reached its end, activation included."""
    if record.completed:
        return True
    targets = _targets(parts, system)
    written = all(slot.status == "ok" for slot in parts)
    return bool(targets) and written and all(_activated(record, system, target) for target in targets)


def _targets(parts: Iterable[Slot], system: System) -> list[Slot]:
    """The bootable slots among those that were written, or that these belong to; none for a boot loader's alone."""
    return _bootable(system.group(slot) for slot in parts)


def _activated(record: Record, system: System, target: Slot) -> bool:
    """Whether RAUC activated the target since the attempt began."""
    if not system.stores_status:
        return True
    if before := record.before.get(system.key(target)):
        return target.activated_count > before.activated
    return bool(target.activated_at and target.installed_at and target.activated_at >= target.installed_at)


def _same_bundle(record: Record, slot: Slot) -> bool:
    if record.bundle_hash and slot.bundle_hash:
        return record.bundle_hash == slot.bundle_hash
    return record.image_sha256 is not None and record.image_sha256 == slot.sha256


def runs_bundle(system: System, bundle_hash: str | None) -> bool:
    """Row 13: whether the booted, committed system is this very bundle already."""
    booted = system.booted
    return bool(booted and bundle_hash and booted.bundle_hash == bundle_hash and committed(system))


def installation(system: System) -> str | None:
    """Name the installation that runs, so that it is not taken for another one; None if RAUC stores nothing."""
    booted = system.booted
    if booted is None or not booted.bundle_version:
        return None
    return booted.transaction or f"{system.key(booted)} {booted.installed_count} {booted.sha256}"


def brought(record: Record, system: System) -> bool:
    """Whether the action that ended last ended well, and with what runs."""
    if not (record.told and record.outcome and record.outcome.success):
        return False
    booted = system.booted
    if booted is None or record.attempt <= record.series or record.bundle:
        return booted is not None
    ours = any(system.group(slot).name == booted.name for slot in installed_by(record, system))
    return ours or _same_bundle(record, booted)


def reversible(record: Record, system: System) -> Slot | None:
    """The slot to be marked bad when an installation is taken back before its reboot.

    Returns:
        The target, or None if more than the other slot group was written, so that the old system
        may not be whole any more.
    """
    targets = {system.group(slot).name: system.group(slot) for slot in installed_by(record, system)}
    booted = system.booted
    if not targets and not system.stores_status and booted:
        other = _other(system, booted)
        targets = {other.name: other} if other else {}
    if len(targets) != 1 or booted is None or booted.name in targets:
        return None
    (target,) = targets.values()
    return target if target.bootname else None


def ever_installed(system: System) -> bool:
    """Whether RAUC may have installed anything on this board since it was made."""
    booted = system.booted
    if system.stores_status or booted is None or not committed(system):
        return True
    return system.primary not in (None, booted.name)


def _other(system: System, booted: Slot) -> Slot | None:
    """The only other slot that can be booted, None if there are several."""
    others = [slot for slot in system.slots if slot.bootname and slot.name != booted.name]
    return others[0] if len(others) == 1 else None


def _bundle_name(slot: Slot) -> str:
    return f"bundle version {slot.bundle_version}" if slot.bundle_version else "an unknown bundle"


def _states(system: System) -> str:
    """Both slots in a sentence, for the history."""
    return "; ".join(_state(slot, primary=slot.name == system.primary) for slot in _bootable(system.slots))


def _state(slot: Slot, *, primary: bool) -> str:
    words = [slot.state, slot.boot_status or "", "primary" if primary else "", slot.bundle_version or ""]
    return f"slot {slot.name}: " + ", ".join(word for word in words if word)


def _bootable(slots: Iterable[Slot]) -> list[Slot]:
    return [slot for slot in slots if slot.bootname]
