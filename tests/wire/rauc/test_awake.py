# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sleep and shutdown are held off while something must not be cut off, if there is somebody who can.

That logind agrees, and what it shows, is in tests/boards/packaging/test_systemd.py.
"""

import logging
from pathlib import Path

import pytest
from rig.bus import Bus
from rig.process import wait_until
from rig.rauc import RaucBoard
from wire.rauc.using import on_bus

from hawkbit_rauc.board import machine
from hawkbit_rauc.board.machine import Board

#: Shows what it was asked for and which process it is, and runs the command as the real one does.
_STAND_IN = """\
#!/bin/sh
echo "$1 $2 $3 $4" >> "$HELD/asked"
echo $$ >> "$HELD/process"
while [ "${1#--}" != "$1" ]; do shift; done
"$@"
"""


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a stand-in for systemd-inhibit writes down what it does."""
    program = tmp_path / "bin" / "systemd-inhibit"
    program.parent.mkdir()
    program.write_text(_STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("HELD", str(tmp_path))
    return tmp_path


def those_that_hold(held: Path) -> list[Path]:
    """The processes that hold it off."""
    return [Path("/proc", process) for process in (held / "process").read_text().split()]


@pytest.mark.parametrize(
    ("shutdown", "kinds"), [(False, ["--what=sleep"]), (True, ["--what=sleep", "--what=shutdown"])]
)
def test_it_is_held_off_as_long_as_it_lasts(held: Path, bus: Bus, shutdown: bool, kinds: list[str]) -> None:
    """It has begun before anything else, and ends with it."""

    async def story(ours: object) -> list[Path]:
        async with Board(ours, logind=False).awake("a bundle", shutdown=shutdown):  # type: ignore[arg-type]
            processes = those_that_hold(held)
            assert all(process.exists() for process in processes)
            asked = (held / "asked").read_text()
            assert [word for word in asked.split() if word.startswith("--what")] == kinds
            assert "--why=a bundle" in asked
        return processes

    processes = on_bus(bus, story)
    wait_until(lambda: not any(process.exists() for process in processes), "the end of the inhibition")


def test_what_goes_wrong_meanwhile_comes_through_and_ends_it(held: Path, bus: Bus) -> None:
    async def story(ours: object) -> None:
        async with Board(ours).awake("a bundle"):  # type: ignore[arg-type]
            raise FileNotFoundError("something else")

    with pytest.raises(FileNotFoundError, match="something else"):
        on_bus(bus, story)
    (process,) = those_that_hold(held)
    wait_until(lambda: not process.exists(), "the end of the inhibition")


def test_a_refusal_is_told_once_and_stops_nothing(
    board: RaucBoard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The real systemd-inhibit, and a logind that knows no such call."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", board.bus.environment["DBUS_SYSTEM_BUS_ADDRESS"])
    caplog.set_level(logging.INFO, machine.__name__)
    done = []

    async def story(ours: object) -> None:
        of_it = Board(ours)  # type: ignore[arg-type]
        for turn in range(2):
            async with of_it.awake("a bundle"):
                done.append(turn)

    on_bus(board.bus, story)
    assert done == [0, 1]
    (told,) = caplog.messages
    assert told.startswith("sleep and shutdown are not held off: ")
    assert "no Inhibit here" in told


def test_a_board_without_systemd_is_not_told_about_it(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    caplog.set_level(logging.INFO, machine.__name__)

    async def story(ours: object) -> bool:
        async with Board(ours).awake("a bundle"):  # type: ignore[arg-type]
            return True

    assert on_bus(bus, story)
    assert caplog.messages == []
