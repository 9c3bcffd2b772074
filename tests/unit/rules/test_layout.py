# SPDX-License-Identifier: LGPL-2.1-or-later
"""A layout is named in words, and what can't be known there is said."""

import pytest
from attrs import evolve

from hawkbit_rauc.model import Setup, Slot, System
from hawkbit_rauc.rules import layout

A = Slot("rootfs.0", "A", state="booted", boot_status="good", status="ok")
B = Slot("rootfs.1", "B", status="ok")
RESCUE = Slot("rescue.0")
RECOVERY = Slot("rescue.0", "R", status="ok")
APPS = (Slot("appfs.0", parent="rootfs.0"), Slot("appfs.1", parent="rootfs.1"))
CENTRAL = Setup("grub", "data directory")


def unknowns(*slots: Slot, setup: Setup = CENTRAL) -> tuple[str, ...]:
    return layout.unknowns(System(slots, boot_loader=setup.boot_loader), setup)


@pytest.mark.parametrize(
    ("slots", "setup", "words"),
    [
        ((A, B), CENTRAL, "A/B; status in a data directory"),
        ((A, B), Setup(status="status file"), "A/B; status in a status file"),
        ((A, B), Setup(status="slots"), "A/B; status in each slot"),
        ((A, B), Setup(), "A/B"),
        ((A, B, Slot("rootfs.2", "C")), Setup(), "A/B/C"),
        ((A, B, RESCUE), Setup(), "A/B, rescue.0 without a bootname"),
        ((A, B, RECOVERY), Setup(), "A/B, rescue.0 (R)"),
        ((A, RECOVERY), Setup(), "rootfs.0 (A), rescue.0 (R)"),
        ((A, B, *APPS), Setup(), "A/B, appfs below rootfs"),
        ((), Setup(), "no slots"),
    ],
)
def test_a_layout_in_words(slots: tuple[Slot, ...], setup: Setup, words: str) -> None:
    assert layout.in_words(System(slots), setup) == words


def test_on_a_b_with_a_status_all_is_known() -> None:
    assert unknowns(A, B) == ()
    assert unknowns(A, B, RESCUE, *APPS) == ()


def test_what_each_layout_hides_is_said_once() -> None:
    """With the setting of RAUC's that changes it, if there is one."""
    raw = evolve(A, status=None)
    (silent,) = unknowns(raw, B, setup=Setup("grub", "slots"))
    assert "no status of rootfs.0:" in silent
    assert "data-directory=" in silent
    (noop,) = unknowns(A, B, setup=Setup("noop", "data directory"))
    assert "bootloader=noop" in noop
    (by_hand,) = unknowns(A, B, setup=Setup("grub", "status file", activates=False))
    assert "activate-installed=false" in by_hand
    (external,) = unknowns(evolve(A, state="inactive"), B)
    assert "net, stick" in external
    (alone,) = unknowns(A, RECOVERY)
    assert alone == "rootfs.0 can only be written while another system runs"
