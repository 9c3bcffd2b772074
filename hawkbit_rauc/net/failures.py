# SPDX-License-Identifier: LGPL-2.1-or-later
"""Says what went wrong on the way to a server, in words that a person can act on. Does no I/O.

An HTTP library wraps what the system said in errors of its own. The cause at the end of the chain tells
name resolution, connection, TLS and time apart.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

#: No certificate of today is valid for a clock that stands before this (seconds since 1970): 2024.
SANE_CLOCK = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def place(origin: str) -> str:
    """Return host and port of an origin, as sentences name a server."""
    scheme, _, host = origin.partition("://")
    has_port = ":" in host.rpartition("]")[2]
    return host if has_port else f"{host}:{'443' if scheme == 'https' else '80'}"


def sentence(error: BaseException, server: str, now: float) -> str:
    """Say why there was no answer.

    Args:
        error: what was raised, with its causes.
        server: its host and port, see `place`.
        now: wall clock, seconds since 1970.

    Returns:
        One sentence with host and port and, if there is one, the remedy; no URL.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            reason = cause.strerror or "no answer"
            return f"can't resolve the name of {server} ({reason}): check DNS and the server's name"
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, server, now)
    for cause in chain:
        if isinstance(cause, ConnectionRefusedError):
            return f"{server} refused the connection: is the server running there, and is the port right?"
    kinds = [type(cause).__name__ for cause in chain]
    # By the class's name, since this wing imports no HTTP library.
    if any("ConnectTimeout" in kind for kind in kinds):
        return f"no connection to {server} in time: is the network up, and does a firewall let it through?"
    if any("Timeout" in kind for kind in kinds):
        return f"{server} did not answer in time"
    for cause in reversed(chain):
        if isinstance(cause, OSError) and cause.strerror:
            return f"the connection to {server} failed: {cause.strerror}"
    return f"the connection to {server} broke: {_words(chain[-1])}"


def _tls(error: ssl.SSLError, server: str, now: float) -> str:
    # Python sets these attributes only if OpenSSL gave a reason.
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "") or "it can't be verified"
        if now < SANE_CLOCK:
            today = datetime.fromtimestamp(max(now, 0), UTC).strftime("%Y-%m-%d")
            return (
                f"the certificate of {server} can't be checked ({why}): the clock says {today}; set it first"
            )
        return (
            f"the certificate of {server} is refused ({why}): check ca_file, the server's name and the clock"
        )
    reason = (getattr(error, "reason", "") or "no reason given").replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return f"{server} does not speak TLS: check the port, or set ssl = false"
    return f"TLS with {server} failed: {reason}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it comes from; a chain that bites its tail ends."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
