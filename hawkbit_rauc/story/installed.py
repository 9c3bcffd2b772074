# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells hawkBit what the board runs if no action brought it, such as a bundle that was installed by hand.

hawkBit learns of each installation once (DDI, `PUT installedBase`): the journal keeps which one it knows of.
"""

from __future__ import annotations

import logging

from attrs import define, field

from hawkbit_rauc.errors import InstallerError, PassingError
from hawkbit_rauc.once import Once
from hawkbit_rauc.rules import outcome
from hawkbit_rauc.rules.outcome import brought, committed
from hawkbit_rauc.story.reboot import unbooted
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)


@define(eq=False)
class Installed:
    """What this process knows of it; may be lost at any time.

    Attributes:
        world: the ports.
        distribution_set: its name at hawkBit; its version is that of the bundle.
        due: something may have to be told: after a start, and after the end of an action.
    """

    world: World
    distribution_set: str
    due: bool = True
    _trouble: Once = field(factory=Once)

    def may_have_changed(self) -> None:
        """Have it looked at again."""
        self.due = True

    async def look(self, *, idle: bool) -> None:
        """Tell hawkBit what runs, unless it knows; a server that does not take it gets in the way of nothing else.

        Args:
            idle: hawkBit has nothing to be done; otherwise it would not take it.
        """
        if not self.due:
            return
        try:
            await self._look(idle=idle)
        except PassingError as error:
            if self._trouble.new(str(error)) and not isinstance(error, InstallerError):
                log.warning("hawkBit was not told what this board runs: %s", error)

    async def _look(self, *, idle: bool) -> None:
        journal, record = self.world.journal, self.world.journal.read()
        if record and unbooted(record, self.world):
            return
        system = await self.world.installer.system()
        booted, installation = system.booted, outcome.installation(system)
        if booted is None or installation is None or installation == journal.known():
            self.due = False
        elif record and brought(record, system):
            journal.know(installation)
            self.due = False
        elif idle and committed(system):
            await self._tell(installation, booted.bundle_version or "")
            self.due = False

    async def _tell(self, installation: str, version: str) -> None:
        name = self.distribution_set
        if not await self.world.server.tell_installed(name, version):
            log.warning(
                "hawkBit does not take that this board runs version %s: create distribution set %s in this version "
                "(and hawkBit has to be 0.6 or later)",
                version,
                name,
            )
            return
        self.world.journal.know(installation)
        log.info("told hawkBit that this board runs version %s of distribution set %s", version, name)
