# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the clients run: hawkBit's double behind nginx, which serves the bundle, and a board with a real RAUC.

All of it lies in memory and on the loopback interface of a network namespace of its own.
"""

import hashlib
import os
import ssl
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, field, frozen
from rig.bus import Bus
from rig.nginx import Nginx, tls_keys
from rig.process import run
from rig.rauc import Board

from hawkbit_testing import Hawkbit
from hawkbit_testing.target import Target

MIB = 2**20
ARTIFACTS = "/softwaremodules/"

_HTTP = "log_format timed '$msec $request_time $request_length $bytes_sent $request_method $uri';"
_SERVER = """\
        access_log {log} timed;
        sendfile on;
        keepalive_timeout {keepalive};
        location {artifacts} {{ try_files /bundle.raucb =404; }}
        location / {{
            proxy_pass {double};
            proxy_set_header Host $http_host;
        }}
"""


@define
class Bundle:
    """A file of which only size and hashes are held: what the double says of it, while nginx serves it."""

    path: Path
    name: str = "bundle.raucb"
    created: float = 0.0
    _digests: dict[str, str] = field(factory=dict, init=False)

    @property
    def content(self) -> range:
        """Something as long as the file."""
        return range(self.path.stat().st_size)

    def digest(self, algorithm: str) -> str:
        """Its hash in hex."""
        if algorithm not in self._digests:
            with self.path.open("rb") as file:
                self._digests[algorithm] = hashlib.file_digest(file, algorithm).hexdigest()
        return self._digests[algorithm]


@frozen
class Request:
    """One request as nginx saw it: seconds since 1970 and bytes, without TLS."""

    begun: float
    ended: float
    bytes: int
    line: str


class Ground:
    """A server with one target, and the board that speaks for it.

    Args:
        folder: what is kept; in memory.
        size: bytes of the bundle.
        tls: whether all is served over TLS.
        keep_alive: whether the server keeps connections open.
        sleep: the poll interval that the server tells.
    """

    def __init__(
        self, folder: Path, size: int, *, tls: bool = False, keep_alive: bool = True, sleep: str = "00:05:00"
    ) -> None:
        self.folder = folder
        self.tls = tls
        self._log = folder / "timed.log"
        self._keep_alive = keep_alive
        self._sleep = sleep
        self._size = size
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        context = None
        if self.tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls_keys() / "server.pem", tls_keys() / "server.key.pem")
        self.hawkbit = self._stack.enter_context(Hawkbit(sleep=self._sleep, ssl_context=context))
        self.target: Target = self.hawkbit.target("bench-board")
        server = _SERVER.format(
            log=self._log,
            keepalive=65 if self._keep_alive else 0,
            artifacts=f"~ {ARTIFACTS}",
            double=self.hawkbit.url,
        )
        self.nginx = Nginx(self.folder / "nginx", server, http=_HTTP, tls=self.tls)
        self.bundle = Bundle(self.nginx.www / "bundle.raucb")
        block = os.urandom(MIB)
        with self.bundle.path.open("wb") as file:
            for _ in range(self._size // MIB):
                file.write(block)
        for algorithm in ("sha256", "sha1", "md5"):
            self.bundle.digest(algorithm)
        self._stack.enter_context(self.nginx)
        bus = self._stack.enter_context(Bus(self.folder / "bus"))
        self.board = self._stack.enter_context(Board(self.folder / "board", bus))

    @property
    def url(self) -> str:
        """Where the bundle is, for whoever needs no deployment."""
        return f"{self.nginx.url}{ARTIFACTS}0/artifacts/{self.bundle.name}"

    def assign(self) -> None:
        """Offer the bundle, to be downloaded only."""
        module = self.hawkbit.module({self.bundle.name: b""})
        module.files[self.bundle.name] = self.bundle  # type: ignore[index]
        self.target.assign(self.hawkbit.distribution_set(module), download_only=True)

    def requests(self) -> list[Request]:
        """What was asked since the last call."""
        found = []
        for line in self._log.read_text().splitlines():
            ended, took, came, went, *words = line.split()
            bytes_ = int(came) + int(went)
            found.append(Request(float(ended) - float(took), float(ended), bytes_, " ".join(words)))
        self._log.write_text("")
        return sorted(found, key=lambda request: request.begun)


def pace(rate: str) -> None:
    """Hold the loopback interface of our network namespace to a rate in tc's words; "" for no limit."""
    run("tc", "qdisc", "del", "dev", "lo", "root") if not rate else run(
        "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms"
    )
