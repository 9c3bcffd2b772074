# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board under a whole hawkBit, step by step: somebody acts, time passes, and each step is held to a specification.

The server's rules are those of `hawkbit_testing`, which is held to real servers; board, RAUC and time are
the universe's. `Specification` is all that must hold whatever happens; it looks at what the world sees, and
knows nothing of how the program works.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from attrs import define, evolve, field
from story.configured import TIMES
from story.universe import CHUNKS, IDENTITY, Cut, Life, PowerCut, Universe, VirtualLoop, _drain

from hawkbit_rauc.errors import (
    DownloadError,
    HawkbitRaucError,
    NothingWaitsError,
    OfferGoneError,
    ServerError,
)
from hawkbit_rauc.model import (
    Artifact,
    Chunk,
    Consent,
    Deployment,
    Execution,
    Feedback,
    Finished,
    Offer,
    Poll,
    Told,
    transaction_id,
)
from hawkbit_rauc.story.daemon import Daemon
from hawkbit_rauc.story.world import World
from hawkbit_testing import Hawkbit, Window
from hawkbit_testing.actions import Action
from hawkbit_testing.bodies import handling
from hawkbit_testing.feedback import Feedback as Taken
from hawkbit_testing.feedback import Report
from hawkbit_testing.quirks import Refusal
from hawkbit_testing.target import Target

LONG_AGO, FAR_AWAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
CLOSED, OPEN = Window(FAR_AWAY, timedelta(hours=1)), Window(LONG_AGO, timedelta(days=40_000))
PASSED = Window(LONG_AGO, timedelta(hours=1))

#: Seconds that one round of the daemon may take beyond the interval between two polls.
SLACK = 30.0
#: Seconds after which somebody reboots a board that waits for it.
PATIENCE = 3600.0


def bundles_of(action: Action) -> list[str]:
    """The bundles that an action brings, in their order."""
    (module,) = action.distribution_set.modules
    return sorted(name.removesuffix(".raucb") for name in module.files)


def bundle_of(action: Action) -> str:
    """The bundle that an action ends with."""
    return bundles_of(action)[-1]


