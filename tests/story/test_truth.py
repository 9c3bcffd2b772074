# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hawkBit is told is what happened: on other layouts, after strange failures, whatever others wrote."""

import pytest
from attrs import evolve
from story.configured import configured
from story.days import DAY, HOUR, MINUTE, Days, days
from story.universe import CHUNKS, Action, Rauc

from hawkbit_rauc.errors import InstallerError
from hawkbit_rauc.model import Execution, Feedback, Finished
from hawkbit_rauc.rules import notes

AWAY = InstallerError("RAUC is not on the bus: start rauc.service")


def reboots_into(life: Days, slot: str) -> None:
    """Somebody boots the board, the boot loader takes this slot, and the system marks itself good."""
    life.universe.rauc.boot()
    life.universe.rauc.booted = slot
    if slot != "rescue":
        life.universe.rauc.mark("good", slot)


def succeeded(life: Days, action: int = 1) -> str:
    final = life.final(action)
    assert final is not None
    assert final.finished is Finished.SUCCESS, final
    return final.details[0]


def failed(life: Days, action: int = 1) -> str:
    final = life.final(action)
    assert final is not None
    assert final.finished is Finished.FAILURE, final
    return final.details[0]


# ---------------------------------------------------------------- what others write has no effect


def test_a_note_beside_a_whole_journal_is_ignored():
    """The history can be written by others; a journal that does not know the action proves that it was not begun."""
    with days(assigned=None) as life:
        life.live(10 * MINUTE)
        action = life.universe.hawkbit.assign("v2")
        note = "note 1 completed attempt=1 series=0 boot=boot-1 booted=A slots=A:1:1,B:4:4"
        assert notes.read([note]) is not None
        action.entries.append(Feedback(action.id, Execution.PROCEEDING, details=("installed", note)))
        life.live(10 * MINUTE)
        assert life.reboots == []
        assert len(life.universe.rauc.installed) == 1


@pytest.mark.parametrize("stage", ["begun", "completed"])
@pytest.mark.parametrize("more", ["", " target=B"])
@pytest.mark.parametrize("stores_status", [True, False])
def test_an_invented_note_without_a_journal_neither_reboots_nor_tells_success(stage, more, stores_status):
    """It makes the board look, and RAUC shows nothing."""
    with days(rauc=Rauc(stores_status=stores_status)) as life:
        (action,) = life.universe.hawkbit.actions
        boot = f"boot-{life.universe.rauc.boots}"
        note = f"note 1 {stage} attempt=1 series=0 boot={boot} booted=A{more} slots=A:1:1,B:4:4"
        action.entries.append(Feedback(action.id, Execution.PROCEEDING, details=("installing", note)))
        life.live(10 * MINUTE)
        assert len(life.universe.rauc.installed) == 1
        assert life.final() is None


def test_an_id_that_was_seen_before_is_a_new_wish():
    """goosebit offers v1, v2, v1 with the ids of its software: each is installed, and each is told by its boot."""
    with days(assigned=None, policy=configured()) as life:
        hawkbit = life.universe.hawkbit
        hawkbit.actions[:] = [Action("1", "v1", active=False), Action("2", "v2", active=False)]
        life.live(10 * MINUTE)
        for number, turn in enumerate((0, 1, 0), 1):
            action = hawkbit.actions[turn]
            hawkbit.actions[turn] = Action(action.id, action.bundle)
            life.live(10 * MINUTE)
            assert len(life.universe.rauc.installed) == number
            reboots_into(life, "B" if life.universe.rauc.booted == "A" else "A")
            life.live(10 * MINUTE)
            succeeded(life, turn + 1)


# ---------------------------------------------------------------- cancelations


@pytest.mark.parametrize("away", [False, True])
def test_a_cancelation_at_the_first_poll_of_a_board_without_a_journal_is_accepted(away):
    """Such as each board that migrates: nothing of it was begun, and nothing of it is begun afterwards."""
    with days() as life:
        life.universe.rauc.slots["A"] = evolve(
            life.universe.rauc.slots["A"], status="ok", installed_count=1, bundle_version="1.5"
        )
        life.universe.hawkbit.actions[0].status = "CANCELING"
        if away:
            life.troubles["system"] = AWAY
        life.live(10 * MINUTE)
        (action,) = life.universe.hawkbit.actions
        assert action.status == "CANCELED"
        assert away or "the board runs bundle 1.5" in action.finals[0].details[0]
        assert life.universe.rauc.installed == []


