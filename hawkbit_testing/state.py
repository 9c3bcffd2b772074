# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the server knows: targets, actions and their histories, and what feedback does to them.

The tables are those of hawkBit's controller management as seen on running servers.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from attrs import Factory, define, field, frozen

ActionType = Literal["forced", "soft", "timeforced", "downloadonly"]
FINAL = ("finished", "error", "canceled")
PREFIX = "Update Server: "


class Refusal(Exception):  # noqa: N818  it is what the server says, not an error of ours
    """An answer other than 200.

    Attributes:
        status: the HTTP status.
        code: hawkBit's error code without its prefix; None for an answer without a body.
        message: its words.
    """

    def __init__(self, status: int, code: str | None = None, message: str = "") -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message


@frozen
class Quirks:
    """What depends on the version (two numbers)."""

    version: tuple[int, int]

    @property
    def quota_status(self) -> int:
        """The status of a full quota."""
        return 429 if self.version >= (0, 10) else 403

    @property
    def closes_when_full(self) -> bool:
        """Whether closing feedback is exempt from the quota of entries."""
        return self.version >= (0, 6)

    @property
    def wants_id(self) -> bool:
        """Whether the body of feedback must repeat the path's id."""
        return self.version <= (0, 3)

    @property
    def knows_code(self) -> bool:
        """Whether feedback may carry a status code."""
        return self.version > (0, 3)

    @property
    def quotes_etag(self) -> bool:
        """Whether an artifact's ETag stands in quotes; the rules of ranges changed with it."""
        return self.version >= (0, 10)

    @property
    def logs_ranges(self) -> bool:
        """Whether a request with Range adds an entry to the history."""
        return self.version < (0, 8)

    @property
    def serves_after_end(self) -> bool:
        """Whether artifacts are served as long as the newest action is not canceled, active or not."""
        return self.version <= (0, 3)

    @property
    def checks_attributes(self) -> bool:
        """Whether attributes must be of a certain alphabet."""
        return self.version >= (0, 9)

    @property
    def installed_base(self) -> bool:
        """Whether there are installedBase and confirmationBase."""
        return self.version > (0, 3)

    @property
    def text_details(self) -> bool:
        """Whether `details` may be a bare string."""
        return self.version >= (1, 1)

    @property
    def names_charset(self) -> bool:
        """Whether the media type of answers has a charset."""
        return (0, 3) < self.version < (1, 1)


@frozen
class Limits:
    """The quotas."""

    entries: int = 1000
    messages: int = 50
    attributes: int = 100


@frozen
class File:
    """An artifact as it is stored."""

    name: str
    content: bytes
    created: float = Factory(time.time)
    _digests: dict[str, str] = field(factory=dict, init=False, repr=False)

    def digest(self, algorithm: str) -> str:
        """Its hash in hex; computed once."""
        if algorithm not in self._digests:
            self._digests[algorithm] = hashlib.new(algorithm, self.content).hexdigest()
        return self._digests[algorithm]


@frozen
class Module:
    """A software module."""

    id: int
    type: str
    name: str
    version: str
    files: dict[str, File]
    encrypted: bool = False


@frozen
class Entry:
    """A line of an action's history; `type` as the Management API names it."""

    type: str
    messages: tuple[str, ...] = ()
    code: int | None = None


@frozen
class Report:
    """Feedback as the server understands it."""

    execution: str
    finished: str
    messages: tuple[str, ...] = ()
    code: int | None = None


