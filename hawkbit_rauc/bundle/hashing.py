# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hash of what arrives: computed at once, or by a thread of its own if the processor is slow at it.

A processor without instructions for SHA hashes less in a second than a fast link brings. If another processor is
idle, it hashes a block while the next one arrives and is written: 0.86 of the time was measured.
"""

from __future__ import annotations

import functools
import hashlib
import os
import queue
import threading
import time
from typing import Any

#: Bytes a second; an algorithm that hashes fewer gets a thread of its own.
SLOW = 700e6
_SAMPLE = bytes(256 * 1024)


@functools.cache
def pays(algorithm: str) -> bool:
    """Measure, once and in some milliseconds, whether a thread of its own pays for an algorithm."""
    if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004  one for the hash, one for all else
        return False
    best = float("inf")
    for _ in range(3):  # the quickest counts: whatever else runs makes it slower, never quicker
        begun = time.perf_counter()
        hashlib.new(algorithm, _SAMPLE, usedforsecurity=False)
        best = min(best, time.perf_counter() - begun)
    return len(_SAMPLE) / best < SLOW


def new(algorithm: str) -> Any:
    """Begin a hash that is used as those of `hashlib`, in a thread of its own if that pays."""
    return ThreadedHash(algorithm) if pays(algorithm) else hashlib.new(algorithm, usedforsecurity=False)


class ThreadedHash:
    """A hash that is computed by a thread of its own, which is one block behind.

    A block must stay as it is until the next one was taken. `end` ends the thread.
    """

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._blocks: queue.SimpleQueue[bytes | memoryview | None] = queue.SimpleQueue()
        self._done = threading.Semaphore()
        self._thread: threading.Thread | None = None

    def update(self, block: bytes | memoryview, /) -> None:
        """Take the next bytes; waits until those before are hashed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="hash", daemon=True)
            self._thread.start()
        self._done.acquire()
        self._blocks.put(block)

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far; waits until they are hashed."""
        with self._done:
            return self._hash.hexdigest()

    def end(self) -> None:
        """Have the thread end once it is through."""
        self._blocks.put(None)

    def _work(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._hash.update(block)
            self._done.release()
