# SPDX-License-Identifier: LGPL-2.1-or-later
"""The answer to a deployment that the server starts only with the board's consent (DDI, confirmationBase).

The consent to what the server does not force (soft actions) is another thing: it is the board's own
wish, and `deployment` waits for it.
"""

from __future__ import annotations

import logging

from hawkbit_rauc.model import Consent, Offer
from hawkbit_rauc.story.work import World

log = logging.getLogger(__name__)

ALLOWED = "allowed by this board's configuration"
DENIED = "denied by this board's configuration"


async def answer(offer: Offer, world: World) -> None:
    """Answer as the configuration says; where it says `ask`, leave it to somebody on the board.

    A denial does not end the action (DDI), which is offered again for ever; so it is told once, unless
    the action's history does not show it.

    Args:
        offer: the action that waits.
        world: what it takes.

    Raises:
        OfferGoneError: it does not wait any more.
        PassingError: try again later.
    """
    if world.policy.confirmation == "allow":
        await tell(Consent(offer.action, given=True, details=(ALLOWED,)), world)
    elif world.policy.confirmation == "deny":
        if not any(DENIED in message for message in await world.server.confirmation(offer)):
            await tell(Consent(offer.action, given=False, details=(DENIED,)), world)
    else:
        log.info("action %s waits for consent; `hawkbit-rauc confirm` gives it", offer.action)


async def tell(consent: Consent, world: World) -> None:
    """Tell the server about a consent, or a denial.

    Raises:
        OfferGoneError: the action does not wait (any more).
        PassingError: try again later.
    """
    await world.server.consent(consent)
    world.server.forget()
    log.info(
        "action %s was %s: %s",
        consent.action,
        "confirmed" if consent.given else "denied",
        "; ".join(consent.details),
    )
