# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon says of itself, for people and user interfaces on the board."""

from __future__ import annotations

from hawkbit_rauc.model import Status
from hawkbit_rauc.rules.verdicts import CONSENT, Reboot, Wait
from hawkbit_rauc.story.consent import Confirmation
from hawkbit_rauc.story.current import CurrentAction
from hawkbit_rauc.story.outage import Outage
from hawkbit_rauc.story.polls import Polls


def sum_up(current: CurrentAction, confirmation: Confirmation, polls: Polls, outage: Outage) -> Status:
    """Sum up what the parts of the daemon know."""
    state, action, reason, progress = _doing(current, confirmation, polls, outage)
    last = current.ends.last
    if last is None or last.outcome is None:
        return Status(state, action, progress, reason, polls.due)
    outcome = last.outcome
    word = "success" if outcome.success else "failure"
    return Status(state, action, progress, reason, polls.due, last.action, word, "; ".join(outcome.details))


def _doing(
    current: CurrentAction, confirmation: Confirmation, polls: Polls, outage: Outage
) -> tuple[str, str, str, int]:
    """State, action, reason and progress."""
    action, verdict = current.action, current.verdict
    if action and current.busy and current.put_off:
        return "waiting", action.id, current.put_off, -1
    if action and current.busy:
        state = "installing" if current.installing else "downloading"
        return state, action.id, "", action.headway.percent
    if outage.why:
        return "unreachable", action.id if action else "", outage.why, -1
    if action and isinstance(verdict, Reboot | Wait):
        state = "reboot-pending" if isinstance(verdict, Reboot) else "waiting"
        return state, action.id, verdict.why, -1
    if confirmation.waiting:
        return "waiting", confirmation.waiting.action, CONSENT.why, -1
    return ("idle" if polls.interval else "starting"), "", "", -1
