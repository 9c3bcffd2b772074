# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a board is made of: its slots, what RAUC stores of them, and which systems can run."""

from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

#: What `rauc.slot=` says of a system that is in no slot: booted from the network, or from a stick.
EXTERNAL = "_external_"

#: Where RAUC keeps the status of the slots.
#:
#: central   in a data directory; RAUC 1.8 does not know that yet, and gets a status file
#: file      in a status file
#: slots     nothing is configured: within each slot that holds a file system, and of raw ones nowhere
Status = Literal["central", "file", "slots"]


@frozen
class SlotPlan:
    """One slot of a board.

    Attributes:
        name: RAUC's name of it.
        bootname: what the boot loader calls it, None if it is not booted (or only by `rauc.slot=`).
        parent: name of the slot that it belongs to.
        type: ext4 takes images with a file system.
        install_same: an image that the slot holds already is written again.
    """

    name: str
    bootname: str | None = None
    parent: str | None = None
    type: Literal["raw", "ext4"] = "raw"
    install_same: bool = True

    @property
    def slot_class(self) -> str:
        """What the images of bundles name."""
        return self.name.split(".")[0]

    @property
    def file(self) -> str:
        """Name of the file that stands in for its partition."""
        return f"{self.name}.img"


@frozen
class Layout:
    """The slots of a board, and how they are used.

    A *system* is what a board can run: named by a slot's bootname, by a slot's name if it has none, or `EXTERNAL`.

    Attributes:
        slots: in the order in which the boot loader tries those that have a bootname.
        status: where RAUC keeps their status.
        factory: the system that runs at first.
        rescue: the system that comes up if none with a bootname does; None if the boot loader tries these again.
        activates: RAUC makes primary what it installed.
    """

    slots: tuple[SlotPlan, ...]
    status: Status = "central"
    factory: str = "A"
    rescue: str | None = None
    activates: bool = True

    @property
    def bootnames(self) -> tuple[str, ...]:
        """What the boot loader can be told to start."""
        return tuple(slot.bootname for slot in self.slots if slot.bootname)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that an update of the whole system has images for."""
        return ("rootfs", *dict.fromkeys(slot.slot_class for slot in self.slots if slot.parent))

    @property
    def has_filesystems(self) -> bool:
        """Whether RAUC expects file systems in some slots."""
        return any(slot.type == "ext4" for slot in self.slots)

    def slot(self, system: str, slot_class: str) -> SlotPlan:
        """The slot of a class that a system is started from or uses; of a class that is not doubled, the only one."""
        slots = [slot for slot in self.slots if slot.slot_class == slot_class]
        return next((slot for slot in slots if self._uses(system, slot)), slots[0])

    def belongs(self, system: str, slot_class: str) -> bool:
        """Whether a system has a slot of a class for itself."""
        return any(slot.slot_class == slot_class and self._uses(system, slot) for slot in self.slots)

    def _uses(self, system: str, slot: SlotPlan) -> bool:
        root = next((slot for slot in self.slots if system in (slot.bootname, slot.name)), None)
        return root is not None and root.name in (slot.name, slot.parent)

    def formatted(self, *names: str) -> "Layout":
        """The same with a file system in these slots, or in all."""
        slots = (
            evolve(slot, type="ext4") if slot.name in names or not names else slot for slot in self.slots
        )
        return evolve(self, slots=tuple(slots))

    def beside(self, *slots: SlotPlan) -> "Layout":
        """The same with further slots."""
        return evolve(self, slots=(*self.slots, *slots))

    def configuration(self, folder: Path) -> list[str]:
        """Return the sections of RAUC's `system.conf` that describe the slots, which are files in a folder."""
        lines = []
        for slot in self.slots:
            lines += ["", f"[slot.{slot.name}]", f"device={folder / slot.file}", f"type={slot.type}"]
            lines += [f"bootname={slot.bootname}"] if slot.bootname else []
            lines += [f"parent={slot.parent}"] if slot.parent else []
            lines += [] if slot.install_same else ["install-same=false"]
        return lines


#: Two systems that take turns, the layout that most boards have.
AB = Layout((SlotPlan("rootfs.0", "A"), SlotPlan("rootfs.1", "B")))
#: Each with an application of its own.
AB_APPFS = AB.beside(SlotPlan("appfs.0", parent="rootfs.0"), SlotPlan("appfs.1", parent="rootfs.1"))
#: A slot that no boot depends on.
AB_FIRMWARE = AB.beside(SlotPlan("firmware.0"))
