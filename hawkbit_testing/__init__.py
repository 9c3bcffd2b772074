# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stateful double of hawkBit's DDI on a real loopback socket, for what no real server does on demand.

::

    with Hawkbit(version="1.1") as hawkbit:
        target = hawkbit.create_target("dev-1", token="secret")
        action = hawkbit.assign(target, {"system.raucb": content})
        hawkbit.fault("POST .*/feedback", faults.lost())
        action.wait()

Its operator's side is called as `rig.hawkbit.Hawkbit` is, so that one test can drive both; its answers
are those of the version asked for (0.3 to 1.1) and are held to the real server by
`tests/ddi/test_same_as_real.py`.
"""

from hawkbit_testing import faults
from hawkbit_testing.hawkbit import Hawkbit
from hawkbit_testing.state import Action, Entry, Target
from hawkbit_testing.wire import Answer, Request

__all__ = ["Action", "Answer", "Entry", "Hawkbit", "Request", "Target", "faults"]
