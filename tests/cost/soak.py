# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon with a clock that never waits: it prints its resident bytes and its allocated
blocks after each so many polls, then ends.

::

    python soak.py CONFIGURATION POLLS STEP
"""

import asyncio
import gc
import random
import sys
from pathlib import Path
from typing import Any

from attrs import evolve

from hawkbit_rauc.app.assembly import adapters
from hawkbit_rauc.board.clock import BootClock
from hawkbit_rauc.board.state_folder import state_folder
from hawkbit_rauc.config.config import load
from hawkbit_rauc.story.daemon import Daemon


class Hurried(BootClock):
    """Time passes as soon as somebody waits for it."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.ahead += max(0.0, seconds)


class Counted:
    """The server; ends the daemon after so many polls."""

    def __init__(self, server: Any, polls: int, step: int) -> None:
        self._server, self._polls, self._step, self._count = server, polls, step, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def poll(self) -> Any:
        self._count += 1
        if self._count % self._step == 0:
            gc.collect()
            fields = Path("/proc/self/statm").read_text().split()
            print(self._count, int(fields[1]) * 4096, sys.getallocatedblocks(), flush=True)
        if self._count >= self._polls:
            raise KeyboardInterrupt
        return await self._server.poll()


async def main(file: str, polls: str, step: str) -> None:
    config = load(Path(file), state_dir=state_folder())
    async with adapters(config) as ready:
        server = Counted(ready.server, int(polls), int(step))
        world = evolve(ready.world, server=server, clock=Hurried())
        daemon = Daemon(
            world,
            ready.attributes,
            first_poll_within=0,
            retry_wait=config.retry_wait,
            once_timeout=config.once_timeout,
            random=random.random,
        )
        await daemon.run()


try:
    asyncio.run(main(*sys.argv[1:]))
except KeyboardInterrupt:
    sys.exit(0)