@pytest.mark.parametrize("noted", [True, False])
def test_what_waits_for_its_boot_is_looked_at_before_a_cancelation_is_answered(noted):
    """Somebody installed by hand, the journal is lost: the action is not begun after its cancelation was asked for.

    Neither fetched, nor taken up again if its history says that it was begun.
    """
    with days() as life:
        for _ in life.universe.rauc.install("by-hand", "somebody's"):
            pass
        life.universe.rauc.installed.clear()
        (action,) = life.universe.hawkbit.actions
        action.status = "CANCELING"
        if noted:
            note = "note 1 begun attempt=1 series=0 boot=boot-0 booted=A slots=A:1:1,B:1:1"
            action.entries.append(Feedback(action.id, Execution.PROCEEDING, details=("installing", note)))
        life.live(HOUR)
        assert failed(life) == "its cancelation was asked for, so no installation of it is begun"
        assert life.universe.rauc.installed == []
        assert "fetched part 1" not in life.universe.log


def test_what_is_half_taken_back_is_answered_when_the_old_system_runs_again():
    """A third system can't tell; to go on with what is canceled would end in a failure that we had made."""
    with days(rauc=Rauc(rescue=True)) as life:
        life.live(10 * MINUTE)
        (action,) = life.universe.hawkbit.actions
        action.status = "CANCELING"
        life.troubles["tell"] = AWAY  # the slots are marked, and nobody hears of it
        life.live(HOUR)
        del life.troubles["tell"]
        reboots_into(life, "rescue")
        life.live(HOUR)
        assert action.status == "CANCELING"
        assert not any(entry.execution is Execution.REJECTED for entry in action.entries)
        reboots_into(life, "A")
        life.live(HOUR)
        assert action.status == "CANCELED"


# ---------------------------------------------------------------- RAUC is needed to install, not to download


@pytest.mark.parametrize("known", [True, False])
def test_a_bundle_is_fetched_while_rauc_is_away(known):
    with days(assigned=None) as life:
        if known:
            life.live(10 * MINUTE)
        life.universe.hawkbit.assign("v2")
        life.troubles["system"] = AWAY
        life.at(HOUR, life.troubles.clear)
        life.at(50 * MINUTE, lambda: life.asked.append(f"here: {life.universe.disk}"))
        life.live(50 * MINUTE + 1)
        assert f"here: {{'v2': {CHUNKS}}}" in life.asked
        assert life.universe.rauc.installed == []
        life.troubles.clear()
        life.live(HOUR)
        assert "reboot pending" in life.told()[-1]


@pytest.mark.parametrize("known", [True, False])
def test_a_download_only_action_ends_while_rauc_is_away(known):
    with days(assigned=None) as life:
        if known:
            life.live(10 * MINUTE)
        life.universe.hawkbit.assign("v2")
        life.asks = {"update": "skip"}
        life.troubles["system"] = AWAY
        life.live(HOUR)
        assert life.universe.hawkbit.actions[0].entries[-1].execution is Execution.DOWNLOADED


# ---------------------------------------------------------------- a failure after the switch


@pytest.mark.parametrize("version", ["1.8", "1.13"])
@pytest.mark.parametrize("stores_status", [True, False])
def test_a_failure_after_the_switch_is_taken_back_before_it_is_told(version, stores_status):
    """hawkBit never says "error" of a system that the board is about to boot into."""
    with days(rauc=Rauc(version, stores_status=stores_status, bad_handlers={"v2"})) as life:
        life.live(10 * MINUTE)
        assert life.universe.rauc.primary == "A"
        assert not life.universe.rauc.good("B")
        assert "post-install handler failed" in failed(life)
        assert "slot rootfs.0 was made primary again and slot rootfs.1 marked bad" in failed(life)


def test_where_marks_do_nothing_the_boot_decides_about_a_failure_after_the_switch():
    """bootloader=noop: nothing is marked and nothing told, until the new system or the old one was booted."""
    with days(rauc=Rauc(loader="none", bad_handlers={"v2"})) as life:
        life.live(HOUR)
        assert life.final() is None
        assert any("so the boot decides" in said for said in life.told())
        assert not [effect for effect in life.universe.log if effect.startswith("marked")]
        reboots_into(life, "B")
        life.live(HOUR)
        assert "booted into slot rootfs.1" in succeeded(life)
    with days(rauc=Rauc(loader="none", bad_handlers={"v2"})) as life:
        life.live(HOUR)
        reboots_into(life, "A")
        life.live(HOUR)
        assert "post-install handler failed" in failed(life)


