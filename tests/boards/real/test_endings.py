# SPDX-License-Identifier: LGPL-2.1-or-later
"""How deployments end: what the server is told, when, and what is in the slots then."""

import re
from pathlib import Path

import pytest
from boards.real.scene import Scene, attempts, finals
from rig.process import wait_until


@pytest.mark.state("forced", "closed success")
def test_success_is_told_only_when_the_new_system_is_committed(scene: Scene) -> None:
    """Until mark-good the action is open; then it is finished, in few entries, with the bundle in the slot."""
    bundle = scene.board.bundle("2.0.0")
    action = scene.offer(bundle)
    scene.start()
    action.wait_for_message("reboot pending")
    assert action.outcome() is None
    assert scene.boot(good=False) == "B"
    scene.start()
    action.wait_for_message("not committed")
    assert action.outcome() is None
    scene.board.mark_good()
    assert action.wait() == "finished"
    assert scene.target.update_status == "in_sync"
    assert scene.board.contains("B", bundle)
    assert finals(action) == ["finished"]
    assert len(action.history()) <= 60
    assert attempts(action) == 1
    assert scene.bundles_left == []


@pytest.mark.state("proceeding none")
def test_progress_is_joined(scene: Scene) -> None:
    """A slow download of several minutes' worth of percents makes quarters in the history, each once."""
    scene.keys |= {"download_speed_limit": 1024 * 1024}
    action = scene.offer(scene.board.bundle("2.0.0"))
    scene.start()
    action.wait_for_message("reboot pending")
    told = [message for message in action.messages() if "downloading" in message]
    assert told
    assert len(told) == len(set(told))
    assert len(action.history()) <= 20


def refused(scene: Scene, path: Path, reason: str) -> None:
    """Offer a file that RAUC does not install: failure at once, for this reason, and nothing else changed."""
    before = scene.board.sha256("B", 2**20)
    action = scene.offer(path)
    assert scene.once() == 1
    assert action.outcome() == "error"
    last = action.history()[-1]
    assert any(re.search(reason, message) for message in last.messages), last
    assert finals(action) == ["error"]
    assert attempts(action) <= 1
    assert scene.board.primary() == "A"
    assert scene.board.state("A") == "good"
    assert scene.board.sha256("B", 2**20) == before
    assert scene.bundles_left == []


@pytest.mark.state("closed failure")
def test_bundle_for_another_board_is_refused(scene: Scene) -> None:
    """A wrong compatible is a failure, and RAUC's reason names both."""
    refused(
        scene,
        scene.board.bundle("2.0.0", compatible="another").path,
        r"(?s)rig-board.*another|another.*rig-board",
    )


def test_bundle_with_a_wrong_signature_is_refused(scene: Scene) -> None:
    """A signature of somebody else is a failure, and RAUC's reason says so."""
    refused(
        scene, scene.board.bundle("2.0.0", sign="wrong").path, "(?i)signature verification failed|certificate"
    )


def test_truncated_bundle_is_refused(scene: Scene) -> None:
    """A bundle that was cut before it was uploaded is what was announced, and RAUC refuses it."""
    refused(scene, scene.board.bundle("2.0.0").cut(), "(?i)signature|invalid")


def test_flipped_bundle_is_refused(scene: Scene) -> None:
    """One wrong bit in the bundle, with right hashes at the server, and RAUC refuses it."""
    refused(scene, scene.board.bundle("2.0.0").flipped(), "(?i)signature|digest")


def test_file_that_is_no_bundle_is_refused(scene: Scene, tmp_path: Path) -> None:
    """A text file instead of a bundle is a failure with RAUC's reason."""
    file = tmp_path / "notes.txt"
    file.write_text("not a bundle\n" * 1000)
    refused(scene, file, "(?i)bundle|signature|magic")


def test_failing_hook_is_told_with_its_words(scene: Scene) -> None:
    """An installation that fails in the middle is a failure with RAUC's LastError; A stays primary."""
    action = scene.offer(scene.board.bundle("2.0.0", hook="exit 1"))
    assert scene.once() == 1
    assert action.outcome() == "error"
    assert any("hook" in message.lower() for message in action.history()[-1].messages), action.history()
    assert scene.board.primary() == "A"
    assert scene.bundles_left == []


@pytest.mark.case(25)
def test_several_bundles_are_refused_by_name(scene: Scene) -> None:
    """Two bundles in one deployment are a failure that names both, and nothing is downloaded."""
    one, two = scene.board.bundle("2.0.0"), scene.board.bundle("3.0.0")
    action = scene.offer({"one.raucb": one.path, "two.raucb": two.path})
    assert scene.once() == 1
    assert action.outcome() == "error"
    assert any("one.raucb" in text and "two.raucb" in text for text in action.history()[-1].messages)
    assert scene.proxy.received < 100_000


def test_bundle_beside_other_files_is_installed(scene: Scene) -> None:
    """The only *.raucb of several artifacts is the bundle."""
    bundle = scene.board.bundle("2.0.0")
    scene.installed({"readme.txt": b"hello", "system.raucb": bundle.path})
    assert scene.board.contains("B", bundle)


