# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each way in which an installation by a real RAUC ends is told apart, and none is waited for in vain."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from rig.bundles import MIB, Bundle
from rig.bus import Bus, BusError
from rig.rauc import INSTALLER, RaucBoard
from wire.rauc.using import IMPATIENT, quiet, with_rauc

from hawkbit_rauc.errors import AttemptFailedError, InstallationError, InstallerBusyError, InstallerError
from hawkbit_rauc.rauc.installer import Rauc

NewBoard = Callable[..., RaucBoard]
both = pytest.mark.parametrize("version", ["1.8", "1.13"])


def install(bus: Bus, path: Path, transaction: str = "ours") -> None:
    with_rauc(bus, lambda rauc: rauc.install(path, transaction, quiet))


def interrupted(
    board: RaucBoard, bundle: Bundle, accident: Callable[[], None], point: str = "post-install-rootfs"
) -> None:
    """Install, and let the accident happen when RAUC has written the slot."""
    hold = board.hold(point)

    async def story(rauc: Rauc) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(rauc.install(bundle.path, "ours", quiet))
            await asyncio.to_thread(hold.wait)
            await asyncio.to_thread(accident)

    try:
        with_rauc(board.bus, story, pulse=IMPATIENT)
    except* InstallerError as group:
        raise group.exceptions[0] from None


@contextmanager
def somebody_installs(board: RaucBoard, bundle: Bundle, point: str = "pre-install") -> Iterator[None]:
    """`rauc install` runs and is held; it ends well when the context is left."""
    answers: list[str] = []

    def run() -> None:
        with suppress(RuntimeError):
            answers.append(board.rauc("install", bundle.path))

    with board.hold(point) as hold:
        thread = Thread(target=run, daemon=True)
        thread.start()
        hold.wait()
        yield
    thread.join(30)
    assert answers, "the other installation failed"


@both
def test_success_writes_the_other_slot_and_tells_progress_up_to_100(
    new_board: NewBoard, version: str
) -> None:
    """After install() returns, B holds the bundle and is primary; progress rose to 100."""
    board = new_board(rauc=version)
    bundle = board.bundle()
    seen: list[tuple[int, int]] = []
    with_rauc(
        board.bus,
        lambda rauc: rauc.install(bundle.path, "ours", lambda done, total: seen.append((done, total))),
    )
    assert board.contains("B", bundle)
    assert board.primary() == "B"
    assert seen[-1] == (100, 100)
    assert seen == sorted(set(seen)), "progress never goes back and repeats nothing"


@both
@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("compatible", "Compatible mismatch: Expected 'rig-board'"),
        ("signature", "signature verification failed"),
        ("cut", "Invalid bundle format"),
        ("hook", "exit"),
        ("absent", "No such file"),
    ],
)
def test_failure_is_an_installation_error_with_rauc_s_words(
    new_board: NewBoard, version: str, flaw: str, words: str
) -> None:
    """A bundle that can't be installed ends in one sentence of RAUC's, final if it is the bundle's fault; A stays primary."""
    board = new_board(rauc=version)
    path = {
        "compatible": lambda: board.bundle(compatible="other").path,
        "signature": lambda: board.bundle(sign="wrong").path,
        "cut": lambda: board.bundle().cut(),
        "hook": lambda: board.bundle(hook="exit 1").path,
        "absent": lambda: Path("/nonexistent/two\nlines"),
    }[flaw]()
    seen: list[int] = []
    kind = AttemptFailedError if flaw == "absent" else InstallationError
    with pytest.raises(kind, match=words) as caught:
        with_rauc(board.bus, lambda rauc: rauc.install(path, "ours", lambda done, _: seen.append(done)))
    assert "\n" not in str(caught.value)
    assert 100 not in seen
    assert board.primary() == "A"


def test_transaction_is_stored_where_rauc_takes_it(new_board: NewBoard) -> None:
    """RAUC 1.13 keeps our transaction id with the slot."""
    board = new_board(rauc="1.13")
    install(board.bus, board.bundle(size=MIB).path, "b7f7c1f8")
    system = with_rauc(board.bus, lambda rauc: rauc.system())
    assert {slot.bootname: slot.transaction for slot in system.slots} == {"A": None, "B": "b7f7c1f8"}


