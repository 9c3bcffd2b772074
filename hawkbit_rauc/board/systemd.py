# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd is told of this service, by the protocol of sd_notify(3) and sd_watchdog_enabled(3).

If systemd does not listen, nothing happens: it is no reason for the service to fail.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress


def notify(*assignments: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send assignments such as `READY=1` to systemd.

    Args:
        assignments: one or more, without line feeds.
        environment: where NOTIFY_SOCKET is looked up.

    Returns:
        Whether they were sent.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        end.setblocking(False)  # a systemd that does not read must not stop us
        end.sendto("\n".join(assignments).encode(), address)
        return True
    return False


def ready(status: str = "") -> None:
    """Say that the service is up (again, after `reloading`)."""
    notify("READY=1", *_status(status))


def reloading() -> None:
    """Say that the configuration is being read again; `ready` ends it (Type=notify-reload wants the time)."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping(status: str = "") -> None:
    """Say that the service is on its way out."""
    notify("STOPPING=1", *_status(status))


def status(text: str) -> None:
    """Set the line that `systemctl status` shows."""
    notify(*_status(text))


def alive() -> None:
    """Tell systemd's watchdog that all is well."""
    notify("WATCHDOG=1")


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Say how often systemd wants to hear `alive`.

    Args:
        environment: where WATCHDOG_USEC and WATCHDOG_PID are looked up.

    Returns:
        Seconds, half of what systemd waits; None if its watchdog is not for this process.
    """
    try:
        period = int(environment["WATCHDOG_USEC"])
        process = int(environment.get("WATCHDOG_PID", os.getpid()))
    except (KeyError, ValueError):
        return None
    if period <= 0 or process != os.getpid():
        return None
    return period / 2e6  # microseconds, and half of them


def _status(text: str) -> list[str]:
    return ["STATUS=" + " ".join(text.split())] if text else []
