# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds and starts the hawkBit server of `tests/rig/servers/hawkbit`."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from rig.cache import CACHE, REPOSITORY, locked, once
from rig.process import Process, need, run
from rig.target import free_port

PROJECT = REPOSITORY / "tests" / "rig" / "servers" / "hawkbit"


def _build(folder: Path) -> None:
    need("java", "javac", "mvn")
    folder.mkdir()
    run("cp", "-r", PROJECT / "pom.xml", PROJECT / "src", folder)
    repository = f"-Dmaven.repo.local={CACHE / 'maven'}"
    with locked("maven"):  # its repository takes one writer at a time
        run("mvn", "-B", "-q", "-ntp", repository, "-DskipTests", "package", cwd=folder, timeout=1200)


def built() -> Path:
    """Return the folder of the built server; made from Maven Central the first time."""
    digest = hashlib.sha256()
    for file in sorted(PROJECT.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return once(f"hawkbit/{digest.hexdigest()[:12]}", _build)


class Server:
    """A running server; `close()` ends it."""

    def __init__(self, folder: Path, properties: dict[str, object]) -> None:
        """Start it; `properties` are Spring's."""
        project = built()
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        jars = [
            project / "target" / "hawkbit-server.jar",
            *sorted((project / "target" / "lib").glob("*.jar")),
        ]
        # An archive of the loaded classes saves a third of the start; the first server writes it when it ends.
        self._archive = project / "classes.jsa"
        self._new_archive: Path | None = None
        share = f"-XX:SharedArchiveFile={self._archive}"
        if not self._archive.exists():
            self._new_archive = project / f"classes.{os.getpid()}.jsa"
            share = f"-XX:ArchiveClassesAtExit={self._new_archive}"
        command: list[str | Path] = [
            "java",
            share,
            "-Xshare:auto",
            "-Xlog:disable",
            "-Xmx256m",
            "-XX:+UseSerialGC",
        ]
        command += ["-XX:TieredStopAtLevel=1", f"-Djava.io.tmpdir={folder}", "-cp", ":".join(map(str, jars))]
        command += ["hawkbitserver.HawkbitServer", f"--server.port={self.port}"]
        command += [f"--{name}={value}" for name, value in properties.items()]
        self._process = Process(command, folder / "hawkbit.log", cwd=folder)

    def wait(self, answers: Callable[[], bool]) -> None:
        """Wait until it answers; ended if it does not.

        Args:
            answers: sends one request. One at a time: the first creates the tenant, one beside it would fail.
        """
        try:
            self._process.ready(answers, "hawkBit", timeout=180, interval=0.1)
        except BaseException:
            self._process.kill()
            raise

    def close(self) -> None:
        """End it."""
        self._process.end(timeout=30 if self._new_archive else 5)
        if self._new_archive is not None and self._new_archive.exists():
            self._new_archive.rename(self._archive)
