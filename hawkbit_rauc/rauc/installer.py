# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC over its D-Bus interface: look at the slots, install a bundle and see how it ends, mark a slot.

Holds for RAUC 1.8 and later; names are those of de.pengutronix.rauc.Installer.xml. What is odd about RAUC:

* Only `Completed` ends an installation. `Operation` turns `idle` too when somebody's second
  InstallBundle is refused while the first goes on.
* `Completed` carries no id: it counts when it comes from the process that we called, after its reply.
* RAUC may die (no `Completed` ever comes), hang, or end without our hearing of it; all end the wait.
* Nearly all errors have the same D-Bus name, so that only the text tells them apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from hawkbit_rauc.board.dbus import BUS, Bus, Peer, one_line
from hawkbit_rauc.errors import BusError, InstallationError, InstallerBusyError, InstallerError, RefusedError
from hawkbit_rauc.model import BundleFacts, Refusal, RemoteBundle, Setup, System
from hawkbit_rauc.ports import Progress, Source
from hawkbit_rauc.rauc.answers import (
    BROKEN_STREAM,
    SYSTEM_CONF,
    access_to,
    is_busy,
    is_unknown,
    read_facts,
    read_setup,
    read_slots,
    read_version,
    reason,
)
from hawkbit_rauc.rauc.installation import Installation, Pulse

NAME = "de.pengutronix.rauc"
RAUC = Peer("RAUC", "rauc.service", NAME, "/", f"{NAME}.Installer")

#: Seconds for reading and verifying a bundle; the signature of a plain one covers all of its bytes.
INSPECTION = 300.0

#: Which signals the bus brings. RAUC's well-known name is known to the bus alone: signals carry the unique one.
_RULES = (
    f"type='signal',sender='{NAME}',path='/'",
    f"type='signal',sender='{BUS.name}',interface='{BUS.interface}',member='NameOwnerChanged',arg0='{NAME}'",
)


@frozen
class Description:
    """What `hawkbit-rauc check` prints about RAUC.

    Attributes:
        system: slots, primary, compatible, boot loader, witness.
        version: what its interface says of its version, such as "1.13 or later".
        inspects_streams: whether it can be asked to look into a bundle that it would stream (1.9).
        setup: how it is configured.
    """

    system: System
    version: str
    inspects_streams: bool
    setup: Setup


