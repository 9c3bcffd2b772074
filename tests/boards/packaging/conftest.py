# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wheel and the board that it runs on, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from boards.packaging.systemd_board import SystemdBoard, wheel


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def systemd_board(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdBoard]:
    """A board with systemd, on which the wheel and the unit are installed."""
    with SystemdBoard(tmp_path_factory.mktemp("machine"), package) as running:
        yield running
