# SPDX-License-Identifier: LGPL-2.1-or-later
"""The clients that are compared, and one run of one of them, measured from outside."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from rig.cache import REPOSITORY
from rig.debian import rauc_hawkbit_updater
from rig.nginx import tls_keys
from rig.process import in_namespace, run, wait_until
from rig.run import configuration

from benchmarks.ground import Ground, Request

#: Where programs of Debian look for authorities: OpenSSL in the folder, curl in the file.
AUTHORITIES = Path("/etc/ssl/certs")
FILE = "ca-certificates.crt"
PYTHON = REPOSITORY / ".venv-benchmark" / "bin" / "python"
#: Seconds that one run may take.
PATIENCE = 600.0

Numbers = dict[str, float]


@frozen
class Started:
    """A client that runs.

    Attributes:
        child: its process, which is not replaced by another one.
        at: when it was started, seconds since 1970.
    """

    child: subprocess.Popen[bytes]
    at: float

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, those of threads that have ended included (clock_getcpuclockid(3))."""
        return time.clock_gettime(~self.child.pid << 3 | 2)

    @property
    def wakes(self) -> int:
        """How often its threads went to sleep by themselves so far."""
        threads = Path(f"/proc/{self.child.pid}/task").glob("*/status")
        return sum(_number(status, "voluntary_ctxt_switches") for status in threads)

    def memory(self, which: str) -> int:
        """Bytes of memory: `VmRSS` now, `VmHWM` at the most."""
        return 1024 * _number(Path(f"/proc/{self.child.pid}/status"), which)


def _number(status: Path, name: str) -> int:
    for line in status.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0  # of a process that has ended


def _trusted(ground: Ground) -> Path:
    """The machine's authorities and the rig's, as update-ca-certificates(8) lays them out."""
    folder = ground.folder / "certs"
    if not folder.exists():
        shutil.copytree(AUTHORITIES, folder, symlinks=True)
        shutil.copyfile(tls_keys() / "ca.pem", folder / "rig.pem")
        run("openssl", "rehash", folder)
        content = (folder / FILE).read_bytes() + (tls_keys() / "ca.pem").read_bytes()
        (folder / FILE).unlink()
        (folder / FILE).write_bytes(content)
    return folder


