# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers, RAUCs and disks that go away in the middle, and come back."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from boards.real.scene import Scene, attempts, finals
from rig.bundles import MIB
from rig.bus import Bus
from rig.disk import small_disk
from rig.hawkbit import Hawkbit
from rig.nginx import Nginx
from rig.proxy import Proxy
from rig.rauc import RaucBoard

NewScene = Callable[..., Scene]


# ---------------------------------------------------------------- the server


@pytest.mark.case(22)
def test_download_goes_on_where_the_server_went_away(scene: Scene) -> None:
    """Cut in the middle, then away for a while: the rest alone is asked for, and the bundle is right."""
    bundle = scene.board.bundle("2.0.0", size=8 * MIB)
    action = scene.offer(bundle)
    scene.proxy.limit(bundle.size // 2)
    process = scene.start()
    scene.proxy.wait_received(bundle.size // 2)
    scene.proxy.cut()
    process.wait_for_log("refused|failed|broke|reset")
    scene.proxy.restore()
    action.wait_for_message("reboot pending")
    assert scene.board.contains("B", bundle)
    # A reset throws away what the kernel holds, so the half may be fetched twice, but never the whole.
    assert scene.proxy.received < bundle.size * 1.6
    assert any(re.search(r"range bytes=[1-9]\d*-", text) for text in action.messages()) or (
        scene.hawkbit.version >= (0, 8)  # does not log ranges
    )
    assert attempts(action) == 1


@pytest.mark.case(22)
def test_download_goes_on_after_a_kill(scene: Scene) -> None:
    """Killed while it downloads, the next daemon asks for the rest alone."""
    bundle = scene.board.bundle("2.0.0", size=8 * MIB)
    scene.keys |= {"download_speed_limit": 4 * MIB}
    action = scene.offer(bundle)
    process = scene.start()
    process.wait_for_log("downloading [3-9]")
    process.kill()
    scene.proxy.reset()
    kept = max(path.stat().st_size for path in scene.bundles_left)
    assert kept > bundle.size // 10
    before = scene.proxy.received
    assert scene.once() == 0
    assert scene.proxy.received - before < bundle.size - kept + 200_000
    assert scene.board.contains("B", bundle)
    assert attempts(action) == 1


@pytest.mark.case(18)
def test_final_is_told_once_when_the_server_is_back(scene: Scene) -> None:
    """The server is away when success is decided: it is told when it is back, and once."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    scene.boot(good=False)
    process = scene.start()
    action.wait_for_message("not committed")
    scene.proxy.cut()
    scene.board.mark_good()
    process.wait_for_log("refused the connection")
    assert action.outcome() is None
    scene.proxy.restore()
    assert action.wait() == "finished"
    assert finals(action) == ["finished"]


@pytest.mark.case(10)
def test_decided_outcome_survives_a_kill_while_the_server_is_away(scene: Scene) -> None:
    """RAUC refuses the bundle while the server is away, the daemon is killed: the failure is told later, once."""
    with scene.board.hold("set-state") as hold:
        action = scene.offer(scene.board.bundle("2.0.0", hook="exit 1"))
        process = scene.start()
        hold.wait()
        scene.proxy.cut()
    process.wait_for_log("(?i)refused the connection|failed")
    process.kill()
    scene.proxy.restore()
    assert scene.ended(action) == "error"
    assert finals(action) == ["error"]
    assert attempts(action) <= 2


def test_stalled_server_is_given_up_and_asked_again(scene: Scene) -> None:
    """A network that swallows everything in the middle of a download is noticed, and the download goes on."""
    bundle = scene.board.bundle("2.0.0", size=8 * MIB)
    scene.keys |= {"timeout": 2, "connect_timeout": 2, "low_speed_time": 2, "download_speed_limit": 8 * MIB}
    action = scene.offer(bundle)
    process = scene.start()
    process.wait_for_log("downloading [1-9]")
    scene.proxy.stall()
    process.wait_for_log("in time|arrived|bytes per second")
    scene.proxy.restore()
    scene.proxy.reset()
    action.wait_for_message("reboot pending")
    assert scene.board.contains("B", bundle)


@pytest.mark.case(18)
def test_revoked_token_is_told_and_forgiven(scene: Scene) -> None:
    """A token that is refused is a sentence in the log with the remedy, 2 with --once, and no end of the action."""
    action = scene.offer(scene.board.bundle("2.0.0"))
    scene.target.token = "another"
    scene.keys |= {"once_timeout": 2}
    assert scene.once() == 2
    process = scene.start()
    process.wait_for_log("refuses the credentials.*check the token")
    assert scene.token not in process.text()
    assert action.outcome() is None
    scene.target.token = scene.token
    action.wait_for_message("reboot pending")


def test_token_revoked_before_the_final_holds_it_back(scene: Scene) -> None:
    """Success that can't be told for a refused token is told when the token is right again."""
    action = scene.installed(scene.board.bundle("2.0.0"))
    scene.boot()
    scene.target.token = "another"
    process = scene.start()
    process.wait_for_log("refuses the credentials")
    scene.target.token = scene.token
    assert action.wait() == "finished"
    assert finals(action) == ["finished"]


def test_wrong_bytes_twice_are_a_failure(
    new_board: Callable[..., RaucBoard], quick_hawkbit: Hawkbit, version: str, tmp_path: Path
) -> None:
    """Something on the way serves other bytes than announced: failure with both hashes, nothing for RAUC."""
    board = new_board(rauc=version)
    bundle = board.bundle("2.0.0")
    with Nginx(tmp_path / "nginx") as nginx:
        forged = nginx.www / "forged.raucb"
        forged.write_bytes(bundle.flipped().read_bytes())
        forged.chmod(0o644)
        nginx.change(
            f"location / {{ proxy_pass http://{quick_hawkbit.host}; proxy_set_header Host $http_host; }}\n"
            "location ~ /artifacts/ { rewrite ^ /forged.raucb break; }"
        )
        with Proxy(nginx.host) as proxy:
            scene = Scene(board, quick_hawkbit, proxy)
            try:
                action = scene.offer(bundle)
                assert scene.once() == 1
                assert action.outcome() == "error"
                assert any("hash" in text or "sha" in text for text in action.history()[-1].messages)
                assert finals(action) == ["error"]
                assert attempts(action) == 0
                assert len([line for line in nginx.requests() if "/artifacts/" in line]) == 2
                assert scene.bundles_left == []
                assert "started" not in (board.folder / "rauc.log").read_text()
            finally:
                scene.close()


# ---------------------------------------------------------------- RAUC


@pytest.mark.parametrize("point", ["pre-install", "set-state", "post-install-rootfs", "set-primary"])
def test_killed_rauc_is_tried_again(scene: Scene, point: str) -> None:
    """RAUC dies in the middle, up to between writing and activating: told, tried again, success in 2 attempts."""
    bundle = scene.board.bundle("2.0.0")
    with scene.board.hold(point) as hold:
        action = scene.offer(bundle)
        process = scene.start()
        hold.wait()
        scene.board.kill()
    action.wait_for_message("RAUC went away")
    process.wait_for_log("RAUC is not on the bus")
    scene.board.start()
    action.wait_for_message("reboot pending")
    assert attempts(action) == 2
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert scene.board.contains("B", bundle)
    assert finals(action) == ["finished"]


def test_rauc_killed_after_the_activation_needs_no_second_attempt(scene: Scene) -> None:
    """All is written and activated, only `Completed` is missing: the slots tell, and nothing is written again."""
    bundle = scene.board.bundle("2.0.0")
    with scene.board.hold("post-install") as hold:
        action = scene.offer(bundle)
        scene.start()
        hold.wait()
        scene.board.kill()
    scene.board.start()
    action.wait_for_message("reboot pending")
    assert attempts(action) == 1
    assert scene.board.slot("B")["installed.count"] == 1
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"


def test_rauc_that_dies_three_times_ends_the_action(scene: Scene) -> None:
    """Three interrupted installations are a failure; there is no fourth."""
    action = scene.offer(scene.board.bundle("2.0.0"))
    scene.start()
    for _ in range(3):
        with scene.board.hold("set-primary") as hold:
            hold.wait()
            scene.board.kill()
        scene.board.start()
    assert action.wait(30) == "error"
    assert any("3 times" in text for text in action.history()[-1].messages)
    assert attempts(action) == 3
    assert scene.board.slot("B")["installed.count"] == 3
    assert scene.board.state("A") == "good"


def test_somebody_elses_installation_is_waited_for(scene: Scene) -> None:
    """While RAUC installs for somebody else, the action waits with a sentence; then it is installed."""
    bundle, other = scene.board.bundle("2.0.0"), scene.board.bundle("9.0.0")
    with scene.board.hold("post-install-rootfs") as hold:
        by_hand = threading.Thread(target=scene.board.rauc, args=("install", other.path))
        by_hand.start()
        hold.wait()
        action = scene.offer(bundle)
        scene.start()
        action.wait_for_message("put off: RAUC is busy")
        assert attempts(action) == 0
    by_hand.join(30)
    action.wait_for_message("reboot pending")
    assert attempts(action) == 1
    assert scene.board.contains("B", bundle)
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"


# ---------------------------------------------------------------- the disk


@pytest.fixture
def cramped(tmp_path: Path, bus: Bus, quick_hawkbit: Hawkbit, version: str) -> Iterator[tuple[Scene, Path]]:
    """A board whose download folder has 12 MiB, with a file that takes most of them."""
    with (
        small_disk(tmp_path / "board" / "download", 12) as folder,
        RaucBoard(tmp_path / "board", bus, rauc=version) as board,
        Proxy(quick_hawkbit.host) as proxy,
    ):
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(9 * MIB))
        scene = Scene(board, quick_hawkbit, proxy)
        try:
            yield scene, ballast
        finally:
            scene.close()


def test_full_disk_is_told_with_figures_and_passes(cramped: tuple[Scene, Path]) -> None:
    """The history says what is needed and what is free; the action stays open and goes on when there is room."""
    scene, ballast = cramped
    bundle = scene.board.bundle("2.0.0")
    action = scene.offer(bundle)
    scene.start()
    said = action.wait_for_message("put off: .*MiB.*free")
    assert "download" in said
    assert action.outcome() is None
    ballast.unlink()
    action.wait_for_message("reboot pending")
    assert scene.boot() == "B"
    assert scene.ended(action) == "finished"
    assert scene.board.contains("B", bundle)
    assert sum("put off" in text for text in action.messages()) == 1


def test_disk_that_fills_up_during_the_download_passes(cramped: tuple[Scene, Path]) -> None:
    """Somebody else takes the room meanwhile: told once, and the download goes on when it is free again."""
    scene, ballast = cramped
    ballast.unlink()
    bundle = scene.board.bundle("2.0.0")
    scene.keys |= {"download_speed_limit": 2 * MIB}
    action = scene.offer(bundle)
    process = scene.start()
    process.wait_for_log("downloading [2-9]")
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            pass
    action.wait_for_message("put off: .*(room|free|space)")
    assert action.outcome() is None
    ballast.unlink()
    action.wait_for_message("reboot pending")
    assert scene.board.contains("B", bundle)
