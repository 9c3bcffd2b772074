# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board between servers that lie: the real daemon, adapters and journal over real sockets.

Only RAUC is a stub, which notes down the bytes it is given, and the clock jumps whenever the daemon
does nothing but wait, so that a night of failures takes a moment.
"""

import asyncio
import contextlib
import hashlib
import io
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from attrs import define, evolve, field

from hawkbit_rauc.board import logs
from hawkbit_rauc.board.hooks import Hooks
from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.hawkbit import connection
from hawkbit_rauc.model import BundleFacts, Slot, System
from hawkbit_rauc.net import tls
from hawkbit_rauc.story.daemon import Daemon
from hawkbit_rauc.story.world import Policy, World
from hawkbit_testing import Answer, Hawkbit, Request
from hawkbit_testing.wire import Web

BUNDLE = bytes(range(256)) * 1000
#: Real seconds in which everything ends, whatever a server does.
BOUND = 15.0
ONCE_TIMEOUT = 30.0


@define
class Rauc:
    """Takes what it is given, and remembers it."""

    given: list[str] = field(factory=list)
    other: Slot = Slot("rootfs.1", bootname="B", boot_status="good")

    async def system(self) -> System:
        booted = Slot("rootfs.0", bootname="A", state="booted", boot_status="good")
        primary = "rootfs.1" if self.given else "rootfs.0"
        return System(slots=(booted, self.other), primary=primary, boot_loader="grub")

    async def look_into(self, bundle: Path) -> BundleFacts:
        return BundleFacts()

    async def install(self, bundle: Path, transaction: str, progress: Callable[[int, int], None]) -> None:
        self.given.append(hashlib.sha256(bundle.read_bytes()).hexdigest())
        count = self.other.installed_count + 1
        self.other = evolve(
            self.other, status="ok", transaction=transaction, installed_count=count, activated_count=count
        )

    async def mark(self, state: str, slot: str) -> None:
        pass


@define
class Clock:
    """Jumps to the next thing that is waited for when nothing else happens."""

    passed: float = 0.0
    working: int = 0
    sleepers: list[tuple[float, asyncio.Future[None]]] = field(factory=list)

    def now(self) -> float:
        return monotonic() + self.passed

    async def sleep(self, seconds: float) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.now() + seconds, waiting)
        self.sleepers.append(entry)
        try:
            await waiting
        finally:
            self.sleepers.remove(entry)

    async def run(self) -> None:
        while True:
            before = list(self.sleepers)
            for _ in range(6):
                await asyncio.sleep(0)
            if before and not self.working and before == self.sleepers:
                self.passed += max(0.0, min(self.sleepers)[0] - self.now())
            for deadline, waiting in self.sleepers:
                if deadline <= self.now() and not waiting.done():
                    waiting.set_result(None)
            if self.working or not self.sleepers:
                await asyncio.sleep(0.001)


@define
class Noticed:
    """Passes calls on, and lets the clock know that something is going on."""

    real: Any
    clock: Clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            self.clock.working += 1
            try:
                return await found(*arguments, **options)
            finally:
                self.clock.working -= 1

        return call


async def attributes() -> dict[str, str]:
    """What the board tells of itself."""
    return {"product": "board"}


@define
class StillBoard:
    __test__ = False

    @contextlib.asynccontextmanager
    async def awake(self, why: str, *, shutdown: bool = False) -> AsyncIterator[None]:
        yield

    def reboot(self) -> None:
        raise AssertionError("no reboot was configured")

    boot_id: str = "this-boot"


@define(eq=False)
class Ground:
    """A hawkBit, a server of somebody else's, and a board with its state.

    Attributes:
        hawkbit: the server that the board is configured for.
        foreign: somebody else's; `foreign_answer` says what it answers.
        token: the board's secret; it must go nowhere but to hawkBit.
        log: all that was written to standard error.
    """

    folder: Path
    hawkbit: Hawkbit
    foreign: Web
    foreign_answer: Answer
    timeout: float = 1.0
    token: str = field(factory=lambda: secrets.token_hex(16))
    log: io.StringIO = field(factory=io.StringIO)
    rauc: Rauc = field(factory=Rauc)
    controller: str = "dev-1"
    low_speed: tuple[float, float] = (1, 100)
    target: Any = None
    seconds: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.target = self.hawkbit.target(self.controller, self.token)

    def assign(self, **more: Any) -> Any:
        """Roll the bundle out."""
        return self.target.assign({"system.raucb": BUNDLE}, **more)

    def once(self) -> int:
        """Do as `run --once`, and return the exit code."""
        return asyncio.run(self._live(lambda daemon: daemon.run(once=True)))

    def until(self, reached: Callable[[], bool], then: Callable[[], None], done: Callable[[], bool]) -> None:
        """Do as `run` until `reached`, change something, and go on until `done`.

        Raises:
            TimeoutError: that did not happen in time.
        """

        async def watch(daemon: Daemon) -> None:
            running = asyncio.ensure_future(daemon.run())
            try:
                for condition, follows in ((reached, then), (done, lambda: None)):
                    while not condition():
                        await asyncio.sleep(0.002)
                        if running.done():
                            raise AssertionError(f"the daemon ended: {running.result()}")
                    follows()
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

        asyncio.run(self._live(watch))

    async def _live(self, act: Callable[[Daemon], Any]) -> Any:
        broken: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
        server = connection.connect(
            self.hawkbit.url,
            self.controller,
            target_token=self.token,
            ca_file=tls.system_authorities(),
            connect_timeout=self.timeout,
            timeout=self.timeout,
        )
        clock = Clock()
        idle, rate = self.low_speed
        downloads = Downloads(self.folder / "bundle", server.http, low_speed_time=idle, low_speed_rate=rate)
        journal = Journal(self.folder, server.identity)
        policy = Policy(report_installed=True)
        world = World(
            Noticed(server, clock),
            Noticed(downloads, clock),
            self.rauc,
            journal,
            StillBoard(),
            clock,
            Hooks(None, timeout=self.timeout),
            policy,
        )
        daemon = Daemon(
            world,
            attributes,
            first_poll_within=0,
            retry_wait=300,
            random=lambda: 0.5,
            once_timeout=ONCE_TIMEOUT,
        )
        pump = asyncio.ensure_future(clock.run())
        started = clock.now()
        try:
            with self._log():
                return await asyncio.wait_for(act(daemon), BOUND)
        finally:
            self.seconds += clock.now() - started
            pump.cancel()
            server.close()
            assert not broken, broken

    @contextlib.contextmanager
    def _log(self) -> Iterator[None]:
        with contextlib.redirect_stderr(self.log):
            root = logging.getLogger()
            handlers, level = root.handlers[:], root.level
            logs.set_up(logging.DEBUG)
            try:
                yield
            finally:
                root.handlers[:] = handlers
                root.setLevel(level)

    def check(self, bundle: bytes = BUNDLE) -> None:
        """Hold whatever happened to what must hold always."""
        text = self.log.getvalue()
        assert "Traceback" not in text, text
        assert "never retrieved" not in text, text
        dirty = {char for char in text if not char.isprintable() and char != "\n"}
        assert not dirty, f"raw characters in the log: {dirty}"
        longest = max(map(len, text.splitlines()), default=0)
        assert longest < 2000, f"a line of {longest} characters: {text[:3000]}"
        right = hashlib.sha256(bundle).hexdigest()
        assert set(self.rauc.given) <= {right}, "RAUC was given wrong bytes"
        requests = self.hawkbit.requests()
        # Pauses are never shorter than half a second; a redirect or a resume adds some in one go.
        allowed = 40 + 8 * self.seconds
        assert len(requests) <= allowed, f"{len(requests)} requests in {self.seconds:.0f} s"
        self._check_secrets(text, requests)

    def _check_secrets(self, text: str, requests: list[Request]) -> None:
        assert self.token not in text, "the token is in the log"
        for request in requests:
            assert self.token not in request.target
            assert self.token.encode() not in request.body
        for exchange in self.foreign.exchanges:
            sent = f"{exchange.request.target}\n{exchange.request.headers}"
            assert self.token not in sent, "the token went to somebody else"
            assert "authorization" not in {name.lower() for name in exchange.request.headers}, sent
            assert "cookie" not in {name.lower() for name in exchange.request.headers}, sent
        for file in self.folder.iterdir():
            assert self.token.encode() not in file.read_bytes(), f"the token is in {file}"


@contextlib.contextmanager
def ground(folder: Path, **more: Any) -> Iterator[Ground]:
    """Set everything up in a folder."""
    foreign_answer = Answer(200, {"Content-Type": "application/octet-stream"}, BUNDLE)
    with Hawkbit(sleep="00:00:05") as hawkbit:
        box: list[Ground] = []
        foreign = Web(lambda _request: box[0].foreign_answer)
        foreign.up()
        try:
            box.append(Ground(folder, hawkbit, foreign, foreign_answer, **more))
            yield box[0]
        finally:
            foreign.down()
