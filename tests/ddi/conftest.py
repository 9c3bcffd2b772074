# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers that speak DDI: doubles of two versions, and the real one."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from ddi.place import Site

import hawkbit_testing


@pytest.fixture(params=["double 0.3", "real", "double 1.1"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Each of the servers in turn; what the real one is depends on HAWKBIT_URL."""
    with ExitStack() as stack:
        if request.param == "real":
            server = request.getfixturevalue("hawkbit")
        else:
            server = stack.enter_context(hawkbit_testing.Hawkbit(request.param.split()[1]))
        site = Site(server)
        stack.callback(site.http.close)
        yield site
        site.server.delete_target(site.target)


@pytest.fixture
def hawkbit_double() -> Iterator[hawkbit_testing.Hawkbit]:
    """A double of the newest version."""
    with hawkbit_testing.Hawkbit() as server:
        yield server


@pytest.fixture
def token() -> str:
    """A token that nothing else in a test looks like."""
    return secrets.token_hex(16)
