# SPDX-License-Identifier: LGPL-2.1-or-later
"""Consent on the board: to what the server starts only with it (DDI, confirmationBase), and to soft actions.

The second is the board's own wish: the server does not force such an action, and `deployment` waits.
"""

from __future__ import annotations

import logging

from attrs import define, evolve

from hawkbit_rauc.errors import NothingWaitsError, OfferGoneError
from hawkbit_rauc.model import Consent, Offer
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.world import World

log = logging.getLogger(__name__)

ALLOWED = "allowed by this board's configuration"
DENIED = "denied by this board's configuration"


@define(eq=False)
class Confirmation:
    """What the server wants to be confirmed.

    Attributes:
        world: the ports.
        waiting: the action that waits for it, None if none does.
    """

    world: World
    waiting: Offer | None = None
    _automatic: bool = False

    async def look(self, offer: Offer | None) -> bool:
        """Answer what waits for consent, once for each offer.

        Returns:
            Whether that changes what the server offers, so that it is to be asked again.

        Raises:
            PassingError: try again later.
        """
        changes = False
        if not self._automatic:
            on = self.world.policy.auto_confirmation
            if on is not None:
                await self.world.server.confirm_automatically(on=on)
            changes = on is True and offer is not None
            self._automatic = True
        if offer and offer != self.waiting:
            try:
                changes |= await self._answer_as_configured(offer)
            except OfferGoneError:
                self.world.server.forget()
                return True
        self.waiting = offer
        return changes

    async def answer(self, soft: Action | None, action: str | None, *, given: bool, message: str) -> str:
        """Give consent to the action that waits for it, or refuse it.

        Args:
            soft: the action in hand, if it waits for consent.
            action: id of the action that is meant; None for the one that waits.
            given: whether it may start.
            message: why, for the action's history.

        Returns:
            The action's id.

        Raises:
            NothingWaitsError: nothing waits, or another action.
            OfferGoneError: the server does not want the answer any more.
            PassingError: the server could not be told, or the consent not be written down.
        """
        waiting = self.waiting or (soft.offer if soft else None)
        if waiting is None:
            raise NothingWaitsError("no action waits for consent")
        if action not in (None, waiting.action):
            raise NothingWaitsError(
                f"action {action} does not wait for consent, action {waiting.action} does"
            )
        words = message or ("confirmed" if given else "denied") + " on the board"
        if self.waiting:
            await self._tell(Consent(waiting.action, given=given, details=(words,)))
        elif soft:
            soft.keep(evolve(soft.record, consented=given))
            await soft.say(words)
        return waiting.action

    async def _answer_as_configured(self, offer: Offer) -> bool:
        """Answer as the configuration says; if it says `ask`, leave it to somebody on the board.

        A denial does not end the action (DDI), which is offered again for ever; so it is told once, unless
        the action's history does not show it.
        """
        wish, server = self.world.policy.confirmation, self.world.server
        if wish == "allow":
            await self._tell(Consent(offer.action, given=True, details=(ALLOWED,)))
            return True
        if wish == "deny":
            if not any(DENIED in message for message in await server.confirmation(offer)):
                await self._tell(Consent(offer.action, given=False, details=(DENIED,)))
        else:
            log.info("action %s waits for consent; `hawkbit-rauc confirm` gives it", offer.action)
        return False

    async def _tell(self, consent: Consent) -> None:
        await self.world.server.consent(consent)
        self.world.server.forget()
        done = "confirmed" if consent.given else "denied"
        log.info("action %s was %s: %s", consent.action, done, "; ".join(consent.details))
