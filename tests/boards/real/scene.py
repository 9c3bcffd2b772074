# SPDX-License-Identifier: LGPL-2.1-or-later
"""One board under one hawkBit, with the real command between them, and a proxy that a test may cut."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.bundles import Bundle
from rig.hawkbit import Hawkbit
from rig.process import Process
from rig.proxy import Proxy
from rig.rauc import RaucBoard
from rig.run import configuration, daemon

from hawkbit_testing.management import Action

Files = Bundle | Path | Mapping[str, bytes | Path]


class Scene:
    """A board, its target at the server, and the daemon; all settings may be changed before `start`.

    Attributes:
        board: runs from A, which is committed.
        hawkbit: the server, on its own address.
        proxy: what the daemon sees of it.
        target: the board at the server.
        token: what the board takes for its target's token.
        keys: of the daemon's configuration, beyond those that every test has.
        location: where the bundle is downloaded to.
        env: further environment of the daemon.
    """

    def __init__(self, board: RaucBoard, hawkbit: Hawkbit, proxy: Proxy) -> None:
        self.board = board
        self.hawkbit = hawkbit
        self.proxy = proxy
        self.target = hawkbit.target()
        self.token = self.target.token
        self.keys: dict[str, object] = {"first_poll_within": 0, "retry_wait": 1}
        self.location = board.folder / "download" / "bundle.raucb"
        self.env: dict[str, str] = {}
        self._running: list[Process] = []

    def close(self) -> None:
        """End the daemon; whatever happened to it, it says it in sentences."""
        while self._running:
            process = self._running.pop()
            process.end()
            assert "Traceback" not in process.text(), process.text()

    # the server's side

    def offer(self, files: Files, **options: Any) -> Action:
        """Assign a bundle, any file, or several, to the board; `options` as `Hawkbit.assign` takes them."""
        content = files.path if isinstance(files, Bundle) else files
        return self.target.assign(content, **options)

    # the daemon

    def start(self, *arguments: str) -> Process:
        """Start `hawkbit-rauc run` with further arguments."""
        self.location.parent.mkdir(exist_ok=True)
        file = configuration(
            self.board.folder / "config.conf",
            server=self.proxy.host,
            target=self.target.id,
            token=self.token,
            bundle=self.location,
            **self.keys,
        )
        self._running.append(daemon(self.board, file, *arguments, env=self.env))
        return self._running[-1]

    def ask(self, command: str, *arguments: str) -> tuple[int, str]:
        """Run a command beside the daemon; return its exit code and what it prints."""
        file = self.board.folder / "config.conf"
        with daemon(self.board, file, *arguments, command=command, log="ask.log") as process:
            return process.wait(30), process.text()

    def once(self, timeout: float = 60) -> int:
        """Run `hawkbit-rauc run --once` and return its exit code."""
        return self.start("--once").wait(timeout)

    def installed(self, files: Files) -> Action:
        """Have a bundle installed, up to the pending reboot."""
        action = self.offer(files)
        assert self.once() == 0
        assert any("reboot pending" in message for message in action.messages()), action.messages()
        return action

    def ended(self, action: Action) -> str:
        """Run the daemon until an action is over, and return how."""
        process = self.start()
        try:
            return action.wait(30)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the daemon's log:\n{process.text()}") from None
        finally:
            process.end()

    # the board

    def boot(self, *broken: str, good: bool = True) -> str:
        """Reboot the board, the daemon with it; a slot that came up is marked good unless told otherwise."""
        for process in self._running:
            process.kill()
        self._running.clear()
        slot = self.board.boot(broken)
        if good:
            self.board.mark_good()
        return slot

    def lose_journal(self) -> None:
        """Take the journal away, as a factory reset does."""
        (self.board.folder / "state" / "journal.json").unlink()

    @property
    def bundles_left(self) -> list[Path]:
        """What is left where the bundle was."""
        return list(self.location.parent.iterdir())


def finals(action: Action) -> list[str]:
    """The entries that ended an action, by type."""
    return [entry.type for entry in action.history() if entry.type in ("finished", "error", "canceled")]


def attempts(action: Action) -> int:
    """How many attempts were noted at the server (a note that is told again counts once)."""
    notes = (re.search(r"note 1 begun attempt=(\d+)", message) for message in action.messages())
    return len({note[1] for note in notes if note})
