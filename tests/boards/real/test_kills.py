# SPDX-License-Identifier: LGPL-2.1-or-later
"""`kill -9` at random instants: the real command and a real RAUC, with a double of hawkBit as the witness."""

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from rig.process import Process
from rig.rauc import RaucBoard
from rig.run import configuration, daemon

import hawkbit_testing

#: The 50 lives that are cut short, one to three times each; a seed alone makes one again.
SEEDS = range(50)
#: Seconds from the start of the program within which it is killed: start, poll, download, installation.
WITHIN = 1.6


def kill_somewhere(process: Process, action: hawkbit_testing.Action, chance: random.Random) -> None:
    """Kill the program after a random time, unless all is over before."""
    with suppress(TimeoutError):
        action.wait(chance.uniform(0.05, WITHIN))
    process.kill()


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_instants_it_ends_in_the_truth(
    seed: int, new_board: Callable[..., RaucBoard]
) -> None:
    """One final, the truth; no attempt installed twice, three at most; no bundle left."""
    chance = random.Random(seed)
    version, fallback = chance.choice(["1.8", "1.13"]), chance.random() < 0.25
    board = new_board(
        rauc=version, bootloader=chance.choice(["grub", "uboot", "none"][: 2 if fallback else 3])
    )
    kills = chance.randint(1, 3)
    with hawkbit_testing.Hawkbit("1.1", sleep="00:00:01") as hawkbit:
        target = hawkbit.target()
        bundle = board.bundle("2.0.0", size=8 << 20)
        file = configuration(
            board.folder / "config.conf",
            server=hawkbit.host,
            target=target.id,
            token=target.token,
            bundle=board.folder / "bundle.raucb",
            first_poll_within=0,
            retry_wait=1,
            post_update_reboot=True,
            download_speed_limit=20_000_000,
        )
        action = target.assign(bundle.path)
        for _ in range(20):
            with daemon(board, file) as process:
                if kills:
                    kills -= 1
                    kill_somewhere(process, action, chance)
                else:
                    while not board.reboot_requested.wait(0.1) and action.active:
                        assert process.returncode is None, process.text()
            if not action.active:
                break
            if board.reboot_requested.is_set():
                board.boot({"B"} if fallback else ())
                board.mark_good()
        said = f"seed {seed}, RAUC {version}, {board.booted}: {action.messages()}"
        assert action.outcome() == ("error" if fallback else "finished"), said
        assert [entry.type for entry in action.history()].count(action.outcome() or "") == 1, said
        assert board.booted == ("A" if fallback else "B"), said
        assert board.contains("B", bundle), said
        assert 1 <= int(board.slot("B").get("installed.count", 1)) <= 3, said
        assert not list(board.folder.glob("bundle.raucb*")), said
