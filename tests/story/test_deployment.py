# SPDX-License-Identifier: LGPL-2.1-or-later
"""One deployment in virtual time: what is put off, what is given up, and what the history says."""

import pytest
from story.configured import configured
from story.days import DAY, HOUR, MINUTE, days
from story.universe import IDENTITY

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.errors import (
    BusError,
    DeploymentError,
    DownloadError,
    InstallerBusyError,
    InstallerError,
    MismatchError,
    NothingWaitsError,
    ServerError,
    SpaceError,
    StateError,
)
from hawkbit_rauc.model import Finished, Slot
from hawkbit_rauc.rules.bundles import Choice
from hawkbit_rauc.story.action import MAX_ENTRIES
from hawkbit_rauc.story.reboot import FEEDBACK_GRACE

AWAY = ServerError("hawkbit.test does not answer")


# ---------------------------------------------------------------- putting off and giving up


@pytest.mark.parametrize("error", [DownloadError("the link is slow"), SpaceError("no room")])
def test_what_passes_is_told_once_and_tried_until_it_has_passed(error):
    with days() as life:
        life.troubles["fetch"] = error
        life.at(6 * HOUR, life.troubles.clear)
        life.live(7 * HOUR)
        assert life.told().count(f"put off: {error}") == 1
        assert "reboot pending" in life.told()[-1]


def test_what_does_not_pass_is_given_up_after_a_day_with_its_reason():
    """Closed as failure once the time has passed, not much later; the last reason is told."""
    with days() as life:
        life.troubles["fetch"] = SpaceError("no room")
        life.at(HOUR, lambda: life.troubles.update(fetch=DownloadError("the link is slow")))
        life.live(23 * HOUR)
        assert life.final() is None
        life.acts.clear()
        life.live(3 * HOUR)
        assert life.final().finished is Finished.FAILURE
        assert life.final().details == ("gave up after 24 h: the link is slow",)
        assert life.universe.disk == {}


def test_restarts_do_not_start_the_day_anew():
    """The time spent is in the journal, to within ten minutes a life."""
    with days(policy=configured(give_up_after=4 * HOUR)) as life:
        life.troubles["fetch"] = SpaceError("no room")
        for _ in range(12):
            life.live(HOUR)
        assert life.final().finished is Finished.FAILURE


@pytest.mark.no_cover  # it would take it four times the time
def test_link_that_drops_for_ever_gets_there_as_long_as_something_arrives():
    """Only time in which nothing moves counts."""
    with days(policy=configured(give_up_after=4 * HOUR)) as life:
        life.troubles["fetch"] = DownloadError("the connection was cut")
        life.moves = True
        life.live(20 * HOUR)
        assert life.final() is None
        life.moves = False
        life.acts.clear()
        life.live(5 * HOUR)
        assert life.final().details == ("gave up after 4 h: the connection was cut",)


def test_slow_tries_count_as_well_as_the_pauses_between_them():
    """A server that takes an hour for each refusal is given up as soon as one that refuses at once."""
    with days(policy=configured(give_up_after=4 * HOUR)) as life:
        life.troubles["fetch"] = DownloadError("no answer")
        life.slow_fetch = 30 * MINUTE
        life.live(6 * HOUR)
        assert life.final() is not None


def test_waiting_does_not_count():
    """A week outside of the window, then a trouble: it has its whole day."""
    with days() as life:
        life.asks = {"update": "skip", "window": "unavailable"}
        life.at(7 * DAY - 1, lambda: life.troubles.update(fetch=SpaceError("no room")))
        life.at(7 * DAY, life.asks.clear)
        life.at(7 * DAY + 20 * HOUR, life.troubles.clear)
        life.live(8 * DAY)
        assert life.final() is None
        assert "reboot pending" in life.told()[-1]


@pytest.mark.parametrize("call", ["system", "tell"])
def test_an_attempt_that_was_begun_is_never_given_up(call):
    """How it ended has to be seen first, however long RAUC or the server are away."""
    with days() as life:
        trouble = InstallerError("RAUC is not there") if call == "system" else AWAY
        life.universe.script["RAUC writes"] = [lambda: life.troubles.update({call: trouble})]
        life.at(2 * DAY, life.troubles.clear)
        life.live(3 * DAY)
        assert life.final() is None
        assert len(life.universe.rauc.installed) == 1


