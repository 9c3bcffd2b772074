# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is lost and nothing is done twice, whatever is cut and whenever.

The cut points are counted, not listed: each story is lived once without a cut, then again with a
cut after its first effect, its second, and so on; then with a second cut after every effect of
every recovery. Each with the process killed or the power cut, and the journal kept or lost.
"""

from __future__ import annotations

import itertools
import random

import pytest
from attrs import evolve
from story import table
from story.configured import configured
from story.universe import Cut, HawkBit, PowerCut, Rauc, Universe

from hawkbit_rauc.model import Execution, Finished
from hawkbit_rauc.rules.bundles import ANY, Choice

pytestmark = pytest.mark.no_cover  # it would take them twice the time, and find no line that others don't

STORIES = (
    "success",
    "fallback",
    "refused",
    "cancel while fetching",
    "cancel before the reboot",
    "two in a row",
)
#: Stories of an action with two bundles: the first is booted and committed before the second is installed.
SEVERAL_STORIES = ("two bundles", "two bundles, the second falls back", "two bundles, canceled between them")
#: Stories in which the program itself marks the new system good, or bad.
OWN_STORIES = ("own commit", "own commit, unhealthy")
#: What is wrong with the bundles of a story, and when an operator cancels it.
BROKEN = {"fallback": {"v2"}, "two bundles, the second falls back": {"v3"}}
REFUSED = {"refused": {"v2"}}
UNHEALTHY = {"own commit, unhealthy": {"v2"}}
CANCELS = {
    "cancel while fetching": "fetched part 1",
    "cancel before the reboot": "RAUC has activated",
    "two bundles, canceled between them": "told proceeding: v2.raucb is in place: booted i",
}
#: Stories beyond a bundle for a slot that takes turns, on boards with and without a stored status.
OTHER_STORIES = (
    "success",
    "fallback",
    "handler fails after the switch",
    "handler does everything",
    "third system first",
    "activated by hand",
)
#: What is lived with two cuts as well.
PAIRED = [("1.8", "grub"), ("1.13", "uboot"), ("1.13", "none")]
PAIRED_STORIES = ("success", "fallback", "cancel before the reboot")
BOARDS = [(version, loader) for version in ("1.8", "1.13") for loader in ("grub", "uboot", "none")]


def _set_up_another(universe: Universe, story: str) -> None:
    """Set up what is special about another board or bundle."""
    if story == "handler fails after the switch":
        universe.rauc.bad_handlers = {"v2"}
    if story == "handler does everything":
        universe.rauc.handled = {"v2"}
    if story == "third system first":
        universe.rauc, universe.visits = evolve(universe.rauc, rescue=True), 1
    if story == "activated by hand":
        universe.rauc.activates = False

        def activate() -> None:
            universe.rauc.mark("active", "B" if universe.rauc.booted == "A" else "A")
            await_activation()

        def await_activation() -> None:
            for slot in ("rootfs.0", "rootfs.1"):
                universe.script[f"told proceeding: installed for slot {slot}, w"] = [activate]

        await_activation()


def begin(story: str, version: str, loader: str, *, stores_status: bool = True, **settings) -> Universe:
    """Set a story up: what the operator did and what the bundle is like."""
    universe = Universe(rauc=Rauc(version, loader, stores_status), **settings)
    hawkbit = universe.hawkbit
    action = hawkbit.assign("v2+v3" if story in SEVERAL_STORIES else "v2")
    in_order = Choice(patterns=("v2.*", "v3.*")) if story in SEVERAL_STORIES else ANY
    universe.policy = configured(reboot=story != "cancel before the reboot", choice=in_order)
    universe.commits = story in OWN_STORIES
    universe.unhealthy |= UNHEALTHY.get(story, set())
    _set_up_another(universe, story)
    universe.rauc.broken |= BROKEN.get(story, set())
    universe.rauc.refused |= REFUSED.get(story, set())
    if when := CANCELS.get(story):
        when = "looked at the bundle" if universe.streams and when == "fetched part 1" else when

        def cancel() -> None:
            if action.active:
                action.status = "CANCELING"

        universe.script[when] = [cancel]
    if story == "two in a row":
        universe.script["told closed: booted into slot rootfs.1 and "] = [lambda: hawkbit.assign("v3")]
    return universe


def wrongs(universe: Universe) -> list[str]:
    """What must never be: each as a sentence."""
    rauc, actions = universe.rauc, universe.hawkbit.actions
    runs = rauc.content[rauc.booted]
    uncounted = [action.id for action in actions if len(action.finals) != 1]
    last = actions[-1]
    there = runs == last.bundles[-1] or last.bundles[-1] in rauc.in_force
    final = last.finals[-1]
    succeeded = (
        final.execution is Execution.CLOSED and final.finished is Finished.SUCCESS and not final.cancel
    )
    # Without its journal a board accepts a cancelation, and says what it runs instead of what it did.
    said = universe.lose_journal and final.cancel and f"; the board runs bundle {runs}" in final.details[0]
    begun = [transaction for transaction, _ in rauc.installed]
    never = {
        f"actions {uncounted} have not one final": bool(uncounted),
        f"told {final.finished} ({final.details}), but the board runs {runs}": not said
        and succeeded != there,
        "success was told before the commit": succeeded and not rauc.good(rauc.booted),
        "canceled, but the next boot leaves the old system": final.cancel and rauc.primary != rauc.booted,
        "an attempt was installed twice": len(set(begun)) != len(begun),
        f"{len(begun)} attempts": len(begun) > 3 * sum(len(action.bundles) for action in actions),
        "installed while the booted slot was not committed": rauc.unsafe > 0,
        "the bundle was left on the disk": bool(universe.disk),
        "too many entries": max(len(action.entries) for action in actions) > 60,
    }
    return [sentence for sentence, is_so in never.items() if is_so]


def check(universe: Universe) -> None:
    random.seed(0)  # the pauses between tries: the same life each time
    universe.live()
    found = wrongs(universe)
    assert not found, f"{found}\ncuts {universe.cuts}\n" + "\n".join(universe.log)
    universe.close()


def once_cut(story: str, version: str, loader: str, **settings) -> tuple[int, int]:
    """Live a story with each single cut; returns at how many points it was cut, and how many lives that were."""
    uncut = begin(story, version, loader, **settings)
    check(uncut)
    assert uncut.effects >= 4
    ways = list(itertools.product(range(1, uncut.effects + 1), (Cut, PowerCut), (False, True)))
    for at, cut, lose in ways:
        check(begin(story, version, loader, cuts={at: cut}, lose_journal=lose, **settings))
    return uncut.effects, len(ways)


def twice_cut(story: str, version: str, loader: str) -> int:
    """The same with a second cut after each effect of each recovery; returns how many lives that were."""
    uncut = begin(story, version, loader)
    check(uncut)
    lives = 0
    for first, kinds, lose in itertools.product(
        range(1, uncut.effects + 1), itertools.product((Cut, PowerCut), repeat=2), (False, True)
    ):
        for second in itertools.count(first + 1):
            cuts = {first: kinds[0], second: kinds[1]}
            universe = begin(story, version, loader, cuts=cuts, lose_journal=lose)
            check(universe)
            lives += 1
            if universe.effects < second:
                break
    return lives


@pytest.mark.case(10)
@pytest.mark.parametrize(
    ("story", "version", "loader"),
    [
        (story, *board)
        for story in STORIES
        for board in BOARDS
        if story not in PAIRED_STORIES or board not in PAIRED
    ],
)
def test_every_single_cut_ends_in_the_truth(story, version, loader):
    table.hold(story, f"RAUC {version}, {loader}", *once_cut(story, version, loader))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("version", "loader"), PAIRED)
@pytest.mark.parametrize("story", PAIRED_STORIES)
def test_every_second_cut_during_the_recovery_ends_in_the_truth(story, version, loader):
    singles = once_cut(story, version, loader)
    table.hold(story, f"RAUC {version}, {loader}", *singles, twice_cut(story, version, loader))


@pytest.mark.parametrize(("version", "loader"), [("1.8", "grub"), ("1.13", "grub"), ("1.13", "uboot")])
@pytest.mark.parametrize("story", OWN_STORIES)
def test_own_commits_end_in_the_truth_at_every_cut(story, version, loader):
    """A new system that is not healthy is left again, and no cut turns that into a success."""
    table.hold(story, f"RAUC {version}, {loader}", *once_cut(story, version, loader))


@pytest.mark.parametrize(("version", "loader"), [("1.8", "grub"), ("1.13", "grub"), ("1.13", "none")])
@pytest.mark.parametrize("story", SEVERAL_STORIES)
def test_several_bundles_in_order_end_in_the_truth_at_every_cut(story, version, loader):
    """No second bundle without the first; one end of the action, which is that of the last bundle begun."""
    table.hold(story, f"RAUC {version}, {loader}", *once_cut(story, version, loader))


@pytest.mark.parametrize(("version", "loader"), [("1.8", "grub"), ("1.13", "uboot")])
@pytest.mark.parametrize(
    ("story", "stores_status"),
    [
        (story, stores)
        for story in OTHER_STORIES
        for stores in (True, False)
        # After a power cut that came before RAUC could fail, nothing tells what is in a slot without a status.
        if stores or story != "handler fails after the switch"
    ],
)
def test_other_boards_and_bundles_end_in_the_truth_at_every_cut(story, version, loader, stores_status):
    """A third system decides nothing, and what RAUC does not store is no evidence."""
    stored = "" if stores_status else ", no status"
    cut = once_cut(story, version, loader, stores_status=stores_status)
    table.hold(story, f"RAUC {version}, {loader}, others{stored}", *cut)


@pytest.mark.parametrize("story", STORIES)
def test_a_bundle_that_rauc_streams_lives_the_same_stories(story):
    """Journal, notes and outcome don't depend on where the bundle comes from; nothing is on the disk."""
    uncut = begin(story, "1.13", "grub", streams=True)
    check(uncut)
    assert not any("fetched" in effect for effect in uncut.log)
    table.hold(story, "RAUC 1.13, grub, streamed", *once_cut(story, "1.13", "grub", streams=True))


@pytest.mark.case(6)
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("every", [2, 3, 5])
def test_lost_answers_of_the_server_change_nothing(story, every):
    check(begin(story, "1.13", "grub", lost_answers=every))


@pytest.mark.parametrize(
    "step", ["RAUC accepted the bundle", "RAUC marked the target bad", "RAUC writes", "RAUC has written"]
)
@pytest.mark.parametrize("version", ["1.8", "1.13"])
def test_a_rauc_that_dies_while_it_installs_is_tried_again(step, version):
    universe = begin("success", version, "grub", rauc_dies_at=step)
    check(universe)
    assert len(universe.rauc.installed) == 2


def test_without_history_at_the_server_the_journal_alone_is_enough():
    for at in itertools.count(1):
        universe = begin("success", "1.8", "grub", hawkbit=HawkBit(history=False), cuts={at: PowerCut})
        check(universe)
        if universe.effects < at:
            break
