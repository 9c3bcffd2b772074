# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole boards with GRUB, systemd and RAUC under a real hawkBit: updates, fallbacks and power cuts."""

import os
import random
import re
from collections.abc import Callable

import pytest
from boards.vm.scene import GrubScene
from rig.hawkbit import Hawkbit
from rig.proxy import Proxy

from hawkbit_testing.management import Action

NewGrubScene = Callable[..., GrubScene]
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


def ended(scene: GrubScene, action: Action) -> list[str]:
    """Wait for an action's end; return the entries that ended it."""
    scene.board.wait(action.outcome, "the end of the action", timeout=900)
    return [entry.type for entry in action.history() if entry.type in ("finished", "error", "canceled")]


def test_update_is_booted_committed_and_told(new_grub_scene: NewGrubScene) -> None:
    """By the unit as it is shipped; the board stays in the new system through a power cut."""
    scene = new_grub_scene()
    action = scene.offer("2.0.0")
    assert ended(scene, action) == ["finished"]
    assert any("booted into slot rootfs.1 and committed" in message for message in action.messages())
    assert scene.board.boot_loader["ORDER"] == "B A"
    assert scene.board.boot_loader["B_OK"] == "1"
    boots = scene.board.boots
    scene.board.cut()
    scene.board.wait_for_console(rf"--- boot {boots + 1:02}(?s:.)*GRUB boots slot B(?s:.)*speaks for")


def test_system_that_panics_falls_back_by_itself_and_is_told_as_failure(new_grub_scene: NewGrubScene) -> None:
    scene = new_grub_scene()
    action = scene.offer("3.0.0")
    assert ended(scene, action) == ["error"]
    assert any("fell back to slot rootfs.0" in message for message in action.messages())
    assert "Attempted to kill init" in scene.board.text()
    second = scene.offer("2.0.0")
    assert ended(scene, second) == ["finished"]


def pending(scene: GrubScene, action: Action) -> None:
    """Wait until the server knows that only the reboot is missing."""
    scene.board.wait(lambda: any("reboot pending" in message for message in action.messages()), "the note")


def test_somebody_else_reboots_after_a_second_deployment(new_grub_scene: NewGrubScene) -> None:
    """The first is taken back while its reboot waits, the second installed in its place; a power cycle is a reboot too."""
    scene = new_grub_scene(reboot="none")
    first = scene.offer("2.0.0")
    pending(scene, first)
    second = scene.offer("2.1.0")
    assert ended(scene, first) == ["canceled"]
    pending(scene, second)
    scene.board.cut()
    assert ended(scene, second) == ["finished"]
    scene.board.wait_for_console("GRUB boots slot B")


def test_new_system_that_does_not_reach_hawkbit_is_left_again(
    new_grub_scene: NewGrubScene, real_hawkbit: Hawkbit
) -> None:
    """With `mark_good = own` nobody marks it good, so that a lost network strands no board."""
    with Proxy(real_hawkbit.host) as proxy:
        scene = new_grub_scene(server=proxy.host, mark_good="own", commit_timeout=45)
        action = scene.offer("2.0.0")
        scene.board.wait_for_console("rebooting into the new system")
        proxy.cut()
        scene.board.wait_for_console(
            "GRUB boots slot B(?s:.)*is given up(?s:.)*GRUB boots slot A", timeout=600
        )
        proxy.restore()
        assert ended(scene, action) == ["error"]
    assert scene.board.boot_loader["A_TRY"] == "0"


@pytest.mark.parametrize("seed", range(CUTS))
def test_power_cut_at_any_moment_ends_in_one_truth(new_grub_scene: NewGrubScene, seed: int) -> None:
    """What is told is where the board is, once; only a cut on the trial boot makes GRUB go back to the old system."""
    draw = random.Random(seed)
    moment, pause = draw.choice(MOMENTS), draw.uniform(0, 4)
    scene = new_grub_scene()
    action = scene.offer("2.0.0")
    scene.board.wait_for_console(moment)
    with pytest.raises(TimeoutError):
        scene.board.wait(lambda: False, "the moment of the cut", timeout=pause)
    tried = "GRUB boots slot B" in scene.board.text()
    scene.board.cut()
    (end,) = ended(scene, action)
    slot = re.findall("GRUB boots slot ([AB])", scene.board.text())[-1]
    assert (end, slot) == ("finished", "B") or (tried and (end, slot) == ("error", "A")), (moment, pause)
