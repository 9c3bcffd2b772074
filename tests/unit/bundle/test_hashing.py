# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hash that a thread of its own computes is the same hash, and the thread ends."""

import hashlib
import math
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.bundle import hashing


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "hash"}


@given(st.lists(st.binary(max_size=5000), max_size=30), st.sets(st.integers(0, 30)))
def test_it_is_the_same_hash_also_in_between(blocks, looks):
    """What was appended last may be looked at at any time; two buffers are filled in turn, as in a download."""
    beside, plain = hashing.ThreadedHash("sha256"), hashlib.sha256()
    buffers = [bytearray(5000), bytearray(5000)]
    for number, block in enumerate(blocks):
        view = memoryview(buffers[number % 2])[: len(block)]
        view[:] = block
        beside.update(view)
        plain.update(block)
        if number in looks:
            assert beside.hexdigest() == plain.hexdigest()
    assert beside.hexdigest() == plain.hexdigest()
    beside.end()


def test_its_thread_ends_and_without_a_byte_there_is_none():
    before = threads()  # those of other tests may be ending
    idle = hashing.ThreadedHash("sha1")
    idle.end()
    assert idle.hexdigest() == hashlib.sha1().hexdigest()
    assert threads() <= before
    busy = hashing.ThreadedHash("sha1")
    busy.update(b"x")
    (thread,) = threads() - before
    busy.end()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def measured_anew() -> Iterator[None]:
    hashing.pays.cache_clear()
    yield
    hashing.pays.cache_clear()


@pytest.mark.usefixtures("measured_anew")
@pytest.mark.parametrize(("slow", "pays"), [(math.inf, True), (0.0, False)])
def test_a_slow_hash_gets_a_thread_where_there_is_a_processor_for_it(monkeypatch, slow, pays):
    monkeypatch.setattr(hashing, "SLOW", slow)
    several = len(os.sched_getaffinity(0)) > 1
    assert hashing.pays("sha256") is (pays and several)


@pytest.mark.usefixtures("measured_anew")
def test_a_single_processor_does_all_by_itself(monkeypatch):
    monkeypatch.setattr(hashing, "SLOW", math.inf)
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert hashing.pays("sha256") is False
    finally:
        os.sched_setaffinity(0, all_of_them)
