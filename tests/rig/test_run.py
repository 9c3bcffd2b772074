# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real command runs on the board: its bus, its boot id, its state."""

from pathlib import Path

import pytest

from rig.rauc import RaucBoard
from rig.run import configuration, daemon
from rig.target import free_port


@pytest.fixture
def file(board: RaucBoard) -> Path:
    """A configuration whose server does not exist."""
    return configuration(
        board.folder / "config.conf",
        server=f"127.0.0.1:{free_port()}",
        target="nobody",
        token="none",
        bundle=board.folder / "bundle.raucb",
        first_poll_within=0,
    )


def test_daemon_runs_until_it_is_told_to_end(board: RaucBoard, file: Path) -> None:
    """It tells its server's absence, and ends by itself within seconds of a TERM, with 0."""
    with daemon(board, file) as process:
        process.wait_for_log(r"127\.0\.0\.1")
        process.terminate()
        assert process.wait(5) == 0


def test_daemon_killed(board: RaucBoard, file: Path) -> None:
    """Killed, it is gone at once, and another one may start in its place."""
    with daemon(board, file) as process:
        process.wait_for_log(r"127\.0\.0\.1")
        process.kill()
        assert process.returncode == -9
    with daemon(board, file) as process:
        process.wait_for_log(r"127\.0\.0\.1")


def test_configuration_is_written_as_the_daemon_reads_it(tmp_path: Path) -> None:
    """Booleans are small words, and a key that is None is left out."""
    file = configuration(
        tmp_path / "config.conf",
        server="h:1",
        target="t",
        token="s",
        bundle=tmp_path / "b",
        log_level=None,
        ssl=True,
    )
    assert file.read_text().splitlines()[:3] == ["[client]", "hawkbit_server=h:1", "ssl=true"]
    assert "log_level" not in file.read_text()
