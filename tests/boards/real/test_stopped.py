# SPDX-License-Identifier: LGPL-2.1-or-later
"""A RAUC that hangs: it is on the bus, but answers nothing."""

import threading
from collections.abc import Callable, Iterator

import pytest
from boards.real.inside import Inside
from rig.rauc import INSTALLER, RaucBoard

import hawkbit_testing
from hawkbit_rauc.errors import PassingError
from hawkbit_rauc.rauc.installation import Pulse
from hawkbit_rauc.rules.verdicts import Decided, Reboot

#: A RAUC that is silent for half a second hangs, in tests; in earnest it is given two minutes.
IMPATIENT = Pulse(every=0.1, timeout=0.2, misses=2)


@pytest.fixture
def inside(new_board: Callable[..., RaucBoard], version: str) -> Iterator[Inside]:
    """A board under the double."""
    board = new_board(rauc=version)
    with hawkbit_testing.Hawkbit("0.3") as hawkbit:
        yield Inside(board, hawkbit, pulse=IMPATIENT)


def test_rauc_stopped_during_the_installation_is_told_and_recovers(inside: Inside) -> None:
    """It is given up with a sentence; when it goes on, its installation is waited for, not done again."""
    board = inside.board
    bundle = board.bundle("2.0.0")
    action = inside.offer(bundle)
    with board.hold("post-install-rootfs") as hold:

        def stop() -> None:
            hold.wait()
            board.stop()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(PassingError, match="RAUC does not answer"):
            inside.go()
        stopper.join()
        board.cont()
        with pytest.raises(PassingError, match="busy"):
            inside.go()
    board.service.ready(
        lambda: board.bus.property(INSTALLER, "Operation") == "idle", "the end of the installation"
    )
    assert isinstance(inside.go(), Reboot)
    assert board.slot("B")["installed.count"] == 1
    assert board.boot() == "B"
    board.mark_good()
    verdict = inside.go()
    assert isinstance(verdict, Decided)
    assert action.outcome() == "finished"
