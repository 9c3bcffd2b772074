# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nobody waits on the bus for ever, no signal is lost, and a dead bus is used again when it is back."""

import asyncio
from pathlib import Path

import pytest
from jeepney import MessageFlag
from rig.bus import Bus as RigBus
from wire.rauc.stand_in import StandIn
from wire.rauc.using import on_bus

from hawkbit_rauc.board.dbus import Bus, Peer
from hawkbit_rauc.errors import BusError, RefusedError

ECHO = Peer("the echo", "echo.service", "org.example.Echo", "/echo", "org.example.Echo")
RULE = "type='signal',sender='org.example.Echo'"


def echo(bus: RigBus) -> StandIn:
    return StandIn(
        bus,
        ECHO.name,
        {
            "Say": lambda text: ("s", (text,)),
            "Refuse": lambda: "not\nme",
            "Sleep": lambda: None,
        },
    )


def test_calls_at_once_get_their_own_replies(bus: RigBus) -> None:
    """Fifty calls on one connection get fifty right answers."""

    async def story(ours: Bus) -> list[tuple[str]]:
        return await asyncio.gather(*(ours.call(ECHO, "Say", "s", str(number)) for number in range(50)))

    with echo(bus):
        assert on_bus(bus, story) == [(str(number),) for number in range(50)]


def test_refusal_has_name_and_text(bus: RigBus) -> None:
    """An error that the peer answers with keeps its text as it came."""
    with echo(bus), pytest.raises(RefusedError) as caught:
        on_bus(bus, lambda ours: ours.call(ECHO, "Refuse"))
    assert (caught.value.text, str(caught.value)) == ("not\nme", "the echo refused: not me")


def test_silent_peer_is_given_up(bus: RigBus) -> None:
    """A call without an answer ends at its deadline with a sentence that names the unit."""
    with (
        echo(bus),
        pytest.raises(BusError, match=r"the echo does not answer \(Sleep, 0\.2 s\).*echo\.service"),
    ):
        on_bus(bus, lambda ours: ours.call(ECHO, "Sleep", within=0.2))


def test_peer_that_dies_in_a_call_is_told(bus: RigBus) -> None:
    """A peer that leaves the bus instead of answering ends the call at once."""

    async def story(ours: Bus) -> None:
        stand_in = echo(bus)
        stand_in.__enter__()
        call = asyncio.create_task(ours.call(ECHO, "Sleep"))
        await asyncio.to_thread(stand_in.called.wait, 10)
        await asyncio.to_thread(stand_in.__exit__, None, None, None)
        await call

    with pytest.raises(BusError, match="the echo went away before it answered"):
        on_bus(bus, story)


def test_no_signal_is_dropped(bus: RigBus) -> None:
    """A thousand signals that nobody takes in time all come, in their order."""

    async def story(ours: Bus) -> list[int]:
        async with ours.listen(RULE) as stream:
            for number in range(1000):
                stand_in.signal(ECHO.path, ECHO.interface, "Tick", "i", number)
            await ours.call(ECHO, "Say", "s", "all sent")
            return [(await stream.get(1)).body[0] for _ in range(1000)]  # type: ignore[union-attr]

    with echo(bus) as stand_in:
        assert on_bus(bus, story) == list(range(1000))


def test_silence_in_a_stream_ends_at_its_deadline(bus: RigBus) -> None:
    """Waiting for a signal that does not come ends with nothing."""

    async def story(ours: Bus) -> object:
        async with ours.listen(RULE) as stream:
            return await stream.get(0.05)

    assert on_bus(bus, story) is None


def test_signals_end_with_the_subscription(bus: RigBus) -> None:
    """After the context is left the bus sends no more of them."""

    async def story(ours: Bus) -> list[str]:
        async with ours.listen(RULE):
            pass
        async with ours.listen("type='signal',sender='org.example.Other'") as stream:
            stand_in.signal(ECHO.path, ECHO.interface, "Tick", "i", 1)
            await ours.call(ECHO, "Say", "s", "sent")
            return [] if stream.empty else ["a signal"]

    with echo(bus) as stand_in:
        assert on_bus(bus, story) == []