class Rauc:
    """The installer (`ports.Installer`).

    Args:
        bus: the bus that RAUC is on.
        witness: asks whether this boot is vouched for; None, also as its answer, leaves that to the boot loader.
        system_conf: where RAUC's configuration may be.
        pulse: when a silent RAUC is given up.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        witness: Callable[[], Awaitable[bool | None]] | None = None,
        system_conf: Iterable[Path] = SYSTEM_CONF,
        pulse: Pulse | None = None,
    ) -> None:
        self._bus = bus
        self._witness = witness
        self._system_conf = tuple(system_conf)
        self._pulse = pulse or Pulse()
        self._takes_transaction = True  # until RAUC refuses it

    async def system(self) -> System:
        """Look at slots, primary and boot state.

        Raises:
            InstallerBusyError: RAUC is installing, and then tells nothing of its slots.
            InstallerError: RAUC can't be asked.
        """
        with _said_of_the_installer():
            properties = await self._idle()
            try:
                (found,) = await self._call("GetSlotStatus")
                slots = read_slots(found, str(properties.get("BootSlot", "")))
            except RefusedError as error:
                if not is_unknown(error):
                    raise
                slots = ()  # a RAUC without this call tells nothing of slots
            return System(
                slots=slots,
                primary=await self._primary(),
                compatible=str(properties.get("Compatible", "")),
                boot_loader=read_setup(self._system_conf).boot_loader,
                witnessed=None if self._witness is None else await self._witness(),
            )

    async def look_into(self, bundle: Source) -> BundleFacts:
        """Ask what a bundle says of itself.

        Args:
            bundle: where it is; RAUC reads what it has to.

        Returns:
            Nothing if RAUC can't tell: before 1.10, or of a bundle that it does not accept; the installation will
            say why.

        Raises:
            InstallerBusyError: RAUC is installing.
            InstallerError: RAUC can't be asked.
        """
        with _said_of_the_installer():
            try:
                return read_facts(await self._inspect(bundle))
            except RefusedError:
                return BundleFacts()

    async def refusal(self, bundle: RemoteBundle) -> Refusal | None:
        """Have RAUC look into a bundle that it is to stream; nothing is written.

        Args:
            bundle: where it is.

        Returns:
            Why RAUC can't stream it; None if it can.

        Raises:
            InstallerBusyError: RAUC is installing.
            InstallerError: RAUC can't be asked, or does not get at the bundle just now.
        """
        with _said_of_the_installer():
            try:
                await self._inspect(bundle)
            except RefusedError as error:
                if is_unknown(error):
                    return Refusal("RAUC before 1.9 can't be asked whether it can stream", certain=False)
                if BROKEN_STREAM.search(error.text):
                    raise InstallerError(f"RAUC can't stream: {reason(error.text, bundle)}") from None
                return Refusal(f"RAUC can't stream this bundle: {reason(error.text, bundle)}")
            return None

    async def install(self, bundle: Source, transaction: str, progress: Progress) -> None:
        """Install a bundle; returns when RAUC said `Completed 0`.

        Args:
            bundle: where RAUC finds it.
            transaction: our id for it; RAUC before 1.10 does not take it.
            progress: called with per cent and 100.

        Raises:
            InstallationError: RAUC refused the bundle or failed to install it.
            InstallerBusyError: it is busy with another installation; nothing was begun.
            InstallerError: RAUC or the bus is not there, went away or hangs, or the stream broke off.
        """
        with _said_of_the_installer():
            await self._install(bundle, transaction, progress)

    async def _install(self, bundle: Source, transaction: str, progress: Progress) -> None:
        # Listen first: a small bundle is installed in 0.1 s.
        async with self._bus.listen(*_RULES) as inbox:
            # RAUC refuses a second installation, but says `Operation` idle from then on, while the first goes on.
            await self._idle()
            (owner,) = await self._bus.call(BUS, "GetNameOwner", "s", NAME)
            inbox.senders = frozenset((owner, BUS.name))
            # The unique name: another RAUC that is started meanwhile shall not get our call.
            rauc = evolve(RAUC, name=owner)
            installation = Installation(self._bus, rauc, inbox, self._pulse, progress, bundle)
            # RAUC before 1.10 refuses the whole call for the transaction's id.
            if self._takes_transaction:
                options = {"transaction-id": ("s", transaction)}
                if await installation.run(options):
                    return
                self._takes_transaction = False
            if not await installation.run({}):
                raise InstallationError("RAUC does not know an option of the installation: is it too old?")

    async def mark(self, state: str, slot: str) -> None:
        """Mark a slot.

        Args:
            state: "good", "bad" or "active".
            slot: its name; "booted" and "other" are RAUC's own words for two of them.

        Raises:
            InstallerBusyError: RAUC is installing.
            InstallerError: RAUC can't be asked, or could not do it.
        """
        with _said_of_the_installer():
            try:
                await self._call("Mark", "ss", state, slot)
            except RefusedError as error:
                raise InstallerError(f"RAUC could not mark {slot} {state}: {one_line(error.text)}") from None

    async def describe(self) -> Description:
        """Find out what `hawkbit-rauc check` prints.

        Raises:
            InstallerBusyError, InstallerError: as `system`.
        """
        with _said_of_the_installer():
            system = await self.system()
            (xml,) = await self._bus.call(
                evolve(RAUC, interface="org.freedesktop.DBus.Introspectable"), "Introspect"
            )
            return Description(
                system,
                read_version(xml),
                inspects_streams='"InspectBundle"' in xml,
                setup=read_setup(self._system_conf),
            )

    async def _idle(self) -> dict[str, Any]:
        """Read RAUC's properties, which it tells also while it installs.

        Raises:
            InstallerBusyError: it installs.
        """
        properties = await self._bus.get_all(RAUC)
        if properties.get("Operation") == "installing":
            raise InstallerBusyError("RAUC is busy with an installation")
        return properties

    async def _primary(self) -> str | None:
        """Name the primary slot."""
        try:
            (name,) = await self._call("GetPrimary")
        except RefusedError:
            return None  # nothing unusual: with GRUB there may be none until the booted slot is marked good
        return str(name)

    async def _inspect(self, bundle: Source) -> Mapping[str, Any]:
        place, options = access_to(bundle)
        (found,) = await self._call("InspectBundle", "sa{sv}", place, options, within=INSPECTION)
        return dict(found)

    async def _call(
        self, method: str, signature: str = "", *arguments: Any, within: float | None = None
    ) -> Any:
        try:
            return await self._bus.call(RAUC, method, signature, *arguments, within=within)
        except RefusedError as error:
            # While RAUC installs, it refuses all but the properties.
            if is_busy(error):
                raise InstallerBusyError("RAUC is busy with an installation") from None
            raise


@contextmanager
def _said_of_the_installer() -> Iterator[None]:
    """Turn the errors of the bus into those of the installer (`ports.Installer`)."""
    try:
        yield
    except BusError as error:
        raise InstallerError(str(error)) from error