def test_transaction_is_left_out_where_rauc_refuses_it(board: RaucBoard) -> None:
    """RAUC 1.8 refuses the key: the installation goes on without, and the next one does not try again."""
    first, second = board.bundle("2.0.0", size=MIB), board.bundle("3.0.0", size=MIB)

    async def story(rauc: Rauc) -> None:
        await rauc.install(first.path, "ours", quiet)
        await rauc.install(second.path, "ours", quiet)

    with_rauc(board.bus, story)
    assert board.slot("B")["installed.count"] == 2
    assert board.contains("B", second)
    # RAUC logs each call; the refused one made it three.
    assert board.service.text().count("input bundle:") == 3


@both
def test_another_installation_means_busy(new_board: NewBoard, version: str) -> None:
    """While somebody else installs, all we ask for is refused as busy, and theirs ends well."""
    board = new_board(rauc=version)
    theirs, ours = board.bundle("2.0.0", size=MIB), board.bundle("3.0.0", size=MIB)

    async def story(rauc: Rauc) -> None:
        with pytest.raises(InstallerBusyError):
            await rauc.system()
        with pytest.raises(InstallerBusyError):
            await rauc.install(ours.path, "ours", quiet)
        with pytest.raises(InstallerBusyError):
            await rauc.mark("good", "rootfs.0")
        if version == "1.13":
            with pytest.raises(InstallerBusyError):
                await rauc.look_into(ours.path)

    with somebody_installs(board, theirs):
        with_rauc(board.bus, story)
    assert board.contains("B", theirs)


@both
def test_busy_is_seen_although_rauc_says_idle(new_board: NewBoard, version: str) -> None:
    """A refused InstallBundle turns Operation to idle while the other installation goes on: still busy."""
    board = new_board(rauc=version)
    theirs, ours = board.bundle("2.0.0", size=MIB), board.bundle("3.0.0", size=MIB)

    async def story(rauc: Rauc) -> None:
        with pytest.raises(InstallerBusyError):
            await rauc.system()
        with pytest.raises(InstallerBusyError):
            await rauc.install(ours.path, "ours", quiet)

    with somebody_installs(board, theirs):
        refused_call(board, ours)
        assert board.bus.property(INSTALLER, "Operation") == "idle"
        with_rauc(board.bus, story)
    assert board.contains("B", theirs)


def refused_call(board: RaucBoard, bundle: Bundle) -> None:
    with pytest.raises(BusError, match=r"lready processing"):
        board.bus.call(INSTALLER, "InstallBundle", "sa{sv}", str(bundle.path), {})


@both
def test_our_installation_goes_on_when_somebody_is_refused(new_board: NewBoard, version: str) -> None:
    """Operation idle, caused by somebody's refused call, and a long silence do not end our wait; Completed does."""
    board = new_board(rauc=version)
    ours, theirs = board.bundle("2.0.0", size=MIB), board.bundle("3.0.0", size=MIB)
    hold = board.hold("post-install-rootfs")

    async def story(rauc: Rauc) -> None:
        installation = asyncio.create_task(rauc.install(ours.path, "ours", quiet))
        await asyncio.to_thread(hold.wait)
        await asyncio.to_thread(refused_call, board, theirs)
        done, _ = await asyncio.wait({installation}, timeout=5 * IMPATIENT.every)
        assert not done, "it was not over yet"
        hold.release()
        await installation

    with_rauc(board.bus, story, pulse=IMPATIENT)
    assert board.contains("B", ours)


@both
def test_killed_rauc_is_a_rauc_error_at_once(new_board: NewBoard, version: str) -> None:
    """RAUC killed while it writes ends the wait, and the slots can be looked at when it is back."""
    board = new_board(rauc=version)
    with pytest.raises(InstallerError, match="went away during the installation"):
        interrupted(board, board.bundle(size=MIB), board.kill)
    board.start()
    system = with_rauc(board.bus, lambda rauc: rauc.system())
    assert {slot.bootname: slot.boot_status for slot in system.slots} == {"A": "good", "B": "bad"}


