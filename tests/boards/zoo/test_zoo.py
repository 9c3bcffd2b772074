# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every board of the zoo lives through every ending, on real RAUCs: hawkBit is told what is so, and nothing else."""

from collections.abc import Callable, Iterator

import pytest
from boards.zoo.boards import ZOO, ZooBoard
from boards.zoo.endings import ENDINGS, NEVER
from boards.zoo.life import Life
from boards.zoo.page import NOT_LIVED, expected
from rig.rauc import RaucBoard, Version
from rig.systemd import Systemd

from hawkbit_testing import Hawkbit

LIVES = [
    pytest.param(kind, version, ending, id=f"{kind.name}-{version}-{ending}")
    for kind in ZOO
    for version in kind.versions
    for ending in ENDINGS
    if expected(kind, version, ending) not in (NEVER, NOT_LIVED)
]


@pytest.fixture(scope="session")
def double() -> Iterator[Hawkbit]:
    """A hawkBit for all lives; each has a target of its own."""
    with Hawkbit("0.3") as hawkbit:
        yield hawkbit


@pytest.mark.parametrize(("kind", "version", "ending"), LIVES)
def test_hawkbit_is_told_the_truth(
    new_board: Callable[..., RaucBoard],
    double: Hawkbit,
    kind: ZooBoard,
    version: Version,
    ending: str,
) -> None:
    """Each life ends as docs/boards.md says."""
    board = new_board(rauc=version, bootloader=kind.loader, layout=kind.layout)
    with Systemd(board.bus) as systemd:
        life = Life(kind, board, double, systemd)
        assert ENDINGS[ending](life) == expected(kind, version, ending)
