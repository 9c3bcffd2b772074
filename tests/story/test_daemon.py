# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's loop in virtual time: when it polls, what it takes up, how it ends."""

import itertools

import pytest
from attrs import evolve
from story.configured import configured
from story.days import DAY, HOUR, MINUTE, days
from story.universe import IDENTITY, Rauc

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.errors import (
    BusError,
    CredentialsError,
    InstallerBusyError,
    InstallerError,
    MismatchError,
    OfferGoneError,
    ServerError,
    StateError,
)
from hawkbit_rauc.model import Execution, Finished, Outcome, Record, System
from hawkbit_rauc.rules.pace import BUSY_FIRST, BUSY_PACE, LATER_PACE
from hawkbit_rauc.story import daemon
from hawkbit_rauc.story.current import MAX_ENDS
from hawkbit_rauc.story.polls import URGENT_FIRST_POLL
from hawkbit_rauc.story.reboot import MAX_REBOOT_REQUESTS, REBOOT_GRACE

AWAY = ServerError("hawkbit.test does not answer")


def gaps(polls: list[float]) -> list[float]:
    return [round(after - before, 1) for before, after in itertools.pairwise(polls)]


def cancel(life) -> None:
    """The operator cancels the newest action."""
    life.universe.hawkbit.actions[-1].status = "CANCELING"


def close(life) -> None:
    """The operator force-quits the newest action."""
    life.universe.hawkbit.actions[-1].active = False


# ---------------------------------------------------------------- when it polls


def test_an_idle_daemon_polls_at_the_servers_interval():
    with days(assigned=None) as life:
        life.live(DAY)
        assert set(gaps(life.polls)) == {300.0}


@pytest.mark.case(28)
@pytest.mark.parametrize(("random", "first"), [(0.0, 0.0), (0.5, 30.0), (1.0, 60.0)])
def test_the_first_poll_comes_at_random_within_its_bounds(random, first):
    with days(assigned=None) as life:
        life.random = random
        life.live(100, first_poll_within=60.0)
        assert life.polls[0] == first


def test_the_first_poll_comes_soon_where_something_is_left_to_be_told():
    with days(assigned=None) as life:
        Journal(life.universe.folder, IDENTITY).write(Record("1"))
        life.random = 1.0
        life.live(50, first_poll_within=60.0)
        assert life.polls[0] == URGENT_FIRST_POLL


def test_with_once_the_first_poll_comes_at_once():
    with days(assigned=None) as life:
        life.random = 1.0
        assert life.live(50, once=True, first_poll_within=60.0) == daemon.DONE
        assert life.polls[0] == 0


def test_polls_come_fast_while_there_is_work_and_slower_after_ten_minutes():
    """So that a cancelation is seen soon, and a slow link costs little."""
    with days() as life:
        life.troubles["fetch"] = ServerError("slow")
        life.live(HOUR)
        early = gaps([poll for poll in life.polls if poll < BUSY_FIRST])
        late = gaps([poll for poll in life.polls if poll > BUSY_FIRST + LATER_PACE])
        assert set(early) == {BUSY_PACE}
        assert set(late) == {LATER_PACE}


def test_no_poll_comes_faster_than_the_server_asks_for():
    with days() as life:
        life.universe.hawkbit.interval = 2.0
        life.troubles["fetch"] = ServerError("slow")
        life.live(MINUTE)
        assert set(gaps(life.polls)) == {2.0}


@pytest.mark.parametrize("waits", ["window", "reboot", "commit", "skip"])
def test_waiting_costs_no_more_polls_than_idling(waits):
    """A day of waiting: at most as many polls as a day of idling, and a few for the work before."""
    with days() as life:
        if waits in ("window", "skip"):
            life.asks = {"update": "skip", "window": "unavailable" if waits == "window" else None}
        if waits == "commit":
            life.universe.rauc.tried["A"] = True
        life.live(DAY)
        assert len(life.polls) < DAY / 300 + 15
        assert len(life.calls) < 6 * len(life.polls) + 15
        assert life.calls.count("tell") < 10
        assert life.final() is None


def test_poll_now_cuts_the_pause_short():
    with days(assigned=None) as life:
        life.at(100.0, life.poll_now)
        life.live(450)
        assert life.polls == [0, 100, 400]


