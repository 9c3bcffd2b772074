# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attributes are gathered on the board and made fit for hawkBit's configData; nothing is changed in silence."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.board.attributes import Attributes, command, facts
from hawkbit_rauc.errors import InstallerError
from hawkbit_rauc.hawkbit.attributes import fit
from hawkbit_rauc.model import Slot, System


class Rauc:
    """An installer that tells its facts, or can't be asked."""

    def __init__(self, *, away: bool = False) -> None:
        self._away = away

    async def system(self) -> System:
        if self._away:
            raise InstallerError("RAUC is not on the bus")
        return System(compatible="board")


def gather(written: dict[str, str], rauc: Rauc | None = None) -> dict[str, str]:
    return dict(asyncio.run(Attributes(written, rauc, timeout=10).gather()))


def test_values_commands_and_facts_are_gathered_in_this_order():
    """A value is what is written, a command's the last line that it prints, and RAUC's facts come last."""
    written = {"serial": "exec:sh -c 'echo noise; echo \" 0815\"'", "model": "T1", "none": "exec:true"}
    gathered = gather(written, Rauc())
    assert gathered == {"serial": "0815", "model": "T1", "none": "", "rauc_compatible": "board"}
    assert list(gathered)[-1] == "rauc_compatible"


@pytest.mark.parametrize("rauc", [None, Rauc(away=True)])
def test_attributes_are_gathered_without_the_facts_of_rauc(rauc):
    """Nobody wants them, or RAUC can't be asked just now."""
    assert gather({"model": "T1"}, rauc) == {"model": "T1"}


def test_an_attribute_whose_command_fails_is_left_out_with_a_warning_once(caplog):
    """Whether it can't be run, fails with or without a word, or does not end; and once as long as it holds."""
    written = {
        "gone": "exec:/nowhere/at-all",
        "loud": "exec:sh -c 'echo first; echo no bus; exit 3'",
        "silent": "exec:false",
        "hung": "exec:sleep 100",
        "model": "T1",
    }
    attributes = Attributes(written, None, timeout=0.5)

    async def twice() -> list[dict[str, str]]:
        return [dict(await attributes.gather()) for _ in range(2)]

    assert asyncio.run(twice()) == [{"model": "T1"}] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "attribute gone is left out, its command failed: No such file or directory",
        "attribute loud is left out, its command failed: no bus",
        "attribute silent is left out, its command failed: exit code 1",
        "attribute hung is left out, its command failed: it did not end in time",
    ]


def test_facts_are_those_of_the_booted_slot():
    """Not of the other slot, whatever was installed there."""
    running = Slot("rootfs.0", "A", state="booted", boot_status="good", bundle_version="1", bundle_hash="ab")
    other = Slot("rootfs.1", "B", boot_status="bad", bundle_version="2", bundle_hash="cd")
    assert facts(System((other, running), compatible="board")) == {
        "rauc_compatible": "board",
        "rauc_booted_slot": "A",
        "rauc_boot_status": "good",
        "rauc_bundle_version": "1",
        "rauc_bundle_hash": "ab",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exec:/usr/bin/board --serial 'a b'", ["/usr/bin/board", "--serial", "a b"]),
        ("exec:", [""]),
        ("exec:/bin/x '", [""]),  # can't be run, and is left out with a warning
        ("Exec: summary", None),
        ("1.0", None),
    ],
)
def test_a_value_may_be_what_a_command_says(text, words):
    assert command(text) == words


def test_what_rauc_cannot_tell_is_left_out():
    """A recovery system, an old RAUC, a slot that the boot loader has no name for."""
    assert facts(System()) == {}
    assert facts(System((Slot("rootfs.0", state="booted"),))) == {"rauc_booted_slot": "rootfs.0"}


def test_fit_attributes_stay_as_they_are():
    """What hawkBit takes is sent unchanged and without a warning."""
    attributes = {"model": "T1 rev. (2) <a@b> 50%", "empty": "", "": "x", "tab": "a\tb"}
    assert fit(attributes) == (attributes, [])


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("1.0~rc1", "1.0-rc1"),  # a Debian version
        ("`id`", "'id'"),
        ("Küche", "Kuche"),
        ("北", "?"),
        ("a\x7fb\x00", "a?b?"),
        ("x" * 129, "x" * 128),
    ],
)
def test_a_value_that_hawkbit_refuses_is_changed_with_one_warning(value, sent):
    """One refused character would lose all attributes, so it is replaced, and said so once."""
    fitted, warnings = fit({"key": value, "other": "1"})
    assert fitted == {"key": sent, "other": "1"}
    assert len(warnings) == 1
    assert "'key'" in warnings[0]


def test_a_key_that_hawkbit_refuses_is_changed_with_one_warning():
    """A key is held to the same rules as a value."""
    fitted, warnings = fit({"größe~": "1"})
    assert fitted == {"gro?e-": "1"}
    assert len(warnings) == 1


def test_the_hundred_and_first_attribute_is_dropped_with_a_warning():
    """More than 100 attributes would be refused together (429), so the first 100 are kept."""
    fitted, warnings = fit({f"k{n}": "v" for n in range(102)})
    assert list(fitted) == [f"k{n}" for n in range(100)]
    assert len(warnings) == 2


def test_keys_that_become_the_same_keep_the_first_with_a_warning():
    """An attribute never silently takes the place of another."""
    fitted, warnings = fit({"a-": "1", "a~": "2"})
    assert fitted == {"a-": "1"}
    assert len(warnings) == 1


@given(st.dictionaries(st.text(), st.text(max_size=300), max_size=120))
def test_whatever_is_configured_hawkbit_takes_what_is_sent(attributes):
    """Any attributes end within hawkBit's rules; fitting again changes nothing; a change has a warning."""
    fitted, warnings = fit(attributes)
    assert len(fitted) <= 100
    assert all(re.fullmatch(r"[\t-\r -_a-}]{0,128}", text) for pair in fitted.items() for text in pair)
    assert fit(fitted) == (fitted, [])
    assert bool(warnings) == (fitted != attributes)
