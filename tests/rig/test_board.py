# SPDX-License-Identifier: LGPL-2.1-or-later
"""The board behaves as boards do: RAUC installs, boot loaders count, reboots fall back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from attrs import evolve
from jeepney import DBusAddress

from rig.bootloader import NeverBootsError
from rig.bundles import MIB, SWITCH, SWITCH_SLOT
from rig.bus import Bus, BusError
from rig.disk import small_disk
from rig.layout import AB, AB_APPFS, EXTERNAL, SlotPlan
from rig.process import Process, run
from rig.rauc import INSTALLER, RaucBoard

NewBoard = Callable[..., RaucBoard]
VERSIONS = ("1.8", "1.13", "sid")


@contextmanager
def installing(board: RaucBoard, path: Path) -> Iterator[Thread]:
    """An installation in the background, whatever its end."""

    def install() -> None:
        with suppress(RuntimeError):
            board.rauc("install", path)

    thread = Thread(target=install, daemon=True)
    thread.start()
    yield thread
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("version", VERSIONS)
def test_install_writes_the_other_slot_and_activates_it(new_board: NewBoard, version: str) -> None:
    """After an installation B holds the image, is primary, and A is untouched."""
    board = new_board(rauc=version)
    bundle = board.bundle("2.0.0", size=MIB)
    board.rauc("install", bundle.path)
    assert board.contains("B", bundle)
    assert not board.contains("A", bundle)
    assert board.primary() == "B"
    assert board.slot("B")["installed.count"] == 1
    assert ("installed.transaction" in board.slot("B")) == (version != "1.8")


@pytest.mark.parametrize("version", VERSIONS)
def test_grub_counts_the_booted_slot_as_bad_until_it_is_marked_good(
    new_board: NewBoard, version: str
) -> None:
    """With GRUB B is bad and A primary after the boot into B; marking it good turns both."""
    board = new_board(rauc=version, bootloader="grub")
    board.rauc("install", board.bundle(size=MIB).path)
    assert board.boot() == "B"
    assert (board.slot("B")["boot-status"], board.primary()) == ("bad", "A")
    board.mark_good()
    assert (board.slot("B")["boot-status"], board.primary()) == ("good", "B")
    assert board.boot() == "B"
    assert board.slot("B")["boot-status"] == "bad", "TRY is set at every boot"
    assert board.boot() == "A", "an unmarked second boot is the last one"


@pytest.mark.parametrize("version", VERSIONS)
def test_uboot_calls_a_slot_good_while_attempts_are_left(new_board: NewBoard, version: str) -> None:
    """With U-Boot B is good at once; three unmarked boots use it up, and A is booted."""
    board = new_board(rauc=version, bootloader="uboot")
    board.rauc("install", board.bundle(size=MIB).path)
    assert [board.boot() for _ in range(2)] == ["B", "B"]
    assert (board.slot("B")["boot-status"], board.primary()) == ("good", "B")
    assert board.boot() == "B"
    assert (board.slot("B")["boot-status"], board.primary()) == ("bad", "A")
    assert board.boot() == "A"


def test_uboot_drops_a_bad_slot_from_its_order(new_board: NewBoard) -> None:
    """Marking bad takes the slot out of ORDER, and marking good does not bring it back: RAUC's rule."""
    board = new_board(bootloader="uboot")
    board.rauc("status", "mark-bad", "other")
    assert board.boot_loader.environment["ORDER"] == "A"
    board.rauc("status", "mark-good", "other")
    assert board.state("B") == "bad"


def test_without_a_boot_loader_every_slot_is_good(new_board: NewBoard) -> None:
    """With none the primary slot is booted however often it was tried, and cannot fall back."""
    board = new_board(bootloader="none")
    board.rauc("install", board.bundle(size=MIB).path)
    assert [board.boot() for _ in range(5)] == ["B"] * 5
    assert board.state("B") == "good"
    with pytest.raises(NeverBootsError):
        board.boot(broken={"B"})


@pytest.mark.parametrize("bootloader", ["grub", "uboot"])
def test_broken_slot_falls_back(new_board: NewBoard, bootloader: str) -> None:
    """A slot that does not come up is given up for the committed one, and is bad then."""
    board = new_board(bootloader=bootloader)
    board.rauc("install", board.bundle(size=MIB).path)
    before = board.boot_id
    assert board.boot(broken={"B"}) == "A"
    assert board.boot_loader.started == ["B", "A"] if bootloader == "grub" else ["B", "B", "B", "A"]
    assert board.boot_id != before
    assert board.state("B") == "bad"