def test_two_deployments_in_a_row_go_there_and_back(scene: Scene) -> None:
    """A -> B -> A, each told once, each slot with its bundle."""
    first, second = scene.board.bundle("2.0.0"), scene.board.bundle("3.0.0")
    for bundle, slot in ((first, "B"), (second, "A")):
        action = scene.installed(bundle)
        assert scene.boot() == slot
        assert scene.once() == 0
        assert finals(action) == ["finished"]
        assert scene.board.contains(slot, bundle)
    assert scene.board.contains("B", first)


def test_fallback_is_told_as_failure_with_both_slots(scene: Scene) -> None:
    """A new system that does not come up is a failure, and its reason has both slots' states."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    assert scene.boot("B") == "A"
    assert scene.once() == 1
    assert action.outcome() == "error"
    words = " ".join(action.history()[-1].messages)
    assert "fell back to slot rootfs.0" in words
    assert "slot rootfs.0: booted, good, primary" in words
    assert "slot rootfs.1: inactive, bad, 2.0.0" in words
    assert finals(action) == ["error"]
    assert scene.target.update_status == "error"


@pytest.mark.case(11, 12)
def test_the_same_bundle_may_be_wished_again_after_a_fallback(scene: Scene) -> None:
    """A new action for the bundle that fell back installs it again."""
    bundle = scene.board.bundle("2.0.0")
    scene.installed(bundle)
    scene.boot("B")
    scene.once()
    action = scene.installed(bundle)
    assert scene.boot() == "B"
    assert scene.once() == 0
    assert finals(action) == ["finished"]


def test_booted_slot_that_is_not_committed_is_never_overwritten(scene: Scene) -> None:
    """Where A was not marked good since its boot, nothing is installed, and the history says why."""
    scene.boot(good=False)
    before = scene.board.slot("B").get("installed.count", 0)
    bundle = scene.board.bundle("2.0.0")
    action = scene.offer(bundle)
    scene.start()
    action.wait_for_message("not committed")
    assert scene.board.slot("B").get("installed.count", 0) == before
    assert attempts(action) == 0
    scene.board.mark_good()
    action.wait_for_message("reboot pending")
    assert scene.board.contains("B", bundle)


def test_reboot_is_asked_of_logind_after_the_server_was_told(scene: Scene) -> None:
    """With post_update_reboot, logind is asked once, and the history has the pending reboot by then."""
    scene.keys |= {"post_update_reboot": True}
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot")
    assert any("reboot pending" in message for message in action.messages())
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert scene.board.login.calls == ["Reboot"]


def test_refused_reboot_is_told_and_asked_again(scene: Scene) -> None:
    """A logind that refuses is a trouble that passes: it stands in the history, and the action stays open."""
    scene.keys |= {"post_update_reboot": True}
    scene.board.login.refuse = True
    action = scene.offer(scene.board.bundle("2.0.0"))
    process = scene.start()
    action.wait_for_message("reboot was not accepted")
    assert action.outcome() is None
    scene.board.login.refuse = False
    process.ready(scene.board.reboot_requested.is_set, "a request to reboot", timeout=30)


def test_success_may_be_told_at_the_installation(scene: Scene) -> None:
    """With report_success = installed the action is finished before the reboot."""
    scene.keys |= {"report_success": "installed"}
    action = scene.offer(scene.board.bundle("2.0.0"))
    assert scene.once() == 0
    assert finals(action) == ["finished"]
    assert scene.board.booted == "A"
    assert scene.board.primary() == "B"


@pytest.mark.parametrize("story", ["idle", "success", "failure", "away", "refused token", "no RAUC"])
def test_once_tells_by_its_exit_code_how_it_went(scene: Scene, story: str) -> None:
    """0 nothing to do or all done, 1 a deployment failed, 2 server or RAUC away, or credentials refused."""
    scene.keys |= {"once_timeout": 2}
    if story in ("success", "no RAUC"):
        scene.offer(scene.board.bundle("2.0.0"))
    if story == "failure":
        scene.offer(scene.board.bundle("2.0.0", compatible="another"))
    if story == "away":
        scene.proxy.cut()
    if story == "refused token":
        scene.target.token = "another"
    if story == "no RAUC":
        scene.board.kill()
    expected = {"idle": 0, "success": 0, "failure": 1}.get(story, 2)
    assert scene.once(20) == expected


def test_attributes_are_told(scene: Scene) -> None:
    """The server has the attributes of [device], what its commands say, and what RAUC knows, after the first poll."""
    scene.keys["device"] = {"product": "rig", "serial": "exec:/bin/echo 0815", "colour": "exec:/bin/false"}
    assert scene.once() == 0
    assert wait_until(lambda: scene.target.attributes, "attributes") == {
        "product": "rig",
        "serial": "0815",
        "rauc_compatible": scene.board.compatible,
        "rauc_booted_slot": "A",
        "rauc_boot_status": "good",
    }
