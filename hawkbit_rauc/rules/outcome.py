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
from hawkbit_rauc.rules.verdicts import Decided, Install, Reboot, TakeBack, Verdict, Wait

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


def judge(record: Record, system: System, boot_id: str, *, just_completed: bool = False) -> Verdict:
    """Say where an action stands, by the outcome rule (docs/outcome.md; the first row that fits).

    Args:
        record: what is known of the action.
        system: what RAUC says now; RAUC is idle.
        boot_id: of the running boot.
        just_completed: the RAUC that completed the attempt is the one that was asked: until it is restarted, it tells
            what it wrote also of slots whose status it can't store.

    Returns:
        What follows.
    """
    if record.outcome:
        return Decided(record.outcome)
    if record.attempt <= record.series:
        return Install()
    if not system.slots:
        if record.completed and not record.noted:
            return _success("installed; this RAUC can't tell about slots, so whether it boots was not seen")
        return _again(record)
    booted = system.booted
    parts = installed_by(record, system)
    if booted and record.completed and parts and not _targets(parts, system):  # row 16
        names = ", ".join(slot.name for slot in parts)
        return _success(f"installed into {names}, on which no boot depends")
    if record.completed and (
        record.in_force or _moved_nothing(record, system, parts, just_completed=just_completed)
    ):  # row 18
        told = "installed; no slot was written and none activated, so no boot is waited for"
        return evolve(_success(told), in_force=True)
    if booted is None and _knows_old(record) and record.booted is None:
        # The attempt began in an external system, which runs again.
        return _in_old(record, system, None, boot_id)
    if booted is None or _runs_other(record, system, booted):  # row 1
        return Wait(
            f"booted from {_running(system)}, which is neither the old system nor the new one: "
            "can't tell how the installation ended"
        )
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
    """Whether the slot is booted that the attempt has written, and not the one that ran when it began."""
    booted = system.booted
    if booted is None:
        return False
    if not _knows_old(record):
        return _is_among(booted, installed_by(record, system), system)
    return system.key(booted) != record.booted and not _runs_other(record, system, booted)


def _runs_other(record: Record, system: System, booted: Slot) -> bool:
    """Whether a third system runs (rescue, another group of slots): neither O, nor what the attempt has written.

    "Not the old slot" is not "the new slot": what a third system shows says nothing of the new one.
    """
    key, old, parts = system.key(booted), system.named(record.booted), installed_by(record, system)
    if not _knows_old(record) or key in (record.booted, record.target) or _is_among(booted, parts, system):
        return False
    takes_turns = system.boots_beside(old) if old else ()
    if [slot.name for slot in takes_turns] == [booted.name]:
        return False  # RAUC could have written no other slot
    if takes_turns and booted not in takes_turns:
        return True
    if _installed_since(record, booted, system):
        return False  # by somebody else, who superseded the attempt
    if takes_turns or parts or record.target:
        return True
    # The old system was a rescue system or an external one, and RAUC shows nothing of the attempt.
    written = record.touches is None or booted.kind in record.touches
    return not written or bool(system.boots_beside(booted))


def _knows_old(record: Record) -> bool:
    """Whether it was noted what ran when the attempt began; an external system has no key, but the slots have counts."""
    return record.booted is not None or bool(record.before)


def _is_among(booted: Slot, parts: list[Slot], system: System) -> bool:
    """Whether one of the written slots is booted, or belongs to the booted one."""
    return any(system.group(slot).name == booted.name for slot in parts)


def _installed_since(record: Record, slot: Slot, system: System) -> bool:
    before = record.before.get(system.key(slot))
    return before is not None and slot.installed_count > before.installed


def _moved_nothing(record: Record, system: System, parts: list[Slot], *, just_completed: bool) -> bool:
    """Row 18: whether RAUC completed the attempt, and neither a slot nor the primary has moved.

    So it is with a bundle whose own handler does everything, or that holds artifacts only. Slots whose status RAUC
    does not store are no evidence: of them it has to be known from the bundle that it has no image for them.
    """
    if parts or record.target or not record.before or record.primary != system.primary_key:
        return False
    if record.noted:
        return False
    if just_completed and record.primary is not None:
        return True
    silent = {slot.kind for slot in system.slots if not slot.stores_status}
    return not silent or (record.touches is not None and silent.isdisjoint(record.touches))


def _running(system: System) -> str:
    """Name what runs, for people."""
    booted = system.booted
    if booted is None:
        return "an external or unknown system"
    version = f" (bundle {booted.bundle_version})" if booted.bundle_version else ""
    return f"slot {booted.name}{version}"


