# SPDX-License-Identifier: LGPL-2.1-or-later
"""What follows from where an action stands."""

from __future__ import annotations

from attrs import frozen

from hawkbit_rauc.model import Outcome


@frozen
class Install:
    """Nothing of this action is installed: do so, as the next attempt."""


@frozen
class Reboot:
    """Installed; the new system has to be booted."""

    why: str


@frozen
class Wait:
    """Nothing can be done or decided now.

    Attributes:
        why: one sentence for the history.
        trial: the new system runs and waits to be committed.
    """

    why: str
    trial: bool = False


@frozen
class TakeBack:
    """It failed, and the new system would still be booted: the old one has to be made primary before that is told.

    Attributes:
        why: one sentence for the history.
    """

    why: str


@frozen
class Decided:
    """The action has ended.

    Attributes:
        outcome: how.
        in_force: nothing of what was installed takes a boot.
    """

    outcome: Outcome
    in_force: bool = False


@frozen
class Downloaded:
    """The bundle is here, which was all that the action asks for (DDI, download-only)."""


Verdict = Install | Downloaded | Reboot | Wait | TakeBack | Decided

#: Said while the board's consent is missing.
CONSENT = Wait("waiting for consent on the board; `hawkbit-rauc confirm` gives it")
