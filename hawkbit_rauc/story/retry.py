# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is transient and how long to wait: the only use of tenacity.

Only `PassingError` is tried again. Pauses grow exponentially with full jitter (so that a fleet
does not come back in step), are capped near the poll interval, and are never shorter than what the
server asked for by Retry-After (RFC 9110, 10.2.3).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from hawkbit_rauc.errors import PassingError

T = TypeVar("T")

#: Upper bound of the first pause, seconds; it doubles with each failure in a row.
FIRST_PAUSE = 2.0
#: Lower bound of any pause, seconds: jitter may be zero, a busy loop may not.
LEAST_PAUSE = 0.5
#: A Retry-After beyond this many seconds is cut: a server must not switch a fleet off by mistake.
LONGEST_RETRY_AFTER = 3600.0


async def until_done(
    work: Callable[[], Awaitable[T]],
    *,
    sleep: Callable[[float], Awaitable[None]],
    cap: Callable[[], float],
    put_off: Callable[[PassingError, float], Awaitable[None]],
) -> T:
    """Run `work` again and again until it raises no `PassingError`.

    Args:
        work: what to do; safe to be done again.
        sleep: waits for seconds.
        cap: longest pause in seconds, asked before each one.
        put_off: told of each failure and the pause (seconds) that follows; ends the retries by raising.

    Returns:
        What `work` returns.
    """
    failure = PassingError("")

    async def tried() -> T:
        nonlocal failure
        try:
            return await work()
        except PassingError as error:
            failure = error
            raise

    def pause(state: tenacity.RetryCallState) -> float:
        grown: float = tenacity.wait_random_exponential(multiplier=FIRST_PAUSE, max=cap())(state)
        asked = min(failure.retry_after or 0.0, LONGEST_RETRY_AFTER)
        return max(grown, asked, LEAST_PAUSE)

    async def put_off_and_sleep(seconds: float) -> None:
        # tenacity before 8.3 awaits no other callback than this one
        await put_off(failure, seconds)
        await sleep(seconds)

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(PassingError),
        wait=pause,
        sleep=put_off_and_sleep,
        reraise=True,
    )
    return await retrying(tried)