def runs(system: System) -> str:
    """Say what the board runs, for an answer to people."""
    booted = system.booted
    if booted is not None and booted.bundle_version:
        return f"the board runs bundle {booted.bundle_version}"
    return f"the board runs from {_running(system)}"


def _in_new(record: Record, system: System, booted: Slot) -> Verdict:
    """Rows 2, 3, 4, 10, 17 and 19: the slot is booted that the attempt has written."""
    here = [slot for slot in system.slots if system.group(slot).name == booted.name]
    parts = [slot for slot in installed_by(record, system) if slot in here]
    if not any(slot.stores_status for slot in here):
        if not record.completed and not system.boots_beside(booted):
            return Wait(
                f"whether slot {booted.name} was written whole is not known; only the old system can tell"
            )
        if not record.completed:
            return _again(record)  # the boot loader may have fallen over to it before RAUC had begun
        how = "by the booted slot only: RAUC stores no status of it"
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
    elif _was_switched_to(record, booted, system):  # row 19
        how = "activated by the bundle's own handler"
    else:
        return _failure(
            f"superseded by another installation: slot {booted.name} was installed by something else "
            f"({_bundle_name(booted)}), not by this action"
        )
    if not committed(system):
        return Wait(
            f"the new system runs in slot {booted.name} but is not committed (marked good) yet", trial=True
        )
    return _success(f"booted into slot {booted.name} and committed ({how})")


def _was_there_before(record: Record, booted: Slot, system: System) -> bool:
    """Whether nothing was installed into what runs since the attempt was noted: it waited for its boot before that."""
    before = record.before.get(system.key(booted))
    return not record.completed and before is not None and booted.installed_count == before.installed


def _was_switched_to(record: Record, booted: Slot, system: System) -> bool:
    """Whether the attempt made this slot primary without RAUC's installing anything into it, then or since."""
    before = record.before.get(system.key(booted))
    return (
        system.key(booted) == record.target
        and before is not None
        and booted.installed_count == before.installed
    )


def _in_old(record: Record, system: System, booted: Slot | None, boot_id: str) -> Verdict:
    """Rows 5 to 9 and 14: the slot that ran before the attempt is booted."""
    parts = installed_by(record, system)
    target = _target(record, system, booted, parts)
    same_boot = record.boot_id is None or record.boot_id == boot_id
    if target and _waits_for_activation(record, system, target, parts, same_boot=same_boot):
        return Wait(f"installed for slot {target.name}, which RAUC leaves for somebody to activate")
    if not _complete(record, system, parts) or (record.noted and not _bears_out(system, target, parts)):
        return _again(record)
    settled = may_overwrite(system)  # the boot loader does not change its mind about a system that runs alone
    old = f"slot {booted.name}" if booted else "an external system"
    left = target is not None and (
        target.boot_status == "bad" or (settled and system.primary not in (None, target.name))
    )
    known_bad = left and record.boot_id is None  # in an unknown boot: it was tried, or is not to be
    if same_boot and not known_bad:  # row 5
        return Reboot("installed, reboot pending")
    before = record.before.get(system.key(booted)) if booted else None
    if booted and before and booted.activated_count > before.activated:  # row 8
        by = "again, as its cancelation was asked for" if record.undoing else "by hand"
        return _failure(f"the old slot {booted.name} was activated {by}", _states(system))
    if target is not None and target.boot_status != "bad":
        if not settled:
            return Wait(f"booted into the old {old}, which is not committed (marked good) yet")
        if system.primary == target.name:  # row 7
            if record.reboots >= MAX_REBOOTS:
                return TakeBack(f"slot {target.name} is primary but was never booted; {_states(system)}")
            return Reboot(f"slot {target.name} is primary but was not booted yet")
    why = record.gave_up or "the new system did not come up"
    return _failure(f"fell back to {old}: {why}", _states(system))  # row 9


def _target(record: Record, system: System, booted: Slot | None, parts: list[Slot]) -> Slot | None:
    """The slot that is to be booted next: by RAUC's account, by what became primary, else the only one there is."""
    targets = _targets(parts, system)
    if targets:
        return targets[0]
    if target := system.named(record.target):
        return target
    beside = system.boots_beside(booted) if booted else ()
    primary = next((slot for slot in beside if slot.name == system.primary), None)
    return primary or (beside[0] if len(beside) == 1 else None)


def _bears_out(system: System, target: Slot | None, parts: list[Slot]) -> bool:
    """Whether RAUC shows something of what a note says was installed: the slots, or else what the boot loader does."""
    if parts or target is None:
        return bool(parts)
    return system.primary == target.name or (not target.stores_status and target.boot_status == "bad")


