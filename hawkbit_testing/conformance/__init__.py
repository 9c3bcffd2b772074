# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a hawkBit answers, operation by operation and state by state; run on the double and on real servers.

A check brings a controller into a state, asks, and notes a cell: operation, state, request, and what came of
it. No check knows what is right: two servers are the same if their cells are. So a real server vouches for the
double, and the double tells what is odd about another server.
"""

from hawkbit_testing.conformance.site import Cell, UnsupportedError
from hawkbit_testing.conformance.suite import Difference, differences, run

__all__ = ["Cell", "Difference", "UnsupportedError", "differences", "run"]
