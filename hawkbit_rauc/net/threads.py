# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls beside the event loop, in daemon threads that may be abandoned.

A name resolution can't be interrupted. `asyncio.to_thread` would hold up the exit until it ends; a daemon
thread of our own does not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a daemon thread and return its result.

    Cancelling the wait abandons the thread: whatever it returns or raises later is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = function(*args, **kwargs)
        except BaseException as caught:  # noqa: BLE001  handed to the waiting coroutine
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=work, name=getattr(function, "__name__", "work"), daemon=True).start()
    return await future
