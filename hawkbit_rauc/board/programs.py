# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of the board, run with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping, Sequence

#: Characters at the end of what a program prints that are kept.
LONGEST_OUTPUT = 2000


@contextlib.asynccontextmanager
async def running(command: Sequence[str], *, within: float) -> AsyncIterator[str]:
    """Have a program run for as long as the context lasts.

    Args:
        command: its path and arguments; it prints an empty line once it is ready, and ends with its input.
        within: seconds that it may take until then; afterwards it is not waited for.

    Returns:
        What it said instead of the empty line; nothing if it is ready.

    Raises:
        OSError: it can't be run.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=_environment(), start_new_session=True
    )
    assert process.stdout is not None
    try:
        said = b"no answer"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                said = await process.stdout.readline()
        if said == b"\n":
            yield ""
        else:
            yield said.decode(errors="replace").strip() or "it ended"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


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
        leaves: whether it may leave something behind that goes on; otherwise that is killed at its end.

    Returns:
        Its exit code, None if it was killed, and the last lines of what it printed, without empty ones.

    Raises:
        OSError: it can't be run.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**_environment(), **(environment or {})},
        start_new_session=True,
    )
    assert process.stdout is not None
    tail = b""
    try:
        async with asyncio.timeout(within):
            # All of it is read: a program whose output nobody takes stands still.
            while piece := await process.stdout.read(4096):
                tail = (tail + piece)[-LONGEST_OUTPUT:]
            await process.wait()
    except TimeoutError:
        return None, []
    finally:
        # Its whole group: what a shell has started would go on otherwise, and after a deadline beside the next try.
        if not leaves or process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, [line for line in tail.decode(errors="replace").splitlines() if line.strip()]


def _environment() -> dict[str, str]:
    """Return our own environment without the door to systemd: what others say there only brings warnings (sd_notify(3))."""
    return {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
