# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC over its D-Bus interface: look at the slots, install a bundle and see how it ends, mark a slot.

Holds for RAUC 1.8 and later; names are those of de.pengutronix.rauc.Installer.xml. What it is careful about:

* Only `Completed` ends an installation. `Operation` turns `idle` too when somebody's second
  InstallBundle is refused while the first goes on.
* `Completed` carries no id: it counts when it comes from the process that we called, after its reply.
* RAUC may die (no `Completed` ever comes), hang, or end without our hearing of it; all end the wait.
* Nearly all errors have the same D-Bus name, so that only the text tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from jeepney import HeaderFields, Message, MessageType

from hawkbit_rauc.dbus import BUS, Bus, Peer, RefusedError, Stream, plain, sentence, values
from hawkbit_rauc.errors import HawkbitRaucError, InstallationError, RaucBusyError, RaucError
from hawkbit_rauc.links import shown
from hawkbit_rauc.model import BundleFacts, RemoteBundle, Slot, System
from hawkbit_rauc.ports import Progress, Source

NAME = "de.pengutronix.rauc"
RAUC = Peer("RAUC", "rauc.service", NAME, "/", f"{NAME}.Installer")

#: Where RAUC looks for its configuration; the first that is there counts.
SYSTEM_CONF = (
    Path("/etc/rauc/system.conf"),
    Path("/run/rauc/system.conf"),
    Path("/usr/lib/rauc/system.conf"),
)

#: The section [meta.hawkbit-rauc] of a bundle's manifest is for us.
META = "hawkbit-rauc"

#: Seconds for reading and verifying a bundle; the signature of a plain one covers all of its bytes.
INSPECTION = 300.0

_RULES = (
    f"type='signal',sender='{NAME}',path='/'",
    f"type='signal',sender='{BUS.name}',interface='{BUS.interface}',member='NameOwnerChanged',arg0='{NAME}'",
)
#: What RAUC says where the bundle's server can't be reached (any more): its own words, and the kernel's for a
#: read from the stream that failed.
_BROKEN_STREAM = re.compile("Failed to stream bundle|Input/output error", re.IGNORECASE)
_UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
_DBUS_ERROR = "org.freedesktop.DBus.Error."


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


