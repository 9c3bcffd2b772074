# SPDX-License-Identifier: LGPL-2.1-or-later
"""The boards of the zoo: layouts from the field, what is rolled out to them, and what follows from both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import evolve, field, frozen
from rig.bootloader import Kind
from rig.bundles import SWITCH, SWITCH_SLOT
from rig.layout import AB, AB_APPFS, AB_FIRMWARE, EXTERNAL, Layout, SlotPlan
from rig.rauc import Version


@frozen
class Cargo:
    """What a bundle brings.

    Attributes:
        options: for `RaucBoard.bundle`.
        boots: something of it does its work only after a boot that RAUC has prepared.
        reboots: a reboot follows, as it is configured, although nothing says that it takes one.
    """

    options: Mapping[str, Any] = field(factory=dict)
    boots: bool = True
    reboots: bool = False


SYSTEM = Cargo()
APPFS = Cargo({"classes": ["appfs"]})
FIRMWARE = Cargo({"classes": ["firmware"]}, boots=False, reboots=True)
SYSTEM_AND_FIRMWARE = Cargo({"classes": ["firmware", "rootfs"]})
NOTHING = Cargo({"classes": [], "handler": "true"}, boots=False)
SWITCHES = Cargo({"handler": SWITCH})
SWITCHES_BY_HOOK = Cargo({"hook": SWITCH_SLOT})


@frozen
class ZooBoard:
    """A board of the zoo.

    Attributes:
        name: in the table.
        layout: its slots.
        cargo: what is rolled out to it.
        loader: what its boot loader does.
        versions: of RAUC.
        third: a system that is neither the old nor the new one.
        by_hand: somebody has to activate what RAUC installed.
        filled: the slot that is written holds the same image already, of an older bundle.
        forgets: of which system RAUC's status file loses its half after the installation.
        fails: the board's post-install handler fails, after RAUC has switched to the new system.
        stores_nothing: the board above is the same, but with a status.
    """

    name: str
    layout: Layout
    cargo: Cargo = SYSTEM
    loader: Kind = "grub"
    versions: Sequence[Version] = ("1.13",)
    third: str = EXTERNAL
    by_hand: bool = False
    filled: bool = False
    forgets: Literal["old", "new"] | None = None
    fails: bool = False
    stores_nothing: bool = False

    @property
    def waits_for_boot(self) -> bool:
        """Whether what is rolled out takes a boot."""
        return self.cargo.boots and not self.fails

    @property
    def lives_on_rescue(self) -> bool:
        """Whether the system that asks for updates is none of those that are written."""
        return self.layout.factory not in self.turns

    @property
    def turns(self) -> list[str]:
        """The systems that are written."""
        return [slot.bootname for slot in self.layout.slots if slot.slot_class == "rootfs" and slot.bootname]

    @property
    def can_be_taken_back(self) -> bool:
        """Whether the old system can be made primary again, and is whole."""
        switches = self.loader != "noop" and self.layout.factory != EXTERNAL
        return switches and self.cargo is not SYSTEM_AND_FIRMWARE

    @property
    def tells_what_runs(self) -> bool:
        """Whether RAUC stores what it has written into the new system."""
        new = self.layout.slot("B" if self.layout.factory == "A" else "A", "rootfs")
        return self.cargo is not SWITCHES and (self.layout.status != "slots" or new.type == "ext4")


OLD: tuple[Version, ...] = ("1.8",)
MIDDLE: tuple[Version, ...] = ("1.13",)
NEW: tuple[Version, ...] = ("sid",)


def _each(
    name: str,
    layout: Layout,
    stored: Sequence[Version] = MIDDLE,
    raw: Sequence[Version] = OLD,
    **options: Any,
) -> list[ZooBoard]:
    """The same board with a status in RAUC's data directory, and without any; on these versions of RAUC."""
    return [
        ZooBoard(name, layout, versions=stored, **options),
        ZooBoard(
            f"{name}, no status",
            evolve(layout, status="slots"),
            versions=raw,
            stores_nothing=True,
            **options,
        ),
    ]


