# SPDX-License-Identifier: LGPL-2.1-or-later
"""What runs and was brought by no action: the server is told of it once, where the configuration names a set."""

from collections.abc import Callable, Iterator

import pytest
from boards.real.scene import Scene, finals
from rig.bundles import Bundle
from rig.proxy import Proxy
from rig.rauc import RaucBoard

import hawkbit_testing


@pytest.fixture
def scene(new_board: Callable[..., RaucBoard], version: str) -> Iterator[Scene]:
    """A board under a hawkBit that can be told (the real one that runs here is older)."""
    with hawkbit_testing.Hawkbit("1.1", sleep="00:00:01") as hawkbit, Proxy(hawkbit.host) as proxy:
        scene = Scene(new_board(rauc=version), hawkbit, proxy)
        scene.keys["distribution_set"] = "board os"
        yield scene
        scene.close()


def known(
    scene: Scene, version: str, bundle: Bundle, name: str = "board os"
) -> hawkbit_testing.DistributionSet:
    """Make a distribution set at the server, as an operator does."""
    module = scene.hawkbit.module({f"{version}.raucb": bundle.path})
    return scene.hawkbit.distribution_set(module, name=name, version=version)


def installed(scene: Scene) -> str | None:
    """What the server shows as installed."""
    shown = scene.target.installed
    return f"{shown.name} {shown.version}" if shown else None


def by_hand(scene: Scene, bundle: Bundle) -> None:
    """Install a bundle without hawkBit, and boot it."""
    scene.board.rauc("install", bundle.path)
    scene.boot()


def told(scene: Scene) -> int:
    """How often the server was told."""
    return len(scene.hawkbit.requests("PUT .*installedBase"))


def test_bundle_of_rauc_install_is_told_once(scene: Scene) -> None:
    """The server shows it as installed, and the board as in sync; later starts don't tell it again."""
    bundle = scene.board.bundle("2.0.0")
    known(scene, "2.0.0", bundle)
    assert scene.once() == 0
    assert told(scene) == 0, "nobody knows what the factory installed"
    by_hand(scene, bundle)
    for _ in range(2):
        assert scene.once() == 0
    assert (installed(scene), scene.target.update_status) == ("board os 2.0.0", "in_sync")
    assert told(scene) == 1


def test_what_an_action_brought_is_not_told(scene: Scene) -> None:
    """Nor is the old system after an action that failed, which would hide the failure."""
    bundle, broken = scene.board.bundle("2.0.0"), scene.board.bundle("3.0.0")
    known(scene, "2.0.0", bundle)
    action = scene.target.assign(known(scene, "2.0.0", bundle, "rollout"))
    assert scene.once() == 0
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    failed = scene.target.assign(known(scene, "3.0.0", broken, "rollout"))
    assert scene.once() == 0
    assert scene.boot("A") == "B"
    assert scene.ended(failed) == "error"
    assert scene.once() in (
        0,
        1,
    )  # the daemon was ended when the server had its answer, perhaps before that was noted
    assert scene.once() == 0
    assert told(scene) == 0
    assert installed(scene) == "rollout 2.0.0"
    assert scene.target.update_status == "error"


def test_set_that_the_server_does_not_know_is_a_warning(scene: Scene) -> None:
    """It is told by the next start after somebody has made the set."""
    bundle = scene.board.bundle("2.0.0")
    by_hand(scene, bundle)
    process = scene.start("--once")
    assert process.wait(60) == 0
    assert "create distribution set board os in this version" in process.text()
    known(scene, "2.0.0", bundle)
    assert scene.once() == 0
    assert installed(scene) == "board os 2.0.0"


def test_trial_boot_and_open_action_come_first(scene: Scene) -> None:
    """What is not committed is not told; neither is anything as long as an action is open."""
    bundle, next_one = scene.board.bundle("2.0.0"), scene.board.bundle("3.0.0")
    known(scene, "2.0.0", bundle)
    scene.board.rauc("install", bundle.path)
    scene.boot(good=False)
    assert scene.once() == 0
    assert told(scene) == 0
    scene.board.mark_good()
    action = scene.target.assign(known(scene, "3.0.0", next_one, "rollout"))
    assert scene.once() == 0
    assert told(scene) == 0
    scene.boot()
    assert scene.ended(action) == "finished"
    assert finals(action) == ["finished"]
    assert (told(scene), installed(scene)) == (0, "rollout 3.0.0")
