# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for logind on a private bus: it writes down that a reboot was asked for."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from jeepney import HeaderFields, MessageFlag, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from jeepney.low_level import Message

from rig.bus import Bus


class Login:
    """Owns org.freedesktop.login1 and answers Reboot, PowerOff and their like, without doing any of it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.asked = threading.Event()
        self.calls: list[str] = []
        self.refuse = False

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._bus.address)
        Proxy(message_bus, self._connection).RequestName("org.freedesktop.login1")
        self._thread = threading.Thread(target=self._answer, name="login1", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._connection.sock.shutdown(2)  # wakes the thread
        self._thread.join(5)
        self._connection.close()

    def _answer(self) -> None:
        with suppress(OSError, EOFError):  # the bus went away, or we were told to end
            while True:
                call = self._connection.receive()
                if call.header.message_type is MessageType.method_call:
                    answer = self._reply(call)
                    if not call.header.flags & MessageFlag.no_reply_expected:
                        self._connection.send(answer)

    def _reply(self, call: Message) -> Message:
        method = call.header.fields[HeaderFields.member]
        if method.startswith("Can"):
            return new_method_return(call, "s", ("no" if self.refuse else "yes",))
        if not method.startswith("Reboot"):
            return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", (f"no {method} here",))
        if self.refuse:
            return new_error(call, "org.freedesktop.DBus.Error.AccessDenied", "s", ("Permission denied",))
        self.calls.append(method)
        self.asked.set()
        return new_method_return(call)
