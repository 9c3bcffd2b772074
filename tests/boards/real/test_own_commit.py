# SPDX-License-Identifier: LGPL-2.1-or-later
"""With `mark_good = own` the daemon ends the trial of a new system, on real RAUCs with boot loaders that count."""

from collections.abc import Callable

import pytest
from boards.real.scene import Scene

NewScene = Callable[..., Scene]
LOADERS = pytest.mark.parametrize("loader", ["grub", "uboot"])


def own(new_scene: NewScene, loader: str, health: str = "exit 0") -> Scene:
    """A board that commits by itself, when its program agrees, and reboots through logind."""
    scene = new_scene(bootloader=loader)
    hooks = scene.board.folder / "hooks"
    (hooks / "health").mkdir(parents=True)
    program = hooks / "health" / "10-work"
    program.write_text(f"#!/bin/sh\n{health}\n")
    program.chmod(0o755)
    scene.keys |= {"mark_good": "own", "hooks": hooks, "post_update_reboot": True}
    return scene


def left(scene: Scene, slot: str) -> str:
    """What the boot loader counts for a slot."""
    name = "TRY" if scene.board.boot_loader.kind == "grub" else "LEFT"
    return scene.board.boot_loader.environment[f"{slot}_{name}"]


@LOADERS
def test_a_new_system_is_marked_good_by_the_daemon(new_scene: NewScene, loader: str) -> None:
    """Success is told after that mark, although nobody else makes one."""
    scene = own(new_scene, loader)
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert scene.boot(good=False) == "B"
    before = left(scene, "B")
    assert scene.ended(action) == "finished"
    assert left(scene, "B") != before
    assert left(scene, "B") == ("0" if loader == "grub" else "3")


@LOADERS
def test_a_new_system_that_is_not_healthy_is_left_again(new_scene: NewScene, loader: str) -> None:
    """Its slot is marked bad, the board reboots into the old system, and that tells what the program said."""
    scene = own(
        new_scene,
        loader,
        '[ "$HAWKBIT_RAUC_TRIAL" = no ] || { echo "the motor does not turn"; exit 1; }',
    )
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert scene.boot(good=False) == "B"
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert action.outcome() is None
    assert scene.boot(good=False) == "A"
    assert scene.ended(action) == "error"
    assert any(
        "fell back to slot rootfs.0: hook health/10-work refused" in message
        and "the motor does not turn" in message
        for message in action.messages()
    )


@LOADERS
def test_a_new_system_that_does_not_reach_hawkbit_is_left_again(new_scene: NewScene, loader: str) -> None:
    """After commit_timeout; the network that it lost is there again in the old system."""
    scene = own(new_scene, loader)
    scene.keys["commit_timeout"] = 3
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert scene.boot(good=False) == "B"
    scene.proxy.cut()
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot", timeout=30)
    assert scene.boot(good=False) == "A"
    scene.proxy.restore()
    assert scene.ended(action) == "error"
    assert any("hawkBit has not answered" in message for message in action.messages())


@LOADERS
def test_a_committed_board_needs_no_network(new_scene: NewScene, loader: str) -> None:
    """Ten power cycles without one leave it where it is, and each boot is marked."""
    scene = own(new_scene, loader)
    action = scene.offer(scene.board.bundle("2.0.0"))
    scene.start().ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert scene.boot(good=False) == "B"
    assert scene.ended(action) == "finished"
    scene.proxy.cut()
    good = "0" if loader == "grub" else "3"
    for _ in range(10):
        assert scene.boot(good=False) == "B"
        scene.start().ready(lambda: left(scene, "B") == good, "the mark")
