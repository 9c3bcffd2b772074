# SPDX-License-Identifier: LGPL-2.1-or-later
"""The crash matrix of what operators can ask for, under a whole hawkBit (see `operated`)."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable

import pytest
from story import table
from story.configured import configured
from story.operated import CLOSED, OPEN, Course, Place
from story.universe import Cut, PowerCut, Rauc

pytestmark = pytest.mark.no_cover  # it would take them twice the time, and find no line that others don't


def window(course: Course) -> None:
    """Fetched before the window opens, installed in it."""
    action = course.assign(window=CLOSED)
    course.wait(700)
    action.window = OPEN


def download_only(course: Course) -> None:
    """Fetched, and installed by the action that follows."""
    action = course.assign(download_only=True)
    course.wait(700)
    if not action.active:
        course.assign(again=action)


def consent(course: Course) -> None:
    """Soft, and somebody on the board agrees."""
    course.place.policy = configured(reboot=True, ask=True)
    course.assign(forced=False)
    course.wait(700)
    course.answer(given=True)


def confirmation(course: Course) -> None:
    """The server starts nothing before somebody on the board agrees."""
    course.place.server.confirmation_flow = True
    course.assign()
    course.wait(700)
    course.answer(given=True)


def forced_in_flight(course: Course) -> None:
    """Soft, and forced by the operator while the board waits for consent."""
    course.place.policy = configured(reboot=True, ask=True)
    action = course.assign(forced=False)
    course.wait(400)
    action.force()


def replaced_while_fetching(course: Course) -> None:
    """Another assignment takes its place."""
    course.later(2, course.assign)
    course.assign()


def replaced_while_installing(course: Course) -> None:
    """The same, too late: the first one is finished before."""
    course.later(9, course.assign)
    course.assign()


def force_quit_while_installing(course: Course) -> None:
    """The operator ends it at the server, RAUC goes on."""
    action = course.assign()
    course.later(9, lambda: course.force_quit(action))


def closed_by_the_server(course: Course) -> None:
    """With autoclose the first action is over as soon as another one is assigned."""
    course.place.server.autoclose = True
    course.later(4, course.assign)
    course.assign()


def closed_while_the_reboot_waits(course: Course) -> None:
    """The same with a system that is booted by whatever cuts the power of the next action."""
    course.place.policy = configured()
    course.place.server.autoclose = True
    course.assign()
    course.wait(340)
    course.assign()


def overtaken(course: Course) -> None:
    """A heavier action comes while the reboot waits; the cancelation of the first one is shown after it."""
    course.place.policy = configured()
    course.assign(weight=500)
    course.wait(500)
    course.assign(download_only=True)


def canceled_after_another(course: Course) -> None:
    """The old system, which is made primary again, was itself installed."""
    course.place.policy = configured()
    course.assign()
    course.wait(4500)
    action = course.assign()
    course.wait(500)
    course.cancel(action)


def kind_of_bundle(kind: str) -> Callable[[Course], None]:
    def story(course: Course) -> None:
        course.assign(kind)
        course.wait(700)
        course.assign()

    return story


STORIES: dict[str, Callable[[Course], None]] = {
    "maintenance window": window,
    "download only, then installed": download_only,
    "soft, consent on the board": consent,
    "soft, forced while it waits": forced_in_flight,
    "confirmation": confirmation,
    "replaced while fetching": replaced_while_fetching,
    "replaced while installing": replaced_while_installing,
    "force-quit while installing": force_quit_while_installing,
    "closed by the server while fetching": closed_by_the_server,
    "closed by the server while the reboot waits": closed_while_the_reboot_waits,
    "overtaken while the reboot waits": overtaken,
    "installed, then canceled while the reboot waits": canceled_after_another,
    "fallback, then another": kind_of_bundle("broken"),
    "refused, then another": kind_of_bundle("refused"),
}


#: What the journal alone can know: hawkBit tells nothing of a canceled action's history.
NEEDS_JOURNAL = "overtaken while the reboot waits"


def live(story: str, version: str, loader: str, how: type[Cut] | None, at: int, *, lose: bool) -> int:
    """Live a story to its end with a cut after an effect; returns how many effects there were."""
    random.seed(0)
    course = Course(Place(rauc=Rauc(version=version, loader=loader), policy=configured(reboot=True)))
    try:
        if how:
            course.cut(how, at, lose_journal=lose)
        STORIES[story](course)
        course.settle()
        assert how is None or course.place.deaths
        return course.place.effects
    finally:
        course.close()


@pytest.mark.parametrize(("version", "loader"), [("1.8", "grub"), ("1.13", "uboot"), ("1.13", "none")])
@pytest.mark.parametrize("story", STORIES)
def test_every_cut_ends_in_the_truth_whatever_was_asked_for(story, version, loader, caplog):
    caplog.set_level(logging.CRITICAL, "hawkbit_rauc")
    points = live(story, version, loader, None, 0, lose=False)
    assert points >= 4
    ways = list(itertools.product(range(1, points + 1), (Cut, PowerCut), (False, True)))
    ways = [way for way in ways if not (way[-1] and story == NEEDS_JOURNAL)]
    for at, how, lose in ways:
        live(story, version, loader, how, at, lose=lose)
    table.hold(story, f"RAUC {version}, {loader}", points, len(ways))
