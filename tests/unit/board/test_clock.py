# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sleep ends in time, can be cancelled, and leaves nothing open."""

import asyncio
import os
import resource
import select
import time
from pathlib import Path

import pytest

from hawkbit_rauc.board import clock
from hawkbit_rauc.board.clock import BootClock


def descriptors() -> list[int]:
    return [int(link.name) for link in Path("/proc/self/fd").iterdir()]


def test_now_is_the_boot_time() -> None:
    """Time is that of CLOCK_BOOTTIME, which counts sleep as well."""
    assert abs(BootClock().now() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


def test_sleep_lasts_as_long_as_it_should() -> None:
    """It is not shorter, and not much longer."""
    ours = BootClock()
    before = ours.now()
    asyncio.run(ours.sleep(0.05))
    assert 0.05 <= ours.now() - before < 5


@pytest.mark.parametrize("seconds", [0, -1, 1e-12])
def test_no_time_at_all_ends_at_once(seconds: float) -> None:
    """Nothing, less, and less than a nanosecond don't wait for ever."""

    async def main() -> None:
        async with asyncio.timeout(5):
            await BootClock().sleep(seconds)

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [3600.0, float("inf"), 1e300])
def test_cancelled_sleep_closes_its_timer(seconds: float) -> None:
    """However long it should last, a sleep can be cancelled at once and its timer is gone."""

    async def main() -> None:
        before = len(descriptors())
        asleep = asyncio.create_task(BootClock().sleep(seconds))
        await asyncio.sleep(0)
        assert len(descriptors()) == before + 1
        asleep.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asleep
        assert len(descriptors()) == before

    asyncio.run(main())


def test_timer_runs_on_the_boot_clock() -> None:
    """The kernel says that the timer's clock is CLOCK_BOOTTIME, with the time that was asked for."""
    timer = clock.open_timer(1234.5)
    facts = Path(f"/proc/self/fdinfo/{timer}").read_text()
    ready, _, _ = select.select([timer], [], [], 0)
    os.close(timer)
    assert f"clockid: {time.CLOCK_BOOTTIME}" in facts
    assert "it_value: (1234, " in facts
    assert "it_interval: (0, 0)" in facts
    assert not ready


def test_many_sleeps_end_in_their_order() -> None:
    """Sleeps don't disturb each other."""

    async def main() -> list[float]:
        ended: list[float] = []

        async def one(seconds: float) -> None:
            await BootClock().sleep(seconds)
            ended.append(seconds)

        await asyncio.gather(one(0.15), one(0.05), one(0.1))
        return ended

    assert asyncio.run(main()) == [0.05, 0.1, 0.15]


def test_sleep_works_where_the_kernel_has_no_such_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file descriptor is left, so no timer can be made: asyncio's own sleep is used."""

    async def main() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors()), hard))
        fillers = []
        try:
            while True:
                try:
                    fillers.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
            before = time.monotonic()
            await BootClock().sleep(0.05)
            assert time.monotonic() - before >= 0.05
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for filler in fillers:
                os.close(filler)

    asyncio.run(main())