@contextmanager
def started(command: list[str | Path], ground: Ground, env: Mapping[str, str]) -> Iterator[Started]:
    """Run a command on the board; it is killed at the end, if it has not ended."""
    inside = in_namespace(command, {AUTHORITIES: _trusted(ground)})
    # Nothing of ours: proxies, authorities, Python's paths.
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **ground.board.environment, **env}
    with (ground.folder / "client.log").open("wb") as log:
        at = time.time()
        child = subprocess.Popen(
            [str(word) for word in inside], env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield Started(child, at)
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()


def to_the_end(command: list[str | Path], ground: Ground, env: Mapping[str, str]) -> Numbers:
    """Run a command to its end, and say what it took."""
    peak = 0
    with started(command, ground, env) as client:
        pid, deadline = client.child.pid, client.at + PATIENCE
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            peak = max(peak, client.memory("VmHWM"))  # getrusage's would count what the rig had before
            if time.time() > deadline:
                raise TimeoutError(f"{command[0]} did not end")
            time.sleep(0.01)
        _, status, usage = os.wait4(pid, 0)
        client.child.returncode = os.waitstatus_to_exitcode(status)
    if client.child.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{(ground.folder / 'client.log').read_text()[-3000:]}")
    wall = time.time() - client.at
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": peak, "at": client.at}


# ---------------------------------------------------------------- the clients


def _written(ground: Ground, location: Path, **keys: Any) -> Path:
    return configuration(
        ground.folder / "config.conf",
        server=ground.nginx.host,
        target=ground.target.id,
        token=ground.target.token,
        bundle=location,
        ssl=ground.tls,
        log_level="message",
        ssl_verify=True,
        **keys,
    )


def ours(ground: Ground, location: Path, *, once: bool) -> tuple[list[str | Path], dict[str, str]]:
    """hawkbit-rauc, from the wheel in an environment of its own, as a board has it."""
    state = ground.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    file = _written(ground, location, first_poll_within=0)
    command: list[str | Path] = [PYTHON, "-I", PYTHON.with_name("hawkbit-rauc"), "-c", file, "run"]
    return [*command, *(["--once"] if once else [])], {"STATE_DIRECTORY": str(state)}


def updater(ground: Ground, location: Path, *, once: bool) -> tuple[list[str | Path], dict[str, str]]:
    """rauc-hawkbit-updater."""
    command = [*rauc_hawkbit_updater(), "-c", _written(ground, location)]
    return [*command, *(["-r"] if once else [])], {}


Client = Callable[..., tuple[list[str | Path], dict[str, str]]]


# ---------------------------------------------------------------- what is measured of them


def download(client: Client, ground: Ground, location: Path) -> Numbers:
    """One deployment that asks for the download only, from the start to the process's end."""
    location.unlink(missing_ok=True)
    ground.assign()
    command, env = client(ground, location, once=True)
    ground.requests()
    numbers = to_the_end(command, ground, env)
    _check(location, ground)
    requests = ground.requests()
    told = _last_feedback(requests)
    return {
        **numbers,
        "first request": requests[0].begun - numbers["at"],
        "wall": told - numbers["at"],
        "wall without start": told - requests[0].begun,
        "requests": sum(request.begun <= told for request in requests),
    }


def _last_feedback(requests: list[Request]) -> float:
    """When the first feedback after the download that is the last of its kind was answered."""
    artifact = next(request for request in requests if request.line == "GET /bundle.raucb")
    return max(r.ended for r in requests if "feedback" in r.line and r.begun >= artifact.ended)


def curl(tool: str, ground: Ground, location: Path) -> Numbers:
    """Curl into a file, a hash of the file by another program, and what makes it durable."""
    location.unlink(missing_ok=True)
    digest = {"openssl": "openssl dgst -sha256", "sha256sum": "sha256sum"}[tool]
    authorization = f"Authorization: TargetToken {ground.target.token}"
    script = f'curl -sSf -H "$1" -o "$2" "$3" && {digest} "$2" && sync "$2"'
    numbers = to_the_end(["sh", "-c", script, "sh", authorization, location, ground.url], ground, {})
    _check(location, ground)
    return numbers


def engine(ground: Ground, location: Path) -> Numbers:
    """Our download engine without the rest of the daemon."""
    location.unlink(missing_ok=True)
    size, sha256 = len(ground.bundle.content), ground.bundle.digest("sha256")
    command: list[str | Path] = [PYTHON, "-I", Path(__file__).with_name("engine.py"), ground.url, location]
    command += [str(size), sha256, AUTHORITIES if ground.tls else ""]
    numbers = to_the_end(command, ground, {})
    _check(location, ground)
    wall, cpu = (ground.folder / "client.log").read_text().split()
    return {**numbers, "wall": float(wall), "cpu": float(cpu)}


def _check(location: Path, ground: Ground) -> None:
    if location.stat().st_size != len(ground.bundle.content):
        raise RuntimeError(f"{location} has {location.stat().st_size} bytes")


def polls(client: Client, ground: Ground, location: Path, count: int) -> Numbers:
    """CPU of one poll on a new connection, and memory; the server tells a short interval and keeps nothing alive."""
    command, env = client(ground, location, once=False)
    seen: list[Request] = []

    def polled(wanted: int) -> bool:
        seen.extend(ground.requests())
        return sum("controller/v1/bench-board" in request.line for request in seen) >= wanted

    ground.requests()
    with started(command, ground, env) as running:
        wait_until(lambda: polled(4), "the first polls", timeout=30)
        cpu, before = running.cpu, len(seen)
        wait_until(lambda: polled(4 + count), f"{count} polls", timeout=PATIENCE)
        each = (running.cpu - cpu) / (len(seen) - before)
        numbers = {"cpu per poll": each, "idle rss": running.memory("VmRSS")}
    return {**numbers, "bytes per poll": seen[-1].bytes}


def rest(client: Client, ground: Ground, location: Path, seconds: float) -> Numbers:
    """Wake-ups a minute between two polls that are minutes apart."""
    command, env = client(ground, location, once=False)
    ground.requests()
    with started(command, ground, env) as running:
        wait_until(lambda: len(ground.requests()) > 0, "the first poll", timeout=30)
        time.sleep(2)
        before = running.wakes
        time.sleep(seconds)
        return {"wakes a minute": (running.wakes - before) * 60 / seconds}


def stop_on_signals() -> None:
    """Have SIGTERM end this program as Ctrl-C does, so that all that was started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
