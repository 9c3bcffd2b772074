# SPDX-License-Identifier: LGPL-2.1-or-later
"""An action of hawkBit, as its Management API tells it."""

import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

from rig.process import wait_until
from rig.target import Target

# The status entries that end an action, as the Management API names them.
FINAL = ("finished", "error", "canceled")


@frozen
class Entry:
    """A line of an action's history."""

    type: str
    messages: tuple[str, ...]


class Action:
    """An action of a target."""

    def __init__(self, rest: Callable[..., Any], target: Target, number: int) -> None:
        self._rest = rest
        self.target = target
        self.id = number
        self._path = f"/targets/{target.id}/actions/{number}"

    def json(self) -> dict[str, Any]:
        """Return the action as the Management API tells it."""
        answer: dict[str, Any] = self._rest("GET", self._path)
        return answer

    def history(self) -> list[Entry]:
        """Return what was told about the action, the oldest first."""
        content: list[dict[str, Any]] = []
        while True:
            query = f"?limit=500&offset={len(content)}&sort=id:ASC"
            page = self._rest("GET", f"{self._path}/status{query}")
            content += page["content"]
            if not page["content"] or len(content) >= page["total"]:
                return [
                    Entry(entry["type"], tuple(filter(None, entry.get("messages") or ())))
                    for entry in content
                ]

    def messages(self) -> list[str]:
        """Return all messages of the history, the oldest first."""
        return [message for entry in self.history() for message in entry.messages]

    def outcome(self) -> str | None:
        """Return `finished`, `error` or `canceled`, or None while the action is open."""
        if self.json()["status"] != "finished":
            return None
        final = [entry.type for entry in self.history() if entry.type in FINAL]
        return final[-1] if final else "finished"

    def cancel(self) -> None:
        """Ask the controller to cancel."""
        self._rest("DELETE", self._path)

    def force_quit(self) -> None:
        """End a canceling action without asking the controller."""
        self._rest("DELETE", f"{self._path}?force=true")

    def force(self) -> None:
        """Turn a soft action into a forced one."""
        self._rest("PUT", self._path, json={"forceType": "forced"})

    def wait(self, timeout: float = 60) -> str:
        """Wait until the action is over and return its outcome.

        Raises:
            TimeoutError: with the history, if it is still open `timeout` seconds later.
        """
        try:
            return wait_until(self.outcome, f"the end of action {self.id}", timeout, 0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its history: {self.history()}") from None

    def wait_for(
        self, condition: Callable[[list[Entry]], bool], what: str, timeout: float = 30
    ) -> list[Entry]:
        """Wait until the history fits a condition and return it."""

        def look() -> list[Entry] | None:
            history = self.history()
            return history if condition(history) else None

        return wait_until(look, what, timeout, 0.1)

    def wait_for_message(self, pattern: str, timeout: float = 30) -> str:
        """Wait until a message matches a regular expression and return the first that does."""

        def look() -> str | None:
            return next((text for text in self.messages() if re.search(pattern, text)), None)

        return wait_until(look, f"a message {pattern!r} of action {self.id}", timeout, 0.1)