def test_grub_starts_a_broken_slot_twice_when_the_old_one_is_not_committed(new_board: NewBoard) -> None:
    """Installing while A is not marked good since its boot leaves GRUB no slot to fall back to at once."""
    board = new_board(bootloader="grub")
    board.boot()
    board.rauc("install", board.bundle(size=MIB).path)
    board.boot(broken={"B"})
    assert board.boot_loader.started == ["B", "none", "B", "A"]


@pytest.mark.parametrize("version", VERSIONS)
def test_killed_between_writing_and_activating(new_board: NewBoard, version: str) -> None:
    """Killed at set-primary, RAUC has B's new contents with status ok, but bad and not activated."""
    board = new_board(rauc=version)
    bundle = board.bundle(size=MIB)
    hold = board.hold("set-primary")
    with installing(board, bundle.path):
        hold.wait()
        board.kill()
    board.start()
    slot = board.slot("B")
    assert board.contains("B", bundle)
    assert (slot["status"], slot["installed.count"], slot["boot-status"]) == ("ok", 1, "bad")
    assert slot.get("activated.count", 0) == 0
    assert board.primary() == "A"
    board.rauc("install", bundle.path)
    assert board.primary() == "B"


@pytest.mark.parametrize("point", ["pre-install", "set-state", "post-install-rootfs", "post-install"])
def test_hold_keeps_the_installation_at_its_point(board: RaucBoard, point: str) -> None:
    """RAUC says installing while it is held, and ends well once it is released."""
    bundle = board.bundle(size=MIB)
    with board.hold(point) as hold, installing(board, bundle.path) as thread:
        hold.wait()
        assert board.bus.property(INSTALLER, "Operation") == "installing"
        assert thread.is_alive()
        assert board.contains("B", bundle) == point.startswith("post-install")
        hold.release()
    assert board.primary() == "B"


def test_refused_bundles(board: RaucBoard) -> None:
    """RAUC refuses another compatible, another signer, a cut bundle, a flipped bit, and a failing hook."""
    refused = {
        board.bundle(compatible="other", size=MIB).path: "Compatible mismatch",
        board.bundle(sign="wrong", size=MIB).path: "signature verification failed",
        board.bundle(size=MIB).cut(): "exceeds bundle size",
        board.bundle(size=MIB).flipped(): "signature verification failed",
        board.bundle(hook="exit 1", size=MIB).path: "failed",
    }
    for path, reason in refused.items():
        with pytest.raises(RuntimeError, match=reason):
            board.rauc("install", path)
    assert board.primary() == "A"


def test_two_groups_of_slots(new_board: NewBoard) -> None:
    """With two groups one bundle writes the rootfs and the appfs beside it."""
    board = new_board(layout=AB_APPFS)
    bundle = board.bundle(size=MIB)
    board.rauc("install", bundle.path)
    assert len(bundle.images) == 2
    assert board.contains("B", bundle)
    assert board.slots()["appfs.1"]["status"] == "ok"


@pytest.mark.parametrize("version", VERSIONS)
def test_no_status(new_board: NewBoard, version: str) -> None:
    """Without a status file RAUC installs but can not tell what a slot holds."""
    board = new_board(rauc=version, layout=evolve(AB, status="slots"))
    board.rauc("install", board.bundle(size=MIB).path)
    board.restart()
    assert "sha256" not in board.slot("B")
    assert board.primary() == "B"


def test_status_within_the_slots(new_board: NewBoard) -> None:
    """Of an ext4 slot beside a raw one RAUC still knows after a restart what it holds, of the raw one it does not."""
    board = new_board(rauc="1.13", layout=evolve(AB, status="slots").formatted("rootfs.1"))
    for written, known in (("B", True), ("A", False)):
        bundle = board.bundle(size=MIB)
        board.rauc("install", bundle.path)
        assert board.boot() == written
        assert board.contains(written, bundle)
        assert ("sha256" in board.slot(written)) == known
        board.mark_good()


def test_rescue_system_comes_up_if_no_other_does(new_board: NewBoard) -> None:
    """Without a bootname it is known by its slot's name, and RAUC installs from it."""
    rescue = AB.beside(SlotPlan("rescue.0"))
    board = new_board(layout=evolve(rescue, rescue="rescue.0"))
    assert board.boot(broken={"A", "B"}) == "rescue.0"
    assert board.slots()["rescue.0"]["state"] == "booted"
    bundle = board.bundle(size=MIB)
    board.rauc("install", bundle.path)
    assert board.contains(str(board.next_system), bundle)
    assert board.boot() in ("A", "B")


