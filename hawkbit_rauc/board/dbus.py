# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus: calls with a deadline, signals that are never dropped, a name of one's own, a bus that may die.

A connection of jeepney's with a receive loop of our own: jeepney's router has no timeouts, drops
signals when its queue is full, and leaves those who wait for signals asleep when the bus goes away.
Everything that waits here is woken by the bus's death; the next use connects again.

The bus is the system bus, or the session bus if DBUS_STARTER_BUS_TYPE says so, as RAUC has it;
jeepney knows `unix:` addresses only.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from attrs import evolve, frozen
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageFlag,
    MessageType,
    new_method_call,
    new_signal,
)
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus import get_bus
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusConnection

from hawkbit_rauc.errors import BusError, RefusedError

#: Seconds for a call that has no deadline of its own; libdbus's and GDBus's default.
TIMEOUT = 25.0

#: RequestName's flag for "now or never", and its answers "now ours" and "ours already" (D-Bus specification).
_DO_NOT_QUEUE, _IS_OURS = 4, (1, 4)

#: How the names of errors begin that the bus itself, or a library, answers with.
BUS_ERROR = "org.freedesktop.DBus.Error."
#: What follows from an error of the bus itself, by how its name goes on.
_NOT_THERE = ("ServiceUnknown", "NameHasNoOwner", "Spawn.", "TimedOut")
_WENT_AWAY = ("NoReply", "Disconnected")
_NOT_ALLOWED = ("AccessDenied", "AuthFailed", "InteractiveAuthorizationRequired")


@frozen
class Peer:
    """Somebody on the bus whom we call.

    Attributes:
        title: how people call it.
        unit: systemd's unit that runs it.
        name: bus name; a well-known one that is not running is started by the bus.
        path: object path.
        interface: interface of the methods and properties.
    """

    title: str
    unit: str
    name: str
    path: str
    interface: str


BUS = Peer(
    "the D-Bus", "dbus.service", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
)


