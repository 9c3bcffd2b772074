# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens when the journal is lost, or when somebody does by hand what the daemon should."""

import pytest
from boards.real.scene import Scene, attempts, finals


@pytest.mark.case(10)
@pytest.mark.parametrize("when", ["before the reboot", "after the reboot", "after the fallback"])
def test_lost_journal_changes_nothing(scene: Scene, when: str) -> None:
    """RAUC's transaction (1.13) or the note at the server (1.8) tells; nothing is installed twice."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    if when == "before the reboot":
        scene.lose_journal()
        assert scene.once() == 0
        assert action.outcome() is None
    slot = scene.boot("B") if when == "after the fallback" else scene.boot()
    scene.lose_journal()
    assert scene.ended(action) == ("error" if slot == "A" else "finished")
    assert len(finals(action)) == 1
    assert attempts(action) == 1
    assert scene.board.slot("B")["installed.count"] == 1


def test_journal_lost_after_the_final_installs_nothing(scene: Scene) -> None:
    """An action that is over is not offered again, so that there is nothing to remember."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    assert scene.boot() == "B"
    assert scene.once() == 0
    scene.lose_journal()
    assert scene.once() == 0
    assert finals(action) == ["finished"]
    assert scene.board.slot("A").get("installed.count", 0) == 0


def test_another_bundle_installed_by_hand_supersedes(scene: Scene) -> None:
    """`rauc install` of another bundle while the reboot is pending: failure that says so (row 4)."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    scene.board.rauc("install", scene.board.bundle("9.0.0").path)
    assert scene.boot() == "B"
    assert scene.once() == 1
    assert finals(action) == ["error"]
    assert any("superseded by another installation" in text for text in action.messages())


def test_the_same_bundle_installed_by_hand_is_a_success(scene: Scene) -> None:
    """`rauc install` of the same bundle while the reboot is pending: what was asked for runs (row 4)."""
    bundle = scene.board.bundle("2.0.0")
    action = scene.installed(bundle)
    scene.board.rauc("install", scene.board.bundle("2.0.0").path)
    assert scene.boot() == "B"
    assert scene.once() == 0
    assert finals(action) == ["finished"]


def test_old_slot_activated_by_hand_is_a_failure(scene: Scene) -> None:
    """`rauc status mark-active booted` while the reboot is pending, and a boot: failure that says so (row 8)."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    scene.board.rauc("status", "mark-active", "booted")
    assert scene.boot() == "A"
    assert scene.once() == 1
    assert finals(action) == ["error"]
    assert any("activated by hand" in text for text in action.messages())