def _waits_for_activation(
    record: Record, system: System, target: Slot, parts: list[Slot], *, same_boot: bool
) -> bool:
    """Whether RAUC has completed the attempt and activated nothing.

    So it is with `activate-installed=false`, and with a bundle that only has images for slots below a bootable one.
    """
    if not record.completed:
        return False
    if target.stores_status and parts:
        return not _activated(record, system, target)
    old = record.primary is not None and record.primary == system.primary_key != system.key(target)
    untried = same_boot or target.boot_status != "bad"
    return old and record.target is None and untried


def switched_to(record: Record, system: System) -> str | None:
    """The key of the slot that an attempt has activated, None if RAUC shows none."""
    for target in _targets(installed_by(record, system), system):
        if system.key(target) != record.booted and _activated(record, system, target):
            return system.key(target)
    primary = system.primary_key
    if primary is None or record.primary is None or primary in (record.primary, record.booted):
        return None
    return primary


def still_primary(record: Record, system: System) -> Slot | None:
    """The slot that an attempt has switched to, or that waits for its boot after it; None if the old one stays."""
    switched = system.named(switched_to(record, system))
    if switched or not record.completed:
        return switched
    target = _target(record, system, system.booted, installed_by(record, system))
    return target if target and target.name == system.primary else None


def _again(record: Record) -> Verdict:
    """Rows 6 and 14: an attempt that did not end."""
    if record.attempt - record.series >= MAX_ATTEMPTS:
        if record.trouble:
            return _failure(f"{record.trouble} ({MAX_ATTEMPTS} attempts; no further one is made)")
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
        # An id is unique within one server's life only: one that was there before the attempt is an earlier life's.
        return before is None or not before.installed or slot.installed_count != before.installed
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
    if not target.stores_status:
        return system.primary in (None, target.name)
    if before := record.before.get(system.key(target)):
        return target.activated_count > before.activated
    return bool(target.activated_at and target.installed_at and target.activated_at >= target.installed_at)


def _same_bundle(record: Record, slot: Slot) -> bool:
    if slot.status not in ("ok", None):
        return False  # RAUC 1.11 and later store the hash of a bundle whose installation failed, too
    if record.bundle_hash and slot.bundle_hash:
        return record.bundle_hash == slot.bundle_hash
    return record.image_sha256 is not None and record.image_sha256 == slot.sha256


def runs_bundle(system: System, bundle_hash: str | None) -> bool:
    """Row 13: whether the booted, committed system is this very bundle already."""
    booted = system.booted
    if booted is None or bundle_hash is None or booted.status not in ("ok", None):
        return False
    return booted.bundle_hash == bundle_hash and committed(system)


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


def reversible(record: Record, system: System) -> Slot | str:
    """The slot to be marked bad when an installation is taken back before its reboot.

    Returns:
        The target, or why the old system can't be kept.
    """
    if system.boot_loader == "noop":
        return "RAUC can't tell this board's boot loader (noop) to keep the old system"
    booted = system.booted
    if booted is None:
        return "RAUC can't make the running system primary"
    targets = {system.group(slot).name: system.group(slot) for slot in installed_by(record, system)}
    if not targets:
        other = _target(record, system, booted, [])
        if other and ((record.target and not record.noted) or not other.stores_status):
            targets = {other.name: other}
    if len(targets) != 1 or booted.name in targets or not _bootable(targets.values()):
        return "more than the other slot group was written, so the old system can't be kept safely"
    return targets.popitem()[1]


def waits_for_boot(system: System) -> bool:
    """Whether RAUC shows an installation that waits for its boot: another slot of the running one's class is primary.

    Before the running slot is committed, a boot loader that counts names another slot too (GRUB), so then it is
    none that is shown.
    """
    booted = system.booted
    if booted is None or not committed(system):
        return False
    return system.primary in {slot.name for slot in system.boots_beside(booted)}


def may_overwrite(system: System) -> bool:
    """Whether an installation now leaves a system that boots: the running one is committed, or is not of a pair.

    An installation writes the slots that take turns with the running one. If that is not committed, they hold the
    only good system; if it is a rescue system, or an external one, there is none to lose.
    """
    booted = system.booted
    return booted is None or not system.boots_beside(booted) or committed(system)


def only_elsewhere(kinds: Iterable[str], system: System) -> str | None:
    """The class among those of a bundle's images that has no slot but what runs, None if there is none.

    RAUC writes no slot of the running system: on a board with a main system and a recovery, each is written while
    the other one runs.
    """
    booted = system.booted
    for kind in sorted(kinds) if booted else ():
        groups = {system.group(slot) for slot in system.slots if slot.kind == kind}
        if groups == {booted}:
            return kind
    return None


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
