# SPDX-License-Identifier: LGPL-2.1-or-later
"""The board's own programs, asked before something happens and told when it has (docs/hooks.md).

A folder for each moment holds them; they run in the order of their names, each with a deadline.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from hawkbit_rauc.board import programs
from hawkbit_rauc.errors import DeploymentError
from hawkbit_rauc.model import Status

log = logging.getLogger(__name__)

#: The exit code for "not now": EX_TEMPFAIL of sysexits.h.
LATER = 75


class Hooks:
    """Implements `ports.Hooks` with executables.

    Args:
        folder: holds a folder for each moment; None if the board has no hooks.
        timeout: seconds for each program.
    """

    def __init__(self, folder: Path | None, *, timeout: float) -> None:
        self._folder = folder
        self._timeout = timeout
        self._state: dict[str, str] = {}
        self._telling: asyncio.Task[None] | None = None

    async def ask(self, moment: str, facts: Mapping[str, str]) -> str | None:
        """Ask all programs of a moment; the first that does not agree decides.

        Args:
            moment: the folder's name.
            facts: what they are told, as HAWKBIT_RAUC_... in their environment.

        Returns:
            Why it has to wait, in a sentence; None to go on.

        Raises:
            DeploymentError: a program refused; the sentence has its last words.
        """
        for path in self._programs(moment):
            name = f"hook {moment}/{path.name}"
            code, words = await self._run(path, name, {"moment": moment, **facts})
            said = f": {words}" if words else ""
            if code is None:
                return f"{name} did not end in {self._timeout:g} s; asked again later"
            if code == LATER:
                return f"{name} says later{said}"
            if code != 0:
                raise DeploymentError(f"{name} refused (exit code {code}){said}")
        return None

    def tell_state(self, status: Status) -> None:
        """Tell the programs of `state` about a new state, beside everything else; their answer counts for nothing.

        Args:
            status: what the daemon does; nobody is told if only its progress or the next poll differ.
        """
        facts = {"state": status.state, "action": status.action, "reason": status.reason}
        if facts == self._state:
            return
        self._state = facts
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell_state())

    async def _tell_state(self) -> None:
        """Tell one state after the other; of those that pass meanwhile, only the last."""
        told = None
        while told != self._state:
            told = self._state
            try:
                if why := await self.ask("state", told):
                    log.info("%s", why)
            except DeploymentError as error:
                log.warning("%s", error)

    def _programs(self, moment: str) -> list[Path]:
        if self._folder is None:
            return []
        try:
            found = sorted((self._folder / moment).iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("the hooks of %s can't be looked at: %s", self._folder / moment, error.strerror)
            return []
        return [path for path in found if not path.name.startswith(".") and _trusted(path)]

    async def _run(self, path: Path, name: str, facts: Mapping[str, str]) -> tuple[int | None, str]:
        """Run a program.

        Returns:
            Its exit code, None if it had to be killed, and its last words.
        """
        environment = {f"HAWKBIT_RAUC_{key.upper()}": value for key, value in facts.items()}
        try:
            code, lines = await programs.run([str(path)], within=self._timeout, environment=environment)
        except OSError as error:
            raise DeploymentError(f"{name} can't be run: {error.strerror}") from None
        for line in lines:
            log.info("%s: %s", name, line)
        return code, lines[-1].strip()[:300] if lines else ""


def _trusted(path: Path) -> bool:
    """Say whether a program may be run: an executable that nobody but root and we can change."""
    try:
        found = path.stat()
    except OSError as error:
        log.warning("hook %s is skipped: %s", path, error.strerror)
        return False
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
        log.warning("hook %s is skipped: it is not an executable file", path)
        return False
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & stat.S_IWOTH:
        log.warning("hook %s is skipped: others could change it; chown it to root, chmod o-w", path)
        return False
    return True
