# SPDX-License-Identifier: LGPL-2.1-or-later
"""The log: one line an event on standard error, with levels where journald listens."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

#: sd-daemon(3)'s prefixes.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

#: Characters of a line; what servers send may be longer than anybody reads.
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
    """Shows work that goes on (records with a `percent`) as a bar on a terminal, else each tenth of it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar = stream.isatty()
        self._unfinished = False
        self._tenth = 0

    def emit(self, record: logging.LogRecord) -> None:
        percent = getattr(record, "percent", None)
        if percent is None:
            self._write("\n" * self._unfinished, record)
            self._unfinished = False
            super().emit(record)
        elif self._bar:
            filled = "#" * (percent * 30 // 100)
            self._unfinished = percent < 100  # noqa: PLR2004  per cent
            text = _printable(record.getMessage())
            self._write(f"\r{text:<40} [{filled:<30}]" + "\n" * (not self._unfinished), record)
        else:
            tenth, self._tenth = self._tenth, percent // 10
            if self._tenth != tenth and self._tenth:
                super().emit(record)

    def _write(self, text: str, record: logging.LogRecord) -> None:
        try:
            self.stream.write(text)
            self.flush()
        except (OSError, ValueError):
            self.handleError(record)


def journald_listens(stream: TextIO) -> bool:
    """Whether a stream goes to journald: `$JOURNAL_STREAM` names its device and inode (systemd.exec(5))."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def set_up(level: int) -> None:
    """Send this package's log to standard error; other libraries' only where something is wrong.

    Args:
        level: least level that is shown. Even DEBUG shows no requests of other libraries: their
            links may carry secrets in the query.
    """
    logging.raiseExceptions = False  # a log that can't be written (a terminal hung up) stops no update
    handler = _Handler(sys.stderr)
    handler.setFormatter(_Lines(journald=journald_listens(sys.stderr)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hawkbit_rauc").setLevel(level)
