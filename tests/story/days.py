# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long lives of the daemon in the universe: days of waiting and trouble in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from attrs import define, evolve, field
from story.configured import TIMES, commit, configured
from story.universe import Life, Universe, VirtualLoop

from hawkbit_rauc.errors import HawkbitRaucError
from hawkbit_rauc.model import Consent, Deployment, Feedback, Offer, Poll, Told
from hawkbit_rauc.story.daemon import Daemon
from hawkbit_rauc.story.installed import Installed
from hawkbit_rauc.story.world import Policy, World

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@define
class Days(Life):
    """A life that goes on whatever happens.

    Attributes:
        troubles: errors by the port method that raises them for as long as they stand here.
        asks: what the deployments say beyond the universe's own, such as `update="skip"`.
        polls: when the server was polled, and `reboots` when a reboot was asked for (it does not come).
        slow_fetch: seconds that each fetch takes before its trouble.
        later: why hooks say "later", by the moment; `asked` lists the moments.
        moves: whether each fetch brings something before its trouble.
        distribution_set: the one that `runs`, the versions told as installed by no action, are of ("os" is known).
        identifies: whether polls ask for attributes; `confirms`: for a confirmation.
        acts: what happens at a time (seconds since the start).
    """

    troubles: dict[str, HawkbitRaucError] = field(factory=dict)
    asks: dict[str, object] = field(factory=dict)
    polls: list[float] = field(factory=list)
    calls: list[str] = field(factory=list)
    reboots: list[float] = field(factory=list)
    fetches: list[float] = field(factory=list)
    answers: list[asyncio.Task] = field(factory=list)
    consents: list[Consent] = field(factory=list)
    automatic: list[bool] = field(factory=list)
    distribution_set: str = ""
    runs: list[str] = field(factory=list)
    facts: dict[str, str] = field(factory=dict)
    asked: list[str] = field(factory=list)
    later: dict[str, str] = field(factory=dict)
    identified: list[dict[str, str]] = field(factory=list)
    slow_fetch: float = 0.0
    moves: bool = False
    identifies: bool = False
    confirms: bool = False
    acts: list[tuple[float, Callable[[], object]]] = field(factory=list)
    took: float = 0.0
    start: float = 0.0
    daemon: Daemon | None = None
    random: float = 0.5

    def _meets(self, call: str) -> None:
        self._alive()
        self.calls.append(call)
        if trouble := self.troubles.get(call):
            raise trouble

    async def poll(self) -> Poll:
        self.polls.append(round(self.now() - self.start, 3))
        await asyncio.sleep(self.took)
        self._meets("poll")
        poll = self.universe.hawkbit.poll()
        if poll.deployment and self.confirms:
            poll = Poll(poll.interval, confirmation=poll.deployment)
        if poll.deployment:
            offer = Offer(poll.deployment.action, f"{poll.deployment.href}?c={sorted(self.asks.items())}")
            poll = evolve(poll, deployment=offer)
        return evolve(poll, identify=self.identifies)

    def forget(self) -> None:
        self._alive()
        self.calls.append("forget")

    async def deployment(self, offer: Offer) -> Deployment:
        self._meets("deployment")
        return evolve(await super().deployment(offer), **self.asks)

    async def cancelation(self, offer: Offer) -> str:
        self._meets("cancelation")
        return await super().cancelation(offer)

    async def tell(self, feedback: Feedback) -> Told:
        self._meets("tell")
        return await super().tell(feedback)

    async def confirmation(self, offer: Offer) -> tuple[str, ...]:
        self._meets("confirmation")
        return tuple(detail for consent in self.consents for detail in consent.details)

    async def consent(self, consent: Consent) -> None:
        self._meets("consent")
        self.consents.append(consent)
        self.confirms = not consent.given

    async def confirm_automatically(self, *, on: bool) -> None:
        self._meets("confirm_automatically")
        self.automatic.append(on)

    async def tell_installed(self, distribution_set: str, version: str) -> bool:
        self._meets("tell_installed")
        self.runs.append(version)
        return distribution_set == "os"

    def answer(self, **words) -> asyncio.Task:
        """Somebody on the board answers; what goes wrong is raised at the end of this life."""
        assert self.daemon is not None
        task = asyncio.ensure_future(self.daemon.answer(None, **words))
        self.answers.append(task)
        return task

    async def attributes(self) -> dict[str, str]:
        return {"a": "b", **self.facts}

    async def identify(self, attributes) -> None:
        self._meets("identify")
        self.identified.append(attributes)
        self.identifies = False

    async def ask(self, moment: str, facts) -> str | None:
        self._meets(moment)
        self.asked.append(moment)
        return self.later.get(moment) or await super().ask(moment, facts)

    async def fetch(self, artifact, progress, *, ahead=False):
        self.fetches.append(self.now() - self.start)
        await asyncio.sleep(self.slow_fetch)
        if self.moves:
            progress(len(self.fetches), 10**6)
        self._meets("fetch")
        return await super().fetch(artifact, progress, ahead=ahead)

    async def system(self):
        self._meets("system")
        return await super().system()

    async def install(self, bundle, transaction, progress) -> None:
        self._meets("install")
        await super().install(bundle, transaction, progress)

    async def mark(self, state: str, slot: str) -> None:
        self._meets("mark")
        await super().mark(state, slot)

    def write(self, record) -> None:
        self._meets("write")
        super().write(record)

    async def reboot(self) -> None:
        self.reboots.append(self.now() - self.start)
        self._meets("reboot")

    def poll_now(self) -> None:
        """Somebody asks for a poll."""
        assert self.daemon is not None
        self.daemon.poll_now()

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen."""
        self.acts.append((seconds, act))

    def told(self, action: int = 1) -> list[str]:
        """The sentences in an action's history, without notes."""
        entries = self.universe.hawkbit.actions[action - 1].entries
        return [entry.details[0] for entry in entries]

    def final(self, action: int = 1) -> Feedback | None:
        finals = self.universe.hawkbit.actions[action - 1].finals
        assert len(finals) <= 1
        return finals[0] if finals else None

    def live(self, seconds: float, *, once: bool = False, **settings) -> int | None:
        """Run the daemon for so long; returns what it returned, None where it had to be stopped."""

        self.journal = self._open()

        async def run() -> int | None:
            world = World(self, self, self, self, self, self, self, self.universe.policy)
            self.commit = commit(world) if self.universe.commits else None
            self.daemon = Daemon(
                world,
                self.attributes,
                commit=self.commit,
                installed=Installed(world, self.distribution_set) if self.distribution_set else None,
                **{"first_poll_within": 0.0, "random": lambda: self.random} | TIMES | settings,
            )
            loop = asyncio.get_running_loop()
            self.start = loop.time()
            for when, act in self.acts:
                loop.call_later(when, act)
            task = asyncio.ensure_future(self.daemon.run(once=once))
            done, _ = await asyncio.wait([task], timeout=seconds)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            answers, self.answers = self.answers, []
            for answer in answers:
                answer.result()
            return task.result() if done else None

        loop = VirtualLoop(self.universe.now)
        try:
            asyncio.set_event_loop(loop)
            return loop.run_until_complete(run())
        finally:
            self.universe.now = loop.virtual
            loop.close()
            asyncio.set_event_loop(None)


@contextlib.contextmanager
def days(*, assigned: str | None = "v2", policy: Policy | None = None, **settings) -> Iterator[Days]:
    """A board on which nobody reboots by hand; an action is assigned already."""
    universe = Universe(policy=policy or configured(), booted_at=float("inf"), **settings)
    if assigned:
        universe.hawkbit.assign(assigned)
    try:
        yield Days(universe)
    finally:
        universe.close()