def test_a_trouble_with_the_journal_stops_nothing_else():
    """A state folder that can't be written: nothing is installed, the reason is told, it goes on later."""
    with days() as life:
        life.troubles["write"] = StateError("read-only")
        life.at(HOUR, life.troubles.clear)
        life.live(50 * MINUTE)
        assert life.universe.rauc.installed == []
        life.troubles.clear()
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.parametrize("lives", [1, 2])
def test_wrong_bytes_twice_are_a_failure(lives):
    """Within one life or over two; once may be a proxy's fault."""
    with days() as life:
        life.troubles["fetch"] = MismatchError("sha256 is not what the server announced")
        for _ in range(lives):
            life.live(20 if lives == 1 else 0.5)
        assert life.final().finished is Finished.FAILURE
        assert life.final().details == ("sha256 is not what the server announced (2 times)",)
        assert len(life.fetches) == 2


def test_wrong_bytes_once_are_fetched_again():
    with days() as life:
        life.troubles["fetch"] = MismatchError("wrong")
        life.at(0.4, life.troubles.clear)
        life.live(HOUR)
        assert "reboot pending" in life.told()[-1]


def test_an_unusable_deployment_is_a_failure_at_once():
    with days() as life:
        life.asks = {"chunks": ()}
        life.live(MINUTE)
        assert "no artifact" in life.final().details[0]


def test_days_of_ever_new_troubles_fit_into_the_history():
    """However many different reasons there are, at most 60 entries are ours."""
    with days(policy=configured(give_up_after=9 * DAY)) as life:
        for hour in range(30 * 24):
            life.at(
                hour * HOUR, lambda hour=hour: life.troubles.update(fetch=DownloadError(f"reason {hour}"))
            )
        life.live(4 * DAY)
        assert 40 < len(life.told()) <= MAX_ENTRIES + 1
        assert len(set(life.told())) == len(life.told())


# ---------------------------------------------------------------- before the installation


def test_what_waits_for_its_window_is_fetched_once_and_installed_in_it():
    with days() as life:
        life.asks = {"update": "skip", "window": "unavailable"}
        life.at(DAY, life.asks.clear)
        life.live(DAY - 1)
        assert (len(life.fetches), life.universe.rauc.installed) == (1, [])
        assert life.told()[1:] == ["downloaded and verified; waiting for the maintenance window"]
        life.acts.clear()
        life.asks.clear()
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


def test_window_survives_a_restart():
    """The bundle that waits is on the disk; a new life looks at it once more, and installs it when it may."""
    with days() as life:
        life.asks = {"update": "skip", "window": "unavailable"}
        life.live(HOUR)
        life.live(HOUR)
        assert len(life.fetches) == 2
        assert life.universe.disk
        life.asks.clear()
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.case(13)
def test_bundle_that_was_changed_during_the_download_is_not_installed():
    """What is installed is what the action asks for when the installation begins."""
    with days() as life:
        life.at(5, lambda: life.asks.update(update="skip", window="unavailable"))
        life.live(HOUR)
        assert life.universe.rauc.installed == []


def test_download_only_keeps_the_bundle_for_the_next_action():
    """`downloaded` ends it; nothing is installed until another action asks for that, and nothing is removed."""
    with days() as life:
        life.asks = {"update": "skip"}
        life.live(HOUR)
        assert [entry.execution for entry in life.universe.hawkbit.actions[0].entries][-1] == "downloaded"
        assert life.universe.rauc.installed == []
        life.universe.hawkbit.actions[0].active = False
        life.live(HOUR)
        assert life.universe.disk
        life.asks.clear()
        life.universe.hawkbit.assign(life.universe.hawkbit.actions[0].bundle)
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


def test_download_only_that_stays_on_offer_is_told_once():
    """A server that does not close the action is not told for ever."""
    with days() as life:
        life.asks = {"update": "skip"}
        life.live(DAY)
        assert life.told()[1:] == ["downloaded and verified, as asked; nothing is installed"]
        assert len(life.fetches) == 1