def test_system_that_somebody_chose(new_board: NewBoard) -> None:
    """It runs whatever the boot loader would start, and leaves that as it was; the boot is a new one."""
    board = new_board()
    board.rauc("install", board.bundle(size=MIB).path)
    before = board.boot_id, board.boot_loader.environment
    board.boot_from(EXTERNAL)
    assert {slot["state"] for slot in board.slots().values()} == {"inactive"}
    assert board.boot_id != before[0]
    assert board.boot_loader.environment == before[1]
    assert board.next_system == "B"


def test_failing_handler_of_the_board(new_board: NewBoard) -> None:
    """RAUC says that the installation failed, although it has switched to the new system; both are counted."""
    board = new_board()
    board.fail("post-install", 3)
    with pytest.raises(RuntimeError, match="Post-install handler error"):
        board.rauc("install", board.bundle(size=MIB).path)
    assert (board.primary(), board.installations) == ("B", 1)


def test_rauc_without_a_boot_loader(new_board: NewBoard) -> None:
    """With bootloader=noop marks do nothing, and a hook of the bundle has to switch."""
    board = new_board(rauc="1.13", bootloader="noop")
    bundle = board.bundle(size=MIB, hook=SWITCH_SLOT)
    board.rauc("install", bundle.path)
    board.rauc("status", "mark-active", "booted")
    assert board.next_system == "B"
    assert board.boot() == "B"


def test_custom_handler_that_switches_past_rauc(new_board: NewBoard) -> None:
    """It writes B and makes it primary, and RAUC stores nothing of it."""
    board = new_board(rauc="1.13")
    bundle = board.bundle(size=MIB, handler=SWITCH)
    board.rauc("install", bundle.path)
    assert board.contains("B", bundle)
    assert board.primary() == "B"
    assert "installed.count" not in board.slot("B")


def test_stopped_rauc_answers_nothing(board: RaucBoard) -> None:
    """A stopped RAUC keeps its name on the bus, and goes on where it was."""
    board.stop()
    assert board.bus.has_owner("de.pengutronix.rauc")
    board.cont()
    assert board.primary() == "A"


def test_bus_restart(board: RaucBoard) -> None:
    """After the bus was killed and started again, so can RAUC and the stand-in for logind be."""
    board.bus.restart()
    board.restart()
    assert board.primary() == "A"
    assert board.bus.has_owner("org.freedesktop.login1")


def test_reboot_is_asked_of_logind(board: RaucBoard) -> None:
    """A call of Reboot sets the event, the next boot clears it, and a refusal is an error."""
    manager = DBusAddress(
        "/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager"
    )
    board.bus.call(manager, "Reboot", "b", False)
    assert board.reboot_requested.wait(5)
    board.boot()
    assert not board.reboot_requested.is_set()
    board.login.refuse = True
    with pytest.raises(BusError, match="Permission denied"):
        board.bus.call(manager, "Reboot", "b", False)


def test_processes_of_a_board_read_its_boot_id(board: RaucBoard, tmp_path: Path) -> None:
    """What runs in the board's namespace reads its boot id; so does RAUC, and nobody else."""
    from rig.process import in_namespace
    from rig.rauc import BOOT_ID

    command = in_namespace(["cat", BOOT_ID], {BOOT_ID: board.boot_id_file})
    with Process(command, tmp_path / "log") as process:
        assert process.wait() == 0
        assert process.text().strip() == board.boot_id
    assert board.boot_id != BOOT_ID.read_text().strip()


def test_nothing_is_left_behind(bus: Bus, tmp_path: Path) -> None:
    """A board killed in the middle of an installation leaves no process and no mount."""
    with RaucBoard(tmp_path / "board", bus) as board:
        hold = board.hold("post-install-rootfs")
        with installing(board, board.bundle(size=MIB).path):
            hold.wait()
            board.kill()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert str(tmp_path) not in run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")


def test_small_disk(tmp_path: Path) -> None:
    """The small disk takes no more than it has, and is gone afterwards."""
    with small_disk(tmp_path / "disk", 1) as disk, pytest.raises(OSError, match="No space left"):
        (disk / "file").write_bytes(bytes(2 * MIB))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