_NAMED = AB.beside(SlotPlan("rescue.0", "R"))
_NAMELESS = evolve(AB.beside(SlotPlan("rescue.0")), rescue="rescue.0")
_MAIN = Layout((SlotPlan("rootfs.0", "A"), SlotPlan("rescue.0", "R")), factory="R")
_MAIN_NAMELESS = Layout(
    (SlotPlan("rootfs.0", "A"), SlotPlan("rescue.0")), factory="rescue.0", rescue="rescue.0"
)
_ABC = AB.beside(SlotPlan("rootfs.2", "C"))
_SKIPS = evolve(AB, slots=tuple(evolve(slot, install_same=False) for slot in AB.slots))
_RAW = evolve(AB, status="slots")

#: Each board with the RAUCs that differ most on it: all boards on all versions would take 8 minutes.
ZOO: list[ZooBoard] = [
    ZooBoard("A/B, data directory (1.8: status file)", AB, versions=OLD + MIDDLE + NEW),
    ZooBoard("A/B, status file, U-Boot", evolve(AB, status="file"), loader="uboot", versions=MIDDLE),
    ZooBoard("A/B, status within each slot (ext4)", _RAW.formatted(), versions=OLD + NEW),
    ZooBoard("A/B, no status", _RAW, versions=OLD),
    ZooBoard("A/B, no status, U-Boot", _RAW, loader="uboot", versions=NEW),
    ZooBoard("A/B, no status, no counting", _RAW, loader="none", versions=MIDDLE),
    ZooBoard("A/B, mixed: A stores a status, B does not", _RAW.formatted("rootfs.0"), versions=MIDDLE),
    ZooBoard("A/B, mixed: B stores a status, A does not", _RAW.formatted("rootfs.1"), versions=OLD),
    ZooBoard("A/B, the new slot's half of the status file is lost", AB, forgets="new", versions=MIDDLE),
    ZooBoard("A/B, the old slot's half of the status file is lost", AB, forgets="old", versions=MIDDLE),
    *_each("A/B + rescue with a bootname", _NAMED, third="R"),
    *_each("A/B + rescue without a bootname", _NAMELESS, third="rescue.0"),
    *_each("main + recovery with a bootname, installed from it", _MAIN),
    *_each("main + recovery without a bootname, installed from it", _MAIN_NAMELESS, OLD, MIDDLE),
    *_each("A/B + rescue, installed from the rescue", evolve(_NAMELESS, factory="rescue.0"), third="B"),
    *_each("A/B, booted from net or stick", evolve(AB, factory=EXTERNAL), NEW, third="B"),
    *_each("A/B/C", _ABC, NEW, third="C"),
    ZooBoard("A/B with appfs, both written", AB_APPFS, versions=MIDDLE),
    *_each("A/B with appfs, only appfs written", AB_APPFS, MIDDLE, cargo=APPFS, by_hand=True),
    *_each("A/B + firmware, only firmware written", AB_FIRMWARE, OLD + MIDDLE, cargo=FIRMWARE),
    ZooBoard("A/B + firmware, both written", AB_FIRMWARE, cargo=SYSTEM_AND_FIRMWARE, versions=MIDDLE),
    ZooBoard("A/B, `install-same=false`, B holds the image", _SKIPS, filled=True, versions=OLD + MIDDLE),
    *_each("A/B, custom handler that touches no slot", AB, OLD + MIDDLE, OLD + MIDDLE, cargo=NOTHING),
    *_each("A/B, custom handler that writes and activates B", AB, cargo=SWITCHES),
    ZooBoard(
        "A/B, `bootloader=noop`, a hook of the bundle switches",
        AB,
        cargo=SWITCHES_BY_HOOK,
        loader="noop",
        versions=MIDDLE,
    ),
    *_each("A/B, `activate-installed=false`", evolve(AB, activates=False), by_hand=True),
    *_each("A/B, the board's post-install handler fails", AB, OLD + MIDDLE, MIDDLE, fails=True),
]
