# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting costs nothing: no wake-up between two polls, and no memory however long it lasts."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from rig.process import Process, run, wait_until
from rig.rauc import RaucBoard
from rig.run import COMMAND, configuration

from hawkbit_testing import Hawkbit

KIB = 1024
#: Polls of the soak, and after how many of them the memory has settled. `SOAK_POLLS=100000` makes it a long one.
POLLS, SETTLED = int(os.environ.get("SOAK_POLLS", "3000")), 1000
#: What may be added afterwards: the pages of which the allocators keep more or less;
#: and blocks of memory that Python has handed out, which is exact: one kept in every second poll would be more.
PAGES, BLOCKS = 1536 * KIB, 500


def wakes(process: Process) -> dict[str, int]:
    """How often each thread of it went to sleep by itself so far."""
    counts = {}
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        # One may end while it is looked at.
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
            counts[thread.name] = int(lines["voluntary_ctxt_switches"])
    return counts


def environment(board: RaucBoard, folder: Path) -> dict[str, str]:
    (folder / "state").mkdir()
    # What measures coverage would be measured too.
    uncovered = dict.fromkeys(("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"), "")
    return {**board.bus.environment, **uncovered, "STATE_DIRECTORY": str(folder / "state")}


def written(folder: Path, server: Hawkbit, target: Any, **keys: object) -> Path:
    keys = {"first_poll_within": 0, "log_level": "warning", **keys}
    return configuration(
        folder / "config.conf",
        server=server.host,
        target=target.id,
        token=target.token,
        bundle=folder / "bundle.raucb",
        **keys,
    )


def test_nothing_wakes_up_between_two_polls(tmp_path: Path, board: RaucBoard, served_double: Hawkbit) -> None:
    """In three seconds of a five-minute interval no thread of the daemon runs, not for a moment."""
    target = served_double.target()
    file = written(tmp_path, served_double, target)
    with Process([COMMAND, "-c", file, "run"], tmp_path / "log", environment(board, tmp_path)) as daemon:
        served_double.wait_for_request("PUT .*/configData")

        def rests() -> bool:
            before = wakes(daemon)
            run("sleep", "0.5")
            return wakes(daemon) == before

        wait_until(rests, "a daemon that rests")
        before = wakes(daemon)
        run("sleep", "3")
        assert wakes(daemon) == before
        assert daemon.returncode is None


@contextmanager
def deployments(server: Hawkbit, target: Any) -> Iterator[list[int]]:
    """One deployment after the other; yields the ids of those that have ended well."""
    done: list[int] = []
    ended = threading.Event()

    def assign() -> None:
        while not ended.is_set():
            action = target.assign({"bundle.raucb": os.urandom(300 * KIB)}, download_only=True)
            with server.changed:
                while action.active and not ended.is_set():
                    server.changed.wait(0.5)
            done.append(action.id)

    thread = threading.Thread(target=assign)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


@pytest.mark.timeout(0)
def test_memory_is_flat(tmp_path: Path, board: RaucBoard, served_double: Hawkbit) -> None:
    """Thousands of polls and more than a hundred deployments leave nothing behind in memory."""
    target = served_double.target()
    file = written(tmp_path, served_double, target)
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("soak.py"), file, str(POLLS), "100"]
    env = environment(board, tmp_path)
    with Process(command, tmp_path / "log", env) as daemon, deployments(served_double, target) as done:
        assert daemon.wait(POLLS) == 0, daemon.text()
    marks = [tuple(map(int, line.split())) for line in daemon.text().splitlines()]
    assert len(done) > 100
    assert marks[-1][0] == POLLS
    settled = [mark for mark in marks if SETTLED < mark[0] <= 2 * SETTLED]
    last = [mark for mark in marks if mark[0] > POLLS - SETTLED]
    pages, blocks = (
        median(mark[at] for mark in last) - median(mark[at] for mark in settled) for at in (1, 2)
    )
    print(f"{POLLS} polls, {len(done)} deployments: {pages / KIB:.0f} KiB and {blocks:.0f} blocks more")
    assert pages < PAGES, marks
    assert blocks < BLOCKS, marks
