# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cancelations: accepted as long as the board can keep the old system, and else rejected with a reason."""

import time
from collections.abc import Iterator

import pytest
from boards.real.scene import Scene, attempts, finals
from rig.hawkbit import Hawkbit

#: Seconds within which a cancelation is accepted while the board downloads.
ACCEPTED_WITHIN = 5.0


@pytest.fixture
def slow_polls(quick_hawkbit: Hawkbit) -> Iterator[None]:
    """A server that asks for a poll every five minutes, as real ones do."""
    usual = quick_hawkbit.configuration("pollingTime")
    quick_hawkbit.sleep = "00:05:00"
    yield
    quick_hawkbit.sleep = usual


@pytest.mark.case(5)
def test_cancelation_before_the_daemon_starts_is_accepted(scene: Scene) -> None:
    """Nothing is downloaded, nothing installed."""
    action = scene.offer(scene.board.bundle("2.0.0"))
    action.cancel()
    assert scene.once() == 0
    assert finals(action) == ["canceled"]
    assert scene.proxy.received < 100_000
    assert "installed.count" not in scene.board.slot("B")


@pytest.mark.state("cancelation closed success")
@pytest.mark.usefixtures("slow_polls")
def test_cancelation_during_the_download_is_accepted_within_seconds(scene: Scene) -> None:
    """Asked right after a poll, it is accepted before 5 s are over, however seldom the board polls else."""
    scene.keys |= {"download_speed_limit": 100_000}
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.wait_for_log("fetching")
    clicked = time.monotonic()
    action.cancel()
    assert action.wait(20) == "canceled"
    assert time.monotonic() - clicked < ACCEPTED_WITHIN
    assert finals(action) == ["canceled"]
    assert scene.bundles_left == []
    assert attempts(action) == 0


def test_board_goes_on_after_a_canceled_download(scene: Scene) -> None:
    """The next action is installed as if nothing had been."""
    scene.keys |= {"download_speed_limit": 500_000}
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.wait_for_log("downloading [1-9]")
    action.cancel()
    assert action.wait(20) == "canceled"
    process.end()
    scene.keys.pop("download_speed_limit")
    bundle = scene.board.bundle("3.0.0")
    scene.installed(bundle)
    assert scene.board.contains("B", bundle)


@pytest.mark.case(3)
@pytest.mark.state("cancelation rejected")
@pytest.mark.parametrize("point", ["pre-install", "post-install-rootfs", "set-primary", "post-install"])
def test_cancelation_during_the_installation_is_rejected(scene: Scene, point: str) -> None:
    """The server is told why; the installation ends in a success that is told."""
    bundle = scene.board.bundle("2.0.0")
    with scene.board.hold(point) as hold:
        action = scene.offer(bundle)
        scene.start()
        hold.wait()
        action.cancel()
        action.wait_for_message("not canceled: RAUC is writing the new system")
        assert action.outcome() is None
    action.wait_for_message("reboot pending")
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert finals(action) == ["finished"]
    assert scene.board.contains("B", bundle)


def test_cancelation_while_the_reboot_is_pending_is_accepted(scene: Scene) -> None:
    """The booted slot is primary again, the target is bad, and the next boot stays in A."""
    action = scene.offer(scene.board.bundle("2.0.0"))
    scene.start()
    action.wait_for_message("reboot pending")
    assert scene.board.primary() == "B"
    action.cancel()
    assert action.wait() == "canceled"
    assert finals(action) == ["canceled"]
    assert scene.board.primary() == "A"
    assert scene.board.state("B") == "bad"
    assert scene.boot() == "A"
    assert scene.once() == 0
    assert finals(action) == ["canceled"]


@pytest.mark.case(11)
def test_bundle_of_a_canceled_action_may_be_wished_again(scene: Scene) -> None:
    """After an accepted cancelation of a pending reboot, a new action installs and boots the bundle."""
    bundle = scene.board.bundle("2.0.0")
    action = scene.installed(bundle)
    action.cancel()
    assert scene.once() == 0
    assert finals(action) == ["canceled"]
    again = scene.installed(bundle)
    assert scene.boot() == "B"
    assert scene.once() == 0
    assert finals(again) == ["finished"]


def test_cancelation_that_was_killed_in_the_middle_is_carried_out(scene: Scene) -> None:
    """The daemon dies between making A primary and marking B bad; the next one ends what it began."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    action.cancel()
    with scene.board.hold("set-state") as hold:
        process = scene.start()
        hold.wait()
        process.kill()
        assert scene.board.boot_loader.environment["ORDER"].startswith("A")
    assert scene.ended(action) == "canceled"
    assert finals(action) == ["canceled"]
    assert scene.board.primary() == "A"
    assert scene.board.state("B") == "bad"


@pytest.mark.case(4)
def test_cancelation_after_the_boot_comes_too_late(scene: Scene) -> None:
    """The new system runs and is committed: the action is finished all the same."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    assert scene.boot() == "B"
    action.cancel()
    assert scene.ended(action) == "finished"
    assert finals(action) == ["finished"]


def test_cancelation_of_a_trial_is_rejected(scene: Scene) -> None:
    """The new system runs but is not committed: rejected with the reason, and finished once it is."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    assert scene.boot(good=False) == "B"
    action.cancel()
    scene.start()
    action.wait_for_message("not canceled: the new system runs")
    scene.board.mark_good()
    assert action.wait() == "finished"


@pytest.mark.case(2)
def test_assigning_another_bundle_replaces_a_pending_one(scene: Scene) -> None:
    """hawkBit cancels the old action when a new one is assigned: the old one is canceled, the new installed."""
    first = scene.installed(scene.board.bundle("2.0.0"))
    bundle = scene.board.bundle("3.0.0")
    second = scene.offer(bundle)
    scene.start()
    second.wait_for_message("reboot pending")
    assert finals(first) == ["canceled"]
    assert scene.board.contains("B", bundle)
    assert scene.boot() == "B"
    assert scene.ended(second) == "finished"
    assert finals(second) == ["finished"]
