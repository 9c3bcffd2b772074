# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls in threads that may be abandoned."""

import asyncio
import subprocess
import sys
import threading

import pytest

from hawkbit_rauc.net.threads import in_thread


def test_the_result_comes_back():
    """Arguments go in and the result comes out; the loop turns meanwhile, the thread is a daemon."""

    async def live() -> None:
        turned = threading.Event()

        def work(one: int, *, two: int) -> tuple[int, bool]:
            assert turned.wait(10)
            return one + two, threading.current_thread().daemon

        waiting = asyncio.ensure_future(in_thread(work, 1, two=2))
        await asyncio.sleep(0)
        turned.set()
        assert await waiting == (3, True)

    asyncio.run(live())


def test_errors_come_back():
    """What the function raises is raised to whoever awaits it, even what ends programs."""
    for kind in (ValueError, SystemExit):

        def work(kind: type[BaseException] = kind) -> None:
            raise kind("x")

        with pytest.raises(kind):
            asyncio.run(in_thread(work))


def test_a_cancelled_wait_abandons_the_thread():
    """The wait ends at once; what the thread returns or raises later is dropped."""
    for late in (lambda: 1, lambda: 1 / 0):
        go, ended = threading.Event(), threading.Event()

        def work(late=late, go=go, ended=ended) -> object:
            assert go.wait(10)
            try:
                return late()
            finally:
                ended.set()

        async def live(work=work, go=go, ended=ended) -> None:
            task = asyncio.ensure_future(in_thread(work))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            await in_thread(ended.wait, 10)
            await asyncio.sleep(0)

        asyncio.run(live())


def test_a_thread_that_outlives_the_loop_is_silent():
    """Whatever an abandoned thread does after the loop has ended, nobody hears of it."""
    started, go, threads = threading.Event(), threading.Event(), []

    def work() -> None:
        threads.append(threading.current_thread())
        started.set()
        go.wait(10)

    async def live() -> None:
        task = asyncio.ensure_future(in_thread(work))
        await in_thread(started.wait, 10)
        task.cancel()

    asyncio.run(live())
    go.set()
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_a_hanging_thread_does_not_hold_up_the_exit():
    """A program whose thread hangs for ever ends at once."""
    program = """
import asyncio, threading
from hawkbit_rauc.net.threads import in_thread
async def live():
    try:
        await asyncio.wait_for(in_thread(threading.Event().wait), 0.01)
    except TimeoutError:
        print("abandoned")
asyncio.run(live())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert (ended.stdout, ended.stderr) == ("abandoned\n", "")
