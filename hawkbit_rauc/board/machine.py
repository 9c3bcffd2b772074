# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine we run on: which boot this is, how to reboot it, and which unit vouches for the boot."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import evolve

from hawkbit_rauc.board import programs
from hawkbit_rauc.board.dbus import Bus, Peer
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.once import Once

log = logging.getLogger(__name__)

LOGIND = Peer(
    "logind",
    "systemd-logind.service",
    "org.freedesktop.login1",
    "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
)
SYSTEMD = Peer(
    "systemd",
    "init.scope",
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)

#: Where the kernel tells this boot from all others.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

#: Seconds that logind gets to hold off sleep and shutdown.
INHIBITION = 5.0

#: What asks for a reboot if logind is not there.
SYSTEMCTL = ("systemctl", "--no-ask-password", "reboot")


class Board:
    """The machine (`ports.Board`).

    Args:
        bus: the bus that logind is on.
        boot_id_file: where the kernel's id of this boot is read.
        logind: whether logind is asked first.
        command: what is run if logind is not asked, or not there.
        timeout: seconds for each of the two ways.
    """

    def __init__(
        self,
        bus: Bus,
        boot_id_file: Path = BOOT_ID,
        *,
        logind: bool = True,
        command: Sequence[str] = SYSTEMCTL,
        timeout: float = 25.0,
    ) -> None:
        self._bus = bus
        self._boot_id_file = boot_id_file
        self._logind = logind
        self._command = tuple(command)
        self._timeout = timeout
        self._refusal = Once()

    @property
    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        return self._boot_id_file.read_text().strip()

    @asynccontextmanager
    async def awake(self, why: str, *, shutdown: bool = False) -> AsyncIterator[None]:
        """Have logind hold off sleep, and shutdown too if asked for, as long as the context lasts.

        A board without logind, or one that does not let us, goes on without. Our death gives it up.

        Args:
            why: what `systemd-inhibit --list` shows.
            shutdown: whether shutdown is held off too.
        """
        facts = ("--mode=block", "--who=hawkbit-rauc", f"--why={why}")
        command = ["systemd-inhibit", "--what=sleep", *facts]
        if shutdown:
            # One within the other: for both together polkit asks for another permission than for each.
            command += ["systemd-inhibit", "--what=shutdown", *facts]
        async with AsyncExitStack() as stack:
            try:
                # systemd-inhibit runs the command once logind has agreed: the empty line says so.
                trouble = await stack.enter_async_context(
                    programs.running([*command, "sh", "-c", "echo; exec cat"], within=INHIBITION)
                )
            except OSError:
                trouble = ""  # a board without systemd
            if trouble and self._refusal.new(trouble):
                log.info("sleep and shutdown are not held off: %s", trouble)
            yield

    async def reboot(self) -> None:
        """Ask logind for an orderly reboot, else run the command; returns when it was accepted.

        Never the system call itself: services and file systems are to end in order.

        Raises:
            PassingError: all refused.
        """
        if not self._logind:
            await self._run()
            return
        try:
            # False: polkit asks nobody for a password.
            await self._bus.call(LOGIND, "Reboot", "b", False, within=self._timeout)
        except PassingError as refusal:
            try:
                await self._run()
            except PassingError as error:
                raise PassingError(f"the reboot was not accepted: {refusal}; {error}") from None

    async def _run(self) -> None:
        name = " ".join(self._command)
        try:
            # A command may leave behind what reboots a moment later.
            code, lines = await programs.run(self._command, within=self._timeout, leaves=True)
        except OSError as error:
            raise PassingError(f"{name} can't be run ({error.strerror})") from None
        if code is None:
            raise PassingError(f"{name} did not end in {self._timeout:g} s")
        if code != 0:
            said = " ".join(" ".join(lines).split())[:200]
            raise PassingError(f"{name} failed ({said or f'exit {code}'})")


def unit_witness(bus: Bus, unit: str) -> Callable[[], Awaitable[bool]]:
    """Make a witness of this boot from a unit of systemd's, such as `rauc-mark-good.service`.

    Args:
        bus: the bus that systemd is on.
        unit: name of the unit.

    Returns:
        A function that says whether the unit is active, or, for a `Type=oneshot` without
        `RemainAfterExit=`, ran and ended well: systemd's own account starts anew with each boot.
        It raises BusError if systemd can't be asked.
    """

    async def vouches() -> bool:
        # Not GetUnit, which knows only units that are loaded.
        (path,) = await bus.call(SYSTEMD, "LoadUnit", "s", unit)
        of_unit = evolve(SYSTEMD, path=path, interface="org.freedesktop.systemd1.Unit")
        state = await bus.get(of_unit, "ActiveState")
        if state != "inactive" or not unit.endswith(".service"):
            return bool(state == "active")
        facts: dict[str, Any] = await bus.get_all(
            evolve(of_unit, interface="org.freedesktop.systemd1.Service")
        )
        # A unit that never ran has the result "success" as well.
        ended = facts.get("ExecMainExitTimestamp", 0) != 0
        return ended and (facts.get("Type"), facts.get("Result")) == ("oneshot", "success")

    return vouches
