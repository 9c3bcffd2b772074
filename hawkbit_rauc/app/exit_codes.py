# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the process ends with; docs/operate.md has the same table for people."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands; those from 64 to 78 are of BSD's sysexits.h."""

    DONE = 0
    #: A deployment or an attempt of it failed, a check did, or nothing waits for consent.
    FAILED = 1
    #: hawkBit, RAUC or the daemon is not reachable, or hawkBit refused the credentials.
    UNREACHABLE = 2
    BAD_USAGE = 64
    #: The state folder is missing or not to be used, which may pass.
    NO_STATE = 73
    #: Another instance uses the state folder.
    LOCKED = 75
    BAD_CONFIG = 78
    #: Ctrl-C; 128 and the signal's number, as shells have it.
    INTERRUPTED = 130
