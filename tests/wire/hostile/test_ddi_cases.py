# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can come between a board and hawkBit: the real daemon, over sockets, against the double.

The numbers are those of docs/states.md, where the tests of the other cases are named too.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wire.hostile.corpus import ARTIFACT, CANCEL, CANCEL_FEEDBACK, DEPLOYMENT, FEEDBACK, POLL
from wire.hostile.ground import BUNDLE, Ground, ground

from hawkbit_testing import Answer, Request, Window, faults
from hawkbit_testing.wire import Fault


def meanwhile(act: Callable[[], object]) -> Fault:
    """A request that is answered as ever, just after something else has happened."""

    def fault(request: Request, handle: Callable[[], Answer]) -> Answer:
        act()
        return handle()

    return fault


def ended(place: Ground, *actions: Any, bundle: bytes = BUNDLE) -> None:
    """Do as `run` until these actions are over; RAUC was given this bundle alone."""
    place.until(lambda: True, lambda: None, lambda: not any(action.active for action in actions))
    place.check(bundle)


def lines(place: Ground, match: str) -> list[str]:
    """What was asked, of that kind."""
    return [request.line.split("?")[0].split("/v1/dev-1")[-1] for request in place.hawkbit.requests(match)]


@pytest.mark.case(1)
def test_cancelation_goes_before_the_deployment_of_the_same_poll(tmp_path: Path) -> None:
    """hawkBit never shows both, other servers may: the old action is canceled first, the new one installed."""
    with ground(tmp_path) as place:
        old = place.assign()
        new = place.target.assign({"b.raucb": BUNDLE + b"2"})

        def both(document: Any) -> Any:
            own = document["_links"]["cancelAction"]["href"].rsplit("/", 2)[0]
            document["_links"]["deploymentBase"] = {"href": f"{own}/deploymentBase/{new.id}"}

        place.hawkbit.fault(POLL, faults.edit(both))
        ended(place, old, new, bundle=BUNDLE + b"2")
        assert (old.outcome(), new.outcome()) == ("canceled", "finished")
        assert len(place.rauc.given) == 1
        told = lines(place, "(GET|POST) .*/(deploymentBase|cancelAction)/")
        assert told[:2] == [f"/cancelAction/{old.id}", f"/cancelAction/{old.id}/feedback"]


@pytest.mark.case(2)
@pytest.mark.parametrize("autoclose", [False, True])
def test_action_that_is_replaced_during_the_download_makes_room(autoclose: bool, tmp_path: Path) -> None:
    """It is canceled, or dropped without a word where the server closed it; only the new one is installed."""
    with ground(tmp_path) as place:
        place.hawkbit.autoclose = autoclose
        old, news = place.assign(), []
        replace = meanwhile(lambda: news.append(place.target.assign({"b.raucb": BUNDLE + b"2"})))
        place.hawkbit.fault(ARTIFACT, replace)
        place.until(lambda: bool(news), lambda: None, lambda: not news[0].active)
        place.check(BUNDLE + b"2")
        assert (old.outcome(), news[0].outcome()) == ("canceled", "finished")
        answers = lines(place, f"POST .*/cancelAction/{old.id}/feedback")
        assert len(answers) == (0 if autoclose else 1)


@pytest.mark.case(6)
def test_lost_answer_to_an_accepted_cancelation_is_told_again(tmp_path: Path) -> None:
    """The server takes the repetition, and the action stays canceled."""
    with ground(tmp_path) as place:
        action = place.assign()
        action.cancel()
        place.hawkbit.fault(CANCEL_FEEDBACK, faults.lost(), times=2)
        ended(place, action)
        assert action.outcome() == "canceled"
        assert place.rauc.given == []


