# SPDX-License-Identifier: LGPL-2.1-or-later
"""The note beside a part of a bundle: what the part is, and what of it is certainly on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Self

import attrs

from hawkbit_rauc import durable

#: Bytes; a longer file is no note of ours.
_LONGEST = 8192


@attrs.frozen
class PartNote:
    """What is known of a part, as written in `.part.json`; older and newer programs read it too.

    Attributes:
        hash: the bundle's, as `algorithm:hex`.
        size: the bundle's announced bytes.
        etag: of the answer that the bytes came with, exactly as received.
        url: where they came from, for people.
        boot: id of the boot that wrote them.
        safe: how many of them were brought to the disk, and the hash of these.
    """

    hash: str
    size: int | None
    etag: str | None
    url: str
    boot: str | None
    safe: tuple[int, str] = (0, "")

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Read a note; None if there is none, or if it can't be one of ours."""
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as opened:  # noqa: PTH123  a descriptor, not a path
                known = json.loads(opened.read(_LONGEST))
            etag, boot, (safe, safe_hash) = known["etag"], known["boot"], known["safe"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return cls(
            hash=str(known.get("hash")),
            size=known.get("size"),
            etag=etag if isinstance(etag, str) else None,
            url=str(known.get("url", "")),
            boot=boot if isinstance(boot, str) else None,
            safe=(safe, safe_hash) if type(safe) is int and safe >= 0 else (0, ""),
        )

    def write(self, file: Path) -> None:
        """Replace the note; after a power cut it is the old one or this one.

        The folder is not synced, which would cost as much again: an older note vouches for less, and for nothing wrong.

        Raises:
            OSError: the old one is still there.
        """
        durable.replace(file, json.dumps(attrs.asdict(self)).encode())
