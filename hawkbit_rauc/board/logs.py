# SPDX-License-Identifier: LGPL-2.1-or-later
"""The log: one line for each event on standard error, with its level in front if journald listens."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

#: sd-daemon(3)'s prefixes.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

#: Characters of a line; what servers send may be longer than anybody wants to read.
_LONGEST = 1500


def _printable(text: str) -> str:
    """Escape what is not printable: what a server says must not move the cursor or forge lines."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _Lines(logging.Formatter):
    """One line for each event, however many its text or its traceback has."""

    def __init__(self, *, journald: bool) -> None:
        super().__init__("%(message)s" if journald else "%(asctime)s %(levelname)-7s %(message)s")
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        text = " | ".join(line for line in super().format(record).splitlines() if line.strip())
        text = _printable(text)
        if len(text) > _LONGEST and not record.exc_info:
            text = text[: _LONGEST - 1] + "…"
        if not self._journald:
            return text
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{text}"


class _Handler(logging.StreamHandler[TextIO]):
    """Shows work that goes on (records with a `percent`) as a bar on a terminal, otherwise each tenth of it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar = stream.isatty()
        self._unfinished = False
        self._tenth = 0

    def emit(self, record: logging.LogRecord) -> None:
        percent = getattr(record, "percent", None)
        if percent is None:
            if self._unfinished:
                self._write("\n", record)
                self._unfinished = False
            super().emit(record)
        elif self._bar:
            self._draw(percent, record)
        elif percent // 10 != self._tenth:
            self._tenth = percent // 10
            if self._tenth > 0:  # otherwise it is new work, at its beginning
                super().emit(record)

    def _draw(self, percent: int, record: logging.LogRecord) -> None:
        """Draw a bar over the one before; the cursor stays in its line until the work is done."""
        text = _printable(record.getMessage())
        filled = "#" * (percent * 30 // 100)
        self._unfinished = percent < 100  # noqa: PLR2004  per cent
        end = "" if self._unfinished else "\n"
        self._write(f"\r{text:<40} [{filled:<30}]{end}", record)

    def _write(self, text: str, record: logging.LogRecord) -> None:
        try:
            self.stream.write(text)
            self.flush()
        except (OSError, ValueError):  # the terminal hung up: no reason to end what goes on
            self.handleError(record)


def journald_listens(stream: TextIO) -> bool:
    """Whether a stream goes to journald: `$JOURNAL_STREAM` names its device and inode (systemd.exec(5))."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def set_up(level: int) -> None:
    """Send this package's log to standard error, and other libraries' warnings.

    Not even DEBUG shows the requests that other libraries log: their links may carry secrets in the query.

    Args:
        level: the least one that is shown.
    """
    logging.raiseExceptions = False  # a log that can't be written (a terminal hung up) stops no update
    handler = _Handler(sys.stderr)
    handler.setFormatter(_Lines(journald=journald_listens(sys.stderr)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hawkbit_rauc").setLevel(level)
