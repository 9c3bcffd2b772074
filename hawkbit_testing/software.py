# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is rolled out: distribution sets of software modules with artifacts; and when it may be installed."""

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from attrs import Factory, define, field, frozen

#: Artifacts by file name, or one file.
Files = Mapping[str, bytes | Path] | Path


@frozen
class File:
    """An artifact as it is stored."""

    name: str
    content: bytes
    created: float = Factory(time.time)
    _digests: dict[str, str] = field(factory=dict, init=False, repr=False)

    def digest(self, algorithm: str) -> str:
        """Its hash in hex; computed once."""
        if algorithm not in self._digests:
            self._digests[algorithm] = hashlib.new(algorithm, self.content).hexdigest()
        return self._digests[algorithm]


@define(frozen=True, eq=False)
class Module:
    """A software module with its artifacts by file name."""

    id: int
    type: str
    name: str
    version: str
    files: Mapping[str, File] = field(factory=dict, repr=False)
    encrypted: bool = False


@define(frozen=True, eq=False)
class DistributionSet:
    """What is assigned to targets."""

    id: int
    name: str
    version: str
    modules: tuple[Module, ...] = ()


@frozen
class Window:
    """A maintenance window, open once: outside of it controllers may download, not install.

    Attributes:
        start: when it opens, with its time zone.
        duration: how long it is open.
    """

    start: datetime
    duration: timedelta

    def at(self, now: datetime) -> str | None:
        """Return `available` or `unavailable`, as controllers are told, or None when it has passed."""
        if now < self.start:
            return "unavailable"
        return "available" if now < self.start + self.duration else None


def contents(files: Files) -> dict[str, bytes]:
    """Return artifacts as bytes by file name."""
    named = {files.name: files} if isinstance(files, Path) else files
    return {name: part.read_bytes() if isinstance(part, Path) else part for name, part in named.items()}
