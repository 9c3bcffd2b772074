# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what a test does with our side of the bus, and leaves the bus afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import rig.bus

from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.rauc.installation import Pulse
from hawkbit_rauc.rauc.installer import Rauc

T = TypeVar("T")

#: A RAUC that is silent for half a second is suspicious, in tests.
IMPATIENT = Pulse(every=0.1, timeout=0.2, misses=2)


def quiet(done: int, total: int) -> None:
    """A progress that nobody looks at."""


def on_bus(bus: rig.bus.Bus, story: Callable[[Bus], Awaitable[T]], timeout: float = 25) -> T:
    """Run `story` with a connection to the bus; nothing may take longer than 60 seconds."""

    async def main() -> T:
        ours = Bus(bus.address, timeout=timeout)
        try:
            async with asyncio.timeout(60):
                return await story(ours)
        finally:
            await ours.close()

    return asyncio.run(main())


def with_rauc(
    bus: rig.bus.Bus, story: Callable[[Rauc], Awaitable[T]], timeout: float = 25, **options: Any
) -> T:
    """Run `story` with our adapter; `options` are `Rauc`'s."""
    options.setdefault("system_conf", [Path("/nonexistent/system.conf")])
    return on_bus(bus, lambda ours: story(Rauc(ours, **options)), timeout)
