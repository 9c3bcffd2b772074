# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of several folders ask for: boards, servers, and what surrounds a command.

Each name means the same thing in every folder; a folder may only make that thing in another way.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings
from rig.bus import Bus
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit as RealHawkbit
from rig.rauc import RaucBoard

from hawkbit_testing import Hawkbit

#: `pytest tests/story/test_model.py --hypothesis-profile=long --timeout=0` looks for what CI's budget does not find.
settings.register_profile("long", max_examples=5000)


def pytest_configure() -> None:
    """Take from the environment what no board has, and end on SIGTERM as on Ctrl-C, so that fixtures end what they started."""
    os.environ.pop("SSL_CERT_FILE", None)  # each program would read all authorities when it starts

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """End all measuring for a test with `no_cover`.

    A worker of pytest-xdist is a program of its own, so it was measured before pytest-cov began to measure it as well;
    and pytest-cov pauses what itself began.
    """
    measuring = sys.gettrace()
    if item.get_closest_marker("no_cover"):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(measuring)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """A private system bus."""
    with Bus(tmp_path / "bus") as running:
        yield running


@pytest.fixture
def new_board(bus: Bus, tmp_path: Path) -> Iterator[Callable[..., RaucBoard]]:
    """Starts a board; takes the options of `rig.rauc.RaucBoard`. One at a time on the bus."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(RaucBoard(tmp_path / "board", bus, **options))


@pytest.fixture
def board(new_board: Callable[..., RaucBoard]) -> RaucBoard:
    """A board with RAUC 1.8 and GRUB, running from A, which is committed."""
    return new_board()


@pytest.fixture(scope="session")
def real_hawkbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHawkbit]:
    """A hawkBit with its default limits, or the one that HAWKBIT_URL names; make a target for each test."""
    with RealHawkbit.chosen(tmp_path_factory.mktemp("hawkbit")) as server:
        yield server


@pytest.fixture(scope="session")
def goosebit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Goosebit]:
    """A goosebit; make a device for each test, and give each bundle a version of its own."""
    with Goosebit(tmp_path_factory.mktemp("goosebit")) as server:
        yield server


@pytest.fixture
def double() -> Hawkbit:
    """A hawkBit in memory."""
    return Hawkbit()


@pytest.fixture
def served_double(double: Hawkbit) -> Iterator[Hawkbit]:
    """The double, at its `url` on the loopback interface."""
    with double:
        yield double


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For a command within the test's process: a state folder, no bus, systemd or proxy; logging is left as it was."""
    root, own = logging.getLogger(), logging.getLogger("hawkbit_rauc")
    before = root.handlers[:], root.level, own.level, logging.raiseExceptions
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in ("NOTIFY_SOCKET", "JOURNAL_STREAM", *proxies, *map(str.upper, proxies)):
        monkeypatch.delenv(name, raising=False)
    yield
    root.handlers[:], root.level, own.level, logging.raiseExceptions = before
