# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon on the D-Bus: what it does, and what may be asked of it (docs/operate.md).

Both ends are here: `Control` answers within the daemon, `Remote` asks from a command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from jeepney import HeaderFields, Message, new_error, new_method_return

from hawkbit_rauc.board.dbus import Bus, Peer
from hawkbit_rauc.errors import BusError, HawkbitRaucError, NothingWaitsError, RefusedError
from hawkbit_rauc.model import Status

log = logging.getLogger(__name__)

NAME, PATH, INTERFACE = "org.hawkbit_rauc", "/org/hawkbit_rauc", "org.hawkbit_rauc.Client1"
CLIENT = Peer("hawkbit-rauc", "hawkbit-rauc.service", NAME, PATH, INTERFACE)

#: Seconds until a bus that is not there, or a name that somebody else has, is tried again.
RETRY = 60.0

NOTHING_WAITS = f"{NAME}.Error.NothingWaits"
_DBUS = "org.freedesktop.DBus"

#: The properties: signature, and the value's place in a Status.
PROPERTIES: dict[str, tuple[str, Callable[[Status], Any]]] = {
    "State": ("s", lambda status: status.state),
    "Action": ("s", lambda status: status.action),
    "Progress": ("i", lambda status: status.progress),
    "Reason": ("s", lambda status: status.reason),
    "NextPoll": ("t", lambda status: int(status.next_poll * 1e6)),
    "LastAction": ("s", lambda status: status.last_action),
    "LastOutcome": ("s", lambda status: status.last_outcome),
    "LastReason": ("s", lambda status: status.last_reason),
}

#: Seconds that the daemon may take to answer `Confirm` and `Deny`: it tells hawkBit first, which takes up to
#: `timeout` for a request.
ANSWER_WITHIN = 150.0

_ANSWER = """
    <method name="{name}">
      <arg name="action" type="s" direction="in"/>
      <arg name="message" type="s" direction="in"/>
      <arg name="answered" type="s" direction="out"/>
    </method>"""
_ANSWERS = "".join(_ANSWER.format(name=name) for name in ("Confirm", "Deny"))
_PROPERTIES = "\n".join(
    f'    <property name="{name}" type="{signature}" access="read"/>'
    for name, (signature, _value) in PROPERTIES.items()
)
INTROSPECTION = f"""\
<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
  <interface name="{INTERFACE}">
    <method name="Poll"/>{_ANSWERS}
{_PROPERTIES}
  </interface>
  <interface name="{_DBUS}.Properties">
    <method name="Get">
      <arg name="interface" type="s" direction="in"/>
      <arg name="name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface" type="s" direction="in"/>
      <arg name="values" type="a{{sv}}" direction="out"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface" type="s"/>
      <arg name="changed" type="a{{sv}}"/>
      <arg name="invalidated" type="as"/>
    </signal>
  </interface>
  <interface name="{_DBUS}.Introspectable">
    <method name="Introspect">
      <arg name="xml" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="{_DBUS}.Peer">
    <method name="Ping"/>
  </interface>
</node>
"""


class Controlled(Protocol):
    """What the daemon lets others do."""

    def status(self) -> Status:
        """Return what it does."""

    def poll_now(self) -> None:
        """Cut the current pause short."""

    async def answer(self, action: str | None, *, given: bool, message: str = "") -> str:
        """Give consent to the action that waits for it, or refuse it; return its id."""


_Act = Callable[..., Awaitable[tuple[Any, ...]]]


