# SPDX-License-Identifier: LGPL-2.1-or-later
"""URLs in the forms that are needed: an origin that can be compared, a plain address, one that may be shown."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
_PREFIX = re.compile(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@]*)*")


def origin_of(url: SplitResult) -> str:
    """Write scheme, host and port in the one form that origins are compared in (RFC 6454).

    Args:
        url: what `urlsplit` made of a URL with a host and a valid port.

    Returns:
        `scheme://host` in lower case, with the port if it is not the scheme's own.
    """
    host = (url.hostname or "").lower()
    if ":" in host:  # IPv6
        host = f"[{host}]"
    if url.port in {None, _DEFAULT_PORTS.get(url.scheme)}:
        return f"{url.scheme}://{host}"
    return f"{url.scheme}://{host}:{url.port}"


def split(text: str) -> SplitResult | None:
    """Split a URL of scheme, host, port and a plain path, as a configuration may name it.

    Args:
        text: the URL; a host beyond ASCII has to be in Punycode (as in the C program).

    Returns:
        Its parts; None if it is anything else or more (a user, a query, an escape).
    """
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
        if ":" in host:
            ipaddress.IPv6Address(host)
    except ValueError:
        return None
    # Put together again it has to be what it was: urlsplit drops some characters without a word.
    plain = url.geturl() == url.scheme + text[len(url.scheme) :]
    has_host = ":" in host or _HOST.fullmatch(host)
    has_port = port != 0 and not url.netloc.endswith(":")
    is_simple = not (url.query or url.fragment or "@" in url.netloc) and _PREFIX.fullmatch(url.path)
    return url if plain and has_host and has_port and is_simple else None


def shown(url: str | None) -> str:
    """Write a URL without user, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(url or "")
        text = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "the link of the bundle"
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
