# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same on goosebit, which reuses ids, answers null, and offers nothing before it knows the board."""

import secrets
from collections.abc import Callable
from pathlib import Path

from rig.bundles import Bundle
from rig.goosebit import Goosebit
from rig.process import Process
from rig.rauc import RaucBoard
from rig.run import configuration, daemon
from rig.target import Target


def begin(board: RaucBoard, goosebit: Goosebit, **options: object) -> tuple[Target, Bundle]:
    """Roll a bundle out to a device of its own; goosebit knows each version once."""
    version = f"2.{secrets.randbelow(10**6)}.{secrets.randbelow(10**6)}"
    bundle = board.bundle(version, **options)
    target = goosebit.create_target()
    goosebit.roll_out(target, goosebit.upload(bundle))
    return target, bundle


def start(board: RaucBoard, goosebit: Goosebit, target: Target, token: str | None = None) -> Process:
    """Start the daemon with a device's token, or another one."""
    folder: Path = board.folder / "download"
    folder.mkdir(exist_ok=True)
    file = configuration(
        board.folder / "config.conf",
        server=goosebit.host,
        target=target.id,
        token=token or target.token,
        bundle=folder / "bundle.raucb",
        device={"hw_boardname": board.compatible, "hw_revision": "default", "sw_version": "1.0.0"},
        post_update_reboot=True,
        first_poll_within=0,
        retry_wait=1,
    )
    return daemon(board, file)


def test_success_on_goosebit(new_board: Callable[..., RaucBoard], version: str, goosebit: Goosebit) -> None:
    """Finished only after the boot and the commit, with the bundle in the slot."""
    board = new_board(rauc=version)
    target, bundle = begin(board, goosebit)
    with start(board, goosebit, target) as process:
        process.ready(board.reboot_requested.is_set, "a request to reboot", timeout=60)
    assert goosebit.state(target) == "Running"
    assert board.boot() == "B"
    board.mark_good()
    with start(board, goosebit, target):
        goosebit.wait_for_state(target, "Finished")
    assert board.contains("B", bundle)


def test_failure_on_goosebit(new_board: Callable[..., RaucBoard], version: str, goosebit: Goosebit) -> None:
    """A bundle that RAUC can't install ends in Error, with its words in the log."""
    board = new_board(rauc=version)
    target, _ = begin(board, goosebit, hook="exit 1")
    with start(board, goosebit, target):
        goosebit.wait_for_state(target, "Error")
    assert any("hook" in line.lower() for line in goosebit.log(target))
    assert board.primary() == "A"


def test_revoked_token_on_goosebit(
    new_board: Callable[..., RaucBoard], version: str, goosebit: Goosebit
) -> None:
    """A refused token is told in the log with the remedy, and nothing is installed; the right one goes on."""
    board = new_board(rauc=version)
    target, _ = begin(board, goosebit)
    with start(board, goosebit, target, token="revoked") as process:
        process.wait_for_log("refuses the credentials.*check the token")
    assert "installed.count" not in board.slot("B")
    with start(board, goosebit, target) as process:
        process.ready(board.reboot_requested.is_set, "a request to reboot", timeout=60)