def untyped(value: Any) -> Any:
    """Take the types off the variants of an `a{sv}`, however deeply they are nested.

    jeepney gives a variant as a pair of its signature and its value.
    """
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):  # noqa: PLR2004
        return untyped(value[1])
    if isinstance(value, dict):
        return {key: untyped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [untyped(inner) for inner in value]
    return value


def one_line(text: str, limit: int = 500) -> str:
    """Make one printable line of an error text, without query strings of links, which may be signatures."""
    words = "".join(character if character.isprintable() else " " for character in text).split()
    line = re.sub(r"(\w+://[^\s?]+)\?[^\s'\"]*", r"\1", " ".join(words))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def bus_address(environment: Mapping[str, str] = os.environ) -> str:
    """Name the bus that RAUC is on: `SYSTEM` or `SESSION`, which jeepney looks up in the environment."""
    return "SESSION" if environment.get("DBUS_STARTER_BUS_TYPE") == "session" else "SYSTEM"


class Inbox:
    """What the bus brings, in the order in which it came: signals, and replies to `send`.

    One queue for both: only the order tells whether a signal came before or after the reply to a call.

    Attributes:
        senders: unique names whose signals are taken from now on, None for all.
    """

    def __init__(self, connection: _Connection) -> None:
        self.senders: frozenset[str] | None = None
        self._connection = connection
        self._messages: asyncio.Queue[Message | BusError] = asyncio.Queue()

    def hear(self, signal: Message) -> None:
        """Add a signal if its sender is wanted: the rules of other inboxes may have brought it."""
        if self.senders is None or signal.header.fields.get(HeaderFields.sender) in self.senders:
            self.put(signal)

    def put(self, item: Message | BusError) -> None:
        """Add what came; the queue has no limit."""
        self._messages.put_nowait(item)

    @property
    def empty(self) -> bool:
        """Whether everything that came was taken."""
        return self._messages.empty()

    async def get(self, within: float) -> Message | None:
        """Take the next message; None if none came within so many seconds.

        Raises:
            BusError: if the bus went away.
        """
        try:
            async with asyncio.timeout(within):
                item = await self._messages.get()
        except TimeoutError:
            return None
        if isinstance(item, BusError):
            self.put(item)  # whoever asks again gets the same answer
            raise item
        return item

    async def send(self, peer: Peer, method: str, signature: str, *arguments: Any) -> int:
        """Call a method whose reply comes into this inbox.

        Returns:
            The serial by which the reply can be told.

        Raises:
            BusError: if the bus went away.
        """
        serial = self._connection.serial()
        self._connection.replies[serial] = self.put  # before it is sent: the reply may be quick
        await self._connection.send(_call(peer, method, signature, arguments), serial)
        return serial


class Bus:
    """The bus; connects when it is needed and again after it died.

    Args:
        address: D-Bus address, or `SYSTEM` or `SESSION`; None for the bus that RAUC is on.
        timeout: seconds for a call.
    """

    def __init__(self, address: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self._address = address
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()

    async def call(
        self,
        peer: Peer,
        method: str,
        signature: str = "",
        *arguments: Any,
        within: float | None = None,
        start: bool = True,
    ) -> tuple[Any, ...]:
        """Call a method and wait for its reply.

        Args:
            peer: whom to call.
            method: name of the method.
            signature: D-Bus signature of the arguments.
            arguments: as jeepney wants them; a variant is a pair of signature and value.
            within: seconds, None for the default.
            start: whether the bus may start the peer's service for this call.

        Returns:
            The values of the reply.

        Raises:
            RefusedError: if the peer answered with an error of its own.
            BusError: if the bus or the peer is not there, went away, or does not answer in time.
        """
        connection = await self._open()
        serial = connection.serial()
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def settle(item: Message | BusError) -> None:
            if reply.done():
                return
            if isinstance(item, BusError):
                reply.set_exception(item)
            else:
                reply.set_result(item)

        connection.replies[serial] = settle
        seconds = self.timeout if within is None else within
        try:
            async with asyncio.timeout(seconds):
                await connection.send(_call(peer, method, signature, arguments, start=start), serial)
                answer = await reply
        except TimeoutError:
            raise BusError(
                f"{peer.title} does not answer ({method}, {seconds:g} s): see systemctl status {peer.unit}"
            ) from None
        finally:
            connection.replies.pop(serial, None)
        return values_of(peer, answer)

    async def get(self, peer: Peer, name: str, *, within: float | None = None, start: bool = True) -> Any:
        """Read a property of a peer, without its type. Raises: as `call`."""
        of = evolve(peer, interface="org.freedesktop.DBus.Properties")
        (value,) = await self.call(of, "Get", "ss", peer.interface, name, within=within, start=start)
        return untyped(value)

    async def get_all(self, peer: Peer) -> dict[str, Any]:
        """Read all properties of a peer, without their types. Raises: as `call`."""
        of = evolve(peer, interface="org.freedesktop.DBus.Properties")
        (found,) = await self.call(of, "GetAll", "s", peer.interface)
        return {str(name): untyped(value) for name, value in found.items()}

    @asynccontextmanager
    async def listen(self, *rules: str) -> AsyncIterator[Inbox]:
        """Subscribe to signals; what is sent after this was entered comes into the inbox.

        Args:
            rules: match rules in the D-Bus specification's text form. Signals that match the rules of
                other inboxes come as well.

        Raises:
            BusError: if the bus is not there.
        """
        connection = await self._open()
        inbox = Inbox(connection)
        connection.inboxes.add(inbox)
        try:
            for rule in rules:
                await self.call(BUS, "AddMatch", "s", rule)
            yield inbox
        finally:
            connection.inboxes.discard(inbox)
            with suppress(BusError):  # a bus that is gone has forgotten the rules
                for rule in rules:
                    message = _call(BUS, "RemoveMatch", "s", (rule,))
                    message.header.flags = (
                        MessageFlag.no_reply_expected
                    )  # nobody waits while the end is cancelled
                    await connection.send(message, connection.serial())

    async def own(self, name: str, reply: Callable[[Message], Awaitable[Message]]) -> None:
        """Own a name and answer those who call it, until the bus goes away.

        Args:
            name: the well-known name.
            reply: makes the answer to a call.

        Raises:
            BusError: the bus is not there, went away, or lets somebody else have the name.
        """
        connection = await self._open()
        connection.reply = reply
        try:
            (owner,) = await self.call(BUS, "RequestName", "su", name, _DO_NOT_QUEUE)
            if owner not in _IS_OURS:
                raise BusError(f"the bus name {name} belongs to another program")
            await connection.ended.wait()
            raise BusError(str(connection.lost))
        finally:
            connection.reply = None

    async def emit(self, path: str, interface: str, signal: str, signature: str, *arguments: Any) -> None:
        """Send a signal to whoever listens.

        Raises:
            BusError: the bus is not there.
        """
        connection = await self._open()
        message = new_signal(DBusAddress(path, interface=interface), signal, signature, arguments)
        await connection.send(message, connection.serial())

    async def close(self) -> None:
        """Leave the bus; those who still wait get a BusError."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> _Connection:
        async with self._opening:
            if self._connection is not None and self._connection.lost is None:
                return self._connection
            await self.close()
            address = self._address or bus_address()
            try:
                async with asyncio.timeout(self.timeout):
                    opened = await _connect(address)
            # Whatever jeepney raises for an address or an authentication that does not work.
            except (OSError, EOFError, ValueError, RuntimeError, LookupError) as error:
                which = {"SYSTEM": "system bus", "SESSION": "session bus"}.get(address, f"bus {address}")
                reason = str(error) or type(error).__name__
                raise BusError(f"the {which} is not reachable ({reason}): start {BUS.unit}") from None
            self._connection = _Connection(opened)
            return self._connection


async def _some(reader: asyncio.StreamReader) -> bytes:
    if data := await reader.read(1024):
        return data
    raise EOFError("it hung up during the authentication")


async def _connect(address: str) -> DBusConnection:
    """Connect, authenticate and say hello (D-Bus specification).

    jeepney's `open_dbus_connection` does the same by its router, whose own end swallows whatever cancels the caller
    meanwhile: a TERM in the first moments was lost.
    """
    reader, writer = await asyncio.open_unix_connection(get_bus(address))
    try:
        authenticator = Authenticator()
        for line in authenticator:
            writer.write(line)
            await writer.drain()
            authenticator.feed(await _some(reader))
        writer.write(BEGIN)
        connection = DBusConnection(reader, writer)
        await connection.send(message_bus.Hello())
        reply = await connection.receive()
        while reply.header.message_type is MessageType.signal:  # NameAcquired may come first
            reply = await connection.receive()
        values_of(BUS, reply)
    except BaseException:
        writer.close()
        raise
    return connection


def values_of(peer: Peer, reply: Message) -> tuple[Any, ...]:
    """Return what a reply brings.

    Raises:
        RefusedError, BusError: if it is an error.
    """
    if reply.header.message_type is not MessageType.error:
        return tuple(reply.body)
    name = str(reply.header.fields.get(HeaderFields.error_name, ""))
    text = str(reply.body[0]) if reply.body else name
    if name.startswith(BUS_ERROR):
        kind = name.removeprefix(BUS_ERROR)
        if kind.startswith(_NOT_THERE):
            raise BusError(f"{peer.title} is not on the bus ({one_line(text)}): start {peer.unit}")
        if kind.startswith(_WENT_AWAY):
            raise BusError(f"{peer.title} went away before it answered: see journalctl -u {peer.unit}")
        if kind.startswith(_NOT_ALLOWED):
            raise BusError(
                f"{peer.title} may not be called ({one_line(text)}): allow it in the D-Bus or polkit policy"
            )
    raise RefusedError(f"{peer.title} refused: {one_line(text)}", name, text)


def _call(
    peer: Peer, method: str, signature: str, arguments: tuple[Any, ...], *, start: bool = True
) -> Message:
    address = DBusAddress(peer.path, peer.name, peer.interface)
    message = new_method_call(address, method, signature or None, arguments)
    if not start:
        message.header.flags = MessageFlag.no_auto_start
    return message


class _Connection:
    """One connection with its receive loop, until it is lost."""

    def __init__(self, connection: DBusConnection) -> None:
        self.replies: dict[int, Callable[[Message | BusError], None]] = {}
        self.inboxes: set[Inbox] = set()
        self.lost: BusError | None = None
        self.ended = asyncio.Event()
        self.reply: Callable[[Message], Awaitable[Message]] | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._jeepney = connection
        self._task = asyncio.create_task(self._receive())

    def serial(self) -> int:
        return int(next(self._jeepney.outgoing_serial))

    async def send(self, message: Message, serial: int) -> None:
        if self.lost is not None:
            raise self.lost
        try:
            await self._jeepney.send(message, serial=serial)
        except OSError as error:
            self._lose(error)
            raise BusError(str(self.lost)) from None

    async def close(self) -> None:
        self._task.cancel()
        try:
            await asyncio.wait({self._task})  # awaiting it would take our own cancellation for its
        finally:
            with suppress(OSError):
                await self._jeepney.close()

    async def _receive(self) -> None:
        try:
            while True:
                self._deliver(await self._jeepney.receive())
        except asyncio.CancelledError:
            self._lose(EOFError("closed"))
            raise
        except Exception as error:  # noqa: BLE001  whatever a bus may send: it is of no more use
            self._lose(error)

    def _deliver(self, message: Message) -> None:
        if message.header.message_type is MessageType.signal:
            # What is sent to us alone is the bus's NameAcquired, which nobody waits for.
            if HeaderFields.destination not in message.header.fields:
                for inbox in self.inboxes:
                    inbox.hear(message)
            return
        if message.header.message_type is MessageType.method_call:
            if self.reply is not None:
                task = asyncio.create_task(self._answer(self.reply, message))
                self._answers.add(task)  # asyncio itself keeps no task alive
                task.add_done_callback(self._answers.discard)
            return
        serial = message.header.fields.get(HeaderFields.reply_serial, -1)
        if settle := self.replies.pop(serial, None):
            settle(message)

    async def _answer(self, reply: Callable[[Message], Awaitable[Message]], call: Message) -> None:
        answer = await reply(call)
        if not call.header.flags & MessageFlag.no_reply_expected:
            with suppress(BusError):
                await self.send(answer, self.serial())

    def _lose(self, error: Exception) -> None:
        if self.lost is None:
            reason = str(error) or type(error).__name__
            self.lost = BusError(f"the D-Bus connection was lost ({reason}): see systemctl status {BUS.unit}")
            for settle in self.replies.values():
                settle(self.lost)
            for inbox in self.inboxes:
                inbox.put(self.lost)
            self.replies.clear()
            self.ended.set()
