# SPDX-License-Identifier: LGPL-2.1-or-later
"""The note that stands in for a lost journal."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.model import Counts, Record
from hawkbit_rauc.rules import notes

BOOT = "b5b1b2a2-0c5f-4f0c-9b1a-0123456789ab"
numbers = st.integers(0, 999_999)
keys = st.text(min_size=1, max_size=12)
records = st.builds(
    Record,
    st.just(""),
    attempt=st.integers(1, 999_999),
    series=numbers,
    bundle=numbers,
    booted=st.none() | keys,
    before=st.dictionaries(keys, st.builds(Counts, numbers, numbers), max_size=3),
    boot_id=st.none() | st.just(BOOT),
    image_sha256=st.none() | st.just("ab" * 32),
)
RECORD = Record(
    "", attempt=1, booted="A", boot_id=BOOT, before={"A": Counts(1, 2), "/dev/mmcblk0p2": Counts(3, 4)}
)


@given(records)
def test_a_note_is_read_as_it_was_written(record):
    """All members come back, whatever the slots are called."""
    assert notes.read([notes.begun(record)]) == evolve(record, image_sha256=record.image_sha256)
    assert notes.read([notes.completed(record)]) == evolve(record, completed=True)


def test_a_note_is_one_short_message_that_people_can_read():
    assert notes.begun(RECORD) == (
        f"note 1 begun attempt=1 series=0 boot={BOOT} booted=A slots=A:1:2,/dev/mmcblk0p2:3:4"
    )


@given(st.integers(0, 60), st.text(max_size=60))
def test_no_note_is_longer_than_hawkbit_keeps_whole(slots, name):
    """Of many slots the counts are left out, and the rest is still read."""
    before = {f"{name}{number}": Counts(1, 1) for number in range(slots)}
    note = notes.begun(evolve(RECORD, before=before))
    assert len(note) <= 512
    found = notes.read([note])
    assert (found.attempt, found.booted, found.boot_id) == (1, "A", BOOT)
    assert found.before in (before, {})


@given(st.permutations([1, 2, 3]), st.lists(st.text(max_size=30), max_size=3), st.booleans())
def test_the_last_attempt_counts_whatever_the_order(order, others, ended):
    """Messages come in any order, with sentences for people between them; completed once is completed."""
    messages = [notes.begun(evolve(RECORD, attempt=attempt)) for attempt in order] + others
    if ended:
        messages.insert(order[0], notes.completed(evolve(RECORD, attempt=3, image_sha256="ab")))
    found = notes.read(messages)
    assert (found.attempt, found.completed, found.image_sha256) == (3, ended, "ab" if ended else None)


def test_an_earlier_attempt_that_was_completed_says_nothing_about_a_later_one():
    later = evolve(RECORD, attempt=2)
    for messages in (
        [notes.completed(RECORD), notes.begun(later)],
        [notes.begun(later), notes.completed(RECORD)],
    ):
        assert not notes.read(messages).completed


pieces = st.sampled_from(
    [
        "note ",
        "1 ",
        "begun ",
        "completed",
        "attempt=",
        "series=",
        "1",
        "²",
        " slots=",
        "A:1:2,",
        "A:x:",
        "%",
        "%zz",
        "=",
    ]
) | st.text(max_size=5)


@given(st.lists(st.lists(pieces, max_size=14).map("".join) | st.text(), max_size=4))
def test_no_message_of_others_is_trouble(messages):
    """Whatever stands in the history, reading it never raises."""
    found = notes.read(messages)
    assert found is None or found.attempt >= 0


@given(
    st.lists(
        st.sampled_from(["slots=A:1:2", "slots=A:x", "slots=:::", "slots=,,", "booted=%", "boot=", "new=x=y"])
    )
)
def test_members_of_other_versions_are_no_trouble(members):
    """Unknown or broken members are left out, the rest counts."""
    found = notes.read([" ".join(["note 1 begun attempt=2 series=1", *members])])
    assert (found.attempt, found.series) == (2, 1)


def test_where_there_is_no_note_there_is_none():
    assert notes.read([]) is None
    assert notes.read(["RAUC writes", "note 2 begun attempt=1 series=0", "note 1 begun attempt=1"]) is None
