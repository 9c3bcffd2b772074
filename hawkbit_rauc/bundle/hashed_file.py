# SPDX-License-Identifier: LGPL-2.1-or-later
"""An open file of whose bytes, from the first one on, the hash is always known."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hawkbit_rauc.bundle import hashing

#: Bytes read, hashed and written at once; 64 KiB and 1 MiB are no quicker (docs/performance.md).
BLOCK = 256 * 1024


class HashedFile:
    """The file and its hash; after an error in writing the two no longer belong together.

    Args:
        algorithm: of the hash; None if there is none to compare with, so that none is computed.

    Attributes:
        descriptor: of the open file, -1 without one.
        have: bytes that are in the hash: those of the file up to here.
        buffers: to be filled in turn: what was appended last is left alone until the next, as a thread may hash it.
    """

    def __init__(self, algorithm: str | None) -> None:
        self.descriptor = -1
        self.have = 0
        count = 2 if algorithm and hashing.pays(algorithm) else 1
        self.buffers: Iterator[memoryview] = itertools.cycle(
            [memoryview(bytearray(BLOCK)) for _ in range(count)]
        )
        self._algorithm = algorithm
        self._hash: Any = None

    @property
    def hash(self) -> str | None:
        """The hash of what is here, hex; None without an algorithm."""
        return self._hash.hexdigest() if self._hash else None

    def open(self, path: Path, flags: int) -> None:
        """Open a file instead of the one before; nothing of it is in the hash yet."""
        self.close()
        self.descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
        self._hash = hashing.new(self._algorithm) if self._algorithm else None

    def read(self, count: int, go_on: Callable[[], None]) -> None:
        """Take the first bytes of the file into the hash.

        Args:
            count: how many at most.
            go_on: called after each block; raises to stop.
        """
        while count > 0:
            block = next(self.buffers)[:count]
            got = os.readv(self.descriptor, [block])
            if not got:
                return
            go_on()
            self._hash.update(block[:got])
            self.have += got
            count -= got

    def append(self, block: bytes | memoryview) -> None:
        """Write the next bytes."""
        if self._hash:
            self._hash.update(block)
        rest = memoryview(block)
        while rest:
            written = os.pwrite(self.descriptor, rest, self.have)
            self.have += written
            rest = rest[written:]

    def close(self) -> None:
        """Close the file and forget its bytes."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        if isinstance(self._hash, hashing.ThreadedHash):
            self._hash.end()
        self.descriptor, self.have, self._hash = -1, 0, None