def test_a_switch_that_can_not_be_taken_back_is_judged_by_the_boot():
    """RAUC does not mark: the reason is in the history, nothing is told, and the boot decides."""
    with days(rauc=Rauc(bad_handlers={"v2"})) as life:
        life.universe.script["RAUC has activated"] = [lambda: life.troubles.update(mark=InstallerError("no"))]
        life.live(HOUR)
        assert life.final() is None
        assert "put off: no" in life.told()
        life.troubles.clear()
        reboots_into(life, "B")
        life.live(HOUR)
        assert "booted into slot rootfs.1" in succeeded(life)


def test_what_fails_by_what_may_pass_gets_three_attempts_and_time_between_them():
    """A clock that is not set yet, a full status partition: put off, and closed with RAUC's words in the end."""
    with days(rauc=Rauc(failing={"v2"})) as life:
        life.live(20 * MINUTE)
        assert len(life.universe.rauc.installed) == 2
        assert "put off: certificate is not yet valid" in life.told()
        life.live(2 * HOUR)
        assert len(life.universe.rauc.installed) == 3
        assert failed(life) == "certificate is not yet valid (3 attempts; no further one is made)"


def test_what_fails_by_what_may_pass_succeeds_when_it_has_passed():
    with days(rauc=Rauc(failing={"v2"})) as life:
        life.at(MINUTE, life.universe.rauc.failing.clear)
        life.live(HOUR)
        assert len(life.universe.rauc.installed) == 2
        assert "reboot pending" in life.told()[-1]


# ---------------------------------------------------------------- other layouts


@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_a_bundle_whose_own_handler_does_everything_waits_for_no_boot(version):
    with days(rauc=Rauc(version, handled={"v2"})) as life:
        factory = life.universe.rauc.slots
        life.universe.rauc.slots = {
            name: evolve(slot, status="ok", installed_count=1, sha256="factory")
            for name, slot in factory.items()
        }
        life.live(10 * MINUTE)
        assert "no boot is waited for" in succeeded(life)
        assert life.reboots == []


def test_a_third_system_decides_nothing():
    """A visit to the rescue system between installation and boot: hawkBit hears which one runs, and no end."""
    with days(rauc=Rauc(rescue=True)) as life:
        life.live(10 * MINUTE)
        reboots_into(life, "rescue")
        life.live(DAY)
        assert life.final() is None
        assert "rescue.0" in life.told()[-1]
        reboots_into(life, "B")
        life.live(HOUR)
        assert "booted into slot rootfs.1" in succeeded(life)


def test_a_board_is_repaired_from_its_rescue_system():
    """There is no good system to lose: RAUC installs from there, and so do we."""
    with days(rauc=Rauc(rescue=True)) as life:
        life.universe.rauc.booted = "rescue"
        life.live(10 * MINUTE)
        assert len(life.universe.rauc.installed) == 1
        assert "reboot pending" in life.told()[-1]


# ---------------------------------------------------------------- what people see


def test_an_action_that_waits_for_its_reboot_is_not_read_again():
    """hawkBit would show it as "retrieved" instead of what was told last."""
    with days() as life:
        life.live(DAY)
        reads = life.universe.hawkbit.actions[0].reads
        assert reads <= 2


def test_status_says_why_an_action_is_put_off_and_when_it_is_tried_again():
    with days() as life:
        life.troubles["fetch"] = InstallerError("the link is slow")
        seen = []
        life.at(5 * MINUTE, lambda: seen.append(life.daemon.status()))
        life.live(6 * MINUTE)
        (status,) = seen
        assert (status.state, status.action) == ("waiting", "1")
        assert status.reason.startswith("the link is slow; trying again in ")


def test_once_goes_on_when_its_own_consent_has_changed_what_is_offered():
    with days(policy=configured(confirmation="allow", reboot=False)) as life:
        life.confirms = True
        assert life.live(HOUR, once=True) == 0
        assert len(life.universe.rauc.installed) == 1
