# SPDX-License-Identifier: LGPL-2.1-or-later
"""The board's own programs: in which order they are asked, what they are told, and what follows from their answers."""

import asyncio
import os
import select
from pathlib import Path

import pytest
from attrs import evolve

from hawkbit_rauc.board.hooks import Hooks
from hawkbit_rauc.errors import DeploymentError
from hawkbit_rauc.model import Status

MOMENT = "before-download"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / MOMENT).mkdir()
    (tmp_path / "state").mkdir()
    return tmp_path


def hook(folder: Path, name: str, text: str, moment: str = MOMENT, mode: int = 0o755) -> Path:
    """Write a program."""
    program = folder / moment / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(mode)
    return program


def ask(folder: Path | None, **options: float) -> str | None:
    return asyncio.run(Hooks(folder, **{"timeout": 60} | options).ask(MOMENT, {"action": "7"}))


def test_board_without_hooks_goes_on(tmp_path: Path) -> None:
    """No folder configured, an empty one, or one that is not there."""
    assert ask(None) is None
    assert ask(tmp_path) is None
    assert ask(tmp_path / "nowhere") is None


def test_programs_run_in_the_order_of_their_names_and_know_what_it_is_about(folder: Path) -> None:
    line = f'echo "$0 $HAWKBIT_RAUC_MOMENT $HAWKBIT_RAUC_ACTION" >> {folder}/ran'
    hook(folder, "20-second", line)
    hook(folder, "10-first", line)
    hook(folder, ".hidden", line)
    assert ask(folder) is None
    ran = [entry.rpartition("/")[2] for entry in (folder / "ran").read_text().splitlines()]
    assert ran == [f"10-first {MOMENT} 7", f"20-second {MOMENT} 7"]


def test_75_says_later_with_its_last_words(folder: Path) -> None:
    """EX_TEMPFAIL; those after it are not asked."""
    hook(folder, "1", "echo ignored; echo on battery; exit 75")
    hook(folder, "2", f"touch {folder}/ran")
    assert ask(folder) == f"hook {MOMENT}/1 says later: on battery"
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_anything_else_refuses_with_its_last_words(folder: Path, end: str) -> None:
    hook(folder, "1", f"echo no >&2; {end}")
    with pytest.raises(DeploymentError, match=rf"hook {MOMENT}/1 refused \(exit code -?\d+\): no"):
        ask(folder)


def ended(process: int) -> bool:
    """Wait until a process is over, at most 30 seconds."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def test_program_that_hangs_is_ended_with_its_children_and_asked_again_later(folder: Path) -> None:
    hook(folder, "1", f"sleep 1000 & echo $! > {folder}/child; wait")
    why = ask(folder, timeout=3)
    assert why == f"hook {MOMENT}/1 did not end in 3 s; asked again later"
    assert ended(int((folder / "child").read_text()))


def test_child_that_is_left_behind_holds_nothing_up(folder: Path) -> None:
    """What goes on in the background is ended with the program."""
    hook(folder, "1", "sleep 1000 >/dev/null 2>&1 & exit 0")
    assert ask(folder, timeout=20) is None


def test_endless_output_is_cut(folder: Path) -> None:
    hook(folder, "1", "yes 'many words' | head -c 3000000; exit 75")
    assert len(ask(folder) or "") < 400


@pytest.mark.parametrize(
    ("mode", "what"), [(0o644, "not an executable file"), (0o757, "others could change it")]
)
def test_program_that_can_not_be_trusted_is_passed_over(
    folder: Path, mode: int, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning that says what to do."""
    hook(folder, "1", "exit 1", mode=mode)
    assert ask(folder) is None
    assert what in caplog.text


def test_program_of_another_user_is_passed_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = hook(folder, "1", "exit 1")
    os.chown(program, 12345, 12345)
    assert ask(folder) is None
    assert "others could change it" in caplog.text


def test_program_that_is_none_refuses_in_a_sentence(folder: Path) -> None:
    program = folder / MOMENT / "1"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    with pytest.raises(DeploymentError, match="can't be run: Exec format error"):
        ask(folder)


def test_states_are_told_once_each_and_the_last_one_last(folder: Path) -> None:
    """Progress alone tells nobody; what passes while a program runs may be left out, how it stands now not."""
    hook(folder, "1", f"echo $HAWKBIT_RAUC_STATE >> {folder}/told; exit 1", "state")

    async def story() -> None:
        hooks = Hooks(folder, timeout=60)
        status = Status("downloading", "7")
        for state in (
            status,
            evolve(status, progress=50),
            evolve(status, state="installing"),
            Status("idle"),
        ):
            hooks.tell_state(state)
        while not (folder / "told").exists() or "idle" not in (folder / "told").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(story(), 30))
    told = (folder / "told").read_text().split()
    assert told[-1] == "idle"
    assert len(told) == len(set(told))
