# SPDX-License-Identifier: LGPL-2.1-or-later
"""One `InstallBundle` at one RAUC process, until it ends in whatever way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from jeepney import HeaderFields, Message, MessageType

from hawkbit_rauc.board.dbus import BUS_ERROR, Bus, Inbox, Peer, one_line, untyped, values_of
from hawkbit_rauc.errors import (
    AttemptFailedError,
    BusError,
    HawkbitRaucError,
    InstallationError,
    InstallerBusyError,
    InstallerError,
    NoSlotError,
    RefusedError,
)
from hawkbit_rauc.model import RemoteBundle
from hawkbit_rauc.ports import Progress, Source
from hawkbit_rauc.rauc.answers import BROKEN_STREAM, access_to, is_busy, reason, refuses_option
from hawkbit_rauc.rauc.failures import Failure, classify, slotless


@frozen
class Pulse:
    """How a silent RAUC is told from a dead one.

    Attributes:
        every: seconds of silence before it is asked for a sign of life.
        timeout: seconds for its answer.
        misses: answers missing in a row that mean that it hangs.
    """

    every: float = 30.0
    timeout: float = 10.0
    misses: int = 3


class Installation:
    """One InstallBundle at one RAUC process.

    Args:
        bus: the bus that RAUC is on.
        rauc: the process, by its unique name.
        inbox: brings RAUC's signals, and the bus's when the process ends.
        pulse: when a silent RAUC is given up.
        progress: called with per cent and 100.
        bundle: what is installed.
    """

    def __init__(
        self, bus: Bus, rauc: Peer, inbox: Inbox, pulse: Pulse, progress: Progress, bundle: Source
    ) -> None:
        self._bus = bus
        self._rauc = rauc
        self._inbox = inbox
        self._pulse = pulse
        self._progress = progress
        self._percent = -1
        self._last_error = ""
        self._bundle = bundle
        self._begun = False

    async def run(self, options: Mapping[str, tuple[str, Any]]) -> bool:
        """Install and wait until RAUC said `Completed 0`.

        Reply and signals are waited for together: a call that RAUC refuses brings no `Completed`.

        Returns:
            False if RAUC does not know one of the options; nothing was begun.

        Raises:
            InstallationError, InstallerBusyError, InstallerError: as `Installer.install`.
        """
        place, access = access_to(self._bundle)
        serial = await self._inbox.send(self._rauc, "InstallBundle", "sa{sv}", place, {**access, **options})
        misses = 0
        while True:
            message = await self._inbox.get(self._pulse.every)
            if message is None:
                misses = 0 if await self._alive() else misses + 1
                if misses >= self._pulse.misses:
                    raise InstallerError("RAUC does not answer any more: see systemctl status rauc.service")
                continue
            if message.header.message_type is not MessageType.signal:
                if message.header.fields.get(HeaderFields.reply_serial) == serial:
                    if not self._accepted(message):
                        return False
                    self._begun = True
                continue
            misses = 0  # whoever sends signals lives
            if await self._completed(message):
                return True

    def _accepted(self, reply: Message) -> bool:
        """Read the reply; False if RAUC does not know one of the options."""
        try:
            values_of(self._rauc, reply)
        except RefusedError as error:
            if refuses_option(error):
                return False
            if is_busy(error):
                raise InstallerBusyError("RAUC is busy with another installation") from None
            if error.name.startswith(BUS_ERROR):  # not from RAUC's own code: nothing is wrong with the bundle
                raise
            raise self._failure(error.text) from None
        return True

    async def _completed(self, signal: Message) -> bool:
        """Take in one signal; True if it says that the bundle was installed."""
        member = signal.header.fields.get(HeaderFields.member)
        # No `Completed` will come any more. Asking for RAUC now would start another one, which is idle and knows of
        # no error, as if all was well.
        if member == "NameOwnerChanged" and signal.body[1] == self._rauc.name:
            raise InstallerError("RAUC went away during the installation: see journalctl -u rauc.service")
        if not self._begun:  # `Completed` carries no id: before the reply it is of the installation before
            return False
        if member == "PropertiesChanged":
            self._changed(untyped(signal.body[1]))
        elif member == "Completed":
            if signal.body[0] == 0:
                return True
            # LastError is right when `Completed` comes, but a change of it need not have been announced.
            text = self._last_error or await self._bus.get(self._rauc, "LastError")
            raise self._failure(str(text))
        return False

    def _failure(self, text: str) -> HawkbitRaucError:
        """Say in an error of ours why RAUC did not install, and whether that may pass."""
        # RAUC always says why; what speaks its interface without doing so gives no reason to try again.
        if not text.strip():
            return InstallationError("RAUC failed to install the bundle without saying why")
        if isinstance(self._bundle, RemoteBundle):
            words = reason(text, self._bundle)
            if BROKEN_STREAM.search(text):
                return InstallerError(f"the stream broke off: {words}")
        else:
            words = one_line(text)
        if kind := slotless(text):
            return NoSlotError(words, kind)
        return InstallationError(words) if classify(text) is Failure.FINAL else AttemptFailedError(words)

    def _changed(self, properties: Mapping[str, Any]) -> None:
        self._last_error = str(properties.get("LastError", self._last_error))
        percent, text, _ = properties.get("Progress", (-1, "", 0))
        # Per cent may go back (the steps of an adaptive update that falls back), and a failure reads "100 %, Installing
        # failed."
        if percent > self._percent and not text.endswith("failed."):
            self._percent = percent
            self._progress(percent, 100)

    async def _alive(self) -> bool:
        """Ask a silent RAUC for a sign of life.

        Raises:
            InstallerError: it lives and installs nothing, so that no `Completed` is to be waited for.
        """
        try:
            operation = await self._bus.get(self._rauc, "Operation", within=self._pulse.timeout)
            if not self._begun or operation == "installing":
                return True
            # RAUC says `idle` also after it has refused somebody's InstallBundle while ours goes on (seen on 1.8 and 1.13).
            # Only a RAUC that installs refuses this call.
            await self._bus.call(self._rauc, "GetPrimary", within=self._pulse.timeout)
        except RefusedError as error:
            if is_busy(error):
                return True
        except BusError:
            return False
        if not self._inbox.empty:  # what came before the answer may be the `Completed`
            return True
        raise InstallerError("RAUC ended the installation without saying how: its slots will tell")
