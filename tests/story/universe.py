# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board, a hawkBit and the passing of time, to live many lives of the program in.

All state that survives the death of the program (the server's, RAUC's, the boot loader's, the
disk's) lives in `Universe`; a `Life` is one run of the real daemon with the real journal in it.
After every effect on that state the life may be cut: the process killed (RAUC goes on), or the
power (RAUC stops where it is, the board boots again).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import selectors
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from attrs import define, evolve, field
from story.configured import TIMES, commit, configured

from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.errors import (
    AttemptFailedError,
    DeploymentError,
    DownloadError,
    InstallationError,
    InstallerBusyError,
    InstallerError,
    OfferGoneError,
    ServerError,
)
from hawkbit_rauc.model import (
    Artifact,
    BundleFacts,
    Chunk,
    Deployment,
    Execution,
    Feedback,
    Finished,
    Identity,
    Offer,
    Poll,
    RemoteBundle,
    Slot,
    System,
    Told,
)
from hawkbit_rauc.ports import Source
from hawkbit_rauc.story.boot import Commit
from hawkbit_rauc.story.daemon import Daemon
from hawkbit_rauc.story.world import Policy, World

IDENTITY = Identity("https://hawkbit.test", "DEFAULT", "board-1")


class Cut(BaseException):
    """The process was killed."""


class PowerCut(Cut):
    """The power was cut, or a reboot happened."""


class Finish(BaseException):
    """Nothing more will happen."""


# ---------------------------------------------------------------- time


class _VirtualSelector(selectors.SelectSelector):
    """Lets the time jump to the next timer instead of waiting for it."""

    loop: VirtualLoop

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("the program waits for nothing that could ever happen")
        before = self.loop.virtual
        self.loop.virtual += max(timeout, self.loop.tick)
        if timeout > 0 and self.loop.virtual == before:  # too small to be added, and would never be over
            self.loop.virtual = math.nextafter(before, math.inf)
        return []  # there are no sockets and no threads


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time does not pass but jumps.

    Args:
        start: its time.
        tick: seconds that pass in any case: asyncio calls a timer up to a nanosecond early, and who then
            waits for the rest would wait for ever, where that is too small to be added to months.
    """

    def __init__(self, start: float, tick: float = 0.0) -> None:
        self.virtual, self.tick = start, tick
        selector = _VirtualSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.virtual


# ---------------------------------------------------------------- hawkBit


@define
class Action:
    id: str
    bundle: str
    status: str = "RUNNING"
    active: bool = True
    entries: list[Feedback] = field(factory=list)
    finals: list[Feedback] = field(factory=list)
    reads: int = 0

    @property
    def bundles(self) -> list[str]:
        """What is to be installed, in this order."""
        return self.bundle.split("+")

    @property
    def messages(self) -> tuple[str, ...]:
        return tuple(text for entry in reversed(self.entries) for text in entry.details)


@define
class HawkBit:
    """DDI's rules for one target (base poll, tables of the deployment and the cancel feedback)."""

    actions: list[Action] = field(factory=list)
    history: bool = True
    interval: float = 300.0

    def assign(self, bundle: str) -> Action:
        for old in self.active:
            old.status = "CANCELING"
        action = Action(str(len(self.actions) + 1), bundle)
        self.actions.append(action)
        return action

    @property
    def active(self) -> list[Action]:
        return [action for action in self.actions if action.active]

    def poll(self) -> Poll:
        for action in self.active:
            offer = Offer(action.id, f"href-{action.id}")
            if action.status == "CANCELING":
                return Poll(self.interval, cancel=offer)
            return Poll(self.interval, deployment=offer)
        return Poll(self.interval)

    def tell(self, feedback: Feedback) -> Told:
        action = self.actions[int(feedback.action) - 1]
        closed = feedback.execution is Execution.CLOSED
        if feedback.cancel:
            if action.status not in ("CANCELING", "CANCELED"):
                return Told.CLOSED
            if closed and feedback.finished is not Finished.FAILURE:
                if action.active:
                    action.finals.append(feedback)
                action.status, action.active = "CANCELED", False
            elif feedback.execution is Execution.REJECTED:
                assert action.active, "a rejection after the end makes a zombie"
                action.status = "RUNNING"
            return Told.ACCEPTED
        if not action.active:
            return Told.CLOSED
        if closed:
            action.status = "ERROR" if feedback.finished is Finished.FAILURE else "FINISHED"
            action.active = False
            action.finals.append(feedback)
        else:
            action.entries.append(feedback)
        return Told.ACCEPTED


# ---------------------------------------------------------------- RAUC and its boot loader


@define
class Rauc:
    """Two slots, RAUC's bookkeeping of a version, and a boot loader of a kind."""

    version: str = "1.13"
    loader: str = "grub"  # grub, uboot or none
    stores_status: bool = True
    broken: set[str] = field(factory=set)  # bundles whose system does not come up
    refused: set[str] = field(factory=set)  # bundles that RAUC refuses
    failing: set[str] = field(factory=set)  # bundles that RAUC can't install now, by what may pass
    bad_handlers: set[str] = field(factory=set)  # bundles that activate the new slot, and fail then
    handled: set[str] = field(factory=set)  # bundles whose own handler does everything: no slot is written
    rescue: bool = False  # there is a third system, which has no bootname
    activates: bool = True  # RAUC makes primary what it has installed
    asking: dict[str, bool] = field(factory=dict)  # bundles that ask for a reboot, or waive it
    slots: dict[str, Slot] = field(factory=dict)
    content: dict[str, str] = field(factory=dict)
    in_force: set[str] = field(factory=set)  # bundles whose own handler has done its work
    order: list[str] = field(factory=lambda: ["A", "B"])
    left: dict[str, int] = field(factory=lambda: {"A": 3, "B": 3})
    tried: dict[str, bool] = field(factory=lambda: {"A": False, "B": False})
    booted: str = "A"
    boots: int = 1
    running: Iterator[str] | None = None
    busy_calls: int = 0
    last_error: str = ""
    installed: list[tuple[str, str]] = field(factory=list)  # (transaction, bundle) begun
    unsafe: int = 0  # installations begun while the booted slot was not committed

    def __attrs_post_init__(self) -> None:
        for number, name in enumerate("AB"):
            self.slots[name] = Slot(f"rootfs.{number}", bootname=name, device=f"/dev/{name}")
            self.content[name] = "factory"
        if self.rescue:
            self.slots["rescue"] = Slot("rescue.0", device="/dev/rescue")
            self.content["rescue"] = "rescue"

    # the boot loader

    def good(self, name: str) -> bool:
        if name == "rescue":
            return False
        if self.loader == "none":
            return True
        if self.loader == "grub":
            return self.left[name] > 0 and not self.tried[name]
        return self.left[name] > 0

    @property
    def primary(self) -> str | None:
        if self.loader == "none":
            return self.order[0]
        return next((name for name in self.order if self.good(name)), None)

    def set_primary(self, name: str) -> None:
        self.order = [name, *(other for other in self.order if other != name)]
        self.left[name], self.tried[name] = 3, False

    def mark(self, state: str, name: str) -> None:
        if state == "active":
            self.set_primary(name)
            slot = self.slots[name]
            self.slots[name] = evolve(
                slot, activated_count=slot.activated_count + 1, activated_at=f"{1000 + self.boots}"
            )
        else:
            self.left[name], self.tried[name] = (3 if state == "good" else 0), False

    def boot(self) -> None:
        """What the boot loader does at power-on, until a system comes up."""
        self.running = None
        self.restart()
        self.boots += 1
        for _ in range(12):
            name = next((n for n in self.order if self.loader == "none" or self.good(n)), None)
            if name is None:  # GRUB: all tried; it starts over with what is marked OK
                self.tried = dict.fromkeys(self.tried, False)
                continue
            if self.loader == "grub":
                self.tried[name] = True
            elif self.loader == "uboot":
                self.left[name] -= 1
            if self.content[name] in self.broken or self.content[name] == "half":
                if self.loader == "none":  # somebody has to help
                    self.order.reverse()
                continue
            self.booted = name
            return
        if not self.rescue:
            raise AssertionError("the board is bricked")
        self.booted = "rescue"

    def visit(self, name: str) -> None:
        """Somebody chooses another system in the boot loader's menu: the try of the one that was to be is not used up."""
        if self.loader == "grub":
            self.tried[self.booted] = False
        elif self.loader == "uboot":
            self.left[self.booted] += 1
        self.booted = name

    # RAUC

    def system(self) -> System:
        slots = []
        for name, slot in self.slots.items():
            slots.append(
                evolve(
                    slot,
                    state="booted" if name == self.booted else "inactive",
                    boot_status=None if slot.bootname is None else "good" if self.good(name) else "bad",
                )
            )
        primary = self.primary
        return System(
            slots=tuple(slots),
            primary=self.slots[primary].name if primary else None,
            compatible="board",
            boot_loader="noop" if self.loader == "none" else "custom",
        )

    def restart(self) -> None:
        """RAUC starts anew: until then it tells what it wrote also of slots whose status it can't store."""
        if not self.stores_status:
            self.slots = {
                name: Slot(slot.name, slot.bootname, slot.device) for name, slot in self.slots.items()
            }

    def install(self, bundle: str, transaction: str) -> Iterator[str]:
        """The installation step by step; each step is an effect."""
        target = "B" if self.booted == "A" else "A"
        slot = self.slots[target]
        old = self.version == "1.8"
        self.installed.append((transaction, bundle))
        if self.loader == "grub" and self.tried.get(self.booted):
            self.unsafe += 1
        yield "RAUC accepted the bundle"
        if bundle in self.refused:
            self.last_error = "signature verification failed"
            return
        if bundle in self.failing:
            self.last_error = "certificate is not yet valid"
            return
        if bundle in self.handled:
            yield "the bundle's handler is done"
            self.in_force.add(bundle)
            return
        self.left[target] = 0
        if self.loader == "none":
            self.order = [self.booted, target]
        yield "RAUC marked the target bad"
        self.content[target] = "half"
        self.slots[target] = slot if old else evolve(slot, status="pending", sha256=None)
        yield "RAUC writes"
        self.content[target] = bundle
        stamp = f"{1000 + self.boots}"
        self.slots[target] = evolve(
            slot,
            status="ok",
            sha256=f"image-{bundle}",
            bundle_hash=None if old else f"manifest-{bundle}",
            bundle_version=bundle,
            transaction=None if old else transaction,
            installed_count=slot.installed_count + 1,
            installed_at=stamp,
        )
        yield "RAUC has written"
        if not self.activates:
            return
        self.mark("active", target)
        yield "RAUC has activated"
        if bundle in self.bad_handlers:
            self.last_error = "post-install handler failed: exit code 3"

    def finish(self) -> None:
        """RAUC goes on although nobody listens."""
        if self.running is not None:
            for _ in self.running:
                pass
            self.running = None


# ---------------------------------------------------------------- everything


@define
class Universe:
    hawkbit: HawkBit = field(factory=HawkBit)
    rauc: Rauc = field(factory=Rauc)
    policy: Policy = field(factory=lambda: configured(reboot=True))
    folder: Path = field(factory=lambda: Path(tempfile.mkdtemp(dir="/dev/shm", prefix="story.")))
    disk: dict[str, int] = field(factory=dict)  # bundle -> chunks on the disk
    now: float = 1000.0
    booted_at: float = 0.0
    mark_good_after: float = 20.0
    marked: bool = True
    script: dict[str, list] = field(factory=dict)  # effect -> what an operator does then, once
    log: list[str] = field(factory=list)
    effects: int = 0
    cuts: dict[int, type[Cut]] = field(factory=dict)  # effect -> how the life ends there
    lose_journal: bool = False  # at each of these cuts
    between_lives: Callable[[], object] = lambda: None  # what happens before the next one, too
    lost_answers: int = 0  # every n-th answer of the server is lost, 0 never
    rauc_dies_at: str = ""  # a step of the installation, once
    streams: bool = False  # RAUC fetches the bundle by itself
    commits: bool = False  # the program marks the boots good by itself
    unhealthy: set[str] = field(factory=set)  # bundles whose system comes up, and does not do its work
    visits: int = 0  # boots after an installation that somebody takes to the rescue system

    def boot(self) -> None:
        self.rauc.boot()
        if self.visits and self.rauc.installed:
            self.visits -= 1
            self.rauc.visit("rescue")
        self.booted_at, self.marked = self.now, False
        self.now += 30

    def settle(self) -> None:
        """Whatever the board does by itself as time goes by."""
        if not self.commits and not self.marked and self.now - self.booted_at > self.mark_good_after:
            if self.rauc.booted != "rescue":
                self.rauc.mark("good", self.rauc.booted)
            self.marked = True

    @property
    def somebody_reboots(self) -> bool:
        """Where the program does not reboot, a person does within the hour; so from a rescue system."""
        by_hand = not self.policy.reboot or self.rauc.booted == "rescue"
        return by_hand and self.rauc.running is None and self.now - self.booted_at > 3600

    @property
    def idle(self) -> bool:
        return not self.hawkbit.active

    def live(self, lives: int = 40) -> None:
        """Live one life after the other until nothing more happens."""
        for _ in range(lives):
            end = Life(self).run()
            if isinstance(end, Finish):
                return
            if self.lose_journal and self.effects in self.cuts:
                (self.folder / "journal.json").unlink(missing_ok=True)
            self.between_lives()
            if isinstance(end, PowerCut):
                self.boot()
            else:
                self.now += 5
        raise AssertionError(f"too many lives: {self.log[-40:]}")

    def close(self) -> None:
        shutil.rmtree(self.folder)


CHUNKS = 2


@define
class Life:
    """One run of the program; all doubles of the ports, mortal."""

    universe: Universe
    dead: BaseException | None = None
    quiet_polls: int = 0
    identity: Identity = IDENTITY
    commit: Commit | None = None
    journal: Journal = field(init=False)

    @journal.default
    def _open(self) -> Journal:
        """The real journal, which reads its file once a life."""
        return Journal(self.universe.folder, IDENTITY)

    def _alive(self) -> None:
        self.universe.now = asyncio.get_running_loop().time()
        self.universe.settle()
        if self.dead:
            raise self.dead
        if self.universe.somebody_reboots:
            self.die(PowerCut("somebody reboots the board"))

    def _effect(self, what: str) -> None:
        """Something has changed outside of the program: an operator may act on it, or the life ends."""
        universe = self.universe
        universe.effects += 1
        universe.log.append(what)
        for operators_act in universe.script.pop(what, []):
            operators_act()
        if cut := universe.cuts.get(universe.effects):
            universe.log.append(f"--- {cut.__name__}")
            self.die(cut(what))

    def die(self, reason: BaseException) -> None:
        self.dead = reason
        raise reason

    # Server

    async def poll(self) -> Poll:
        self._alive()
        if self.universe.idle:
            self.quiet_polls += 1
            if self.quiet_polls > 1:
                self.die(Finish())
        return self.universe.hawkbit.poll()

    def forget(self) -> None:
        pass

    async def deployment(self, offer: Offer) -> Deployment:
        await asyncio.sleep(0.1)
        self._alive()
        action = self.universe.hawkbit.actions[int(offer.action) - 1]
        if not action.active or action.status == "CANCELING":
            raise OfferGoneError("404")
        action.reads += 1
        artifacts = [
            Artifact(f"{bundle}.raucb", 100, {"sha1": f"hash-{bundle}"}, f"url-{bundle}")
            for bundle in reversed(action.bundles)
        ]
        history = action.messages if self.universe.hawkbit.history else ()
        self._effect("read the deployment")
        return Deployment(action.id, chunks=(Chunk("os", "os", "1", tuple(artifacts)),), history=history)

    async def cancelation(self, offer: Offer) -> str:
        await asyncio.sleep(0.1)
        self._alive()
        if self.universe.hawkbit.actions[int(offer.action) - 1].status not in ("CANCELING", "CANCELED"):
            raise OfferGoneError("404")
        return offer.action

    async def tell(self, feedback: Feedback) -> Told:
        await asyncio.sleep(0.1)
        self._alive()
        told = self.universe.hawkbit.tell(feedback)
        self._effect(
            f"told {'cancel ' if feedback.cancel else ''}{feedback.execution}: {feedback.details[0][:30]}"
        )
        if self.universe.lost_answers and self.universe.effects % self.universe.lost_answers == 0:
            raise ServerError("the answer was lost")
        return told

    async def attributes(self) -> dict[str, str]:
        return {}

    async def identify(self, attributes) -> None:
        self._alive()

    # Hooks

    async def ask(self, moment: str, facts) -> str | None:
        self._alive()
        if (
            moment == "health"
            and self.universe.rauc.content[self.universe.rauc.booted] in self.universe.unhealthy
        ):
            raise DeploymentError("hook health/10-work refused (exit code 1): the motor does not turn")
        return None

    # Downloads

    async def fetch(self, artifact: Artifact, progress, *, ahead: bool = False) -> Source:
        self._alive()
        bundle = (artifact.url or "").removeprefix("url-")
        if self.universe.streams and not ahead:
            await asyncio.sleep(4)
            self._effect("looked at the bundle")
            return RemoteBundle(bundle)
        disk = self.universe.disk
        for other in set(disk) - {bundle}:
            del disk[other]
        while disk.get(bundle, 0) < CHUNKS:
            await asyncio.sleep(4)
            self._alive()
            if all(bundle not in action.bundles for action in self.universe.hawkbit.active):
                raise DownloadError("404")
            disk[bundle] = disk.get(bundle, 0) + 1
            progress(disk[bundle], CHUNKS)
            self._effect(f"fetched part {disk[bundle]}")
        return Path(bundle)

    def discard(self, *, older_than: float = 0) -> None:
        self._alive()
        if self.universe.disk and not older_than:
            self.universe.disk.clear()
            self._effect("discarded the bundle")

    # Installer

    async def system(self) -> System:
        await asyncio.sleep(0.1)
        self._alive()
        rauc = self.universe.rauc
        if rauc.running is not None:
            rauc.busy_calls += 1
            if rauc.busy_calls % 3:
                raise InstallerBusyError("RAUC is busy")
            rauc.finish()
        return evolve(rauc.system(), witnessed=self.commit.vouched if self.commit else None)

    async def look_into(self, bundle: Source) -> BundleFacts:
        self._alive()
        name = self._name(bundle)
        rauc = self.universe.rauc
        if rauc.version == "1.8":
            return BundleFacts()
        touches = None if name in rauc.handled else frozenset({"rootfs"})
        return BundleFacts(f"manifest-{name}", rauc.asking.get(name), touches)

    def _name(self, bundle: Source) -> str:
        if isinstance(bundle, RemoteBundle):
            return bundle.url
        assert self.universe.disk.get(str(bundle)) == CHUNKS, "only a whole bundle goes to RAUC"
        return str(bundle)

    async def install(self, bundle: Source, transaction: str, progress) -> None:
        self._alive()
        name = self._name(bundle)
        rauc = self.universe.rauc
        if rauc.running is not None:
            raise InstallerBusyError("RAUC is busy")
        rauc.last_error = ""
        rauc.running = rauc.install(name, transaction)
        for step in rauc.running:
            self._effect(step)
            if step == self.universe.rauc_dies_at:
                self.universe.rauc_dies_at, rauc.running = "", None
                rauc.restart()
                raise InstallerError("RAUC went away while it installed")
            await asyncio.sleep(3)
            self._alive()
        rauc.running = None
        if rauc.last_error:
            kind = AttemptFailedError if name in rauc.failing else InstallationError
            raise kind(rauc.last_error)

    async def mark(self, state: str, slot: str) -> None:
        await asyncio.sleep(0.1)
        self._alive()
        rauc = self.universe.rauc
        rauc.mark(state, next(name for name, known in rauc.slots.items() if known.name == slot))
        self._effect(f"marked {slot} {state}")

    # Journal (the real one, with a cut after each write)

    def read(self):
        self._alive()
        return self.journal.read()

    def write(self, record) -> None:
        self._alive()
        self.journal.write(record)
        self._effect("wrote the journal")

    def known(self):
        self._alive()
        return self.journal.known()

    def know(self, installation) -> None:
        self._alive()
        self.journal.know(installation)
        self._effect("noted what runs")

    # Board

    @property
    def boot_id(self) -> str:
        return f"boot-{self.universe.rauc.boots}"

    @contextlib.asynccontextmanager
    async def awake(self, why: str, *, shutdown: bool = False) -> AsyncIterator[None]:
        yield

    async def reboot(self) -> None:
        self._alive()
        self.universe.log.append("reboot")
        self.die(PowerCut("reboot"))

    # Clock

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def run(self) -> BaseException:
        """Run the daemon until this life ends; returns why it did."""

        async def live() -> None:
            world = World(self, self, self, self, self, self, self, self.universe.policy)
            self.commit = commit(world) if self.universe.commits else None
            daemon = Daemon(
                world, self.attributes, first_poll_within=60, random=lambda: 0.5, commit=self.commit, **TIMES
            )
            task = asyncio.ensure_future(daemon.run())
            done, _ = await asyncio.wait([task], timeout=40 * 86400)
            if not done:
                task.cancel()
                raise AssertionError(f"no end in 40 days: {self.universe.log[-20:]}")
            task.result()

        loop = VirtualLoop(self.universe.now)
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(live())
        except (Cut, Finish) as end:
            return end
        finally:
            self.universe.now = loop.virtual
            loop.run_until_complete(_drain(loop))
            loop.close()
            asyncio.set_event_loop(None)
        raise AssertionError("the daemon ended by itself")


async def _drain(loop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
