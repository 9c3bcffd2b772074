# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time that passes also while the board sleeps (CLOCK_BOOTTIME, see time(7) and timerfd_create(2)).

asyncio's own timers stand still during a suspend: a board that slept for a night would poll hours
late. A timer of the kernel's on CLOCK_BOOTTIME fires when the board wakes, and nothing runs before.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time

_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK  # TFD_CLOEXEC and TFD_NONBLOCK are the same numbers
_LONGEST = 10 * 365 * 86400.0


class BootClock:
    """The clock of the board (`ports.Clock`)."""

    def now(self) -> float:
        """Seconds since the boot, those asleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait; may be cancelled.

        Args:
            seconds: ten years at most; 0 or less lets others run once.
        """
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        seconds = min(seconds, _LONGEST)
        try:
            timer = open_timer(seconds)
        except (OSError, AttributeError):  # a kernel or C library without timers of this kind
            await asyncio.sleep(seconds)
            return
        loop = asyncio.get_running_loop()
        rung = asyncio.Event()
        try:
            loop.add_reader(timer, rung.set)
            await rung.wait()
        finally:
            loop.remove_reader(timer)
            os.close(timer)


def open_timer(seconds: float) -> int:
    """Start a timer on CLOCK_BOOTTIME.

    Args:
        seconds: more than 0.

    Returns:
        A file descriptor that gets readable when they have passed; the caller closes it.

    Raises:
        OSError, AttributeError: the kernel or the C library has no such timers.
    """
    if sys.version_info >= (3, 13):
        timer = os.timerfd_create(time.CLOCK_BOOTTIME, flags=_FLAGS)
        os.timerfd_settime(timer, initial=seconds)
        return timer
    return _open_timer_by_libc(seconds)


class _Time(ctypes.Structure):
    """`struct timespec` as the functions of these plain names take it, on 32-bit boards with 32-bit time."""

    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _Setting(ctypes.Structure):
    """`struct itimerspec`."""

    _fields_ = (("it_interval", _Time), ("it_value", _Time))


def _open_timer_by_libc(seconds: float) -> int:
    """Do what Python before 3.13 has no functions for."""
    libc = ctypes.CDLL(None, use_errno=True)
    timer = int(libc.timerfd_create(time.CLOCK_BOOTTIME, _FLAGS))
    if timer < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    nanoseconds = max(1, round(seconds * 1e9))  # 0 would switch the timer off
    setting = _Setting(_Time(0, 0), _Time(*divmod(nanoseconds, 10**9)))
    if libc.timerfd_settime(timer, 0, ctypes.byref(setting), None) != 0:
        number = ctypes.get_errno()
        os.close(timer)
        raise OSError(number, "timerfd_settime")
    return timer
