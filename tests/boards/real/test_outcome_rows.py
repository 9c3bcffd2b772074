# SPDX-License-Identifier: LGPL-2.1-or-later
"""The outcome rule, row by row, on real RAUCs with boot loaders that count in different ways.

What `deploy` says is also what the server has in its history afterwards.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve
from boards.real.inside import Vouched
from rig.layout import AB, AB_FIRMWARE
from rig.rauc import RaucBoard
from rig.systemd import Systemd

import hawkbit_testing
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.rules.memory import begin, look_back
from hawkbit_rauc.rules.verdicts import Decided, Reboot, Verdict, Wait
from hawkbit_rauc.story.world import World

NewBoard = Callable[..., RaucBoard]
pytestmark = [
    pytest.mark.parametrize("loader", ["grub", "uboot", "none"]),
    pytest.mark.parametrize("version", ["1.8", "1.13"]),
]


class Rows(Vouched):
    """A board to act on for one row."""

    def old_boots_again(self) -> None:
        """Come up in A although B is primary and was never tried: somebody chose it in a boot menu, say."""
        self.board.boot_from("A")

    def installed(self, **options: Any) -> hawkbit_testing.Action:
        """Install a bundle, up to the pending reboot."""
        action = self.offer(self.board.bundle("2.0.0", **options))
        assert isinstance(self.go(), Reboot)
        return action

    def interrupt(self, point: str) -> None:
        """Begin an installation whose RAUC is killed at a point, and start RAUC again."""
        with self.board.hold(point) as hold:

            def kill() -> None:
                hold.wait()
                self.board.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            with pytest.raises(PassingError, match="went away"):
                self.go()
            killer.join()
        self.board.start()


@pytest.fixture
def rows(new_board: NewBoard, version: str, loader: str) -> Iterator[Rows]:
    """A board that RAUC activates what it installs on."""
    board = new_board(rauc=version, bootloader=loader, layout=AB_FIRMWARE)
    with hawkbit_testing.Hawkbit("0.3") as hawkbit, Systemd(board.bus) as systemd:
        yield Rows(board, hawkbit, systemd)


@pytest.fixture
def manual(new_board: NewBoard, version: str, loader: str) -> Iterator[Rows]:
    """A board where somebody has to activate what RAUC installed."""
    board = new_board(rauc=version, bootloader=loader, layout=evolve(AB, activates=False))
    with hawkbit_testing.Hawkbit("0.3") as hawkbit, Systemd(board.bus) as systemd:
        yield Rows(board, hawkbit, systemd)


def success(verdict: Verdict, action: hawkbit_testing.Action) -> bool:
    """Whether an action ended well; it must have ended, and the server must know it."""
    assert isinstance(verdict, Decided), verdict
    assert action.outcome() == ("finished" if verdict.outcome.success else "error")
    return verdict.outcome.success


def why(action: hawkbit_testing.Action) -> str:
    """What the last entry says."""
    return " ".join(action.history()[-1].messages)


@pytest.mark.parametrize("journal", ["whole", "without the boot"])
def test_row2_booted_and_committed(rows: Rows, journal: str) -> None:
    """T runs, ours, committed: success, whatever the journal says of the boot."""
    action = rows.installed()
    if journal != "whole":
        rows.journal(boot_id=None, completed=False)
    assert rows.boot() == "B"
    assert success(rows.go(), action)
    assert "committed" in why(action)


def test_row3_booted_and_not_committed(rows: Rows) -> None:
    """T runs, not committed: wait for the commit; a boot loader that does not count leaves nothing to wait for."""
    action = rows.installed()
    assert rows.boot(good=False) == "B"
    verdict = rows.go()
    if rows.loader != "none":
        assert isinstance(verdict, Wait)
        assert verdict.trial
        rows.commit()
        verdict = rows.go()
    assert success(verdict, action)


def test_row4_superseded_by_another_bundle(rows: Rows) -> None:
    """Somebody installed another bundle over ours and booted it: failure that says so."""
    action = rows.installed()
    rows.board.rauc("install", rows.board.bundle("9.0.0").path)
    assert rows.boot() == "B"
    assert not success(rows.go(), action)
    assert "superseded by another installation" in why(action)


def test_row4_the_same_bundle_installed_by_hand(rows: Rows) -> None:
    """Somebody installed the same bundle once more and booted it: that is what was asked for."""
    action = rows.installed()
    rows.board.rauc("install", rows.board.bundle("2.0.0").path)
    assert rows.boot() == "B"
    assert success(rows.go(), action)


def test_row5_reboot_pending(rows: Rows) -> None:
    """O still runs, in the same boot: pending, however often it is asked, and nothing is written again."""
    action = rows.installed()
    assert isinstance(rows.go(), Reboot)
    assert action.outcome() is None
    assert rows.board.slot("B")["installed.count"] == 1


@pytest.mark.parametrize("boot", ["same boot", "another boot"])
@pytest.mark.parametrize("point", ["pre-install", "post-install-rootfs", "set-primary"])
def test_row6_interrupted_installation(rows: Rows, point: str, boot: str) -> None:
    """RAUC died before it had activated: installed again as the second attempt, and a success."""
    action = rows.offer(rows.board.bundle("2.0.0"))
    rows.interrupt(point)
    if boot == "another boot":
        assert rows.boot() == "A"
    assert isinstance(rows.go(), Reboot)
    assert any("attempt=2" in text for text in action.messages())
    assert rows.boot() == "B"
    assert success(rows.go(), action)


def test_row6_installed_and_not_activated_by_configuration(manual: Rows) -> None:
    """activate-installed=false: wait until somebody activates it, and then it is as if RAUC had."""
    action = manual.offer(manual.board.bundle("2.0.0"))
    verdict = manual.go()
    assert isinstance(verdict, Wait)
    assert "activate" in verdict.why
    assert manual.board.primary() == "A"
    manual.board.rauc("status", "mark-active", "other")
    assert isinstance(manual.go(), Reboot)
    assert manual.boot() == "B"
    assert success(manual.go(), action)


def test_row6_three_interruptions_are_a_failure(rows: Rows) -> None:
    """No fourth attempt after the third was interrupted (row 14)."""
    action = rows.offer(rows.board.bundle("2.0.0"))
    for _ in range(3):
        rows.interrupt("set-primary")
    assert not success(rows.go(), action)
    assert rows.board.slot("B")["installed.count"] == 3
    assert "3 times" in why(action)


def test_row7_never_booted(rows: Rows) -> None:
    """O runs in another boot, T still primary: asked to reboot twice, then failure."""
    action = rows.installed()
    for _ in range(2):
        rows.old_boots_again()
        assert isinstance(rows.go(), Reboot)
    rows.old_boots_again()
    assert not success(rows.go(), action)
    assert "primary but was never booted" in why(action)


def test_row7_booted_late(rows: Rows) -> None:
    """After one boot into O, T comes up: success."""
    action = rows.installed()
    rows.old_boots_again()
    assert isinstance(rows.go(), Reboot)
    assert rows.boot() == "B"
    assert success(rows.go(), action)


@pytest.mark.parametrize("when", ["before the boot", "after the boot"])
def test_row8_old_slot_activated_by_hand(rows: Rows, when: str) -> None:
    """Somebody made O primary again and booted it: failure that says so."""
    action = rows.installed()
    if when == "after the boot":
        assert rows.boot() == "B"
    rows.board.rauc("status", "mark-active", "booted" if when == "before the boot" else "other")
    assert rows.boot() == "A"
    assert not success(rows.go(), action)
    assert "activated by hand" in why(action)


def test_row9_fell_back(rows: Rows) -> None:
    """T does not come up and O is booted again: failure with both slots' states."""
    action = rows.installed()
    assert rows.fall_back("B") == "A"
    assert not success(rows.go(), action)
    assert "fell back to slot rootfs.0" in why(action)
    assert "slot rootfs.0: booted" in why(action)
    assert "slot rootfs.1: inactive" in why(action)


