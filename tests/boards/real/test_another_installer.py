# SPDX-License-Identifier: LGPL-2.1-or-later
"""What rauc-hawkbit-updater does without a whole RAUC on the bus, on a real hawkBit.

Its own tests run downloads without any RAUC, and installations with a program that has RAUC's interface and knows
`InstallBundle` only. hawkBit is to be told the same by us.
"""

import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.bus import Bus
from rig.hawkbit import Hawkbit
from rig.process import Process
from rig.run import COMMAND, configuration
from wire.rauc.stand_in import Answer, Error, StandIn

from hawkbit_rauc.rauc.installer import NAME, RAUC
from hawkbit_testing.management import Target

BUNDLE = os.urandom(512 * 1024)
LACKING = Error("unknown.AttributeError", "'Installer' object has no attribute")  # pydbus
Run = Callable[..., int]
NewInstaller = Callable[..., "Installer"]


@pytest.fixture(params=["download", "stream"])
def streams(request: pytest.FixtureRequest) -> bool:
    """Whether the installer is to fetch by itself."""
    return bool(request.param == "stream")


@pytest.fixture
def target(quick_hawkbit: Hawkbit) -> Target:
    """A board that hawkBit knows and that never asked for anything."""
    return quick_hawkbit.target()


@pytest.fixture
def run_once(tmp_path: Path, bus: Bus, quick_hawkbit: Hawkbit, target: Target) -> Run:
    """Runs `hawkbit-rauc run --once`, with further keys of the configuration; gives its exit code."""

    def run(**keys: Any) -> int:
        file = configuration(
            tmp_path / "config.conf",
            server=quick_hawkbit.host,
            target=target.id,
            token=target.token,
            bundle=tmp_path / "bundle.raucb",
            **keys,
        )
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        environment = {**bus.environment, "STATE_DIRECTORY": str(state)}
        with Process([COMMAND, "-c", file, "run", "--once"], tmp_path / "log", environment) as process:
            code = process.wait(60)
            assert "Traceback" not in process.text()
            return code

    return run


class Installer(StandIn):
    """Takes any bundle; what it got is in `got`."""

    def __init__(self, bus: Bus, completed: int, why: str) -> None:
        self.got: list[bytes] = []
        self._completed = completed
        super().__init__(
            bus,
            NAME,
            {
                "GetAll": lambda _: ("a{sv}", ({"Operation": ("s", "idle"), "LastError": ("s", why)},)),
                "Get": lambda _, name: ("v", (("s", "idle" if name == "Operation" else why),)),
                "GetSlotStatus": lambda: LACKING,
                "GetPrimary": lambda: LACKING,
                "InstallBundle": self._install,
            },
        )

    def _install(self, source: str, options: dict[str, tuple[str, Any]]) -> Answer:
        headers = dict(line.split(": ", 1) for line in options.get("http-headers", ("as", []))[1])
        url = source if source.startswith("http") else Path(source).as_uri()
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            self.got.append(answer.read())
        self.then(lambda: self.signal(RAUC.path, RAUC.interface, "Completed", "i", self._completed))
        return "", ()


@pytest.fixture
def new_installer(bus: Bus) -> Iterator[NewInstaller]:
    """Puts an installer on the bus that ends with the given code, and says why."""
    running: list[Installer] = []

    def start(completed: int, why: str = "") -> Installer:
        running.append(Installer(bus, completed, why).__enter__())
        return running[-1]

    yield start
    for installer in running:
        installer.__exit__(None, None, None)


def test_a_download_needs_no_installer(target: Target, run_once: Run, tmp_path: Path) -> None:
    """A deployment that is to be downloaded only ends with that, with nobody on the bus."""
    action = target.assign({"bundle.raucb": BUNDLE}, download_only=True)
    assert run_once() == 0
    action.wait_for_message("downloaded and verified, as asked")
    assert (tmp_path / "bundle.raucb").read_bytes() == BUNDLE


def test_what_needs_an_installer_waits_for_one(target: Target, run_once: Run, *, streams: bool) -> None:
    """Unlike with rauc-hawkbit-updater, an update is not lost because RAUC starts later."""
    action = target.assign({"bundle.raucb": BUNDLE})
    assert run_once(stream_bundle=streams, once_timeout=3) == 2
    assert action.outcome() is None
    action.wait_for_message("put off: RAUC is not on the bus")


def test_an_installer_that_knows_nothing_else_installs(
    target: Target, run_once: Run, new_installer: NewInstaller, *, streams: bool
) -> None:
    """Success is what it says; that nobody saw a boot is said with it."""
    installer = new_installer(0)
    action = target.assign({"bundle.raucb": BUNDLE})
    assert run_once(stream_bundle=streams) == 0
    assert action.outcome() == "finished"
    action.wait_for_message("this RAUC can't tell about slots")
    assert installer.got == [BUNDLE]


def test_an_installer_that_fails_without_a_word_is_told_as_failed(
    target: Target, run_once: Run, new_installer: NewInstaller, *, streams: bool
) -> None:
    """There is no reason to try again."""
    installer = new_installer(1)
    action = target.assign({"bundle.raucb": BUNDLE})
    assert run_once(stream_bundle=streams) == 1
    assert action.outcome() == "error"
    assert installer.got == [BUNDLE]


def test_one_run_ends_with_the_reason_of_the_attempt_that_failed(
    target: Target, run_once: Run, new_installer: NewInstaller, tmp_path: Path, *, streams: bool
) -> None:
    """What may pass is tried again by a later run; this one says why it ends, as the history does."""
    new_installer(1, "the moon is not up yet")
    action = target.assign({"bundle.raucb": BUNDLE})
    assert run_once(stream_bundle=streams) == 1
    assert action.outcome() is None
    action.wait_for_message("put off: the moon is not up yet")
    last = (tmp_path / "log").read_text().splitlines()[-1]
    assert "gave up: the moon is not up yet; --once waits no longer than 30 s" in last


@pytest.mark.parametrize("modules", [1, 2])
def test_several_artifacts_are_refused_at_once(
    target: Target, quick_hawkbit: Hawkbit, run_once: Run, modules: int
) -> None:
    """Where nobody has said which one is the bundle, nobody is asked to install any."""
    module = quick_hawkbit.module
    if modules == 1:
        parts = [module({"a.raucb": b"a" * 1000, "b.raucb": b"b" * 1000})]
    else:
        parts = [module({"a.raucb": b"a" * 1000}), module({"b.raucb": b"b" * 1000}, "application")]
    action = target.assign(quick_hawkbit.distribution_set(*parts))
    assert run_once() == 1
    assert action.outcome() == "error"


def test_a_cancelation_before_the_first_poll_is_accepted(
    target: Target, run_once: Run, *, streams: bool
) -> None:
    """Also with no installer on the bus that could be asked."""
    action = target.assign({"bundle.raucb": BUNDLE})
    action.cancel()
    assert run_once(stream_bundle=streams) == 0
    assert action.outcome() == "canceled"
