# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real hawkBit, real RAUC and the real command, ready to be brought into trouble."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from boards.real.scene import Scene
from rig.hawkbit import Hawkbit
from rig.proxy import Proxy
from rig.rauc import RaucBoard

NewScene = Callable[..., Scene]


@pytest.fixture(params=["1.8", "1.13"])
def version(request: pytest.FixtureRequest) -> str:
    """RAUC's version."""
    return str(request.param)


@pytest.fixture(scope="package")
def quick_hawkbit(real_hawkbit: Hawkbit) -> Iterator[Hawkbit]:
    """The server, with the shortest interval that it takes."""
    real_hawkbit.sleep = "00:00:01" if real_hawkbit.version < (0, 5) else "00:00:30"
    yield real_hawkbit
    real_hawkbit.unconfigure("pollingTime")


@pytest.fixture
def new_scene(
    new_board: Callable[..., RaucBoard], quick_hawkbit: Hawkbit, version: str
) -> Iterator[NewScene]:
    """Makes a scene; takes the options of `rig.rauc.RaucBoard`."""
    with ExitStack() as stack:

        def make(**options: object) -> Scene:
            board = new_board(rauc=version, **options)
            scene = Scene(board, quick_hawkbit, stack.enter_context(Proxy(quick_hawkbit.host)))
            stack.callback(scene.close)
            return scene

        yield make


@pytest.fixture
def scene(new_scene: NewScene) -> Scene:
    """A board with GRUB under hawkBit."""
    return new_scene()