@pytest.mark.case(6)
@pytest.mark.parametrize(
    ("asks", "end"),
    [
        ({"update": "skip"}, "told downloaded: downloaded and verified, as as"),
        ({}, "told closed: signature verification failed"),
    ],
)
def test_end_whose_answer_was_lost_is_told_again_without_reading_the_action(asks, end):
    """hawkBit reopens an action that is read after its end (DDI)."""
    with days() as life:
        universe = life.universe
        universe.rauc.refused.add("v2")
        life.asks = asks
        reads = []

        def lose() -> None:
            universe.lost_answers = 1
            reads.append(life.calls.count("deployment"))

        universe.script[end] = [lose]
        life.at(10 * MINUTE, lambda: setattr(universe, "lost_answers", 0))
        life.live(HOUR)
        assert universe.log.count(end) > 1
        assert life.calls.count("deployment") == reads[0]


SOFT = {"download": "attempt", "update": "attempt"}


@pytest.mark.parametrize("lives", [1, 2])
def test_soft_action_waits_for_consent_where_asked_for(lives):
    """Nothing is fetched before; consent outlives a restart."""
    with days(policy=configured(ask=True)) as life:
        life.asks = dict(SOFT)
        life.live(HOUR)
        assert (life.fetches, life.universe.rauc.installed) == ([], [])
        assert "waiting for consent" in life.told()[-1]
        life.at(600, lambda: life.answer(given=True, message="the owner agrees"))
        if lives == 2:
            life.universe.hawkbit.interval = 86400.0
            life.live(601)
            life.acts.clear()
        life.live(HOUR)
        assert "the owner agrees" in life.told()
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.state("soft, then forced")
def test_soft_action_becomes_forced_in_flight():
    """The operator's word counts more than the missing consent."""
    with days(policy=configured(ask=True)) as life:
        life.asks = dict(SOFT)
        life.at(HOUR, life.asks.clear)
        life.live(HOUR - 1)
        assert life.fetches == []
        life.live(3 * HOUR)
        assert len(life.universe.rauc.installed) == 1


def test_denied_soft_action_stays_open_and_can_be_allowed_later():
    with days(policy=configured(ask=True)) as life:
        life.asks = dict(SOFT)
        life.at(600, lambda: life.answer(given=False))
        life.live(HOUR)
        assert "denied on the board" in life.told()
        assert life.final() is None
        life.acts.clear()
        life.at(600, lambda: life.answer(given=True))
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


def test_consent_is_taken_while_the_action_is_looked_at_again():
    """hawkBit shows each action anew after something was said of it, and reading it may take its time."""
    with days(policy=configured(ask=True)) as life:
        life.asks = dict(SOFT)

        def read_slowly() -> None:
            life.asks["window"] = "available"  # the same action, shown anew
            life.troubles["deployment"] = ServerError("not just now")

        life.at(590, read_slowly)
        life.at(1200, lambda: life.answer(given=True, message="the owner agrees"))
        life.at(1800, life.troubles.clear)
        life.live(HOUR)
        assert "the owner agrees" in life.told()
        assert len(life.universe.rauc.installed) == 1


def test_nothing_waits_for_consent():
    """Somebody who confirms what does not wait is told so."""
    with days(policy=configured(ask=True)) as life:
        life.at(600, lambda: life.answer(given=True))
        with pytest.raises(NothingWaitsError, match="no action waits"):
            life.live(HOUR)


@pytest.mark.case(9)
@pytest.mark.parametrize(("confirmation", "given"), [("allow", True), ("deny", False)])
def test_configuration_answers_where_the_server_wants_consent(confirmation, given):
    """Once, however often it is offered."""
    with days(policy=configured(confirmation=confirmation)) as life:
        life.confirms = True
        life.live(DAY)
        assert [consent.given for consent in life.consents] == [given]
        assert bool(life.universe.rauc.installed) is given


@pytest.mark.case(9)
def test_denial_is_not_repeated_after_a_restart():
    """The action's history shows it."""
    with days(policy=configured(confirmation="deny")) as life:
        life.confirms = True
        life.live(HOUR)
        life.live(HOUR)
        assert len(life.consents) == 1


def test_somebody_on_the_board_answers_where_the_server_wants_consent():
    """And the server's refusal of an answer is somebody's to see."""
    with days() as life:
        life.confirms = True
        life.at(600, lambda: life.answer(given=True, message="go"))
        life.live(HOUR)
        assert [consent.details for consent in life.consents] == [("go",)]
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.parametrize("on", [True, False])
def test_automatic_confirmation_is_switched_once(on):
    with days(policy=configured(auto_confirmation=on)) as life:
        life.troubles["confirm_automatically"] = ServerError("away")
        life.at(HOUR, life.troubles.clear)
        life.live(DAY)
        assert life.automatic == [on]