def test_dead_bus_wakes_everybody(bus: RigBus) -> None:
    """Whoever waits for a reply or a signal learns at once that the bus died, and so does who asks later."""

    async def story(ours: Bus) -> None:
        async with ours.listen(RULE) as stream:
            waiting = [asyncio.create_task(ours.call(ECHO, "Sleep")), asyncio.create_task(stream.get(50))]
            await asyncio.to_thread(stand_in.called.wait, 10)
            await asyncio.to_thread(bus.kill)
            for ended in await asyncio.gather(*waiting, stream.get(50), return_exceptions=True):
                assert isinstance(ended, BusError)
                assert "D-Bus connection was lost" in str(ended)
            with pytest.raises(BusError, match="lost"):
                await stream.send(ECHO, "Say", "s", "x")
        with pytest.raises(BusError, match=r"is not reachable \(.*\): start dbus\.service"):
            await ours.call(ECHO, "Sleep")

    with echo(bus) as stand_in:
        on_bus(bus, story)


def test_bus_is_used_again_when_it_is_back(bus: RigBus) -> None:
    """After the bus's death the next call connects again."""

    async def story(ours: Bus) -> tuple[str]:
        async with ours.listen(RULE) as stream:
            await asyncio.to_thread(bus.restart)
            with pytest.raises(BusError, match="lost"):
                await stream.get(10)
        with echo(bus):
            return await ours.call(ECHO, "Say", "s", "after")  # type: ignore[return-value]

    assert on_bus(bus, story) == ("after",)


def test_who_is_cancelled_is_cancelled_whenever_that_is(bus: RigBus) -> None:
    """At whichever of its steps a first call is cancelled, it ends so: connecting swallows nothing."""

    async def cancelled_after(steps: int) -> None:
        """Cancel a call after so many turns of the event loop, unless it is over before."""
        ours = Bus(bus.address)
        call = asyncio.ensure_future(ours.call(ECHO, "Say", "s", "hello"))
        for _ in range(steps):
            await asyncio.sleep(0)
        if over := call.done():
            assert call.result() == ("hello",)
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=5)
        assert over or [task.cancelled() for task in done] == [True], f"after {steps} steps"
        await ours.close()

    async def story() -> None:
        for steps in range(100):
            await cancelled_after(steps)

    with echo(bus):
        asyncio.run(story())


def test_service_is_not_started_where_it_shall_not_be(bus: RigBus) -> None:
    """`start=False` forbids the bus to start the peer for this call."""

    async def story(ours: Bus) -> None:
        await ours.call(ECHO, "Say", "s", "x")
        await ours.call(ECHO, "Say", "s", "x", start=False)

    with echo(bus) as stand_in:
        on_bus(bus, story)
    assert [flags & MessageFlag.no_auto_start for flags in stand_in.flags] == [0, MessageFlag.no_auto_start]


@pytest.mark.parametrize(
    ("starter", "name"), [("session", "DBUS_SESSION_BUS_ADDRESS"), ("", "DBUS_SYSTEM_BUS_ADDRESS")]
)
def test_bus_is_the_one_that_rauc_is_on(
    bus: RigBus, monkeypatch: pytest.MonkeyPatch, starter: str, name: str
) -> None:
    """The environment chooses between the buses and says where they are, as for RAUC."""
    for variable in ("DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"):
        monkeypatch.setenv(variable, "unix:path=/nonexistent/bus")
    monkeypatch.setenv("DBUS_STARTER_BUS_TYPE", starter)
    monkeypatch.setenv(name, bus.address)

    async def story() -> tuple[str]:
        ours = Bus()
        try:
            return await ours.call(ECHO, "Say", "s", "here")  # type: ignore[return-value]
        finally:
            await ours.close()

    with echo(bus):
        assert asyncio.run(story()) == ("here",)


@pytest.mark.parametrize("address", ["tcp:host=127.0.0.1,port=1", "nonsense", "unix:path=/nonexistent/bus"])
def test_useless_address_is_told(address: str) -> None:
    """An address that leads nowhere, or that is none, is a sentence about the bus."""
    with pytest.raises(BusError, match=r"the bus .* is not reachable \(.+\): start dbus\.service"):
        asyncio.run(Bus(address).call(ECHO, "Say", "s", "x"))


def test_bus_that_accepts_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    """A bus that hangs while we connect is told within the deadline."""

    async def story() -> None:
        server = await asyncio.start_unix_server(lambda *_: None, tmp_path / "socket")
        async with server:
            await Bus(f"unix:path={tmp_path}/socket", timeout=0.2).call(ECHO, "Sleep")

    with pytest.raises(BusError, match="is not reachable"):
        asyncio.run(story())
