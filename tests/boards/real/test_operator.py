# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operator can ask for beside a plain rollout, and what somebody on the board answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boards.real.scene import Scene, attempts, finals
from rig.layout import AB_FIRMWARE
from rig.rauc import RaucBoard

from hawkbit_testing import Window

NewScene = Callable[..., Scene]

CLOSED = Window(datetime(2099, 1, 1, tzinfo=UTC), timedelta(hours=1))


def untouched(board: RaucBoard) -> bool:
    """Whether nothing was installed."""
    return "installed.count" not in board.slot("B")


@pytest.mark.state("soft")
def test_soft_action_waits_for_consent_that_a_command_gives(scene: Scene) -> None:
    """`status` shows what waits; after `confirm` it is installed, and the history says who wanted it."""
    scene.keys["soft"] = "ask"
    action = scene.offer(scene.board.bundle("2.0.0"), forced=False)
    scene.start().wait_for_log("waiting for consent")
    code, text = scene.ask("status", "--json")
    status = json.loads(text)
    assert (code, status["state"], status["action"]) == (0, "waiting", str(action.id))
    assert "hawkbit-rauc confirm" in status["reason"]
    assert scene.ask("confirm", "999")[0] == 1
    assert untouched(scene.board)
    code, text = scene.ask("confirm", str(action.id), "--message", "the owner agrees")
    assert (code, text) == (0, f"action {action.id} confirmed\n")
    action.wait_for_message("reboot pending")
    assert any("the owner agrees" in message for message in action.messages())
    assert scene.board.slot("B")["installed.count"] == 1
    code, text = scene.ask("status")
    assert code == 0
    assert "reboot-pending" in text


@pytest.mark.state("soft")
def test_soft_action_is_installed_unless_asked_for_consent(scene: Scene) -> None:
    action = scene.offer(scene.board.bundle("2.0.0"), forced=False)
    assert scene.once() == 0
    assert any("reboot pending" in message for message in action.messages())


@pytest.mark.state("downloadonly", "downloaded none")
def test_download_only_is_told_and_kept_for_the_rollout_that_follows(scene: Scene) -> None:
    """`downloaded` ends the action; the next one with the same bundle, of another set, does not fetch it again."""
    bundle = scene.board.bundle("2.0.0")
    first = scene.offer(bundle, download_only=True)
    assert scene.once() == 0
    assert first.outcome() == "finished"
    assert untouched(scene.board)
    assert scene.location.read_bytes() == bundle.path.read_bytes()
    assert scene.once() == 0
    assert scene.location.exists()
    scene.offer(bundle)
    before = scene.proxy.received
    assert scene.once() == 0
    assert scene.board.slot("B")["installed.count"] == 1
    assert scene.proxy.received - before < bundle.path.stat().st_size / 2


@pytest.mark.case(13)
@pytest.mark.state("forced, window not open")
def test_closed_window_is_waited_for_with_the_bundle_at_hand(scene: Scene) -> None:
    """Fetched and verified before, kept across restarts; `--once` outside of a window has nothing more to do."""
    bundle = scene.board.bundle("2.0.0")
    action = scene.offer(bundle, window=CLOSED)
    for _ in range(2):
        assert scene.once() == 0
        assert untouched(scene.board)
        assert scene.location.read_bytes() == bundle.path.read_bytes()
    assert any("waiting for the maintenance window" in message for message in action.messages())
    action.cancel()
    assert scene.once() == 0
    assert scene.bundles_left == []


def test_status_without_a_daemon_tells_what_the_journal_knows(scene: Scene) -> None:
    action = scene.installed(scene.board.bundle("2.0.0"))
    code, text = scene.ask("status")
    assert code == 0
    assert "not running" in text
    assert str(action.id) in text
    assert scene.ask("poll")[0] == 2


def test_poll_asks_at_once(scene: Scene) -> None:
    """An action is found by `hawkbit-rauc poll` long before the server's interval is over."""
    process = scene.start()
    process.wait_for_log("polling|speaks for")
    action = scene.offer(scene.board.bundle("2.0.0"))
    assert scene.ask("poll")[0] == 0
    process.wait_for_log(f"action {action.id}: offered")


def hook(scene: Scene, moment: str, text: str) -> None:
    """Give the board a program for a moment."""
    hooks = scene.board.folder / "hooks"
    (hooks / moment).mkdir(parents=True)
    program = hooks / moment / "10-board"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    scene.keys["hooks"] = hooks


def test_several_bundles_are_installed_in_the_order_of_the_configuration(new_scene: NewScene) -> None:
    """A motor's firmware is in place before the system that needs it is installed; the action ends with that."""
    scene = new_scene(layout=AB_FIRMWARE)
    scene.keys["bundle_pattern"] = "motor-*.raucb; board-*.raucb"
    system, motor = scene.board.bundle("2.0.0"), scene.board.bundle("1.1.0", classes=["firmware"])
    action = scene.offer({"board-2.raucb": system.path, "motor-1.raucb": motor.path, "manual.txt": b"read"})
    assert scene.once() == 0
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert scene.board.contains("B", system)
    assert scene.board.slots()["firmware.0"]["sha256"] == motor.image.sha256
    said = " | ".join(action.messages())
    assert "this was bundle 2 of the action, the last one" in said
    assert "motor-1.raucb is in place: installed into firmware.0" in said
    assert "left aside, as they are not this board's bundle: manual.txt" in said
    assert attempts(action) == len((system, motor))
    assert scene.bundles_left == []


