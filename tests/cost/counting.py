# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program does in numbers that no clock and no busy machine changes: instructions and system calls."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rig.process import need, run


def warm_up(*command: str | Path) -> None:
    """Run a command once, so that all that it imports is there as bytecode, whatever the environment says."""
    run(*command, env={"PYTHONDONTWRITEBYTECODE": ""})


def instructions(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
) -> list[int]:
    """Run a command under callgrind and return the instructions in user space of each thread, the main one first."""
    need("valgrind")
    for old in folder.glob("callgrind*"):
        old.unlink()
    tool = ["valgrind", "--tool=callgrind", "--separate-threads=yes"]
    _run([*tool, f"--callgrind-out-file={folder}/callgrind", *command], env)
    threads = [path.read_text() for path in sorted(folder.glob("callgrind-*"))]
    return [int(found[1]) for text in threads if (found := re.search(r"^totals: (\d+)", text, re.MULTILINE))]


def system_calls(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None
) -> Counter[str]:
    """Run a command under strace and return how often it made each system call, in all threads."""
    need("strace")
    _run(["strace", "-f", "-qq", "-o", folder / "calls", *command], env)
    lines = (folder / "calls").read_text().splitlines()
    return Counter(found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line)))


def _run(command: Sequence[str | Path], env: Mapping[str, str] | None) -> str:
    """Run it with nothing of our environment (coverage, proxies), and with the same order in sets each time."""
    done = subprocess.run(
        [str(word) for word in command],
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr
