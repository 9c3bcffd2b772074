# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stateful double of hawkBit for the tests of whatever speaks DDI: a transport, a loopback server, fixtures.

::

    hawkbit = Hawkbit(version="1.1")
    action = hawkbit.target("dev-1", token="secret").assign({"system.raucb": content}, forced=True)
    hawkbit.fault("POST .*/feedback", faults.lost())
    client = httpx.Client(transport=hawkbit.transport, base_url=hawkbit.url)

Its answers are those of the version asked for (0.3 to 1.1); `hawkbit_testing.conformance` holds them to
real servers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hawkbit_testing import faults
    from hawkbit_testing.actions import Action, Entry
    from hawkbit_testing.hawkbit import Hawkbit
    from hawkbit_testing.quirks import Limits
    from hawkbit_testing.software import DistributionSet, Module, Window
    from hawkbit_testing.target import Target
    from hawkbit_testing.wire import Answer, Exchange, Request

__all__ = [
    "Action",
    "Answer",
    "DistributionSet",
    "Entry",
    "Exchange",
    "Hawkbit",
    "Limits",
    "Module",
    "Request",
    "Target",
    "Window",
    "faults",
]

#: The module of each name. Names are imported when they are asked for, because pytest imports this package for its
#: plugin in every run, even if no test uses it.
_HOMES = {
    "actions": ("Action", "Entry"),
    "hawkbit": ("Hawkbit",),
    "quirks": ("Limits",),
    "software": ("DistributionSet", "Module", "Window"),
    "target": ("Target",),
    "wire": ("Answer", "Exchange", "Request"),
}


def __getattr__(name: str) -> Any:
    if name == "faults":
        return import_module("hawkbit_testing.faults")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"hawkbit_testing.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
