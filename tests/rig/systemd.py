# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for systemd on a private bus: it says which units are active."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from jeepney import HeaderFields, MessageFlag, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from jeepney.low_level import Message

from rig.bus import Bus

UNITS = "/org/freedesktop/systemd1/unit/"


class Systemd:
    """Owns org.freedesktop.systemd1 and answers LoadUnit and the units' properties.

    Attributes:
        active: names of the units that are active; may be changed at any time.
    """

    def __init__(self, bus: Bus) -> None:
        self.active: set[str] = set()
        self._bus = bus

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._bus.address)
        Proxy(message_bus, self._connection).RequestName("org.freedesktop.systemd1")
        self._thread = threading.Thread(target=self._answer, name="systemd1", daemon=True)
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
        if method == "LoadUnit":
            return new_method_return(call, "o", (UNITS + call.body[0].encode().hex(),))
        unit = bytes.fromhex(call.header.fields[HeaderFields.path].removeprefix(UNITS)).decode()
        state = "active" if unit in self.active else "inactive"
        if method == "Get" and call.body[1] == "ActiveState":
            return new_method_return(call, "v", (("s", state),))
        if method == "GetAll":  # a service that has not run in this boot
            facts = {"Type": ("s", "oneshot"), "Result": ("s", "success"), "ExecMainExitTimestamp": ("t", 0)}
            return new_method_return(call, "a{sv}", (facts,))
        return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod", "s", (f"no {method} here",))
