# SPDX-License-Identifier: LGPL-2.1-or-later
"""The endings that every board of the zoo lives through; each returns what hawkBit was told at its end."""

from __future__ import annotations

from collections.abc import Callable

from boards.zoo.life import Life, said, word
from rig.layout import EXTERNAL

import hawkbit_testing
from hawkbit_testing import faults

#: What an ending returns if it can't happen on a board.
NEVER = "-"


def _pending(life: Life, version: str = "2.0.0") -> hawkbit_testing.Action:
    """Have an update installed, up to the reboot; nothing is told of its end before that."""
    action = life.offer(life.bundle(version))
    life.once()
    _waits_for_its_boot(life, action)
    return action


def _waits_for_its_boot(life: Life, action: hawkbit_testing.Action) -> None:
    assert life.installations(action), f"not installed: {said(action)}"
    if life.kind.by_hand:
        assert word(action) == "open", said(action)
        assert not life.board.reboot_requested.is_set(), (
            f"a reboot before somebody has activated: {said(action)}"
        )
        life.activate(action)
        life.once()
    if life.kind.forgets:
        life.forget()
    assert word(action) == "open", said(action)
    assert life.holds(life.next, action), (life.next, said(action))
    assert life.board.reboot_requested.is_set(), f"no reboot: {said(action)}"


def _booted(life: Life, action: hawkbit_testing.Action) -> None:
    """Boot into the new system."""
    life.boot()
    assert life.holds(life.board.booted, action)


def _in_the_end(life: Life, action: hawkbit_testing.Action) -> str:
    """Go on as boards and people do until the action is over: reboot, activate, or go back to the old system."""
    for _ in range(4):
        life.once()
        if action.outcome():
            break
        if life.board.reboot_requested.is_set():
            life.boot()
        elif life.kind.by_hand and life.written_elsewhere(action):
            life.activate(action)
        else:
            life.boot_from(life.old)
    return f"{word(action)}, installed again" if life.installations(action) > 1 else word(action)


def success(life: Life) -> str:
    """The new system comes up, and is committed later."""
    if not life.kind.waits_for_boot:
        action = life.offer(life.bundle("2.0.0"))
        life.once()
        if life.kind.fails:
            assert not life.holds(life.boot(), action), f"what failed was booted: {said(action)}"
            life.once()
        return f"{word(action)} at once"
    action = _pending(life)
    life.boot(good=False)
    if not life.committed:
        life.once()
        assert word(action) == "open", said(action)
        life.commit()
    life.once()
    return word(action)


def fallback(life: Life) -> str:
    """The new system does not come up."""
    if not life.kind.waits_for_boot:
        return NEVER
    action, new = _pending(life), str(life.next)
    if life.fall_back(new) != life.old:
        life.once()
        assert word(action) == "open", "what came up is neither the system that ran, nor the new one"
        life.boot_from(life.old)
    life.once()
    while not action.outcome() and life.board.reboot_requested.is_set():
        life.fall_back(new)  # the boot loader means to try it once more
        life.once()
    return word(action)


def never_booted(life: Life) -> str:
    """Somebody starts the old system, three times, although the new one is primary."""
    if not life.kind.waits_for_boot:
        return NEVER
    action = _pending(life)
    for _ in range(3):
        assert word(action) == "open", said(action)
        life.boot_from(life.old)
        life.once()
    return word(action)


def canceled_before(life: Life) -> str:
    """Canceled before the board saw it; the board was updated before, and has no journal yet."""
    life.updated()
    action = life.offer(life.bundle("2.0.0"))
    action.cancel()
    before = life.board.boot_loader.environment
    life.once()
    assert not life.installations(action), f"installed what was canceled: {said(action)}"
    assert life.board.boot_loader.environment == before
    return word(action)


def canceled_fetching(life: Life) -> str:
    """Canceled while the bundle is fetched."""
    action, stall = life.offer(life.bundle("2.0.0")), faults.stall(1000)
    life.hawkbit.fault(f"GET .*/{life.target.id}/softwaremodules/", stall)
    with life.running():
        assert stall.reached.wait(30)
        action.cancel()
        action.wait(30)
        stall.released.set()
    life.once()
    assert not life.installations(action), f"installed what was canceled: {said(action)}"
    return word(action)


def canceled_pending(life: Life) -> str:
    """Canceled when the reboot waits."""
    if not life.kind.waits_for_boot:
        return NEVER
    action = _pending(life)
    action.cancel()
    life.once()
    if word(action) == "canceled":
        assert not life.holds(life.boot(), action), "what was canceled was booted"
        life.once()
        return word(action)
    _booted(life, action)
    return f"rejected, {_in_the_end(life, action)}"


def journal_lost(life: Life) -> str:
    """The journal is lost when the reboot waits, and again after it; hawkBit has the note."""
    if not life.kind.waits_for_boot:
        return NEVER
    action = _pending(life)
    life.lose_journal()
    life.once()
    assert word(action) == "open", said(action)
    _booted(life, action)
    life.lose_journal()
    return _in_the_end(life, action)


def all_lost(life: Life) -> str:
    """Journal and note are lost after the boot."""
    if not life.kind.waits_for_boot:
        return NEVER
    action = _pending(life)
    _booted(life, action)
    life.lose_journal()
    life.lose_note()
    return _in_the_end(life, action)


def power_cut(life: Life) -> str:
    """The power is cut when RAUC has switched to the new system, and has not said so."""
    action = life.offer(life.bundle("2.0.0"))
    life.cut_power("post-install")
    if life.kind.by_hand:
        life.activate(action)
        life.boot()
    return _in_the_end(life, action)


def visit(life: Life) -> str:
    """A third system runs for a while before the new one does."""
    if not life.kind.waits_for_boot:
        return NEVER
    action = _pending(life)
    _visit(life, action)
    _booted(life, action)
    life.once()
    return word(action)


def _visit(life: Life, action: hawkbit_testing.Action) -> None:
    third, installed = life.kind.third, life.installations(action)
    if life.kind.lives_on_rescue and third == life.next:
        third = next(system for system in life.kind.turns if system != life.next)
    if third == life.old or life.holds(third, action):
        third = EXTERNAL
    life.boot_from(third)
    life.once()
    assert word(action) == "open", said(action)
    assert life.installations(action) == installed
    assert not life.board.reboot_requested.is_set(), "a reboot because of what a third system shows"
    assert life.holds(life.next, action), (life.next, said(action))


def second_update(life: Life) -> str:
    """Another update is rolled out when the reboot waits: hawkBit cancels the first one."""
    first = life.offer(life.bundle("2.0.0"))
    life.once()
    if life.kind.by_hand:
        life.activate(first)
    second = life.offer(life.bundle("3.0.0"))
    life.once()
    told = word(first)
    if not life.kind.waits_for_boot:
        return f"{told}, {word(second)}"
    if told == "open":  # rejected: the second one comes after it
        _booted(life, first)
        life.once()
        told = word(first)
    _waits_for_its_boot(life, second)
    _booted(life, second)
    life.once()
    return f"{told}, {word(second)}"


ENDINGS: dict[str, Callable[[Life], str]] = {
    "success": success,
    "fallback": fallback,
    "old system chosen three times": never_booted,
    "canceled before it began": canceled_before,
    "canceled while fetching": canceled_fetching,
    "canceled before the reboot": canceled_pending,
    "journal lost": journal_lost,
    "journal and note lost": all_lost,
    "power cut after the switch": power_cut,
    "third system between": visit,
    "second update before the reboot": second_update,
}
