# SPDX-License-Identifier: LGPL-2.1-or-later
"""What runs and was brought by no action: when the server is told, and when not."""

import logging
import math

import pytest
from story.configured import configured
from story.days import DAY, HOUR, Days, days

from hawkbit_rauc.errors import InstallerError, ServerError


def boot(life: Days) -> None:
    """Somebody reboots; the slot that comes up is marked good."""
    life.universe.boot()
    life.universe.rauc.mark("good", life.universe.rauc.booted)
    life.universe.marked, life.universe.booted_at = True, math.inf


def by_hand(life: Days, bundle: str) -> None:
    """Somebody installs a bundle and reboots."""
    list(life.universe.rauc.install(bundle, f"by hand at {life.universe.now}"))
    boot(life)


@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_each_installation_is_told_once(version):
    """However often the program starts; the same bundle in the other slot is another installation."""
    with days(assigned=None) as life:
        life.universe.rauc.version, life.distribution_set = version, "os"
        life.live(HOUR)
        for bundle in ("v2", "v3", "v3"):
            by_hand(life, bundle)
            life.live(HOUR)
            life.live(HOUR)
        assert life.runs == ["v2", "v3", "v3"]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            "tell_installed",
            ServerError("hawkbit.test: 503"),
            ["hawkBit was not told what this board runs: hawkbit.test: 503"],
        ),
        ("system", InstallerError("RAUC is away"), []),
    ],
)
def test_what_does_not_answer_is_asked_later_and_the_log_says_so_of_the_server_once(
    call, error, said, caplog
):
    with days(assigned=None) as life, caplog.at_level(logging.WARNING):
        life.distribution_set = "os"
        by_hand(life, "v2")
        life.troubles[call] = error
        life.at(HOUR, life.troubles.clear)
        life.live(DAY)
        assert life.runs == ["v2"]
        assert [record.message for record in caplog.records] == said


def test_a_set_that_the_server_does_not_know_is_asked_for_once_a_life():
    with days(assigned=None) as life:
        life.distribution_set = "another"
        by_hand(life, "v2")
        life.live(DAY)
        assert life.runs == ["v2"]
        life.live(DAY)
        assert life.runs == ["v2", "v2"]


@pytest.mark.parametrize("told", ["installed", "booted"])
def test_what_an_action_brings_is_never_told(told):
    """Success told before the boot included: until it, the old system is no news."""
    with days(policy=configured(report_installed=told == "installed")) as life:
        life.distribution_set = "os"
        life.live(HOUR)
        boot(life)
        life.live(HOUR)
        assert life.universe.rauc.booted == "B"
        assert life.final() is not None
        life.universe.hawkbit.assign("v3")
        life.universe.rauc.broken.add("v3")
        life.live(HOUR)
        boot(life)
        life.live(HOUR)
        assert life.universe.rauc.booted == "B"
        assert life.final(2) is not None
        assert life.runs == []


def test_what_is_installed_after_an_action_by_hand_is_told():
    """The slot that the last action began from, and the one that it wrote, included."""
    with days() as life:
        life.distribution_set = "os"
        life.live(HOUR)
        boot(life)
        life.live(HOUR)
        for bundle in ("v3", "v4"):
            by_hand(life, bundle)
            life.live(HOUR)
        assert life.runs == ["v3", "v4"]


def test_until_the_reboot_after_an_early_success_the_old_system_is_no_news():
    """Told now, it would take the place of what the action has just brought."""
    with days(policy=configured(report_installed=True)) as life:
        by_hand(life, "v1")
        life.distribution_set = "os"
        life.live(HOUR)
        assert life.final() is not None
        assert life.runs == []
        boot(life)
        life.live(HOUR)
        assert life.runs == []