@pytest.mark.parametrize("moment", ["before-download", "before-installation"])
def test_hook_that_says_later_is_asked_again(moment):
    """Its words are in the history; what it was asked about happens when it agrees."""
    with days() as life:
        life.later[moment] = "hook says later: on battery"
        life.at(HOUR, life.later.clear)
        life.live(HOUR - 1)
        assert life.universe.rauc.installed == []
        assert bool(life.fetches) is (moment == "before-installation")
        assert life.told()[-1] == "hook says later: on battery"
        life.acts.clear()
        life.later.clear()
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.parametrize("moment", ["before-download", "before-installation"])
def test_hook_that_refuses_ends_the_action(moment):
    with days() as life:
        life.troubles[moment] = DeploymentError("hook refused (exit code 1): no such customer")
        life.live(HOUR)
        assert life.final().details == ("hook refused (exit code 1): no such customer",)
        assert life.universe.rauc.installed == []


@pytest.mark.parametrize("refuses", [False, True])
def test_hook_can_only_put_the_reboot_off(refuses):
    """What is installed stays; it is asked again until it agrees."""
    with days(policy=configured(reboot=True)) as life:
        if refuses:
            life.troubles["before-reboot"] = DeploymentError("no")
        else:
            life.later["before-reboot"] = "in use"
        life.live(HOUR)
        assert life.reboots == []
        assert life.final() is None
        life.later.clear()
        life.troubles.clear()
        life.live(HOUR)
        assert len(life.reboots) >= 1


@pytest.mark.parametrize("reboots", [False, True])
def test_bundle_decides_about_the_reboot_before_the_configuration(reboots):
    """Success is told after the boot all the same."""
    with days(policy=configured(reboot=not reboots)) as life:
        life.universe.rauc.asking["v2"] = reboots
        life.live(HOUR / 2)
        assert bool(life.reboots) is reboots
        assert life.final() is None
        assert any("the bundle waives it" in text for text in life.told()) is not reboots


def test_nothing_is_installed_while_the_booted_slot_is_not_committed():
    with days() as life:
        life.universe.rauc.tried["A"] = True
        life.live(HOUR)
        assert life.universe.rauc.installed == []
        assert "not committed" in life.told()[-1]
        life.universe.rauc.mark("good", "A")
        life.live(HOUR)
        assert (len(life.universe.rauc.installed), life.universe.rauc.unsafe) == (1, 0)


def test_the_bundle_that_runs_already_is_a_success_where_nothing_is_known():
    """Row 13: journal and note are lost, and nothing is installed again."""
    with days() as life:
        slot = life.universe.rauc.slots["A"]
        life.universe.rauc.slots["A"] = Slot(
            slot.name, "A", slot.device, status="ok", bundle_hash="manifest-v2"
        )
        life.live(HOUR)
        assert "this bundle already" in life.final().details[0]
        assert life.universe.rauc.installed == []


@pytest.mark.parametrize("call", ["install", "system"])
def test_a_busy_rauc_costs_no_attempt(call):
    """Somebody else's installations for hours: then ours is the first attempt."""
    with days() as life:
        life.troubles[call] = InstallerBusyError("RAUC is busy with another installation")
        life.at(5 * HOUR, life.troubles.clear)
        life.live(6 * HOUR)
        assert life.told().count("put off: RAUC is busy with another installation") == 1
        assert len(life.universe.rauc.installed) == 1
        assert Journal(life.universe.folder, IDENTITY).read().attempt == 1


def test_a_busy_rauc_may_use_up_the_day():
    """An attempt that RAUC refused was not begun, so giving up still works."""
    with days() as life:
        life.troubles["install"] = InstallerBusyError("RAUC is busy")
        life.live(26 * HOUR)
        assert life.final().details == ("gave up after 24 h: RAUC is busy",)


def test_a_server_that_is_away_before_the_installation_holds_it_up():
    """Without the note at the server nothing begins: it is the journal's substitute."""
    with days() as life:
        life.troubles["tell"] = AWAY
        life.live(HOUR)
        assert life.universe.rauc.installed == []