@both
def test_restarted_rauc_does_not_look_like_success(new_board: NewBoard, version: str) -> None:
    """A fresh RAUC that says idle without an error is not taken for the end of our installation."""
    board = new_board(rauc=version)
    with pytest.raises(InstallerError, match="went away during the installation"):
        interrupted(board, board.bundle(size=MIB), board.restart)
    assert board.bus.property(INSTALLER, "LastError") == ""


@both
def test_stopped_rauc_is_given_up(new_board: NewBoard, version: str) -> None:
    """A RAUC that is stopped in the middle is noticed, because it misses its answers."""
    board = new_board(rauc=version)
    with pytest.raises(InstallerError, match="does not answer any more"):
        interrupted(board, board.bundle(size=MIB), board.stop)


def test_silent_but_living_rauc_is_waited_for(board: RaucBoard) -> None:
    """Silence alone is no reason to give up: a RAUC that answers may take its time."""
    bundle = board.bundle(size=MIB)
    hold = board.hold("pre-install")

    async def story(rauc: Rauc) -> None:
        installation = asyncio.create_task(rauc.install(bundle.path, "ours", quiet))
        await asyncio.to_thread(hold.wait)
        done, _ = await asyncio.wait({installation}, timeout=10 * IMPATIENT.every)
        assert not done
        hold.release()
        await installation

    with_rauc(board.bus, story, pulse=IMPATIENT)
    assert board.contains("B", bundle)


def test_stopped_rauc_is_told_before_the_installation(board: RaucBoard) -> None:
    """A RAUC that hangs from the start is told within the deadline of a call."""
    board.stop()
    with pytest.raises(InstallerError, match=r"RAUC does not answer .*rauc\.service"):
        with_rauc(board.bus, lambda rauc: rauc.install(Path("/x"), "ours", quiet), timeout=0.3)


@both
def test_dead_bus_ends_the_wait_and_is_used_again_when_it_is_back(new_board: NewBoard, version: str) -> None:
    """The bus dies during the installation: a InstallerError; when it is back, the same adapter works again."""
    board = new_board(rauc=version)
    bundle = board.bundle(size=MIB)
    hold = board.hold("post-install-rootfs")

    async def story(rauc: Rauc) -> str:
        installation = asyncio.create_task(rauc.install(bundle.path, "ours", quiet))
        await asyncio.to_thread(hold.wait)
        await asyncio.to_thread(board.bus.kill)
        with pytest.raises(InstallerError, match="D-Bus connection was lost"):
            await installation
        with pytest.raises(InstallerError, match="is not reachable"):
            await rauc.system()
        await asyncio.to_thread(board.bus.restart)
        await asyncio.to_thread(board.restart)
        return (await rauc.system()).compatible

    assert with_rauc(board.bus, story) == "rig-board"


def test_absent_rauc_is_named_with_its_unit(bus: Bus) -> None:
    """Without RAUC on the bus, every question ends in a sentence that names what to start."""

    async def story(rauc: Rauc) -> None:
        for question in (
            rauc.system(),
            rauc.install(Path("/x"), "ours", quiet),
            rauc.mark("good", "rootfs.0"),
            rauc.look_into(Path("/x")),
            rauc.describe(),
        ):
            with pytest.raises(InstallerError, match=r"RAUC is not on the bus .* start rauc\.service"):
                await question

    with_rauc(bus, story)


def test_cancelled_wait_leaves_the_installation_to_rauc(board: RaucBoard) -> None:
    """Cancelling our wait returns at once, and RAUC goes on."""
    bundle = board.bundle(size=MIB)
    hold = board.hold("pre-install")

    async def story(rauc: Rauc) -> None:
        installation = asyncio.create_task(rauc.install(bundle.path, "ours", quiet))
        await asyncio.to_thread(hold.wait)
        installation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await installation
        with pytest.raises(InstallerBusyError):
            await rauc.system()

    with_rauc(board.bus, story)
