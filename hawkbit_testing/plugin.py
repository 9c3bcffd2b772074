# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for pytest, which finds them by itself if this package is installed.

Nothing is imported before a test asks for a fixture; `-p no:hawkbit` switches them off.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hawkbit_testing.hawkbit import Hawkbit


@pytest.fixture
def hawkbit_version() -> str:
    """The version of `hawkbit`; override it or parametrize it to test on others."""
    return "1.1"


@pytest.fixture
def hawkbit(hawkbit_version: str) -> "Hawkbit":
    """A new hawkBit without a socket: give its `transport` to httpx."""
    from hawkbit_testing.hawkbit import Hawkbit  # noqa: PLC0415  costs nothing if it is not used

    return Hawkbit(hawkbit_version)


@pytest.fixture
def hawkbit_server(hawkbit: "Hawkbit") -> Iterator["Hawkbit"]:
    """The `hawkbit` of the test, listening at its `url` on the loopback interface."""
    with hawkbit:
        yield hawkbit
