# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the server is told about the controller (DDI, configData)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from attrs import define, field

from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.once import Once
from hawkbit_rauc.ports import Server

log = logging.getLogger(__name__)


@define(eq=False)
class Attributes:
    """The controller's attributes, and what the server knows of them.

    Attributes:
        server: is told.
        gather: finds out what they are now.
        due: they may have changed: after a start, and after the end of an action.
    """

    server: Server
    gather: Callable[[], Awaitable[Mapping[str, str]]]
    due: bool = True
    _told: Mapping[str, str] | None = None
    _refused: Once = field(factory=Once)

    def may_have_changed(self) -> None:
        """Have them looked at again."""
        self.due = True

    async def look(self, *, asked: bool) -> None:
        """Tell them if the server asks; if they are due, only if they have changed.

        A server that does not take them gets in the way of nothing else.
        """
        if not (asked or self.due):
            return
        attributes = await self.gather()
        try:
            if asked or attributes != self._told:
                await self.server.identify(attributes)
        except PassingError as error:
            self.server.forget()
            for sentence in self._refused.new(str(error)):
                log.warning("%s", sentence)
            return
        self._told, self.due = attributes, False
        self._refused.new()
