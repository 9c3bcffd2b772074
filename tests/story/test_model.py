# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random operators, servers, boards and power cuts against a small specification (`operated.Specification`).

A run in CI takes the same courses each time.
`pytest tests/story/test_model.py --hypothesis-profile=long` takes new ones for as long as its profile says.
"""

from __future__ import annotations

import logging

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from story.configured import configured
from story.operated import CLOSED, OPEN, PASSED, Course, Place
from story.universe import Cut, PowerCut, Rauc

from hawkbit_rauc.rules.bundles import Choice
from hawkbit_testing.actions import Action

LOG = logging.getLogger("hawkbit_rauc")
#: A profile of one's own takes new courses, as many as it says.
LONG = settings.get_current_profile_name() == "long"
STEPS = st.sampled_from(
    ["RAUC accepted the bundle", "RAUC marked the target bad", "RAUC writes", "RAUC has written"]
)

#: Seconds; five minutes are the interval of the polls.
PAUSES = st.sampled_from([0, 3, 20, 60, 310, 340, 400, 1000, 4000])


class Model(RuleBasedStateMachine):
    """One board; `teardown` brings everything to its end."""

    course: Course
    light = lost = False

    @initialize(
        version=st.sampled_from(["1.8", "1.13"]),
        loader=st.sampled_from(["grub", "uboot", "none"]),
        streams=st.booleans(),
        reboot=st.booleans(),
        ask=st.booleans(),
        confirmation=st.sampled_from(["ask", "allow"]),
        installed=st.sampled_from([False, False, False, True]),
        flow=st.booleans(),
        autoclose=st.booleans(),
        trial=st.sampled_from([20, 90, 700]),
    )
    def begin(
        self, version, loader, streams, reboot, ask, confirmation, installed, flow, autoclose, trial
    ) -> None:
        LOG.setLevel(logging.CRITICAL)
        policy = configured(
            report_installed=installed,
            reboot=reboot,
            ask=ask,
            confirmation=confirmation,
            choice=Choice(patterns=("u*", "v*")),
            give_up_after=365 * 86400.0,
        )
        place = Place(
            rauc=Rauc(version=version, loader=loader), policy=policy, streams=streams, mark_good_after=trial
        )
        place.server.confirmation_flow = flow
        place.server.autoclose = autoclose
        self.course = Course(place)
        self.course.log.append(f"RAUC {version}, {loader}, {policy}, streams: {streams}, flow: {flow}")

    def teardown(self) -> None:
        try:
            if hasattr(self, "course"):
                try:
                    self.course.calm()
                    self.course.settle()
                finally:
                    self.course.close()
        finally:
            LOG.setLevel(logging.NOTSET)

    # ------------------------------------------------------------ operators

    @precondition(lambda self: len(self.course.open) < 2)
    @rule(
        kind=st.sampled_from(["fine", "fine", "fine", "broken", "refused", "handled"]),
        forced=st.sampled_from([True, True, False]),
        weight=st.sampled_from([1000, 1000, 500]),
        window=st.sampled_from([None, None, CLOSED, OPEN]),
        needs_consent=st.booleans(),
        several=st.sampled_from([False, False, True]),
        then=PAUSES,
    )
    def assign(self, kind, forced, weight, window, needs_consent, several, then) -> None:
        if self.lost:
            weight = 1000  # what was overtaken while it waited for the reboot is known to the journal alone
        self.light = self.light or weight < 1000
        self.course.assign(
            kind,
            several=several,
            forced=forced,
            weight=weight,
            window=window,
            confirmation_required=needs_consent,
        )
        self.wait(then)

    @precondition(lambda self: len(self.course.open) < 2)
    @rule(then=PAUSES)
    def download_only(self, then) -> None:
        self.course.assign(download_only=True)
        self.wait(then)

    def _some(self, number: int) -> Action:
        return self.course.open[number % len(self.course.open)]

    @property
    def _any(self) -> bool:
        return bool(self.course.open)

    @precondition(lambda self: self.course.place.target.actions and len(self.course.open) < 2)
    @rule(number=st.integers(0, 5), then=PAUSES)
    def assign_the_same_again(self, number, then) -> None:
        actions = self.course.place.target.actions
        self.course.assign(again=actions[number % len(actions)])
        self.wait(then)

    @precondition(lambda self: self._any)
    @rule(
        number=st.integers(0, 3),
        effects=st.integers(0, 15),
        quits=st.sampled_from([False, False, True]),
        then=PAUSES,
    )
    def cancel(self, number, effects, quits, then) -> None:
        """At once, or right after something has happened."""
        action = self._some(number)
        act = self.course.force_quit if quits else self.course.cancel
        if effects:
            self.course.later(effects, lambda: act(action))
        else:
            act(action)
        self.wait(then)

    @precondition(lambda self: self._any)
    @rule(number=st.integers(0, 3))
    def force(self, number) -> None:
        action = self._some(number)
        if action.type == "soft":
            self.course.log.append(f"force {action.id}")
            action.force()

    @precondition(lambda self: self._any)
    @rule(number=st.integers(0, 3), window=st.sampled_from([OPEN, PASSED]))
    def window(self, number, window) -> None:
        action = self._some(number)
        if action.window is CLOSED:
            self.course.log.append(f"window of {action.id}: {window}")
            action.window = window

    @precondition(lambda self: self._any)
    @rule(given=st.booleans())
    def answer(self, given) -> None:
        self.course.answer(given=given)

    # ------------------------------------------------------------ time and trouble

    @rule(seconds=PAUSES)
    def wait(self, seconds) -> None:
        self.course.log.append(f"wait {seconds}")
        self.course.wait(seconds)

    @rule(how=st.sampled_from([Cut, PowerCut]), after=st.integers(1, 12), lose_journal=st.booleans())
    def cut(self, how, after, lose_journal) -> None:
        self.lost = self.lost or (lose_journal and not self.light)
        self.course.cut(how, after, lose_journal=lose_journal and not self.light)

    @rule(how=st.sampled_from([Cut, PowerCut]))
    def die(self, how) -> None:
        self.course.die(how)

    @rule(seconds=st.sampled_from([5, 60, 900, 5000]))
    def server_goes(self, seconds) -> None:
        self.course.log.append(f"no server for {seconds} s")
        self.course.place.away_until = self.course.place.now + seconds

    @rule(refuses=st.integers(0, 4), loses=st.integers(0, 3))
    def server_errs(self, refuses, loses) -> None:
        self.course.log.append(f"server refuses {refuses}, loses {loses}")
        self.course.place.refuses, self.course.place.loses = refuses, loses

    @rule(step=STEPS)
    def rauc_dies(self, step) -> None:
        self.course.log.append(f"RAUC dies at: {step}")
        self.course.place.rauc_dies_at = step

    @precondition(lambda self: self.course.place.rauc.version != "1.8")
    @rule()
    def install_by_hand(self) -> None:
        self.course.install_by_hand()

    @rule()
    def activate_by_hand(self) -> None:
        self.course.activate_by_hand()


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=settings().max_examples if LONG else 800,
    derandomize=not LONG,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, *([Phase.shrink] if LONG else [])],  # in CI the log of the course has to do
)
