# SPDX-License-Identifier: LGPL-2.1-or-later
"""What we say of the slots is what RAUC says of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from rig.bundles import MIB
from rig.layout import AB, AB_APPFS, EXTERNAL
from rig.rauc import RaucBoard
from wire.rauc.using import with_rauc

from hawkbit_rauc.errors import InstallerError
from hawkbit_rauc.model import BundleFacts, Slot
from hawkbit_rauc.rauc.installer import Rauc

NewBoard = Callable[..., RaucBoard]
both = pytest.mark.parametrize("version", ["1.8", "1.13"])


def told_by_rauc(board: RaucBoard) -> tuple[str | None, dict[str, Slot]]:
    """Read the primary and the slots from RAUC's command line, which has no transaction."""
    text = board.rauc("status", "--detailed", "--output-format=json")
    status: dict[str, Any] = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    slots = {}
    for entry in status["slots"]:
        ((name, facts),) = entry.items()
        stored = facts["slot_status"]
        installed, activated = stored.get("installed", {}), stored.get("activated", {})
        slots[name] = Slot(
            name=name,
            bootname=facts["bootname"],
            device=facts["device"],
            parent=facts["parent"],
            state=facts["state"],
            boot_status=facts["boot_status"],
            status=stored.get("status"),
            sha256=stored.get("checksum", {}).get("sha256"),
            bundle_hash=stored["bundle"].get("hash"),
            bundle_version=stored["bundle"].get("version"),
            transaction=installed.get("transaction"),
            installed_count=installed.get("count", 0),
            activated_count=activated.get("count", 0),
            installed_at=installed.get("timestamp"),
            activated_at=activated.get("timestamp"),
        )
    return status["boot_primary"], slots


@both
def test_slots_are_those_of_rauc_status(new_board: NewBoard, version: str) -> None:
    """Before an installation, after it and after the boot, slots and primary are equal to `rauc status`."""
    board = new_board(rauc=version, layout=AB_APPFS)

    def compare() -> None:
        system = with_rauc(board.bus, lambda rauc: rauc.system())
        primary, slots = told_by_rauc(board)
        ours = {slot.name: slot for slot in system.slots}
        ours = {name: evolve(slot, transaction=None) for name, slot in ours.items()}  # not shown there
        assert ours == slots
        assert system.primary == primary
        assert system.compatible == "rig-board"

    compare()
    board.rauc("install", board.bundle(size=MIB).path)
    compare()
    assert board.boot() == "B"
    compare()


@both
def test_slot_booted_is_found(new_board: NewBoard, version: str) -> None:
    """The booted slot is the one that came up."""
    board = new_board(rauc=version, bootloader="uboot")
    board.rauc("install", board.bundle(size=MIB).path)
    booted = with_rauc(board.bus, lambda rauc: rauc.system()).booted
    assert booted is not None
    assert (booted.bootname, booted.name) == ("A", "rootfs.0")
    board.boot()
    booted = with_rauc(board.bus, lambda rauc: rauc.system()).booted
    assert booted is not None
    assert (booted.bootname, booted.name) == ("B", "rootfs.1")


@both
def test_external_system_has_no_booted_slot(new_board: NewBoard, version: str) -> None:
    """A board that runs from no slot of RAUC's has no booted slot, and the others are still told."""
    board = new_board(rauc=version)
    board.boot_from(EXTERNAL)
    system = with_rauc(board.bus, lambda rauc: rauc.system())
    assert system.booted is None
    assert [slot.bootname for slot in system.slots if slot.bootname] == ["B", "A"]


@both
def test_no_primary_is_normal(new_board: NewBoard, version: str) -> None:
    """GetPrimary fails if no slot is bootable: the primary is unknown, the rest is told."""
    board = new_board(rauc=version)

    async def story(rauc: Rauc) -> tuple[str | None, set[str | None]]:
        await rauc.mark("bad", "rootfs.0")
        await rauc.mark("bad", "rootfs.1")
        system = await rauc.system()
        return system.primary, {slot.boot_status for slot in system.slots}

    assert with_rauc(board.bus, story) == (None, {"bad"})


