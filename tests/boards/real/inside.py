# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story within the test's own process: real RAUC, a double of hawkBit; for many short lives of a board."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import evolve
from rig.bundles import Bundle
from rig.rauc import INSTALLER, RaucBoard
from rig.systemd import Systemd

import hawkbit_testing
from hawkbit_rauc.board import machine
from hawkbit_rauc.board.clock import BootClock
from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.board.hooks import Hooks
from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.model import Record
from hawkbit_rauc.net import tls
from hawkbit_rauc.rauc.installation import Pulse
from hawkbit_rauc.rauc.installer import Rauc
from hawkbit_rauc.rules.verdicts import Verdict
from hawkbit_rauc.story.action import Action
from hawkbit_rauc.story.deployment import deploy
from hawkbit_rauc.story.world import Policy, World

T = TypeVar("T")

WITNESS = "rauc-mark-good.service"


class Inside:
    """A board under the double; each call is a new start of the program, with the journal as its only memory.

    Args:
        board: the board.
        hawkbit: the double, running.
        witness: whether `WITNESS` is configured to vouch for boots.
        pulse: when a silent RAUC is given up.
    """

    def __init__(
        self,
        board: RaucBoard,
        hawkbit: hawkbit_testing.Hawkbit,
        *,
        witness: bool = False,
        pulse: Pulse | None = None,
    ) -> None:
        self.board = board
        self.hawkbit = hawkbit
        self.target = hawkbit.target()
        self._witness = witness
        self._pulse = pulse
        self._state = board.folder / "state"
        self._state.mkdir(exist_ok=True)

    def offer(self, bundle: Bundle) -> hawkbit_testing.Action:
        """Assign a bundle to the board."""
        return self.target.assign(bundle.path)

    def go(self) -> Verdict:
        """Take up what the server offers and bring it as far as it can be brought now.

        Raises:
            PassingError: it can't be brought further now.
        """

        async def story(world: World) -> Verdict:
            poll = await world.server.poll()
            assert poll.deployment is not None, "the server offers nothing"
            return await deploy(Action(poll.deployment, Record(poll.deployment.action), world))

        return self.run(story)

    def run(self, story: Callable[[World], Awaitable[T]]) -> T:
        """Run something with all adapters; nothing may take longer than a minute."""

        async def main() -> T:
            bus = Bus(self.board.bus.address)
            server = connection.connect(
                self.hawkbit.url,
                self.target.id,
                target_token=self.target.token,
                ca_file=tls.system_authorities(),
                timeout=10,
                connect_timeout=5,
            )
            witness = machine.unit_witness(bus, WITNESS) if self._witness else None
            world = World(
                server,
                Downloads(self.board.folder / "bundle.raucb", server.http),
                Rauc(
                    bus, witness=witness, pulse=self._pulse, system_conf=[self.board.folder / "system.conf"]
                ),
                Journal(self._state, server.identity),
                machine.Board(bus, self.board.boot_id_file),
                BootClock(),
                Hooks(None, timeout=10),
                Policy(),
            )
            try:
                async with asyncio.timeout(60):
                    return await story(world)
            finally:
                server.close()
                await bus.close()

        return asyncio.run(main())

    def lose_journal(self) -> None:
        """Take the journal away."""
        (self._state / "journal.json").unlink()

    def lose_note(self) -> None:
        """Let the server forget what the history says."""
        for action in self.target.actions:
            action.entries[:] = [evolve(entry, messages=()) for entry in action.entries]

    def journal(self, **changes: Any) -> None:
        """Change what the journal says."""

        async def change(world: World) -> None:
            record = world.journal.read()
            assert record is not None
            world.journal.write(evolve(record, **changes))

        self.run(change)


class Vouched(Inside):
    """A board whose boots are committed by `commit`, whatever its boot loader."""

    def __init__(self, board: RaucBoard, hawkbit: hawkbit_testing.Hawkbit, systemd: Systemd) -> None:
        self.loader = board.boot_loader.kind
        super().__init__(board, hawkbit, witness=self.loader == "uboot")
        self.systemd = systemd
        self.commit()

    def commit(self) -> None:
        """Do what rauc-mark-good.service does, and let systemd say so; a system without a bootname can't be marked."""
        if self.board.booted in self.board.layout.bootnames:
            self.board.bus.call(INSTALLER, "Mark", "ss", "good", "booted")
        self.systemd.active.add(WITNESS)

    def boot(self, *broken: str, good: bool = True) -> str:
        """Reboot; what came up is committed unless told otherwise."""
        self.systemd.active.clear()
        system = self.board.boot(broken)
        if good:
            self.commit()
        return system

    def boot_from(self, system: str) -> None:
        """Reboot into a system that somebody chose; it is committed."""
        self.systemd.active.clear()
        self.board.boot_from(system)
        self.commit()

    def fall_back(self, broken: str) -> str:
        """Reboot while a system does not come up; a boot loader that does not count is told to by hand."""
        loader = self.board.boot_loader
        if self.loader in ("none", "noop"):
            order = [name for name in loader.bootnames if name != broken]
            loader._write({**loader.environment, "ORDER": " ".join([*order, broken])})
        return self.boot(broken)
