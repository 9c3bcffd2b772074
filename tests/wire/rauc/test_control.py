# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon on the bus: what it shows, what may be asked of it, and a bus that dies."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from attrs import define, evolve, field
from rig.bus import Bus as RigBus
from wire.rauc.using import on_bus

from hawkbit_rauc.app.control import CLIENT, INTERFACE, PATH, PROPERTIES, Control, Remote
from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.errors import BusError, NothingWaitsError, RefusedError, ServerError
from hawkbit_rauc.model import Status

IDLE = Status("idle", next_poll=1.5, last_action="4", last_outcome="success", last_reason="booted")
LISTEN = f"type='signal',path='{PATH}',member='PropertiesChanged'"


@define
class Daemon:
    """A daemon of which only the answers are known."""

    now: Status = IDLE
    polls: int = 0
    answers: list[tuple[str | None, bool, str]] = field(factory=list)
    trouble: Exception | None = None

    def status(self) -> Status:
        return self.now

    def poll_now(self) -> None:
        self.polls += 1

    async def answer(self, action: str | None, *, given: bool, message: str = "") -> str:
        if self.trouble:
            raise self.trouble
        self.answers.append((action, given, message))
        return action or "5"


Story = Callable[[Bus, Control, Daemon], Awaitable[Any]]


async def taken(bus: RigBus) -> None:
    """Wait until somebody owns the daemon's name."""
    while not bus.has_owner(CLIENT.name):  # noqa: ASYNC110  it is another connection's event
        await asyncio.sleep(0.01)


def controlled(bus: RigBus, story: Story) -> Any:
    """Tell a story beside a daemon that can be controlled; the bus given is another program's."""

    async def beside(ours: Bus) -> Any:
        own, daemon = Bus(bus.address), Daemon()
        control = Control(own, daemon, lambda _seconds: asyncio.sleep(0.05))
        serving = asyncio.create_task(control.serve())
        try:
            await taken(bus)
            return await story(ours, control, daemon)
        finally:
            serving.cancel()
            await own.close()

    return on_bus(bus, beside)


def test_status_comes_back_as_it_is(bus: RigBus) -> None:
    """Each member of the status arrives at the command."""

    async def story(ours: Bus, _control: Control, daemon: Daemon) -> None:
        assert await Remote(ours).status() == IDLE
        daemon.now = Status("downloading", "7", 40, "why", 2.25, "6", "failure", "fell back")
        assert await Remote(ours).status() == daemon.now

    controlled(bus, story)


def test_changes_are_signalled_with_what_changed(bus: RigBus) -> None:
    """Only the properties that differ, and nothing if nothing differs."""

    async def story(ours: Bus, control: Control, daemon: Daemon) -> list[Any]:
        heard = []
        async with ours.listen(LISTEN) as stream:
            for change in ({"progress": 10}, {}, {"state": "waiting", "reason": "consent"}):
                daemon.now = evolve(daemon.now, **change)
                control.changed()
                if change:
                    signal = await stream.get(within=10)
                    assert signal is not None
                    heard.append(signal.body)
        return heard

    first, second = controlled(bus, story)
    assert first == (INTERFACE, {"Progress": ("i", 10)}, [])
    assert second == (INTERFACE, {"State": ("s", "waiting"), "Reason": ("s", "consent")}, [])


def test_asking_for_a_poll_polls(bus: RigBus) -> None:
    async def story(ours: Bus, _control: Control, daemon: Daemon) -> None:
        await Remote(ours).poll()
        assert daemon.polls == 1

    controlled(bus, story)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("action", [None, "5"])
def test_consent_is_handed_over(bus: RigBus, action: str | None, given: bool) -> None:
    """With and without the action's id; the answer names it."""

    async def story(ours: Bus, _control: Control, daemon: Daemon) -> None:
        assert await Remote(ours).answer(action, given=given, message="go") == "5"
        assert daemon.answers == [(action, given, "go")]

    controlled(bus, story)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(NothingWaitsError("nothing waits"), NothingWaitsError), (ServerError("away"), RefusedError)],
)
def test_what_the_daemon_can_not_do_is_told(bus: RigBus, trouble: Exception, kind: type[Exception]) -> None:
    """In its own words, and what nobody waits for in a kind of its own."""

    async def story(ours: Bus, _control: Control, daemon: Daemon) -> None:
        daemon.trouble = trouble
        with pytest.raises(kind, match=str(trouble)):
            await Remote(ours).answer(None, given=True, message="")

    controlled(bus, story)


def test_introspection_names_all_that_is_there(bus: RigBus) -> None:
    """What `busctl introspect` shows can be called and read."""

    async def story(ours: Bus, _control: Control, _daemon: Daemon) -> str:
        of = evolve(CLIENT, interface="org.freedesktop.DBus.Introspectable")
        (xml,) = await ours.call(of, "Introspect")
        return str(xml)

    tree = ET.fromstring(controlled(bus, story))
    own = next(node for node in tree if node.get("name") == INTERFACE)
    assert [node.get("name") for node in own.findall("method")] == ["Poll", "Confirm", "Deny"]
    shown = {node.get("name"): node.get("type") for node in own.findall("property")}
    assert shown == {name: signature for name, (signature, _) in PROPERTIES.items()}


@pytest.mark.parametrize(
    ("interface", "method", "signature", "arguments", "error"),
    [
        (INTERFACE, "Explode", "", (), "UnknownMethod"),
        (INTERFACE, "Confirm", "s", ("5",), "InvalidArgs"),
        ("org.freedesktop.DBus.Properties", "Get", "ss", (INTERFACE, "Colour"), "UnknownProperty"),
        ("org.freedesktop.DBus.Properties", "Set", "ssv", (INTERFACE, "State", ("s", "x")), "UnknownMethod"),
    ],
)
def test_calls_that_make_no_sense_are_refused(
    bus: RigBus, interface: str, method: str, signature: str, arguments: tuple[Any, ...], error: str
) -> None:
    """With the error of the D-Bus specification, and the daemon answers on."""

    async def story(ours: Bus, _control: Control, _daemon: Daemon) -> None:
        with pytest.raises(RefusedError) as caught:
            await ours.call(evolve(CLIENT, interface=interface), method, signature, *arguments)
        assert caught.value.name == f"org.freedesktop.DBus.Error.{error}"
        assert (await Remote(ours).status()).state == "idle"

    controlled(bus, story)


def test_name_is_taken_again_when_the_bus_is_back(bus: RigBus) -> None:
    async def story(ours: Bus, _control: Control, _daemon: Daemon) -> None:
        bus.restart()
        await taken(bus)
        assert await Remote(ours).status() == IDLE

    controlled(bus, story)


def test_name_of_another_program_is_left_alone(bus: RigBus) -> None:
    """A second daemon does without, and takes over when the first has gone."""

    async def story(ours: Bus, _control: Control, _daemon: Daemon) -> None:
        own, second = Bus(bus.address), Daemon(Status("starting"))
        tried = asyncio.Event()

        async def sleep(_seconds: float) -> None:
            tried.set()
            await asyncio.sleep(0.05)

        serving = asyncio.create_task(Control(own, second, sleep).serve())
        await tried.wait()
        assert (await Remote(ours).status()).state == "idle"
        serving.cancel()
        await own.close()

    controlled(bus, story)


def test_daemon_that_is_not_there_is_told(bus: RigBus) -> None:
    with pytest.raises(BusError, match=r"hawkbit-rauc is not on the bus.*hawkbit-rauc\.service"):
        on_bus(bus, lambda ours: Remote(ours).status())
