# SPDX-License-Identifier: LGPL-2.1-or-later
"""A point of an installation at which RAUC waits for the test."""

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from rig.process import wait_until


class Hold:
    """RAUC waits at this point until `release`; leaving the context releases it.

    It is a FIFO, which `hold.sh` reads: RAUC waits until the other end was opened and closed.
    """

    def __init__(self, fifo: Path) -> None:
        self._fifo = fifo
        self._writer = -1
        os.mkfifo(fifo)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def wait(self, timeout: float = 30) -> None:
        """Wait until RAUC has come to this point.

        Raises:
            TimeoutError: if it has not, `timeout` seconds later.
        """
        wait_until(self._reached, f"RAUC at {self._fifo.name}", timeout, 0.005)

    def release(self) -> None:
        """Let RAUC go on, and not stop here again."""
        if self._fifo.exists():
            writer = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)  # wakes a reader that we have not seen
            self._fifo.unlink()
            os.close(writer)
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def _reached(self) -> bool:
        if self._writer < 0:
            try:
                self._writer = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody reads it yet
                    raise
        return self._writer >= 0