def test_second_bundle_that_fails_leaves_the_first(new_scene: NewScene) -> None:
    """The history says what stays installed; with names that the deployment lacks, there is only one bundle."""
    scene = new_scene(layout=AB_FIRMWARE)
    scene.keys["bundle_pattern"] = "shelf-*.raucb; motor-*.raucb; board-*.raucb"
    bad, motor = scene.board.bundle("2.0.0", hook="exit 1"), scene.board.bundle("1.1.0", classes=["firmware"])
    action = scene.offer({"board-2.raucb": bad.path, "motor-1.raucb": motor.path})
    assert scene.once() == 1
    assert finals(action) == ["error"]
    assert any("bundle 2 of the action; those before it stay" in message for message in action.messages())
    assert scene.board.slots()["firmware.0"]["sha256"] == motor.image.sha256
    alone = scene.offer({"motor-2.raucb": scene.board.bundle("1.2.0", classes=["firmware"]).path})
    assert scene.once() == 0
    assert finals(alone) == ["finished"]


def test_several_bundles_are_not_kept_for_later(new_scene: NewScene) -> None:
    """A download-only action with two of them fails with that reason, before anything is fetched."""
    scene = new_scene()
    scene.keys["bundle_pattern"] = "a*; b*"
    action = scene.offer({"a": b"1" * 100, "b": b"2" * 100}, download_only=True)
    assert scene.once() == 1
    assert any("several bundles, and only one can be kept" in message for message in action.messages())
    assert scene.bundles_left == []


def with_manual(board: RaucBoard) -> dict[str, bytes | Path]:
    """A bundle, and a file that is none."""
    return {"2.0.0.raucb": board.bundle("2.0.0").path, "manual.txt": b"how to use it"}


def test_artifacts_for_others_are_named_and_left_aside(scene: Scene) -> None:
    action = scene.installed(with_manual(scene.board))
    assert any("left aside" in message and "manual.txt" in message for message in action.messages())


def test_artifacts_for_others_are_refused_where_the_configuration_says_so(scene: Scene) -> None:
    """Nothing is fetched; the sentence names them."""
    scene.keys["other_artifacts"] = "refuse"
    action = scene.offer(with_manual(scene.board))
    assert scene.once() == 1
    assert finals(action) == ["error"]
    assert any("no use for (manual.txt)" in message for message in action.messages())
    assert untouched(scene.board)
    assert scene.bundles_left == []


def test_artifacts_for_others_are_handed_to_a_hook_each_once(scene: Scene) -> None:
    """As long as the program puts one off, nothing is installed; what it took before it is not given again."""
    shelf = scene.board.folder / "shelf"
    shelf.mkdir()
    took = f'cat "$HAWKBIT_RAUC_FILE" >> {shelf}/"$HAWKBIT_RAUC_NAME"'
    hook(
        scene,
        "artifact",
        f'[ -e {shelf}/open ] || [ -z "$(ls {shelf})" ] || {{ echo "shelf full"; exit 75; }}; {took}',
    )
    scene.keys["other_artifacts"] = "hook"
    action = scene.offer(with_manual(scene.board) | {"read.me": b"please"})
    assert scene.once() == 0
    assert any(message.endswith("says later: shelf full") for message in action.messages())
    assert untouched(scene.board)
    assert len(list(shelf.iterdir())) == 1
    (shelf / "open").touch()
    assert scene.once() == 0
    assert scene.board.slot("B")["installed.count"] == 1
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert (shelf / "manual.txt").read_bytes() == b"how to use it"
    assert (shelf / "read.me").read_bytes() == b"please"
    assert scene.bundles_left == []


def test_hooks_have_a_say_and_are_told(scene: Scene) -> None:
    """A board on battery installs later; how things stand is told to a display."""
    hooks = scene.board.folder / "hooks"
    hook(scene, "before-installation", f'[ -e {hooks}/mains ] || {{ echo "on battery"; exit 75; }}')
    hook(scene, "state", f'echo "$HAWKBIT_RAUC_STATE" >> {hooks}/display')
    action = scene.offer(scene.board.bundle("2.0.0"))
    assert scene.once() == 0
    assert any(message.endswith("says later: on battery") for message in action.messages())
    assert untouched(scene.board)
    (hooks / "mains").touch()
    assert scene.once() == 0
    assert scene.board.slot("B")["installed.count"] == 1
    assert {"downloading", "waiting", "installing"} <= set((hooks / "display").read_text().split())