@pytest.mark.case(6)
def test_lost_answer_to_a_final_is_told_again_and_is_the_end(tmp_path: Path) -> None:
    """410 means told; the action is not read again, which would reopen it, and nothing is installed twice."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(FEEDBACK, last := LastLost(), times=None)
        place.until(lambda: last.lost, lambda: None, lambda: last.repeated)
        place.check()
        assert action.status == "finished"
        assert len(place.rauc.given) == 1


class LastLost:
    """Loses the answer to the first final, and sees its repetition."""

    lost = repeated = False

    def __call__(self, request: Request, handle: Callable[[], Answer]) -> Answer:
        answer = handle()
        if b'"closed"' not in request.body:
            return answer
        if self.lost:
            self.repeated = True
            return answer
        self.lost = True
        return faults.hang_up()(request, lambda: answer)


@pytest.mark.case(7)
def test_deployment_that_is_gone_right_after_the_poll_is_not_reported(tmp_path: Path) -> None:
    """Canceled in between: 404, and the next poll shows the cancelation."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(DEPLOYMENT, meanwhile(action.cancel))
        ended(place, action)
        assert action.outcome() == "canceled"
        assert lines(place, FEEDBACK) == []


@pytest.mark.case(8)
def test_bundle_that_is_not_found_is_asked_for_again_while_it_is_offered(tmp_path: Path) -> None:
    """A 404 on the download says nothing about the action as long as that is offered."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(ARTIFACT, faults.answer(404), times=2)
        ended(place, action)
        assert action.outcome() == "finished"


@pytest.mark.case(8)
def test_bundle_that_is_not_found_because_of_a_cancelation_is_no_failure(tmp_path: Path) -> None:
    """The server takes the download away with the action; the poll says why."""
    with ground(tmp_path) as place:
        action = place.assign()
        place.hawkbit.fault(ARTIFACT, meanwhile(action.cancel))
        ended(place, action)
        assert action.outcome() == "canceled"
        assert not any(entry.type == "error" for entry in action.history())


@pytest.mark.case(13)
def test_window_that_closes_during_the_download_is_waited_for(tmp_path: Path) -> None:
    """The deployment is read once more before the installation, which begins when the window opens again."""
    with ground(tmp_path) as place:
        action = place.assign(window=Window(datetime.now(UTC), timedelta(hours=1)))
        tomorrow = Window(datetime.now(UTC) + timedelta(days=1), timedelta(hours=1))

        place.hawkbit.fault(ARTIFACT, meanwhile(lambda: setattr(action, "window", tomorrow)))
        assert place.once() == 0
        assert action.active
        assert place.rauc.given == []
        action.open_window()
        ended(place, action)
        assert action.outcome() == "finished"
        assert len(lines(place, ARTIFACT)) == 1


@pytest.mark.case(14)
def test_heavier_action_overtakes_and_the_other_is_canceled_when_it_is_shown(tmp_path: Path) -> None:
    """Shown without a cancelation of the old one, which comes last: the heavier one is installed, nothing else."""
    with ground(tmp_path) as place:
        light, heavy = place.assign(weight=500), []
        overtake = meanwhile(lambda: heavy.append(place.target.assign({"b.raucb": BUNDLE + b"2"})))
        place.hawkbit.fault(ARTIFACT, overtake)
        place.until(lambda: bool(heavy), lambda: None, lambda: not light.active)
        place.check(BUNDLE + b"2")
        assert (light.outcome(), heavy[0].outcome()) == ("canceled", "finished")
        assert len(place.rauc.given) == 1


@pytest.mark.case(19)
def test_target_that_was_deleted_and_made_anew_is_served_again(tmp_path: Path) -> None:
    """Its token is refused meanwhile, the old action is unknown; the board goes on polling and takes the new one."""
    with ground(tmp_path) as place:
        place.assign(window=Window(datetime.now(UTC) + timedelta(days=1), timedelta(hours=1)))
        assert place.once() == 0
        place.target.delete()
        actions: list[Any] = []

        def refused() -> bool:
            return any(exchange.status == 401 for exchange in place.hawkbit.exchanges(POLL))

        def anew() -> None:
            place.target = place.hawkbit.target(place.controller, place.token)
            actions.append(place.assign())

        place.until(refused, anew, lambda: bool(actions) and not actions[0].active)
        place.check()
        assert actions[0].outcome() == "finished"
        assert len(place.rauc.given) == 1


@pytest.mark.case(23)
@pytest.mark.parametrize("what", ["no artifact", "no link", "no chunk"])
def test_deployment_without_a_bundle_ends_with_a_reason(what: str, tmp_path: Path) -> None:
    """All three are valid DDI, and nothing that this board could install."""
    with ground(tmp_path) as place:
        action = place.assign()

        def empty(document: Any) -> None:
            chunks = document["deployment"]["chunks"]
            if what == "no chunk":
                chunks.clear()
            elif what == "no artifact":
                chunks[0]["artifacts"].clear()
            else:
                del chunks[0]["artifacts"][0]["_links"]

        place.hawkbit.fault(DEPLOYMENT, faults.edit(empty), times=None)
        assert place.once() == 1
        assert action.outcome() == "error"
        assert any("artifact" in message or "link" in message for message in action.messages())


@pytest.mark.case(25)
def test_files_of_one_name_in_several_chunks_are_no_trouble(tmp_path: Path) -> None:
    """Allowed at hawkBit; the bundle is found all the same."""
    with ground(tmp_path) as place:
        one = place.hawkbit.module({"system.raucb": BUNDLE, "notes.txt": b"one"})
        two = place.hawkbit.module({"notes.txt": b"two"}, "application")
        action = place.target.assign(place.hawkbit.distribution_set(one, two))
        ended(place, action)
        assert action.outcome() == "finished"


@pytest.mark.case(27)
def test_action_that_another_client_closed_is_left_alone(tmp_path: Path) -> None:
    """Two boards with one controller id: 410 is the end of it, and the next action is done."""
    with ground(tmp_path) as place:
        action = place.assign()

        def other_client() -> None:
            action.end("finished", ("by another board",))
            place.target.done(action, 1)

        place.hawkbit.fault(FEEDBACK, meanwhile(other_client))
        place.once()
        place.check()
        assert [entry.messages for entry in action.history() if entry.type == "finished"] == [
            ("by another board",)
        ]
        following = place.target.assign({"b.raucb": BUNDLE + b"2"})
        place.rauc.given.clear()
        ended(place, following, bundle=BUNDLE + b"2")
        assert following.outcome() == "finished"


@pytest.mark.case(5)
def test_cancelation_of_an_action_that_the_board_never_saw_is_accepted(tmp_path: Path) -> None:
    """Nothing is read but the cancelation, and nothing is fetched."""
    with ground(tmp_path) as place:
        action = place.assign()
        action.cancel()
        assert place.once() == 0
        assert action.outcome() == "canceled"
        assert (lines(place, DEPLOYMENT), lines(place, ARTIFACT)) == ([], [])
        assert len(lines(place, CANCEL)) == 1


NOW, TOMORROW = datetime.now(UTC), datetime.now(UTC) + timedelta(days=1)
WINDOWS = {
    "no window": None,
    "window open": Window(NOW - timedelta(hours=1), timedelta(hours=9)),
    "window not open": Window(TOMORROW, timedelta(hours=1)),
}
KINDS: dict[str, dict[str, Any]] = {
    "forced": {},
    "soft": {"forced": False},
    "timeforced, not yet": {"force_time": TOMORROW},
    "timeforced, due": {"force_time": NOW - timedelta(hours=1)},
    "downloadonly": {"download_only": True},
}


@pytest.mark.state(
    "forced, soft, timeforced, downloadonly: each with no window, window open, window not open"
)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_action_is_handled_in_and_out_of_its_window(
    kind: str, window: str, tmp_path: Path
) -> None:
    """Installed now, or fetched and left to wait, or fetched and told as `downloaded`: by what the server asks."""
    with ground(tmp_path) as place:
        action = place.assign(**KINDS[kind], window=WINDOWS[window])
        assert place.once() == 0
        place.check()
        assert len(lines(place, ARTIFACT)) == 1
        if window == "window not open":
            assert action.active
            assert place.rauc.given == []
            assert any("waiting for the maintenance window" in message for message in action.messages())
        elif kind == "downloadonly":
            assert (action.status, action.active, place.rauc.given) == ("downloaded", False, [])
        else:
            assert action.outcome() == "finished"
            assert len(place.rauc.given) == 1
