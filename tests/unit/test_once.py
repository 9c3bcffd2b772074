# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds is said once."""

from hawkbit_rauc.once import Once


def test_what_goes_on_is_said_once_and_again_after_it_was_over():
    once = Once()
    assert once.new("no network") == ["no network"]
    assert once.new("no network") == []
    assert once.new() == []
    assert once.new("no network") == ["no network"]


def test_only_what_is_new_is_said():
    """Of several sentences those that held before are left out; one that changed is another one."""
    once = Once()
    once.new("a is cut", "b is cut")
    assert once.new("b is cut", "c is cut") == ["c is cut"]
