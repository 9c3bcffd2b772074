# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""The poll interval that a server asks for, in all forms that `config.polling.sleep` takes."""

from __future__ import annotations

import re

SHORTEST, LONGEST = 1.0, 7 * 86400.0
"""Bounds of what is believed, in seconds: a server must neither make a fleet hammer it nor lose it."""

_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_CLOCK = re.compile(rf"(?:(?:([0-9]+):)?([0-9]+):)?({_NUMBER})", re.ASCII)
_DURATION = re.compile(
    rf"P(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_SECONDS = (7 * 86400, 86400, 3600, 60, 1)


def seconds(sleep: object) -> float | None:
    """Return a poll interval in seconds.

    hawkBit writes `HH:MM:SS` below a day and ISO 8601 (`PT36H`, `PT25H1M18.004S`) from there on (0.10);
    its tenants configure `MM:SS` and bare seconds too, and other servers send numbers.

    Args:
        sleep: The value in the answer, whatever its type.

    Returns:
        Seconds between 1 and 7 days; None for what is absent, unreadable, zero or negative.
    """
    if isinstance(sleep, bool) or not isinstance(sleep, str | int | float):
        return None
    text = str(sleep).strip()
    read = _clock(text) if _CLOCK.fullmatch(text) else _duration(text)
    if read is None or not read > 0:
        return None
    return min(max(read, SHORTEST), LONGEST)


def _clock(text: str) -> float | None:
    first, *others = (float(part.replace(",", ".")) for part in text.split(":"))
    # Only the first number may be as large as it likes: 90:00 are ninety minutes.
    if any(part >= 60 for part in others):
        return None
    total = first
    for part in others:
        total = total * 60 + part
    return total


def _duration(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    parts = zip(found.groups(), _SECONDS, strict=True)
    return sum(float(part.replace(",", ".")) * unit for part, unit in parts if part)
