# SPDX-License-Identifier: LGPL-2.1-or-later
"""Actions and their histories: what an operator does with them, and what a controller is told."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Condition
from typing import Literal

from attrs import define, field, frozen

from hawkbit_testing.software import DistributionSet, Window

ActionType = Literal["forced", "soft", "timeforced", "downloadonly"]
#: The entries that end an action, as the Management API names them.
FINAL = ("finished", "error", "canceled")
PREFIX = "Update Server: "


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def action_type(*, forced: bool, force_time: datetime | None, download_only: bool) -> ActionType:
    """Return hawkBit's name for a kind of action.

    Raises:
        ValueError: the arguments contradict each other, or the time has no time zone.
    """
    if download_only and (force_time is not None or not forced):
        raise ValueError("a download-only action is neither soft nor forced by time")
    if force_time is not None and force_time.tzinfo is None:
        raise ValueError("force_time has no time zone; give it tzinfo, such as datetime.UTC")
    if download_only:
        return "downloadonly"
    if force_time is not None:
        return "timeforced"
    return "forced" if forced else "soft"


@frozen
class Entry:
    """A line of an action's history.

    Attributes:
        type: as the Management API names it.
        code: the controller's own status code.
        at: milliseconds since 1970; the controller's own time if it told one.
    """

    type: str
    messages: tuple[str, ...] = ()
    code: int | None = None
    at: int = field(factory=now_ms, eq=False)


@define(eq=False)
class Action:
    """An action of a target, as an operator sees it.

    Attributes:
        weight: heavier ones go first, the older of equal ones.
        force_time: when a `timeforced` one becomes forced.
        window: when it may be installed, None for always.
        status: its state, as the last change of it left it.
    """

    id: int
    distribution_set: DistributionSet
    _changed: Condition = field(repr=False)
    _canceled: Callable[["Action"], None] = field(repr=False)
    type: ActionType = "forced"
    weight: int = 1000
    force_time: datetime | None = None
    window: Window | None = None
    status: str = "running"
    active: bool = True
    entries: list[Entry] = field(factory=list)
    _revision: int = field(default=1, init=False)

    # the operator's side

    def history(self) -> list[Entry]:
        """Return what was told about the action, the oldest first."""
        with self._changed:
            return list(self.entries)

    def messages(self) -> list[str]:
        """Return all messages of the history, the oldest first."""
        return [message for entry in self.history() for message in entry.messages]

    def outcome(self) -> str | None:
        """Return `finished`, `error` or `canceled`, or None while the action is open."""
        with self._changed:
            if self.active:
                return None
            final = [entry.type for entry in self.entries if entry.type in FINAL]
            return final[-1] if final else "finished"

    def cancel(self) -> None:
        """Ask the controller to cancel."""
        with self._changed:
            if self.active and self.status != "canceling":
                self.add("canceling", (f"{PREFIX}manual cancelation requested",), change=True)
            self._changed.notify_all()

    def force_quit(self) -> None:
        """End a canceling action without asking the controller."""
        with self._changed:
            self.end("canceled", (f"{PREFIX}A force quit has been performed.",))
            self._canceled(self)
            self._changed.notify_all()

    def force(self) -> None:
        """Turn a soft action into a forced one."""
        with self._changed:
            self.type = "forced"
            self._revision += 1

    def open_window(self) -> None:
        """Open the action's maintenance window now, for an hour."""
        with self._changed:
            self.window = Window(datetime.now(UTC), timedelta(hours=1))

    def wait(self, timeout: float = 60) -> str:
        """Wait until the action is over and return its outcome.

        Args:
            timeout: seconds.

        Raises:
            TimeoutError: with the history, if it is still open by then.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self.active, timeout):
                raise TimeoutError(f"action {self.id} is open after {timeout} s: {self.entries}")
        return str(self.outcome())

    def wait_for(
        self, condition: Callable[[list[Entry]], bool], what: str, timeout: float = 30
    ) -> list[Entry]:
        """Wait until the history fits a condition and return it.

        Args:
            condition: asked after each change.
            what: names the awaited thing in the error.
            timeout: seconds.

        Raises:
            TimeoutError: with the history, if it does not fit by then.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self.entries), timeout):
                raise TimeoutError(f"no {what} after {timeout} s: {self.entries}")
            return list(self.entries)

    def wait_for_message(self, pattern: str, timeout: float = 30) -> str:
        """Wait until a message matches a regular expression and return the first that does.

        Raises:
            TimeoutError: with the history, if there is none after `timeout` seconds.
        """

        def found(entries: list[Entry]) -> bool:
            return any(re.search(pattern, text) for entry in entries for text in entry.messages)

        self.wait_for(found, f"message {pattern!r} of action {self.id}", timeout)
        return next(text for text in self.messages() if re.search(pattern, text))

    # the controller's side

    @property
    def canceling(self) -> bool:
        """Whether a cancelation is asked for or done."""
        return self.status in {"canceling", "canceled"}

    @property
    def waits(self) -> bool:
        """Whether the controller must confirm first."""
        return self.active and self.status == "wait_for_confirmation"

    @property
    def urgency(self) -> str:
        """How download and installation are to be handled, windows aside."""
        early = self.force_time is not None and datetime.now(UTC) < self.force_time
        return "attempt" if self.type == "soft" or (self.type == "timeforced" and early) else "forced"

    @property
    def window_state(self) -> str | None:
        """`available` or `unavailable`; None without a window, and once it has passed."""
        return self.window.at(datetime.now(UTC)) if self.window else None

    @property
    def stamp(self) -> int:
        """The `c` in links: it changes when the action does, but not with progress."""
        return hash((self.id, self._revision, self.window_state)) % 2**31

    def start(self, messages: Sequence[str], *, waits: bool) -> None:
        """Begin the history."""
        self.add("wait_for_confirmation" if waits else "running", messages, change=True)

    def end(self, kind: str, messages: Sequence[str], code: int | None = None, at: int | None = None) -> None:
        """Make the action inactive."""
        self.add(kind, messages, code, at, change=True)
        self.active = False

    def lapse(self) -> None:
        """Ask for a cancelation once the window has passed."""
        if self.active and not self.canceling and self.window is not None and self.window_state is None:
            self.add("canceling", (f"{PREFIX}Maintenance window is no longer available.",), change=True)

    def retrieved(self) -> None:
        """Note that the controller read the action, even if its history is full or it is closed."""
        if self.entries[-1].type != "retrieved":
            self.add(
                "retrieved", (f"{PREFIX}Target retrieved update action and should start now the download.",)
            )
        # A closed action becomes `retrieved` too, and installedBase vanishes from the polls; real servers do so.
        if not self.canceling and self.status != "retrieved":
            self.status = "retrieved"
            self._revision += 1

    def cancel_retrieved(self) -> None:
        """Note that the controller read the cancelation."""
        self.add("retrieved", (f"{PREFIX}Target retrieved cancel action and should start now.",))

    def downloads(self, what: str) -> None:
        """Note that the controller fetches something."""
        self.add("download", (f"{PREFIX}Target downloads {what}",))

    def resume(self) -> None:
        """Go on with the deployment after a cancelation that failed."""
        self.status = "running"
        self._revision += 1

    def latest_messages(self, count: int) -> list[str]:
        """Return the newest messages of the controller, the newest first by the controller's own time."""
        newest_first = self.entries[::-1]
        newest_first.sort(key=lambda entry: -entry.at)
        texts = [text for entry in newest_first for text in entry.messages]
        return [text for text in texts if not text.startswith(PREFIX)][:count]

    def add(
        self,
        kind: str,
        messages: Sequence[str] = (),
        code: int | None = None,
        at: int | None = None,
        *,
        change: bool = False,
    ) -> None:
        """Add an entry to the history; with `change` it is the action's new status."""
        self.entries.append(Entry(kind, tuple(messages), code, now_ms() if at is None else at))
        if change:
            self._revision += 1
            self.status = kind
