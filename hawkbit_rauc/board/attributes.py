# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the board tells of itself as attributes: values, what commands print, and the installer's facts."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping

from hawkbit_rauc.board import programs
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.model import System
from hawkbit_rauc.once import Once
from hawkbit_rauc.ports import Installer

log = logging.getLogger(__name__)

_EXEC = "exec:"


class Attributes:
    """Gathers the attributes of the board.

    Args:
        written: each as the configuration has it: its value, or `exec:COMMAND` for the last line that a command prints.
        installer: asked for its facts; None if they are not told.
        timeout: seconds for each command.
    """

    def __init__(self, written: Mapping[str, str], installer: Installer | None, *, timeout: float) -> None:
        self._written = written
        self._installer = installer
        self._timeout = timeout
        self._failed = Once()

    async def gather(self) -> Mapping[str, str]:
        """Return all attributes as they are now.

        An attribute whose command fails is left out, with a warning; so are the facts of an installer that can't be
        asked. What the configuration says comes first, since servers take only so many.
        """
        told: dict[str, str] = {}
        failures = []
        for key, text in self._written.items():
            words = command(text)
            if words is None:
                told[key] = text
                continue
            line, why = await self._last_line(words)
            if why:
                failures.append(f"attribute {key} is left out, its command failed: {why}")
            else:
                told[key] = line
        for sentence in self._failed.new(*failures):
            log.warning("%s", sentence)
        return told | await self._facts()

    async def _last_line(self, words: list[str]) -> tuple[str, str]:
        """Return the last line that a command prints, and why it failed, empty if it did not."""
        try:
            code, lines = await programs.run(words, within=self._timeout)
        except OSError as error:
            return "", str(error.strerror)
        last = lines[-1] if lines else ""
        if code is None:
            return "", last or "it did not end in time"
        if code != 0:
            return "", last or f"exit code {code}"
        return last.strip(), ""

    async def _facts(self) -> dict[str, str]:
        if self._installer is None:
            return {}
        try:
            return facts(await self._installer.system())
        except PassingError:
            return {}  # RAUC is away or at work; the next time will tell


def facts(system: System) -> dict[str, str]:
    """Say what RAUC knows of the board, as attributes (docs/configuration.md lists them).

    Returns:
        Those that RAUC can tell.
    """
    booted = system.booted
    told = {
        "rauc_compatible": system.compatible,
        "rauc_booted_slot": (booted.bootname or booted.name) if booted else None,
        "rauc_boot_status": booted.boot_status if booted else None,
        "rauc_bundle_version": booted.bundle_version if booted else None,
        "rauc_bundle_hash": booted.bundle_hash if booted else None,
    }
    return {name: value for name, value in told.items() if value}


def command(text: str) -> list[str] | None:
    """Read the command of an attribute that is written as `exec:COMMAND`.

    Returns:
        Its path and arguments; None for an attribute that is what it says.
    """
    if not text.startswith(_EXEC):
        return None
    try:
        words = shlex.split(text.removeprefix(_EXEC))
    except ValueError:  # a quote that does not end
        words = []
    return words or [""]  # a program without a name can't be run, and is warned of like any other
