# SPDX-License-Identifier: LGPL-2.1-or-later
"""What no real RAUC does on demand: very old ones, lost signals, others' signals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rig.bus import Bus
from wire.rauc.stand_in import Answer, Error, StandIn
from wire.rauc.using import IMPATIENT, on_bus, quiet, with_rauc

from hawkbit_rauc.board.dbus import Bus as OurBus
from hawkbit_rauc.errors import AttemptFailedError, InstallerError
from hawkbit_rauc.model import BundleFacts, RemoteBundle
from hawkbit_rauc.rauc.installer import NAME, RAUC, Rauc

PROPERTIES: dict[str, tuple[str, Any]] = {
    "Operation": ("s", "idle"),
    "LastError": ("s", "of the installation before"),
    "Compatible": ("s", "odd-board"),
    "BootSlot": ("s", "system0"),
}


def rauc(bus: Bus, **answers: Callable[..., Answer]) -> StandIn:
    """A RAUC that has what every RAUC has, and `answers`."""
    every: dict[str, Callable[..., Answer]] = {
        "GetAll": lambda _: ("a{sv}", (PROPERTIES,)),
        "Get": lambda _, name: ("v", (PROPERTIES[name],)),
        "InstallBundle": lambda *_: ("", ()),
        "GetPrimary": lambda: ("s", ("rootfs.0",)),
    }
    return StandIn(bus, NAME, every | answers)


def test_rauc_without_slot_status_leaves_the_slots_unknown(bus: Bus) -> None:
    """A status call that RAUC does not know gives a system without slots, and no error."""
    with rauc(bus):
        system = with_rauc(bus, lambda ours: ours.system())
    assert (system.slots, system.compatible, system.booted) == ((), "odd-board", None)


@pytest.mark.parametrize(
    "error",
    [
        Error("org.freedesktop.DBus.Error.NotSupported", "not here"),
        Error("unknown.AttributeError", "'Installer' object has no attribute 'GetSlotStatus'"),  # pydbus
        Error("unknown.NotImplementedError", ""),
    ],
)
def test_another_implementation_may_announce_what_it_lacks(bus: Bus, error: Error) -> None:
    """One that has InstallBundle only leaves the slots unknown, and whether it can stream."""
    with rauc(bus, GetSlotStatus=lambda: error, GetPrimary=lambda: error, InspectBundle=lambda *_: error):
        system = with_rauc(bus, lambda ours: ours.system())
        refusal = with_rauc(bus, lambda ours: ours.refusal(RemoteBundle("http://127.0.0.1/b")))
        facts = with_rauc(bus, lambda ours: ours.look_into(Path("/b")))
    assert (system.slots, system.primary) == ((), None)
    assert refusal is not None
    assert not refusal.certain
    assert facts == BundleFacts()


def test_failing_slot_status_is_an_error(bus: Bus) -> None:
    """A status call that fails is not mistaken for a board without slots."""
    with rauc(bus, GetSlotStatus=lambda: "boot loader's variables are broken"):  # noqa: SIM117
        with pytest.raises(InstallerError, match="boot loader's variables are broken"):
            with_rauc(bus, lambda ours: ours.system())


@pytest.mark.parametrize("boot_slot", ["system0", "rootfs.0", "/dev/mmcblk0p2"])
def test_booted_slot_is_found_by_bootname_name_or_device(bus: Bus, boot_slot: str) -> None:
    """If no slot says that it is booted, BootSlot tells, whichever way it names the slot."""
    slots = [
        ("rootfs.0", {"bootname": ("s", "system0"), "device": ("s", "/dev/mmcblk0p2")}),
        ("rootfs.1", {"bootname": ("s", "system1"), "device": ("s", "/dev/mmcblk0p3")}),
    ]
    properties = PROPERTIES | {"BootSlot": ("s", boot_slot)}
    with rauc(bus, GetSlotStatus=lambda: ("a(sa{sv})", (slots,)), GetAll=lambda _: ("a{sv}", (properties,))):
        booted = with_rauc(bus, lambda ours: ours.system()).booted
    assert booted is not None
    assert booted.name == "rootfs.0"


def test_lost_completed_ends_the_wait(bus: Bus) -> None:
    """RAUC is idle but never said Completed: the wait ends, and the slots are to tell."""
    with rauc(bus):  # noqa: SIM117
        with pytest.raises(InstallerError, match="without saying how"):
            with_rauc(bus, lambda ours: ours.install(Path("/x"), "t", quiet), pulse=IMPATIENT)


def test_completed_of_the_installation_before_does_not_count(bus: Bus) -> None:
    """A Completed that RAUC sent before it accepted our call belongs to somebody else."""

    def install(*_: Any) -> Answer:
        odd.signal(RAUC.path, RAUC.interface, "Completed", "i", 0)  # theirs
        return "", ()

    with rauc(bus, InstallBundle=install) as odd:  # noqa: SIM117
        with pytest.raises(InstallerError, match="without saying how"):
            with_rauc(bus, lambda ours: ours.install(Path("/x"), "t", quiet), pulse=IMPATIENT)


def test_completed_by_somebody_else_does_not_count(bus: Bus) -> None:
    """A Completed that does not come from RAUC's process is ignored, even if the bus brings it."""

    def primary() -> Answer:  # asked for after the first silence
        stranger.signal(RAUC.path, RAUC.interface, "Completed", "i", 0)
        return "s", ("rootfs.0",)

    async def story(ours: OurBus) -> None:
        async with ours.listen("type='signal'"):  # so that the bus brings strangers' signals, too
            await Rauc(ours, pulse=IMPATIENT).install(Path("/x"), "t", quiet)

    with StandIn(bus, "org.example.Stranger", {}) as stranger, rauc(bus, GetPrimary=primary):  # noqa: SIM117
        with pytest.raises(InstallerError, match="without saying how"):
            on_bus(bus, story)


def test_last_error_is_asked_for_where_it_was_not_announced(bus: Bus) -> None:
    """A failure with the same words as the one before changes no property, so RAUC is asked for them."""

    def operation(_: str, name: str) -> Answer:
        if name == "Operation":  # asked for after the first silence: by then our call was accepted
            odd.signal(RAUC.path, RAUC.interface, "Completed", "i", 1)
        return "v", (PROPERTIES[name],)

    with rauc(bus, Get=operation) as odd:  # noqa: SIM117
        with pytest.raises(AttemptFailedError, match="of the installation before"):
            with_rauc(bus, lambda ours: ours.install(Path("/x"), "t", quiet), pulse=IMPATIENT)


def test_forbidden_call_is_no_fault_of_the_bundle(bus: Bus) -> None:
    """A RAUC that does not know InstallBundle leaves the action open."""
    answers: dict[str, Callable[..., Answer]] = {"GetAll": lambda _: ("a{sv}", (PROPERTIES,))}
    with StandIn(bus, NAME, answers):  # noqa: SIM117
        with pytest.raises(InstallerError, match="no InstallBundle here"):
            with_rauc(bus, lambda ours: ours.install(Path("/x"), "t", quiet))


def test_witness_is_asked_at_each_look(bus: Bus) -> None:
    """The configured witness's word is part of the system; without one it is unknown."""

    async def no() -> bool:
        return False

    with rauc(bus):
        assert with_rauc(bus, lambda ours: ours.system(), witness=no).witnessed is False
        assert with_rauc(bus, lambda ours: ours.system()).witnessed is None
