# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of the board, run with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence

#: Characters at the end of what a program prints that are kept.
LONGEST_OUTPUT = 2000


async def run(
    command: Sequence[str],
    *,
    within: float,
    environment: Mapping[str, str] | None = None,
    leaves: bool = False,
) -> tuple[int | None, list[str]]:
    """Run a program.

    Args:
        command: its path and arguments.
        within: seconds after which it is killed, and all that it has started.
        environment: further variables.
        leaves: whether it may leave something behind that goes on; else that is killed at its end.

    Returns:
        Its exit code, None where it was killed, and the last lines of what it printed, without empty ones.

    Raises:
        OSError: it can't be run.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    assert process.stdout is not None
    tail = b""
    try:
        async with asyncio.timeout(within):
            while piece := await process.stdout.read(4096):
                tail = (tail + piece)[-LONGEST_OUTPUT:]
            await process.wait()
    except TimeoutError:
        return None, []
    finally:
        if not leaves or process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
