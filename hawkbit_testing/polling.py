# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long controllers are told to wait until the next poll."""

from datetime import UTC, datetime, timedelta

from hawkbit_testing.quirks import Refusal
from hawkbit_testing.software import Window

#: Polls between now and a window that opens.
POLLS = 3
LEAST = timedelta(seconds=30)


def sleep_for(normal: str, window: Window | None) -> str:
    """Return the interval of polls: the normal one, or a third of the time until a window opens if that is less.

    Args:
        normal: as it is set, `HH:MM:SS` in hawkBit's own words.
        window: of the action that is shown.

    Raises:
        Refusal: 500, as hawkBit falls over a normal interval that is no `HH:MM:SS` then.
    """
    if window is None or window.at(datetime.now(UTC)) != "unavailable":
        return normal
    try:
        hours, minutes, seconds = map(int, normal.split(":"))
    except ValueError:
        raise Refusal(500, plain=True) from None
    longest = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    third = (window.start - datetime.now(UTC)) / POLLS
    whole = int(min(max(third, LEAST), longest).total_seconds())
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
