# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private D-Bus system bus."""

import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jeepney import DBusAddress, MessageType, Properties, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.low_level import Message

from rig.cache import remove
from rig.process import Process, need

CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class BusError(RuntimeError):
    """An error that came back from a call on the bus."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Bus:
    """A D-Bus daemon of type system that anyone may use; `address` belongs in DBUS_SYSTEM_BUS_ADDRESS."""

    def __init__(self, folder: Path) -> None:
        need("dbus-daemon")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        # A socket's path has room for 108 bytes: pytest's folders are longer.
        self._socket_folder = Path(tempfile.mkdtemp(prefix="bus-"))
        self.address = f"unix:path={self._socket_folder}/socket"
        self._lock = threading.Lock()
        self._connection: DBusConnection | None = None
        self._daemon: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        remove(self._socket_folder)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to use this bus."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def start(self) -> None:
        """Start the daemon."""
        configuration = self.folder / "bus.conf"
        configuration.write_text(CONFIGURATION.format(address=self.address))
        command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"]
        self._daemon = Process(command, self.folder / "bus.log")
        self._daemon.ready(self._listens, "the bus")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket_folder / "socket")) == 0

    def forget(self) -> None:
        """Close our own connection; the next call makes a new one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def kill(self) -> None:
        """Kill the daemon: everyone on the bus loses the connection."""
        self.forget()
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon = None
        (self._socket_folder / "socket").unlink(missing_ok=True)

    def restart(self) -> None:
        """Kill the daemon and start a new one at the same address; RAUC must be started again, too."""
        self.kill()
        self.start()

    def call(
        self, address: DBusAddress, method: str, signature: str = "", *arguments: Any
    ) -> tuple[Any, ...]:
        """Call a method with a deadline of 30 seconds and return the values it returns.

        Raises:
            BusError: if it returns an error.
        """
        return self._send(new_method_call(address, method, signature or None, arguments))

    def property(self, address: DBusAddress, name: str) -> Any:
        """Return the value of a property, without its type."""
        return self._send(Properties(address).get(name))[0][1]

    def has_owner(self, name: str) -> bool:
        """Say whether somebody owns a name."""
        bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        return bool(self.call(bus, "NameHasOwner", "s", name)[0])

    def _send(self, message: Message) -> tuple[Any, ...]:
        with self._lock:
            if self._connection is None:
                self._connection = open_dbus_connection(self.address)
            reply = self._connection.send_and_get_reply(message, timeout=30)
        if reply.header.message_type is MessageType.error:
            name = reply.header.fields.get(4)  # the error's name
            raise BusError(str(name), str(reply.body[0]) if reply.body else "")
        return tuple(reply.body)
