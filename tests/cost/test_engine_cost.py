# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bundle costs no more instructions and system calls than it did when the engine was tuned.

The limits stand 15 % above what was measured. What counts is the difference between a large and a small
bundle, so that request and handshake cancel each other out; and no hash is computed, since callgrind knows
no SHA instructions. The numbers are those of CPython 3.11 on x86-64 with AES instructions.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cost.counting import instructions, system_calls, warm_up
from rig.cache import REPOSITORY
from rig.nginx import Nginx, tls_keys
from rig.process import run

MIB = 2**20
HEADROOM = 1.15


class Storage:
    """nginx with two bundles, and the command that fetches one of them by the engine alone."""

    def __init__(self, nginx: Nginx, folder: Path, authorities: Path | str) -> None:
        self.folder = folder
        self._nginx = nginx
        self._authorities = authorities

    def fetch(self, mib: int) -> list[str | Path]:
        """Offer a bundle of so many MiB, and return the command."""
        name, target = f"{mib}.raucb", self.folder / "bundle.raucb"
        if not (self._nginx.www / name).exists():
            block = random.Random(5).randbytes(MIB)
            with (self._nginx.www / name).open("wb") as file:
                for _ in range(mib):
                    file.write(block)
        target.unlink(missing_ok=True)
        engine = REPOSITORY / "benchmarks" / "engine.py"
        url = f"{self._nginx.url}/{name}"
        return [sys.executable, engine, url, target, str(mib * MIB), "", self._authorities]


@pytest.fixture
def storage(tmp_path: Path, tls: bool) -> Iterator[Storage]:
    with ExitStack() as stack:
        authorities: Path | str = ""
        if tls:
            authorities = tmp_path / "certs"
            authorities.mkdir()
            (authorities / "ca.pem").symlink_to(tls_keys() / "ca.pem")
            run("openssl", "rehash", authorities)
        nginx = stack.enter_context(Nginx(tmp_path / "nginx", "sendfile on;", tls=tls))
        storage = Storage(nginx, tmp_path, authorities)
        warm_up(*storage.fetch(1))
        yield storage


@pytest.mark.parametrize(("tls", "large", "measured"), [(False, 72, 0.120), (True, 24, 4.76)])
def test_instructions_of_a_mebibyte(storage: Storage, large: int, measured: float) -> None:
    """Receiving and writing take so many million instructions a MiB in the engine's thread, and not 15 % more."""
    (_, few), (_, many) = (instructions(storage.fetch(mib), storage.folder) for mib in (8, large))
    each = (many - few) / (large - 8) / 1e6
    print(f"{each:.3f} M instructions a MiB")
    assert each <= measured * HEADROOM


@pytest.mark.parametrize(("tls", "measured"), [(False, 12.0), (True, 134.5)])
def test_system_calls_of_a_mebibyte(storage: Storage, measured: float) -> None:
    """A block of 256 KiB takes one write, and as few reads as TLS's records allow."""

    def each() -> dict[str, float]:
        few, many = (system_calls(storage.fetch(mib), storage.folder) for mib in (8, 72))
        return {name: (many[name] - few[name]) / 64 for name in many if many[name] - few[name] > 32}

    tries = [each() for _ in range(3)]  # a server that does not keep up makes reads shorter, and more of them
    print(tries)
    assert all(counts["pwrite64"] == 4.0 for counts in tries)
    assert min(sum(counts.values()) for counts in tries) <= measured * HEADROOM
