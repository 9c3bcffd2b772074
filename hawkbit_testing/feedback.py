# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a controller's feedback does to its action and its target.

The tables are those of hawkBit's controller management, as seen on running servers.
"""

from collections.abc import Sequence

from attrs import field, frozen

from hawkbit_testing.actions import PREFIX, Action, now_ms
from hawkbit_testing.quirks import Refusal
from hawkbit_testing.target import Target


@frozen
class Report:
    """What a controller told, as the server understands it."""

    execution: str
    finished: str
    messages: tuple[str, ...] = ()
    code: int | None = None
    at: int = field(factory=now_ms)


@frozen
class Feedback:
    """What a controller may tell about one of its actions.

    Attributes:
        target: the controller's.
        action: one of the target's.
    """

    target: Target
    action: Action

    def of_deployment(self, report: Report) -> None:
        """Take what is told about a deployment. Raises: Refusal."""
        action, target = self.action, self.target
        if not action.active:
            raise Refusal(410)
        if action.waits:
            raise Refusal(404)
        execution, messages = report.execution, report.messages
        self.check_room(messages, closing=execution == "closed")
        if execution == "closed" and report.finished == "failure":
            text = messages or (f"{PREFIX}Target reported CLOSED with ERROR!",)
            action.end("error", text, report.code, report.at)
            target.failed()
        elif execution == "closed":
            text = messages or (f"{PREFIX}Target reported CLOSED with OK!",)
            action.end("finished", text, report.code, report.at)
            target.done(action, report.at)
        elif execution == "downloaded" and action.type == "downloadonly":
            action.end("downloaded", messages, report.code, report.at)
            target.downloaded()
        elif execution in {"downloaded", "download", "canceled"}:
            action.add(execution, messages, report.code, report.at)
        elif execution == "rejected":
            action.add("warning", messages, report.code, report.at)
        else:
            action.add("running", messages, report.code, report.at)

    def of_cancelation(self, report: Report) -> None:
        """Take what is told about a cancelation. Raises: Refusal."""
        action, target = self.action, self.target
        if not action.canceling:
            name = "notCancelable" if target.tenant.quirks.version >= (0, 8) else "notcancelable"
            text = "Only active actions which are in status pending are cancelable."
            raise Refusal(405, f"action.{name}", text)
        execution = report.execution
        if execution == "rejected":
            action.add("cancel_rejected", report.messages, report.code, report.at)
            action.resume()
        elif execution == "closed" and report.finished == "failure":
            action.add("error", report.messages, report.code, report.at)
            action.resume()
        elif execution == "closed":
            action.end("canceled", report.messages, report.code, report.at)
            target.canceled(action)
        else:
            self.check_room(report.messages, closing=False)
            kind = "warning" if execution == "canceled" else "running"
            action.add(kind, report.messages, report.code, report.at)

    def of_confirmation(self, messages: Sequence[str], code: int | None = None, *, consents: bool) -> None:
        """Take a consent, or a denial, which leaves the question open. Raises: Refusal."""
        action = self.action
        if not action.active:
            raise Refusal(410)
        if not action.waits:
            raise Refusal(404)
        said = "confirmed" if consents else "rejected"
        told = [*messages, f"{PREFIX}Target {said} action."]
        if code is not None:
            told.append(f"Confirmation status code: {code}")
        self.check_room(told, closing=False)
        action.add("running" if consents else "wait_for_confirmation", told, code, change=True)

    def check_room(self, messages: Sequence[str], *, closing: bool) -> None:
        """Refuse what does not fit into the history. Raises: Refusal."""
        limits, quirks = self.target.tenant.limits, self.target.tenant.quirks
        full = bool(limits.entries) and len(self.action.entries) >= limits.entries
        if len(messages) > limits.messages or (full and not (closing and quirks.closes_when_full)):
            raise Refusal(quirks.quota_status, "quota.tooManyEntries", "Quota exceeded")


def consent_to_all(target: Target) -> None:
    """Consent to all actions that wait. Raises: Refusal."""
    for action in target.actions:
        if action.waits:
            Feedback(target, action).of_confirmation((), consents=True)