@define
class Specification:
    """What must hold at each instant, and in the end.

    Attributes:
        wrongs: each breach as a sentence.
        finals: what the board told as the end of each action, by its id, repetitions included.
        effective: those of them that ended the action.
        stopped: actions whose cancelation the board has read and not rejected since.
        excused: bundles that may fail, and why.
    """

    place: Place
    wrongs: list[str] = field(factory=list)
    finals: dict[int, list[Feedback]] = field(factory=dict)
    effective: dict[int, list[Feedback]] = field(factory=dict)
    stopped: set[int] = field(factory=set)
    excused: dict[str, str] = field(factory=dict)
    consented: set[int] = field(factory=set)
    polled_at: float = 0.0
    polls: int = 0

    def begins(self, now: float) -> None:
        """A life begins, which may take a minute to its first poll."""
        self.polled_at = now - self.place.interval + 60

    def lives_at(self, now: float) -> None:
        """At least one poll in each interval."""
        if now - self.polled_at > self.place.interval + SLACK:
            self.wrongs.append(f"no poll for {now - self.polled_at:.0f} s")
            self.polled_at = now

    def polls_at(self, now: float) -> None:
        """The board polls."""
        self.lives_at(now)
        self.polled_at = now
        self.polls += 1

    def installs(self, transaction: str, bundle: str) -> None:
        """RAUC is about to install."""
        rauc = self.place.rauc
        if any(transaction == begun for begun, _ in rauc.installed):
            self.wrongs.append(f"attempt {transaction} of {bundle} is installed twice")
        attempts = self.place.attempts
        action = next((a for a in self.place.target.actions if transaction in attempts(a)), None)
        if action is None:
            self.wrongs.append(f"{bundle} is installed as no attempt of any action")
            return
        begun = sum(one in attempts(action) for one, _ in rauc.installed)
        may_not = {
            "its cancelation was read": action.id in self.stopped,
            "it is to be downloaded only": action.type == "downloadonly",
            "it is another bundle": bundle not in bundles_of(action),
            "three attempts were made": begun >= 3 * len(bundles_of(action)),
            "the one before it is not in place": bundle != bundles_of(action)[0]
            and not rauc.in_force.union(self._running()).intersection(bundles_of(action)),
            "nobody consented": self.place.policy.ask
            and action.urgency == "attempt"
            and action.id not in self.consented,
            "its window was never open": action.window is CLOSED,
            "the booted slot is not committed": not rauc.good(rauc.booted) and rauc.booted != "rescue",
        }
        self.wrongs += [
            f"action {action.id} is installed, but {why}" for why, is_so in may_not.items() if is_so
        ]

    def _running(self) -> set[str]:
        """What runs; while a third system does, what could."""
        content, booted = self.place.rauc.content, self.place.rauc.booted
        return set(content.values()) if booted == "rescue" else {content[booted]}

    def tells(self, action: Action, feedback: Feedback) -> None:
        """Feedback reaches the server, which has not acted on it yet."""
        if feedback.execution is Execution.REJECTED and not action.active:
            self.wrongs.append(f"action {action.id} is over, and its cancelation is rejected")
        if feedback.execution is Execution.REJECTED:
            self.stopped.discard(action.id)
        if not _ends(feedback, action):
            return
        finals = self.finals.setdefault(action.id, [])
        if finals and (finals[-1].finished, finals[-1].cancel) != (feedback.finished, feedback.cancel):
            self.wrongs.append(f"action {action.id} ended as {_words(finals[-1])}, then {_words(feedback)}")
        finals.append(feedback)
        if action.active and not action.waits and feedback.cancel in (False, action.canceling):
            self.effective.setdefault(action.id, []).append(feedback)
            if lie := self._lie(action, feedback):
                self.wrongs.append(f"action {action.id} was told {_words(feedback)}, but {lie}")

    def _lie(self, action: Action, feedback: Feedback) -> str:
        place, rauc, bundle = self.place, self.place.rauc, bundle_of(action)
        runs, following = rauc.content[rauc.booted], rauc.content.get(rauc.primary or "")
        if feedback.cancel:
            ours = {name for name, by in place.written_by.items() if by in place.attempts(action)}
            stays = any(rauc.content.get(name) == bundle for name in ours & {rauc.booted, rauc.primary})
            return (
                f"it runs or is booted next: {rauc.booted} {runs}, {rauc.primary} {following}"
                if stays
                else ""
            )
        if feedback.execution is Execution.DOWNLOADED:
            return "" if place.disk.get(bundle) == CHUNKS else "the bundle is not there"
        if feedback.finished is Finished.FAILURE:
            attempts = sum(begun in place.attempts(action) for begun, _ in rauc.installed)
            by_hand = any(content.startswith("hand") for content in rauc.content.values())
            by_another = attempts > 0 and rauc.installed[-1][0] not in place.attempts(action)
            reason = (
                by_hand
                or by_another
                or attempts >= 3
                or (rauc.refused | rauc.broken | set(self.excused)).intersection(bundles_of(action))
            )
            return "" if reason else "nothing speaks against it"
        if bundle in rauc.handled:
            return "" if bundle in rauc.in_force else f"the handler of {bundle} has not run"
        if place.policy.report_installed:
            return "" if bundle in rauc.content.values() else f"{bundle} is in no slot"
        return "" if runs == bundle and rauc.good(rauc.booted) else f"{runs} runs, or is not committed"

    def boots(self, slot: str | None) -> None:
        """A slot is booted, or is the next to be."""
        for action in self.place.target.actions:
            canceled = any(final.cancel for final in self.effective.get(action.id, []))
            there = self.place.rauc.content.get(slot or "") == bundle_of(action)
            if canceled and there and self.place.written_by.get(slot or "") in self.place.attempts(action):
                self.wrongs.append(f"action {action.id} was canceled, and its system is booted")

    def ended(self) -> None:
        """Nothing is to happen any more."""
        self.boots(self.place.rauc.primary)
        for action in self.place.target.actions:
            effective = len(self.effective.get(action.id, []))
            wanted = 0 if action.id in self.place.closed_by_others else 1
            if action.active or effective != wanted:
                self.wrongs.append(
                    f"action {action.id} ({bundle_of(action)}) is {action.status} with {effective} finals"
                )
            ours = [entry for entry in action.entries if entry.type in ("running", "downloaded", "warning")]
            if len(ours) > 60 + 10 * self.place.deaths:
                self.wrongs.append(f"action {action.id} has {len(ours)} entries")


