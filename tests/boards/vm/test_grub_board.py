# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole boards with GRUB, systemd and RAUC under a real hawkBit: updates, fallbacks and power cuts."""

import os
import random
import re
from collections.abc import Callable

import pytest
from boards.vm.place import Place
from rig.hawkbit import Hawkbit
from rig.proxy import Proxy

from hawkbit_testing.management import Action

NewPlace = Callable[..., Place]
pytestmark = pytest.mark.timeout(1500)

#: `VM_CUTS=20` cuts the power of so many boards.
CUTS = int(os.environ.get("VM_CUTS", "4"))
#: What the console shows as an update goes on; the power is cut some moments after one of these.
MOMENTS = (
    r"action \d+: offered",
    r"downloading \d+ %",
    r"installing, attempt 1",
    r"installing [4-9]\d %",
    r"installed, reboot pending",
    r"rebooting into the new system",
    r"GRUB boots slot B",
    r"hawkbit-rauc\[\d+\]: .* speaks for(?s:.)*GRUB boots slot B(?s:.)*Reached target",
)


def ended(place: Place, action: Action) -> list[str]:
    """Wait for an action's end; return the entries that ended it."""
    place.board.wait(action.outcome, "the end of the action", timeout=900)
    return [entry.type for entry in action.history() if entry.type in ("finished", "error", "canceled")]


def test_update_is_booted_committed_and_told(new_place: NewPlace) -> None:
    """By the unit as it is shipped; the board stays in the new system through a power cut."""
    place = new_place()
    action = place.offer("2.0.0")
    assert ended(place, action) == ["finished"]
    assert any("booted into slot rootfs.1 and committed" in message for message in action.messages())
    assert place.board.boot_loader["ORDER"] == "B A"
    assert place.board.boot_loader["B_OK"] == "1"
    boots = place.board.boots
    place.board.cut()
    place.board.wait_for_console(rf"--- boot {boots + 1:02}(?s:.)*GRUB boots slot B(?s:.)*speaks for")


def test_system_that_panics_falls_back_by_itself_and_is_told_as_failure(new_place: NewPlace) -> None:
    place = new_place()
    action = place.offer("3.0.0")
    assert ended(place, action) == ["error"]
    assert any("fell back to slot rootfs.0" in message for message in action.messages())
    assert "Attempted to kill init" in place.board.text()
    second = place.offer("2.0.0")
    assert ended(place, second) == ["finished"]


def pending(place: Place, action: Action) -> None:
    """Wait until the server knows that only the reboot is missing."""
    place.board.wait(lambda: any("reboot pending" in message for message in action.messages()), "the note")


def test_somebody_else_reboots_after_a_second_deployment(new_place: NewPlace) -> None:
    """The first is taken back while its reboot waits, the second installed in its place; a power cycle is a reboot too."""
    place = new_place(reboot="none")
    first = place.offer("2.0.0")
    pending(place, first)
    second = place.offer("2.1.0")
    assert ended(place, first) == ["canceled"]
    pending(place, second)
    place.board.cut()
    assert ended(place, second) == ["finished"]
    place.board.wait_for_console("GRUB boots slot B")


def test_new_system_that_does_not_reach_hawkbit_is_left_again(new_place: NewPlace, hawkbit: Hawkbit) -> None:
    """With `mark_good = own` nobody marks it good, so that a lost network strands no board."""
    with Proxy(hawkbit.host) as proxy:
        place = new_place(server=proxy.host, mark_good="own", commit_timeout=45)
        action = place.offer("2.0.0")
        place.board.wait_for_console("rebooting into the new system")
        proxy.cut()
        place.board.wait_for_console(
            "GRUB boots slot B(?s:.)*is given up(?s:.)*GRUB boots slot A", timeout=600
        )
        proxy.restore()
        assert ended(place, action) == ["error"]
    assert place.board.boot_loader["A_TRY"] == "0"


@pytest.mark.parametrize("seed", range(CUTS))
def test_power_cut_at_any_moment_ends_in_one_truth(new_place: NewPlace, seed: int) -> None:
    """What is told is where the board is, once; only a cut on the trial boot makes GRUB go back to the old system."""
    draw = random.Random(seed)
    moment, pause = draw.choice(MOMENTS), draw.uniform(0, 4)
    place = new_place()
    action = place.offer("2.0.0")
    place.board.wait_for_console(moment)
    with pytest.raises(TimeoutError):
        place.board.wait(lambda: False, "the moment of the cut", timeout=pause)
    tried = "GRUB boots slot B" in place.board.text()
    place.board.cut()
    (end,) = ended(place, action)
    slot = re.findall("GRUB boots slot ([AB])", place.board.text())[-1]
    assert (end, slot) == ("finished", "B") or (tried and (end, slot) == ("error", "A")), (moment, pause)
