# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that the rig starts: in a session of their own, their output in a file, ended with all children."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_running: "weakref.WeakSet[Process]" = weakref.WeakSet()


class MissingError(RuntimeError):
    """Something that the rig needs is not on this machine; the text says how to get it."""


def need(*programs: str) -> None:
    """Check that programs are installed.

    Raises:
        MissingError: naming those that are not, and the remedy.
    """
    missing = [program for program in programs if shutil.which(program, path=_path()) is None]
    if missing:
        raise MissingError(f"not installed: {', '.join(missing)}; run scripts/install as root")


def need_root() -> None:
    """Check that we may mount and make namespaces.

    Raises:
        MissingError: if we are not root.
    """
    if os.geteuid() != 0:
        raise MissingError("RAUC mounts bundles and so runs as root; run this as root, or with sudo")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"


def wait_until(
    condition: Callable[[], T | None], what: str, timeout: float = 20.0, interval: float = 0.02
) -> T:
    """Ask again and again until the answer is true, and return it.

    Args:
        condition: the question.
        what: names the awaited thing in the error.
        timeout: seconds to wait in all.
        interval: seconds between two questions.

    Raises:
        TimeoutError: if it does not become true in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)


def run(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 600
) -> str:
    """Run a program to its end and return what it wrote to both outputs.

    Raises:
        RuntimeError: with all of its output, if it fails.
    """
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PATH": _path(), **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(str(word) for word in command)}: exit {done.returncode}\n{done.stdout}"
        )
    return done.stdout


def in_namespace(command: Sequence[str | Path], mounts: Mapping[Path, Path]) -> list[str | Path]:
    """Return `command` wrapped so that it runs in a mount namespace of its own, same process id.

    The mounts, and all that the program mounts itself, vanish when it ends, however it ends.
    What is mounted elsewhere afterwards is not seen inside.

    Args:
        command: the program and its arguments.
        mounts: target -> source of bind mounts to make first, in this order.
    """
    script = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 70; shift 2; done; shift; exec "$@"'
    pairs = [path for target, source in mounts.items() for path in (source, target)]
    return [
        "unshare",
        "-m",
        "--propagation",
        "private",
        "/bin/sh",
        "-c",
        script,
        "sh",
        *pairs,
        "--",
        *command,
    ]


class Process:
    """A running program; leaving the context ends it and its children."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `command` with `env` added to our environment; its output is appended to `log`."""
        self.log = log
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._child = subprocess.Popen(
                [str(word) for word in command],
                env={**os.environ, "PATH": _path(), **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._child.pid
        _running.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._child.poll()

    def text(self) -> str:
        """Return what the program has written so far."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal to the program and its children."""
        if self.returncode is not None and Path(f"/proc/{self.pid}").exists():
            return  # it ended and left no children: the kernel has given its number to somebody else
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the program and its children as a crash does, and wait until they are gone."""
        self.signal(signal.SIGKILL)
        self._child.wait(30)
        _running.discard(self)

    def terminate(self) -> None:
        """Ask the program alone to end (SIGTERM)."""
        if self.returncode is None:
            self._child.terminate()

    def end(self, timeout: float = 5) -> None:
        """Ask the program to end, and kill it and its children `timeout` seconds later at most."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)
        self.kill()

    def wait(self, timeout: float = 60) -> int:
        """Wait for the program's end and return its exit code.

        Raises:
            TimeoutError: with its last words, if it has not ended `timeout` seconds later.
        """
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"still running after {timeout:g} s; its log:\n{self.text()[-4000:]}"
            ) from None

    def ready(
        self, condition: Callable[[], T | None], what: str, timeout: float = 20, interval: float = 0.02
    ) -> T:
        """Wait until `condition` is true, as `wait_until`.

        Raises:
            RuntimeError: with its last words, if the program ends before.
            TimeoutError: with its last words, if it takes longer than `timeout` seconds.
        """

        def check() -> T | None:
            if self.returncode is not None:
                raise RuntimeError(f"{what}: ended with {self.returncode}; its log:\n{self.text()[-4000:]}")
            return condition()

        try:
            return wait_until(check, what, timeout, interval)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.text()[-4000:]}") from None

    def wait_for_log(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """Wait for a line that matches the regular expression and return the first match.

        Raises:
            RuntimeError: if the program ends without such a line.
            TimeoutError: if there is none `timeout` seconds later.
        """
        ended = False

        def look() -> re.Match[str] | None:
            nonlocal ended
            was_ended = self.returncode is not None  # first: what it wrote last must still be read
            found = re.search(pattern, self.text(), re.MULTILINE)
            if found is None and was_ended:
                raise RuntimeError(
                    f"no line {pattern!r}: ended with {self.returncode}; its log:\n{self.text()[-4000:]}"
                )
            return found

        try:
            return wait_until(look, f"a line {pattern!r}", timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.text()[-4000:]}") from None


@atexit.register
def end_all() -> None:
    """Kill everything that the rig started and that still runs."""
    for process in list(_running):
        with suppress(Exception):
            process.kill()
