# SPDX-License-Identifier: LGPL-2.1-or-later
"""A life of a board of the zoo, and the truth that is told in it: each run of the program is held to what is so."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from attrs import evolve
from boards.real.inside import WITNESS, Vouched
from boards.zoo.boards import SYSTEM, Cargo, ZooBoard
from rig.bundles import MIB, Bundle
from rig.rauc import RaucBoard
from rig.systemd import Systemd

import hawkbit_testing
from hawkbit_rauc.board.clock import BootClock
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.story.daemon import Daemon
from hawkbit_rauc.story.world import Policy, World

#: How much faster the program's time passes.
HASTE = 50


class HastyClock(BootClock):
    """The program's time passes faster than the board's."""

    def now(self) -> float:
        return super().now() * HASTE

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / HASTE)


class Life(Vouched):
    """A board under the double.

    Attributes:
        kind: which board of the zoo it is.
        old: the system that runs while an update is installed.
    """

    def __init__(
        self, kind: ZooBoard, board: RaucBoard, hawkbit: hawkbit_testing.Hawkbit, systemd: Systemd
    ) -> None:
        super().__init__(board, hawkbit, systemd)
        self.kind = kind
        self.old = board.booted
        self._bundles: dict[int, Bundle] = {}
        self._over: set[int] = set()
        self._installed_before: dict[int, int] = {}
        if kind.filled:
            self._install_by_hand(self.bundle("1.0.0"))
            board.rauc("status", "mark-active", "booted")
        if kind.forgets:
            self.updated()  # so that there is something to lose
        if kind.fails:
            board.fail("post-install", 3)

    # what is offered

    def bundle(self, version: str, cargo: Cargo | None = None) -> Bundle:
        """Make a bundle of what is rolled out to this board."""
        seed = 0 if self.kind.filled and version in ("1.0.0", "2.0.0") else None
        size = MIB if self.board.layout.has_filesystems else MIB // 16  # a file system takes some room
        return self.board.bundle(version, size=size, seed=seed, **(cargo or self.kind.cargo).options)

    def offer(self, bundle: Bundle) -> hawkbit_testing.Action:
        """Assign a bundle to the board."""
        action = super().offer(bundle)
        self._bundles[action.id] = bundle
        self._installed_before[action.id] = self.board.installations
        return action

    def installations(self, action: hawkbit_testing.Action) -> int:
        """How many installations RAUC has begun since an action was offered."""
        return self.board.installations - self._installed_before[action.id]

    # what happens to the board

    def updated(self) -> None:
        """Bring an update onto the board without the program, as on a board that migrates to it."""
        self._install_by_hand(self.bundle("1.5.0", self.kind.cargo if self.kind.cargo.boots else SYSTEM))
        self.boot()
        if self.kind.lives_on_rescue:
            self.boot_from(self.kind.layout.factory)
        self.old = self.board.booted

    def _install_by_hand(self, bundle: Bundle) -> None:
        with suppress(*([RuntimeError] if self.kind.fails else [])):
            self.board.rauc("install", bundle.path)
        if not self.kind.layout.activates:
            self.board.rauc("status", "mark-active", "other")

    def written_elsewhere(self, action: hawkbit_testing.Action) -> str | None:
        """The system that an action was installed into and that neither runs nor will."""
        systems = (system for system in self.kind.turns if system not in (self.board.booted, self.next))
        return next((system for system in systems if self.holds(system, action)), None)

    def activate(self, action: hawkbit_testing.Action) -> None:
        """Make primary what an action was installed into, as somebody has to do if RAUC does not."""
        target = self.written_elsewhere(action)
        assert target, f"not installed: {said(action)}"
        self.board.rauc("status", "mark-active", self.board.layout.slot(target, "rootfs").name)

    def forget(self) -> None:
        """Lose one system's half of RAUC's status, if this board does."""
        system = self.old if self.kind.forgets == "old" else self.next
        slot = self.board.layout.slot(str(system), "rootfs").name
        for file in (self.board.folder / "data").glob("*rauc*"):
            parts = re.split(r"(?m)^(?=\[)", file.read_text())
            left = [part for part in parts if not part.startswith(f"[slot.{slot}]")]
            assert len(left) < len(parts), parts
            file.write_text("".join(left))

    def cut_power(self, point: str) -> None:
        """Have the board install what is offered, and cut its power at a point of that."""

        def install() -> None:
            with suppress(PassingError):
                self.go()

        with self.board.hold(point) as hold:
            program = threading.Thread(target=install)
            program.start()
            reached = False
            while not reached and program.is_alive():
                with suppress(TimeoutError):
                    hold.wait(0.1)
                    reached = True
            self.board.kill()
            program.join()
            assert reached, "nothing was installed"
        self.boot()

    @property
    def next(self) -> str | None:
        """The system that the boot loader will start, None if it has none with a bootname."""
        return self.board.next_system

    def holds(self, system: str | None, action: hawkbit_testing.Action) -> bool:
        """Whether a system is what an action brings."""
        if system not in self.kind.turns:
            return False
        bundle, layout = self._bundles[action.id], self.kind.layout
        own = tuple(image for image in bundle.images if layout.belongs(str(system), image.slot_class))
        return self.board.contains(str(system), evolve(bundle, images=own))

    @property
    def committed(self) -> bool:
        """Whether the boot loader will come back to what runs."""
        if self.loader == "uboot":
            return WITNESS in self.systemd.active
        return (
            self.board.booted in self.board.layout.bootnames and self.board.state(self.board.booted) == "good"
        )

    # the program

    def once(self) -> None:
        """Run the program until it can do nothing more now, and hold what it tells and does to the truth."""
        asked, before = len(self.board.login.calls), self.next
        self.run(self._once)
        self._hold_to_the_truth(asked, before)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the program as `once` does, beside what happens within."""
        asked, before = len(self.board.login.calls), self.next
        errors: list[BaseException] = []

        def run() -> None:
            try:
                self.run(self._once)
            except BaseException as error:  # noqa: BLE001  it is the test's
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        yield
        thread.join(60)
        assert not thread.is_alive()
        assert not errors, errors
        self._hold_to_the_truth(asked, before)

    async def _once(self, world: World) -> None:
        async def attributes() -> dict[str, str]:
            return {"board": self.kind.name}

        world = evolve(world, clock=HastyClock(), policy=Policy(reboot=True))
        daemon = Daemon(
            world, attributes, first_poll_within=0, random=lambda: 0.0, retry_wait=1, once_timeout=250
        )
        await daemon.run(once=True)

    # the truth

    def _hold_to_the_truth(self, asked: int, before: str | None) -> None:
        """What was told since the last time is so, and no reboot was asked for and nothing marked without a reason."""
        told = {action.id: action for action in self.target.actions if action.outcome()}
        for number in told.keys() - self._over:
            self._over.add(number)
            self._is_so(told[number])
        waiting = [action for action in self.target.actions if action.outcome() is None]
        if len(self.board.login.calls) > asked and not self.kind.cargo.reboots:
            assert any(self.holds(self.next, action) for action in waiting), (
                f"a reboot into nothing new: {said(self.target.actions[-1])}"
            )
        if self.next != before:
            moved = any(self.holds(self.next, action) for action in waiting)
            assert moved or self.next == self.old or before != self.board.booted, (before, self.next)

    def _is_so(self, action: hawkbit_testing.Action) -> None:
        boots, why = self.kind.cargo.boots, said(action)
        match action.outcome():
            case "finished" if boots:
                assert self.holds(self.board.booted, action), f"told as finished, does not run: {why}"
                assert self.committed, f"told as finished, is not committed: {why}"
            case "finished":
                assert self.installations(action), f"told as finished, was not installed: {why}"
                assert self.board.contains("", self._bundles[action.id]), (
                    f"told as finished, is not there: {why}"
                )
            case outcome:
                runs = self.holds(self.board.booted, action) and self.committed
                assert not (boots and runs), f"told as {outcome}, runs: {why}"
                assert not (boots and self.holds(self.next, action)), (
                    f"told as {outcome}, will be booted: {why}"
                )


def word(action: hawkbit_testing.Action) -> str:
    """What hawkBit has been told of an action."""
    words = {"finished": "success", "error": "failure", "canceled": "canceled", None: "open"}
    return words[action.outcome()]


def said(action: hawkbit_testing.Action) -> str:
    """What the program has said of an action last, for people."""
    texts = (text for text in action.messages() if not text.startswith(("Update Server:", "note ")))
    return " | ".join([*texts][-3:])