@both
def test_mark_changes_what_the_boot_loader_does(new_board: NewBoard, version: str) -> None:
    """Bad, good and active reach the boot loader for the slot that was named."""
    board = new_board(rauc=version)

    async def story(rauc: Rauc) -> None:
        await rauc.mark("bad", "rootfs.1")
        assert (board.state("A"), board.state("B")) == ("good", "bad")
        await rauc.mark("good", "rootfs.1")
        assert (board.state("A"), board.state("B")) == ("good", "good")
        assert (await rauc.system()).primary == "rootfs.0"
        await rauc.mark("active", "rootfs.1")
        assert (await rauc.system()).primary == "rootfs.1"

    with_rauc(board.bus, story)


def test_mark_of_an_unknown_slot_is_told(board: RaucBoard) -> None:
    """RAUC's reason comes in a sentence that names slot and state."""
    with pytest.raises(InstallerError, match=r"could not mark rootfs\.7 good: "):
        with_rauc(board.bus, lambda rauc: rauc.mark("good", "rootfs.7"))


def test_bundle_hash_is_what_the_slot_gets(new_board: NewBoard) -> None:
    """On RAUC 1.13 the hash asked for before is the one that the slot carries after the installation."""
    board = new_board(rauc="1.13")
    bundle = board.bundle(size=MIB)
    asked = with_rauc(board.bus, lambda rauc: rauc.look_into(bundle.path))
    board.rauc("install", bundle.path)
    assert asked.hash is not None
    assert asked.hash == board.slot("B")["bundle.hash"]


@pytest.mark.parametrize(
    ("says", "reboot"), [({"reboot": "no"}, False), ({"reboot": "yes"}, True), ({}, None)]
)
def test_bundle_says_whether_to_reboot(
    new_board: NewBoard, says: dict[str, str], reboot: bool | None
) -> None:
    """In the section of its manifest that is for us."""
    board = new_board(rauc="1.13")
    bundle = board.bundle(size=MIB, meta=says)
    assert with_rauc(board.bus, lambda rauc: rauc.look_into(bundle.path)).reboot is reboot


def test_bundle_hash_is_unknown_to_old_rauc(board: RaucBoard) -> None:
    """RAUC 1.8 has no InspectBundle: no hash, no error."""
    bundle = board.bundle(size=MIB)
    assert with_rauc(board.bus, lambda rauc: rauc.look_into(bundle.path)) == BundleFacts()


def test_bundle_hash_of_a_bad_bundle_is_unknown(new_board: NewBoard) -> None:
    """A bundle that RAUC does not accept has no hash: the installation says why."""
    board = new_board(rauc="1.13")
    bundle = board.bundle(size=MIB, sign="wrong")
    assert with_rauc(board.bus, lambda rauc: rauc.look_into(bundle.path)) == BundleFacts()


@both
def test_status_that_is_not_stored_ends_with_the_boot(new_board: NewBoard, version: str) -> None:
    """A RAUC that stores no status remembers one until it ends; afterwards none is made up."""
    board = new_board(rauc=version, layout=evolve(AB, status="slots"))
    board.rauc("install", board.bundle(size=MIB).path)
    system = with_rauc(board.bus, lambda rauc: rauc.system())
    assert system.stores_status, "RAUC shows what it remembers as if it was stored"
    assert board.boot() == "B"
    system = with_rauc(board.bus, lambda rauc: rauc.system())
    assert not system.stores_status
    assert system.booted is not None
    assert system.booted.bootname == "B"


@pytest.mark.parametrize(("version", "words"), [("1.8", "1.3 to 1.8"), ("1.13", "1.13 or later")])
def test_description_bounds_the_version(new_board: NewBoard, version: str, words: str) -> None:
    """The interface tells how old RAUC is; the boot loader comes from its configuration."""
    board = new_board(rauc=version)
    description = with_rauc(
        board.bus, lambda rauc: rauc.describe(), system_conf=[board.folder / "system.conf"]
    )
    assert description.version == words
    assert description.system.boot_loader == "custom"
    assert description.system.witnessed is None