# ---------------------------------------------------------------- after the installation


def test_a_server_that_is_away_before_the_reboot_is_not_waited_for_for_ever():
    """The reboot comes after its grace, though the note could not be told."""
    with days(policy=configured(reboot=True)) as life:
        life.universe.script["RAUC has activated"] = [lambda: life.troubles.update(tell=AWAY)]
        life.live(HOUR)
        assert FEEDBACK_GRACE <= life.reboots[0] < FEEDBACK_GRACE + 6 * MINUTE


def test_a_server_that_is_away_is_waited_for_where_others_reboot():
    with days() as life:
        life.universe.script["RAUC has activated"] = [lambda: life.troubles.update(tell=AWAY)]
        life.at(HOUR, life.troubles.clear)
        life.live(2 * HOUR)
        assert "does not reboot by itself" in life.told()[-1]


def test_the_bundle_is_gone_once_it_is_installed():
    with days() as life:
        life.live(HOUR)
        assert life.universe.disk == {}


def test_progress_is_told_in_quarters():
    with days() as life:
        life.live(HOUR)
        assert [text for text in life.told() if "%" in text] == ["downloading: 50 %"]


def test_a_reboot_that_is_refused_is_asked_for_again():
    """logind may be late; the action stays open with the reason."""
    with days(policy=configured(reboot=True)) as life:
        life.troubles["reboot"] = BusError("logind is not there")
        life.live(HOUR)
        assert len(life.reboots) == 2
        assert life.final() is None


# ---------------------------------------------------------------- what is kept


def only_downloaded(life) -> None:
    """An action that asks for nothing but the download has ended, and its bundle is here."""
    life.asks = {"update": "skip"}
    life.live(HOUR)
    life.universe.hawkbit.actions[-1].active = False  # as hawkBit does after `downloaded`
    life.live(HOUR)
    assert set(life.universe.disk) == {"v2"}
    life.asks = {}


@pytest.mark.parametrize("arrived", [1, 2])
def test_a_bundle_that_nobody_wants_any_more_is_not_kept_for_the_one_before(arrived):
    """What was to be downloaded only made room for it, whether a part or all of it is here."""
    with days() as life:
        only_downloaded(life)
        action = life.universe.hawkbit.assign("v3")
        life.universe.script[f"fetched part {arrived}"] = [lambda: setattr(action, "active", False)]
        life.live(HOUR)
        assert life.universe.disk == {}


# ---------------------------------------------------------------- several bundles

IN_ORDER = Choice(patterns=("v2*", "v3*"))


def test_success_told_early_is_told_with_the_last_of_several_bundles():
    """The first has to be booted and committed in any case, as the second is installed by it."""
    with days(assigned="v2+v3", policy=configured(report_installed=True, choice=IN_ORDER)) as life:
        life.live(HOUR)
        assert life.final() is None
        assert "reboot pending" in life.told()[-1]
        life.universe.boot()
        life.universe.booted_at = life.universe.now
        life.live(HOUR)
        assert life.final().finished is Finished.SUCCESS
        assert [bundle for _, bundle in life.universe.rauc.installed] == ["v2", "v3"]


def test_the_second_bundle_that_does_not_arrive_is_given_up_a_day_later_and_the_first_stays():
    with days(assigned="v2+v3", policy=configured(reboot=True, choice=IN_ORDER)) as life:
        life.live(HOUR)
        life.universe.boot()
        life.universe.booted_at = life.universe.now
        life.troubles["fetch"] = DownloadError("the link is slow")
        life.live(25 * HOUR)
        assert life.final().details == (
            "gave up after 24 h: the link is slow",
            "this was bundle 2 of the action; those before it stay installed",
        )
        assert life.universe.rauc.content["B"] == "v2"


def test_progress_of_each_of_several_bundles_is_told_by_its_name():
    with days(assigned="v2+v3", policy=configured(reboot=True, choice=IN_ORDER)) as life:
        life.live(HOUR)
        life.universe.boot()
        life.universe.booted_at = life.universe.now
        life.live(HOUR)
        assert [text for text in life.told() if text.endswith("50 %")] == [
            "downloading v2.raucb: 50 %",
            "downloading v3.raucb: 50 %",
        ]