def test_poll_now_cuts_the_pause_after_a_failure_short():
    with days(assigned=None) as life:
        life.troubles["poll"] = ServerError("busy", retry_after=900)
        life.at(10.0, life.poll_now)
        life.live(500)
        assert life.polls == [0, 10]


@pytest.mark.case(18, 28)
def test_a_server_that_is_away_is_asked_at_growing_pauses():
    """No faster than twice the interval's share over a day, and it is back within an interval."""
    with days(assigned=None) as life:
        life.troubles["poll"] = AWAY
        life.at(DAY, life.troubles.clear)
        life.live(DAY + HOUR)
        assert 200 < len(life.polls) < 2.5 * DAY / 300
        assert max(gaps(life.polls)) <= 300


def test_a_server_that_is_away_is_logged_once_and_its_return_too(caplog):
    with days(assigned=None) as life, caplog.at_level("INFO"):
        life.troubles["poll"] = AWAY
        life.at(HOUR, life.troubles.clear)
        life.live(2 * HOUR)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        str(AWAY),
        "the server answers again",
    ]


def test_what_a_poll_said_is_forgotten_where_it_could_not_be_done():
    """Else the server's "not modified" would hide it."""
    with days(assigned=None) as life:
        life.identifies = True
        life.troubles["identify"] = AWAY
        life.at(10.0, life.troubles.clear)
        life.live(HOUR)
        assert life.identified == [{"a": "b"}]
        assert life.calls[:4] == ["poll", "write", "identify", "forget"]


def test_attributes_that_the_server_does_not_take_hold_nothing_up(caplog):
    """The action that it offers is done, and the reason is told once."""
    with days() as life:
        life.identifies = True
        life.troubles["identify"] = ServerError("the server does not take the attributes")
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 1
        assert caplog.text.count("does not take the attributes") == 1


def test_attributes_are_told_at_the_start_and_when_they_changed():
    """A fallback after success shows nowhere else; what is the same after an action is not told again."""
    with days() as life:
        life.live(HOUR)
        assert life.identified == [{"a": "b"}]
        life.facts = {"rauc_booted_slot": "B"}
        life.universe.hawkbit.actions[0].active = False
        life.universe.hawkbit.assign("v3")
        life.troubles["fetch"] = MismatchError("wrong bytes")
        life.live(HOUR)
        assert life.final(2).finished is Finished.FAILURE
        life.live(HOUR)
        assert life.identified[1:] == [{"a": "b", "rauc_booted_slot": "B"}] * 2


def test_a_confirmation_is_left_to_the_operator():
    with days() as life:
        life.confirms = True
        life.live(HOUR)
        assert life.told() == []


# ---------------------------------------------------------------- what the server takes back


@pytest.mark.parametrize("take_back", [cancel, close])
def test_what_the_server_takes_back_while_fetching_is_stopped(take_back):
    """Canceled or force-quit: the fetch ends with the next poll, nothing is installed, nothing is left."""
    with days() as life:
        life.at(6.0, lambda: take_back(life))
        life.live(HOUR)
        assert life.universe.rauc.installed == []
        assert life.universe.disk == {}
        assert life.universe.hawkbit.active == []


def test_what_is_closed_while_nothing_moves_is_dropped():
    with days() as life:
        life.troubles["fetch"] = ServerError("slow")
        life.at(MINUTE, lambda: close(life))
        life.live(HOUR)
        assert max(life.fetches) < MINUTE + BUSY_PACE + 1


def test_an_action_that_the_server_closed_while_installing_is_dropped():
    with days(policy=configured(reboot=True)) as life:
        life.universe.script["RAUC writes"] = [lambda: close(life)]
        life.live(HOUR)
        assert life.reboots == []
        assert life.final() is None


@pytest.mark.case(2)
def test_a_replaced_action_makes_room_for_the_new_one():
    """The old one is canceled, the new one installed, in one go."""
    with days() as life:
        life.at(6.0, lambda: life.universe.hawkbit.assign("v3"))
        life.live(HOUR)
        assert life.universe.hawkbit.actions[0].status == "CANCELED"
        assert [bundle for _, bundle in life.universe.rauc.installed] == ["v3"]
        assert "reboot pending" in life.told(2)[-1]


def test_a_cancelation_while_rauc_writes_is_rejected():
    with days() as life:
        life.universe.script["RAUC writes"] = [lambda: cancel(life)]
        life.live(HOUR)
        assert life.universe.hawkbit.actions[0].status == "RUNNING"
        assert life.universe.rauc.content["B"] == "v2"