@pytest.mark.parametrize("when", ["activated", "pending", "booted", "fallback"])
def test_row11_journal_lost(rows: Rows, version: str, when: str) -> None:
    """1.13 is known by our transaction, computed again; 1.8 by the note at the server (row 12)."""
    if when == "activated":
        action = rows.offer(rows.board.bundle("2.0.0"))
        rows.interrupt("post-install")
    else:
        action = rows.installed()
    if when == "booted":
        assert rows.boot() == "B"
    if when == "fallback":
        assert rows.fall_back("B") == "A"
    rows.lose_journal()
    if version == "1.13":
        rows.lose_note()
    verdict = rows.go()
    if when in ("activated", "pending"):
        assert isinstance(verdict, Reboot)
        assert rows.boot() == "B"
        verdict = rows.go()
    assert success(verdict, action) == (when != "fallback")
    assert rows.board.slot("B")["installed.count"] == 1


def test_row16_what_no_boot_depends_on(rows: Rows) -> None:
    """A bundle for such a slot alone succeeds with its installation, and the next one for the system as ever."""
    action = rows.offer(rows.board.bundle("1.1.0", classes=["firmware"]))
    assert success(rows.go(), action)
    assert "installed into firmware.0" in why(action)
    action = rows.installed()
    assert rows.boot() == "B"
    assert success(rows.go(), action)


def test_row17_what_waited_for_its_boot_before_supersedes_nothing(rows: Rows) -> None:
    """The power is cut when the attempt is noted and RAUC has not begun; what comes up was installed before."""
    rows.board.rauc("install", rows.board.bundle("1.5.0").path)
    action = rows.offer(rows.board.bundle("2.0.0"))

    async def note(world: World) -> None:
        poll = await world.server.poll()
        assert poll.deployment is not None
        deployment, system = await world.server.deployment(poll.deployment), await world.installer.system()
        record = look_back(None, deployment, system, world.server.identity)
        world.journal.write(begin(record, system, world.board.boot_id, world.server.identity))

    rows.run(note)
    assert rows.boot() == "B"
    assert isinstance(rows.go(), Reboot)
    assert rows.boot() == "A"
    assert success(rows.go(), action)
    assert "committed" in why(action)
