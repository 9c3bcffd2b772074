# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the story works with: what was configured, and the ports to everything outside."""

from __future__ import annotations

import math

from attrs import frozen

from hawkbit_rauc.ports import Board, Clock, Downloads, Hooks, Installer, Journal, Server
from hawkbit_rauc.rules import bundles


@frozen
class Policy:
    """What the configuration decides about deployments.

    Attributes:
        report_installed: success is told at the installation, not after the boot.
        reboot: we ask for the reboot, unless the bundle says otherwise.
        ask: what the server does not force (soft actions) waits for consent on the board.
        confirmation: "allow" or "deny" answers at once what the server wants consent to, "ask" leaves it to somebody.
        auto_confirmation: switch it on or off at the server; None leaves it.
        choice: which artifacts are bundles.
        refuse_others: a deployment with further artifacts is an error.
        keep_for: seconds that a bundle stays that was to be downloaded only; inf for ever.
        give_up_after: seconds of passing troubles before an action is closed as failed; inf for never.
    """

    report_installed: bool = False
    reboot: bool = False
    ask: bool = False
    confirmation: str = "ask"
    auto_confirmation: bool | None = None
    choice: bundles.Choice = bundles.ANY
    refuse_others: bool = False
    keep_for: float = math.inf
    give_up_after: float = math.inf


@frozen
class World:
    """The ports that the story reaches everything through.

    Attributes:
        others: takes artifacts that are no bundle of this board; None leaves them aside.
    """

    server: Server
    downloads: Downloads
    installer: Installer
    journal: Journal
    board: Board
    clock: Clock
    hooks: Hooks
    policy: Policy
    others: Downloads | None = None

    def discard(self) -> None:
        """Remove all that was downloaded."""
        self.downloads.discard()
        if self.others:
            self.others.discard()