@frozen
class Description:
    """What `hawkbit-rauc check` prints about RAUC.

    Attributes:
        system: slots, primary, compatible, boot loader, witness.
        version: what its interface says of its version, such as "1.13 or later".
        inspects_streams: whether it can be asked to look into a bundle that it would stream (1.9).
    """

    system: System
    version: str
    inspects_streams: bool


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
        self._takes_transaction = True

    async def system(self) -> System:
        """Look at slots, primary and boot state.

        Raises:
            RaucBusyError: if RAUC is installing, when it tells nothing of its slots.
            RaucError: if RAUC can't be asked.
        """
        properties = await self._idle()
        try:
            (found,) = await self._call("GetSlotStatus")
            slots = read_slots(found, str(properties.get("BootSlot", "")))
        except RefusedError as error:
            if error.name != _UNKNOWN_METHOD:
                raise
            slots = ()
        return System(
            slots=slots,
            primary=await self._primary(),
            compatible=str(properties.get("Compatible", "")),
            boot_loader=read_boot_loader(self._system_conf),
            witnessed=None if self._witness is None else await self._witness(),
        )

    async def look_into(self, bundle: Source) -> BundleFacts:
        """Ask what a bundle says of itself.

        Args:
            bundle: where it is; RAUC reads what it has to.

        Returns:
            Nothing where RAUC can't tell: before 1.10, or of a bundle that it does not accept, of which the
            installation will say why.

        Raises:
            RaucBusyError: if RAUC is installing.
            RaucError: if RAUC can't be asked.
        """
        try:
            return read_facts(await self._inspect(bundle))
        except RefusedError:
            return BundleFacts()

    async def refusal(self, bundle: RemoteBundle) -> str | None:
        """Have RAUC look into a bundle that it is to stream; nothing is written.

        Args:
            bundle: where it is.

        Returns:
            Why RAUC can't stream it; None where it can.

        Raises:
            RaucBusyError: if RAUC is installing.
            RaucError: if RAUC can't be asked, or if it does not get at the bundle just now.
        """
        try:
            await self._inspect(bundle)
        except RefusedError as error:
            if error.name == _UNKNOWN_METHOD:
                return "RAUC before 1.9 can't be asked whether it can stream"
            if _BROKEN_STREAM.search(error.text):
                raise RaucError(f"RAUC can't stream: {_reason(error.text, bundle)}") from None
            return f"RAUC can't stream this bundle: {_reason(error.text, bundle)}"
        return None

    async def install(self, bundle: Source, transaction: str, progress: Progress) -> None:
        """Install a bundle; returns when RAUC said `Completed 0`.

        Args:
            bundle: where RAUC finds it.
            transaction: our id for it; RAUC before 1.10 does not take it.
            progress: called with per cent and 100.

        Raises:
            InstallationError: if RAUC refused the bundle or failed to install it.
            RaucBusyError: if it is busy with another installation; nothing was begun.
            RaucError: if RAUC or the bus is not there, went away or hangs, or the stream broke off.
        """
        async with self._bus.listen(*_RULES) as stream:
            await self._idle()
            (owner,) = await self._bus.call(BUS, "GetNameOwner", "s", NAME)
            stream.senders = frozenset((owner, BUS.name))
            # The unique name: another RAUC that is started meanwhile shall not get our call.
            rauc = evolve(RAUC, name=owner)
            installation = _Installation(self._bus, rauc, stream, self._pulse, progress, bundle)
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
            RaucBusyError: if RAUC is installing.
            RaucError: if RAUC can't be asked or could not do it.
        """
        try:
            await self._call("Mark", "ss", state, slot)
        except RefusedError as error:
            raise RaucError(f"RAUC could not mark {slot} {state}: {sentence(error.text)}") from None

    async def describe(self) -> Description:
        """Find out what `hawkbit-rauc check` prints. Raises: as `system`."""
        system = await self.system()
        (xml,) = await self._bus.call(
            evolve(RAUC, interface="org.freedesktop.DBus.Introspectable"), "Introspect"
        )
        return Description(system, read_version(xml), inspects_streams='"InspectBundle"' in xml)

    async def _idle(self) -> dict[str, Any]:
        properties = await self._bus.get_all(RAUC)
        if properties.get("Operation") == "installing":
            raise RaucBusyError("RAUC is busy with an installation")
        return properties

    async def _primary(self) -> str | None:
        """Name the primary slot; with GRUB there is none until the booted slot is marked good."""
        try:
            (name,) = await self._call("GetPrimary")
        except RefusedError:
            return None
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
            if _busy(error):
                raise RaucBusyError("RAUC is busy with an installation") from None
            raise


class _Installation:
    """One InstallBundle at one RAUC process, until it ends in whatever way."""

    def __init__(
        self, bus: Bus, rauc: Peer, stream: Stream, pulse: Pulse, progress: Progress, bundle: Source
    ) -> None:
        self._bus = bus
        self._rauc = rauc
        self._stream = stream
        self._pulse = pulse
        self._progress = progress
        self._percent = -1
        self._last_error = ""
        self._bundle = bundle
        self._begun = False

    async def run(self, options: Mapping[str, tuple[str, Any]]) -> bool:
        """Install and wait; False if RAUC does not know one of the options and nothing was begun."""
        place, access = access_to(self._bundle)
        serial = await self._stream.send(self._rauc, "InstallBundle", "sa{sv}", place, {**access, **options})
        misses = 0
        while True:
            message = await self._stream.get(self._pulse.every)
            if message is None:
                misses = 0 if await self._alive() else misses + 1
                if misses >= self._pulse.misses:
                    raise RaucError("RAUC does not answer any more: see systemctl status rauc.service")
                continue
            if message.header.message_type is not MessageType.signal:
                if message.header.fields.get(HeaderFields.reply_serial) == serial:
                    if not self._accepted(message):
                        return False
                    self._begun = True
                continue
            misses = 0
            if await self._completed(message):
                return True

    def _accepted(self, reply: Message) -> bool:
        try:
            values(self._rauc, reply)
        except RefusedError as error:
            if error.text.startswith("Unsupported key"):
                return False
            if _busy(error):
                raise RaucBusyError("RAUC is busy with another installation") from None
            if error.name.startswith(
                _DBUS_ERROR
            ):  # not from RAUC's own code: nothing is wrong with the bundle
                raise
            raise self._failure(error.text) from None
        return True

    async def _completed(self, signal: Message) -> bool:
        """Take in one signal; True if it says that the bundle was installed."""
        member = signal.header.fields.get(HeaderFields.member)
        if member == "NameOwnerChanged" and signal.body[1] == self._rauc.name:
            raise RaucError("RAUC went away during the installation: see journalctl -u rauc.service")
        if not self._begun:  # it belongs to the installation before
            return False
        if member == "PropertiesChanged":
            self._changed(plain(signal.body[1]))
        elif member == "Completed":
            if signal.body[0] == 0:
                return True
            text = self._last_error or await self._bus.get(self._rauc, "LastError")
            raise self._failure(str(text))
        return False

    def _failure(self, text: str) -> HawkbitRaucError:
        """Say in an error of ours why RAUC did not install; a stream that broke off may hold the next time."""
        if not isinstance(self._bundle, RemoteBundle):
            return InstallationError(sentence(text) or "RAUC failed to install the bundle without saying why")
        if _BROKEN_STREAM.search(text):
            return RaucError(f"the stream broke off: {_reason(text, self._bundle)}")
        return InstallationError(_reason(text, self._bundle))

    def _changed(self, properties: Mapping[str, Any]) -> None:
        self._last_error = str(properties.get("LastError", self._last_error))
        percent, text, _ = properties.get("Progress", (-1, "", 0))
        # Steps of an adaptive fallback go back, and a failure reads "100 %, Installing failed."
        if percent > self._percent and not text.endswith("failed."):
            self._percent = percent
            self._progress(percent, 100)

    async def _alive(self) -> bool:
        """Ask a silent RAUC for a sign of life.

        Raises:
            RaucError: if it lives and installs nothing, so that no `Completed` is to be waited for.
        """
        try:
            operation = await self._bus.get(self._rauc, "Operation", within=self._pulse.timeout)
            if not self._begun or operation == "installing":
                return True
            # `idle` may be said because of somebody's refused call; only a busy RAUC refuses this one.
            await self._bus.call(self._rauc, "GetPrimary", within=self._pulse.timeout)
        except RefusedError as error:
            if _busy(error):
                return True
        except RaucError:
            return False
        if not self._stream.empty:  # what came before the answer may be the `Completed`
            return True
        raise RaucError("RAUC ended the installation without saying how: its slots will tell")


# ---------------------------------------------------------------- what RAUC's answers mean; pure


def _busy(error: RefusedError) -> bool:
    return "already processing a different method" in error.text.lower()  # InstallBundle's begins with "A"


def _reason(text: str, bundle: RemoteBundle) -> str:
    """Make a sentence of an error text, which may repeat the URL with its query."""
    return sentence(text.replace(bundle.url, shown(bundle.url))) or "it does not say why"


def access_to(bundle: Source) -> tuple[str, dict[str, tuple[str, Any]]]:
    """Translate a bundle into what InstallBundle and InspectBundle take (RAUC >= 1.7).

    Returns:
        Path or URL, and the options for access to it as an `a{sv}`.
    """
    if not isinstance(bundle, RemoteBundle):
        return str(bundle), {}
    texts = {"tls-cert": bundle.certificate, "tls-key": bundle.key, "tls-ca": bundle.authorities}
    options: dict[str, tuple[str, Any]] = {key: ("s", text) for key, text in texts.items() if text}
    if not bundle.verify:
        options["tls-no-verify"] = ("b", True)
    if bundle.headers:
        options["http-headers"] = ("as", list(bundle.headers))
    return bundle.url, options


def read_slots(found: Iterable[tuple[str, Mapping[str, Any]]], boot_slot: str) -> tuple[Slot, ...]:
    """Translate GetSlotStatus.

    Args:
        found: its `a(sa{sv})`.
        boot_slot: property BootSlot, which names the booted slot by bootname, name or device where no
            slot says of itself that it is booted.
    """
    slots = tuple(_slot(str(name), plain(status)) for name, status in found)
    if any(slot.state == "booted" for slot in slots):
        return slots
    return tuple(
        evolve(slot, state="booted")
        if boot_slot and boot_slot in (slot.bootname, slot.name, slot.device)
        else slot
        for slot in slots
    )


def _slot(name: str, status: Mapping[str, Any]) -> Slot:
    def text(key: str) -> str | None:
        value = status.get(key)
        return value if isinstance(value, str) and value else None

    def count(key: str) -> int:
        value = status.get(key)
        return value if isinstance(value, int) and value > 0 else 0

    return Slot(
        name=name,
        bootname=text("bootname"),
        device=text("device"),
        parent=text("parent"),
        state=text("state") or "inactive",
        boot_status=text("boot-status"),
        status=text("status"),
        sha256=text("sha256"),
        bundle_hash=text("bundle.hash"),
        bundle_version=text("bundle.version"),
        transaction=text("installed.transaction"),
        installed_count=count("installed.count"),
        activated_count=count("activated.count"),
        installed_at=text("installed.timestamp"),
        activated_at=text("activated.timestamp"),
    )


def read_facts(found: Mapping[str, Any]) -> BundleFacts:
    """Translate the answer of InspectBundle (RAUC >= 1.10)."""
    answer = plain(dict(found))
    value = answer.get("manifest-hash")
    manifest_hash = value if isinstance(value, str) and value else None
    meta = answer.get("meta")
    own = meta.get(META) if isinstance(meta, dict) else None
    word = own.get("reboot") if isinstance(own, dict) else None
    return BundleFacts(manifest_hash, {"yes": True, "no": False}.get(str(word)))


def read_version(xml: str) -> str:
    """Say what the introspected interface tells of RAUC's version; it has no property for that."""
    for mark, version in (
        ('"GetArtifactStatus"', "1.13 or later"),
        ('"InspectBundle"', "1.9 to 1.12"),
        ('"InstallBundle"', "1.3 to 1.8"),
    ):
        if mark in xml:
            return version
    return "before 1.3"


def read_boot_loader(files: Iterable[Path]) -> str | None:
    """Read which boot loader RAUC is configured for; None where the file can't be read or does not say."""
    for file in files:
        try:
            lines = file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            continue
        except OSError:
            return None
        section = ""
        for line in (line.strip() for line in lines):
            if line.startswith("["):
                section = line
            key, equals, value = line.partition("=")
            if section == "[system]" and equals and key.rstrip() == "bootloader":
                return value.strip() or None
        return None
    return None