@define(eq=False)
class Action:
    """An action of a target; as an operator sees it."""

    id: int
    target: "Target"
    modules: tuple[Module, ...]
    limits: Limits
    quirks: Quirks
    changed: threading.Condition = field(repr=False)
    type: ActionType = "forced"
    weight: int = 1000
    forced_at: float = 0.0
    window: str | None = None
    status: str = "running"
    active: bool = True
    entries: list[Entry] = field(factory=list)
    revision: int = 1

    # the operator's side

    def history(self) -> list[Entry]:
        """Return what was told about the action, the oldest first."""
        with self.changed:
            return list(self.entries)

    def messages(self) -> list[str]:
        """Return all messages of the history, the oldest first."""
        return [message for entry in self.history() for message in entry.messages]

    def outcome(self) -> str | None:
        """Return `finished`, `error` or `canceled`, or None while the action is open."""
        with self.changed:
            if self.active:
                return None
            final = [entry.type for entry in self.entries if entry.type in FINAL]
            return final[-1] if final else "finished"

    def cancel(self) -> None:
        """Ask the controller to cancel."""
        with self.changed:
            if self.active and self.status != "canceling":
                self.add("canceling", (f"{PREFIX}manual cancelation requested",), change=True)
            self.changed.notify_all()

    def force_quit(self) -> None:
        """End a canceling action without asking the controller."""
        with self.changed:
            self.end("canceled", (f"{PREFIX}A force quit has been performed.",))
            self.changed.notify_all()

    def force(self) -> None:
        """Turn a soft action into a forced one."""
        with self.changed:
            self.type = "forced"
            self.revision += 1

    def open_window(self) -> None:
        """Open the action's maintenance window."""
        with self.changed:
            self.window = "available"
            self.revision += 1

    def wait(self, timeout: float = 60) -> str:
        """Wait until the action is over and return its outcome.

        Raises:
            TimeoutError: with the history, if it is still open `timeout` seconds later.
        """
        with self.changed:
            if not self.changed.wait_for(lambda: not self.active, timeout):
                raise TimeoutError(f"action {self.id} is open after {timeout} s: {self.entries}")
        return str(self.outcome())

    def wait_for(
        self, condition: Callable[[list[Entry]], bool], what: str, timeout: float = 30
    ) -> list[Entry]:
        """Wait until the history fits a condition and return it."""
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self.entries), timeout):
                raise TimeoutError(f"no {what} after {timeout} s: {self.entries}")
            return list(self.entries)

    def wait_for_message(self, pattern: str, timeout: float = 30) -> str:
        """Wait until a message matches a regular expression and return the first that does."""

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
    def urgency(self) -> str:
        """How download and installation are to be handled, windows aside."""
        if self.type == "soft" or (self.type == "timeforced" and time.time() < self.forced_at):
            return "attempt"
        return "forced"

    def add(
        self, kind: str, messages: Sequence[str] = (), code: int | None = None, *, change: bool = False
    ) -> None:
        """Add an entry; with `change` it is the action's new status too."""
        self.entries.append(Entry(kind, tuple(messages), code))
        if change:
            self.revision += 1
            self.status = kind

    def end(self, kind: str, messages: Sequence[str], code: int | None = None) -> None:
        """Make the action inactive."""
        self.add(kind, messages, code, change=True)
        self.active = False

    def retrieved(self) -> None:
        """Note that the controller read the action; it counts whatever the quota, and reopens a finished one."""
        if self.entries[-1].type != "retrieved":
            text = f"{PREFIX}Target retrieved update action and should start now the download."
            self.add("retrieved", (text,))
        if not self.canceling and self.status != "retrieved":
            self.status = "retrieved"
            self.revision += 1

    def check_room(self, messages: Sequence[str], *, closing: bool) -> None:
        """Refuse feedback that does not fit. Raises: Refusal."""
        full = bool(self.limits.entries) and len(self.entries) >= self.limits.entries
        if len(messages) > self.limits.messages or (full and not (closing and self.quirks.closes_when_full)):
            raise Refusal(self.quirks.quota_status, "quota.tooManyEntries", "Quota exceeded")

    def feedback(self, report: Report) -> None:
        """Take what the controller tells about a deployment. Raises: Refusal."""
        if not self.active:
            raise Refusal(410)
        if self.status == "wait_for_confirmation":
            raise Refusal(404)
        execution, messages = report.execution, report.messages
        self.check_room(messages, closing=execution == "closed")
        if execution == "closed" and report.finished == "failure":
            self.end("error", messages or (f"{PREFIX}Target reported CLOSED with ERROR!",), report.code)
            self.target.update_status = "error"
            self.target.assigned = None
        elif execution == "closed":
            self.end("finished", messages or (f"{PREFIX}Target reported CLOSED with OK!",), report.code)
            self.target.done(self)
        elif execution == "downloaded" and self.type == "downloadonly":
            self.end("downloaded", messages, report.code)
            self.target.update_status = "in_sync"
            self.target.request_attributes = True
        else:
            same = {"downloaded", "download", "canceled"}
            other = "warning" if execution == "rejected" else "running"
            self.add(execution if execution in same else other, messages, report.code)

    def cancel_feedback(self, report: Report) -> None:
        """Take what the controller tells about a cancelation. Raises: Refusal."""
        if not self.canceling:
            name = "notCancelable" if self.quirks.version >= (0, 8) else "notcancelable"
            text = "Only active actions which are in status pending are cancelable."
            raise Refusal(405, f"action.{name}", text)
        execution, failed = report.execution, report.finished == "failure"
        if execution == "rejected" or (execution == "closed" and failed):
            self.add("cancel_rejected", report.messages, report.code)
            self.status = "running"
            self.revision += 1
        elif execution == "closed":
            self.end("canceled", report.messages, report.code)
        else:
            self.check_room(report.messages, closing=False)
            self.add("warning" if execution == "canceled" else "running", report.messages, report.code)

    def latest_messages(self, count: int) -> list[str]:
        """Return the newest messages of the controller, the newest first."""
        texts = [text for entry in reversed(self.entries) for text in entry.messages]
        return [text for text in texts if not text.startswith(PREFIX)][:count]


@define(eq=False)
class Target:
    """A target: the controller's id, its token, and what the server knows of it."""

    id: str
    token: str
    attributes: dict[str, str] = field(factory=dict)
    request_attributes: bool = True
    update_status: str = "unknown"
    actions: list[Action] = field(factory=list)
    assigned: tuple[Module, ...] | None = None
    installed: Action | None = None

    @property
    def selected(self) -> Action | None:
        """The one action that a poll shows: the heaviest, then the oldest."""
        open_ones = [action for action in self.actions if action.active]
        return min(open_ones, key=lambda action: (-action.weight, action.id), default=None)

    def done(self, action: Action) -> None:
        """Note that an action's set is installed."""
        self.installed = action
        self.update_status = "in_sync"
        self.request_attributes = True

    def find(self, number: str) -> Action:
        """Return an action by the id in a path. Raises: Refusal."""
        try:
            wanted = int(number)
        except ValueError:
            raise Refusal(400, "rest.body.notReadable", "not a number") from None
        for action in self.actions:
            if action.id == wanted:
                return action
        raise Refusal(
            404, "repo.entityNotFound", f"Action with given identifier {{{number}}} does not exist."
        )
