# SPDX-License-Identifier: LGPL-2.1-or-later
"""A year of one board in virtual time: a hundred deployments, outages, power cuts, and long days of nothing."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest
from attrs import define, field
from story.configured import configured
from story.days import DAY, HOUR, MINUTE
from story.operated import CLOSED, OPEN, Course, Place
from story.universe import Cut, PowerCut, Rauc

pytestmark = pytest.mark.no_cover  # it would take them twice the time, and find no line that others don't

DEPLOYMENTS = 104
#: At polls every five minutes.
MOST_REQUESTS_A_DAY = 300
MOST_BYTES_A_DEPLOYMENT = 64 * 1024


@pytest.fixture
def chance() -> Iterator[random.Random]:
    """The same year each time; also the pauses between tries are drawn from it."""
    state = random.getstate()
    random.seed(2026)
    yield random.Random(2026)
    random.setstate(state)


@define
class Year:
    """The year as it goes by.

    Attributes:
        idle: requests of each day on which nothing happened.
        bytes: written to the state folder in each half-week with a deployment, which has much else.
    """

    course: Course
    chance: random.Random
    idle: list[int] = field(factory=list)
    bytes: list[int] = field(factory=list)

    def half_week(self) -> None:
        """A deployment and what gets in its way, and then nothing until the half-week is over."""
        place, chance = self.course.place, self.chance
        began, written, before = place.now, place.written, len(place.target.actions)
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            self.trouble()
        window = chance.choice([None, None, CLOSED])
        kind = chance.choice(["fine"] * 8 + ["broken", "refused", "handled"])
        options = {"download_only": True} if chance.random() < 0.1 else {"forced": chance.random() < 0.7}
        action = self.course.assign(kind, window=window, **options)
        self.course.wait(chance.choice([20, 340, HOUR]))
        if chance.random() < 0.15:
            self.course.cancel(action)
        if chance.random() < 0.1:
            self.course.assign("fine")  # takes the first one's place
        self.course.wait(6 * HOUR)
        for waiting in self.course.open:
            waiting.window = waiting.window and OPEN
        self.course.wait(10 * HOUR)
        self.course.place.cuts = {}
        while self.course.open:
            self.course.wait(HOUR)
            assert place.now < began + 7 * DAY, f"{self.course.open}, {place.log[-20:]}"
        self.bytes.append((place.written - written) // (len(place.target.actions) - before))
        while place.now < began + 3.5 * DAY - DAY:
            requests = place.requests
            self.course.wait(DAY)
            self.idle.append(place.requests - requests)
        self.course.wait(max(began + 3.5 * DAY - place.now, 0))

    def trouble(self) -> None:
        """Something that happens to boards."""
        place, chance = self.course.place, self.chance
        match chance.randrange(7):
            case 0:
                place.away_until = place.now + chance.choice([10 * MINUTE, HOUR, 8 * HOUR])
            case 1:
                place.refuses, place.loses = chance.randrange(5), chance.randrange(3)
            case 2:
                self.course.cut(Cut, chance.randrange(1, 20), lose_journal=chance.random() < 0.2)
            case 3:
                self.course.die(PowerCut)
            case 4:
                place.rauc_dies_at = "RAUC writes"
            case 5:
                self.course.visit_rescue()
            case _:
                self.course.cut(PowerCut, chance.randrange(1, 20), lose_journal=chance.random() < 0.2)


def test_year_ends_with_one_truthful_final_for_each_deployment(chance, caplog, capsys):
    """And costs the server and the flash memory no more than it has to."""
    caplog.set_level(logging.CRITICAL, "hawkbit_rauc")
    course = Course(Place(rauc=Rauc(rescue=True), policy=configured(reboot=True), mark_good_after=90))
    year = Year(course, chance)
    try:
        for _ in range(DEPLOYMENTS):
            year.half_week()
        course.calm()
        course.settle()
        place = course.place
        assert place.now > 360 * DAY
        statuses = [action.status for action in place.target.actions]
        ends = ", ".join(f"{statuses.count(one)} {one}" for one in sorted(set(statuses)))
        with capsys.disabled():
            print(
                f"\na year: {len(statuses)} deployments ({ends}), {place.deaths} deaths; requests on an idle "
                f"day: {min(year.idle)} to {max(year.idle)} ({len(year.idle)} days); bytes written to the "
                f"state folder: {max(year.bytes)} a deployment at most, {place.written // len(statuses)} on average"
            )
        assert len(statuses) >= 100
        assert len(set(statuses)) == 4
        assert max(year.idle) <= MOST_REQUESTS_A_DAY
        assert max(year.bytes) <= MOST_BYTES_A_DEPLOYMENT
    finally:
        course.close()
