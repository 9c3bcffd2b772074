# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody on the bus who answers as a test says, for what no real service does on demand."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    MessageFlag,
    MessageType,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from jeepney.low_level import Message
from rig.bus import Bus


class Error(NamedTuple):
    """An error with a name of its own; a plain text is an error with the name that RAUC's own have."""

    name: str
    text: str


#: Signature and values of a reply, an error, or None for no reply at all.
Answer = tuple[str, tuple[Any, ...]] | Error | str | None


class StandIn:
    """Owns a bus name and answers its methods.

    Args:
        bus: the running bus.
        name: the name to own.
        answers: by method, what to answer to its arguments; other methods are unknown.
    """

    def __init__(self, bus: Bus, name: str, answers: Mapping[str, Callable[..., Answer]]) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.called = threading.Event()
        self.flags: list[int] = []
        self._after: list[Callable[[], None]] = []
        self._bus = bus
        self._name = name
        self._answers = answers

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._bus.address)
        Proxy(message_bus, self._connection).RequestName(self._name)
        self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._connection.sock.shutdown(2)  # wakes the thread
        self._thread.join(5)
        self._connection.close()

    def signal(self, path: str, interface: str, member: str, signature: str, *values: Any) -> None:
        """Send a signal; from within an answer it goes out before the reply."""
        self._connection.send(new_signal(DBusAddress(path, None, interface), member, signature, values))

    def then(self, act: Callable[[], None]) -> None:
        """Have something done after the reply that is being made."""
        self._after.append(act)

    def _serve(self) -> None:
        with suppress(OSError, EOFError):  # the bus went away, or we were told to end
            while True:
                call = self._connection.receive()
                if call.header.message_type is MessageType.method_call:
                    reply = self._reply(call)
                    if reply is not None and not call.header.flags & MessageFlag.no_reply_expected:
                        self._connection.send(reply)
                    while self._after:
                        self._after.pop(0)()

    def _reply(self, call: Message) -> Message | None:
        method = call.header.fields[HeaderFields.member]
        self.calls.append((method, tuple(call.body)))
        self.flags.append(call.header.flags)
        self.called.set()
        if method not in self._answers:
            return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", (f"no {method} here",))
        answer = self._answers[method](*call.body)
        if answer is None:
            return None
        if isinstance(answer, str):
            answer = Error("org.gtk.GDBus.UnmappedGError.Quark._test.Code30", answer)
        if isinstance(answer, Error):
            return new_error(call, answer.name, "s", (answer.text,))
        return new_method_return(call, answer[0] or None, answer[1])
