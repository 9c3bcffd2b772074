# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all machines share, made once a run."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from boards.vm import grub_board
from boards.vm.grub_board import GrubBoard
from boards.vm.scene import GrubScene, Images
from rig.cache import REPOSITORY
from rig.hawkbit import Hawkbit
from rig.process import run
from rig.run import configuration


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Version 1.0.0 is on the boards at first, 2.0.0 and 2.1.0 work, 3.0.0 panics."""
    folder = tmp_path_factory.mktemp("images")
    pip = [REPOSITORY / ".venv/bin/pip", "-q", "--disable-pip-version-check", "wheel", "--no-deps"]
    run(*pip, "-w", folder / "wheel", REPOSITORY)
    (wheel,) = (folder / "wheel").glob("*.whl")
    slots = {
        version: grub_board.slot(folder, version, broken=version == "3.0.0")
        for version in ("1.0.0", "2.0.0", "2.1.0", "3.0.0")
    }
    bundles = {
        version: grub_board.bundle(folder, version, slots[version]) for version in slots if version != "1.0.0"
    }
    return Images(grub_board.system(folder, wheel), slots, bundles)


@pytest.fixture
def new_grub_scene(
    real_hawkbit: Hawkbit, images: Images, tmp_path: Path
) -> Iterator[Callable[..., GrubScene]]:
    """Makes a board with further keys of its configuration; it is asked to poll twice a minute."""
    real_hawkbit.sleep = "00:00:30"
    with ExitStack() as stack:
        stack.callback(real_hawkbit.unconfigure, "pollingTime")

        def make(*, server: str = real_hawkbit.host, **keys: object) -> GrubScene:
            target = real_hawkbit.target()
            file = configuration(
                tmp_path / "config.conf",
                server=grub_board.address(server),
                target=target.id,
                token=target.token,
                bundle=None,  # in the state folder
                **{
                    "reboot": "logind",
                    "post_update_reboot": None,
                    "first_poll_within": 0,
                    "retry_wait": 2,
                    **keys,
                },
            )
            board = GrubBoard(
                tmp_path / "board",
                images.shared,
                images.slots["1.0.0"],
                file,
                mark_good_own=keys.get("mark_good") == "own",
            )
            return GrubScene(stack.enter_context(board), target, images)

        yield make
