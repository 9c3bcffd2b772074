# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a board's layout is, in words, and what the outcome rule can't know there. Pure."""

from __future__ import annotations

from hawkbit_rauc.model import Setup, Slot, System


def in_words(system: System, setup: Setup) -> str:
    """Name a layout, such as "A/B, rescue.0 without a bootname; status in a data directory"."""
    by_kind = _by_kind(system)
    turns = ["/".join(slot.bootname or "" for slot in slots) for slots in by_kind.values() if len(slots) > 1]
    alone = [f"{slots[0].name} ({slots[0].bootname})" for slots in by_kind.values() if len(slots) == 1]
    nameless = [slot for slot in system.slots if not slot.bootname and system.group(slot) == slot]
    named = [f"{slot.name} without a bootname" for slot in nameless]
    below = {(slot.kind, system.group(slot).kind) for slot in system.slots if system.group(slot) != slot}
    children = [f"{kind} below {parent}" for kind, parent in sorted(below)]
    parts = ", ".join([*turns, *alone, *named, *children]) or "no slots"
    if setup.status is None:
        return parts
    kept = "each slot" if setup.status == "slots" else f"a {setup.status}"
    return f"{parts}; status in {kept}"


def unknowns(system: System, setup: Setup) -> tuple[str, ...]:
    """Say what can't be known or done on a board, each with the setting of RAUC's that changes it, if there is one."""
    found = []
    if system.booted is None:
        found.append(
            "none of RAUC's slots is booted (net, stick, or a wrong rauc.slot=): bundles are installed from here, "
            "but this system can't be made primary again, so a cancelation before the reboot is rejected"
        )
    silent = [slot.name for slot in system.slots if slot.bootname and not slot.stores_status]
    if silent and not setup.stores_all:
        found.append(
            f"RAUC keeps no status of {', '.join(silent)}: after a power cut at the end of an installation, or if "
            "journal and history are lost, a bundle is installed once more; set data-directory= in system.conf, without statusfile=per-slot"
        )
    if system.boot_loader == "noop":
        found.append(
            "RAUC can't tell this board what to boot (bootloader=noop): a cancelation before the reboot is rejected, "
            "and if the old system runs after it, the update counts as fallen back"
        )
    if not setup.activates:
        found.append("activate-installed=false: an action stays open until somebody activates the new system")
    alone = [slots[0] for slots in _by_kind(system).values() if len(slots) == 1]
    if system.booted in alone:
        found.append(f"{system.booted.name} can only be written while another system runs")
    return tuple(found)


def _by_kind(system: System) -> dict[str, list[Slot]]:
    """The slots that can be booted, by their class."""
    by_kind: dict[str, list[Slot]] = {}
    for slot in system.slots:
        if slot.bootname:
            by_kind.setdefault(slot.kind, []).append(slot)
    return by_kind