def _ends(feedback: Feedback, action: Action) -> bool:
    if feedback.execution is Execution.DOWNLOADED:
        return action.type == "downloadonly"
    return feedback.execution is Execution.CLOSED


def _words(feedback: Feedback) -> str:
    kind = "canceled" if feedback.cancel else f"{feedback.execution} {feedback.finished}"
    return f"{kind} ({'; '.join(feedback.details)})"


@define
class Place(Universe):
    """The universe, with a whole hawkBit and people in it.

    Attributes:
        server: the hawkBit; `target` is the board in it.
        away_until: when the server answers again; `refuses` answers so many requests with 503 before.
        loses: so many answers to feedback get lost.
        written_by: the transaction that wrote a slot last, by its name.
        closed_by_others: actions that the operator, or the server, ended.
        deaths: how often the program was killed.
        written: bytes that were written to the state folder.
        requests: how often the server was asked anything.
        waits_to_boot: since when a system waits to be booted.
        acts: what somebody does right after an effect, by its number.
    """

    interval: float = 300.0
    server: Hawkbit = field(factory=Hawkbit)
    away_until: float = 0.0
    refuses: int = 0
    loses: int = 0
    written_by: dict[str, str] = field(factory=dict)
    closed_by_others: set[int] = field(factory=set)
    deaths: int = 0
    written: int = 0
    requests: int = 0
    waits_to_boot: float | None = None
    acts: dict[int, Callable[[], object]] = field(factory=dict)
    target: Target = field(init=False)
    specification: Specification = field(init=False)
    _attempts: dict[int, list[str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.target = self.server.target("board-1", "token")
        self.specification = Specification(self)

    def attempts(self, action: Action) -> list[str]:
        """The transactions by which an action may be installed."""
        if action.id not in self._attempts:
            self._attempts[action.id] = [
                transaction_id(IDENTITY, str(action.id), f"hash-{bundle}", number)
                for bundle in bundles_of(action)
                for number in range(1, 10)
            ]
        return self._attempts[action.id]

    def writes(self, transaction: str) -> None:
        """RAUC is about to write into the other slot."""
        self.written_by["B" if self.rauc.booted == "A" else "A"] = transaction

    @property
    def somebody_reboots(self) -> bool:
        """Where the program does not reboot, a person does within the hour; without a reason within a day."""
        if self.target.selected and self.now - self.booted_at > 86400:
            return True
        pending = self.rauc.running is None and self.rauc.primary not in (None, self.rauc.booted)
        if not pending:
            self.waits_to_boot = None
        elif self.waits_to_boot is None:
            self.waits_to_boot = self.now
        return self.waits_to_boot is not None and self.now - self.waits_to_boot > PATIENCE

    def boot(self) -> None:
        """The power was away; a trial that it ends may fail."""
        rauc, tried = self.rauc, self.rauc.booted
        if not self.marked:
            self.specification.excused[rauc.content[tried]] = "the power was cut during the trial"
        comes = rauc.order[0] if tried == "rescue" else tried
        if rauc.loader == "uboot" and rauc.left[comes] <= 1 and rauc.primary in (None, comes):
            rauc.left[comes] = 3  # nobody cuts the power three times within seconds
        self.waits_to_boot = None
        super().boot()
        self.specification.boots(rauc.booted)


@define
class Operated(Life):
    """One run of the program under a whole hawkBit; its universe is a `Place`."""

    async def _asked(self) -> None:
        """A request is on its way."""
        self.universe.requests += 1
        await asyncio.sleep(0.1)
        self._alive()
        if self.universe.now < self.universe.away_until:
            await asyncio.sleep(1)
            self._alive()
            raise ServerError("connection refused")
        if self.universe.refuses:
            self.universe.refuses -= 1
            raise ServerError("503")

    def _effect(self, what: str) -> None:
        if act := self.universe.acts.pop(self.universe.effects + 1, None):
            act()
        super()._effect(what)

    def _action(self, offer: Offer) -> Action:
        try:
            return self.universe.target.find(int(offer.action))
        except Refusal as refusal:
            raise OfferGoneError("404") from refusal

    async def poll(self) -> Poll:
        self._alive()
        self.universe.specification.polls_at(self.universe.now)
        await self._asked()
        target, interval = self.universe.target, self.universe.interval
        action, asks = target.selected, target.request_attributes
        if action is None:
            return Poll(interval, identify=asks)
        action.lapse()
        offer = Offer(str(action.id), f"{action.id}?c={action.stamp}")
        if action.canceling:
            return Poll(interval, cancel=offer, identify=asks)
        if action.waits:
            return Poll(interval, confirmation=offer, identify=asks)
        return Poll(interval, deployment=offer, identify=asks)

    async def deployment(self, offer: Offer) -> Deployment:
        await self._asked()
        action = self._action(offer)
        action.lapse()
        if action.canceling or action.waits:
            raise OfferGoneError("404")
        if not action.active:
            self.universe.specification.wrongs.append(f"action {action.id} was read after its end")
        told = handling(action, "")
        artifacts = tuple(
            Artifact(f"{bundle}.raucb", 100, {"sha1": f"hash-{bundle}"}, f"url-{bundle}")
            for bundle in reversed(bundles_of(action))
        )
        action.retrieved()
        self._effect("read the deployment")
        return Deployment(
            str(action.id),
            told["download"],
            told["update"],
            told.get("maintenanceWindow"),
            (Chunk("os", "os", "1", artifacts),),
            tuple(action.latest_messages(100)),
        )

    async def cancelation(self, offer: Offer) -> str:
        await self._asked()
        action = self._action(offer)
        if not action.canceling:
            raise OfferGoneError("404")
        action.cancel_retrieved()
        self.universe.specification.stopped.add(action.id)
        return str(action.id)

    async def tell(self, feedback: Feedback) -> Told:
        await self._asked()
        action = self.universe.target.find(int(feedback.action))
        self.universe.specification.tells(action, feedback)
        report = Report(feedback.execution.value, feedback.finished.value, feedback.details)
        told = Told.ACCEPTED
        try:
            taken = Taken(self.universe.target, action)
            if feedback.cancel:
                taken.of_cancelation(report)
            else:
                taken.of_deployment(report)
        except Refusal as refusal:
            if refusal.status not in (404, 405, 410):
                raise ServerError(str(refusal.status)) from refusal
            told = Told.CLOSED
        self._effect(f"told {feedback.execution}: {feedback.details[0][:40]}")
        if self.universe.loses:
            self.universe.loses -= 1
            raise ServerError("the answer was lost")
        return told

    async def confirmation(self, offer: Offer) -> tuple[str, ...]:
        await self._asked()
        action = self._action(offer)
        if not action.waits:
            raise OfferGoneError("404")
        return tuple(action.latest_messages(100))

    async def consent(self, consent: Consent) -> None:
        await self._asked()
        try:
            action = self.universe.target.find(int(consent.action))
            Taken(self.universe.target, action).of_confirmation(consent.details, consents=consent.given)
        except Refusal as refusal:
            raise OfferGoneError("404") from refusal
        self._effect("told consent")

    async def confirm_automatically(self, *, on: bool) -> None:
        await self._asked()

    async def identify(self, attributes) -> None:
        await self._asked()
        self.universe.target.request_attributes = False

    async def fetch(self, artifact: Artifact, progress, *, ahead: bool = False):
        if self.universe.now < self.universe.away_until:
            raise DownloadError("connection refused")
        return await super().fetch(artifact, progress, ahead=ahead)

    async def install(self, bundle, transaction, progress) -> None:
        if self.universe.rauc.running is None:
            self.universe.specification.installs(transaction, self._name(bundle))
            self.universe.writes(transaction)
        await super().install(bundle, transaction, progress)

    def write(self, record) -> None:
        try:
            super().write(record)
        finally:
            self.universe.written += (self.universe.folder / "journal.json").stat().st_size


@define
class _Offered:
    """What the universe's downloads ask the server: which bundles may be fetched."""

    target: Target

    @property
    def active(self) -> list[_Bundles]:
        return [_Bundles(bundles_of(a)) for a in self.target.actions if a.active and not a.canceling]


@define
class _Bundles:
    bundles: list[str]


class Course:
    """The course of things at one place: what people do, and time that passes in between."""

    def __init__(self, place: Place) -> None:
        self.place = place
        place.hawkbit = _Offered(place.target)
        self._loop = VirtualLoop(place.now, tick=1e-6)
        self._life: Operated | None = None
        self._daemon: Daemon | None = None
        self._task: asyncio.Task[int] | None = None
        self._names = itertools.count(2)
        self.log: list[str] = []

    # ------------------------------------------------------------ time

    def wait(self, seconds: float) -> None:
        """Let time pass; who dies meanwhile is started again."""
        until = self._loop.virtual + seconds
        while until - self._loop.virtual > 0.001:
            if self._task is None:
                self._loop.run_until_complete(self._start())
            waiting = asyncio.wait([self._task], timeout=until - self._loop.virtual)
            done, _ = self._loop.run_until_complete(waiting)
            if done:
                self._bury()
        if self._task is not None:
            self.place.specification.lives_at(self._loop.virtual)
        self.check()

    def check(self) -> None:
        """What must hold holds."""
        assert not self.place.specification.wrongs, "\n".join(
            [*self.place.specification.wrongs, "after:", *self.log, "with:", *self.place.log[-60:]]
        )

    async def _start(self) -> None:
        self._life = Operated(self.place)
        world = World(*[self._life] * 7, self.place.policy)
        self.place.specification.begins(self._loop.virtual)
        try:
            self._daemon = Daemon(
                world, self._life.attributes, first_poll_within=60, random=lambda: 0.5, **TIMES
            )
        except Cut as end:  # somebody's patience was at its end just now
            self._task = asyncio.ensure_future(_fails(end))
        else:
            self._task = asyncio.ensure_future(self._daemon.run())

    def _bury(self) -> None:
        """The program has died: of a cut, or of a mistake of its own, which is raised."""
        assert self._task is not None
        end = self._task.exception()
        self._task = self._daemon = None
        self._loop.run_until_complete(_drain(self._loop))
        if not isinstance(end, Cut):
            raise end or AssertionError("the daemon ended by itself")
        self.place.deaths += 1
        if self.place.lose_journal:
            (self.place.folder / "journal.json").unlink(missing_ok=True)
            self.place.lose_journal = False
        self.place.between_lives()
        self.place.now = self._loop.virtual
        if isinstance(end, PowerCut):
            self.place.boot()
        else:
            self.place.now += 5
        self._loop.virtual = self.place.now

    def close(self) -> None:
        """End everything."""
        if self._life is not None:
            self._life.dead = Cut("the end")
        self._loop.run_until_complete(_drain(self._loop))
        self._loop.close()
        self.place.close()

    # ------------------------------------------------------------ operators

    @property
    def open(self) -> list[Action]:
        """The open actions."""
        return [action for action in self.place.target.actions if action.active]

    def assign(
        self, kind: str = "fine", *, again: Action | None = None, several: bool = False, **options
    ) -> Action | None:
        """Assign a new bundle of a kind, two of which the second is of that kind, or those of another action.

        Further options as `Target.assign` takes them.
        """
        number = next(self._names)
        names = bundles_of(again) if again else [f"u{number}", f"v{number}"][not several :]
        if not again:
            rauc = self.place.rauc
            kinds = {"broken": rauc.broken, "refused": rauc.refused, "handled": rauc.handled}
            kinds.get(kind, set()).add(names[-1])
        earlier = {action.id for action in self.open}
        action = self.place.target.assign({f"{name}.raucb": name.encode() for name in names}, **options)
        if self.place.server.autoclose:
            self.place.closed_by_others |= earlier
        self.log.append(f"assign {names} ({kind}) as action {action.id}: {options}")
        return action

    def cancel(self, action: Action) -> None:
        """The operator wants an action canceled."""
        self.log.append(f"cancel {action.id}")
        action.cancel()

    def force_quit(self, action: Action) -> None:
        """The operator does not wait for the answer."""
        self.log.append(f"force-quit {action.id}")
        action.cancel()
        if action.active:
            self.place.closed_by_others.add(action.id)
            action.force_quit()

    def answer(self, *, given: bool) -> None:
        """Somebody on the board answers what waits for consent."""
        self.log.append(f"consent {given}")
        if self._daemon is None:
            return

        async def ask(daemon: Daemon) -> bool:
            try:
                await daemon.answer(None, given=given)
            except NothingWaitsError:
                return False
            except (HawkbitRaucError, Cut):
                pass  # it was said, and may have arrived
            return True

        shown = self.place.target.selected
        if self._loop.run_until_complete(ask(self._daemon)) and given and shown:
            self.place.specification.consented.add(shown.id)

    # ------------------------------------------------------------ what can happen

    def later(self, effects: int, act: Callable[[], object]) -> None:
        """Let somebody act after so many further effects."""
        self.place.acts[self.place.effects + effects] = act

    def cut(self, how: type[Cut], after: int, *, lose_journal: bool = False) -> None:
        """The program is killed, or the power cut, after so many further effects."""
        self.log.append(f"{how.__name__} after {after} effects, journal lost: {lose_journal}")
        self.place.cuts = {self.place.effects + after: how}
        self.place.lose_journal = lose_journal

    def die(self, how: type[Cut]) -> None:
        """The same at once."""
        self.log.append(f"{how.__name__} now")
        if self._task is not None and self._life is not None:
            self._life.dead = how("now")
            self._task.cancel()
            self._loop.run_until_complete(_drain(self._loop))
            self._task = asyncio.ensure_future(_fails(self._life.dead), loop=self._loop)
            self._loop.run_until_complete(asyncio.wait([self._task]))
            self._bury()

    def install_by_hand(self) -> None:
        """Somebody runs `rauc install` on the board."""
        rauc = self.place.rauc
        if rauc.running is None and rauc.good(rauc.booted) and self.place.marked:
            name = f"hand{next(self._names)}"
            self.log.append(f"rauc install {name}")
            rauc.running = rauc.install(name, f"by hand {name}")
            self.place.writes(f"by hand {name}")
            self._excuse("rauc install by hand")

    def visit_rescue(self) -> None:
        """Somebody boots the third system, from which the board comes back when somebody reboots it."""
        self.log.append("visit the rescue system")
        self.place.visits = 1
        self.die(PowerCut)

    def activate_by_hand(self) -> None:
        """Somebody makes the booted slot primary; a third system is none that could be."""
        if self.place.rauc.booted == "rescue":
            return
        self.log.append("rauc status mark-active booted")
        self.place.rauc.mark("active", self.place.rauc.booted)
        self._excuse("the old slot was activated by hand")

    def _excuse(self, why: str) -> None:
        for action in self.open:
            self.place.specification.excused[bundle_of(action)] = why

    # ------------------------------------------------------------ the end

    def calm(self) -> None:
        """Everything works again."""
        place = self.place
        place.away_until, place.refuses, place.loses, place.cuts, place.lose_journal = 0, 0, 0, {}, False
        place.rauc_dies_at, place.acts = "", {}

    def settle(self, days: float = 30) -> None:
        """Everybody agrees, and all actions have to come to their ends."""
        place = self.place
        for _ in range(int(days * 24)):
            if not self.open:
                break
            for action in self.open:
                action.window = action.window and evolve(OPEN)
            self.answer(given=True)
            self.wait(3600)
        place.specification.ended()
        self.check()
        self.wait(2 * place.interval)
        left = {bundle: place.disk[bundle] for bundle in place.disk}
        kept = [bundle_of(a) for a in place.target.actions if a.type == "downloadonly"]
        assert set(left) <= set(kept), f"left on the disk: {left}"


async def _fails(end: BaseException) -> int:
    raise end
