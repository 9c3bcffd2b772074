# SPDX-License-Identifier: LGPL-2.1-or-later
"""With `mark_good = own` a new system proves itself or is left again; a system that was committed is left alone."""

from __future__ import annotations

import pytest
from attrs import evolve
from story.configured import configured
from story.days import DAY, HOUR, MINUTE, Days, days
from story.universe import IDENTITY

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.errors import InstallerError, ServerError


def installed(life: Days) -> None:
    """Bring the board to the first boot of the new system."""
    life.live(10 * MINUTE)
    assert life.universe.rauc.primary == "B"
    life.universe.boot()
    assert life.universe.rauc.booted == "B"


def own(**settings):
    """A board that commits by itself, with what it needs to reboot."""
    return days(commits=True, **{"policy": configured(reboot=True)} | settings)


@pytest.mark.parametrize("policy", [configured(reboot=True), configured(report_installed=True)])
def test_a_healthy_system_is_marked_good_once_hawkbit_has_answered(policy):
    """Also where success was told at the installation already."""
    with own(policy=policy) as life:
        installed(life)
        life.troubles["poll"] = ServerError("away")
        life.live(20 * MINUTE)
        assert life.universe.rauc.tried["B"], "marked without an answer"
        life.troubles.clear()
        life.live(10 * MINUTE)
        assert not life.universe.rauc.tried["B"]
        assert life.final().details[0].startswith(("booted into slot rootfs.1 and committed", "installed"))


def test_the_new_system_is_left_where_hawkbit_stays_out_of_reach():
    """After `commit_timeout`, and not before; the old system tells why."""
    with own() as life:
        installed(life)
        life.reboots.clear()
        life.troubles["poll"] = ServerError("away")
        life.live(2 * HOUR)
        assert life.reboots[0] == pytest.approx(1800, abs=400)
        life.universe.boot()
        assert life.universe.rauc.booted == "A"
        life.troubles.clear()
        life.live(HOUR)
        told = life.final().details[0]
        assert told == "fell back to slot rootfs.0: hawkBit has not answered in this boot yet"


def test_a_refusal_by_the_boards_programs_leaves_the_new_system_at_once():
    """And what the program said is the first thing in the history."""
    with own() as life:
        life.universe.unhealthy.add("v2")
        installed(life)
        life.reboots.clear()
        life.live(HOUR)
        assert life.reboots[0] < 5
        life.universe.boot()
        life.live(HOUR)
        assert "the motor does not turn" in life.final().details[0]


def test_later_is_asked_again():
    """A board that is busy coming up gets its time."""
    with own() as life:
        installed(life)
        life.reboots.clear()
        life.later["health"] = "still calibrating"
        life.live(20 * MINUTE)
        assert life.reboots == []
        life.later.clear()
        life.live(20 * MINUTE)
        assert life.final().details[0].startswith("booted into slot rootfs.1")


def test_nobody_leaves_the_only_good_system():
    """Where the other slot is bad there is no way back, so the new system goes on being asked."""
    with own() as life:
        life.universe.unhealthy.add("v2")
        installed(life)
        life.universe.rauc.mark("bad", "A")
        life.reboots.clear()
        life.live(3 * HOUR)
        assert life.reboots == []
        assert life.universe.rauc.booted == "B"
        life.universe.unhealthy.clear()
        life.live(HOUR)
        assert life.final().details[0].startswith("booted into slot rootfs.1")


def test_without_reboots_of_ours_the_way_back_is_somebody_elses():
    with own(policy=configured(reboot=False)) as life:
        life.universe.unhealthy.add("v2")
        installed(life)
        life.live(HOUR)
        assert life.reboots == []
        assert not life.universe.rauc.good("B")


@pytest.mark.parametrize("loader", ["grub", "uboot"])
def test_ten_power_cycles_without_a_network_leave_the_board_where_it_is(loader):
    """What was committed needs nobody but the board's own programs."""
    with own() as life:
        life.universe.rauc.loader = loader
        installed(life)
        life.live(10 * MINUTE)
        assert life.final()
        life.troubles["poll"] = ServerError("away")
        for _ in range(10):
            life.universe.boot()
            life.live(2 * HOUR)
            assert life.universe.rauc.booted == "B"
            assert life.universe.rauc.good("B")


def test_a_committed_system_that_falls_ill_is_neither_left_nor_kept_from_updates():
    with own() as life:
        installed(life)
        life.live(10 * MINUTE)
        life.universe.unhealthy.add("v2")
        life.universe.boot()
        life.live(DAY)
        assert life.universe.rauc.booted == "B"
        life.universe.hawkbit.assign("v3")
        life.live(HOUR)
        assert life.universe.rauc.primary == "A"


def test_a_system_that_does_not_see_the_journal_is_on_trial():
    """Such as one that does not mount the data partition: without hawkBit it is not kept."""
    with own() as life:
        installed(life)
        (life.universe.folder / "journal.json").unlink()
        life.troubles["poll"] = ServerError("away")
        life.live(10 * MINUTE)
        assert life.universe.rauc.tried["B"]


def test_a_rauc_that_is_away_does_not_stop_the_polls():
    with own(assigned=None) as life:
        life.troubles["system"] = InstallerError("RAUC is not on the bus")
        life.live(HOUR)
        assert len(life.polls) >= 12


def test_a_record_of_another_life_is_no_trial():
    """A success that was told after the boot says that it was committed, whoever did that."""
    with own() as life:
        installed(life)
        life.live(10 * MINUTE)
        journal = Journal(life.universe.folder, IDENTITY)
        journal.write(evolve(journal.read(), committed=False))
        life.troubles["poll"] = ServerError("away")
        life.universe.boot()
        life.live(HOUR)
        assert life.universe.rauc.good("B")