class Control:
    """The daemon as others on the bus see it.

    Args:
        bus: a connection of its own, so that whoever asks is answered while RAUC's is busy.
        daemon: who is asked.
        sleep: waits for seconds.
    """

    def __init__(self, bus: Bus, daemon: Controlled, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._bus = bus
        self._daemon = daemon
        self._sleep = sleep
        self._told: dict[str, tuple[str, Any]] | None = None
        self._telling: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer until cancelled; a bus that is not there is tried again, and stops nothing."""
        warned = ""
        while True:
            self._told = self._values()
            try:
                await self._bus.own(NAME, self._reply)
            except BusError as error:
                if str(error) != warned:
                    warned = str(error)
                    log.info("nobody can control this program on the bus: %s", error)
            self._told = None
            await self._sleep(RETRY)

    def changed(self) -> None:
        """Tell those who listen what is different now; changes that come together are told together."""
        if self._told is not None and (self._telling is None or self._telling.done()):
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        told = self._told or {}
        values = self._values()
        self._told = values
        different = {name: value for name, value in values.items() if told.get(name) != value}
        if not different:
            return
        try:
            await self._bus.emit(
                PATH, f"{_DBUS}.Properties", "PropertiesChanged", "sa{sv}as", INTERFACE, different, []
            )
        except BusError as error:
            log.debug("nobody was told on the bus: %s", error)

    def _values(self) -> dict[str, tuple[str, Any]]:
        status = self._daemon.status()
        return {name: (signature, value(status)) for name, (signature, value) in PROPERTIES.items()}

    async def _reply(self, call: Message) -> Message:
        fields = call.header.fields
        member = fields.get(HeaderFields.member, "")
        known = self._methods().get((fields.get(HeaderFields.interface, INTERFACE), member))
        if known is None:
            return _error(call, f"{_DBUS}.Error.UnknownMethod", f"there is no method {member}")
        taken, given, act = known
        if fields.get(HeaderFields.signature, "") != taken:
            return _error(call, f"{_DBUS}.Error.InvalidArgs", f"{member} takes arguments of type {taken!r}")
        try:
            values = await act(*call.body)
        except KeyError as error:
            return _error(call, f"{_DBUS}.Error.UnknownProperty", f"there is no property {error}")
        except NothingWaitsError as error:
            return _error(call, NOTHING_WAITS, str(error))
        except HawkbitRaucError as error:
            return _error(call, f"{NAME}.Error.Failed", str(error))
        return new_method_return(call, given or None, values)

    def _methods(self) -> dict[tuple[str, str], tuple[str, str, _Act]]:
        """All methods by interface and name: what they take, what they give, what they do."""
        return {
            (INTERFACE, "Poll"): ("", "", self._poll),
            (INTERFACE, "Confirm"): ("ss", "s", partial(self._consent, given=True)),
            (INTERFACE, "Deny"): ("ss", "s", partial(self._consent, given=False)),
            (f"{_DBUS}.Properties", "Get"): ("ss", "v", self._get),
            (f"{_DBUS}.Properties", "GetAll"): ("s", "a{sv}", self._get_all),
            (f"{_DBUS}.Introspectable", "Introspect"): ("", "s", self._introspect),
            (f"{_DBUS}.Peer", "Ping"): ("", "", self._ping),
        }

    async def _poll(self) -> tuple[Any, ...]:
        self._daemon.poll_now()
        return ()

    async def _consent(self, action: str, message: str, *, given: bool) -> tuple[Any, ...]:
        return (await self._daemon.answer(action or None, given=given, message=message),)

    async def _get(self, _interface: str, name: str) -> tuple[Any, ...]:
        return (self._values()[name],)

    async def _get_all(self, _interface: str) -> tuple[Any, ...]:
        return (self._values(),)

    async def _introspect(self) -> tuple[Any, ...]:
        return (INTROSPECTION,)

    async def _ping(self) -> tuple[Any, ...]:
        return ()


def _error(call: Message, name: str, text: str) -> Message:
    return new_error(call, name, "s", (text,))


class Remote:
    """The daemon, asked from another process."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def status(self) -> Status:
        """Return what the daemon does. Raises: BusError if it is not there."""
        found = await self._bus.get_all(CLIENT)
        return Status(
            state=found["State"],
            action=found["Action"],
            progress=found["Progress"],
            reason=found["Reason"],
            next_poll=found["NextPoll"] / 1e6,
            last_action=found["LastAction"],
            last_outcome=found["LastOutcome"],
            last_reason=found["LastReason"],
        )

    async def poll(self) -> None:
        """Have the server asked now. Raises: BusError if the daemon is not there."""
        await self._bus.call(CLIENT, "Poll")

    async def answer(self, action: str | None, *, given: bool, message: str) -> str:
        """Give consent to the action that waits for it, or refuse it.

        Returns:
            The action's id.

        Raises:
            NothingWaitsError: nothing waits, or another action.
            BusError: the daemon is not there, or could not do it.
        """
        method = "Confirm" if given else "Deny"
        try:
            (answered,) = await self._bus.call(
                CLIENT, method, "ss", action or "", message, within=ANSWER_WITHIN
            )
        except RefusedError as error:
            if error.name == NOTHING_WAITS:
                raise NothingWaitsError(error.text) from None
            raise
        return str(answered)
