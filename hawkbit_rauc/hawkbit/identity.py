# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whom a board speaks for at hawkBit. Pure, and loads no HTTP, since `status` reads the journal by it."""

from __future__ import annotations

from urllib.parse import urlsplit

from hawkbit_rauc.model import Identity
from hawkbit_rauc.net.urls import origin_of


def identity_of(base_url: str, tenant: str, controller: str) -> Identity:
    """Name the controller in the one form that the journal and RAUC's transactions are kept by.

    Args:
        base_url: scheme, host, port and path prefix of hawkBit; the prefix does not count.
        tenant: hawkBit's tenant, as it is written.
        controller: the controller's id.
    """
    return Identity(origin_of(urlsplit(base_url)), tenant, controller)