@pytest.mark.case(7)
def test_a_cancelation_that_is_gone_is_no_trouble():
    """The operator thought better of it between the poll and our question."""
    with days() as life:
        cancel(life)
        life.troubles["cancelation"] = OfferGoneError("404")
        life.at(HOUR, lambda: setattr(life.universe.hawkbit.actions[0], "status", "RUNNING"))
        life.live(2 * HOUR)
        assert "reboot pending" in life.told()[-1]


@pytest.mark.parametrize("call", ["cancelation", "tell", "system"])
def test_a_cancelation_that_could_not_be_answered_is_answered_later(call):
    with days() as life:
        life.live(HOUR)
        life.troubles[call] = InstallerError("gone") if call == "system" else AWAY
        cancel(life)
        life.at(10 * MINUTE, life.troubles.clear)
        life.live(HOUR)
        assert life.universe.hawkbit.actions[0].status == "CANCELED"
        assert life.universe.rauc.primary == "A"


# ---------------------------------------------------------------- the reboot that is left


INSTALLED = configured(report_installed=True, reboot=True)


def test_report_installed_tells_success_first_and_then_reboots():
    with days(policy=INSTALLED) as life:
        life.live(3 * REBOOT_GRACE + MINUTE)
        assert life.final().finished is Finished.SUCCESS
        assert len(life.reboots) == MAX_REBOOT_REQUESTS
        assert life.reboots[0] < MINUTE
        assert REBOOT_GRACE <= life.reboots[1] - life.reboots[0] < REBOOT_GRACE + 310


def test_report_installed_without_our_reboot_leaves_it_to_others():
    with days(policy=configured(report_installed=True)) as life:
        life.live(HOUR)
        assert life.final().finished is Finished.SUCCESS
        assert life.reboots == []


@pytest.mark.parametrize("told", [True, False])
def test_a_reboot_that_a_crash_left_undone_is_asked_for(told):
    """Success was told in this boot, or is yet to be told; the reboot never came."""
    with days(assigned=None, policy=INSTALLED) as life:
        outcome = Outcome(success=True, details=("installed",))
        record = Record("1", attempt=1, completed=True, boot_id=life.boot_id, outcome=outcome, told=told)
        life.universe.hawkbit.assign("v2").active = not told
        Journal(life.universe.folder, IDENTITY).write(record)
        life.live(10 * MINUTE)
        assert life.reboots[0] < 301


@pytest.mark.parametrize(
    "change",
    [
        {"boot_id": "boot-0"},
        {"completed": False},
        {"outcome": Outcome(success=False, details=("x",))},
        {"outcome": None},
    ],
)
def test_no_reboot_is_asked_for_in_any_other_case(change):
    """Another boot, not installed, failed or canceled: the board is left alone."""
    with days(assigned=None, policy=INSTALLED) as life:
        outcome = Outcome(success=True, details=("installed",))
        record = Record("1", completed=True, boot_id=life.boot_id, outcome=outcome, told=True)
        Journal(life.universe.folder, IDENTITY).write(evolve(record, **change))
        life.live(DAY)
        assert life.reboots == []


def test_a_reboot_that_is_refused_does_not_stop_the_polls():
    with days(policy=INSTALLED) as life:
        life.troubles["reboot"] = BusError("logind is not there")
        life.live(HOUR)
        assert len(life.reboots) == MAX_REBOOT_REQUESTS
        assert len(life.polls) > 12


def test_no_reboot_cuts_an_installation_off():
    """Somebody else's too: the reboot that is due waits for RAUC."""
    with days(policy=INSTALLED) as life:
        life.universe.script["told closed: installed (told before the reb"] = [
            lambda: life.troubles.update(system=InstallerBusyError("RAUC is busy: installing"))
        ]
        life.at(HOUR, life.troubles.clear)
        life.live(2 * HOUR)
        assert life.final()
        assert min(life.reboots) >= HOUR


def test_without_slots_the_success_is_told_and_the_reboot_follows():
    """RAUC can tell nothing about slots, but the new system is to run all the same."""
    with days(policy=configured(reboot=True)) as life:
        look = life.universe.rauc.system
        life.universe.rauc = type("Blind", (Rauc,), {"system": lambda self: System()})()
        assert look().slots
        life.live(HOUR)
        assert "can't tell about slots" in life.final().details[0]
        assert len(life.reboots) == MAX_REBOOT_REQUESTS


