# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real parts as fixtures: a bus and boards of its own for each test, one server of each kind for all."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings
from rig.bus import Bus
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit
from rig.rauc import Board

#: `pytest tests/story/test_model.py --hypothesis-profile=long --timeout=0` looks for what CI's budget does not find.
settings.register_profile("long", max_examples=5000)


def pytest_configure() -> None:
    """End on SIGTERM as on Ctrl-C, so that fixtures end what they started."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """A private system bus."""
    with Bus(tmp_path / "bus") as running:
        yield running


@pytest.fixture
def new_board(bus: Bus, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """Starts a board; takes the options of `rig.rauc.Board`. One at a time on the bus."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Board(tmp_path / "board", bus, **options))


@pytest.fixture
def board(new_board: Callable[..., Board]) -> Board:
    """A board with RAUC 1.8 and GRUB, running from A, which is committed."""
    return new_board()


@pytest.fixture(scope="session")
def hawkbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hawkbit]:
    """A hawkBit with its default limits, or the one that HAWKBIT_URL names; make a target for each test."""
    with Hawkbit.chosen(tmp_path_factory.mktemp("hawkbit")) as server:
        yield server


@pytest.fixture(scope="session")
def goosebit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Goosebit]:
    """A goosebit; make a device for each test, and give each bundle a version of its own."""
    with Goosebit(tmp_path_factory.mktemp("goosebit")) as server:
        yield server
