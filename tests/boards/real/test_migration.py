# SPDX-License-Identifier: LGPL-2.1-or-later
"""From rauc-hawkbit-updater and back, with the same file: one end of each action, whoever told it."""

from boards.real.scene import Scene, finals
from rig.debian import rauc_hawkbit_updater
from rig.process import Process

from hawkbit_testing.management import Action


def updater(scene: Scene, *arguments: str) -> Process:
    """Start rauc-hawkbit-updater 1.4 with the file that ours had."""
    file = scene.board.folder / "config.conf"
    log = scene.board.folder / f"updater-{len(list(scene.board.folder.glob('updater-*')))}.log"
    return Process([*rauc_hawkbit_updater(), "-c", file, *arguments], log, scene.board.environment)


def updated(scene: Scene, action: Action) -> None:
    """Let rauc-hawkbit-updater bring an action to what it takes for the end."""
    with updater(scene, "-r") as old:
        assert old.wait(60) == 0, old.text()
    assert finals(action) == ["finished"]


def test_each_takes_over_what_the_other_has_left(scene: Scene) -> None:
    """What lies in the state folder meanwhile is of an action that is over."""
    first = scene.installed(scene.board.bundle("2.0.0"))
    assert scene.boot() == "B"
    assert scene.ended(first) == "finished"
    second = scene.offer(scene.board.bundle("3.0.0"))
    updated(scene, second)
    assert scene.boot() == "A"
    third = scene.installed(scene.board.bundle("4.0.0"))
    assert scene.boot() == "B"
    assert scene.ended(third) == "finished"
    assert [finals(action) for action in (first, second, third)] == [["finished"]] * 3


def test_action_that_the_other_has_ended_is_not_told_again(scene: Scene) -> None:
    """Given up for rauc-hawkbit-updater while the reboot was pending: it installs once more, and tells success."""
    bundle = scene.board.bundle("2.0.0")
    action = scene.installed(bundle)
    updated(scene, action)
    assert scene.boot() == "B"
    assert scene.once() == 0
    assert finals(action) == ["finished"]
    assert scene.board.contains("B", bundle)
    following = scene.installed(scene.board.bundle("3.0.0"))
    assert scene.boot() == "A"
    assert scene.ended(following) == "finished"


def test_both_at_once_harm_nothing(scene: Scene) -> None:
    """Somebody has forgotten to stop the other, which is quicker: the bundle is whole, and the action has one end."""
    bundle = scene.board.bundle("2.0.0")
    assert scene.once() == 0
    action = scene.offer(bundle)
    with updater(scene) as old:
        # Were RAUC busy with ours, it would fail, and tell that before we could tell anything.
        old.wait_for_log("File checksum OK")
        process = scene.start()
        assert action.wait(90) == "finished", old.text() + process.text()
    process.end()
    assert scene.once() == 0
    assert finals(action) == ["finished"]
    assert scene.board.contains("B", bundle)
