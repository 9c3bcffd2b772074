# SPDX-License-Identifier: LGPL-2.1-or-later
"""The operator's side of the double: what can't work is said, and what no real server is asked for by the suite."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from hawkbit_testing import Hawkbit, Limits, Window
from hawkbit_testing.feedback import Feedback

FILES = {"a.raucb": b"a"}


def poll(double: Hawkbit) -> httpx.Response:
    with httpx.Client(transport=double.transport) as client:
        headers = {"Authorization": "TargetToken secret"}
        return client.get(f"{double.url}/DEFAULT/controller/v1/dev-1", headers=headers)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": 1001}, "weight 1001 is not from 0 to 1000"),
        ({"download_only": True, "forced": False}, "neither soft nor forced by time"),
        ({"force_time": datetime(2030, 1, 1)}, "force_time has no time zone"),  # noqa: DTZ001
    ],
)
def test_assignments_that_cant_be_are_refused(options: dict[str, object], words: str) -> None:
    """With a sentence, and without an action."""
    target = Hawkbit().target("dev-1")
    with pytest.raises(ValueError, match=words):
        target.assign(FILES, **options)
    assert target.actions == []


def test_what_is_assigned_is_not_assigned_again() -> None:
    """hawkBit makes no second action for the same set."""
    hawkbit = Hawkbit()
    target, chosen = hawkbit.target("dev-1"), hawkbit.distribution_set(hawkbit.module(FILES))
    target.assign(chosen)
    with pytest.raises(ValueError, match="is assigned to dev-1 already"):
        target.assign(chosen)


def test_old_versions_refuse_what_they_have_not() -> None:
    """0.3 has no confirmation flow, and no weights without multi-assignments."""
    hawkbit = Hawkbit("0.3")
    with pytest.raises(ValueError, match="no confirmation flow"):
        hawkbit.confirmation_flow = True
    with pytest.raises(ValueError, match="takes no weights"):
        hawkbit.target("dev-1").assign(FILES, weight=1)


@pytest.mark.parametrize("version", ["0.2", "1.2", "2", "new", ""])
def test_unknown_versions_are_refused(version: str) -> None:
    """The double says which it knows."""
    with pytest.raises(ValueError, match=r"from 0\.3 to 1\.1"):
        Hawkbit(version)


def test_before_a_window_opens_polls_come_sooner() -> None:
    """A third of the time until then, at most the normal interval, at least 30 s."""
    hawkbit = Hawkbit()
    target = hawkbit.target("dev-1", "secret")
    for ahead, sleep in (
        (timedelta(seconds=300), "00:01:39"),
        (timedelta(seconds=6), "00:00:30"),
        (timedelta(9), "00:05:00"),
    ):
        target.assign(FILES, window=Window(datetime.now(UTC) + ahead, timedelta(hours=1)))
        action = target.actions[-1]
        for older in target.actions[:-1]:
            older.force_quit()
        assert action is target.selected
        assert poll(hawkbit).json()["config"]["polling"]["sleep"] == sleep


def test_a_long_interval_and_a_window_break_hawkbit() -> None:
    """With an ISO interval (24 h and more) a window to come makes the poll a 500."""
    hawkbit = Hawkbit(sleep="PT36H")
    target = hawkbit.target("dev-1", "secret")
    assert poll(hawkbit).json()["config"]["polling"]["sleep"] == "PT36H"
    action = target.assign(FILES, window=Window(datetime(2099, 1, 1, tzinfo=UTC), timedelta(hours=1)))
    assert poll(hawkbit).status_code == 500
    action.open_window()
    assert poll(hawkbit).status_code == 200


def test_waiting_says_what_was_there_instead() -> None:
    """Whoever waits in vain is told the history and the requests."""
    hawkbit = Hawkbit()
    action = hawkbit.target("dev-1", "secret").assign(FILES)
    poll(hawkbit)
    with pytest.raises(TimeoutError, match="Assignment initiated"):
        action.wait(timeout=0.01)
    with pytest.raises(TimeoutError, match="GET /DEFAULT/controller/v1/dev-1"):
        hawkbit.wait_for_request("POST", timeout=0.01)


def test_limits_may_be_none() -> None:
    """0 entries are no limit."""
    hawkbit = Hawkbit(limits=Limits(entries=0))
    target = hawkbit.target("dev-1", "secret")
    action = target.assign(FILES)
    for _ in range(1100):
        Feedback(target, action).check_room((), closing=False)
        action.downloads("it")
    assert len(action.history()) == 1101