def test_a_reboot_that_does_not_come_is_asked_for_once_more():
    """After its grace, in the same boot, and no more however long it takes."""
    with days(policy=configured(reboot=True)) as life:
        life.live(DAY)
        assert len(life.reboots) == MAX_REBOOT_REQUESTS
        assert life.reboots[1] - life.reboots[0] >= REBOOT_GRACE


# ---------------------------------------------------------------- once


@pytest.mark.parametrize(
    ("assigned", "refused", "code"),
    [(None, "", daemon.DONE), ("v2", "", daemon.DONE), ("v2", "v2", daemon.FAILED)],
)
def test_once_works_until_nothing_can_be_done_now(assigned, refused, code):
    """Nothing to do, installed and reboot pending, or failed."""
    with days(assigned=assigned) as life:
        life.universe.rauc.refused.add(refused)
        assert life.live(HOUR, once=True) == code
        assert life.universe.now < 1000 + MINUTE


def test_once_leaves_a_closed_window_alone():
    with days() as life:
        life.asks = {"update": "skip", "window": "unavailable"}
        assert life.live(HOUR, once=True) == daemon.DONE
        assert life.told()[-1] == "downloaded and verified; waiting for the maintenance window"


def test_once_answers_a_cancelation_and_goes_on():
    with days() as life:
        life.universe.hawkbit.assign("v3")
        assert life.live(HOUR, once=True) == daemon.DONE
        assert [bundle for _, bundle in life.universe.rauc.installed] == ["v3"]


def test_once_with_success_at_the_installation_reboots_before_it_ends():
    with days(policy=INSTALLED) as life:
        assert life.live(HOUR, once=True) == daemon.DONE
        assert len(life.reboots) == 1


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("poll", AWAY),
        ("poll", CredentialsError("refused")),
        ("system", InstallerError("RAUC is not there")),
        ("deployment", AWAY),
        ("fetch", AWAY),
        ("tell", AWAY),
        ("write", StateError("read-only")),
    ],
)
def test_once_gives_up_when_nothing_succeeds_any_more(call, error):
    """After `once_timeout` without any success, wherever it hangs, with 2; nothing is told as failed."""
    with days() as life:
        life.troubles[call] = error
        assert life.live(HOUR, once=True, once_timeout=30.0) == daemon.UNREACHABLE
        assert life.universe.now <= 1000 + 60
        assert life.final() is None


def test_once_gives_up_at_once_where_the_server_asks_for_more_patience():
    with days() as life:
        life.troubles["poll"] = ServerError("busy", retry_after=600)
        assert life.live(HOUR, once=True, once_timeout=30.0) == daemon.UNREACHABLE
        assert life.universe.now <= 1000 + 30


def test_once_does_not_give_up_while_work_goes_on():
    """A long download that moves is no trouble."""
    with days() as life:
        assert life.live(HOUR, once=True, once_timeout=5.0) == daemon.DONE
        assert "reboot pending" in life.told()[-1]


def test_once_ends_where_an_offer_is_taken_back_again_and_again():
    with days() as life:
        life.troubles["deployment"] = OfferGoneError("404")
        assert life.live(HOUR, once=True) == daemon.DONE
        assert life.calls.count("deployment") == MAX_ENDS


# ---------------------------------------------------------------- what is left untold


def test_a_final_that_is_left_is_told_first():
    """In the journal, decided but not told: the next life tells it, once, and does not read the action again."""
    with days() as life:
        outcome = Outcome(success=False, details=("fell back",))
        Journal(life.universe.folder, IDENTITY).write(Record("1", outcome=outcome))
        life.live(HOUR)
        assert (life.final().execution, life.final().details) == (Execution.CLOSED, ("fell back",))
        assert "deployment" not in life.calls
        assert life.universe.rauc.installed == []


def test_a_final_that_can_not_be_told_is_kept_for_days():
    """It is told when the server is back, and the server is not pestered until then."""
    with days() as life:
        life.universe.rauc.refused.add("v2")
        life.universe.script["RAUC accepted the bundle"] = [lambda: life.troubles.update(tell=AWAY)]
        life.at(3 * DAY, life.troubles.clear)
        life.live(4 * DAY)
        assert life.calls.count("tell") < 4 * DAY / 60
        assert life.final().details == ("signature verification failed",)
        assert len(life.universe.rauc.installed) == 1
